# Broken: a probe leaves nothing.
# Shows: faults/poison
s/json_extract\('\{\}','d1t probe'\)/1/
