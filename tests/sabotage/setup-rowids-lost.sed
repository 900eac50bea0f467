# Broken: A rebuild gives the rows other rowids.
# Shows: setup/split:every_row_is_kept_though_another_program_goes_on_writing
s/^    const char \*in = d1t__rowid_alias\(t\), \*out = d1t__rowid_alias\(item->from\);$/    const char *in = NULL, *out = NULL;/
