#!/bin/sh
#
# Copies of the core that are broken on purpose, each in one place: the search
# finds every one of them, by the rule that is broken. Else it would prove
# nothing when it finds nothing.

set -u
. "$(dirname "$0")/lib.sh"

case $CRAFT_BUILD_DIR in
*/sanitize)
    echo "the broken copies are searched with the normal build"
    exit 77
    ;;
esac

cc=${CC:-cc}
failed=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

compile() {
    # shellcheck disable=SC2086
    $cc -std=c11 -D_GNU_SOURCE -O1 -I"$CRAFT_SOURCE_DIR/include" "$@"
}

# control NAME FILE SED RULE OPTIONS...: the file of src/, edited by sed, makes
# a core in which a search within the bounds finds the rule broken.
control() {
    only '' "$@"
}

# only FAULT NAME FILE SED RULE OPTIONS...: and without the fault, which is
# options, too, it finds nothing.
only() {
    fault=$1
    shift
    name=$1
    file=$2
    edit=$3
    rule=$4
    shift 4
    rm -rf "$scratch/src"
    cp -r "$CRAFT_SOURCE_DIR/src" "$scratch/src"
    sed "$edit" "$CRAFT_SOURCE_DIR/src/$file" >"$scratch/src/$file"
    if cmp -s "$CRAFT_SOURCE_DIR/src/$file" "$scratch/src/$file"; then
        echo "FAILED $name: src/$file is no longer what the edit expects"
        failed=1
        return
    fi
    compile -I"$scratch/src" -o "$scratch/broken" "$scratch"/objects/*.o \
        "$scratch/src/craft_all.c" || exit 1
    if [ -n "$fault" ] &&
        ! "$scratch/broken" "$@" >"$scratch/out" 2>&1; then
        echo "FAILED $name: found without $fault: explore $*"
        tail -n 40 "$scratch/out"
        failed=1
        return
    fi
    # shellcheck disable=SC2086
    "$scratch/broken" "$@" $fault --script "$scratch/$name.txt" \
        >"$scratch/out" 2>&1
    if [ $? -ne 1 ] || ! grep -q "BROKEN: .*$rule" "$scratch/out"; then
        echo "FAILED $name: not found, or by another rule: explore $*"
        tail -n 40 "$scratch/out"
        failed=1
        return
    fi
    echo "$name: $(sed -n 's/.*BROKEN: //p' "$scratch/out")," \
        "$(sed -n 's/.*shortest way there, //p' "$scratch/out")" \
        "$(tail -n 1 "$scratch/out")"
}

# told RULE: the way to the last control, as a scenario, breaks this rule on the
# broken core, and on the sound one nothing. Not all rules of the search are
# rules of scenarios.
told() {
    story=$scratch/$name.txt
    tests=$CRAFT_BUILD_DIR/tests
    compile -I"$scratch/src" -c -o "$scratch/edited.o" "$scratch/src/$file" ||
        exit 1
    # shellcheck disable=SC2086
    $cc -o "$scratch/scenario" "$scratch/edited.o" \
        "$tests"/CMakeFiles/scenario.dir/scenario/*.o \
        "$tests/libcraft_test_support.a" "$CRAFT_BUILD_DIR/libcraft_posix.a" \
        "$CRAFT_BUILD_DIR/libcraft.a" -lcmocka -lpthread || exit 1
    "$scratch/scenario" "$story" >"$scratch/out" 2>&1
    if [ $? -ne 1 ] || ! grep -q "broken: .*$1" "$scratch/out"; then
        echo "FAILED $name: its scenario does not say: $1"
        cat "$story" "$scratch/out"
        failed=1
    elif ! "$tests/scenario" "$story" >"$scratch/out" 2>&1; then
        echo "FAILED $name: its scenario breaks the sound core"
        cat "$story" "$scratch/out"
        failed=1
    else
        echo "    so does its scenario"
    fi
}

mkdir "$scratch/objects"
(cd "$scratch/objects" && compile -I"$CRAFT_SOURCE_DIR/src" -c "$here"/*.c) ||
    exit 1

control vote_before_durable core/elect.c \
    's/grant_owed_to != 0 && craft_elect_vote_durable(node)/grant_owed_to != 0/' \
    'vote reply: the granted vote is on the disk'
told 'leaves, the disk has term'
control two_leaders core/elect.c \
    's/grant_owed_to != 0 && craft_elect_vote_durable(node)/grant_owed_to != 0/' \
    'election safety' --servers 3 --term 2 --proposals 0 --heartbeats 0 \
    --open 1 --promises 0
control vote_forgotten core/elect.c \
    '/^CRAFT_INTERNAL void craft_elect_restored/,/^}/s/= voted_for/= 0 * voted_for/' \
    'disk: one vote in a term' --servers 3 --term 2 --proposals 0 \
    --heartbeats 0 --open 1
told 'writes term 2 vote 2 after term 2 vote 1'
control short_log_elected core/elect.c \
    's/!vote_log_current(node, &message->as.vote)/false/' \
    'leader completeness' --servers 3 --proposals 0 --heartbeats 0 \
    --crashes 0 --flight 2 --open 1
told 'leader completeness'
control request_before_log core/elect.c \
    '/^static bool candidacy_durable/,/^}/s/persist.durable.match >= node->log.last/log.last > 0/' \
    'vote request: the log that it tells of is on the disk' \
    --proposals 0 --heartbeats 0 --crashes 0 --full-disks 1
told 'advertises a log'
control ack_of_memory core/follow.c \
    's/? durable->match/? node->log.last/' \
    'append reply: the match is on the disk'
told 'accepts 2@2, the disk has'
control ack_of_memory_lost core/follow.c \
    's/? durable->match/? node->log.last/' \
    'disks of a majority' --heartbeats 0 --promises 0
control match_before_term core/follow.c \
    's/CRAFT_LIKELY(durable->term == node->standing.term)/(durable->term > 0)/' \
    'append reply: the term of the match' --servers 3 --term 2 --proposals 0 \
    --heartbeats 0 --open 1
control late_ending core/persist.c \
    '/stored->match >= from/,+2d' \
    'append reply' --servers 3 --term 3 --proposals 0 --heartbeats 0 \
    --crashes 0 --flight 3
told 'accepts 2@3, the disk has'
control commit_of_old_term core/commit.c \
    's/index >= node->replication.first_of_term/index > 0/' \
    'commit: a leader counts' --proposals 0 --heartbeats 0 --small-messages 1
control own_disk_not_awaited core/commit.c \
    's/reached\[0\] = node->persist.durable.match/reached[0] = node->log.last/' \
    'disks of a majority' --heartbeats 0
control quorum_of_half quorum/quorum.c \
    's/voters \/ 2 + 1/(voters + 1) \/ 2/' \
    'election safety' --proposals 0 --heartbeats 0 --term 2
told 'too few voters have it'
control duplicate_truncates core/follow.c \
    '/^static size_t entries_held/,/^}/s/while (i < append/while (append == NULL \&\& i < append/' \
    'a server takes what a correct one has sent' --heartbeats 0 --crashes 0 \
    --duplicates 1
told 'refuses what'

# What one kind of fault alone finds.
only '--check-facts 1 --refuse-memory 1' refused_and_changed engine/step.c \
    's/int rv = append_prepare(node, message);/int rv = (node->following.round = message->round, append_prepare(node, message));/' \
    'memory: an error changes nothing' --term 2 --crashes 0
only '--errors 1' halted_and_talking api/node.c \
    's/^    node->due &= CRAFT_DELIVERY_ENDS;/    (void)0;/' \
    'halted: it says nothing more' --term 2 --heartbeats 0 --crashes 0 --lazy 1
told 'sends a message'
only '--slow-apply 1' applied_in_part core/apply.c \
    '/^CRAFT_INTERNAL int craft_apply_ended/,/^}/s/apply_advance(node, index);/apply_advance(node, apply->last);/' \
    'done: OK is told of what is applied here' --servers 1 --heartbeats 0 \
    --crashes 0
told 'ends a token with 0, which is wrong'
only '--durable-machine 1' applied_again api/node.c \
    's/craft_apply_restored(node, applied)/craft_apply_restored(node, 0)/' \
    'apply: committed commands, in order, once' --servers 1 --heartbeats 0
told 'applies 3 after 3'
only '--fetch 1' fetched_elsewhere core/node.h \
    's/&stretch->entries\[index - stretch->first\]/\&stretch->entries[0]/' \
    'apply: no command is left out' --servers 1 --heartbeats 0 --proposals 3
only '--breaks 1' next_for_match core/replicate.c \
    '/^CRAFT_INTERNAL int craft_replicate_unreachable/,/^}/s/peer_ask(node, slot, peer->match_index + 1);/craft_peer_probe(peer, peer->next_index); peer->match_index = peer->next_index - 1;/' \
    'a match that a leader counts is on that disk' --term 2 --heartbeats 0 \
    --crashes 0
only '--full-disks 1' voided_and_ended core/persist.c \
    's/stored->era == CRAFT_ERA_VOIDED)) {/stored == NULL)) {/' \
    'endings: one out of turn changes nothing' --term 2 --heartbeats 0 \
    --crashes 0
only '--held 1' truncated_and_ended core/persist.c \
    's/^    persist->oldest = ticket + 1;/    persist->oldest = ticket + 1; node->log.truncated_from = 0;/' \
    'assertion from' --servers 3 --term 3 --proposals 0 --heartbeats 0 \
    --crashes 0 --flight 2 --open 1
told 'assertion from'
only '--transfers 1' told_too_soon core/transfer.c \
    's/match_index == node->log.last/next_index > 0/' \
    'transfer: the disk of who is told holds the whole log' --term 3 \
    --crashes 0 --flight 2 --open 1
only '--steady 1' pre_votes_for_votes engine/role.c \
    '/craft_role_campaign(struct/,/^}/s/^    term_set(node, node->standing.term + 1);/    uint64_t granted = node->standing.role == CRAFT_ROLE_PRE_CANDIDATE ? node->peers.granted : 0; term_set(node, node->standing.term + 1); node->peers.granted = granted;/' \
    'election safety' --servers 3 --term 2 --proposals 0 --heartbeats 0 \
    --crashes 0 --flight 2 --open 1
told 'election safety'

# What goes on for ever is broken, too.
only '--live 1' refusal_is_not_heard core/replicate.c \
    's/^        reply_rejected(node, slot, reply);/        (void)reply_rejected;/' \
    'liveness: in time they agree' --servers 3 --term 3 --proposals 0 \
    --heartbeats 0 --crashes 0 --flight 2 --open 1
only '--live 1' lost_append_is_not_repeated core/replicate.c \
    's/want_heartbeat = node->peers.all;/want_heartbeat = 0;/' \
    'liveness: in time they agree' --servers 2 --term 2 --proposals 0 \
    --heartbeats 0 --crashes 0
only '--live 1' full_disk_is_given_up core/persist.c \
    's/persist.retry = true;/persist.retry = false;/' \
    'liveness: in time they agree' --servers 2 --term 2 --proposals 1 \
    --heartbeats 0 --crashes 0 --full-disks 1

# What a follower forwards enters a log once, and never when that was refused.
only '--duplicates 1' forward_enters_twice core/take.c \
    's/peer->forward_shut == 0 && forward->number == /peer->forward_shut == 0 \&\& forward->number <= /' \
    'forward: a command enters a log once' --servers 2 --term 2 \
    --proposals 1 --heartbeats 0 --crashes 0 --flight 2 --open 1 --forward 1
control forward_refused_though_sent core/forward.c \
    's/return items_end(node, 0, CRAFT_RESULT_UNKNOWN)/return items_end(node, 0, CRAFT_RESULT_REFUSED)/' \
    'forward: a command enters a log once' --servers 3 --term 3 \
    --proposals 1 --heartbeats 0 --crashes 0 --flight 2 --open 1 --forward 1

# The same for the search itself, of a sound core (the edit changes nothing): a
# digest that forgets a fact of the nodes.
sed '/mix(sum, names\[node->standing.leader\])/d' "$here/facts.c" >"$scratch/facts.c"
compile -I"$CRAFT_SOURCE_DIR/src" -I"$here" -c -o "$scratch/objects/facts.o" \
    "$scratch/facts.c" || exit 1
control forgotten_fact craft_all.c 's/^#define/#define /' \
    'the fingerprint forgets a fact' --servers 3 --term 3 --proposals 0 \
    --heartbeats 0 --crashes 0 --flight 2 --open 1 --check-facts 1

exit "$failed"
