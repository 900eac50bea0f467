# Broken: A rebuild leaves the rows behind.
# Shows: setup/crash setup/property
s/^    if \(item->empty \|\| !name\) return;$/    if (item) return;/
