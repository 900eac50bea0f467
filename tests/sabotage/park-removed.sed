# Broken: a unique value can move between rows.
# Shows: behaviour/behaviour
/bool d1t__may_park\(/,/^\}/ s/return true;/return false;/
