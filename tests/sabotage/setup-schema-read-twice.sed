# Broken: What nothing has to be counted for is planned with the one request that reads the schema.
# Shows: setup/large
s/^    else if \(job->planner->counts\) db->task.phase = D1T__PHASE_COUNT;$/    else if (db->stats.requests % 4 != 0) db->task.phase = D1T__PHASE_MAIN;\n&/
