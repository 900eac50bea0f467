# rooms.awk -v keep=NAME d1target.h: the header with everything below a room cut away, declarations and implementation.
# A banner is a comment of three lines; its second line says "ROOM name". A half ends at its #ifdef __cplusplus.
/^\/\* =+$/ { banner = $0; next }
banner != "" && !/^ *ROOM / { if (!cut) print banner; banner = "" }
/^ *ROOM / { if (passed) cut = 1; passed = passed || ($2 == keep || $2 == keep ":") }
/^#ifdef __cplusplus/ { cut = 0; passed = 0 }
banner != "" { if (!cut) print banner; banner = "" }
!cut { print }
