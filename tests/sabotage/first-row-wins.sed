# Broken: of two rows with one key the last one wins.
# Shows: behaviour/behaviour
/ d1t__meets\(/,/^\}/ s/D1T__ADD_REPLACE/D1T__ADD_DROP/
