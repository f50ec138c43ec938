/* Status, peers, configuration, descriptions, what is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

/* ------------------------------------------------------------------ shapes */

static void status_tells_where_the_node_stands(void **state)
{
    struct rig *rig = rig_new(1);
    craft_status status;

    (void)state;
    rig_lead(rig, 3);
    assert_int_equal(craft_propose(rig->node, (const uint8_t *)"abc", 3, 9), 0);
    rig_run(rig);
    status = rig_status(rig);
    assert_int_equal(status.struct_size, sizeof status);
    assert_int_equal(status.flags, CRAFT_STATUS_STARTED | CRAFT_STATUS_VOTER);
    assert_int_equal(status.id, 1);
    assert_int_equal(status.group, 7);
    assert_int_equal(status.role, CRAFT_ROLE_LEADER);
    assert_int_equal(status.peers_len, 2);
    assert_int_equal(status.term, 2);
    assert_int_equal(status.voted_for, 1);
    assert_int_equal(status.leader, 1);
    assert_int_equal(status.first_index, 1);
    assert_int_equal(status.last_index, 3);
    assert_int_equal(status.last_term, 2);
    assert_int_equal(status.durable_index, 3);
    assert_int_equal(status.commit_index, 1);
    assert_int_equal(status.applied_index, 1);
    assert_int_equal(status.configuration_index, 1);
    assert_int_equal(status.round, 1);
    assert_int_equal(status.uncommitted_bytes, 2 * 64 + 3);
    assert_int_equal(status.tokens_open, 1);
    assert_int_equal(status.persists_open, 0);
    assert_true(status.log_bytes > status.uncommitted_bytes);
    rig_free(rig);
}

/* What a caller of any size is given: a prefix, its own size, no more. */
static void assert_prefix(const void *whole, size_t whole_size,
                          const uint8_t *part, size_t size)
{
    size_t written = size < whole_size ? size : whole_size;
    uint32_t told = (uint32_t)size;

    assert_memory_equal(part, &told, sizeof told);
    assert_memory_equal(part + 4, (const uint8_t *)whole + 4, written - 4);
    for (size_t i = written; i < whole_size + 16; i++) {
        assert_int_equal(part[i], 0xee);
    }
}

static void status_of_any_struct_size_gets_a_prefix(void **state)
{
    struct rig *rig = rig_new(1);
    craft_status whole;
    union {
        craft_status status;
        uint8_t bytes[sizeof whole + 16];
    } part;

    (void)state;
    rig_lead(rig, 3);
    memset(&whole, 0, sizeof whole);
    whole.struct_size = sizeof whole;
    assert_int_equal(craft_node_status(rig->node, &whole), 0);
    for (uint32_t size = 0; size <= sizeof part; size++) {
        memset(&part, 0xee, sizeof part);
        part.status.struct_size = size;
        if (size < sizeof size) {
            assert_int_equal(craft_node_status(rig->node, &part.status),
                             CRAFT_ERR_INVALID);
            continue;
        }
        assert_int_equal(craft_node_status(rig->node, &part.status), 0);
        assert_prefix(&whole, sizeof whole, part.bytes, size);
    }
    rig_free(rig);
}

static void a_peer_of_any_struct_size_gets_a_prefix(void **state)
{
    struct rig *rig = rig_new(1);
    craft_peer_status whole;
    union {
        craft_peer_status peer;
        uint8_t bytes[sizeof whole + 16];
    } part;

    (void)state;
    rig_lead(rig, 3);
    whole = rig_peer(rig, 1);
    for (uint32_t size = 4; size <= sizeof part; size++) {
        memset(&part, 0xee, sizeof part);
        part.peer.struct_size = size;
        assert_int_equal(craft_node_peer(rig->node, 1, &part.peer), 0);
        assert_prefix(&whole, sizeof whole, part.bytes, size);
    }
    part.peer.struct_size = 3;
    assert_int_equal(craft_node_peer(rig->node, 1, &part.peer),
                     CRAFT_ERR_INVALID);
    rig_free(rig);
}

