#!/bin/sh
# Reads by the clock (--lease-reads) are linearizable on every server: in quiet
# times, while leadership moves, and when a leader stands still (SIGSTOP), is
# replaced and goes on with reads that it had taken before. And they cost the
# leader no round of messages.
#
#   SECONDS_EACH=30 ROUNDS=20 sh tests/e2e/lease_reads.sh    default: 3 and 2
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

SECONDS_EACH=${SECONDS_EACH:-3}
ROUNDS=${ROUNDS:-2}

begin 3
start_all --lease-reads --clock-drift-ppm 1000
leader >/dev/null || exit 1

# readers WRITER_PORTS: in the background; its id is $load.
readers() {
    python3 -B "$E2E/reads.py" "$(ports)" "$1" "$SECONDS_EACH" &
    load=$!
}

note "in quiet times"
readers "$(ports)"
wait $load || fail "reads in quiet times"

round=1
while [ "$round" -le "$ROUNDS" ]; do
    note "round $round: leadership moves"
    readers "$(ports)"
    end=$(($(date +%s) + SECONDS_EACH))
    while [ "$(date +%s)" -lt $end ]; do
        cli "$(leader)" raft transfer >/dev/null
        sleep 0.2
    done
    wait $load || fail "reads while leadership moves"

    victim=$(leader) || exit 1
    note "round $round: server $victim, the leader, stands still"
    others=$(ports | tr , '\n' | grep -v "^$(client_port "$victim")\$" |
        tr '\n' , | sed 's/,$//')
    readers "$others"
    sleep 0.5
    kill -STOP "$(pid "$victim")"
    sleep 1.5
    kill -CONT "$(pid "$victim")"
    wait $load || fail "reads of a leader that stood still"
    round=$((round + 1))
done
wait_for_same_state

LEADER=$(leader) || exit 1
cli "$LEADER" set k v >/dev/null
[ "$(field "$LEADER" raft_lease_until_ns)" -gt 0 ] || fail "there is no lease"

# A client that waits for each reply: without a lease, a round each.
before=$(field "$LEADER" raft_round)
began=$(date +%s)
i=0
while [ $i -lt 300 ]; do
    echo get k
    i=$((i + 1))
done | redis-cli -p "$(client_port "$LEADER")" >"$DIR/gets" || fail "redis-cli"
[ "$(grep -c '^v$' "$DIR/gets")" -eq 300 ] || fail "not 300 answers"
rounds=$(($(field "$LEADER" raft_round) - before))
beats=$((($(date +%s) - began) * 20 + 40))
note "300 reads, one after the other: $rounds rounds, heartbeats included"
[ "$rounds" -le "$beats" ] || fail "reads by lease ask for rounds"
