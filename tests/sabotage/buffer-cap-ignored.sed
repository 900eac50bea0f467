# Broken: a buffer has a hard cap.
# Shows: unit/memory
/^D1T.*[ *]d1t_buffer_reserve\(/,/^\}/ { s/if \(more > b->max .*$//; s/if \(cap > b->max\) cap = b->max;// }
