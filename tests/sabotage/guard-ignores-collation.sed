# Broken: a change of case in a NOCASE column is written.
# Shows: behaviour/behaviour
s/if \(collated\) d1t_write_text/if (0) d1t_write_text/
