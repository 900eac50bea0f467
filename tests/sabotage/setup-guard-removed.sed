# Broken: A plan is applied to whatever schema there is by then.
# Shows: setup/race
s/SELECT json_extract\('\{\}','d1t conflict'\) WHERE coalesce/SELECT 1 WHERE coalesce/
