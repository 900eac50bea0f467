# Broken: a unique value may move from a row that goes to one that comes.
# Shows: sync/crash
/^D1T.*[ *]d1t__lane_parks\(/,/^\}/ s/return true;/return false;/
