# Broken: Parents that are named and parents that are implied are two things.
# Shows: unit/setup
s/^    if \(a->parent_columns \&\& b->parent_columns\)$/    if (!a->parent_columns != !b->parent_columns) return false; else if (a->parent_columns)/
