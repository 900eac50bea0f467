# Broken: in driven form a full batch is told, not sent.
# Shows: seams/driven
s/result == D1T_FULL && !db->driven/result == D1T_FULL/
