# Broken: The collation of a column that others declared is read as another one.
# Shows: setup/others
s/^    else if \(d1t__sql_is\(r, "NOCASE"\)\) c->collation = "NOCASE";$/    else if (d1t__sql_is(r, "NOCASE")) c->collation = "RTRIM";/
