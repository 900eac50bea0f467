# Broken: by default nothing of a refused batch is written.
# Shows: unit/probe
/^D1T.*[ *]d1t__poison\(/,/^\}/ s/if \(!db->isolate\)/if (0)/
