/*
 * Two doors, one sequence: holds, hooks that call back, effects pulled; stop
 * and free at awkward moments (redisraft 634d9a5, canonical 50d72f2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define TEXT_MAX 16384u

struct host;

typedef void (*inside)(struct host *host);

/* A node with hooks that tell what they are called with. */
struct host {
    struct test_memory memory;
    craft_node *node;
    char text[TEXT_MAX];
    size_t text_len;
    bool tell_events;
    bool slow; /* nothing is ended inside its hook */
    uint64_t ticket;
    craft_index apply_last;
    int depth;     /* of hooks on the stack */
    inside act[8]; /* [enum craft_effect_kind], called inside that hook */
    int acted;
};

static void act(struct host *host, uint32_t kind)
{
    assert_int_equal(host->depth, 0); /* no hook inside a hook */
    host->depth++;
    if (host->act[kind] != NULL) {
        host->acted++;
        host->act[kind](host);
    }
    host->depth--;
}

static void tell(struct host *host, const char *line)
{
    int len = snprintf(host->text + host->text_len, TEXT_MAX - host->text_len,
                       "%s\n", line);

    assert_true(len > 0 && host->text_len + (size_t)len < TEXT_MAX);
    host->text_len += (size_t)len;
}

static void on_send(void *ctx, const craft_message *message)
{
    char line[256];

    (void)craft_describe_message(message, line, sizeof line);
    tell(ctx, line);
    act(ctx, CRAFT_EFFECT_SEND);
}

static void on_persist(void *ctx, const craft_persist *record)
{
    struct host *host = ctx;
    char line[256];

    (void)craft_describe_persist(record, line, sizeof line);
    tell(host, line);
    host->ticket = record->ticket;
    act(host, CRAFT_EFFECT_PERSIST);
    if (!host->slow && host->node != NULL) {
        (void)craft_persisted(host->node, host->ticket, CRAFT_ENDING_OK);
    }
}

static void on_apply(void *ctx, const craft_entry *entries, size_t entries_len)
{
    craft_effect effect = {.kind = CRAFT_EFFECT_APPLY,
                           .entries = entries,
                           .entries_len = entries_len};
    struct host *host = ctx;
    char line[256];

    (void)craft_describe_effect(&effect, line, sizeof line);
    tell(host, line);
    host->apply_last = entries[entries_len - 1].index;
    act(host, CRAFT_EFFECT_APPLY);
    if (!host->slow && host->node != NULL) {
        (void)craft_applied(host->node, host->apply_last, CRAFT_ENDING_OK);
    }
}

static void on_done(void *ctx, uint64_t token, int result, craft_index index)
{
    craft_effect effect = {.kind = CRAFT_EFFECT_DONE,
                           .token = token,
                           .result = result,
                           .index = index};
    char line[256];

    (void)craft_describe_effect(&effect, line, sizeof line);
    tell(ctx, line);
    act(ctx, CRAFT_EFFECT_DONE);
}

static void on_event(void *ctx, const craft_event *event)
{
    struct host *host = ctx;
    char line[256];

    (void)craft_describe_event(event, line, sizeof line);
    if (host->tell_events) {
        tell(host, line);
    }
    act(host, CRAFT_EFFECT_EVENT);
}

static const craft_hooks hooks = {.struct_size = sizeof hooks,
                                  .send = on_send,
                                  .persist = on_persist,
                                  .apply = on_apply,
                                  .done = on_done,
                                  .event = on_event};

static struct host *host_new(size_t voters)
{
    struct host *host = calloc(1, sizeof *host);
    craft_member members[3];
    craft_config config;

    assert_non_null(host);
    memset(members, 0, sizeof members);
    for (size_t i = 0; i < voters; i++) {
        members[i].id = i + 1;
        members[i].role = CRAFT_MEMBER_VOTER;
    }
    craft_config_init(&config, sizeof config);
    config.flags = 0;
    config.id = 1;
    config.allocator = test_memory_allocator(&host->memory);
    assert_int_equal(craft_node_new(&config, &hooks, host, &host->node), 0);
    assert_int_equal(craft_node_bootstrap(host->node, members, voters), 0);
    assert_int_equal(craft_node_start(host->node), 0);
    return host;
}

