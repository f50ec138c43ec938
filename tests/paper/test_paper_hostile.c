/*
 * Messages that no correct server sends, and late ones: the node is unchanged.
 * Figure 3.2 says what cannot be; numbers at their ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_play.h"

/* A server in each role, with the log [1 2 2], commit 2. */
static struct cluster *server_in_role(uint32_t role)
{
    struct cluster *cluster = play_one(3);

    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 1,
                                                    .prev_term = 1,
                                                    .commit = 2,
                                                    .entries = {2, 2}});
    if (role != CRAFT_ROLE_FOLLOWER) {
        (void)cluster_campaign(cluster, 1);
    }
    if (role == CRAFT_ROLE_LEADER) {
        (void)play_vote_reply(cluster, 2, 3, true);
    }
    assert_int_equal(cluster_status(cluster, 1).role, role);
    play_forget(cluster);
    return cluster;
}

static void assert_refused(struct cluster *cluster,
                           const craft_message *message, int error)
{
    struct play_state before = play_look(cluster, 1);
    struct play_state after;
    int rv = cluster_inject_hostile(cluster, 1, message);

    after = play_look(cluster, 1);
    assert_int_equal(rv, error);
    assert_null(play_differs(&before, &after));
    assert_int_equal(cluster->network_len, 0);
}

/* A sound message of the kind, of the server's own term. */
static craft_message sound(struct cluster *cluster, uint32_t kind)
{
    craft_status status = cluster_status(cluster, 1);
    craft_message message = play_message(cluster, kind, 2, status.term);

    if (kind == CRAFT_MESSAGE_VOTE) {
        message.as.vote.last_index = 1;
        message.as.vote.last_term = 1;
    } else if (kind == CRAFT_MESSAGE_APPEND) {
        message.as.append.prev_index = 2;
        message.as.append.prev_term = 2;
    } else if (kind == CRAFT_MESSAGE_APPEND_REPLY) {
        message.as.append_reply.match_index = 1;
    }
    return message;
}

/* Pitfall: another server's, group's or its own message (etcd PR 17813). */
static void misaddressed_messages_are_refused(void **state)
{
    (void)state;
    for (uint32_t role = 0; role <= CRAFT_ROLE_LEADER; role++) {
        for (uint32_t kind = 1; kind < CRAFT_MESSAGE_KIND_END; kind++) {
            struct cluster *cluster = server_in_role(role);
            craft_message message = sound(cluster, kind);

            message.to = 2;
            assert_refused(cluster, &message, CRAFT_ERR_MISADDRESSED);
            message.to = 0;
            assert_refused(cluster, &message, CRAFT_ERR_MISADDRESSED);
            message.to = 1;
            message.group = 8;
            assert_refused(cluster, &message, CRAFT_ERR_MISADDRESSED);
            message.group = 7;
            message.from = 1;
            assert_refused(cluster, &message, CRAFT_ERR_MISADDRESSED);
            message.from = 0;
            assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
            cluster_free(cluster);
        }
    }
}

/* Pitfall: local kinds from the network (etcd d1fb747), kinds of the future. */
static void unknown_kinds_are_refused(void **state)
{
    static const uint32_t kinds[4] = {0, CRAFT_MESSAGE_KIND_END, 255,
                                      UINT32_MAX};
    struct cluster *cluster = server_in_role(CRAFT_ROLE_FOLLOWER);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        craft_message message = play_message(cluster, kinds[i], 2, 2);

        assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    }
    assert_int_equal(craft_receive(cluster_node(cluster, 1)->node, NULL),
                     CRAFT_ERR_INVALID);
    cluster_free(cluster);
}

static const uint64_t numbers[] = {
    0,
    CRAFT_NUMBER_MAX - 2,
    CRAFT_NUMBER_MAX - 1,
    CRAFT_NUMBER_MAX,
    CRAFT_NUMBER_MAX + 1,
    UINT64_MAX - 1,
    UINT64_MAX,
};

#define NUMBERS (sizeof numbers / sizeof numbers[0])

