#!/bin/sh
# craft in a minute: a key-value store on three servers that loses one and
# forgets nothing.
#
#   sh examples/demo.sh
#
# Builds examples/kv, starts three servers on this machine, writes 1,000 keys
# with redis-cli, kills the leading server in the middle of that, and shows
# that every write that was acknowledged is still there. Ends with
# `demo: ok`, or with `demo: FAILED: why`. Ctrl-C leaves nothing running.

CRAFT_ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$CRAFT_ROOT/tests/setup.sh"

KEYS=1000

tell() {
    printf '%s\n' "demo: $*"
}

fail() {
    for log in ${DIR:+"$DIR"/*.err}; do
        [ -s "$log" ] && tail -n 5 "$log"
    done
    tell "FAILED: $*"
    exit 1
}

# ---- what is needed: a compiler, cmake, and redis-cli as the client

DIR=
need_tools cc cmake build-tool redis-cli || fail "a tool is missing, see above"
tell "building craft-kv in $CRAFT_BUILD_DIR"
craft_configure "$CRAFT_BUILD_DIR" || fail "cmake failed, see above"
craft_build "$CRAFT_BUILD_DIR" craft-kv || fail "the build failed, see above"
KV=$CRAFT_BUILD_DIR/craft-kv

# ---- three servers: two ports each, one for clients, one for each other

DIR=$(mktemp -d "${TMPDIR:-/tmp}/craft-demo.XXXXXX") || exit 1

cleanup() {
    status=$?
    trap - EXIT
    for n in 1 2 3; do
        [ -s "$DIR/$n.pid" ] && kill -9 "$(cat "$DIR/$n.pid")" 2>/dev/null
    done
    wait
    rm -rf "$DIR"
    exit $status
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Linux lists who listens where; elsewhere we hope for the best.
is_free() {
    ! grep -qi "$(printf ':%04X ' "$1")[0-9A-F:]* 0A " \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

base=$((12000 + $$ % 1000 * 20))
until is_free $((base + 1)) && is_free $((base + 2)) &&
    is_free $((base + 3)) && is_free $((base + 11)) &&
    is_free $((base + 12)) && is_free $((base + 13)); do
    base=$((base + 20))
done
CLUSTER="1=127.0.0.1:$((base + 11)),2=127.0.0.1:$((base + 12))"
CLUSTER="$CLUSTER,3=127.0.0.1:$((base + 13))"

start() {
    "$KV" --id "$1" --data "$DIR/server$1" \
        --client "127.0.0.1:$((base + $1))" --cluster "$CLUSTER" \
        >>"$DIR/$1.out" 2>>"$DIR/$1.err" &
    echo $! >"$DIR/$1.pid"
}

# redis N COMMAND...: as any client would.
redis() {
    redis_port=$((base + $1))
    shift
    redis-cli -p $redis_port "$@" 2>&1
}

# info N FIELD: one line of what server N tells about its part in the cluster.
info() {
    redis "$1" info raft | tr -d '\r' | sed -n "s/^$2://p"
}

# The server that the others follow; nothing when there is none.
leader() {
    for n in 1 2 3; do
        if [ "$(info $n raft_role)" = leader ]; then
            echo $n
            return
        fi
    done
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    tries=$(($1 * 10))
    what=$2
    shift 2
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail "waited in vain for $what"
        sleep 0.1
    done
}

has_leader() {
    [ -n "$(leader)" ]
}

for n in 1 2 3; do
    start $n
done
wait_for 15 "a leader" has_leader
LEADER=$(leader)
tell "three servers run, and have elected server $LEADER as their leader" \
    "(term $(info "$LEADER" raft_term))"

# ---- 1,000 writes, to each server in turn; the leader dies at half time

tell "writing $KEYS keys, to each server in turn"
now_ms() {
    date +%s%3N
}

# write KEY VALUE: to the server whose turn it is, or, where that one has been
# killed, to the next, as clients do.
turn=0
write() {
    for try in 1 2; do
        turn=$((turn % 3 + 1))
        reply=$(redis $turn set "$1" "$2")
        case $reply in
        *refused* | *reset* | *closed*) ;;
        *) break ;;
        esac
    done
}

acknowledged=0
stalled=0 # the longest time between two acknowledged writes, in ms
last=$(now_ms)
i=1
: >"$DIR/keys"
while [ $i -le $KEYS ]; do
    if [ $i = $((KEYS / 2)) ]; then
        tell "kill -9: server $LEADER, the leader, after" \
            "$acknowledged acknowledged writes"
        kill -9 "$(cat "$DIR/$LEADER.pid")"
    fi
    write "key$i" "value$i"
    if [ "$reply" = OK ]; then
        acknowledged=$((acknowledged + 1))
        echo "$i" >>"$DIR/keys"
        now=$(now_ms)
        [ $((now - last)) -le $stalled ] || stalled=$((now - last))
        last=$now
    else
        tell "key$i was not acknowledged: $reply"
    fi
    i=$((i + 1))
done
DEAD=$LEADER
wait_for 10 "a new leader" has_leader
LEADER=$(leader)
tell "$acknowledged of $KEYS writes acknowledged; server $LEADER leads now" \
    "(term $(info "$LEADER" raft_term))"
tell "writes stalled for $stalled ms while the new leader was elected"
[ "$acknowledged" -ge $((KEYS * 9 / 10)) ] || fail "too few acknowledged"

# ---- the killed server comes back and catches up

tell "starting server $DEAD again, with the log it had on its disk"
start "$DEAD"

same_state() {
    states=$(for n in 1 2 3; do
        echo "$(info $n raft_commit_index) $(info $n raft_applied_index)" \
            "$(info $n raft_digest)"
    done | sort -u)
    [ "$(echo "$states" | wc -l)" = 1 ] &&
        [ "$(echo "$states" | wc -w)" = 3 ]
}
wait_for 20 "server $DEAD to catch up" same_state
for n in 1 2 3; do
    tell "server $n: $(info $n raft_role), committed up to" \
        "$(info $n raft_commit_index), digest of its state" \
        "$(info $n raft_digest)"
done

# ---- nothing that was acknowledged is lost, whomever one asks

sed 's/^/value/' "$DIR/keys" >"$DIR/wanted"
for n in 1 2 3; do
    sed 's/^/get key/' "$DIR/keys" | redis $n >"$DIR/got"
    cmp -s "$DIR/wanted" "$DIR/got" ||
        fail "server $n lost a write: $(diff "$DIR/wanted" "$DIR/got" | head -3)"
    tell "server $n: all $acknowledged acknowledged writes are there"
done

# ---- an orderly end

for n in 1 2 3; do
    kill "$(cat "$DIR/$n.pid")"
    wait "$(cat "$DIR/$n.pid")" || fail "server $n did not stop well"
    : >"$DIR/$n.pid"
done
tell "ok"