/* Leader of one voter, everything quiet, nothing told. */
static struct host *host_lead(void)
{
    struct host *host = host_new(1);

    assert_int_equal(craft_campaign(host->node), 0);
    host->text_len = 0;
    host->text[0] = '\0';
    return host;
}

static void host_free(struct host *host)
{
    if (host->node != NULL) {
        assert_null(craft_check(host->node));
        craft_node_free(host->node);
    }
    assert_int_equal(host->memory.blocks, 0);
    free(host);
}

static void assert_told(struct host *host, const char *want)
{
    assert_string_equal(host->text, want);
    host->text_len = 0;
    host->text[0] = '\0';
}

static void propose(struct host *host, uint64_t token)
{
    assert_int_equal(craft_propose(host->node, (const uint8_t *)"x", 1, token),
                     0);
}

/* ------------------------------------------------------------------- holds */

static void effects_are_delivered_before_an_input_returns(void **state)
{
    struct host *host = host_lead();

    (void)state;
    propose(host, 7);
    assert_told(host, "persist #4 [3@2 \"x\"]\n"
                      "apply [3@2 \"x\"]\n"
                      "done token=7 ok index=3\n");
    host_free(host);
}

static void many_inputs_under_a_hold_are_one_delivery(void **state)
{
    struct host *host = host_lead();

    (void)state;
    assert_int_equal(craft_hold(host->node), 0);
    propose(host, 7);
    propose(host, 0);
    propose(host, 9);
    assert_told(host, "");
    assert_int_equal(craft_release(host->node), 0);
    assert_told(host, "persist #4 [3@2 \"x\" 4@2 \"x\" 5@2 \"x\"]\n"
                      "apply [3@2 \"x\" 4@2 \"x\" 5@2 \"x\"]\n"
                      "done token=7 ok index=3\n"
                      "done token=9 ok index=5\n");
    host_free(host);
}

static void holds_nest_and_the_outermost_delivers(void **state)
{
    struct host *host = host_lead();

    (void)state;
    assert_int_equal(craft_hold(host->node), 0);
    assert_int_equal(craft_hold(host->node), 0);
    propose(host, 7);
    assert_int_equal(craft_release(host->node), 0);
    assert_told(host, "");
    assert_int_equal(craft_release(host->node), 0);
    assert_told(host, "persist #4 [3@2 \"x\"]\n"
                      "apply [3@2 \"x\"]\n"
                      "done token=7 ok index=3\n");
    assert_int_equal(craft_release(host->node), CRAFT_ERR_STATE);
    host_free(host);
}

static void take_hold(struct host *host)
{
    assert_int_equal(craft_hold(host->node), 0);
}

static void let_go(struct host *host)
{
    assert_int_equal(craft_release(host->node), 0);
}

static void a_hold_taken_inside_a_hook_stops_the_delivery(void **state)
{
    struct host *host = host_lead();

    (void)state;
    host->act[CRAFT_EFFECT_PERSIST] = take_hold;
    propose(host, 7);
    assert_told(host, "persist #4 [3@2 \"x\"]\n");
    host->act[CRAFT_EFFECT_PERSIST] = NULL;
    assert_int_equal(craft_release(host->node), 0);
    assert_told(host, "apply [3@2 \"x\"]\ndone token=7 ok index=3\n");
    host_free(host);
}

static void hold_and_let_go(struct host *host)
{
    take_hold(host);
    propose(host, 0);
    let_go(host);
    assert_int_equal(craft_release(host->node), CRAFT_ERR_STATE);
}

static void hold_and_release_inside_a_hook_deliver_after_it(void **state)
{
    struct host *host = host_lead();

    (void)state;
    host->act[CRAFT_EFFECT_DONE] = hold_and_let_go;
    propose(host, 7);
    assert_told(host, "persist #4 [3@2 \"x\"]\n"
                      "apply [3@2 \"x\"]\n"
                      "done token=7 ok index=3\n"
                      "persist #5 [4@2 \"x\"]\n"
                      "apply [4@2 \"x\"]\n");
    host_free(host);
}

