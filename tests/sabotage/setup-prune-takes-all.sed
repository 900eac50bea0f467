# Broken: Pruning drops tables that this program never set up.
# Shows: unit/setup
s/p->items\[i\]\.drop = d1t__is_ours\(d1t__record_of\(p, \&p->items\[i\]\)\);/p->items[i].drop = true;/
