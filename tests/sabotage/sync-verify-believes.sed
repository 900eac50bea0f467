# Broken: a verification trusts no record.
# Shows: unit/sync
/^D1T.*[ *]d1t__sync_begin_row\(/,/^\}/ s/ \|\| s->desc\.mode == D1T_SYNC_VERIFY//
