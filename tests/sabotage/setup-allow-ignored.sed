# Broken: A plan is applied though it does worse than is allowed.
# Shows: unit/setup behaviour:test_a_plan_is_read_first_and_applied_later
s/if \(plan->effect > allow\) return/if (0) return/
