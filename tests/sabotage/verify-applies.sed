# Broken: verify changes nothing.
# Shows: behaviour:test_verify_changes_nothing
s/db->setup == D1T_SETUP_VERIFY/0/
