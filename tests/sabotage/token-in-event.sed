# Broken: the token is in no event.
# Shows: faults/secrets
/^D1T.*[ *]d1t__announce\(/,/^\}/ s/d1t__emit\(db, &event\);/event.table = db->token; &/
