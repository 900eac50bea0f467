# Broken: with isolate all other rows are written.
# Shows: unit/probe
/ d1t__poison\(/,/^\}/ s/if \(!db->isolate\)/if (1)/
