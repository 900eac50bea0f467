# Broken: what is kept of a reply is capped.
# Shows: unit/query
s/(d1t_buffer_init\(&job->(text|cells|out), db->allocator, )db->max_kept\)/\1SIZE_MAX \/ 2)/
