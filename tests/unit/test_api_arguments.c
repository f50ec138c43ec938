/*
 * openraft cd7ff90e: every public function with NULL, with a wrong struct_size
 * and in a wrong phase of the node's life; every contradiction of a config.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

/* ------------------------------------------------------------------ inputs */

typedef int (*input)(craft_node *node);

static int do_tick(craft_node *node)
{
    return craft_tick(node, 1);
}

static int do_tick_nothing(craft_node *node)
{
    return craft_tick(node, 0);
}

static int do_receive(craft_node *node)
{
    craft_message message;

    memset(&message, 0, sizeof message);
    message.struct_size = sizeof message;
    return craft_receive(node, &message);
}

static int do_receive_bytes(craft_node *node)
{
    return craft_receive_bytes(node, (const uint8_t *)"bytes", 5);
}

static int do_propose(craft_node *node)
{
    return craft_propose(node, NULL, 0, 1);
}

static int do_propose_many(craft_node *node)
{
    craft_command command = {NULL, 0, 1};

    return craft_propose_many(node, &command, 1);
}

static int do_propose_at(craft_node *node)
{
    return craft_propose_at(node, 1, NULL, 0, 1);
}

static int do_read(craft_node *node)
{
    return craft_read(node, 1);
}

static int do_read_lease(craft_node *node)
{
    return craft_read_lease(node, 1, 0);
}

static int do_clock(craft_node *node)
{
    return craft_clock(node, 0);
}

static int do_transfer(craft_node *node)
{
    return craft_transfer(node, 2, 1);
}

static int do_unreachable(craft_node *node)
{
    return craft_peer_unreachable(node, 2);
}

static int do_persisted(craft_node *node)
{
    return craft_persisted(node, 1, CRAFT_ENDING_OK);
}

static int do_applied(craft_node *node)
{
    return craft_applied(node, 1, CRAFT_ENDING_OK);
}

static int do_fetched(craft_node *node)
{
    return craft_fetched(node, 1, NULL, 0, CRAFT_ENDING_OK);
}

static int do_begin(craft_node *node)
{
    craft_snapshot snapshot = {sizeof snapshot, 0, 0, 0, NULL, 0, 0, 0};

    return craft_snapshot_begin(node, 0, &snapshot);
}

static int do_end(craft_node *node)
{
    craft_snapshot snapshot = {sizeof snapshot, 0, 1, 1, NULL, 0, 0, 0};

    return craft_snapshot_end(node, &snapshot, 0);
}

static int do_read_done(craft_node *node)
{
    craft_chunk chunk = {sizeof chunk, 0, NULL, 0};

    return craft_snapshot_read_done(node, 1, &chunk, CRAFT_ENDING_OK);
}

static int do_written(craft_node *node)
{
    return craft_snapshot_written(node, 1, 0, CRAFT_ENDING_OK);
}

static const input inputs[] = {
    do_tick,       do_tick_nothing, do_receive,     do_receive_bytes,
    do_propose,    do_propose_many, craft_campaign, do_unreachable,
    do_persisted,  do_applied,      do_fetched,     craft_hold,
    do_propose_at, do_read,         do_transfer,    do_read_lease,
    do_clock,      do_begin,        do_end,         do_read_done,
    do_written,
};

#define INPUTS (sizeof inputs / sizeof inputs[0])

/* Each input gives this error and leaves every fact as it was. */
static void assert_all_refused(struct rig *rig, int error)
{
    for (size_t i = 0; i < INPUTS; i++) {
        uint32_t before = rig_digest(rig);

        assert_int_equal(inputs[i](rig->node), error);
        assert_int_equal(rig_digest(rig), before);
        assert_null(craft_check(rig->node));
    }
    assert_int_equal(craft_ticks_until_due(rig->node), UINT32_MAX);
}

static void inputs_refuse_no_node(void **state)
{
    (void)state;
    for (size_t i = 0; i < INPUTS; i++) {
        assert_int_equal(inputs[i](NULL), CRAFT_ERR_INVALID);
    }
    assert_int_equal(craft_release(NULL), CRAFT_ERR_INVALID);
    assert_int_equal(craft_ticks_until_due(NULL), UINT32_MAX);
}

