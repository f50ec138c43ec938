/* The replicated state of the example store: examples/kv, store op glob. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kv/glob.h"
#include "kv/op.h"

static struct kv_slice slice(const char *text)
{
    struct kv_slice result = {(const uint8_t *)text, strlen(text)};

    return result;
}

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % below;
}

/* ------------------------------------------------------------------ store */

enum {
    MODEL_KEYS = 5000,
    MODEL_STEPS = 60000,
    VALUE_MAX = 40
};

struct model {
    int is_there[MODEL_KEYS];
    uint8_t values[MODEL_KEYS][VALUE_MAX];
    size_t lens[MODEL_KEYS];
};

static struct kv_slice key_of(uint64_t i, char text[32])
{
    snprintf(text, 32, "key:%llu", (unsigned long long)i);
    return slice(text);
}

static void step(struct model *model, struct kv_store *store, uint64_t *seed)
{
    uint64_t i = draw(seed, MODEL_KEYS);
    uint64_t what = draw(seed, 4);
    char text[32];
    struct kv_slice key = key_of(i, text);
    uint8_t bytes[VALUE_MAX];
    struct kv_slice value = {bytes, draw(seed, VALUE_MAX)};

    for (size_t at = 0; at < value.len; at++) {
        bytes[at] = (uint8_t)draw(seed, 256);
    }
    if (what == 0) {
        assert_int_equal(kv_store_delete(store, key), model->is_there[i]);
        model->is_there[i] = 0;
        model->lens[i] = 0;
    } else if (what == 1 && model->lens[i] + value.len <= VALUE_MAX) {
        memcpy(model->values[i] + model->lens[i], bytes, value.len);
        model->lens[i] += value.len;
        model->is_there[i] = 1;
        assert_int_equal(kv_store_append(store, key, value), model->lens[i]);
    } else {
        memcpy(model->values[i], bytes, value.len);
        model->lens[i] = value.len;
        model->is_there[i] = 1;
        kv_store_set(store, key, value);
    }
}

static void assert_same(const struct model *model, const struct kv_store *store)
{
    struct kv_store rebuilt;
    size_t len = 0;

    kv_store_init(&rebuilt);
    for (uint64_t i = MODEL_KEYS; i-- > 0;) {
        char text[32];
        struct kv_slice key = key_of(i, text);
        struct kv_slice found;
        struct kv_slice value = {model->values[i], model->lens[i]};

        assert_int_equal(kv_store_get(store, key, &found), model->is_there[i]);
        if (!model->is_there[i]) {
            continue;
        }
        len++;
        assert_int_equal(found.len, value.len);
        assert_memory_equal(found.data, value.data, value.len);
        kv_store_set(&rebuilt, key, value);
    }
    assert_int_equal(store->len, len);
    assert_int_equal(store->bytes, rebuilt.bytes);
    assert_true(kv_store_digest(store) == kv_store_digest(&rebuilt));
    kv_store_free(&rebuilt);
}

static void the_table_grows_and_agrees_with_a_model(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    struct kv_store store;
    uint64_t seed = 1;

    (void)state;
    kv_store_init(&store);
    for (int i = 1; i <= MODEL_STEPS; i++) {
        step(model, &store, &seed);
        if (i % (MODEL_STEPS / 4) == 0) {
            assert_same(model, &store);
        }
    }
    kv_store_free(&store);
    free(model);
}

static void the_digest_does_not_know_the_order_of_writes(void **state)
{
    struct kv_store one;
    struct kv_store two;

    (void)state;
    kv_store_init(&one);
    kv_store_init(&two);
    kv_store_set(&one, slice("a"), slice("1"));
    kv_store_set(&one, slice("b"), slice("2"));
    kv_store_set(&two, slice("b"), slice("longer than before"));
    kv_store_set(&two, slice("c"), slice("3"));
    kv_store_set(&two, slice("a"), slice("1"));
    assert_true(kv_store_digest(&one) != kv_store_digest(&two));
    kv_store_set(&two, slice("b"), slice("2"));
    assert_true(kv_store_digest(&one) != kv_store_digest(&two));
    kv_store_delete(&two, slice("c"));
    assert_true(kv_store_digest(&one) == kv_store_digest(&two));
    kv_store_free(&one);
    kv_store_free(&two);
}

