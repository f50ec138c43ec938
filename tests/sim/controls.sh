#!/bin/sh
#
# Copies of the core that are broken on purpose, each in one place: the
# simulator convicts every one of them within some seeds, by the property that
# is broken, and shrinks the run to a few faults. Else it would prove nothing
# when it finds nothing.

set -u
CRAFT_SOURCE_DIR=${CRAFT_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
CRAFT_BUILD_DIR=${CRAFT_BUILD_DIR:-$CRAFT_SOURCE_DIR/build}

case $CRAFT_BUILD_DIR in
*/sanitize)
    echo "the broken copies are run with the normal build"
    exit 77
    ;;
esac

cc=${CC:-cc}
src=$CRAFT_SOURCE_DIR/src
failed=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

compile() {
    # shellcheck disable=SC2086
    $cc -std=c11 -D_GNU_SOURCE -O1 -I"$CRAFT_SOURCE_DIR/include" -I"$src" "$@"
}

# control NAME FILE SED PROPERTY SEEDS FAULTS [OPTIONS...]: the file of src/,
# edited by sed, breaks the property in one of the first SEEDS seeds, and in a
# shrunk run with at most FAULTS faults.
control() {
    name=$1
    file=$2
    edit=$3
    property=$4
    seeds=$5
    faults=$6
    shift 6
    object=$scratch/objects/$(echo "$file" | tr / _ | sed 's/c$/o/')
    sed "$edit" "$src/$file" >"$scratch/broken.c"
    if cmp -s "$src/$file" "$scratch/broken.c"; then
        echo "FAILED $name: src/$file is no longer what the edit expects"
        failed=1
        return
    fi
    compile -c -o "$scratch/broken.o" "$scratch/broken.c" || exit 1
    # shellcheck disable=SC2046
    compile -o "$scratch/craft-sim" "$scratch/broken.o" \
        $(find "$scratch/objects" -name "*.o" ! -path "$object") || exit 1
    "$scratch/craft-sim" --seeds "1..$seeds" --failures 1 --jobs 1 "$@" \
        >"$scratch/out" 2>"$scratch/progress"
    rv=$?
    found=$(sed -n 's/^seed \([0-9]*\) FAILED: /\1: /p' "$scratch/out" |
        head -n 1)
    left=$(sed -n '/^a smaller plan/,$p' "$scratch/out" |
        grep -c '^  [a-z-]* [0-9]*\.\.')
    if [ "$rv" -ne 1 ] || ! grep -q "^a smaller plan" "$scratch/out" ||
        [ "$left" -gt "$faults" ] ||
        ! echo "$found" | grep -q "$property"; then
        echo "FAILED $name: not found, by another property, or not shrunk"
        tail -n 100 "$scratch/out"
        failed=1
        return
    fi
    echo "$name: seed $found; shrunk to $left faults," \
        "$(sed -n '/^a smaller plan/,$s/^  \(servers\) /\1 /p' "$scratch/out")"
}