static void peers_are_the_others_in_order(void **state)
{
    struct rig *rig = rig_new(2);
    craft_peer_status peer = {.struct_size = sizeof peer};

    (void)state;
    rig_lead(rig, 3);
    peer = rig_peer(rig, 0);
    assert_int_equal(peer.id, 1);
    assert_int_equal(peer.role, CRAFT_MEMBER_VOTER);
    assert_int_equal(peer.progress, CRAFT_PROGRESS_PROBE);
    assert_int_equal(peer.match_index, 0);
    assert_int_equal(peer.next_index, 2);
    assert_int_equal(rig_peer(rig, 1).id, 3);
    assert_int_equal(craft_node_peer(rig->node, 2, &peer), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_peer(rig->node, UINT32_MAX, &peer),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_tick(rig->node, 4), 0);
    assert_int_equal(rig_peer(rig, 0).silent_ticks, 4);
    assert_int_equal(rig_acknowledge(rig, 1, 2), 0);
    rig_run(rig);
    peer = rig_peer(rig, 0);
    assert_int_equal(peer.silent_ticks, 0);
    assert_int_equal(peer.match_index, 2);
    assert_int_equal(peer.progress, CRAFT_PROGRESS_REPLICATE);
    assert_int_equal(craft_propose(rig->node, NULL, 0, 0), 0);
    rig_run(rig);
    peer = rig_peer(rig, 0);
    assert_int_equal(peer.inflight, 1);
    assert_int_equal(peer.inflight_bytes, 64);
    assert_int_equal(peer.next_index, 4);
    rig_free(rig);
}

static void the_configuration_in_force_is_told(void **state)
{
    struct rig *rig = rig_new(1);
    craft_configuration told = {.struct_size = sizeof told};

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_configuration(rig->node, &told), 0);
    assert_int_equal(told.index, 0);
    assert_int_equal(told.members_len, 0);
    craft_node_free(rig->node);
    rig_found(rig, 3);
    assert_int_equal(craft_node_configuration(rig->node, &told), 0);
    assert_int_equal(told.index, 1);
    assert_true(told.lineage != 0);
    assert_int_equal(told.members_len, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(told.members[i].id, i + 1);
        assert_int_equal(told.members[i].role, CRAFT_MEMBER_VOTER);
    }
    told.struct_size = 3;
    assert_int_equal(craft_node_configuration(rig->node, &told),
                     CRAFT_ERR_INVALID);
    rig_free(rig);
}

static void the_version_is_that_of_the_header(void **state)
{
    char want[32];

    (void)state;
    (void)snprintf(want, sizeof want, "%d.%d.%d", CRAFT_VERSION_MAJOR,
                   CRAFT_VERSION_MINOR, CRAFT_VERSION_PATCH);
    assert_string_equal(craft_version(), want);
}

/* ------------------------------------------------------------ what is due */

static void a_follower_is_due_at_its_timeout(void **state)
{
    struct rig *rig = rig_new(1);
    uint32_t due;

    (void)state;
    rig_found(rig, 3);
    due = craft_ticks_until_due(rig->node);
    assert_in_range(due, 10, 19);
    while (due > 1) {
        assert_int_equal(craft_tick(rig->node, 1), 0);
        assert_int_equal(rig_status(rig).role, CRAFT_ROLE_FOLLOWER);
        assert_int_equal(craft_ticks_until_due(rig->node), due - 1);
        due--;
    }
    assert_int_equal(craft_tick(rig->node, 1), 0);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_CANDIDATE);
    rig_run(rig);
    assert_in_range(craft_ticks_until_due(rig->node), 10, 19);
    rig_free(rig);
}

static void a_leader_is_due_at_its_next_heartbeat(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.heartbeat_ticks = 5;
    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0);
    rig_run(rig);
    (void)rig_told(rig);
    for (uint32_t due = 5; due > 0; due--) {
        assert_int_equal(craft_ticks_until_due(rig->node), due);
        rig_run(rig);
        assert_int_equal(rig->text_len, 0);
        assert_int_equal(craft_tick(rig->node, 1), 0);
    }
    rig_run(rig);
    assert_string_equal(rig_told(rig), "1 -> 2 append t2 prev=2@2 commit=2\n"
                                       "1 -> 3 append t2 prev=2@2 commit=2\n");
    assert_int_equal(craft_ticks_until_due(rig->node), 5);
    rig_free(rig);
}

