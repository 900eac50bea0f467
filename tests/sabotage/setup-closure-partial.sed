# Broken: Tables that reference a rebuilt one through another are rebuilt with it.
# Shows: setup/cascade
s/^                child->listed = more = true;$/                child->listed = true;/; s/^            for \(k = 0; parent->listed && k < p->item_count; k\+\+\) \{$/            for (k = 0; parent == root \&\& k < p->item_count; k++) {/
