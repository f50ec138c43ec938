# Sourced by the scripts of this folder: a cluster of craft-kv processes on
# free ports of the loopback, in a temporary directory that goes at the end.
#
#   CRAFT_ROOT=...; . "$CRAFT_ROOT/tests/e2e/lib.sh"
#   begin 3                 three servers, not started
#   start 1 [option...]     start one, in the background
#   kill_server 1           SIGKILL;   stop_server 1   SIGTERM, waits
#   cli 1 COMMAND...        redis-cli to it
#   field 1 raft_term       one line of its INFO
#   leader                  the id of the leader, waits for one
#   wait_for SECONDS WHAT COMMAND...
#   fail WHY                the test ends; shows what the servers said
#
# KV_OPTIONS are further options of every server. E2E_KEEP=1 keeps the
# directory.

. "$CRAFT_ROOT/tests/setup.sh"

E2E=$CRAFT_ROOT/tests/e2e
KV=$CRAFT_BUILD_DIR/craft-kv
KV_OPTIONS=${KV_OPTIONS:-}
SERVERS=
DIR=

note() {
    printf '%s\n' "$*"
}

skip() {
    note "SKIPPED: $*"
    exit 77
}

fail() {
    note "FAILED: $*" >&2
    for e2e_n in $SERVERS; do
        for e2e_log in "$DIR/$e2e_n.out" "$DIR/$e2e_n.err"; do
            [ -s "$e2e_log" ] || continue
            note "---- $e2e_log, its end:" >&2
            tail -n 15 "$e2e_log" >&2
        done
        if is_running "$e2e_n"; then
            cli "$e2e_n" info raft >&2
        fi
    done
    E2E_KEEP=1
    exit 1
}

pid() {
    cat "$DIR/$1.pid" 2>/dev/null
}

is_running() {
    e2e_pid=$(pid "$1") && [ -n "$e2e_pid" ] && kill -0 "$e2e_pid" 2>/dev/null
}

cleanup() {
    e2e_status=$?
    trap - EXIT
    for e2e_n in $SERVERS; do
        e2e_pid=$(pid "$e2e_n")
        [ -n "$e2e_pid" ] || continue
        kill -9 "$e2e_pid" 2>/dev/null
        wait "$e2e_pid" 2>/dev/null
    done
    if command -v at_end >/dev/null 2>&1; then
        at_end
    fi
    if [ "${E2E_KEEP:-0}" = 1 ]; then
        note "kept: $DIR"
    elif [ -n "$DIR" ]; then
        rm -rf "$DIR"
    fi
    exit "$e2e_status"
}

# is_free PORT: nobody listens there.
is_free() {
    e2e_hex=$(printf ':%04X ' "$1")
    ! grep -qi "$e2e_hex[0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6 \
        2>/dev/null
}

# 20 ports in a row, below those that the system gives to clients.
choose_ports() {
    e2e_try=$(($$ % 1000))
    while :; do
        BASE=$((10000 + e2e_try * 20))
        e2e_ok=1
        for e2e_i in 1 2 3 4 5 11 12 13 14 15; do
            is_free $((BASE + e2e_i)) || e2e_ok=0
        done
        [ $e2e_ok = 1 ] && return
        e2e_try=$(((e2e_try + 1) % 1000))
    done
}

client_port() {
    echo $((BASE + $1))
}

# begin COUNT: names the servers; their list is $CLUSTER.
begin() {
    need_tools redis-cli python3 || skip "no redis-cli or python3"
    [ -x "$KV" ] || fail "$KV is not built"
    DIR=$(mktemp -d "${TMPDIR:-/tmp}/craft-e2e.XXXXXX") || exit 1
    trap cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    choose_ports
    CLUSTER=
    e2e_i=1
    while [ $e2e_i -le "$1" ]; do
        SERVERS="$SERVERS $e2e_i"
        CLUSTER="$CLUSTER${CLUSTER:+,}$e2e_i=127.0.0.1:$((BASE + 10 + e2e_i))"
        e2e_i=$((e2e_i + 1))
    done
}

data_dir() {
    echo "$DIR/data/$1"
}

