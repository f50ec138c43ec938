/*
 * willemt e34e4e6: the k-th allocation fails, for every k, in whole scenarios.
 * The call returns CRAFT_ERR_NOMEM and every fact of the node is as before; the
 * retry succeeds; the effects of the whole run are those of a run without
 * failure; nothing leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

struct oom {
    struct rig *rig;
    uint32_t digest; /* before the call */
    size_t refused;
};

typedef void (*scenario)(struct oom *oom);

static void before(struct oom *oom)
{
    oom->digest = rig_digest(oom->rig);
}

/* Must the call be made again? */
static bool again(struct oom *oom, int rv)
{
    if (rv == 0) {
        return false;
    }
    assert_int_equal(rv, CRAFT_ERR_NOMEM);
    assert_true(oom->rig->memory.allocations >= oom->rig->memory.fail_at);
    assert_int_equal(rig_digest(oom->rig), oom->digest);
    if (oom->rig->node != NULL) {
        assert_null(craft_check(oom->rig->node));
    }
    oom->refused++;
    assert_int_equal(oom->refused, 1); /* one allocation failed, one call */
    return true;
}

/* Run with the k-th allocation failing; its transcript, to be freed. */
static char *transcript(scenario run, craft_id id, size_t k, bool *failed)
{
    struct oom oom = {rig_new(id), 0, 0};
    char *told;

    oom.rig->memory.fail_at = k;
    oom.rig->tell_events = true;
    run(&oom);
    *failed = oom.rig->memory.allocations >= k;
    assert_int_equal(oom.refused, k > 0 && *failed ? 1 : 0);
    told = strdup(rig_told(oom.rig));
    assert_non_null(told);
    rig_free(oom.rig);
    return told;
}

static void fail_every_allocation(scenario run, craft_id id, size_t least)
{
    bool failed = true;
    char *want = transcript(run, id, 0, &failed);
    size_t k;

    failed = true;
    for (k = 1; failed; k++) {
        char *told = transcript(run, id, k, &failed);

        assert_string_equal(told, want);
        free(told);
    }
    free(want);
    assert_true(k - 2 >= least); /* so many were there to fail */
}

/* ------------------------------------------------------------------- steps */

static void open_node(struct oom *oom)
{
    int rv;

    do {
        before(oom);
        rv = rig_open(oom->rig);
    } while (again(oom, rv));
}

static void bootstrap(struct oom *oom, size_t voters)
{
    craft_member members[8];
    int rv;

    memset(members, 0, sizeof members);
    for (size_t i = 0; i < voters; i++) {
        members[i].id = i + 1;
        members[i].role = CRAFT_MEMBER_VOTER;
        members[i].address = (const uint8_t *)"here";
        members[i].address_len = 4;
    }
    do {
        before(oom);
        rv = craft_node_bootstrap(oom->rig->node, members, voters);
    } while (again(oom, rv));
    assert_int_equal(craft_node_start(oom->rig->node), 0);
    rig_run(oom->rig);
}

static void campaign(struct oom *oom)
{
    int rv;

    do {
        before(oom);
        rv = craft_campaign(oom->rig->node);
    } while (again(oom, rv));
    rig_run(oom->rig);
}

static void receive(struct oom *oom, const craft_message *message)
{
    int rv;

    do {
        before(oom);
        rv = craft_receive(oom->rig->node, message);
    } while (again(oom, rv));
}

static void elect(struct oom *oom, size_t voters)
{
    open_node(oom);
    bootstrap(oom, voters);
    campaign(oom);
    for (craft_id id = 2; id <= voters; id++) {
        craft_message reply =
            rig_message(oom->rig, CRAFT_MESSAGE_VOTE_REPLY, id, 2);

        reply.as.vote_reply.granted = 1;
        receive(oom, &reply);
        rig_run(oom->rig);
    }
    assert_int_equal(rig_status(oom->rig).role, CRAFT_ROLE_LEADER);
}

static void propose(struct oom *oom, size_t data_len, uint64_t token)
{
    uint8_t *data = calloc(1, data_len + 1);
    int rv;

    assert_non_null(data);
    do {
        before(oom);
        rv = craft_propose(oom->rig->node, data, data_len, token);
    } while (again(oom, rv));
    free(data);
}

