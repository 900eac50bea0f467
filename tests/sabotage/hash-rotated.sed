# Broken: the fingerprint is SipHash-2-4-128.
# Shows: unit/hash
s/d1t__rotate\(b, 17u\)/d1t__rotate(b, 18u)/
