# Broken: The name that a column had is not looked for.
# Shows: setup/crash
s/if \(!c->was \|\| /if (1 || !c->was || /
