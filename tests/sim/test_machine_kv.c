/*
 * The built-in state machine: what its commands do, what it does with bytes
 * that are none, and the promises of craft_sim_machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "craft/sim.h"
#include "sim/machine_kv.h"
#include "sim/random.h"

static const craft_sim_machine *kv(void)
{
    return craft_sim_machine_kv();
}

static void *open_table(void)
{
    void *table = kv()->open(kv()->ctx, 1);

    assert_non_null(table);
    return table;
}

static void close_table(void *table)
{
    kv()->close(kv()->ctx, table);
}

static uint64_t digest(const void *table)
{
    return kv()->digest(kv()->ctx, table);
}

struct reply {
    uint8_t bytes[CRAFT_SIM_REPLY_LEN_MAX];
    size_t len;
};

static struct reply apply(void *table, struct craft_sim_kv_command command)
{
    uint8_t bytes[CRAFT_SIM_KV_COMMAND_LEN_MAX];
    size_t len = craft_sim_kv_encode(&command, bytes);
    struct reply reply;

    reply.len = kv()->apply(kv()->ctx, table, bytes, len, reply.bytes,
                            sizeof reply.bytes);
    assert_true(reply.len >= 1 && reply.len <= CRAFT_SIM_KV_REPLY_LEN_MAX);
    return reply;
}

/* The result, and the first value or 0. */
static void expect(struct reply reply, uint8_t result, uint64_t value)
{
    assert_int_equal(reply.bytes[0], result);
    assert_int_equal(reply.len > 8 ? craft_load64(reply.bytes + 1) : 0, value);
}

static struct craft_sim_kv_command make(uint8_t kind, uint8_t key,
                                        uint64_t number)
{
    struct craft_sim_kv_command command = {kind, key, {number, 0, 0}};

    return command;
}

static struct craft_sim_kv_command make_cas(uint64_t expected, uint64_t mask,
                                            uint64_t number)
{
    struct craft_sim_kv_command command = {
        CRAFT_SIM_KV_CAS, 3, {expected, mask, number}};

    return command;
}

static void commands_do_what_they_say(void **state)
{
    void *table = open_table();
    struct reply first;
    struct reply second;

    (void)state;
    expect(apply(table, make(CRAFT_SIM_KV_GET, 3, 0)), CRAFT_SIM_KV_OK, 0);
    expect(apply(table, make(CRAFT_SIM_KV_SET, 3, 70)), CRAFT_SIM_KV_OK, 0);
    expect(apply(table, make(CRAFT_SIM_KV_GET, 3, 0)), CRAFT_SIM_KV_OK, 70);
    expect(apply(table, make(CRAFT_SIM_KV_GET, 4, 0)), CRAFT_SIM_KV_OK, 0);
    expect(apply(table, make(CRAFT_SIM_KV_INCREMENT, 3, 0)), CRAFT_SIM_KV_OK,
           71);
    expect(apply(table, make(CRAFT_SIM_KV_APPEND, 3, 5)), CRAFT_SIM_KV_OK, 1);
    first = apply(table, make(CRAFT_SIM_KV_APPEND, 3, 6));
    expect(first, CRAFT_SIM_KV_OK, 2);
    second = apply(table, make(CRAFT_SIM_KV_GET, 3, 0));
    assert_int_equal(second.len, 25);
    assert_int_equal(craft_load64(second.bytes + 1), 71);
    assert_memory_equal(second.bytes + 9, first.bytes + 1, 16);

    expect(apply(table, make_cas(70, UINT64_MAX, 80)), CRAFT_SIM_KV_DIFFERS,
           71);
    expect(apply(table, make_cas(71, UINT64_MAX, 80)), CRAFT_SIM_KV_OK, 71);
    expect(apply(table, make_cas(3, 3, 90)), CRAFT_SIM_KV_DIFFERS, 80);
    expect(apply(table, make_cas(4, 3, 90)), CRAFT_SIM_KV_OK, 80);
    second = apply(table, make(CRAFT_SIM_KV_GET, 3, 0));
    assert_int_equal(craft_load64(second.bytes + 1), 90);
    assert_int_equal(craft_load64(second.bytes + 9), 0);
    assert_int_equal(craft_load64(second.bytes + 17), 0);
    close_table(table);
}

