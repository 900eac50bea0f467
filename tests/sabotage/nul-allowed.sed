# Broken: NUL in text is refused.
# Shows: behaviour:test_nul_in_text_is_refused
s/if \(!s\.p\[i\] && !nul_allowed\)/if (0)/
