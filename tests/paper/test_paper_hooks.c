/*
 * How effects reach the host: two doors with one sequence, inputs from inside
 * every hook, holds, the order of a delivery.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_play.h"

/* -------------------------------------------------------------- two doors */

#define LINES_MAX 6000u
#define LINE_LEN 96u

struct lines {
    char text[LINES_MAX][LINE_LEN];
    size_t len;
};

static struct lines by_hooks;
static struct lines by_pulling;

static void line_note(struct cluster_node *node, const craft_effect *effect)
{
    struct lines *lines = node->cluster->watch_data;
    char line[LINE_LEN];

    if (lines->len == LINES_MAX) {
        return;
    }
    (void)craft_describe_effect(effect, line, sizeof line);
    (void)snprintf(lines->text[lines->len], LINE_LEN, "%u %.90s",
                   node->position, line);
    lines->len++;
}

static void door_step(struct cluster *cluster)
{
    uint32_t position = 1 + cluster_random(cluster, 3);
    struct cluster_node *node = cluster_node(cluster, position);

    switch (cluster_random(cluster, 10)) {
    case 0:
        (void)cluster_tick(cluster, position, 1 + cluster_random(cluster, 4));
        break;
    case 1:
        (void)cluster_propose(cluster, position);
        break;
    case 2:
        (void)cluster_persist_one(cluster, position,
                                  cluster_random(cluster, 9) == 0
                                      ? CRAFT_ENDING_NOSPACE
                                      : CRAFT_ENDING_OK);
        break;
    case 3:
        (void)cluster_apply_all(cluster, position);
        break;
    case 4:
        (void)cluster_fetch_one(cluster, position, CRAFT_ENDING_OK);
        break;
    case 5:
        if (node->holds > 0) {
            cluster_release(cluster, position);
        } else if (cluster_random(cluster, 3) == 0) {
            cluster_hold(cluster, position);
        }
        break;
    default:
        if (cluster->network_len > 0) {
            size_t at = cluster_random(cluster, (uint32_t)cluster->network_len);

            (void)cluster_deliver_message(cluster,
                                          cluster_find(cluster, play_all(), at),
                                          cluster_random(cluster, 9) == 0);
        }
        break;
    }
}

static void door_run(uint64_t seed, bool pull, struct lines *lines)
{
    struct cluster_options options;
    struct cluster *cluster;

    cluster_options_init(&options, 3);
    options.seed = seed;
    options.pull = pull;
    options.config.log_cache_bytes_max = 256;
    options.config.entry_bytes_max = 64;
    options.config.message_bytes_max = 256;
    cluster = cluster_new(&options);
    lines->len = 0;
    cluster->watch = line_note;
    cluster->watch_data = lines;
    for (uint32_t i = 1; i <= 3; i++) {
        struct cluster_node *node = cluster_node(cluster, i);

        node->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
        node->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
        node->fetch_ends = CLUSTER_ENDS_WHEN_TOLD;
    }
    for (int i = 0; i < 800; i++) {
        door_step(cluster);
    }
    cluster_free(cluster);
}

/* The same inputs cause the same effects, in the same order, by both doors. */
static void hooks_and_pulling_give_the_same_sequence(void **state)
{
    size_t most = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        door_run(seed, false, &by_hooks);
        door_run(seed, true, &by_pulling);
        for (size_t i = 0; i < by_hooks.len && i < by_pulling.len; i++) {
            assert_string_equal(by_pulling.text[i], by_hooks.text[i]);
        }
        assert_int_equal(by_pulling.len, by_hooks.len);
        most = by_hooks.len > most ? by_hooks.len : most;
    }
    assert_in_range(most, 200, LINES_MAX);
}

/* And a second run of the same inputs gives them again. */
static void same_inputs_give_the_same_effects(void **state)
{
    (void)state;
    door_run(99, false, &by_hooks);
    door_run(99, false, &by_pulling);
    assert_int_equal(by_pulling.len, by_hooks.len);
    for (size_t i = 0; i < by_hooks.len; i++) {
        assert_string_equal(by_pulling.text[i], by_hooks.text[i]);
    }
}

