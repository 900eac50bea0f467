# Broken: After a batch of unknown outcome the schema is not looked at.
# Shows: unit/setup
s/if \(task->phase != D1T__PHASE_APPLY \|\| task->rounds >= 3\) return false;/if (1) return false;/
