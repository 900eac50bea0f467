# Broken: A command that changes is undone as its new declaration says.
# Shows: unit/setup
s/^    return old->teardown_sql;$/    return item->drop || !d1t__command_of(item->to, old->name) ? old->teardown_sql : d1t__command_of(item->to, old->name)->teardown_sql;/
