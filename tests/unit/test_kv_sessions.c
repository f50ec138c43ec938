/* Sessions in the state of the example store: examples/kv, op sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kv/op.h"

enum {
    SESSION = 7
};

static const char ended[] =
    "-ENDED no such session (any more): not applied now; whether it was "
    "before is not known\r\n";

/* A store, the time that its next operation says, and its last reply. */
struct fixture {
    struct kv_store store;
    struct kv_buffer op;
    struct kv_buffer reply;
    int64_t time;
};

static struct kv_slice slice(const char *text)
{
    struct kv_slice result = {(const uint8_t *)text, strlen(text)};

    return result;
}

static struct kv_slice bytes_of(const struct kv_buffer *buffer)
{
    struct kv_slice result = {kv_buffer_data(buffer), kv_buffer_len(buffer)};

    return result;
}

static void begin(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    kv_store_init(&fixture->store);
    fixture->time = 1000;
}

static void end(struct fixture *fixture)
{
    assert_null(craft_sessions_check(fixture->store.sessions));
    kv_store_free(&fixture->store);
    kv_buffer_free(&fixture->op);
    kv_buffer_free(&fixture->reply);
}

/* Run what stands in fixture->op: its reply. */
static const char *run(struct fixture *fixture)
{
    assert_true(kv_op_check(bytes_of(&fixture->op)) > 0);
    kv_buffer_clear(&fixture->reply);
    kv_op_run(&fixture->store, bytes_of(&fixture->op), &fixture->reply);
    kv_buffer_append(&fixture->reply, "", 1);
    return (const char *)kv_buffer_data(&fixture->reply);
}

static void encode_time(struct fixture *fixture, int code)
{
    kv_buffer_clear(&fixture->op);
    kv_op_begin(&fixture->op, code);
    kv_op_number(&fixture->op, fixture->time);
}

static const char *open_session(struct fixture *fixture, uint64_t index)
{
    fixture->store.index = index;
    encode_time(fixture, KV_OP_SESSION_OPEN);
    return run(fixture);
}

static const char *close_session(struct fixture *fixture, int64_t session)
{
    encode_time(fixture, KV_OP_SESSION_CLOSE);
    kv_op_number(&fixture->op, session);
    return run(fixture);
}

struct call {
    int64_t session;
    int64_t number;
    int64_t first_open;
};

static void encode_call(struct fixture *fixture, struct call call,
                        const struct kv_buffer *called)
{
    encode_time(fixture, KV_OP_SESSION_CALL);
    kv_op_number(&fixture->op, call.session);
    kv_op_number(&fixture->op, call.number);
    kv_op_number(&fixture->op, call.first_open);
    kv_op_nest(&fixture->op, bytes_of(called));
}

static const char *call_incrby(struct fixture *fixture, struct call call,
                               int64_t difference)
{
    struct kv_buffer called = {NULL, 0, 0, 0};

    kv_op_begin(&called, KV_OP_INCRBY);
    kv_op_argument(&called, slice("n"));
    kv_op_number(&called, difference);
    encode_call(fixture, call, &called);
    kv_buffer_free(&called);
    return run(fixture);
}

static void encode(struct kv_buffer *op, int code, size_t len,
                   const char *const *arguments)
{
    kv_buffer_clear(op);
    kv_op_begin(op, code);
    for (size_t i = 0; i < len; i++) {
        kv_op_argument(op, slice(arguments[i]));
    }
}

static struct call numbered(int64_t number, int64_t first_open)
{
    struct call call = {SESSION, number, first_open};

    return call;
}

/* ------------------------------------------------------------------- calls */

static void a_repeated_command_has_its_first_reply(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    assert_string_equal(open_session(&fixture, SESSION), ":7\r\n");
    assert_string_equal(call_incrby(&fixture, numbered(1, 1), 5), ":5\r\n");
    assert_string_equal(call_incrby(&fixture, numbered(1, 1), 5), ":5\r\n");
    assert_string_equal(call_incrby(&fixture, numbered(2, 1), 5), ":10\r\n");
    assert_string_equal(call_incrby(&fixture, numbered(1, 1), 5), ":5\r\n");
    assert_string_equal(call_incrby(&fixture, numbered(2, 1), 5), ":10\r\n");
    /* Another session has numbers of its own. */
    assert_string_equal(open_session(&fixture, 9), ":9\r\n");
    assert_string_equal(call_incrby(&fixture, (struct call){9, 1, 1}, 5),
                        ":15\r\n");
    end(&fixture);
}

