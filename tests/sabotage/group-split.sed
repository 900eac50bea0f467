# Broken: a group travels in one request.
# Shows: unit/batch
s/size_t limit = b->mark < b->n \? b->mark : b->n;/size_t limit = b->n;/
