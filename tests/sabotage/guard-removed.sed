# Broken: an unchanged row writes nothing.
# Shows: behaviour/behaviour
/ d1t__write_upsert\(/,/^\}/ s/d1t__write_on_write\(w, t, ",", true\);/& return;/