static void who_may_not_campaign_waits_for_no_time(void **state)
{
    struct rig *rig = rig_new(9);

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    assert_int_equal(craft_ticks_until_due(rig->node), UINT32_MAX);
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_NOT_VOTER);
    assert_int_equal(craft_tick(rig->node, 1000000), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).term, 0);
    assert_int_equal(rig->disk_term, 0);
    craft_node_free(rig->node);
    rig_found(rig, 3); /* of 1, 2 and 3, not of 9 */
    assert_int_equal(craft_ticks_until_due(rig->node), UINT32_MAX);
    rig_free(rig);
}

static void a_full_disk_is_due_at_the_next_tick(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    rig->slow_disk = true;
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_NOSPACE), 0);
    assert_int_equal(craft_ticks_until_due(rig->node), 1);
    assert_true(rig_status(rig).flags & CRAFT_STATUS_DISK_FULL);
    rig_free(rig);
}

/* etcd 6315e22, NuRaft 92fce2f: a burst of ticks is one campaign or one
 * heartbeat. */
static void a_burst_of_ticks_causes_one_campaign(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(craft_tick(rig->node, UINT32_MAX), 0);
    assert_int_equal(rig_status(rig).term, 2);
    rig_run(rig);
    for (int i = 0; i < 3; i++) { /* counters that are full stay full */
        assert_int_equal(craft_hold(rig->node), 0);
        assert_int_equal(craft_tick(rig->node, UINT32_MAX), 0);
        assert_int_equal(craft_tick(rig->node, UINT32_MAX), 0);
        assert_int_equal(craft_release(rig->node), 0);
        rig_run(rig);
        assert_int_equal(rig_status(rig).term, 3 + i);
    }
    rig_free(rig);
}

static void a_burst_of_ticks_causes_one_heartbeat_per_peer(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 2);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    (void)rig_told(rig);
    assert_int_equal(craft_tick(rig->node, UINT32_MAX), 0);
    assert_int_equal(craft_tick(rig->node, UINT32_MAX), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "1 -> 2 append t2 prev=2@2 commit=2\n");
    assert_int_equal(rig_peer(rig, 0).silent_ticks, UINT32_MAX);
    rig_free(rig);
}

/* ------------------------------------------------------------ descriptions */

typedef size_t (*describe)(const void *value, char *text, size_t size);

static size_t describe_message(const void *value, char *text, size_t size)
{
    return craft_describe_message(value, text, size);
}

static size_t describe_persist(const void *value, char *text, size_t size)
{
    return craft_describe_persist(value, text, size);
}

static size_t describe_event(const void *value, char *text, size_t size)
{
    return craft_describe_event(value, text, size);
}

static size_t describe_effect(const void *value, char *text, size_t size)
{
    return craft_describe_effect(value, text, size);
}

static size_t describe_status(const void *value, char *text, size_t size)
{
    return craft_describe_status(value, text, size);
}

/* As snprintf() at every size: the whole length, a prefix, one NUL. */
static void assert_line(describe call, const void *value, const char *want)
{
    size_t len = strlen(want);

    assert_int_equal(call(value, NULL, 0), len);
    for (size_t size = 1; size <= len + 3; size++) {
        size_t kept = size - 1 < len ? size - 1 : len;
        char *text = malloc(size); /* an overrun is seen */

        assert_non_null(text);
        memset(text, 'z', size);
        assert_int_equal(call(value, text, size), len);
        assert_int_equal(strlen(text), kept);
        assert_memory_equal(text, want, kept);
        free(text);
    }
}

