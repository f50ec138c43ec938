#!/bin/sh
# Servers are killed with SIGKILL, one after the other, at random, while
# clients write through all of them. Nothing acknowledged is lost, nothing is
# applied twice, and all servers come to the same state.
#
#   ROUNDS=20 sh tests/e2e/kills.sh        default: 4
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

ROUNDS=${ROUNDS:-4}
KV_OPTIONS="$KV_OPTIONS --timeout-ms 3000"
begin 3
start_all
leader >/dev/null || exit 1

# Where the state as of an applied index is told, it is told the same.
note_state() {
    for n in 1 2 3; do
        cli $n info raft 2>/dev/null | tr -d '\r' | awk -F: '
            /^raft_applied_index/ { at = $2 }
            /^raft_digest/ && at { print at, $2 }' >>"$DIR/states"
    done
}

: >"$DIR/acked"
round=1
while [ "$round" -le "$ROUNDS" ]; do
    python3 -B "$E2E/load.py" write "$(ports)" "$DIR/acked" 4 &
    load=$!
    sleep 1
    # Every other time the leader, or it would hardly ever be hit.
    victim=$(($(random_below 3) + 1))
    if [ $((round % 2)) = 1 ]; then
        victim=$(find_leader || echo $victim)
    fi
    note "round $round: kill server $victim ($(field "$victim" raft_role))"
    kill_server "$victim"
    note_state
    sleep 1
    start "$victim"
    wait $load || fail "the load of round $round"
    wait_for 20 "server $victim to answer" cli "$victim" ping >/dev/null
    leader >/dev/null || exit 1
    wait_for_same_state
    note_state
    round=$((round + 1))
done

# All at once: what is on the disks is all there is.
note "kill all servers"
for n in 1 2 3; do
    kill_server $n
done
start_all
leader >/dev/null || exit 1
cli 1 set after-all-died 1 >/dev/null
wait_for_same_state
note_state

sort -u "$DIR/states" | awk '{ print $1 }' | uniq -d >"$DIR/forked"
[ ! -s "$DIR/forked" ] ||
    fail "two states at index $(cat "$DIR/forked"): $(sort -u "$DIR/states")"
python3 -B "$E2E/load.py" verify "$(ports)" "$DIR/acked" || fail "verify"

# What was applied is on every disk, and the disks hold the same log.
wait_for_same_state
for n in 1 2 3; do
    kill_server $n
done
for n in 2 3; do
    "$CRAFT_BUILD_DIR/craft-wal" compare "$DIR/data/1/wal" \
        "$DIR/data/$n/wal" >"$DIR/compared" || fail "the logs of 1 and $n:" \
        "$(cat "$DIR/compared")"
    ! grep -q '^longer' "$DIR/compared" ||
        fail "the logs of 1 and $n: $(cat "$DIR/compared")"
done
note "the logs are $(tail -n 1 "$DIR/compared")"
