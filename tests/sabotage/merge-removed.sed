# Broken: a partial row completes a pending one.
# Shows: behaviour/behaviour
/ d1t__meets\(/,/^\}/ s/D1T__ADD_MERGE/D1T__ADD_REPLACE/
