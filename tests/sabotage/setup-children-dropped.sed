# Broken: A table that is made anew is dropped after its children were.
# Shows: setup/cascade
s/p->order\[p->order_count - 1 - number\] : NULL/p->order[number] : NULL/
