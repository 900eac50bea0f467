# Broken: two runs of the same scope do not mix.
# Shows: sync/producers
s/WHERE s\.`owner` IS NOT e\.value->>2/WHERE 0 AND s.`owner` IS NOT e.value->>2/
