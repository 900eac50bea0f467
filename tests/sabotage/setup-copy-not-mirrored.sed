# Broken: A split rebuild repeats in the copy what others change in the table.
# Shows: setup/split
s/^    d1t__copy_trigger\(p, item, D1T__ON_UPDATE.*$//
