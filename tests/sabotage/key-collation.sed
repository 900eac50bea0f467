# Broken: keys are BINARY.
# Shows: unit/table
s/if \(c->collation && !d1t__same_name\(c->collation, "BINARY"\)\)$/if (0)/