/* Every length and first byte but a command's, and keys that are none. */
static void garbage_is_answered_with_an_error_and_changes_nothing(void **state)
{
    const size_t lengths[] = {0, 10, 2, 10, 2, 26};
    void *table = open_table();
    uint64_t before;
    unsigned commands = 0;

    (void)state;
    apply(table, make(CRAFT_SIM_KV_SET, 3, 70));
    before = digest(table);
    for (uint32_t i = 0; i < 256 * 40 * 3; i++) {
        uint8_t bytes[40] = {(uint8_t)i};
        size_t len = i / 256 % 40;
        uint8_t reply[CRAFT_SIM_REPLY_LEN_MAX];

        bytes[1] = (uint8_t)(i / 256 / 40 * 15);
        if (bytes[1] < CRAFT_SIM_KV_KEYS && bytes[0] >= 1 && bytes[0] <= 5 &&
            lengths[bytes[0]] == len) {
            commands++;
            continue;
        }
        assert_int_equal(
            kv()->apply(kv()->ctx, table, bytes, len, reply, sizeof reply), 1);
        assert_int_equal(reply[0], CRAFT_SIM_KV_ERROR);
        assert_true(digest(table) == before);
    }
    assert_int_equal(commands, 10);
    close_table(table);
}

static void reply_is_cut_where_there_is_no_room(void **state)
{
    struct craft_sim_kv_command command = make(CRAFT_SIM_KV_GET, 1, 0);
    uint8_t bytes[CRAFT_SIM_KV_COMMAND_LEN_MAX];
    size_t len = craft_sim_kv_encode(&command, bytes);
    void *table = open_table();
    uint8_t reply[6] = {9, 9, 9, 9, 9, 9};

    (void)state;
    assert_int_equal(kv()->apply(kv()->ctx, table, bytes, len, NULL, 0), 0);
    assert_int_equal(kv()->apply(kv()->ctx, table, bytes, len, reply, 5), 5);
    assert_int_equal(reply[4], 0);
    assert_int_equal(reply[5], 9);
    close_table(table);
}

/* Two keys, the same values: the order in which they came does not matter,
 * where they stand does. */
static void digest_tells_states_apart_and_not_histories(void **state)
{
    void *one = open_table();
    void *two = open_table();

    (void)state;
    assert_true(digest(one) == digest(two));
    apply(one, make(CRAFT_SIM_KV_SET, 1, 5));
    apply(one, make(CRAFT_SIM_KV_SET, 2, 6));
    assert_true(digest(one) != digest(two));
    apply(two, make(CRAFT_SIM_KV_SET, 2, 9));
    apply(two, make(CRAFT_SIM_KV_SET, 2, 6));
    apply(two, make(CRAFT_SIM_KV_SET, 1, 5));
    assert_true(digest(one) == digest(two));
    apply(one, make(CRAFT_SIM_KV_SET, 1, 6));
    apply(one, make(CRAFT_SIM_KV_SET, 2, 5));
    assert_true(digest(one) != digest(two));
    apply(two, make(CRAFT_SIM_KV_APPEND, 1, 0));
    apply(one, make(CRAFT_SIM_KV_SET, 1, 5));
    apply(one, make(CRAFT_SIM_KV_SET, 2, 6));
    assert_true(digest(one) != digest(two));
    apply(two, make(CRAFT_SIM_KV_SET, 1, 5));
    assert_true(digest(one) == digest(two));
    /* What stands in one key does not make up for what stands in another. */
    apply(one, make(CRAFT_SIM_KV_SET, 0, 5));
    apply(one, make(CRAFT_SIM_KV_SET, 1, 6));
    apply(two, make(CRAFT_SIM_KV_SET, 0, 7));
    apply(two, make(CRAFT_SIM_KV_SET, 1, 4));
    assert_true(digest(one) != digest(two));
    close_table(one);
    close_table(two);
}

/* Whatever is drawn is a command, of the key that it says, and a copy goes on
 * as the original does. */
