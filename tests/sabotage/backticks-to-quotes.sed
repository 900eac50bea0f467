# Broken: an unknown name is an error, not a string.
# Shows: behaviour/behaviour
/ d1t_write_name\(/,/^\}/ s/'`'/'"'/
