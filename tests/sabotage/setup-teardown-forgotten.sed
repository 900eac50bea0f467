# Broken: The teardown of a command that changes or goes is not run.
# Shows: setup/acceptance
s/^    return old->teardown_sql;$/    return NULL;/