static void an_error_is_a_reply_as_well(void **state)
{
    static const char no_integer[] =
        "-ERR value is not an integer or out of range\r\n";
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    open_session(&fixture, SESSION);
    kv_store_set(&fixture.store, slice("n"), slice("text"));
    assert_string_equal(call_incrby(&fixture, numbered(1, 1), 1), no_integer);
    kv_store_set(&fixture.store, slice("n"), slice("41"));
    assert_string_equal(call_incrby(&fixture, numbered(1, 1), 1), no_integer);
    assert_string_equal(call_incrby(&fixture, numbered(2, 2), 1), ":42\r\n");
    end(&fixture);
}

static void what_is_not_applied_says_why(void **state)
{
    struct fixture fixture;
    int64_t most = KV_SESSION_REPLIES_MAX;

    (void)state;
    begin(&fixture);
    assert_string_equal(call_incrby(&fixture, numbered(1, 1), 1), ended);
    open_session(&fixture, SESSION);
    for (int64_t number = 1; number <= most; number++) {
        call_incrby(&fixture, numbered(number, 1), 1);
    }
    assert_memory_equal(call_incrby(&fixture, numbered(most + 1, 1), 1),
                        "-FULL ", 6);
    assert_string_equal(call_incrby(&fixture, numbered(most + 1, 2), 1),
                        ":17\r\n");
    assert_memory_equal(call_incrby(&fixture, numbered(1, 1), 1), "-FORGOTTEN ",
                        11);
    assert_memory_equal(call_incrby(&fixture, numbered(20, 21), 1),
                        "-ERR first_open ", 16);
    assert_memory_equal(call_incrby(&fixture, numbered(20, 0), 1),
                        "-ERR first_open ", 16);
    assert_memory_equal(call_incrby(&fixture, numbered(INT64_MAX, 1), 1),
                        "-ERR first_open ", 16);
    assert_string_equal(close_session(&fixture, SESSION), "+OK\r\n");
    assert_string_equal(call_incrby(&fixture, numbered(20, 20), 1), ended);
    assert_string_equal(close_session(&fixture, SESSION), "+OK\r\n");
    end(&fixture);
}

static void sessions_end_by_the_clock_of_the_log(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    open_session(&fixture, SESSION);
    fixture.time += KV_SESSION_IDLE_MS;
    assert_string_equal(call_incrby(&fixture, numbered(1, 1), 1), ":1\r\n");
    /* Other servers' clocks may be behind: nothing is undone, no use lost. */
    fixture.time -= KV_SESSION_IDLE_MS / 2;
    assert_string_equal(call_incrby(&fixture, numbered(2, 1), 1), ":2\r\n");
    fixture.time = 1000 + 2 * (int64_t)KV_SESSION_IDLE_MS + 1;
    open_session(&fixture, 9);
    assert_string_equal(call_incrby(&fixture, numbered(2, 1), 1), ended);
    end(&fixture);
}

static void the_digest_tells_what_sessions_hold(void **state)
{
    struct fixture one;
    struct fixture two;

    (void)state;
    begin(&one);
    begin(&two);
    open_session(&one, SESSION);
    assert_true(kv_store_digest(&one.store) != kv_store_digest(&two.store));
    open_session(&two, SESSION);
    assert_true(kv_store_digest(&one.store) == kv_store_digest(&two.store));
    /* The same keys, but only one of them knows the command again. */
    call_incrby(&one, numbered(1, 1), 1);
    kv_store_set(&two.store, slice("n"), slice("1"));
    assert_true(kv_store_digest(&one.store) != kv_store_digest(&two.store));
    close_session(&one, SESSION);
    close_session(&two, SESSION);
    assert_true(kv_store_digest(&one.store) == kv_store_digest(&two.store));
    end(&one);
    end(&two);
}