static void inputs_refuse_a_node_that_is_not_started(void **state)
{
    static const craft_restore restore = {sizeof restore, 0, 1, 0, 0, 0, NULL};
    static const craft_member member = {1,    0, CRAFT_MEMBER_VOTER, 0, 0, 0,
                                        NULL, 0};
    struct rig *rig = rig_new(1);

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_all_refused(rig, CRAFT_ERR_STATE);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_all_refused(rig, CRAFT_ERR_STATE);
    craft_node_free(rig->node);
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_bootstrap(rig->node, &member, 1), 0);
    assert_all_refused(rig, CRAFT_ERR_STATE);
    rig->effect.struct_size = sizeof rig->effect;
    assert_int_equal(craft_next_effect(rig->node, &rig->effect),
                     CRAFT_ERR_STATE);
    rig_free(rig);
}

static void inputs_refuse_a_node_that_was_stopped(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 3);
    assert_int_equal(craft_node_stop(rig->node), 0);
    rig_run(rig);
    assert_all_refused(rig, CRAFT_ERR_STOPPED);
    assert_int_equal(craft_node_stop(rig->node), CRAFT_ERR_STOPPED);
    assert_int_equal(craft_node_start(rig->node), CRAFT_ERR_STATE);
    assert_true(rig_status(rig).flags & CRAFT_STATUS_STOPPED);
    rig_free(rig);
}

static void inputs_refuse_a_node_that_halted(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    rig->slow_disk = true;
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_ERROR), 0);
    rig_run(rig);
    assert_all_refused(rig, CRAFT_ERR_HALTED);
    assert_int_equal(craft_node_stop(rig->node), CRAFT_ERR_HALTED);
    assert_true(rig_status(rig).flags & CRAFT_STATUS_HALTED);
    rig_free(rig);
}

static void a_node_may_be_stopped_before_it_starts(void **state)
{
    static const craft_restore restore = {sizeof restore, 0, 1, 0, 5, 0, NULL};
    struct rig *rig = rig_new(1);

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_int_equal(craft_node_stop(rig->node), 0);
    assert_int_equal(craft_node_start(rig->node), CRAFT_ERR_STATE);
    assert_all_refused(rig, CRAFT_ERR_STOPPED);
    rig_free(rig);
}

static void inputs_refuse_null_arguments(void **state)
{
    struct rig *rig = rig_new(1);
    uint32_t before;

    (void)state;
    rig_lead(rig, 1);
    before = rig_digest(rig);
    assert_int_equal(craft_receive(rig->node, NULL), CRAFT_ERR_INVALID);
    assert_int_equal(craft_receive_bytes(rig->node, NULL, 80),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_receive_bytes(rig->node, NULL, 0),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_propose(rig->node, NULL, 1, 1), CRAFT_ERR_INVALID);
    assert_int_equal(craft_propose_many(rig->node, NULL, 1), CRAFT_ERR_INVALID);
    assert_int_equal(craft_next_effect(rig->node, NULL), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_status(rig->node, NULL), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_peer(rig->node, 0, NULL), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_configuration(rig->node, NULL),
                     CRAFT_ERR_INVALID);
    assert_int_equal(rig_digest(rig), before);
    rig_free(rig);
}

static void looking_refuses_no_node(void **state)
{
    craft_status status = {.struct_size = sizeof status};
    craft_peer_status peer = {.struct_size = sizeof peer};
    craft_configuration configuration = {.struct_size = sizeof configuration};
    craft_effect effect = {.struct_size = sizeof effect};

    (void)state;
    assert_int_equal(craft_node_status(NULL, &status), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_peer(NULL, 0, &peer), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_configuration(NULL, &configuration),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_next_effect(NULL, &effect), CRAFT_ERR_INVALID);
    assert_non_null(craft_check(NULL));
}

static void the_codec_refuses_null(void **state)
{
    craft_message message = {.struct_size = sizeof message,
                             .kind = CRAFT_MESSAGE_VOTE};
    uint8_t bytes[256];
    uint64_t group;
    craft_id to;
    size_t len;

    (void)state;
    assert_int_equal(craft_message_encoded_len(NULL), 0);
    assert_int_equal(craft_message_encode(NULL, bytes, sizeof bytes, &len),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_message_encode(&message, NULL, 0, &len),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_message_encode(&message, bytes, sizeof bytes, NULL),
                     CRAFT_ERR_INVALID);
    assert_true(craft_message_decode(&message, NULL, 0, NULL, 0) < 0);
    assert_true(craft_frame_peek(NULL, 0, &group, &to) < 0);
}

/* --------------------------------------------------------------- the phases */

