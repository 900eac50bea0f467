# Broken: only d1t_ symbols are exported, nothing private.
# Shows: hygiene:every_function_that_is_declared_is_defined,_and_no_other
s/^D1T__PRIVATE size_t d1t__strlen\(/size_t d1t__strlen(const char *s);\nsize_t d1t__strlen(/
