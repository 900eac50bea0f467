# Broken: redirects are not followed.
# Shows: unit/curl
s/CURLOPT_FOLLOWLOCATION, 0L/CURLOPT_FOLLOWLOCATION, 1L/
