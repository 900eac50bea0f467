# Broken: an SQLite message decides before code and status.
# Shows: unit/op
s/if \(d1t__contains\(message, d1t__message_rules\[i\]\.part\)\) return/if (0) return/
