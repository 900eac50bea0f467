# Broken: After a rebuild a full-text index is not kept up to date.
# Shows: unit/setup
s/^        if \(!d->marks\[i\] \|\| d1t__is_remade_trigger\(p, o\) \|\| /        if (!d->marks[i] || o->kind == D1T_OBJECT_TRIGGER || /
