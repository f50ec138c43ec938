#!/bin/sh
# Servers that take a snapshot every few hundred writes, with small files of the
# log: they are killed again and again, a follower stays away for long and comes
# back by a snapshot, an empty one is sent the state. Nothing is lost, all have
# the same state, and the disk has about two states and a tail.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

KILLS=${KILLS:-6}
DISK_MAX_KIB=${DISK_MAX_KIB:-8192}
KV_OPTIONS="--snapshot-kib 256 --keep-kib 64 --segment-kib 256 --timeout-ms 20000"

begin 3
start_all
LEADER=$(leader) || exit 1

# write SERVER FIRST LAST: values of 1 KiB under 500 keys.
VALUE=$(head -c 1000 /dev/zero | tr '\0' x)
write() {
    seq "$2" "$3" | awk -v value="$VALUE" \
        '{ print "SET key" $1 % 500 " " $1 "-" value }
        END { print "SET last " $1 }' | cli "$1" >"$DIR/replies" ||
        fail "redis-cli to server $1"
    [ "$(grep -c '^OK' "$DIR/replies")" = $(($3 - $2 + 2)) ] ||
        fail "not all were taken: $(grep -v '^OK' "$DIR/replies" | head -n 3)"
}

disk_kib() {
    du -sk "$(data_dir "$1")" | cut -f 1
}

check_disk() {
    for n in $SERVERS; do
        kib=$(disk_kib "$n")
        [ "$kib" -le "$DISK_MAX_KIB" ] ||
            fail "server $n has $kib KiB on the disk"
        [ "$kib" -le "${most:-0}" ] || most=$kib
    done
}

at=1
more() {
    write "$1" $at $((at + 999))
    at=$((at + 1000))
}

# A session, which is part of the state: its number 1 takes effect once.
SESSION=$(cli "$LEADER" session open)
count() {
    [ "$(cli "$1" session call "$SESSION" 1 1 incr counter)" = 1 ] ||
        fail "the session of before is not known"
}
count "$LEADER"

# Asked for, and refused when there is nothing new.
write "$LEADER" 1 10
wait_for_same_state
cli "$LEADER" raft snapshot | grep -q '^OK$' || fail "RAFT SNAPSHOT"
cli "$LEADER" raft snapshot | grep -q 'ERR nothing was applied' ||
    fail "a second RAFT SNAPSHOT"
[ "$(field "$LEADER" raft_snapshot_index)" -ge 10 ] || fail "snapshot index"
[ "$(field "$LEADER" raft_snapshots_taken)" = 1 ] || fail "snapshots taken"

# Killed under writes, each in turn, and started from what it has.
i=0
while [ $i -lt "$KILLS" ]; do
    victim=$((i % 3 + 1))
    (sleep "0.$((1 + $(random_below 8)))" && kill -9 "$(pid "$victim")") &
    killer=$!
    more $((victim % 3 + 1))
    wait $killer
    kill_server "$victim"
    start "$victim"
    wait_for 20 "server $victim" field "$victim" raft_id >/dev/null
    check_disk
    i=$((i + 1))
done
wait_for_same_state

# Away for long: what it lacks was compacted.
LEADER=$(leader) || exit 1
BEHIND=$(follower)
kill_server "$BEHIND"
for n in 1 2 3 4; do
    more "$LEADER"
done
[ "$(field "$LEADER" raft_base_index)" -gt 1000 ] || fail "no compaction"
start "$BEHIND"
wait_for 20 "server $BEHIND" field "$BEHIND" raft_id >/dev/null
wait_for_same_state
[ "$(field "$BEHIND" raft_snapshots_installed)" -gt 0 ] ||
    fail "it caught up without a snapshot"
[ "$(cli "$BEHIND" get last)" = $((at - 1)) ] || fail "not the last value"
check_disk

# All of them from their snapshots and tails.
for n in $SERVERS; do
    kill_server "$n"
done
start_all
LEADER=$(leader) || exit 1
wait_for_same_state
[ "$(cli "$LEADER" get last)" = $((at - 1)) ] || fail "not the last value"
count "$LEADER"
[ "$(cli "$LEADER" dbsize)" = 502 ] || fail "not all keys"
for n in $SERVERS; do
    [ "$(field "$n" raft_snapshot_index)" -gt 0 ] || fail "no snapshot of $n"
    count=$(find "$(data_dir "$n")/snapshots" -name '*.snap' | wc -l)
    [ "$count" = 1 ] || fail "server $n has $count snapshots"
done
check_disk
note "$((at - 1)) values written, at most $most KiB on a disk"
