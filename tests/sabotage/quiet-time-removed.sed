# Broken: after an unknown outcome nothing else is sent until the request cannot land any more.
# Shows: faults/faults
s/if \(!op->unknown && op->exchange->quiet_until > at\)/if (0)/
