# Broken: an SQLite message decides before code and status.
# Shows: unit/op
s/if \(r->message\[0\] && !d1t__contains\(message, r->message\)\)/if (r->message[0])/
