# Broken: parents are written before their children.
# Shows: behaviour/behaviour
s/if \(kind == D1T_WRITE_DELETE\) rank = 255 - rank;/rank = 255 - rank;/
