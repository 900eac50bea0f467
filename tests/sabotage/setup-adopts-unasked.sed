# Broken: Tables made by others are written down though nobody asked for it.
# Shows: setup/others
s/^    if \(!record && !p->plan->desc.adopt\) return;$//
