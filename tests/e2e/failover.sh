#!/bin/sh
# The leader is killed with SIGKILL, again and again, while clients write
# through all servers: how long until the next leader leads, and until the
# next write is acknowledged? In units of T, the least election timeout;
# timers are drawn from T to 2 T, so that the first of two survivors is due
# after 1.29 T in half of the cases, counted from the last word of the leader.
#
#   KILLS=50 sh tests/e2e/failover.sh     default: 8; CRAFT_HEAVY=1: 50
#
# None may take more than 4.2 T: two campaigns that met, and a second draw. Of
# 50 the median is to be at most 1.3 T and the 95th percentile 2.1 T + 100 ms,
# on a quiet machine.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

KILLS=${KILLS:-${CRAFT_HEAVY:+50}}
KILLS=${KILLS:-8}
case $CRAFT_BUILD_DIR in
*/sanitize | */tsan) # several times slower
    KILLS=8
    ;;
esac
TICK_MS=10
ELECTION_TICKS=50
KV_OPTIONS="$KV_OPTIONS --tick-ms $TICK_MS --election-ticks $ELECTION_TICKS"
begin 3
start_all
leader >/dev/null || exit 1
: >"$DIR/acked"
python3 -B "$E2E/failover.py" "$(ports)" "$DIR" "$KILLS" \
    $((TICK_MS * ELECTION_TICKS)) || fail "see above"
wait_for_same_state
python3 -B "$E2E/load.py" verify "$(ports)" "$DIR/acked" || fail "verify"
