# Broken: verify changes nothing.
# Shows: behaviour/behaviour
s/db->setup == D1T_SETUP_VERIFY/0/
