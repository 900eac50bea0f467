# Broken: control characters in the token are refused.
# Shows: faults/bad_input
s/token\.p\[i\] < 0x21 \|\| token\.p\[i\] > 0x7E/0/
