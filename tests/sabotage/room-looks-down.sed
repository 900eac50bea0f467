# Broken: a room uses only the rooms above it.
# Shows: hygiene:base_compiles_with_everything_below_it_cut_away
/^D1TDEF d1t_str d1t_cstr\(const char \*s\) \{/ s/$/ (void)d1t_classify;/
