# Broken: text is valid UTF-8.
# Shows: behaviour/behaviour
s/if \(!step\) return .*not valid UTF-8.*/if (!step) step = 1;/
