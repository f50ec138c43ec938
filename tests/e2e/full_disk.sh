#!/bin/sh
# The disk under the leader's directory is full: it says so and takes no part,
# the others go on; with space and a new start it is back.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

[ "$(id -u)" = 0 ] || skip "full_disk.sh needs root, to mount a small tmpfs"
begin 3
DISK=$(data_dir 3)
mkdir -p "$DISK"
at_end() {
    umount -l "$DISK" 2>/dev/null
}
# Room for the log's first files and not for many more.
mount -t tmpfs -o size=136m,mode=755 tmpfs "$DISK" 2>/dev/null ||
    skip "full_disk.sh: no tmpfs can be mounted here"

# The first to campaign is the one that will have no space.
start 1
start 2
start 3 --election-ticks 15
[ "$(leader)" = 3 ] || note "server 3 does not lead at first"
cli 1 set before full >/dev/null
wait_for_same_state

note "filling the disk of server 3: $(df -h "$DISK" | tail -1)"
dd if=/dev/zero of="$DISK/filler" bs=1M >/dev/null 2>&1
need_tools redis-benchmark || skip "no redis-benchmark"

# Of its log, that is: a snapshot finds no room before.
log_is_full() {
    grep -v /snapshots: "$DIR/3.err" | grep -qi 'space\|full'
}

is_noticed() {
    ! is_running 3 || [ "$(field 3 raft_disk_full)" = 1 ] || log_is_full
}

# Until what is preallocated is used up as well.
tries=0
until is_noticed; do
    tries=$((tries + 1))
    [ $tries -le 60 ] || fail "server 3 never noticed"
    redis-benchmark -p "$(client_port 1)" -t set -n 2000 -r 100 -d 4096 -c 16 \
        -q >/dev/null 2>&1 || fail "the others do not go on"
done
note "server 3 noticed: $(tail -n 1 "$DIR/3.err")"

cli 1 set during full >/dev/null
wait_for 10 "a leader among the others" has_leader
for n in 1 2; do
    [ "$(cli $n get during)" = full ] || fail "server $n does not go on"
done
log_is_full || fail "server 3 did not say why"
# It leads nobody.
[ "$(leader)" != 3 ] || fail "the server with the full disk leads"

rm -f "$DISK/filler"
mount -o remount,size=1g "$DISK" || fail "remount"
if is_running 3; then
    stop_server 3
fi
start 3
wait_for 30 "server 3 to answer" cli 3 ping >/dev/null
cli 1 set after full >/dev/null
wait_for_same_state
[ "$(cli 3 get during)" = full ] || fail "server 3 lacks what it missed"
