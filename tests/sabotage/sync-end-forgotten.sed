# Broken: the fingerprint of a bucket says where it ends.
# Shows: sync/crash
/^D1T.*[ *]d1t__bucket_digest\(/,/^\}/ s/d1t_hash_add\(&h, high\.p, high\.n\);/(void)high;/
