# Broken: a probe leaves nothing.
# Shows: unit/probe
s/json_extract\('\{\}','d1t probe'\)/1/
