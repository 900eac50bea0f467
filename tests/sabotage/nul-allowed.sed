# Broken: NUL in text is refused.
# Shows: behaviour:test_nul_in_text_is_refused
/^D1T.*[ *]d1t__encode_text\(/,/^\}/ s/if \(!s\.p\[i\] && [^)]*\)/if (0)/
