# Broken: Tables that are there as declared are not adopted.
# Shows: unit/setup
s/^    if \(!record \&\& !p->plan->desc\.adopt\) return;$/    if (!record) return;/
