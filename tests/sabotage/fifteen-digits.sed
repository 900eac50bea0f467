# Broken: doubles are bit-exact.
# Shows: unit/numbers
s/d = d1t__drop_digits\(all, s\.more, extra\);/& *exp10 = (int32_t)extra + log10 - 17; return d;/