mkdir "$scratch/objects"
for file in "$src"/base/*.c "$src"/quorum/*.c "$src"/members/*.c \
    "$src"/log/*.c "$src"/peers/*.c "$src"/core/*.c "$src"/engine/*.c \
    "$src"/codec/*.c "$src"/api/*.c "$src"/session/*.c "$src"/sim/*.c "$src"/sim/program/*.c; do
    name=$(echo "${file#"$src"/}" | tr / _ | sed 's/c$/o/')
    compile -c -o "$scratch/objects/$name" "$file" || exit 1
done

control vote_before_durable core/elect.c \
    's/grant_owed_to != 0 && craft_elect_vote_durable(node)/grant_owed_to != 0/' \
    'a vote of term' 50 3
control vote_forgotten core/elect.c \
    '/^CRAFT_INTERNAL void craft_elect_restored/,/^}/s/= voted_for/= 0 * voted_for/' \
    'vote changes within a term' 50 3
control short_log_elected core/elect.c \
    's/!vote_log_current(node, &message->as.vote)/false/' \
    'leader completeness' 100 8
control ack_of_memory core/follow.c \
    's/? durable->match/? node->log.last/' \
    'accepts' 50 3
# It takes many faults to meet: their number is not what counts here.
control late_ending core/persist.c \
    '/stored->match >= from/,+2d' \
    'accepts\|craft_check: persist\|log matching' 200 60
control commit_of_old_term core/commit.c \
    's/index >= node->replication.first_of_term/index > 0/' \
    'commits' 50 8
control own_disk_not_awaited core/commit.c \
    's/reached\[0\] = node->persist.durable.match/reached[0] = node->log.last/' \
    'commits' 50 8
control quorum_of_half quorum/quorum.c \
    's/voters \/ 2 + 1/(voters + 1) \/ 2/' \
    'election safety' 100 8
control duplicate_truncates core/follow.c \
    '/^static size_t entries_held/,/^}/s/while (i < append/while (append == NULL \&\& i < append/' \
    'a message from a correct server' 50 3

control read_without_a_round core/read.c \
    's/reading.number = node->replication.round + 1/reading.number = 0/' \
    'readable\|linearizability: a read' 2000 60

# Leases, each of which a control makes last too long; in the last one it is the
# clocks that do not keep to what the config says of them.
lease='^[0-9]*: lease:\|readable\|linearizability: a read'
control lease_from_receipt core/lease.c \
    's/return node->replication.round_ns;/return node->lease.now_ns;/' \
    "$lease" 4000 60
control lease_restarted_voter core/lease.c \
    '/^CRAFT_INTERNAL void craft_lease_init/,/^}/s/_ns = CRAFT_NO_TIME/_ns = 0/' \
    "$lease" 4000 60
control lease_kept_in_a_transfer core/lease.c \
    's/node->transfer.target != 0 || craft_transfer_ordered(node)/false/' \
    "$lease" 4000 60
control lease_of_equal_clocks core/lease.c \
    '/^static uint64_t length_of/,/^}/s/return .*/return promise_ns + 0 * fast * slow;/' \
    "$lease" 4000 60
control clocks_beyond_the_bound sim/time.c \
    's/rate_ppm = MILLION - most + drift/rate_ppm = (MILLION - most + drift) * (drift < most ? 1 : 8) \/ 4/' \
    "$lease" 4000 60

# Forwarded commands, by what the judge hears of each.
control forwarded_twice core/take.c \
    '/^CRAFT_INTERNAL bool craft_take_is_next/,/^}/s/number == peer->forward_next/number <= peer->forward_next/' \
    'which has an entry' 200 8
control forwarded_behind_a_gap core/take.c \
    '/^CRAFT_INTERNAL bool craft_take_is_next/,/^}/s/number == peer->forward_next/number >= peer->forward_next/' \
    'is the command\|as refused' 200 8
control forwarded_after_a_refusal core/take.c \
    '/^CRAFT_INTERNAL bool craft_take_is_next/,/^}/s/peer->forward_shut == 0 &&//' \
    'is the command\|as refused' 2000 60
control forwarded_and_said_to_be_refused core/forward.c \
    's/return items_end(node, 0, CRAFT_RESULT_UNKNOWN)/return items_end(node, 0, CRAFT_RESULT_REFUSED)/' \
    'which was refused\|as refused' 200 8
control forwarded_in_the_old_session core/take.c \
    's/node->taking.sessions++;/node->taking.sessions = question->number - 1;/' \
    'is the command\|as refused' 2000 60

# Sessions that take a copy for a new command: what clients see tells, and for
# the last one it alone, since every copy has the reply of its own effect.
once='exactly once\|linearizability: what'
control session_copy_is_new session/session.c \
    's/if (kept == NULL && request->number >= session->first_open)/if (kept == NULL || request->number > 0)/' \
    "$once" 200 8 --sessions 1
control session_late_copy_is_new session/session.c \
    's/if (kept == NULL && request->number >= session->first_open)/if (kept == NULL)/' \
    "$once" 200 8 --sessions 1
control session_copies_have_other_numbers sim/sessions.c \
    's/request.number = craft_load64(command + 8);/request.number = ++instance->number;/; s/request.first_open = .*/request.first_open = request.number;/; s/^    void \*bare;/    void *bare; uint64_t number;/; s/if (!refused &&/if (refused \&\&/' \
    'linearizability: what' 200 8 --sessions 1

# An assertion of the core is a finding like any other.
control assertion core/apply.c \
    's/CRAFT_ASSERT(index >= node->apply.index)/CRAFT_ASSERT(index < 5)/' \
    'dies (signal 6): ' 50 3

exit "$failed"
