# Broken: text is valid UTF-8.
# Shows: behaviour:test_invalid_utf8_is_refused
s/if \(!step\) return .*not valid UTF-8.*/if (!step) step = 1;/
