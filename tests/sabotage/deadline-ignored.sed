# Broken: a request past its deadline is dropped.
# Shows: unit/client
s/return now_ms < \*wake_ms \? D1T_WAIT : D1T_CANCEL;/return D1T_WAIT;/