static void the_digest_tells_keys_from_values(void **state)
{
    struct kv_store one;
    struct kv_store two;
    struct kv_store none;

    (void)state;
    kv_store_init(&one);
    kv_store_init(&two);
    kv_store_init(&none);
    kv_store_set(&one, slice("ab"), slice("c"));
    kv_store_set(&two, slice("a"), slice("bc"));
    assert_true(kv_store_digest(&one) != kv_store_digest(&two));
    kv_store_delete(&one, slice("ab"));
    assert_true(kv_store_digest(&one) == kv_store_digest(&none));
    kv_store_set(&one, slice(""), slice(""));
    assert_true(kv_store_digest(&one) != kv_store_digest(&none));
    kv_store_free(&one);
    kv_store_free(&two);
    kv_store_free(&none);
}

/* --------------------------------------------------------------- operations */

static void encode(struct kv_buffer *op, int code, size_t len,
                   const char *const *arguments)
{
    kv_buffer_clear(op);
    kv_op_begin(op, code);
    for (size_t i = 0; i < len; i++) {
        kv_op_argument(op, slice(arguments[i]));
    }
}

static struct kv_slice bytes_of(const struct kv_buffer *buffer)
{
    struct kv_slice result = {kv_buffer_data(buffer), kv_buffer_len(buffer)};

    return result;
}

static void assert_reply(struct kv_store *store, const struct kv_buffer *op,
                         const char *expected)
{
    struct kv_buffer reply = {NULL, 0, 0, 0};

    assert_true(kv_op_check(bytes_of(op)) > 0);
    kv_op_run(store, bytes_of(op), &reply);
    kv_buffer_append(&reply, "", 1);
    assert_string_equal((char *)kv_buffer_data(&reply), expected);
    kv_buffer_free(&reply);
}

static void operations_reply_as_redis_does(void **state)
{
    static const struct {
        int code;
        size_t len;
        const char *arguments[4];
        const char *reply;
    } cases[] = {
        {KV_OP_GET, 1, {"a"}, "$-1\r\n"},
        {KV_OP_SET_XX, 2, {"a", "1"}, "$-1\r\n"},
        {KV_OP_SET_NX, 2, {"a", "1"}, "+OK\r\n"},
        {KV_OP_SET_NX, 2, {"a", "2"}, "$-1\r\n"},
        {KV_OP_GET, 1, {"a"}, "$1\r\n1\r\n"},
        {KV_OP_SET_XX, 2, {"a", "x"}, "+OK\r\n"},
        {KV_OP_APPEND, 2, {"a", "yz"}, ":3\r\n"},
        {KV_OP_APPEND, 2, {"new", ""}, ":0\r\n"},
        {KV_OP_STRLEN, 1, {"a"}, ":3\r\n"},
        {KV_OP_STRLEN, 1, {"none"}, ":0\r\n"},
        {KV_OP_MSET, 4, {"a", "1", "b", "2"}, "+OK\r\n"},
        {KV_OP_MGET,
         3,
         {"a", "none", "b"},
         "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n"
         "2\r\n"},
        {KV_OP_EXISTS, 3, {"a", "a", "none"}, ":2\r\n"},
        {KV_OP_DBSIZE, 0, {NULL}, ":3\r\n"},
        {KV_OP_KEYS, 1, {"n?w"}, "*1\r\n$3\r\nnew\r\n"},
        {KV_OP_DEL, 3, {"a", "a", "new"}, ":2\r\n"},
        {KV_OP_KEYS, 1, {"*"}, "*1\r\n$1\r\nb\r\n"},
    };
    struct kv_buffer op = {NULL, 0, 0, 0};
    struct kv_store store;

    (void)state;
    kv_store_init(&store);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        encode(&op, cases[i].code, cases[i].len, cases[i].arguments);
        assert_reply(&store, &op, cases[i].reply);
    }
    kv_store_free(&store);
    kv_buffer_free(&op);
}

static void assert_incr(struct kv_store *store, int64_t difference,
                        const char *expected)
{
    struct kv_buffer op = {NULL, 0, 0, 0};

    kv_op_begin(&op, KV_OP_INCRBY);
    kv_op_argument(&op, slice("n"));
    kv_op_number(&op, difference);
    assert_reply(store, &op, expected);
    kv_buffer_free(&op);
}

