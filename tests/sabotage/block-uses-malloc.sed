# Broken: with config.memory nothing else is allocated.
# Shows: seams/device
s/db->allocator = d1t_block_allocator\(&db->block\);//
