# Broken: a row over the limit is refused before it is sent.
# Shows: behaviour/behaviour
s/if \(stored <= b->limits->row\) return D1T_OK;/if (stored) return D1T_OK;/
