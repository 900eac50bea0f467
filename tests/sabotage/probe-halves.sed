# Broken: a pair that clashes only together is found.
# Shows: unit/probe
/^D1T.*[ *]d1t__flush_send\(/,/^\}/ s/s->to = to;/& s->from = probe ? db->task.low : 0;/