/* More would end the program where it is applied: on all servers. */
static void every_reply_of_a_writing_command_is_kept(void **state)
{
    static const struct {
        int code;
        size_t len;
        const char *arguments[4];
    } cases[] = {
        {KV_OP_SET, 2, {"k", "v"}},       {KV_OP_SET_NX, 2, {"k", "v"}},
        {KV_OP_SET_XX, 2, {"k", "v"}},    {KV_OP_APPEND, 2, {"k", "v"}},
        {KV_OP_MSET, 4, {"a", "b", "c"}}, {KV_OP_DEL, 2, {"a", "k"}},
        {KV_OP_APPEND, 2, {"full", "v"}},
    };
    char *full = calloc(1, KV_OP_VALUE_BYTES_MAX);
    struct kv_buffer called = {NULL, 0, 0, 0};
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    open_session(&fixture, SESSION);
    kv_store_set(&fixture.store, slice("full"),
                 (struct kv_slice){(uint8_t *)full, KV_OP_VALUE_BYTES_MAX});
    kv_store_set(&fixture.store, slice("n"), slice("9223372036854775807"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char first[KV_SESSION_REPLY_MAX + 1];
        const char *arguments[4] = {"", "", "", ""};

        for (size_t at = 0; at < cases[i].len; at++) {
            if (cases[i].arguments[at] != NULL) {
                arguments[at] = cases[i].arguments[at];
            }
        }
        encode(&called, cases[i].code, cases[i].len, arguments);
        encode_call(&fixture, numbered((int64_t)i + 1, (int64_t)i + 1),
                    &called);
        snprintf(first, sizeof first, "%s", run(&fixture));
        assert_string_equal(run(&fixture), first);
    }
    assert_memory_equal(call_incrby(&fixture, numbered(100, 100), 1),
                        "-ERR increment", 14);
    end(&fixture);
    kv_buffer_free(&called);
    free(full);
}

/* ----------------------------------------------------------------- a model */

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % below;
}

/*
 * Each command is sent up to four times, late copies mixed with others: the
 * keys are those of a store that got each once, when its first copy came.
 */
static void copies_change_nothing(void **state)
{
    enum {
        COMMANDS = 4000,
        OPEN_MAX = 8
    };
    struct fixture fixture;
    struct kv_store once;
    struct kv_buffer called = {NULL, 0, 0, 0};
    struct kv_buffer reply = {NULL, 0, 0, 0};
    int64_t newest = 0;
    uint64_t seed = 11;

    (void)state;
    begin(&fixture);
    kv_store_init(&once);
    open_session(&fixture, SESSION);
    for (int i = 0; i < COMMANDS; i++) {
        int64_t number = newest + 1;
        char text[32];

        if (newest > OPEN_MAX && draw(&seed, 4) != 0) {
            number = newest - (int64_t)draw(&seed, 2 * OPEN_MAX);
            number = number < 1 ? 1 : number;
        }
        /* What a command is follows from its number. */
        snprintf(text, sizeof text, "k%d", (int)(number % 5));
        encode(&called, KV_OP_APPEND, 2, (const char *[]){text, "x"});
        encode_call(
            &fixture,
            numbered(number, number > OPEN_MAX ? number - OPEN_MAX + 1 : 1),
            &called);
        run(&fixture);
        if (number > newest) {
            newest = number;
            kv_op_run(&once, bytes_of(&called), &reply);
        }
        assert_true(fixture.store.sum == once.sum);
        assert_null(craft_sessions_check(fixture.store.sessions));
    }
    assert_true(newest > COMMANDS / 8 && newest < COMMANDS / 2);
    kv_buffer_free(&called);
    kv_buffer_free(&reply);
    kv_store_free(&once);
    end(&fixture);
}

/* ------------------------------------------------------------------- bytes */