static void messages_are_described_in_a_line(void **state)
{
    craft_entry entries[4];
    craft_message message = {.from = 1, .to = 2, .term = 5};

    (void)state;
    message.kind = CRAFT_MESSAGE_VOTE;
    message.as.vote.last_index = 10;
    message.as.vote.last_term = 4;
    assert_line(describe_message, &message, "1 -> 2 vote t5 last=10@4");
    message.kind = CRAFT_MESSAGE_VOTE_REPLY;
    memset(&message.as, 0, sizeof message.as);
    assert_line(describe_message, &message, "1 -> 2 vote_reply t5 refused");
    message.as.vote_reply.granted = 1;
    assert_line(describe_message, &message, "1 -> 2 vote_reply t5 granted");
    message.kind = CRAFT_MESSAGE_PRE_VOTE_REPLY;
    assert_line(describe_message, &message, "1 -> 2 pre_vote_reply t5 granted");
    message.kind = CRAFT_MESSAGE_PRE_VOTE;
    message.as.vote.last_index = 10;
    message.as.vote.last_term = 4;
    assert_line(describe_message, &message, "1 -> 2 pre_vote t5 last=10@4");
    message.kind = CRAFT_MESSAGE_APPEND_REPLY;
    memset(&message.as, 0, sizeof message.as);
    message.as.append_reply.match_index = 7;
    assert_line(describe_message, &message, "1 -> 2 append_reply t5 match=7");
    message.as.append_reply.rejected = 1;
    message.as.append_reply.rejected_index = 9;
    message.as.append_reply.hint_index = 6;
    message.as.append_reply.hint_term = 3;
    assert_line(describe_message, &message,
                "1 -> 2 append_reply t5 rejected=9 hint=6@3");
    message.kind = CRAFT_MESSAGE_APPEND;
    memset(&message.as, 0, sizeof message.as);
    message.as.append = (craft_append){9, 4, 8, NULL, 0};
    assert_line(describe_message, &message,
                "1 -> 2 append t5 prev=9@4 commit=8");
    rig_entries(entries, 4, 10, 5, 3);
    entries[1].kind = CRAFT_ENTRY_NOOP;
    entries[2].kind = CRAFT_ENTRY_CONFIGURATION;
    entries[3].data = (const uint8_t *)"a\"\\\n\x01"
                                       "bcdefghijklmnopqrstuvwxyz";
    entries[3].data_len = 30;
    message.as.append = (craft_append){9, 4, 8, entries, 4};
    assert_line(describe_message, &message,
                "1 -> 2 append t5 prev=9@4 commit=8 [10@5 \"xxx\" 11@5 noop "
                "12@5 configuration 13@5 \"a\\x22\\x5c\\x0a\\x01"
                "bcdefghijklmnopqrst\"+6]");
    message.kind = 99;
    assert_line(describe_message, &message, "1 -> 2 kind 99");
}

static void persist_records_are_described_in_a_line(void **state)
{
    craft_entry entries[2];
    craft_persist record = {.ticket = 7, .term = 3, .voted_for = 2};

    (void)state;
    rig_entries(entries, 2, 5, 3, 1);
    record.truncate_from = 5;
    record.entries = entries;
    record.entries_len = 2;
    assert_line(describe_persist, &record, "persist #7");
    record.flags = CRAFT_PERSIST_HARD_STATE | CRAFT_PERSIST_MUST_SYNC;
    assert_line(describe_persist, &record, "persist #7 term=3 vote=2");
    record.flags |= CRAFT_PERSIST_TRUNCATE | CRAFT_PERSIST_ENTRIES;
    assert_line(describe_persist, &record,
                "persist #7 term=3 vote=2 truncate=5 [5@3 \"x\" 6@3 \"x\"]");
}

static void events_are_described_in_a_line(void **state)
{
    craft_event event = {.kind = CRAFT_EVENT_ROLE,
                         .count = 1,
                         .value = CRAFT_ROLE_LEADER,
                         .term = 3,
                         .index = 4};

    (void)state;
    assert_line(describe_event, &event,
                "event role leader id=0 term=3 index=4");
    event.value = 77;
    assert_line(describe_event, &event, "event role ? id=0 term=3 index=4");
    event.value = -1;
    assert_line(describe_event, &event, "event role ? id=0 term=3 index=4");
    event.kind = CRAFT_EVENT_REFUSED;
    event.value = CRAFT_ERR_MESSAGE;
    event.id = 2;
    event.count = 5;
    assert_line(describe_event, &event,
                "event refused value=-304 id=2 term=3 index=4 count=5");
    event.kind = CRAFT_EVENT_LEADER;
    event.value = 0;
    event.count = 1;
    assert_line(describe_event, &event, "event leader id=2 term=3 index=4");
    event.kind = CRAFT_EVENT_TRANSFER_ENDED;
    event.value = CRAFT_RESULT_TIMEOUT;
    assert_line(describe_event, &event,
                "event transfer_ended value=3 id=2 term=3 index=4");
    event.value = 0;
    event.kind = CRAFT_EVENT_TRANSFER;
    assert_line(describe_event, &event, "event transfer id=2 term=3 index=4");
    event.kind = CRAFT_EVENT_KIND_END;
    assert_line(describe_event, &event, "event ? id=2 term=3 index=4");
}

