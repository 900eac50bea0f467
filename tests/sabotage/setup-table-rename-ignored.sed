# Broken: The name that a table had is not looked for.
# Shows: setup/crash
s/^    if \(!o \&\& t->was \&\& /    if (0 \&\& /
