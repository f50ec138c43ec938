/* Records whose endings come out of the usual order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/persist.h"
#include "rig.h"

/* A pulled node of three voters, started, with its first record open. */
static craft_node *open_node(void)
{
    craft_member members[3];
    craft_config config;
    craft_node *node = NULL;

    memset(members, 0, sizeof members);
    for (size_t i = 0; i < 3; i++) {
        members[i].id = i + 1;
        members[i].role = CRAFT_MEMBER_VOTER;
    }
    craft_config_init(&config, sizeof config);
    config.id = 1;
    assert_int_equal(craft_node_new(&config, NULL, NULL, &node), 0);
    assert_int_equal(craft_node_bootstrap(node, members, 3), 0);
    assert_int_equal(craft_node_start(node), 0);
    return node;
}

/* The next effect that is no event. */
static craft_effect pull(craft_node *node)
{
    craft_effect effect;

    do {
        memset(&effect, 0, sizeof effect);
        effect.struct_size = sizeof effect;
        if (craft_next_effect(node, &effect) != 1) {
            effect.kind = 0;
        }
    } while (effect.kind == CRAFT_EFFECT_EVENT);
    return effect;
}

static void receive_vote(craft_node *node, craft_term term)
{
    craft_message message;

    memset(&message, 0, sizeof message);
    message.struct_size = sizeof message;
    message.kind = CRAFT_MESSAGE_VOTE;
    message.from = 2;
    message.to = 1;
    message.term = term;
    message.as.vote.last_index = 1;
    message.as.vote.last_term = 1;
    assert_int_equal(craft_receive(node, &message), 0);
}

/*
 * A vote meets a full disk while the record before it is still open. When that
 * one ends well and leaves nothing else to write, no tick would ask again.
 */
static void a_vote_that_met_a_full_disk_goes_out_again(void **state)
{
    craft_node *node = open_node();
    craft_effect effect = pull(node);

    (void)state;
    assert_int_equal(effect.kind, CRAFT_EFFECT_PERSIST);
    assert_int_equal(effect.persist->ticket, 1);
    receive_vote(node, 5);
    effect = pull(node);
    assert_int_equal(effect.kind, CRAFT_EFFECT_PERSIST);
    assert_int_equal(effect.persist->ticket, 2);
    assert_int_equal(craft_persisted(node, 2, CRAFT_ENDING_NOSPACE), 0);
    assert_int_equal(pull(node).kind, 0);
    assert_int_equal(craft_persisted(node, 1, CRAFT_ENDING_OK), 0);
    effect = pull(node);
    assert_int_equal(effect.kind, CRAFT_EFFECT_PERSIST);
    assert_int_equal(effect.persist->term, 5);
    assert_int_equal(effect.persist->voted_for, 2);
    assert_int_equal(craft_persisted(node, effect.persist->ticket, 0), 0);
    effect = pull(node);
    assert_int_equal(effect.kind, CRAFT_EFFECT_SEND);
    assert_int_equal(effect.message->as.vote_reply.granted, 1);
    craft_node_free(node);
}

/* An empty append of that term, behind entry 1, which everyone has. */
static void receive_append(craft_node *node, craft_term term)
{
    craft_message message;

    memset(&message, 0, sizeof message);
    message.struct_size = sizeof message;
    message.kind = CRAFT_MESSAGE_APPEND;
    message.from = 2;
    message.to = 1;
    message.term = term;
    message.round = 1;
    message.as.append.prev_index = 1;
    message.as.append.prev_term = 1;
    assert_int_equal(craft_receive(node, &message), 0);
}

static void assert_match_told(craft_node *node, craft_index match)
{
    craft_effect effect = pull(node);

    assert_int_equal(effect.kind, CRAFT_EFFECT_SEND);
    assert_int_equal(effect.message->kind, CRAFT_MESSAGE_APPEND_REPLY);
    assert_int_equal(effect.message->as.append_reply.rejected, 0);
    assert_int_equal(effect.message->as.append_reply.match_index, match);
}

/*
 * Figure 3.1: "currentTerm ... Updated on stable storage before responding". A
 * crash would bring the server back in the old term, whose leader may replace
 * what was acknowledged to the new one; and that one, which counts it as
 * matched, would take every refusal from then on for a late one.
 */
static void a_match_waits_for_its_term(void **state)
{
    craft_node *node = open_node();
    craft_effect effect = pull(node);

    (void)state;
    assert_int_equal(effect.kind, CRAFT_EFFECT_PERSIST);
    assert_int_equal(craft_persisted(node, 1, CRAFT_ENDING_OK), 0);
    assert_int_equal(pull(node).kind, 0);
    receive_append(node, 5);
    effect = pull(node);
    assert_int_equal(effect.kind, CRAFT_EFFECT_PERSIST);
    assert_int_equal(effect.persist->term, 5);
    assert_match_told(node, 0); /* it is there: that is no promise */
    assert_int_equal(pull(node).kind, 0);
    assert_int_equal(craft_persisted(node, 2, CRAFT_ENDING_OK), 0);
    assert_match_told(node, 1);
    assert_int_equal(pull(node).kind, 0);
    receive_append(node, 5);
    assert_match_told(node, 1);
    craft_node_free(node);
}

/*
 * A follower whose disk is full takes no entries; a configuration among those
 * it was offered is not in force, whatever comes next.
 */
static void a_configuration_that_does_not_fit_is_not_in_force(void **state)
{
    struct rig *rig = rig_new(1);
    uint8_t blob[400];
    craft_entry entry;
    craft_append payload = {1, 1, 0, &entry, 1};

    (void)state;
    rig_found(rig, 3);
    rig->slow_disk = true;
    rig_entries(&entry, 1, 2, 2, 1);
    assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
    rig_run(rig);
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_NOSPACE), 0);
    rig->disk_last = 1;
    payload.prev_index = 2;
    payload.prev_term = 2;
    entry.index = 3;
    entry.kind = CRAFT_ENTRY_CONFIGURATION;
    entry.data = blob;
    entry.data_len = rig_blob(2, blob, sizeof blob);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
        assert_int_equal(rig_status(rig).last_index, 2);
        assert_int_equal(rig_status(rig).configuration_index, 1);
    }
    rig->slow_disk = false;
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_int_equal(rig->disk_last, 2);
    assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).configuration_index, 3);
    rig_free(rig);
}

static void a_ticket_is_open_from_its_record_to_its_ending(void **state)
{
    craft_node *node = open_node();

    (void)state;
    assert_false(craft_persist_open(node, 1));
    assert_int_equal(pull(node).kind, CRAFT_EFFECT_PERSIST);
    assert_true(craft_persist_open(node, 1));
    assert_false(craft_persist_open(node, 0));
    assert_false(craft_persist_open(node, 2));
    assert_int_equal(craft_persisted(node, 1, CRAFT_ENDING_OK), 0);
    assert_false(craft_persist_open(node, 1));
    craft_node_free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vote_that_met_a_full_disk_goes_out_again),
        cmocka_unit_test(a_match_waits_for_its_term),
        cmocka_unit_test(a_configuration_that_does_not_fit_is_not_in_force),
        cmocka_unit_test(a_ticket_is_open_from_its_record_to_its_ending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