static void increments_stop_at_the_range_of_integers(void **state)
{
    static const char overflow[] =
        "-ERR increment or decrement would overflow\r\n";
    struct kv_store store;

    (void)state;
    kv_store_init(&store);
    assert_incr(&store, -5, ":-5\r\n");
    assert_incr(&store, INT64_MAX, ":9223372036854775802\r\n");
    assert_incr(&store, 6, overflow);
    assert_incr(&store, 5, ":9223372036854775807\r\n");
    kv_store_set(&store, slice("n"), slice("-9223372036854775807"));
    assert_incr(&store, -1, ":-9223372036854775808\r\n");
    assert_incr(&store, -1, overflow);
    assert_incr(&store, INT64_MIN, overflow);
    kv_store_set(&store, slice("n"), slice("1x"));
    assert_incr(&store, 1, "-ERR value is not an integer or out of range\r\n");
    kv_store_free(&store);
}

static void values_do_not_outgrow_the_limit(void **state)
{
    struct kv_buffer op = {NULL, 0, 0, 0};
    char *half = calloc(1, KV_OP_VALUE_BYTES_MAX / 2 + 1);
    const char *arguments[2] = {"k", half};
    struct kv_store store;

    (void)state;
    memset(half, 'x', KV_OP_VALUE_BYTES_MAX / 2);
    kv_store_init(&store);
    encode(&op, KV_OP_APPEND, 2, arguments);
    assert_reply(&store, &op, ":524288\r\n");
    assert_reply(&store, &op, ":1048576\r\n");
    assert_reply(&store, &op,
                 "-ERR string exceeds maximum allowed size "
                 "(1048576 bytes)\r\n");
    kv_store_free(&store);
    kv_buffer_free(&op);
    free(half);
}

static int check(const uint8_t *bytes, size_t len)
{
    struct kv_slice op = {bytes, len};

    return kv_op_check(op);
}

/* A head with that code, then these bytes. */
static int check_after_head(int code, const char *bytes, size_t len)
{
    struct kv_buffer op = {NULL, 0, 0, 0};
    int rv;

    kv_op_begin(&op, code);
    kv_buffer_append(&op, bytes, len);
    rv = kv_op_check(bytes_of(&op));
    kv_buffer_free(&op);
    return rv;
}

static void bytes_of_the_log_are_checked(void **state)
{
    static const char *const arguments[] = {"key", "value", "x"};
    struct kv_buffer op = {NULL, 0, 0, 0};

    (void)state;
    encode(&op, KV_OP_SET, 2, arguments);
    for (size_t len = 0; len < kv_buffer_len(&op); len++) {
        assert_int_equal(check(kv_buffer_data(&op), len), KV_OP_ERR_FORMAT);
    }
    assert_int_equal(check(kv_buffer_data(&op), kv_buffer_len(&op)), KV_OP_SET);
    encode(&op, KV_OP_SET, 3, arguments);
    assert_int_equal(kv_op_check(bytes_of(&op)), KV_OP_ERR_FORMAT);
    encode(&op, KV_OP_MSET, 3, arguments);
    assert_int_equal(kv_op_check(bytes_of(&op)), KV_OP_ERR_FORMAT);
    encode(&op, KV_OP_INCRBY, 2, arguments);
    assert_int_equal(kv_op_check(bytes_of(&op)), KV_OP_ERR_FORMAT);
    assert_int_equal(check_after_head(0, "", 0), KV_OP_ERR_FORMAT);
    assert_int_equal(check_after_head(200, "", 0), KV_OP_ERR_LATER);
    assert_int_equal(check((const uint8_t *)"\2\1\1a", 4), KV_OP_ERR_LATER);
    /* Lengths that end nowhere, or wrap. */
    assert_int_equal(check_after_head(KV_OP_GET, "\xff\xff\xff", 3),
                     KV_OP_ERR_FORMAT);
    assert_int_equal(check_after_head(KV_OP_GET,
                                      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1a",
                                      11),
                     KV_OP_ERR_FORMAT);
    kv_buffer_free(&op);
}