/* A node of one door does not open the other; nothing while held. */
static void pulling_needs_a_node_without_hooks_or_holds(void **state)
{
    struct cluster_options options;
    struct cluster *cluster = play_cluster(1);
    craft_effect effect = {.struct_size = sizeof effect};

    (void)state;
    assert_int_equal(craft_next_effect(cluster_node(cluster, 1)->node, &effect),
                     CRAFT_ERR_STATE);
    cluster_free(cluster);
    cluster_options_init(&options, 1);
    options.pull = true;
    cluster = cluster_new(&options);
    assert_int_equal(craft_next_effect(cluster_node(cluster, 1)->node, &effect),
                     0);
    cluster_hold(cluster, 1);
    (void)cluster_campaign(cluster, 1);
    assert_int_equal(cluster_node(cluster, 1)->next_ticket, 2);
    assert_int_equal(craft_next_effect(cluster_node(cluster, 1)->node, &effect),
                     0);
    cluster_release(cluster, 1);
    assert_int_equal(cluster_leader(cluster), 1);
    effect.struct_size++;
    assert_int_equal(craft_next_effect(cluster_node(cluster, 1)->node, &effect),
                     CRAFT_ERR_INVALID);
    cluster_free(cluster);
}

/* ------------------------------------------------------------------- holds */

/* 64 proposals under one hold: one persist and one append per peer, unless a
 * range wraps in the log's array. */
static void
proposals_of_one_hold_are_one_write_and_one_append_each(void **state)
{
    struct cluster *cluster = play_leader(3);
    const struct cluster_node *node = cluster_node(cluster, 1);
    int whole = 0;

    (void)state;
    (void)play_present(cluster, 2, 2, 2);
    (void)play_present(cluster, 3, 2, 2);
    for (int i = 0; i < 8; i++) {
        uint32_t persists = node->effects[CRAFT_EFFECT_PERSIST];
        craft_index last;

        play_forget(cluster);
        cluster_hold(cluster, 1);
        for (int k = 0; k < 64; k++) {
            assert_int_equal(cluster_propose(cluster, 1), 0);
        }
        assert_int_equal(cluster->network_len, 0);
        cluster_release(cluster, 1);
        persists = node->effects[CRAFT_EFFECT_PERSIST] - persists;
        assert_in_range(persists, 1, 2);
        assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND),
                         persists);
        assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_APPEND),
                         persists);
        whole += persists == 1;
        last = cluster_status(cluster, 1).last_index;
        (void)play_match(cluster, 2, 2, last);
        (void)play_match(cluster, 3, 2, last);
    }
    assert_in_range(whole, 4, 8);
    cluster_free(cluster);
}

/* The same by one call. */
static void many_commands_are_one_write(void **state)
{
    struct cluster *cluster = play_cluster(1);
    uint32_t persists;

    (void)state;
    cluster_elect(cluster, 1);
    persists = cluster_node(cluster, 1)->effects[CRAFT_EFFECT_PERSIST];
    assert_int_equal(cluster_propose_many(cluster, 1, 64), 0);
    assert_in_range(cluster_node(cluster, 1)->effects[CRAFT_EFFECT_PERSIST] -
                        persists,
                    1, 2);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 66);
    cluster_free(cluster);
}

/* Holds nest; release without a hold is an error. */
static void holds_nest(void **state)
{
    struct cluster *cluster = play_cluster(1);
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    assert_int_equal(craft_release(node->node), CRAFT_ERR_STATE);
    cluster_hold(cluster, 1);
    cluster_hold(cluster, 1);
    (void)cluster_campaign(cluster, 1);
    cluster_release(cluster, 1);
    assert_int_equal(cluster_leader(cluster), 0);
    cluster_release(cluster, 1);
    assert_int_equal(cluster_leader(cluster), 1);
    cluster_free(cluster);
}

