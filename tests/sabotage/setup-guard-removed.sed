# Broken: A plan is applied to whatever schema there is by then.
# Shows: setup/race
s/'d1t conflict'\) WHERE coalesce/'d1t conflict') WHERE 0 AND coalesce/