static void copy_goes_on_like_the_original(void **state)
{
    craft_sim_random random;
    void *one = open_table();
    void *two = open_table();
    unsigned kinds[6] = {0};
    unsigned successes = 0;

    (void)state;
    craft_sim_random_init(&random, 7, 7);
    for (uint64_t i = 1; i <= 20000; i++) {
        uint8_t bytes[CRAFT_SIM_COMMAND_LEN_MAX];
        struct reply first;
        struct reply second;
        uint64_t key = 99;
        size_t len =
            kv()->draw(kv()->ctx, &random, i, bytes, sizeof bytes, &key);

        first.len = kv()->apply(kv()->ctx, one, bytes, len, first.bytes,
                                sizeof first.bytes);
        second.len = kv()->apply(kv()->ctx, two, bytes, len, second.bytes,
                                 sizeof second.bytes);
        assert_int_not_equal(first.bytes[0], CRAFT_SIM_KV_ERROR);
        assert_int_equal(bytes[1], key);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.bytes, second.bytes, first.len);
        assert_true(digest(one) == digest(two));
        kinds[bytes[0]]++;
        successes +=
            bytes[0] == CRAFT_SIM_KV_CAS && first.bytes[0] == CRAFT_SIM_KV_OK;
        if (i % 100 == 0) {
            close_table(two);
            two = kv()->copy(kv()->ctx, one);
            assert_non_null(two);
            assert_true(digest(one) == digest(two));
        }
    }
    for (size_t i = 1; i <= 5; i++) {
        assert_true(kinds[i] > 2500);
    }
    /* Some fail, some do not: both are worth a look. */
    assert_true(successes > kinds[5] / 8 && successes < kinds[5] * 7 / 8);
    close_table(one);
    close_table(two);
}

static void draws_nothing_where_there_is_no_room(void **state)
{
    craft_sim_random random;
    uint8_t bytes[CRAFT_SIM_KV_COMMAND_LEN_MAX];
    uint64_t key;

    (void)state;
    craft_sim_random_init(&random, 7, 7);
    assert_int_equal(
        kv()->draw(kv()->ctx, &random, 1, bytes, sizeof bytes - 1, &key), 0);
    assert_int_equal(craft_sim_random_below(&random, 0), 0);
}

static void expect_words(struct craft_sim_kv_command command,
                         const struct reply *reply, const char *words)
{
    uint8_t bytes[CRAFT_SIM_KV_COMMAND_LEN_MAX];
    size_t len = craft_sim_kv_encode(&command, bytes);
    char text[128];
    char narrow[8] = "";
    size_t said =
        kv()->describe(kv()->ctx, bytes, len, reply ? reply->bytes : NULL,
                       reply ? reply->len : 0, text, sizeof text);

    assert_string_equal(text, words);
    assert_int_equal(said, strlen(words));
    assert_int_equal(
        kv()->describe(kv()->ctx, bytes, len, reply ? reply->bytes : NULL,
                       reply ? reply->len : 0, narrow, sizeof narrow),
        said);
    assert_int_equal(strlen(narrow), sizeof narrow - 1);
    assert_memory_equal(narrow, words, sizeof narrow - 1);
}

static void commands_and_replies_are_told_in_words(void **state)
{
    void *table = open_table();
    const uint8_t garbage[] = {9, 9, 9};
    struct reply reply = apply(table, make(CRAFT_SIM_KV_SET, 3, 70 << 16));
    char text[64];

    (void)state;
    expect_words(make(CRAFT_SIM_KV_SET, 3, 70 << 16), NULL, "set k3 70.0");
    expect_words(make(CRAFT_SIM_KV_SET, 3, 70 << 16), &reply,
                 "set k3 70.0 -> ok");
    reply = apply(table, make(CRAFT_SIM_KV_INCREMENT, 3, 0));
    expect_words(make(CRAFT_SIM_KV_INCREMENT, 3, 0), &reply,
                 "increment k3 -> ok 70.1");
    reply = apply(table, make_cas(2, 3, 71 << 16));
    expect_words(make_cas(2, 3, 71 << 16), &reply,
                 "cas k3 0.2 mask 3 71.0 -> differs 70.1");
    reply = apply(table, make(CRAFT_SIM_KV_GET, 3, 0));
    expect_words(make(CRAFT_SIM_KV_GET, 3, 0), &reply,
                 "get k3 -> ok 70.1 +0 sum 0");
    reply.len = 2;
    expect_words(make(CRAFT_SIM_KV_GET, 3, 0), &reply,
                 "get k3 -> strange bytes: 2");
    kv()->describe(kv()->ctx, garbage, 3, (const uint8_t *)"", 1, text,
                   sizeof text);
    assert_string_equal(text, "garbage of bytes: 3 -> error");
    close_table(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_do_what_they_say),
        cmocka_unit_test(garbage_is_answered_with_an_error_and_changes_nothing),
        cmocka_unit_test(reply_is_cut_where_there_is_no_room),
        cmocka_unit_test(digest_tells_states_apart_and_not_histories),
        cmocka_unit_test(copy_goes_on_like_the_original),
        cmocka_unit_test(draws_nothing_where_there_is_no_room),
        cmocka_unit_test(commands_and_replies_are_told_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
