# Broken: A split rebuild goes on with a copy that was begun for another purpose.
# Shows: setup/split:a_copy_for_another_declaration_is_begun_again
s/^    first = !copy \|\| !d1t__same\(copy->id, id\);$/    first = !copy;/
