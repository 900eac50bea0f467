# Prints the functions of more than 70 lines, from the first line of the signature to the closing brace.
FNR == 1 { start = 0 }
/^[A-Za-z]/ && !/^extern "C"/ { start = FNR; name = $0 }
/^}$/ && start { if (FNR - start >= 70) print FILENAME ":" start ": " FNR - start + 1 " lines: " name; start = 0 }
/^}./ { start = 0 }
