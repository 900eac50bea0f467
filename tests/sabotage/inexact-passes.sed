# Broken: a number that may be rounded is an error.
# Shows: behaviour:test_an_integer_that_json_may_round_is_inexact_by_query
s/d1t__rows_fault\(job, D1T_ERR_INEXACT,/d1t_parse_int(text, \&v->u.i) ? D1T_OK : &/
