# Broken: Values that do not survive a change of type are not counted.
# Shows: unit/setup
s/^    step->rows = c->rows;$/    step->rows = 0; step->effect = D1T_EFFECT_NONE; if (step) return;/