/* ------------------------------------------------------ calls inside hooks */

static void propose_thrice(struct host *host)
{
    if (host->acted <= 3) {
        propose(host, 100 + (uint64_t)host->acted);
    }
}

/* redisraft 634d9a5: what a hook causes follows when it has returned; no
 * recursion. */
static void proposals_from_done_follow_when_it_has_returned(void **state)
{
    struct host *host = host_lead();

    (void)state;
    host->act[CRAFT_EFFECT_DONE] = propose_thrice;
    propose(host, 100);
    assert_told(host, "persist #4 [3@2 \"x\"]\n"
                      "apply [3@2 \"x\"]\n"
                      "done token=100 ok index=3\n"
                      "persist #5 [4@2 \"x\"]\n"
                      "apply [4@2 \"x\"]\n"
                      "done token=101 ok index=4\n"
                      "persist #6 [5@2 \"x\"]\n"
                      "apply [5@2 \"x\"]\n"
                      "done token=102 ok index=5\n"
                      "persist #7 [6@2 \"x\"]\n"
                      "apply [6@2 \"x\"]\n"
                      "done token=103 ok index=6\n");
    host_free(host);
}

static void meet_a_later_term(struct host *host)
{
    craft_message message = {.struct_size = sizeof message,
                             .kind = CRAFT_MESSAGE_APPEND,
                             .from = 2,
                             .to = 1,
                             .term = 50,
                             .round = 1};
    craft_entry entry;

    if (host->acted > 1) {
        return;
    }
    rig_entries(&entry, 1, 2, 50, 1);
    message.as.append = (craft_append){1, 1, 0, &entry, 1};
    assert_int_equal(craft_receive(host->node, &message), 0);
}

/* The entries that the first send lends are truncated while it runs; the
 * second, of a leadership that is over, must not leave. */
static void a_message_inside_send_takes_effect_at_once(void **state)
{
    struct host *host = host_new(3);
    craft_message reply = {.struct_size = sizeof reply,
                           .kind = CRAFT_MESSAGE_VOTE_REPLY,
                           .from = 2,
                           .to = 1,
                           .term = 2};

    (void)state;
    assert_int_equal(craft_campaign(host->node), 0);
    host->text_len = 0;
    host->act[CRAFT_EFFECT_SEND] = meet_a_later_term;
    reply.as.vote_reply.granted = 1;
    assert_int_equal(craft_receive(host->node, &reply), 0);
    assert_told(host, "1 -> 2 append t2 prev=1@1 commit=1 [2@2 noop]\n"
                      "persist #3 term=50 vote=0 [2@50 \"x\"]\n"
                      "1 -> 2 append_reply t50 match=2\n");
    host_free(host);
}

static void free_node(struct host *host)
{
    craft_node *node = host->node;
    size_t bytes = host->memory.bytes;

    craft_node_free(node);
    /* It is still there until the delivery ends. */
    assert_int_equal(host->memory.bytes, bytes);
    assert_true(craft_hold(node) <= 0);
    assert_non_null(craft_error_name(craft_propose(node, NULL, 0, 1)));
    host->node = NULL;
}

/* Inside each hook in turn; ASan tells whoever touches it afterwards. */
static void a_node_may_be_freed_inside_any_hook(void **state)
{
    (void)state;
    for (uint32_t kind = CRAFT_EFFECT_SEND; kind <= CRAFT_EFFECT_EVENT;
         kind++) {
        struct host *host = host_new(kind == CRAFT_EFFECT_SEND ? 3 : 1);

        if (kind == CRAFT_EFFECT_FETCH) {
            host_free(host);
            continue; /* hooks without fetch */
        }
        host->act[kind] = free_node;
        assert_int_equal(craft_campaign(host->node), 0);
        if (host->node != NULL) {
            (void)craft_propose(host->node, NULL, 0, 7);
        }
        assert_null(host->node);
        assert_int_equal(host->acted, 1);
        host_free(host);
    }
}

