# Broken: a bucket whose rows had not all come is sent again.
# Shows: sync/crash
/^D1T.*[ *]d1t__old_row\(/,/^\}/ s/&& v\[3\]\.u\.i == 0//
