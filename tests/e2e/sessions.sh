#!/bin/sh
# Leaders are killed with SIGKILL while clients write in sessions, each sending
# its commands again, under the same numbers, until it has their replies: the
# counters are exact, copies have the first reply, and all servers come to the
# same state, sessions included. The same without sessions is convicted.
#
#   KILLS=20 sh tests/e2e/sessions.sh       default: 5
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

KILLS=${KILLS:-5}
KV_OPTIONS="$KV_OPTIONS --timeout-ms 1000"
begin 3
start_all
leader >/dev/null || exit 1

python3 -B "$E2E/sessions.py" "$(ports)" "$DIR/stop" &
load=$!
kill=1
while [ "$kill" -le "$KILLS" ]; do
    sleep 1
    victim=$(leader) || exit 1
    kill_server "$victim"
    sleep 1
    start "$victim"
    kill=$((kill + 1))
done
sleep 1
: >"$DIR/stop"
wait $load || fail "see above"
wait_for_same_state
sessions=$(cli 1 info sessions | tr -d '\r' | sed -n 's/^sessions://p')
[ "$sessions" = 0 ] || fail "$sessions sessions are left"
note "ok: $KILLS leaders killed"

rm "$DIR/stop"
python3 -B "$E2E/sessions.py" "$(ports)" "$DIR/stop" plain \
    >"$DIR/plain" 2>&1 && fail "no harm without sessions: $(cat "$DIR/plain")"
grep -q '^sessions: .*\(a copy of\|replies\)' "$DIR/plain" ||
    fail "$(cat "$DIR/plain")"
note "ok: convicted without sessions"
