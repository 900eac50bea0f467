# Broken: The schema is read in one request, and what was recorded in the same.
# Shows: setup/large
s/^    else if \(job->planner->counts\) db->task.phase = D1T__PHASE_COUNT;$/    else db->task.phase = D1T__PHASE_COUNT;/