static void life_refuses_no_node(void **state)
{
    static const craft_restore restore = {sizeof restore, 0, 1, 0, 0, 0, NULL};
    static const craft_member member = {1,    0, CRAFT_MEMBER_VOTER, 0, 0, 0,
                                        NULL, 0};
    craft_config config;
    craft_node *node = NULL;

    (void)state;
    craft_config_init(NULL, sizeof config);
    craft_config_init(&config, sizeof config);
    config.id = 1;
    assert_int_equal(craft_node_new(NULL, NULL, NULL, &node),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_new(&config, NULL, NULL, NULL),
                     CRAFT_ERR_INVALID);
    assert_null(node);
    assert_int_equal(craft_node_bootstrap(NULL, &member, 1), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_restore(NULL, &restore), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_restore_entries(NULL, NULL, 0),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_start(NULL), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_stop(NULL), CRAFT_ERR_INVALID);
    craft_node_free(NULL);
}

static void beginnings_exclude_each_other(void **state)
{
    static const craft_restore restore = {sizeof restore, 0, 1, 0, 0, 0, NULL};
    static const craft_member member = {1,    0, CRAFT_MEMBER_VOTER, 0, 0, 0,
                                        NULL, 0};
    struct rig *rig = rig_new(1);

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore_entries(rig->node, NULL, 0),
                     CRAFT_ERR_STATE);
    assert_int_equal(craft_node_bootstrap(rig->node, &member, 1), 0);
    for (int started = 0; started <= 1; started++) {
        uint32_t before = rig_digest(rig);

        assert_int_equal(craft_node_bootstrap(rig->node, &member, 1),
                         CRAFT_ERR_STATE);
        assert_int_equal(craft_node_restore(rig->node, &restore),
                         CRAFT_ERR_STATE);
        assert_int_equal(craft_node_restore_entries(rig->node, NULL, 0),
                         CRAFT_ERR_STATE);
        assert_int_equal(rig_digest(rig), before);
        assert_int_equal(craft_node_start(rig->node),
                         started ? CRAFT_ERR_STATE : 0);
    }
    craft_node_free(rig->node);
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), CRAFT_ERR_STATE);
    assert_int_equal(craft_node_bootstrap(rig->node, &member, 1),
                     CRAFT_ERR_STATE);
    rig_free(rig);
}

/* ------------------------------------------------------------ struct sizes */

static void a_struct_of_another_size_is_refused(void **state)
{
    craft_restore restore = {sizeof restore - 1, 0, 1, 0, 0, 0, NULL};
    struct rig *rig = rig_new(1);
    craft_message message;

    (void)state;
    rig->config.struct_size++;
    assert_int_equal(rig_open(rig), CRAFT_ERR_INVALID);
    rig->config.struct_size--;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_start(rig->node), 0);
    message = rig_message(rig, CRAFT_MESSAGE_VOTE, 2, 1);
    message.struct_size = 0;
    assert_int_equal(craft_receive(rig->node, &message), CRAFT_ERR_INVALID);
    message.struct_size = sizeof message + 8;
    assert_int_equal(craft_receive(rig->node, &message), CRAFT_ERR_INVALID);
    rig->effect.struct_size = sizeof rig->effect + 8;
    assert_int_equal(craft_next_effect(rig->node, &rig->effect),
                     CRAFT_ERR_INVALID);
    rig_free(rig);
}

/* -------------------------------------------------------------- the config */

static void the_defaults_need_only_an_id(void **state)
{
    struct rig *rig = rig_new(0);

    (void)state;
    assert_int_equal(rig_open(rig), CRAFT_ERR_INVALID);
    rig->config.id = CRAFT_NUMBER_MAX - 1;
    assert_int_equal(rig_open(rig), 0);
    rig_free(rig);
}

/* A program built against a smaller struct gets what it has room for. */
static void the_defaults_stay_within_the_size_told(void **state)
{
    craft_config whole;
    uint8_t part[sizeof whole + 8];

    (void)state;
    craft_config_init(&whole, sizeof whole);
    for (size_t size = 0; size <= sizeof part; size++) {
        size_t written = size < sizeof whole ? size : sizeof whole;

        memset(part, 0xee, sizeof part);
        craft_config_init((craft_config *)(void *)part, size);
        assert_memory_equal(part, &whole, written);
        for (size_t i = written; i < sizeof part; i++) {
            assert_int_equal(part[i], 0xee);
        }
    }
}

