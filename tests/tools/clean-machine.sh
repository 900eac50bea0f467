#!/usr/bin/env bash
# clean-machine.sh  Makes a Debian 12 with only git, make, gcc and libc6-dev, clones the committed tree into it, and runs
# make demo and make test there. It reaches package registries the way this machine does. Needs root.
# What was logged inside is kept in build/show/clean-log if a target fails.
set -eu
cd "$(dirname "$0")/../.."
tests/tools/need.sh debootstrap=debootstrap npm=npm
machine=$PWD/build/clean-machine logs=$PWD/build/show
mkdir -p "$logs"
rm -rf --one-file-system "$machine" "$logs/clean-log"
trap 'rm -rf --one-file-system "$machine"' EXIT
debootstrap --variant=minbase --include=git,make,gcc,libc6-dev bookworm "$machine" >"$logs/debootstrap.log" 2>&1 ||
    { tail -5 "$logs/debootstrap.log"; exit 1; }
# what this machine needs to reach the registries; Debian's npm takes its global configuration from /etc/npmrc
for file in /etc/apt /etc/ssl/certs/ca-certificates.crt /usr/local/share/ca-certificates /etc/resolv.conf /etc/hosts \
    ~/.npmrc; do
    [ ! -e "$file" ] || tar -C / -chf - "${file#/}" | tar -C "$machine" -xf -
done
npmrc=$(npm config get globalconfig)
[ ! -e "$npmrc" ] || cp "$npmrc" "$machine/etc/npmrc"
git clone -q . "$machine/root/project"
[ -z "$(git status --porcelain)" ] || echo 'note: what is not committed is not in the clone'

inside() { # COMMAND, on the machine, with /proc and /dev/shm of its own
    unshare --mount sh -c "mount -t proc proc '$machine/proc' && mount -t tmpfs tmpfs '$machine/dev/shm' && exec env \
        -u CC -u CFLAGS -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CLOUDFLARE_API_TOKEN \
        HOME=/root LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot '$machine' sh -c 'cd /root/project && $1'"
}
keep_logs() { # TARGET
    [ -d "$machine/root/project/build/log" ] || return 0
    mkdir -p "$logs/clean-log"
    cp -r "$machine/root/project/build/log" "$logs/clean-log/$1"
    echo "its logs are kept: build/show/clean-log/$1"
}
timed() { # TARGET: its output into a log, its time as a figure
    local start=$SECONDS status=0
    inside "make $1" >"$logs/clean-$1.log" 2>&1 </dev/null || status=$?
    echo "figure: make_$1 exit $status, $((SECONDS - start)) s"
    [ $status -ne 0 ] || return 0
    tail -n 30 "$logs/clean-$1.log"
    keep_logs "$1"
    return 1
}

failed=0
timed demo || failed=1
timed test || failed=1
runs=$(grep -E '^run=[0-9]+ files=[0-9]+ symbols=[0-9]+ rows_sent=[0-9]+ rows_written=[0-9]+ requests=[0-9]+ retries=[0-9]+ bytes=[0-9]+ seconds=[0-9.]+$' \
    "$logs/clean-demo.log" || true)
sed 's/^/figure: /' <<<"$runs"
[ "$(wc -l <<<"$runs")" -eq 3 ] || { echo 'not three runs'; failed=1; }
grep -q '^run=2 .* rows_written=0 ' <<<"$runs" || { echo 'run 2 wrote rows'; failed=1; }
for table in files symbols; do
    counted=$(sed -n "s/^the sqlite3 shell counts the same $table: //p" "$logs/clean-demo.log")
    grep -q "^run=3 .*$table=$counted " <<<"$runs" || { echo "sqlite3 counts other $table: $counted"; failed=1; }
done
last=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$logs/clean-test.log" | tail -n 1 || true)
echo "figure: test: $last"
[[ $last =~ ^[0-9]+\ passed,\ 0\ failed$ ]] || failed=1
exit $failed