static void effects_are_described_in_a_line(void **state)
{
    craft_message message = {
        .kind = CRAFT_MESSAGE_VOTE_REPLY, .from = 1, .to = 2, .term = 5};
    craft_fetch fetch = {.ticket = 3, .first = 10, .entries_max = 4};
    craft_persist record = {.ticket = 7};
    craft_event event = {.kind = CRAFT_EVENT_TERM};
    craft_effect effect = {.message = &message,
                           .fetch = &fetch,
                           .persist = &record,
                           .event = &event,
                           .token = 8,
                           .index = 9};
    craft_entry entry;

    (void)state;
    rig_entries(&entry, 1, 5, 3, 0);
    effect.entries = &entry;
    effect.entries_len = 1;
    effect.kind = CRAFT_EFFECT_SEND;
    assert_line(describe_effect, &effect, "1 -> 2 vote_reply t5 refused");
    effect.kind = CRAFT_EFFECT_PERSIST;
    assert_line(describe_effect, &effect, "persist #7");
    effect.kind = CRAFT_EFFECT_FETCH;
    assert_line(describe_effect, &effect, "fetch #3 from 10 max 4");
    effect.kind = CRAFT_EFFECT_APPLY;
    assert_line(describe_effect, &effect, "apply [5@3 \"\"]");
    effect.kind = CRAFT_EFFECT_EVENT;
    assert_line(describe_effect, &effect, "event term id=0 term=0 index=0");
    effect.kind = CRAFT_EFFECT_DONE;
    assert_line(describe_effect, &effect, "done token=8 ok index=9");
    effect.result = CRAFT_RESULT_SUPERSEDED;
    assert_line(describe_effect, &effect, "done token=8 superseded index=9");
    effect.result = CRAFT_RESULT_UNKNOWN;
    assert_line(describe_effect, &effect, "done token=8 unknown index=9");
    effect.result = -1;
    assert_line(describe_effect, &effect, "done token=8 ? index=9");
    effect.kind = 0;
    assert_line(describe_effect, &effect, "effect 0");
}

static void a_status_is_described_in_a_line(void **state)
{
    craft_status status = {.id = 1,
                           .role = CRAFT_ROLE_CANDIDATE,
                           .term = 4,
                           .voted_for = 1,
                           .last_index = 9,
                           .last_term = 3,
                           .durable_index = 8,
                           .commit_index = 7,
                           .applied_index = 6};
    const char *line = "1 candidate t4 leader=0 vote=1 last=9@3 durable=8 "
                       "commit=7 applied=6";
    char want[200];

    (void)state;
    assert_line(describe_status, &status, line);
    status.flags = CRAFT_STATUS_HALTED | CRAFT_STATUS_DISK_FULL;
    (void)snprintf(want, sizeof want, "%s halted disk full", line);
    assert_line(describe_status, &status, want);
    status.flags = CRAFT_STATUS_STOPPED;
    (void)snprintf(want, sizeof want, "%s stopped", line);
    assert_line(describe_status, &status, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_tells_where_the_node_stands),
        cmocka_unit_test(status_of_any_struct_size_gets_a_prefix),
        cmocka_unit_test(a_peer_of_any_struct_size_gets_a_prefix),
        cmocka_unit_test(peers_are_the_others_in_order),
        cmocka_unit_test(the_configuration_in_force_is_told),
        cmocka_unit_test(the_version_is_that_of_the_header),
        cmocka_unit_test(a_follower_is_due_at_its_timeout),
        cmocka_unit_test(a_leader_is_due_at_its_next_heartbeat),
        cmocka_unit_test(who_may_not_campaign_waits_for_no_time),
        cmocka_unit_test(a_full_disk_is_due_at_the_next_tick),
        cmocka_unit_test(a_burst_of_ticks_causes_one_campaign),
        cmocka_unit_test(a_burst_of_ticks_causes_one_heartbeat_per_peer),
        cmocka_unit_test(messages_are_described_in_a_line),
        cmocka_unit_test(persist_records_are_described_in_a_line),
        cmocka_unit_test(events_are_described_in_a_line),
        cmocka_unit_test(effects_are_described_in_a_line),
        cmocka_unit_test(a_status_is_described_in_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