static void append(struct oom *oom, craft_term term, const craft_append *append)
{
    craft_message message =
        rig_message(oom->rig, CRAFT_MESSAGE_APPEND, 2, term);

    message.as.append = *append;
    receive(oom, &message);
}

/* Entries first .. first + len - 1 in term, behind an entry of prev_term. */
static void append_entries(struct oom *oom, craft_index first, size_t len,
                           craft_term prev_term, craft_term term)
{
    craft_entry entries[32];
    craft_append payload = {first - 1, prev_term, 0, entries, len};

    rig_entries(entries, len, first, term, 300);
    append(oom, term, &payload);
}

/* --------------------------------------------------------------- scenarios */

static void run_single_voter(struct oom *oom)
{
    elect(oom, 1);
    for (uint64_t token = 1; token <= 40; token++) {
        propose(oom, (size_t)token * 40, token);
        if (token % 10 == 0) {
            rig_run(oom->rig);
        }
    }
    propose(oom, 100000, 99);
    rig_run(oom->rig);
    assert_int_equal(oom->rig->applied, 41);
    assert_int_equal(rig_status(oom->rig).tokens_open, 0);
}

static void a_single_voter_survives_every_refusal(void **state)
{
    (void)state;
    fail_every_allocation(run_single_voter, 1, 20);
}

static void run_leader(struct oom *oom)
{
    craft_command commands[30];
    int rv;

    elect(oom, 3);
    memset(commands, 0, sizeof commands);
    for (size_t i = 0; i < 30; i++) {
        commands[i].data = (const uint8_t *)"a command of some bytes";
        commands[i].data_len = 23;
        commands[i].token = i + 1;
    }
    assert_int_equal(craft_hold(oom->rig->node), 0);
    for (int i = 0; i < 3; i++) {
        do {
            before(oom);
            rv = craft_propose_many(oom->rig->node, commands, 30);
        } while (again(oom, rv));
    }
    assert_int_equal(craft_release(oom->rig->node), 0);
    rig_run(oom->rig);
    assert_int_equal(rig_acknowledge(oom->rig, 2, 2), 0);
    rig_run(oom->rig);
    assert_int_equal(rig_acknowledge(oom->rig, 2, 92), 0);
    rig_run(oom->rig);
    assert_int_equal(oom->rig->applied, 90);
}

static void a_leader_survives_every_refusal(void **state)
{
    (void)state;
    fail_every_allocation(run_leader, 1, 15);
}

static void run_restore(struct oom *oom)
{
    static const craft_restore restore = {
        sizeof restore, 0, 4, 2, 30, 10, NULL};
    craft_entry entries[40];
    uint8_t blob[400];
    int rv;

    open_node(oom);
    assert_int_equal(craft_node_restore(oom->rig->node, &restore), 0);
    for (int batch = 0; batch < 3; batch++) {
        rig_entries(entries, 40, 1 + (craft_index)batch * 40,
                    2 + (craft_term)batch, 500);
        if (batch < 2) {
            entries[20].kind = CRAFT_ENTRY_CONFIGURATION;
            entries[20].data = blob;
            entries[20].data_len =
                rig_blob(3 + (size_t)batch, blob, sizeof blob);
        }
        do {
            before(oom);
            rv = craft_node_restore_entries(oom->rig->node, entries, 40);
        } while (again(oom, rv));
    }
    assert_int_equal(craft_node_start(oom->rig->node), 0);
    for (craft_index i = 0; i < 120; i++) { /* what the disk holds */
        oom->rig->disk[i + 1].term = 2 + i / 40;
        oom->rig->disk[i + 1].kind = i == 20 || i == 60
                                         ? CRAFT_ENTRY_CONFIGURATION
                                         : CRAFT_ENTRY_COMMAND;
    }
    oom->rig->disk_last = 120;
    oom->rig->slow_fetch = true;
    rig_run(oom->rig);
    assert_int_equal(rig_status(oom->rig).peers_len, 3);
}

static void a_restore_survives_every_refusal(void **state)
{
    (void)state;
    fail_every_allocation(run_restore, 1, 18);
}

