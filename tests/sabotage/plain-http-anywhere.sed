# Broken: http is only for this machine.
# Shows: faults/bad_input
s/if \(host == 7 && !d1t__is_loopback/if (0 \&\& !d1t__is_loopback/
