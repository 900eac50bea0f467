# Broken: Tables that are there as declared are not adopted.
# Shows: unit/setup
s/ : !record \&\& !p->plan->desc\.adopt\) return;$/ : !record) return;/
