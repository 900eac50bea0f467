# Broken: by default nothing of a refused batch is written.
# Shows: unit/probe
/ d1t__poison\(/,/^\}/ s/if \(!db->isolate\)/if (0)/
