# Broken: nesting is limited.
# Shows: unit/json_reader
s/if \(r->depth == r->max_depth\)/if (r->depth > r->max_depth)/
