#!/bin/sh
# Every supported command, and the errors of wrong ones, sent to the leader
# and to a follower: the replies are those that Redis gives. They stand in
# commands.expected; where a redis-server can be had, it is asked as well.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

begin 3
start_all
LEADER=$(leader) || exit 1
FOLLOWER=$(follower)

ask() {
    redis-cli --no-raw -p "$1" <"$E2E/commands.txt"
}

compare() {
    diff -u "$1" "$2" >"$DIR/diff" ||
        fail "$3 answers otherwise than expected:
$(cat "$DIR/diff")"
    note "ok: $3"
}

ask "$(client_port "$LEADER")" >"$DIR/leader"
compare "$E2E/commands.expected" "$DIR/leader" "the leader"
ask "$(client_port "$FOLLOWER")" >"$DIR/follower"
compare "$E2E/commands.expected" "$DIR/follower" "a follower"

at_end() {
    [ -z "${REDIS_PID:-}" ] || kill "$REDIS_PID" 2>/dev/null
}

if want_tools redis-server; then
    REDIS_PORT=$((BASE + 5))
    redis-server --port $REDIS_PORT --save '' --appendonly yes \
        --appendfsync always --dir "$DIR" >"$DIR/redis.log" 2>&1 &
    REDIS_PID=$!
    wait_for 10 "redis-server" redis-cli -p $REDIS_PORT ping >/dev/null
    ask $REDIS_PORT >"$DIR/redis"
    compare "$DIR/redis" "$DIR/leader" \
        "the same as redis-server $(redis-server --version | cut -d' ' -f3)"
else
    note "without redis-server: compared with commands.expected alone"
fi

python3 -B "$E2E/protocol.py" "$(client_port "$LEADER")" \
    "$(client_port "$FOLLOWER")" || fail "protocol.py"

# redis-cli's mass insertion: it counts the replies.
i=0
while [ $i -lt 2000 ]; do
    printf '*3\r\n$3\r\nSET\r\n$8\r\nmass%04d\r\n$4\r\n%04d\r\n' $i $i
    i=$((i + 1))
done >"$DIR/mass"
redis-cli -p "$(client_port "$FOLLOWER")" --pipe <"$DIR/mass" >"$DIR/pipe" ||
    fail "redis-cli --pipe: $(cat "$DIR/pipe")"
grep -q 'errors: 0, replies: 2000' "$DIR/pipe" || fail "$(cat "$DIR/pipe")"
[ "$(cli "$LEADER" get mass1234)" = 1234 ] || fail "a mass key is missing"
note "ok: redis-cli --pipe"

# INFO, as scripts read it. A slow machine may have elected another leader.
LEADER=$(leader) || exit 1
FOLLOWER=$(follower)
for name in raft_id raft_role raft_term raft_leader raft_last_index \
    raft_durable_index raft_commit_index raft_applied_index raft_digest; do
    [ -n "$(field "$LEADER" $name)" ] || fail "INFO has no $name"
done
[ "$(field "$LEADER" raft_role)" = leader ] || fail "INFO: no leader"
[ "$(field "$FOLLOWER" raft_role)" = follower ] || fail "INFO: no follower"
[ "$(field "$FOLLOWER" raft_leader)" = "$LEADER" ] || fail "INFO: whose leader?"
field "$LEADER" "raft_peer_$FOLLOWER" | grep -q 'match=' ||
    fail "INFO: no progress of the follower"
cli "$LEADER" info | grep -q '^# Keyspace' || fail "INFO: sections"
[ "$(cli "$LEADER" command count)" -gt 20 ] || fail "COMMAND COUNT"
cli "$LEADER" command | grep -q '^mset' || fail "COMMAND"
note "ok: INFO and COMMAND"

# RAFT EXPLAIN, of a cluster that is well.
explained() {
    server=$1
    wanted=$2
    shift 2
    cli "$server" raft explain "$@" | grep -q "$wanted" && return
    fail "RAFT EXPLAIN $*: no '$wanted' in: $(cli "$server" raft explain "$@")"
}
explained "$LEADER" "^leader: .*id=$LEADER (CRAFT_WHY_LEADS)" leader
explained "$LEADER" "^propose: .*(CRAFT_WHY_NOTHING)"
explained "$LEADER" "^read: .*(CRAFT_WHY_" read
explained "$LEADER" "^commit 1: .*(CRAFT_WHY_COMMITTED)" commit 1
explained "$LEADER" "(CRAFT_WHY_BEYOND_LOG)" commit 999999999
explained "$LEADER" "(CRAFT_WHY_TOO_LONG)" propose 99999999
explained "$LEADER" "^peer $FOLLOWER: .*(CRAFT_WHY_"
explained "$FOLLOWER" "id=$LEADER .*(CRAFT_WHY_FOLLOWS)" LEADER
explained "$FOLLOWER" "(CRAFT_WHY_ASK_LEADER)" peer "$LEADER"
explained "$FOLLOWER" "(CRAFT_WHY_SELF)" peer "$FOLLOWER"
explained "$FOLLOWER" "Usage" commit
explained "$FOLLOWER" "no number" peer 0
[ "$(printf 'raft explain\nraft explain read\nping\n' |
    redis-cli -p "$(client_port "$LEADER")" | tail -n 1)" = PONG ] ||
    fail "RAFT EXPLAIN: the command behind it has no answer"
note "ok: RAFT EXPLAIN"

# SESSION, which Redis has not, of the leader and of a follower.
expect() {
    server=$1
    wanted=$2
    shift 2
    got=$(cli "$server" "$@" 2>&1)
    case $got in
    "$wanted"*) ;;
    *) fail "$*: '$got', not '$wanted'" ;;
    esac
}

for n in "$LEADER" "$FOLLOWER"; do
    cli "$n" del n >/dev/null
    session=$(cli "$n" session open)
    [ "$session" -gt 0 ] || fail "SESSION OPEN: $session"
    expect "$n" 40 session call "$session" 1 1 incrby n 40
    expect "$n" 42 SESSION CALL "$session" 3 2 incrby n 2
    expect "$n" 42 session call "$session" 3 2 incrby n 2
    expect "$n" "FORGOTTEN " session call "$session" 1 1 incrby n 40
    expect "$n" OK session call "$session" 4 2 mset a 1 b 2
    expect "$n" "" session call "$session" 5 2 set a 3 NX
    expect "$n" "ERR value is not" session call "$session" 6 2 incrby n x
    expect "$n" 43 session call "$session" 6 2 incr n # the other was refused
    expect "$n" "ERR SESSION CALL takes" session call "$session" 7 2 get n
    expect "$n" "ERR SESSION CALL takes" session call "$session" 7 2 \
        session open
    expect "$n" "ERR wrong number" session call "$session" 7 2 incr
    expect "$n" "ERR session, number" session call "$session" 0 0 incr n
    expect "$n" "ERR first_open" session call "$session" 7 8 incr n
    expect "$n" "ERR Usage" session call "$session" 7 7
    expect "$n" "ERR Usage" session nosuch
    expect "$n" 43 get n
    expect "$n" OK session close "$session"
    expect "$n" "ENDED " session call "$session" 8 8 incr n
    expect "$n" OK session close "$session"
done
note "ok: SESSION"

wait_for_same_state