/* ------------------------------------------------------ inside of the hooks */

enum action {
    ACTION_TICK,
    ACTION_PROPOSE,
    ACTION_RECEIVE,
    ACTION_CAMPAIGN,
    ACTION_UNREACHABLE,
    ACTION_HOLD,
    ACTION_HOLD_FOR_LATER,
    ACTION_END,
    ACTION_STOP,
    ACTION_FREE,
    ACTION_RESTART,
    ACTION_COUNT
};

struct inside {
    uint32_t kind; /* of effect */
    uint32_t action;
    uint32_t wait; /* so many of them pass first */
    bool held;
    bool done;
};

static void action_do(struct cluster_node *node, struct inside *inside)
{
    struct cluster *cluster = node->cluster;
    uint32_t position = node->position;

    switch (inside->action) {
    case ACTION_TICK:
        (void)cluster_tick(cluster, position, 25);
        break;
    case ACTION_PROPOSE:
        for (int i = 0; i < 20; i++) {
            (void)cluster_propose(cluster, position);
        }
        break;
    case ACTION_RECEIVE: /* a loopback transport */
        (void)cluster_deliver(cluster, play_all());
        break;
    case ACTION_CAMPAIGN:
        (void)cluster_campaign(cluster, position);
        break;
    case ACTION_UNREACHABLE:
        (void)cluster_unreachable(cluster, position, 1 + position % 3);
        break;
    case ACTION_HOLD:
        cluster_hold(cluster, position);
        (void)cluster_propose(cluster, position);
        cluster_release(cluster, position);
        break;
    case ACTION_HOLD_FOR_LATER:
        cluster_hold(cluster, position);
        inside->held = true;
        break;
    case ACTION_END:
        (void)cluster_persist_all(cluster, position);
        (void)cluster_apply_all(cluster, position);
        (void)cluster_fetch_one(cluster, position, CRAFT_ENDING_OK);
        break;
    case ACTION_STOP:
        (void)cluster_stop(cluster, position);
        break;
    case ACTION_FREE:
        cluster_crash(cluster, position, CLUSTER_ALL);
        break;
    default:
        cluster_crash(cluster, position, CLUSTER_ALL);
        cluster_restart(cluster, position);
        break;
    }
}

static void inside_hook(struct cluster_node *node, uint32_t kind)
{
    struct inside *inside = node->cluster->inside_data;

    if (inside->done || kind != inside->kind) {
        return;
    }
    if (inside->wait > 0) {
        inside->wait--;
        return;
    }
    inside->done = true;
    action_do(node, inside);
}

static void hooks_lead_on(struct cluster *cluster, struct inside *inside)
{
    cluster->inside = inside_hook;
    cluster->inside_data = inside;
    cluster_run(cluster, 25);
    for (int i = 0; i < 6; i++) {
        uint32_t leader = cluster_leader(cluster);

        if (leader != 0) {
            (void)cluster_propose_many(cluster, leader, 7);
        }
        cluster_run(cluster, 2);
    }
    cluster->inside = NULL;
    for (uint32_t i = 1; i <= 3; i++) {
        struct cluster_node *node = cluster_node(cluster, i);

        while (node->holds > 0) {
            cluster_release(cluster, i);
        }
        if (node->node == NULL || node->halted) {
            cluster_crash(cluster, i, CLUSTER_ALL);
            cluster_restart(cluster, i);
        }
    }
    cluster_run(cluster, 80);
}

static void inside_run(uint32_t kind, uint32_t action, uint32_t wait, bool pull)
{
    struct inside inside = {kind, action, wait, false, false};
    struct cluster_options options;
    struct cluster *cluster;
    craft_index commit;

    cluster_options_init(&options, 3);
    options.pull = pull;
    options.config.log_cache_bytes_max = 256;
    options.config.entry_bytes_max = 64;
    options.config.message_bytes_max = 256;
    cluster = cluster_new(&options);
    if (action == ACTION_END) {
        for (uint32_t i = 1; i <= 3; i++) {
            cluster_node(cluster, i)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
            cluster_node(cluster, i)->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
        }
    }
    hooks_lead_on(cluster, &inside);
    assert_int_not_equal(cluster_leader(cluster), 0);
    commit = cluster_status(cluster, cluster_leader(cluster)).commit_index;
    assert_in_range(commit, 3, 1000);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(cluster_status(cluster, i).applied_index, commit);
    }
    cluster_free(cluster);
}

