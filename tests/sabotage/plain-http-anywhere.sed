# Broken: http is only for this machine.
# Shows: unit/client
s/if \(host == 7 && !d1t__is_loopback/if (0 \&\& !d1t__is_loopback/
