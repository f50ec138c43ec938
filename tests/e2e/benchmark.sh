#!/bin/sh
# redis-benchmark against the leader and against a follower, one command at a
# time and in pipelines of 16. What it prints is for information; that it
# ends, without errors, and that all servers agree afterwards is the test.
#
#   REQUESTS=100000 sh tests/e2e/benchmark.sh        default: 20000
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

REQUESTS=${REQUESTS:-20000}
need_tools redis-benchmark || skip "no redis-benchmark"
begin 3
start_all
LEADER=$(leader) || exit 1
FOLLOWER=$(follower)

for n in $LEADER $FOLLOWER; do
    for pipeline in 1 16; do
        timeout 250 redis-benchmark -p "$(client_port "$n")" -t set,get \
            -n "$REQUESTS" -c 50 -d 128 -r 10000 -P $pipeline -q \
            >"$DIR/bench" 2>"$DIR/bench.err" ||
            fail "redis-benchmark: $(cat "$DIR/bench.err")"
        if grep -qi 'error\|warning' "$DIR/bench" "$DIR/bench.err"; then
            fail "redis-benchmark: $(cat "$DIR/bench" "$DIR/bench.err")"
        fi
        tr '\r' '\n' <"$DIR/bench" | grep 'requests per second' |
            while read -r line; do
                note "$(field "$n" raft_role), pipelines of $pipeline: $line"
            done
    done
done
[ "$(leader)" = "$LEADER" ] || note "the leader has changed meanwhile"
wait_for_same_state
