# Broken: in driven form a full batch is told, not sent.
# Shows: seams/driven
s/if \(!db->driven\) return d1t_flush/return d1t_flush/
