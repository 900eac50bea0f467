# Broken: close gives all memory back.
# Shows: unit/client
s/d1t__release\(db->allocator, db->shapes, .*\);//
