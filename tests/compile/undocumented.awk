# A public function is documented if a comment stands on its line, right above it, or above its block of declarations
# (no blank line between), or if a comment of the same section names it. Prints the others.
/^\/\* ---- >>/ { report() }
/^$/ { covered = 0 }
/^D1TDEF / {
    name = $0
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    if (!covered && !/\/\*/) open[++count] = name
}
/\/\*/ || inside { text = text " " $0 }
/\/\*/ { inside = 1 }
/\*\// { inside = 0; if (!/^[^\/]*;/) covered = 1 }
function report(   i) {
    for (i = 1; i <= count; i++) if (text !~ (open[i] "[^a-z_]")) print open[i]
    count = 0
    text = ""
}
END { report() }
