# Broken: children are deleted before their parents.
# Shows: behaviour:test_other_actions_on_delete
s/if \(kind == D1T_WRITE_DELETE\) rank = 255 - rank;//
