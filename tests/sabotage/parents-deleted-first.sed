# Broken: children are deleted before their parents.
# Shows: behaviour/behaviour
s/if \(kind == D1T_WRITE_DELETE\) rank = 255 - rank;//
