# Broken: JSON is read strictly.
# Shows: unit/json_reader
s/if \(digit && state != D1T__JSON_NUM_ZERO\)/if (digit)/