/* The field to be set: a place in the message. */
static uint64_t *field_of(craft_message *message, uint32_t field)
{
    craft_append_reply *reply = &message->as.append_reply;

    switch (field) {
    case 0:
        return &message->from;
    case 1:
        return &message->term;
    case 2:
        return &message->round;
    default:
        break;
    }
    if (message->kind == CRAFT_MESSAGE_VOTE) {
        return field == 3   ? &message->as.vote.last_index
               : field == 4 ? &message->as.vote.last_term
                            : NULL;
    }
    if (message->kind == CRAFT_MESSAGE_APPEND) {
        return field == 3   ? &message->as.append.prev_index
               : field == 4 ? &message->as.append.prev_term
               : field == 5 ? &message->as.append.commit
                            : NULL;
    }
    if (message->kind == CRAFT_MESSAGE_APPEND_REPLY) {
        return field == 3   ? &reply->match_index
               : field == 4 ? &reply->rejected_index
               : field == 5 ? &reply->hint_index
               : field == 6 ? &reply->hint_term
                            : NULL;
    }
    return NULL;
}

/* One field at an end of its range. Refused and unchanged, or taken and the
 * node is sound: numbers at or beyond CRAFT_NUMBER_MAX are never taken. */
static void field_try(uint32_t role, uint32_t kind, uint32_t field,
                      uint64_t number)
{
    struct cluster *cluster = server_in_role(role);
    craft_message message = sound(cluster, kind);
    uint64_t *place = field_of(&message, field);
    struct play_state before = play_look(cluster, 1);
    struct play_state after;
    craft_status status;
    int rv;

    if (kind == CRAFT_MESSAGE_APPEND_REPLY && field > 3) {
        message.as.append_reply.rejected = 1;
    }
    cluster->blind = true;
    if (place != NULL) {
        *place = number;
        rv = cluster_inject_hostile(cluster, 1, &message);
        after = play_look(cluster, 1);
        if (rv != 0) {
            assert_null(play_differs(&before, &after));
        }
        if (number >= CRAFT_NUMBER_MAX) {
            assert_int_not_equal(rv, 0);
        }
        status = cluster_status(cluster, 1);
        assert_true(status.term < CRAFT_NUMBER_MAX);
        assert_true(status.commit_index <= status.last_index);
        assert_in_range(status.last_index, 3, 4);
    }
    cluster_free(cluster);
}

/* Pitfall: sums that wrap, a term that cannot be followed by another. */
static void numbers_at_their_ends_do_no_harm(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3 * 4 * 7 * NUMBERS; i++) {
        field_try(i % 3, 1 + i / 3 % 4, i / 12 % 7, numbers[i / 84]);
    }
}

/* The last term that there is: nobody can campaign after it, nothing wraps. */
static void term_does_not_wrap(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    (void)play_vote(cluster, 2, CRAFT_NUMBER_MAX - 1, 1, 1);
    assert_int_equal(cluster_status(cluster, 1).term, CRAFT_NUMBER_MAX - 1);
    (void)cluster_tick(cluster, 1, 1000);
    assert_int_equal(cluster_campaign(cluster, 1), CRAFT_ERR_BUSY);
    assert_int_equal(cluster_status(cluster, 1).term, CRAFT_NUMBER_MAX - 1);
    cluster_free(cluster);
}

static craft_message append_with(struct cluster *cluster, craft_entry *entries,
                                 size_t entries_len)
{
    craft_message message = sound(cluster, CRAFT_MESSAGE_APPEND);

    message.term = 9;
    memset(entries, 0, entries_len * sizeof *entries);
    for (size_t i = 0; i < entries_len; i++) {
        entries[i].index = 3 + i;
        entries[i].term = 9;
        entries[i].kind = CRAFT_ENTRY_NOOP;
    }
    message.as.append.entries = entries;
    message.as.append.entries_len = entries_len;
    return message;
}

/* Pitfall: entries that cannot be are taken (logcabin 160; structurally
 * impossible appends): gaps, falling terms, unknown kinds, no data. */
