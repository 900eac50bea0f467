# Broken: NUL in text is refused.
# Shows: behaviour/behaviour
s/if \(!s\.p\[i\] && !nul_allowed\)/if (0)/
