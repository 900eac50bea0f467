# Broken: Tables are dropped parents first.
# Shows: unit/setup
s/p->going\[p->going_count - 1 - number\]/p->going[number]/
