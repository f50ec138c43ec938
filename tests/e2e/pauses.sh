#!/bin/sh
# The leader stands still (SIGSTOP) for longer than an election takes, while
# clients write through all servers; then it wakes up, with commands in its
# log that the others have given to the next leader meanwhile. None is lost,
# and none is applied twice: the counters tell.
#
#   ROUNDS=20 sh tests/e2e/pauses.sh        default: 3
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

ROUNDS=${ROUNDS:-3}
begin 3
start_all
leader >/dev/null || exit 1

: >"$DIR/acked"
round=1
while [ "$round" -le "$ROUNDS" ]; do
    python3 -B "$E2E/load.py" write "$(ports)" "$DIR/acked" 6 &
    load=$!
    sleep 1
    victim=$(leader) || exit 1
    note "round $round: stop server $victim, the leader," \
        "term $(field "$victim" raft_term)"
    kill -STOP "$(pid "$victim")"
    sleep 2
    kill -CONT "$(pid "$victim")"
    wait $load || fail "the load of round $round"
    leader >/dev/null || exit 1
    wait_for_same_state
    round=$((round + 1))
done
python3 -B "$E2E/load.py" verify "$(ports)" "$DIR/acked" || fail "verify"