/* Entries, and their replacement while the disk still reads the old ones. */
static void run_conflict(struct oom *oom)
{
    open_node(oom);
    bootstrap(oom, 3);
    oom->rig->slow_disk = true;
    append_entries(oom, 2, 10, 1, 2);
    rig_run(oom->rig);
    append_entries(oom, 12, 20, 2, 2);
    rig_run(oom->rig);
    append_entries(oom, 5, 30, 2, 3);
    rig_run(oom->rig);
    append_entries(oom, 3, 2, 2, 4);
    rig_run(oom->rig);
    assert_int_equal(rig_persisted(oom->rig), 0);
    oom->rig->slow_disk = false;
    rig_run(oom->rig);
    append_entries(oom, 4, 3, 4, 5);
    rig_run(oom->rig);
    assert_int_equal(rig_status(oom->rig).durable_index, 6);
}

static void a_follower_with_a_conflict_survives_every_refusal(void **state)
{
    (void)state;
    fail_every_allocation(run_conflict, 1, 15);
}

/* A joining server hears of configurations, and that one never was. */
static void run_configurations(struct oom *oom)
{
    craft_entry entries[12];
    uint8_t three[400];
    uint8_t five[400];
    craft_append payload = {0, 0, 3, entries, 12};

    open_node(oom);
    assert_int_equal(craft_node_start(oom->rig->node), 0);
    rig_run(oom->rig);
    rig_entries(entries, 12, 1, 1, 10);
    entries[0].kind = entries[5].kind = entries[7].kind =
        CRAFT_ENTRY_CONFIGURATION;
    entries[0].data = entries[7].data = three;
    entries[0].data_len = entries[7].data_len =
        rig_blob(3, three, sizeof three);
    entries[5].data = five;
    entries[5].data_len = rig_blob(5, five, sizeof five);
    append(oom, 1, &payload);
    rig_run(oom->rig);
    assert_int_equal(rig_status(oom->rig).configuration_index, 8);
    rig_entries(entries, 1, 7, 2, 10);
    payload.prev_index = 6;
    payload.prev_term = 1;
    payload.entries_len = 1;
    append(oom, 2, &payload);
    rig_run(oom->rig);
    assert_int_equal(rig_status(oom->rig).configuration_index, 6);
    assert_int_equal(rig_status(oom->rig).peers_len, 5);
}

static void a_joining_server_survives_every_refusal(void **state)
{
    (void)state;
    fail_every_allocation(run_configurations, 9, 10);
}

static void run_bytes(struct oom *oom)
{
    craft_entry entries[32];
    craft_message message;
    uint8_t bytes[16384];
    size_t len;
    int rv;

    open_node(oom);
    bootstrap(oom, 3);
    for (size_t n = 1; n <= 32; n *= 2) {
        craft_append payload = {n, n == 1 ? 1 : 2, n, entries, n};

        rig_entries(entries, n, n + 1, 2, 100);
        message = rig_message(oom->rig, CRAFT_MESSAGE_APPEND, 2, 2);
        message.as.append = payload;
        assert_int_equal(
            craft_message_encode(&message, bytes, sizeof bytes, &len), 0);
        do {
            before(oom);
            rv = craft_receive_bytes(oom->rig->node, bytes, len);
        } while (again(oom, rv));
        rig_run(oom->rig);
    }
    assert_int_equal(rig_status(oom->rig).last_index, 64);
}

static void received_bytes_survive_every_refusal(void **state)
{
    (void)state;
    fail_every_allocation(run_bytes, 1, 18);
}

static void fetch_all(struct oom *oom)
{
    while (oom->rig->fetch_ticket != 0) {
        int rv;

        do {
            before(oom);
            rv = rig_fetched(oom->rig);
        } while (again(oom, rv));
        rig_run(oom->rig);
    }
}

/* A peer that is behind what is in memory; larger stretches each time. */
static void run_fetch(struct oom *oom)
{
    oom->rig->config.log_cache_bytes_max = 0;
    oom->rig->slow_fetch = true;
    elect(oom, 3);
    for (uint64_t i = 0; i < 60; i++) {
        propose(oom, 500 + (size_t)i * 20, 0);
        rig_run(oom->rig);
        assert_int_equal(rig_acknowledge(oom->rig, 2, 3 + i), 0);
        rig_run(oom->rig);
    }
    assert_true(rig_status(oom->rig).first_index > 10);
    for (craft_index match = 1; match <= 11; match += 5) {
        assert_int_equal(rig_acknowledge(oom->rig, 3, match), 0);
        rig_run(oom->rig);
        fetch_all(oom);
    }
    assert_true(rig_peer(oom->rig, 1).next_index > 12);
}

