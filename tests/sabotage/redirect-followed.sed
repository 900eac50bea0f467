# Broken: redirects are not followed.
# Shows: faults/secrets
s/CURLOPT_FOLLOWLOCATION, 0L/CURLOPT_FOLLOWLOCATION, 1L/
