# Broken: Tables whose setup is the user's are altered.
# Shows: setup/acceptance
s/^    if \(!\(item->to->flags & D1T_BY_USER\)\) return;$/    if (item) return;/