/* Pitfall: hooks that re-enter the core find it half changed (redisraft
 * 634d9a5, cowsql f66ae571). Every input from inside every hook, at several
 * places, by both doors: all goes on, and what it caused follows. */
static void any_input_may_come_from_inside_any_hook(void **state)
{
    (void)state;
    for (uint32_t kind = 1; kind <= CRAFT_EFFECT_EVENT; kind++) {
        for (uint32_t i = 0; i < ACTION_COUNT * 16; i++) {
            inside_run(kind, i % ACTION_COUNT, i / ACTION_COUNT / 2 * 3,
                       i / ACTION_COUNT % 2 == 1);
        }
    }
}

static void note_kind(struct cluster_node *node, const craft_effect *effect)
{
    char *text = node->cluster->watch_data;
    size_t len = strlen(text);

    if (node->position == 1 && len < 60) {
        text[len] = "?SPFADE"[effect->kind];
        text[len + 1] = '\0';
    }
}

/* The order of a delivery: messages that promise nothing, the disk, promises,
 * the state machine, requests that ended, events. */
static void delivery_has_a_written_order(void **state)
{
    struct cluster *cluster = play_cluster(1);
    char text[64] = "";

    (void)state;
    cluster_elect(cluster, 1);
    cluster->watch = note_kind;
    cluster->watch_data = text;
    (void)cluster_propose(cluster, 1);
    assert_string_equal(text, "PAD");
    cluster_free(cluster);

    cluster = play_leader(3);
    (void)play_present(cluster, 2, 2, 2);
    (void)play_present(cluster, 3, 2, 2);
    cluster->watch = note_kind;
    cluster->watch_data = text;
    text[0] = '\0';
    (void)cluster_propose(cluster, 1);
    assert_string_equal(text, "SSP");
    text[0] = '\0';
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 5,
                                                    .prev = 2,
                                                    .prev_term = 2,
                                                    .commit = 3,
                                                    .round = 1,
                                                    .entries = {5}});
    /* Persist, the match, apply, the superseded request, events. */
    assert_memory_equal(text, "PSADE", 5);
    cluster_free(cluster);
}

/* Events are levels: the latest of each kind, and how often. */
static void events_are_levels(void **state)
{
    struct cluster *cluster = play_one(3);
    struct cluster_node *node = cluster_node(cluster, 1);
    uint32_t events = node->effects[CRAFT_EFFECT_EVENT];

    (void)state;
    cluster_hold(cluster, 1);
    for (craft_term term = 2; term < 50; term++) {
        (void)play_vote(cluster, 2, term, 1, 1);
    }
    cluster_release(cluster, 1);
    assert_int_equal(node->effects[CRAFT_EFFECT_EVENT], events + 1);
    assert_int_equal(node->events[CRAFT_EVENT_TERM].count, 48);
    assert_int_equal(node->events[CRAFT_EVENT_TERM].term, 49);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hooks_and_pulling_give_the_same_sequence),
        cmocka_unit_test(same_inputs_give_the_same_effects),
        cmocka_unit_test(pulling_needs_a_node_without_hooks_or_holds),
        cmocka_unit_test(
            proposals_of_one_hold_are_one_write_and_one_append_each),
        cmocka_unit_test(many_commands_are_one_write),
        cmocka_unit_test(holds_nest),
        cmocka_unit_test(any_input_may_come_from_inside_any_hook),
        cmocka_unit_test(delivery_has_a_written_order),
        cmocka_unit_test(events_are_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