start() {
    e2e_n=$1
    shift
    mkdir -p "$DIR/data"
    # shellcheck disable=SC2086
    "$KV" --id "$e2e_n" --data "$(data_dir "$e2e_n")" \
        --client "127.0.0.1:$(client_port "$e2e_n")" \
        --cluster "$CLUSTER" $KV_OPTIONS "$@" \
        >>"$DIR/$e2e_n.out" 2>>"$DIR/$e2e_n.err" &
    echo $! >"$DIR/$e2e_n.pid"
}

start_all() {
    for e2e_s in $SERVERS; do
        start "$e2e_s" "$@"
    done
}

kill_server() {
    e2e_pid=$(pid "$1")
    kill -9 "$e2e_pid" 2>/dev/null
    wait "$e2e_pid" 2>/dev/null
    : >"$DIR/$1.pid"
}

# stop_server N: its exit status is this function's.
stop_server() {
    e2e_pid=$(pid "$1")
    kill "$e2e_pid" 2>/dev/null
    wait "$e2e_pid"
    e2e_rv=$?
    : >"$DIR/$1.pid"
    return $e2e_rv
}

cli() {
    e2e_port=$(client_port "$1")
    shift
    timeout 20 redis-cli -p "$e2e_port" "$@"
}

# field N NAME: nothing when the server does not answer.
field() {
    cli "$1" info raft 2>/dev/null | tr -d '\r' | sed -n "s/^$2://p"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    e2e_end=$(($(date +%s) + $1))
    e2e_what=$2
    shift 2
    until "$@" 2>/dev/null; do
        [ "$(date +%s)" -lt $e2e_end ] || fail "waited in vain for $e2e_what"
        sleep 0.1
    done
}

# Prints the id of a leader that a majority of all servers follows.
find_leader() {
    e2e_all=0
    e2e_seen=
    for e2e_s in $SERVERS; do
        e2e_all=$((e2e_all + 1))
        if is_running "$e2e_s"; then
            e2e_seen="$e2e_seen $(field "$e2e_s" raft_leader)"
        fi
    done
    for e2e_s in $SERVERS; do
        e2e_count=0
        for e2e_id in $e2e_seen; do
            [ "$e2e_id" = "$e2e_s" ] && e2e_count=$((e2e_count + 1))
        done
        if [ $((e2e_count * 2)) -gt $e2e_all ] &&
            [ "$(field "$e2e_s" raft_role)" = leader ]; then
            echo "$e2e_s"
            return 0
        fi
    done
    return 1
}

has_leader() {
    find_leader >/dev/null
}

leader() {
    wait_for 20 "a leader" has_leader
    find_leader
}

# A server that is not the leader.
follower() {
    e2e_leader=$(leader)
    for e2e_s in $SERVERS; do
        if [ "$e2e_s" != "$e2e_leader" ] && is_running "$e2e_s"; then
            echo "$e2e_s"
            return
        fi
    done
}

# Those that run have applied the same log, all of it, to the same state.
is_same_state() {
    e2e_first=
    for e2e_s in $SERVERS; do
        is_running "$e2e_s" || continue
        e2e_state="$(field "$e2e_s" raft_applied_index)"
        e2e_state="$e2e_state $(field "$e2e_s" raft_commit_index)"
        e2e_state="$e2e_state $(field "$e2e_s" raft_last_index)"
        e2e_state="$e2e_state $(field "$e2e_s" raft_digest)"
        [ -n "$e2e_first" ] || e2e_first=$e2e_state
        [ "$e2e_state" = "$e2e_first" ] || return 1
    done
    # Applied, committed and last are the same as well.
    # shellcheck disable=SC2086
    set -- $e2e_first
    [ $# = 4 ] && [ "$1" = "$2" ] && [ "$2" = "$3" ]
}

wait_for_same_state() {
    wait_for 30 "the same state on all servers" is_same_state
    note "same state: applied $(field "$(leader)" raft_applied_index)," \
        "digest $(field "$(leader)" raft_digest)"
}

# All client ports, with commas.
ports() {
    e2e_list=
    for e2e_s in $SERVERS; do
        e2e_list="$e2e_list${e2e_list:+,}$(client_port "$e2e_s")"
    done
    echo "$e2e_list"
}

now_ms() {
    date +%s%3N
}

# A number below $1.
random_below() {
    awk -v max="$1" -v seed="$(od -An -N4 -tu4 /dev/urandom)" \
        'BEGIN { srand(seed); print int(rand() * max) }'
}
