# Broken: a probe leaves nothing.
# Shows: unit/probe
s/json_extract\('\{\}','d1t probe'\)/1/
s/bool passed = db->op\.code == D1T_ERR_PRECONDITION/bool passed = db->op.code == D1T_OK || db->op.code == D1T_ERR_PRECONDITION/