static void free_held_node(struct host *host)
{
    take_hold(host);
    free_node(host);
}

static void a_node_that_is_held_may_be_freed_inside_a_hook(void **state)
{
    struct host *host = host_lead();

    (void)state;
    host->act[CRAFT_EFFECT_PERSIST] = free_held_node;
    (void)craft_propose(host->node, NULL, 0, 7);
    assert_told(host, "persist #4 [3@2 \"\"]\n");
    host_free(host);
}

/* Freeing is silent: what was due is not delivered. */
static void a_node_that_is_held_may_be_freed(void **state)
{
    struct host *host = host_lead();

    (void)state;
    take_hold(host);
    propose(host, 7);
    craft_node_free(host->node);
    host->node = NULL;
    assert_told(host, "");
    host_free(host);
}

static void stop_node(struct host *host)
{
    assert_int_equal(craft_node_stop(host->node), 0);
}

/* canonical 50d72f2: all tokens end; nothing else is asked for. */
static void a_node_stopped_inside_a_hook_only_ends_its_tokens(void **state)
{
    struct host *host = host_lead();

    (void)state;
    take_hold(host);
    propose(host, 7);
    propose(host, 0);
    propose(host, 8);
    host->act[CRAFT_EFFECT_PERSIST] = stop_node;
    let_go(host);
    assert_told(host, "persist #4 [3@2 \"x\" 4@2 \"x\" 5@2 \"x\"]\n"
                      "done token=7 unknown index=3\n"
                      "done token=8 unknown index=5\n");
    assert_int_equal(craft_persisted(host->node, 4, CRAFT_ENDING_OK),
                     CRAFT_ERR_STOPPED);
    host_free(host);
}

static void a_node_stopped_while_held_ends_its_tokens_at_the_release(void **s)
{
    struct host *host = host_lead();

    (void)s;
    take_hold(host);
    propose(host, 7);
    stop_node(host);
    assert_told(host, "");
    assert_int_equal(craft_hold(host->node), CRAFT_ERR_STOPPED);
    let_go(host);
    assert_told(host, "done token=7 unknown index=3\n");
    host_free(host);
}

static void a_node_stops_with_everything_open(void **state)
{
    struct host *host = host_lead();

    (void)state;
    host->slow = true;
    propose(host, 7);
    assert_int_equal(craft_persisted(host->node, host->ticket, CRAFT_ENDING_OK),
                     0);
    propose(host, 8);
    host->text_len = 0;
    stop_node(host);
    assert_told(host, "done token=7 unknown index=3\n"
                      "done token=8 unknown index=4\n");
    assert_int_equal(craft_applied(host->node, 3, CRAFT_ENDING_OK),
                     CRAFT_ERR_STOPPED);
    host_free(host);
}

/* --------------------------------------------------------------- the pull */

static void both_doors_give_the_same_sequence(void **state)
{
    struct host *host = host_new(1);
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.group = 0;
    rig_found(rig, 1);
    assert_int_equal(craft_campaign(host->node), 0);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    for (uint64_t token = 0; token < 5; token++) {
        assert_int_equal(craft_hold(rig->node), 0);
        take_hold(host);
        for (uint64_t k = 0; k < token; k++) {
            propose(host, token);
            assert_int_equal(
                craft_propose(rig->node, (const uint8_t *)"x", 1, token), 0);
        }
        let_go(host);
        assert_int_equal(craft_release(rig->node), 0);
        rig_run(rig);
    }
    assert_string_equal(host->text, rig_told(rig));
    rig_free(rig);
    host_free(host);
}

static void nothing_is_pulled_while_held(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 1);
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(craft_propose(rig->node, NULL, 0, 1), 0);
    assert_int_equal(rig_pull(rig), 0);
    assert_int_equal(craft_release(rig->node), 0);
    assert_int_equal(rig_pull(rig), CRAFT_EFFECT_PERSIST);
    rig_free(rig);
}

