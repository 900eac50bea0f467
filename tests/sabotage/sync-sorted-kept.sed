# Broken: in key order memory stays flat.
# Shows: sync/large:memory
/^D1T.*[ *]d1t__sync_offer\(/,/^\}/ s/if \(!s->desc\.sorted\)/if (true)/