static void entries_that_cannot_be_are_refused(void **state)
{
    struct cluster *cluster = server_in_role(CRAFT_ROLE_FOLLOWER);

    (void)state;
    for (int which = 0; which < 12; which++) {
        craft_entry entries[3];
        craft_message message = append_with(cluster, entries, 3);

        switch (which) {
        case 0:
            entries[1].index = 5; /* a gap */
            break;
        case 1:
            entries[0].index = 4;
            break;
        case 2:
            entries[2].term = 8; /* falls */
            break;
        case 3:
            entries[2].term = 10; /* later than the leader's */
            break;
        case 4:
            entries[0].term = 0;
            break;
        case 5:
            entries[1].kind = 0;
            break;
        case 6:
            entries[1].kind = CRAFT_ENTRY_CONFIGURATION + 1;
            break;
        case 7:
            entries[1].data_len = 1; /* and nowhere */
            break;
        case 8:
            entries[1].kind = CRAFT_ENTRY_CONFIGURATION; /* no blob */
            break;
        case 9:
            entries[1].data_len = SIZE_MAX; /* of no message */
            break;
        case 10:
            message.as.append.entries_len = UINT32_MAX; /* nor are these */
            break;
        default:
            message.as.append.entries = NULL;
            break;
        }
        assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    }
    cluster_free(cluster);
}

/* A term for the entry before without an index, and the other way round. */
static void half_a_position_is_refused(void **state)
{
    struct cluster *cluster = server_in_role(CRAFT_ROLE_FOLLOWER);
    craft_message message = sound(cluster, CRAFT_MESSAGE_APPEND);

    (void)state;
    message.as.append.prev_index = 0;
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    message.as.append.prev_index = 3;
    message.as.append.prev_term = 0;
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    message.as.append.prev_term = 3; /* later than the message's */
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    message = sound(cluster, CRAFT_MESSAGE_VOTE);
    message.term = 9;
    message.as.vote.last_index = 0;
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    message.as.vote.last_index = 1;
    message.as.vote.last_term = 0;
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    message.as.vote.last_term = 9; /* nobody has led in it yet */
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    cluster_free(cluster);
}

/* Flags that are neither yes nor no. */
static void answers_that_are_neither_yes_nor_no_are_refused(void **state)
{
    struct cluster *cluster = server_in_role(CRAFT_ROLE_CANDIDATE);
    craft_message message = sound(cluster, CRAFT_MESSAGE_VOTE_REPLY);

    (void)state;
    message.as.vote_reply.granted = 2;
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    cluster_free(cluster);
    cluster = server_in_role(CRAFT_ROLE_LEADER);
    message = sound(cluster, CRAFT_MESSAGE_APPEND_REPLY);
    message.as.append_reply.rejected = 2;
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    cluster_free(cluster);
}

/* Figure 3.2, Election Safety. Pitfall: the impossible second leader of a term
 * crashes the first, or is followed (canonical 386, braft 51c4729). */
static void second_leader_of_a_term_is_refused(void **state)
{
    struct cluster *cluster = server_in_role(CRAFT_ROLE_LEADER);
    craft_message message = sound(cluster, CRAFT_MESSAGE_APPEND);

    (void)state;
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    cluster_free(cluster);
    cluster = server_in_role(CRAFT_ROLE_FOLLOWER);
    message = sound(cluster, CRAFT_MESSAGE_APPEND);
    message.from = 3; /* 2 leads */
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    cluster_free(cluster);
}

/* Figure 3.2, Leader Completeness: who contradicts what is committed is no
 * leader, whatever its term. */
static void contradiction_of_committed_entries_is_refused(void **state)
{
    struct cluster *cluster = server_in_role(CRAFT_ROLE_FOLLOWER);
    craft_entry entries[1];
    craft_message message = append_with(cluster, entries, 1);

    (void)state;
    message.as.append.prev_index = 1;
    message.as.append.prev_term = 1;
    entries[0].index = 2; /* committed, of term 2 */
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    message = append_with(cluster, entries, 1);
    message.as.append.prev_term = 1; /* 2 is of term 2 */
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    cluster_free(cluster);
}