static void assert_precious(const craft_entry *lent)
{
    assert_int_equal(lent->index, 3);
    assert_int_equal(lent->term, 2);
    assert_int_equal(lent->data_len, 8);
    assert_memory_equal(lent->data, "precious", 8);
}

/* A leader whose append of entry 3 was just pulled. */
static struct rig *rig_lending(const craft_entry **lent)
{
    struct rig *rig = rig_new(1);

    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    assert_int_equal(
        craft_propose(rig->node, (const uint8_t *)"precious", 8, 1), 0);
    assert_int_equal(rig_pull(rig), CRAFT_EFFECT_SEND);
    assert_int_equal(rig->effect.message->as.append.entries_len, 1);
    *lent = rig->effect.message->as.append.entries;
    return rig;
}

/* What is lent outlives truncation in place, growth and eviction until the
 * next pull: ASan and the bytes tell. */
static void a_pulled_effect_stays_whole_until_the_next_pull(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 30; len += 29) {
        const craft_entry *lent;
        struct rig *rig = rig_lending(&lent);
        craft_entry entries[30];
        craft_append payload = {2, 2, 0, entries, len};

        for (craft_term term = 9; term < 14; term++) {
            rig_entries(entries, len, 3, term, 900);
            assert_int_equal(rig_append(rig, 2, term, &payload), 0);
            assert_precious(lent);
            assert_null(craft_check(rig->node));
        }
        rig_run(rig);
        assert_int_equal(rig_status(rig).last_term, 13);
        rig_free(rig);
    }
}

/* A pull that finds the node held gives nothing, and takes nothing back. */
static void a_pull_while_held_leaves_the_last_effect_whole(void **state)
{
    const craft_entry *lent;
    struct rig *rig = rig_lending(&lent);
    craft_entry entry;
    craft_append payload = {2, 2, 0, &entry, 1};

    (void)state;
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(rig_pull(rig), 0);
    rig_entries(&entry, 1, 3, 9, 1);
    assert_int_equal(rig_append(rig, 2, 9, &payload), 0);
    assert_precious(lent);
    assert_int_equal(craft_release(rig->node), 0);
    assert_precious(lent);
    rig_run(rig);
    rig_free(rig);
}

/* Decision 11: a stalled loop reads its heartbeats before it campaigns, also
 * when something in between has to be settled. */
static void ticks_wait_for_what_is_received_in_the_same_hold(void **state)
{
    struct rig *rig = rig_new(1);
    craft_append payload = {1, 1, 0, NULL, 0};
    craft_message refusal;

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    refusal = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, 2);
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(craft_tick(rig->node, 1000), 0);
    assert_int_equal(craft_receive(rig->node, &refusal), 0);
    assert_int_equal(craft_propose(rig->node, NULL, 0, 1),
                     CRAFT_ERR_NOT_LEADER);
    assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
    assert_int_equal(craft_release(rig->node), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(rig_status(rig).leader, 2);
    assert_int_equal(rig_status(rig).term, 2);
    rig_free(rig);
}

/* ------------------------------------------------------------------ events */

static void events_are_levels_with_counts(void **state)
{
    struct rig *rig = rig_new(1);
    craft_message message;

    (void)state;
    rig_found(rig, 3);
    rig->tell_events = true;
    (void)rig_told(rig);
    assert_int_equal(craft_hold(rig->node), 0);
    for (craft_term term = 5; term < 105; term++) {
        message = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 2, term);
        assert_int_equal(craft_receive(rig->node, &message), 0);
        message.kind = 77;
        assert_int_equal(craft_receive(rig->node, &message), CRAFT_ERR_MESSAGE);
    }
    message.from = 3;
    message.group = 999;
    assert_int_equal(craft_receive(rig->node, &message),
                     CRAFT_ERR_MISADDRESSED);
    assert_int_equal(craft_release(rig->node), 0);
    rig_run(rig);
    assert_string_equal(
        rig_told(rig),
        "persist #2 term=104 vote=0\n"
        "event term id=0 term=104 index=1 count=100\n"
        "event refused value=-305 id=3 term=104 index=1 count=101\n");
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    rig_free(rig);
}

