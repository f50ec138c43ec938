#!/bin/sh
# Two of three servers are gone: the third answers -TIMEOUT within the
# deadline, it does not hang, and says whether a command may have been
# applied. When one is back, commands go on.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

TIMEOUT_MS=1500
KV_OPTIONS="$KV_OPTIONS --timeout-ms $TIMEOUT_MS"
begin 3
start_all
LEADER=$(leader) || exit 1

# timed_out N COMMAND...: with -TIMEOUT, and in time.
timed_out() {
    from=$(now_ms)
    reply=$(cli "$@")
    took=$(($(now_ms) - from))
    note "server $*: $reply ($took ms)"
    case $reply in
    TIMEOUT*) ;;
    *) fail "no -TIMEOUT" ;;
    esac
    [ $took -lt $((TIMEOUT_MS + 1000)) ] || fail "only after $took ms"
    [ $took -ge $((TIMEOUT_MS - 100)) ] || fail "already after $took ms"
}

check_minority() {
    alone=$1
    for n in 1 2 3; do
        [ $n = "$alone" ] || kill_server $n
    done
    timed_out "$alone" set lonely 1
    timed_out "$alone" get lonely
    # Local commands need nobody.
    [ "$(cli "$alone" ping)" = PONG ] || fail "PING"
    [ "$(field "$alone" raft_id)" = "$alone" ] || fail "INFO"

    # A command that waits is taken up when there is a majority again.
    cli "$alone" set waited 1 >"$DIR/waited" &
    waiting=$!
    for n in 1 2 3; do
        if [ $n != "$alone" ]; then
            start $n
            break
        fi
    done
    wait $waiting
    note "while a majority comes back: $(cat "$DIR/waited")"
    leader >/dev/null || exit 1
    [ "$(cli "$alone" set together 2)" = OK ] || fail "no recovery"
    [ "$(cli "$n" get together)" = 2 ] || fail "no recovery of server $n"
    for n in 1 2 3; do
        is_running $n || start $n
    done
    leader >/dev/null || exit 1
    wait_for_same_state
}

note "the leader alone"
check_minority "$LEADER"
note "a follower alone"
check_minority "$(follower)"
