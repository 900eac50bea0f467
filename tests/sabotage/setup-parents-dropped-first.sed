# Broken: Tables are dropped parents first.
# Shows: unit/setup
s/d1t__by_rank\(p, count - 1 - number, D1T__ALL_THAT_GO\)/d1t__by_rank(p, number, D1T__ALL_THAT_GO)/
