# Broken: 1,000 tables are compared in 100 ms.
# Shows: setup/large
s/^    size_t i = d1t__name_hash\(name\) \& d->mask;$/    size_t i = 0;/
s/^    bool was = \(\*word \& bit\) != 0;$/    bool was = true;/