/* Answers about entries and rounds that were never sent. */
static void answers_about_the_future_are_refused(void **state)
{
    struct cluster *cluster = server_in_role(CRAFT_ROLE_LEADER);
    craft_message message = sound(cluster, CRAFT_MESSAGE_APPEND_REPLY);

    (void)state;
    message.as.append_reply.match_index = 5;
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    message.as.append_reply.match_index = 1;
    message.round = cluster_status(cluster, 1).round + 1;
    assert_refused(cluster, &message, CRAFT_ERR_MESSAGE);
    cluster_free(cluster);
}

/* Pitfall: late events of an old role or term (braft 740908b, openraft
 * a80579ef) are nothing. */
static void late_answers_are_nothing(void **state)
{
    (void)state;
    for (uint32_t role = 0; role <= CRAFT_ROLE_LEADER; role++) {
        struct cluster *cluster = server_in_role(role);
        craft_message vote = sound(cluster, CRAFT_MESSAGE_VOTE_REPLY);
        craft_message append = sound(cluster, CRAFT_MESSAGE_APPEND_REPLY);

        vote.as.vote_reply.granted = 1;
        vote.term = 1;
        append.term = 1;
        append.as.append_reply.match_index = 9;
        assert_refused(cluster, &vote, 0);
        assert_refused(cluster, &append, 0);
        if (role != CRAFT_ROLE_CANDIDATE) {
            vote.term = cluster_status(cluster, 1).term;
            assert_refused(cluster, &vote, 0);
        }
        if (role != CRAFT_ROLE_LEADER) {
            append.term = cluster_status(cluster, 1).term;
            assert_refused(cluster, &append, 0);
        }
        cluster_free(cluster);
    }
}

/* Strangers are answered, and only so many are remembered. */
static void strangers_cannot_grow_anything(void **state)
{
    struct cluster *cluster = server_in_role(CRAFT_ROLE_FOLLOWER);
    struct cluster_node *node = cluster_node(cluster, 1);
    size_t memory = node->memory;

    (void)state;
    cluster_hold(cluster, 1);
    for (uint64_t i = 0; i < 1000; i++) {
        craft_message message = sound(cluster, CRAFT_MESSAGE_VOTE);

        message.from = 100 + i;
        assert_int_equal(craft_receive(node->node, &message), 0);
    }
    assert_int_equal(node->memory, memory);
    /* The answers have no link here; they are bounded. */
    play_forget(cluster);
    cluster->cut[1] = ~0u;
    memset(node->effects, 0, sizeof node->effects);
    cluster_release(cluster, 1);
    assert_in_range(node->effects[CRAFT_EFFECT_SEND], 1, 8);
    cluster_free(cluster);
}

/* What was refused is told, with its sender and reason. */
static void refused_messages_are_told(void **state)
{
    struct cluster *cluster = server_in_role(CRAFT_ROLE_FOLLOWER);
    const struct cluster_node *node = cluster_node(cluster, 1);
    craft_message message = sound(cluster, CRAFT_MESSAGE_APPEND);

    (void)state;
    message.from = 3;
    (void)cluster_inject_hostile(cluster, 1, &message);
    assert_int_equal(node->events[CRAFT_EVENT_REFUSED].value,
                     CRAFT_ERR_MESSAGE);
    assert_int_equal(node->events[CRAFT_EVENT_REFUSED].id, 3);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misaddressed_messages_are_refused),
        cmocka_unit_test(unknown_kinds_are_refused),
        cmocka_unit_test(numbers_at_their_ends_do_no_harm),
        cmocka_unit_test(term_does_not_wrap),
        cmocka_unit_test(entries_that_cannot_be_are_refused),
        cmocka_unit_test(half_a_position_is_refused),
        cmocka_unit_test(answers_that_are_neither_yes_nor_no_are_refused),
        cmocka_unit_test(second_leader_of_a_term_is_refused),
        cmocka_unit_test(contradiction_of_committed_entries_is_refused),
        cmocka_unit_test(answers_about_the_future_are_refused),
        cmocka_unit_test(late_answers_are_nothing),
        cmocka_unit_test(strangers_cannot_grow_anything),
        cmocka_unit_test(refused_messages_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
