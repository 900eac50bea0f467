# Broken: a number that may be rounded is an error.
# Shows: behaviour/behaviour
s/d1t__rows_fault\(job, D1T_ERR_INEXACT,/d1t_parse_int(text, \&v->u.i) ? D1T_OK : &/
