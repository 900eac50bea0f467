# Broken: no freed block holds the token.
# Shows: unit/client
s/if \(db->base\) d1t_wipe\(db->token, db->token_size\);//