static void assert_bad(const craft_config *config)
{
    craft_node *node = NULL;

    assert_int_equal(craft_node_new(config, NULL, NULL, &node),
                     CRAFT_ERR_INVALID);
    assert_null(node);
}

#define BAD(rig, field, value)                                                 \
    do {                                                                       \
        craft_config bad_config = (rig)->config;                               \
                                                                               \
        bad_config.field = (value);                                            \
        assert_bad(&bad_config);                                               \
    } while (0)

static void numbers_out_of_range_are_refused(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    BAD(rig, flags, 1u << 6);
    BAD(rig, flags, 1u << 31);
    BAD(rig, id, 0);
    BAD(rig, id, CRAFT_NUMBER_MAX);
    BAD(rig, election_ticks, 0);
    BAD(rig, election_ticks, 1);
    BAD(rig, election_ticks, UINT32_MAX);
    BAD(rig, heartbeat_ticks, 0);
    BAD(rig, inflight_bytes_max, 0);
    BAD(rig, inflight_max, 0);
    BAD(rig, members_max, 0);
    BAD(rig, members_max, CRAFT_MEMBERS_MAX + 1);
    BAD(rig, tokens_max, 0);
    BAD(rig, tokens_max, UINT32_MAX);
    BAD(rig, persist_inflight_max, 0);
    BAD(rig, persist_inflight_max, 65);
    rig_free(rig);
}

static void limits_that_contradict_each_other_are_refused(void **state)
{
    struct rig *rig = rig_new(1);
    size_t entry = rig->config.entry_bytes_max;

    (void)state;
    BAD(rig, heartbeat_ticks, rig->config.election_ticks);
    BAD(rig, message_bytes_max, entry);
    BAD(rig, message_bytes_max, entry + 63);
    BAD(rig, uncommitted_bytes_max, entry);
    BAD(rig, entry_bytes_max, SIZE_MAX);
    BAD(rig, message_bytes_max, SIZE_MAX);
    rig->config.message_bytes_max = entry + 64;
    rig->config.uncommitted_bytes_max = entry + 64;
    assert_int_equal(rig_open(rig), 0);
    rig_free(rig);
}

static void unused_send(void *host, const craft_message *message)
{
    (void)host;
    (void)message;
}

static void unused_persist(void *host, const craft_persist *record)
{
    (void)host;
    (void)record;
}

static void unused_apply(void *host, const craft_entry *entries, size_t len)
{
    (void)host;
    (void)entries;
    (void)len;
}

static void hooks_that_are_required_must_be_there(void **state)
{
    const craft_hooks whole = {.struct_size = sizeof whole,
                               .send = unused_send,
                               .persist = unused_persist,
                               .apply = unused_apply};
    struct rig *rig = rig_new(1);
    craft_hooks hooks[4] = {whole, whole, whole, whole};

    (void)state;
    hooks[0].send = NULL;
    hooks[1].persist = NULL;
    hooks[2].apply = NULL;
    hooks[3].struct_size--;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            craft_node_new(&rig->config, &hooks[i], NULL, &rig->node),
            CRAFT_ERR_INVALID);
    }
    assert_int_equal(craft_node_new(&rig->config, &whole, NULL, &rig->node), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig->effect.struct_size = sizeof rig->effect;
    assert_int_equal(craft_next_effect(rig->node, &rig->effect),
                     CRAFT_ERR_STATE);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_refuse_no_node),
        cmocka_unit_test(inputs_refuse_a_node_that_is_not_started),
        cmocka_unit_test(inputs_refuse_a_node_that_was_stopped),
        cmocka_unit_test(inputs_refuse_a_node_that_halted),
        cmocka_unit_test(a_node_may_be_stopped_before_it_starts),
        cmocka_unit_test(inputs_refuse_null_arguments),
        cmocka_unit_test(looking_refuses_no_node),
        cmocka_unit_test(the_codec_refuses_null),
        cmocka_unit_test(life_refuses_no_node),
        cmocka_unit_test(beginnings_exclude_each_other),
        cmocka_unit_test(a_struct_of_another_size_is_refused),
        cmocka_unit_test(the_defaults_need_only_an_id),
        cmocka_unit_test(the_defaults_stay_within_the_size_told),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(limits_that_contradict_each_other_are_refused),
        cmocka_unit_test(hooks_that_are_required_must_be_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
