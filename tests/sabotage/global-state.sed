# Broken: no mutable globals.
# Shows: hygiene:.data_and_.bss_are_empty
/^D1TDEF d1t_result d1t_group_end\(/ i static int d1t__count;
/^D1TDEF d1t_result d1t_group_end\(/,/^\}/ s/return D1T_OK;/d1t__count++; &/
