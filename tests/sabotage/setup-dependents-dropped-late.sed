# Broken: Views and triggers are still there when their table is dropped and renamed.
# Shows: unit/setup
s/^    if \(dependents\.any\) d1t__drop_dependents\(p, \&dependents\);$/    (void)0;/
