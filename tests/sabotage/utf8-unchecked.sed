# Broken: text is valid UTF-8.
# Shows: behaviour:test_invalid_utf8_is_refused
/^D1T.*[ *]d1t__encode_text\(/,/^\}/ s/if \(step == 0\)/if (step == 0) step = 1; if (0)/
