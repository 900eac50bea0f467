# Broken: a store that is out of date is not believed.
# Shows: sync/crash
/^D1T.*[ *]d1t__store_open\(/,/^\}/ s/ && D1T_MEMCMP\(value\.p, l->owner, 32\) == 0//
