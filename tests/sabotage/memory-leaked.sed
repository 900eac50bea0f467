# Broken: close gives all memory back.
# Shows: seams/driven
s/d1t__release\(db->allocator, db->shapes, .*\);//
