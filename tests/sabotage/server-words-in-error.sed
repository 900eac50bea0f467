# Broken: the words of the server are not in error texts.
# Shows: unit/client
/^D1T.*void d1t__op_error\(.*\{/,/^\}/ s/^\}/    d1t__say(\&db->error, " ", db->op.reply.text, NULL);\n}/
