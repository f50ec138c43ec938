#!/bin/sh
# Beginning and end of the program: options, signals, exit statuses, a data
# directory that is in use or somebody else's.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

begin 3
GOOD="--id 1 --data $DIR/x --client 127.0.0.1:$((BASE + 5)) --cluster $CLUSTER"

# refused STATUS TEXT OPTIONS...: one line on stderr, nothing on stdout.
refused() {
    wanted=$1
    text=$2
    shift 2
    timeout 10 "$KV" "$@" >"$DIR/refused.out" 2>"$DIR/refused.err"
    rv=$?
    [ $rv = "$wanted" ] ||
        fail "craft-kv $*: status $rv, not $wanted: $(cat "$DIR/refused.err")"
    [ "$(wc -l <"$DIR/refused.err")" = 1 ] ||
        fail "craft-kv $*: not one line: $(cat "$DIR/refused.err")"
    [ ! -s "$DIR/refused.out" ] || fail "craft-kv $*: speaks on stdout"
    grep -q -e "$text" "$DIR/refused.err" ||
        fail "craft-kv $*: no '$text' in: $(cat "$DIR/refused.err")"
}

# shellcheck disable=SC2086
options() {
    refused 2 'missing.*--id'
    refused 2 'missing.*--cluster' --id 1 --data x --client :1
    refused 2 'missing.*--data' --id 1 --client :1 --cluster 1=:1
    refused 2 'missing.*--client' --id 1 --data x --cluster 1=:1
    refused 2 'no such option.*--nosuch' $GOOD --nosuch
    refused 2 'lacks its value.*--tick-ms' $GOOD --tick-ms
    refused 2 'not an option.*word' $GOOD word
    refused 2 '--tick-ms.*0' $GOOD --tick-ms 0
    refused 2 '--tick-ms.*1x' $GOOD --tick-ms 1x
    refused 2 '--id' $GOOD --id -1
    refused 2 '--id 9 is not in' $GOOD --id 9
    refused 2 '--client' $GOOD --client 127.0.0.1
    refused 2 '--client' $GOOD --client 127.0.0.1:99999
    refused 2 '--cluster' $GOOD --cluster 1=a:1,,2=b:2
    refused 2 '--cluster' $GOOD --cluster 1=a:1,1=b:2
    refused 2 '--cluster' $GOOD --cluster 1:a:1
    refused 2 '--heartbeat-ticks' $GOOD --election-ticks 5 --heartbeat-ticks 5
    refused 1 '/dev/null/x' $GOOD --data /dev/null/x
    refused 1 'listen' $GOOD --client 192.0.2.1:7001
    "$KV" --help >"$DIR/help" 2>&1 || fail "--help fails"
    grep -q 'usage: craft-kv' "$DIR/help" || fail "--help shows no usage"
    note "ok: options"
}
options

start_all
leader >/dev/null || exit 1
cli 1 set k v >/dev/null

# The ports of others.
# shellcheck disable=SC2086
refused 1 "$(client_port 1)" $GOOD --client "127.0.0.1:$(client_port 1)"

# The directory of a server that runs, and of another one.
refused 1 "$(data_dir 1)" --id 1 --data "$(data_dir 1)" \
    --client "127.0.0.1:$((BASE + 5))" --cluster "1=127.0.0.1:$((BASE + 15))"
stop_server 3 || fail "SIGTERM: status $?"
refused 1 "$(data_dir 3)" --id 1 --data "$(data_dir 3)" \
    --client "127.0.0.1:$((BASE + 5))" --cluster "1=127.0.0.1:$((BASE + 15))"
note "ok: data directories"

# In the middle of a load, and with a client that waits.
need_tools redis-benchmark || skip "no redis-benchmark"
redis-benchmark -p "$(client_port 1)" -t set -n 1000000 -c 20 -q \
    >/dev/null 2>&1 &
load=$!
sleep 0.5
LEADER=$(leader)
stop_server "$LEADER" || fail "SIGTERM under load: status $?"
if grep -q stopped "$DIR/$LEADER.err"; then
    fail "SIGTERM: it says that it failed"
fi
kill $load 2>/dev/null
wait $load 2>/dev/null
start "$LEADER"
start 3
leader >/dev/null || exit 1
[ "$(cli 3 get k)" = v ] || fail "a key is lost"
note "ok: SIGTERM under load"
wait_for_same_state

for n in 1 2 3; do
    stop_server $n || fail "SIGTERM of server $n: status $?"
done
note "ok: all stopped"
