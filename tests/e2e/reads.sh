#!/bin/sh
# Reads that write nothing are linearizable on every server: in quiet times,
# while leadership moves, and when a leader stands still (SIGSTOP), is replaced
# and goes on with reads that it had taken before. Then what they cost: rounds
# of messages, and a follower's rate beside the leader's.
#
#   SECONDS_EACH=30 ROUNDS=20 sh tests/e2e/reads.sh    default: 3 and 2
#   RATIO_MIN=0.8 sh tests/e2e/reads.sh     on a quiet machine; default: 0.4
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

SECONDS_EACH=${SECONDS_EACH:-3}
ROUNDS=${ROUNDS:-2}
RATIO_MIN=${RATIO_MIN:-0.4}

begin 3
start_all
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

need_tools redis-benchmark || skip "no redis-benchmark"
LEADER=$(leader) || exit 1
FOLLOWER=$(follower)

# gets N [PIPELINE]: the rate of 64 clients there.
gets() {
    timeout 100 redis-benchmark -p "$(client_port "$1")" -t get -c 64 \
        -P "${2:-1}" -n "${REQUESTS:-30000}" -d 128 -r 10000 --csv 2>"$DIR/bench.err" |
        tr -d '"' | awk -F, '$1 == "GET" { print int($2); found = 1 }
            END { exit !found }' || fail "redis-benchmark: $(cat "$DIR/bench.err")"
}

# What it costs: no entry, no sync, and a round at most per turn of the loop,
# beside those of the heartbeats. A term has one entry of its own.
term=$(field "$LEADER" raft_term)
last=$(field "$LEADER" raft_last_index)

# grown NAME: by how much.
grown() {
    echo $(($(echo "$after" | sed -n "s/^$1://p") -
        $(echo "$before" | sed -n "s/^$1://p")))
}

no_entry() {
    now=$(field "$LEADER" raft_last_index)
    [ "$now" -le $((last + $(field "$LEADER" raft_term) - term)) ] ||
        fail "reads write: $((now - last)) entries"
}

# count_rounds PIPELINE READS: at most a round per turn, and for so many reads.
count_rounds() {
    before=$(cli "$LEADER" info | tr -d '\r')
    gets "$LEADER" "$1" >/dev/null
    after=$(cli "$LEADER" info | tr -d '\r')
    note "64 clients of GET on the leader, pipelines of $1:" \
        "$(grown total_commands_processed) commands," \
        "$(grown loop_turns) turns, $(grown raft_round) rounds"
    beats=$(($(grown uptime_in_seconds) * 20 + 40))
    [ "$(grown raft_round)" -le $(($(grown loop_turns) + beats)) ] ||
        fail "more than one round per turn"
    [ $((($(grown raft_round) - beats) * $2)) -lt \
        "$(grown total_commands_processed)" ] ||
        fail "reads do not share their rounds"
    no_entry
}

# How many clients are heard in one turn is the machine's affair; what one of
# them sends at once is heard at once.
count_rounds 1 1
count_rounds 16 8

: >"$DIR/rates"
for round in 1 2 3 4 5; do
    echo "$(gets "$LEADER") $(gets "$FOLLOWER")" >>"$DIR/rates" || exit 1
done
awk '{ print $1, $2, $2 / $1 }' "$DIR/rates" | sort -n -k 3 |
    sed -n 3p >"$DIR/median"
note "GET per second, 64 clients, the median of 5: leader, follower, ratio:" \
    "$(cat "$DIR/median")"
awk -v least="$RATIO_MIN" '{ exit !($3 >= least) }' "$DIR/median" ||
    fail "the follower reads at less than $RATIO_MIN of the leader's rate"
no_entry
