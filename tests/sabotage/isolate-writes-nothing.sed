# Broken: with isolate all other rows are written.
# Shows: unit/probe
/^D1T.*[ *]d1t__poison\(/,/^\}/ s/if \(!db->isolate\)/if (1)/
