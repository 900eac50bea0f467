# Broken: Tables made by others are written down though nobody asked for it.
# Shows: setup/others
s/ : !record \&\& !p->plan->desc\.adopt\) return;$/ : false) return;/
