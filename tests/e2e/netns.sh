#!/bin/sh
# Five servers, each in a network namespace of its own, and a network that
# goes wrong: cut in two, one way, with a bridge left over, again and again;
# one packet of ten lost; packets delayed by 0 to 50 ms each. Clients read,
# write and count at all servers meanwhile. What they saw is linearizable; and
# after every change of the network it is measured, in election timeouts, when
# a server that reaches a majority leads and commits.
#
#   SECONDS_ALL=600 sh tests/e2e/netns.sh     default: 60; CRAFT_HEAVY=1: 600
#   SEED=7 sh tests/e2e/netns.sh              which when; default: any
#   FAULTS="loss jitter" sh tests/e2e/netns.sh
#                                             these only
#   TIMEOUTS_MAX=3 sh tests/e2e/netns.sh      on a quiet machine; default: 4
#
# The servers' namespaces hang on a bridge in one more, by cables of the
# test's own (cables.c), which delay; nftables in the bridge drops. Nothing
# outside these namespaces is touched, and they go whatever happens.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

SECONDS_ALL=${SECONDS_ALL:-${CRAFT_HEAVY:+600}}
SECONDS_ALL=${SECONDS_ALL:-60}
case $CRAFT_BUILD_DIR in
*/sanitize | */tsan) # several times slower
    SECONDS_ALL=60
    TIMEOUTS_MAX=${TIMEOUTS_MAX:-12}
    ;;
esac
SEED=${SEED:-$(random_below 1000000)}
TIMEOUTS_MAX=${TIMEOUTS_MAX:-4}
SPACE=craft-$$
NET=10.77.0
FAULTS=${FAULTS:-symmetric mute_leader deaf_leader bridge star
flapping_follower flapping_leader loss jitter}
TICK_MS=10
ELECTION_TICKS=50

# What lib.sh does on the loopback, here by the address of each server.
cli() {
    e2e_host=$NET.$1
    shift
    timeout 20 ip netns exec "$SPACE-hub" redis-cli -h "$e2e_host" -p 7001 "$@"
}

start() {
    ip netns exec "$SPACE-$1" "$KV" --id "$1" --data "$(data_dir "$1")" \
        --client "$NET.$1:7001" --cluster "$CLUSTER" --timeout-ms 1000 \
        --tick-ms $TICK_MS --election-ticks $ELECTION_TICKS $KV_OPTIONS \
        >>"$DIR/$1.out" 2>>"$DIR/$1.err" &
    echo $! >"$DIR/$1.pid"
}

# Those of a run that was killed, too.
drop_spaces() {
    for space in $(ip netns list 2>/dev/null |
        sed -n 's/^\(craft-[0-9]*-[a-z0-9]*\).*/\1/p'); do
        owner=${space#craft-}
        owner=${owner%-*}
        if [ "$owner" = $$ ] || ! kill -0 "$owner" 2>/dev/null; then
            for left in $(ip netns pids "$space"); do
                kill -9 "$left"
            done
            ip netns del "$space"
        fi
    done
}

at_end() {
    for e2e_pid in ${faults:-} ${cables:-}; do
        kill "$e2e_pid" 2>/dev/null
        wait "$e2e_pid" 2>/dev/null
    done
    drop_spaces
}

need_tools ip nft || skip "no ip or nft"
begin 5
drop_spaces
ip netns add "$SPACE-hub" 2>"$DIR/why" ||
    skip "no network namespace can be made here: $(cat "$DIR/why")"
CLUSTER=
spaces=
for n in $SERVERS; do
    ip netns add "$SPACE-$n" || fail "no namespace for server $n"
    spaces="$spaces $SPACE-$n"
    CLUSTER="$CLUSTER${CLUSTER:+,}$n=$NET.$n:7101"
done
in_hub() {
    ip netns exec "$SPACE-hub" "$@"
}
in_hub nft add table bridge craft 2>"$DIR/why" ||
    skip "nftables cannot drop on a bridge here: $(cat "$DIR/why")"

# Orders for the cables go through a pipe that stays open for writing.
mkfifo "$DIR/orders"
# shellcheck disable=SC2086
"$CRAFT_BUILD_DIR/tests/cables" "$SPACE-hub" $spaces <"$DIR/orders" \
    >"$DIR/cables" 2>"$DIR/why" &
cables=$!
exec 9>"$DIR/orders"
are_ready() {
    [ -s "$DIR/cables" ] || ! kill -0 $cables
}
wait_for 10 "the cables" are_ready
[ -s "$DIR/cables" ] || skip "no cables: $(cat "$DIR/why")"

{
    in_hub ip link add br0 type bridge &&
        in_hub ip addr add "$NET.254/24" dev br0 &&
        in_hub ip link set br0 up
} || fail "no bridge"
mkdir -p "$DIR/data"
for n in $SERVERS; do
    {
        in_hub ip link set "port$n" txqueuelen 10000 master br0 up &&
            ip -n "$SPACE-$n" link set lo up &&
            ip -n "$SPACE-$n" addr add "$NET.$n/24" dev wire &&
            ip -n "$SPACE-$n" link set wire txqueuelen 10000 up
    } || fail "server $n has no network"
    start "$n" 9>&-
done
leader >/dev/null || exit 1

note "$SECONDS_ALL s, SEED=$SEED," \
    "election timeout $((TICK_MS * ELECTION_TICKS)) ms"
# In the background, since a signal waits for what runs in front.
# shellcheck disable=SC2086
in_hub python3 -B "$E2E/netns.py" "$NET" 5 "$SECONDS_ALL" "$SEED" \
    "$((TICK_MS * ELECTION_TICKS))" "$TIMEOUTS_MAX" "$DIR" $FAULTS &
faults=$!
wait $faults
case $? in
0) ;;
3) # How long a server that gets no processor takes is no fault of it.
    grep -h 'the loop stood still' "$DIR"/*.err >"$DIR/still" ||
        fail "see above"
    note "not judged, for the machine itself stood still:" \
        "$(wc -l <"$DIR/still") times, such as$(sed -n '1s/.*still//p' "$DIR/still")"
    ;;
*) fail "see above" ;;
esac
"$CRAFT_BUILD_DIR/tests/history" "$DIR/history" || fail "the history"
wait_for_same_state