static void every_change_of_standing_is_told(void **state)
{
    struct rig *rig = rig_new(1);
    craft_append payload = {1, 1, 0, NULL, 0};

    (void)state;
    rig->tell_events = true;
    rig_found(rig, 1);
    assert_string_equal(rig_told(rig),
                        "persist #1 term=1 vote=0 [1@1 configuration]\n"
                        "event configuration id=0 term=1 index=1\n");
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "persist #2 term=2 vote=1\n"
                        "persist #3 [2@2 noop]\n"
                        "event role leader id=0 term=2 index=1 count=2\n"
                        "event leader id=1 term=2 index=1\n"
                        "event term id=0 term=2 index=1\n");
    assert_int_equal(rig_append(rig, 2, 7, &payload), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "persist #4 term=7 vote=0\n"
                        "1 -> 2 append_reply t7 match=1\n"
                        "event role follower id=0 term=2 index=2\n"
                        "event leader id=2 term=7 index=2\n"
                        "event term id=0 term=7 index=2\n");
    rig_free(rig);
}

/* `done` is optional: what ends is then told to nobody. */
static void without_done_requests_end_all_the_same(void **state)
{
    struct host *host = host_new(1);
    craft_hooks fewer = hooks;
    craft_node *node = host->node;
    craft_member member = {1, 0, CRAFT_MEMBER_VOTER, 0, 0, 0, NULL, 0};
    craft_status status = {.struct_size = sizeof status};
    craft_config config;

    (void)state;
    craft_node_free(node);
    craft_config_init(&config, sizeof config);
    config.id = 1;
    config.allocator = test_memory_allocator(&host->memory);
    fewer.done = NULL;
    assert_int_equal(craft_node_new(&config, &fewer, host, &host->node), 0);
    assert_int_equal(craft_node_bootstrap(host->node, &member, 1), 0);
    assert_int_equal(craft_node_start(host->node), 0);
    assert_int_equal(craft_campaign(host->node), 0);
    propose(host, 7);
    assert_int_equal(craft_node_status(host->node, &status), 0);
    assert_int_equal(status.applied_index, 3);
    assert_int_equal(status.tokens_open, 0);
    assert_null(strstr(host->text, "done"));
    host_free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effects_are_delivered_before_an_input_returns),
        cmocka_unit_test(many_inputs_under_a_hold_are_one_delivery),
        cmocka_unit_test(holds_nest_and_the_outermost_delivers),
        cmocka_unit_test(a_hold_taken_inside_a_hook_stops_the_delivery),
        cmocka_unit_test(hold_and_release_inside_a_hook_deliver_after_it),
        cmocka_unit_test(proposals_from_done_follow_when_it_has_returned),
        cmocka_unit_test(a_message_inside_send_takes_effect_at_once),
        cmocka_unit_test(a_node_may_be_freed_inside_any_hook),
        cmocka_unit_test(a_node_that_is_held_may_be_freed_inside_a_hook),
        cmocka_unit_test(a_node_that_is_held_may_be_freed),
        cmocka_unit_test(a_node_stopped_inside_a_hook_only_ends_its_tokens),
        cmocka_unit_test(
            a_node_stopped_while_held_ends_its_tokens_at_the_release),
        cmocka_unit_test(a_node_stops_with_everything_open),
        cmocka_unit_test(both_doors_give_the_same_sequence),
        cmocka_unit_test(nothing_is_pulled_while_held),
        cmocka_unit_test(a_pulled_effect_stays_whole_until_the_next_pull),
        cmocka_unit_test(a_pull_while_held_leaves_the_last_effect_whole),
        cmocka_unit_test(ticks_wait_for_what_is_received_in_the_same_hold),
        cmocka_unit_test(events_are_levels_with_counts),
        cmocka_unit_test(every_change_of_standing_is_told),
        cmocka_unit_test(without_done_requests_end_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