static void the_origin_is_kept_and_changes_nothing(void **state)
{
    static const char *const arguments[] = {"key", "value"};
    struct kv_op_origin origin = {0x1122334455667788, UINT64_MAX - 1};
    struct kv_buffer op = {NULL, 0, 0, 0};
    struct kv_store store;

    (void)state;
    kv_store_init(&store);
    encode(&op, KV_OP_SET, 2, arguments);
    assert_true(kv_op_origin(bytes_of(&op)).life == 0);
    kv_op_stamp(kv_buffer_data(&op), origin);
    assert_true(kv_op_origin(bytes_of(&op)).life == origin.life);
    assert_true(kv_op_origin(bytes_of(&op)).token == origin.token);
    assert_reply(&store, &op, "+OK\r\n");
    encode(&op, KV_OP_GET, 1, arguments);
    assert_reply(&store, &op, "$5\r\nvalue\r\n");
    kv_store_free(&store);
    kv_buffer_free(&op);
}

static void random_operations_are_run_or_refused(void **state)
{
    struct kv_store store;
    struct kv_buffer reply = {NULL, 0, 0, 0};
    uint64_t seed = 3;

    (void)state;
    kv_store_init(&store);
    for (int i = 0; i < 100000; i++) {
        size_t len = draw(&seed, 40);
        uint8_t *bytes = malloc(len > 0 ? len : 1);
        struct kv_slice op = {bytes, len};

        for (size_t at = 0; at < len; at++) {
            bytes[at] = (uint8_t)draw(&seed, at == 0   ? 2
                                             : at == 1 ? KV_OP_END + 1
                                                       : 9);
        }
        kv_buffer_clear(&reply);
        store.index++;
        if (kv_op_check(op) > 0) {
            kv_op_run(&store, op, &reply);
            assert_true(kv_buffer_len(&reply) > 0);
        }
        free(bytes);
    }
    kv_store_free(&store);
    kv_buffer_free(&reply);
}

/* ------------------------------------------------------------------- glob */

static void patterns_match_as_redis_does(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        int match;
    } cases[] = {
        {"", "", 1},
        {"", "a", 0},
        {"*", "", 1},
        {"*", "abc", 1},
        {"a*c", "abbbc", 1},
        {"a*c", "abbb", 0},
        {"a*b*c", "axxbyybzzc", 1},
        {"*b", "abab", 1},
        {"**a**", "bab", 1},
        {"h?llo", "hello", 1},
        {"h?llo", "hllo", 0},
        {"h[ae]llo", "hallo", 1},
        {"h[ae]llo", "hillo", 0},
        {"h[^e]llo", "hello", 0},
        {"h[^e]llo", "hallo", 1},
        {"h[a-c]llo", "hbllo", 1},
        {"h[c-a]llo", "hbllo", 1},
        {"h[a-c]llo", "hdllo", 0},
        {"h\\*llo", "h*llo", 1},
        {"h\\*llo", "hello", 0},
        {"a[\\]]b", "a]b", 1},
        {"a[b", "ab", 1},
        {"a\\", "a\\", 1},
        {"a", "A", 0},
        {"*[0-9]", "key9", 1},
        {"*[0-9]x*", "a1b2x3", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int match =
            kv_glob_match(slice(cases[i].pattern), slice(cases[i].text));

        if (match != cases[i].match) {
            fail_msg("'%s' against '%s' gives %d", cases[i].pattern,
                     cases[i].text, match);
        }
    }
}

static void many_stars_do_not_take_for_ever(void **state)
{
    char pattern[201];
    char text[5001];

    (void)state;
    memset(text, 'a', 5000);
    text[5000] = '\0';
    for (int i = 0; i < 200; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[198] = '*';
    pattern[199] = 'b';
    pattern[200] = '\0';
    assert_int_equal(kv_glob_match(slice(pattern), slice(text)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_grows_and_agrees_with_a_model),
        cmocka_unit_test(the_digest_does_not_know_the_order_of_writes),
        cmocka_unit_test(the_digest_tells_keys_from_values),
        cmocka_unit_test(operations_reply_as_redis_does),
        cmocka_unit_test(increments_stop_at_the_range_of_integers),
        cmocka_unit_test(values_do_not_outgrow_the_limit),
        cmocka_unit_test(bytes_of_the_log_are_checked),
        cmocka_unit_test(the_origin_is_kept_and_changes_nothing),
        cmocka_unit_test(random_operations_are_run_or_refused),
        cmocka_unit_test(patterns_match_as_redis_does),
        cmocka_unit_test(many_stars_do_not_take_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