static void bytes_of_calls_are_checked(void **state)
{
    static const char *const arguments[] = {"k", "v", "x"};
    struct kv_buffer called = {NULL, 0, 0, 0};
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    encode(&called, KV_OP_SET, 2, arguments);
    encode_call(&fixture, numbered(1, 1), &called);
    assert_int_equal(kv_op_check(bytes_of(&fixture.op)), KV_OP_SESSION_CALL);
    for (size_t len = 0; len < kv_buffer_len(&fixture.op); len++) {
        struct kv_slice part = {kv_buffer_data(&fixture.op), len};

        assert_int_equal(kv_op_check(part), KV_OP_ERR_FORMAT);
    }
    encode(&called, KV_OP_SET, 3, arguments);
    encode_call(&fixture, numbered(1, 1), &called);
    assert_int_equal(kv_op_check(bytes_of(&fixture.op)), KV_OP_ERR_FORMAT);
    encode(&called, KV_OP_MSET, 3, arguments);
    encode_call(&fixture, numbered(1, 1), &called);
    assert_int_equal(kv_op_check(bytes_of(&fixture.op)), KV_OP_ERR_FORMAT);
    /* A number of one byte. */
    encode_time(&fixture, KV_OP_SESSION_CLOSE);
    kv_op_argument(&fixture.op, slice("7"));
    assert_int_equal(kv_op_check(bytes_of(&fixture.op)), KV_OP_ERR_FORMAT);
    encode_time(&fixture, KV_OP_SESSION_OPEN);
    kv_op_number(&fixture.op, 1);
    assert_int_equal(kv_op_check(bytes_of(&fixture.op)), KV_OP_ERR_FORMAT);
    kv_buffer_free(&called);
    end(&fixture);
}

static void only_writing_operations_are_called(void **state)
{
    struct kv_buffer called = {NULL, 0, 0, 0};
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    for (int code = 0; code < 256; code++) {
        int rv;

        kv_buffer_clear(&called);
        kv_op_begin(&called, code);
        kv_op_argument(&called, slice("k"));
        if (code != KV_OP_DEL) {
            kv_op_number(&called, 1);
        }
        encode_call(&fixture, numbered(1, 1), &called);
        rv = kv_op_check(bytes_of(&fixture.op));
        if (code >= KV_OP_END) {
            assert_int_equal(rv, KV_OP_ERR_LATER);
        } else if (code == KV_OP_SET || code == KV_OP_SET_NX ||
                   code == KV_OP_SET_XX || code == KV_OP_DEL ||
                   code == KV_OP_INCRBY || code == KV_OP_APPEND ||
                   code == KV_OP_MSET) {
            assert_int_equal(rv, KV_OP_SESSION_CALL);
        } else {
            assert_int_equal(rv, KV_OP_ERR_FORMAT);
        }
    }
    kv_buffer_free(&called);
    end(&fixture);
}

static void damaged_calls_are_run_or_refused(void **state)
{
    static const char *const arguments[] = {"k", "v", "l", "w"};
    struct kv_buffer called = {NULL, 0, 0, 0};
    struct fixture fixture;
    uint64_t seed = 5;
    unsigned ran = 0;

    (void)state;
    begin(&fixture);
    open_session(&fixture, SESSION);
    encode(&called, KV_OP_MSET, 4, arguments);
    for (int64_t i = 1; i <= 20000; i++) {
        uint8_t *bytes;
        size_t len;

        encode_call(&fixture, numbered(i, i), &called);
        bytes = kv_buffer_data(&fixture.op);
        len = kv_buffer_len(&fixture.op);
        for (uint64_t changes = draw(&seed, 3) + 1; changes > 0; changes--) {
            bytes[1 + draw(&seed, len - 1)] ^= (uint8_t)(1 << draw(&seed, 8));
        }
        fixture.store.index = SESSION + (uint64_t)i;
        if (kv_op_check(bytes_of(&fixture.op)) > 0) {
            assert_true(strlen(run(&fixture)) > 0);
            ran++;
        }
    }
    assert_true(ran > 1000);
    kv_buffer_free(&called);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repeated_command_has_its_first_reply),
        cmocka_unit_test(an_error_is_a_reply_as_well),
        cmocka_unit_test(what_is_not_applied_says_why),
        cmocka_unit_test(sessions_end_by_the_clock_of_the_log),
        cmocka_unit_test(the_digest_tells_what_sessions_hold),
        cmocka_unit_test(every_reply_of_a_writing_command_is_kept),
        cmocka_unit_test(copies_change_nothing),
        cmocka_unit_test(bytes_of_calls_are_checked),
        cmocka_unit_test(only_writing_operations_are_called),
        cmocka_unit_test(damaged_calls_are_run_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
