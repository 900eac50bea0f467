# Broken: Tables that reference a rebuilt one are not rebuilt with it.
# Shows: setup/crash setup/cascade
s/if \(child->listed \|\| /if (1 || child->listed || /
