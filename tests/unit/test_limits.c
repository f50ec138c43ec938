/*
 * The ends of numbers, which no test can reach by counting: the facts are set
 * there by hand, and set back before anything is delivered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/node.h"
#include "rig.h"

static void nobody_campaigns_for_an_entry_without_a_number(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    rig->node->log.last = CRAFT_NUMBER_MAX - 1;
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_BUSY);
    rig->node->log.last = 1;
    rig->node->standing.term = CRAFT_NUMBER_MAX - 1;
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_BUSY);
    rig->node->standing.term = 1;
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    rig_free(rig);
}

/* The last number but one is left for the no-op of a later leader. */
static void no_command_takes_the_last_numbers(void **state)
{
    static const craft_command two[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 3);
    rig->node->log.last = CRAFT_NUMBER_MAX - 2;
    assert_int_equal(craft_propose(rig->node, NULL, 0, 1), CRAFT_ERR_BUSY);
    rig->node->log.last = CRAFT_NUMBER_MAX - 3;
    assert_int_equal(craft_propose_many(rig->node, two, 2), CRAFT_ERR_BUSY);
    rig->node->log.last = 2;
    assert_int_equal(craft_propose_many(rig->node, two, 2), 0);
    rig_free(rig);
}

static void no_such_entry_is_restored(void **state)
{
    static const craft_restore restore = {.struct_size = sizeof restore,
                                          .term = 1};
    struct rig *rig = rig_new(1);
    craft_entry entry;

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    rig_entries(&entry, 1, CRAFT_NUMBER_MAX - 1, 1, 1);
    rig->node->log.last = CRAFT_NUMBER_MAX - 2;
    assert_int_equal(craft_node_restore_entries(rig->node, &entry, 1),
                     CRAFT_ERR_CORRUPT);
    rig->node->log.last = 0;
    entry.index = 1;
    entry.data_len = SIZE_MAX; /* nor one of that length */
    assert_int_equal(craft_node_restore_entries(rig->node, &entry, 1),
                     SIZE_MAX > UINT32_MAX ? CRAFT_ERR_CORRUPT
                                           : CRAFT_ERR_NOMEM);
    entry.data_len = 1;
    assert_int_equal(craft_node_restore_entries(rig->node, &entry, 1), 0);
    rig_free(rig);
}

static void holds_are_counted_up_to_a_bound(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 1);
    assert_int_equal(craft_hold(rig->node), 0);
    rig->node->delivery.holds = CRAFT_HOLDS_MAX;
    assert_int_equal(craft_hold(rig->node), CRAFT_ERR_BUSY);
    assert_int_equal(craft_release(rig->node), 0);
    assert_int_equal(craft_hold(rig->node), 0);
    rig->node->delivery.holds = 1;
    assert_int_equal(craft_release(rig->node), 0);
    assert_int_equal(craft_release(rig->node), CRAFT_ERR_STATE);
    rig_free(rig);
}

static void limits_may_be_as_large_as_numbers_are(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.log_cache_bytes_max = SIZE_MAX;
    rig->config.uncommitted_bytes_max = SIZE_MAX;
    rig->config.inflight_bytes_max = SIZE_MAX;
    rig_lead(rig, 1);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, 0),
                         0);
        rig_run(rig);
    }
    assert_int_equal(rig_status(rig).applied_index, 1002);
    rig_free(rig);
}

/* A leader that is no voter (thesis 4.2.2: it manages a cluster that does not
 * include it) does not count itself. */
static void a_leader_that_does_not_vote_does_not_count_itself(void **state)
{
    struct rig *rig = rig_new(1);
    struct craft_peers *peers = NULL;

    (void)state;
    rig_lead(rig, 3);
    peers = &rig->node->peers;
    peers->self_votes = false;
    peers->voters_len = 2;
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    assert_int_equal(rig_status(rig).commit_index, 1); /* one of two */
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0);
    assert_int_equal(rig_status(rig).commit_index, 2);
    peers->self_votes = true;
    peers->voters_len = 3;
    rig_free(rig);
}

static void receive_refusal(struct rig *rig, craft_index rejected,
                            craft_index hint, craft_term hint_term)
{
    craft_message reply =
        rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, 2, rig_status(rig).term);

    reply.as.append_reply.rejected = 1;
    reply.as.append_reply.rejected_index = rejected;
    reply.as.append_reply.hint_index = hint;
    reply.as.append_reply.hint_term = hint_term;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
}

/* Whatever the hint says: not past what was refused, or the same question
 * would be asked for ever; not back behind what is matched. */
static void
a_hint_moves_next_between_what_matches_and_what_is_refused(void **state)
{
    struct rig *rig = rig_new(1);
    struct craft_peer *peer;

    (void)state;
    rig_lead(rig, 3);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(craft_propose(rig->node, NULL, 0, 0), 0);
    }
    rig_run(rig);
    peer = &rig->node->peers.slots[0];
    assert_int_equal(peer->progress, CRAFT_PROGRESS_PROBE);
    assert_int_equal(peer->next_index, 2);
    receive_refusal(rig, 1, 7, 2);
    assert_int_equal(peer->next_index, 1);
    craft_peer_probe(peer, 6);
    peer->match_index = 3;
    receive_refusal(rig, 5, 1, 1);
    assert_int_equal(peer->next_index, 4);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_campaigns_for_an_entry_without_a_number),
        cmocka_unit_test(no_command_takes_the_last_numbers),
        cmocka_unit_test(no_such_entry_is_restored),
        cmocka_unit_test(holds_are_counted_up_to_a_bound),
        cmocka_unit_test(limits_may_be_as_large_as_numbers_are),
        cmocka_unit_test(a_leader_that_does_not_vote_does_not_count_itself),
        cmocka_unit_test(
            a_hint_moves_next_between_what_matches_and_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
