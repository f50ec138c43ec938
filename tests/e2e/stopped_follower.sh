#!/bin/sh
# A follower stands still (SIGSTOP) while the others are written to: they go
# on, the leader's memory stays bounded, and when the follower goes on it
# catches up.
#
#   STOP_SECONDS=30 sh tests/e2e/stopped_follower.sh        default: 5
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

STOP_SECONDS=${STOP_SECONDS:-5}
RSS_GROWTH_MAX_KB=${RSS_GROWTH_MAX_KB:-131072}

rss_kb() {
    awk '/^VmRSS/ { print $2 }' "/proc/$(pid "$1")/status"
}

begin 3
start_all
LEADER=$(leader) || exit 1
FOLLOWER=$(follower)
need_tools redis-benchmark || skip "no redis-benchmark"

# Over few keys, so that the store itself does not grow.
load() {
    timeout "$1" redis-benchmark -p "$(client_port "$LEADER")" -t set \
        -n 100000000 -r 1000 -d 512 -c 32 -q >/dev/null 2>&1
}

load 2
before=$(rss_kb "$LEADER")
last_before=$(field "$LEADER" raft_last_index)
kill -STOP "$(pid "$FOLLOWER")"
load "$STOP_SECONDS" &
loader=$!
most=0
while kill -0 $loader 2>/dev/null; do
    now=$(rss_kb "$LEADER")
    [ "$now" -gt $most ] && most=$now
    sleep 0.2
done
wait $loader
last=$(field "$LEADER" raft_last_index)
written=$((last - last_before))
note "while stopped: $written entries in $STOP_SECONDS s," \
    "leader's RSS from $before to at most $most KiB"
note "peer: $(field "$LEADER" "raft_peer_$FOLLOWER")"
[ "$written" -gt 100 ] || fail "the others did not go on"
[ "$(field "$LEADER" raft_role)" = leader ] || fail "the leader has changed"
[ $((most - before)) -le "$RSS_GROWTH_MAX_KB" ] ||
    fail "the leader's memory grew by $((most - before)) KiB," \
        "more than $RSS_GROWTH_MAX_KB"

# The client that it had keeps its connection and waits.
from=$(now_ms)
kill -CONT "$(pid "$FOLLOWER")"
wait_for 60 "the follower to answer" cli "$FOLLOWER" ping >/dev/null
cli "$LEADER" set behind 1 >/dev/null
wait_for 120 "the follower to catch up" is_same_state
note "caught up after $(($(now_ms) - from)) ms"
[ "$(field "$FOLLOWER" raft_role)" = follower ] || fail "it is no follower"
[ "$(cli "$FOLLOWER" get behind)" = 1 ] || fail "it has not the latest value"
wait_for_same_state