static void a_fetch_survives_every_refusal(void **state)
{
    (void)state;
    fail_every_allocation(run_fetch, 1, 14);
}

/* --------------------------------------------------------------- time-outs */

/* What a time-out needs is tried for again at the next tick, and no call
 * fails: a tick returns nothing that a host could act upon. */
static void a_time_out_without_memory_tries_again_at_the_next_tick(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    /* Fill the log to the brim, so that the no-op of a winner needs room:
     * runs of terms grow by doubling. */
    while (rig_status(rig).last_index < 64) {
        craft_status status = rig_status(rig);
        craft_entry entry;
        craft_append payload = {status.last_index, status.last_term, 0, &entry,
                                1};

        rig_entries(&entry, 1, status.last_index + 1, status.term + 1, 0);
        assert_int_equal(rig_append(rig, 2, status.term + 1, &payload), 0);
        rig_run(rig);
    }
    rig->memory.fail_all = true;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(craft_tick(rig->node, 1), 0);
        rig_run(rig);
        assert_int_equal(rig_status(rig).role, CRAFT_ROLE_FOLLOWER);
    }
    assert_int_equal(craft_ticks_until_due(rig->node), 1);
    rig->memory.fail_all = false;
    assert_int_equal(craft_tick(rig->node, 1), 0);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_CANDIDATE);
    rig_run(rig);
    rig_free(rig);
}

/* Postponed, all that an input causes is settled by the release. */
static void release_sealed(struct rig *rig)
{
    rig->memory.sealed = true;
    assert_int_equal(craft_release(rig->node), 0);
    rig->memory.sealed = false;
    rig_run(rig);
}

static void settling_needs_no_memory(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[20];
    craft_append payload = {1, 1, 3, entries, 20};
    craft_message reply;
    uint8_t blob[400];

    (void)state;
    rig_found(rig, 3);
    for (craft_term term = 2; term < 40; term += 2) {
        assert_int_equal(craft_hold(rig->node), 0);
        assert_int_equal(craft_campaign(rig->node), 0);
        release_sealed(rig);
        reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, term);
        reply.as.vote_reply.granted = 1;
        assert_int_equal(craft_hold(rig->node), 0);
        assert_int_equal(craft_receive(rig->node, &reply), 0);
        reply.from = 2; /* two others are a majority of up to five */
        assert_int_equal(craft_receive(rig->node, &reply), 0);
        release_sealed(rig);
        assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
        rig_entries(entries, 20, 2, term + 1, 100);
        entries[7].kind = CRAFT_ENTRY_CONFIGURATION;
        entries[7].data = blob;
        entries[7].data_len = rig_blob(3 + term % 3, blob, sizeof blob);
        payload.commit = 1;
        assert_int_equal(craft_hold(rig->node), 0);
        assert_int_equal(rig_append(rig, 2, term + 1, &payload), 0);
        release_sealed(rig);
        assert_int_equal(rig_status(rig).last_index, 21);
    }
    rig_free(rig);
}

/* A node that is stopped or freed asks for nothing. */
static void the_end_needs_no_memory(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 3);
    assert_int_equal(craft_propose(rig->node, NULL, 0, 5), 0);
    rig->memory.sealed = true;
    assert_int_equal(craft_node_stop(rig->node), 0);
    rig_run(rig);
    rig->memory.sealed = true;
    craft_node_free(rig->node);
    rig->node = NULL;
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_voter_survives_every_refusal),
        cmocka_unit_test(a_leader_survives_every_refusal),
        cmocka_unit_test(a_restore_survives_every_refusal),
        cmocka_unit_test(a_follower_with_a_conflict_survives_every_refusal),
        cmocka_unit_test(a_joining_server_survives_every_refusal),
        cmocka_unit_test(received_bytes_survive_every_refusal),
        cmocka_unit_test(a_fetch_survives_every_refusal),
        cmocka_unit_test(
            a_time_out_without_memory_tries_again_at_the_next_tick),
        cmocka_unit_test(settling_needs_no_memory),
        cmocka_unit_test(the_end_needs_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
