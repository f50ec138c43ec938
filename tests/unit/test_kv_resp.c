/* The protocol of the example store: examples/kv/resp.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kv/resp.h"

enum {
    BULK_MAX = 1000
};

/* What was parsed, as text: every argument in brackets, commands by lines. */
struct log {
    char text[4096];
    size_t len;
};

static void note(struct log *log, const void *data, size_t len)
{
    assert_true(log->len + len < sizeof log->text);
    memcpy(log->text + log->len, data, len);
    log->len += len;
    log->text[log->len] = '\0';
}

static void note_command(struct log *log, const struct kv_resp *resp)
{
    for (size_t i = 0; i < resp->args_len; i++) {
        note(log, "[", 1);
        note(log, resp->args[i].data, resp->args[i].len);
        note(log, "]", 1);
    }
    note(log, "\n", 1);
}

/* Feed data in two pieces, the second beginning at split; each piece lies in
 * memory of its own exact size, so that a sanitizer sees a byte too far. */
static void feed(struct log *log, const char *data, size_t len, size_t split)
{
    struct kv_resp resp = {.bulk_bytes_max = BULK_MAX};
    size_t ends[2] = {split, len};
    size_t from = 0;
    uint8_t *copy = NULL;
    size_t copied = 0;

    for (int i = 0; i < 2; i++) {
        enum kv_resp_status status = KV_RESP_COMMAND;
        uint8_t *next = malloc(ends[i] - from + 1);
        /* Unquoted in place: what was changed stays changed. */
        if (copied > 0) {
            memcpy(next, copy, copied);
        }
        memcpy(next + copied, data + from + copied, ends[i] - from - copied);
        free(copy);
        copy = realloc(next, ends[i] - from > 0 ? ends[i] - from : 1);
        copied = ends[i] - from;
        while (status == KV_RESP_COMMAND) {
            status = kv_resp_parse(&resp, copy, copied);
            if (status == KV_RESP_ERROR) {
                note(log, "!", 1);
                note(log, resp.error, strlen(resp.error));
                free(copy);
                kv_resp_free(&resp);
                return;
            }
            if (status != KV_RESP_COMMAND) {
                continue;
            }
            note_command(log, &resp);
            assert_true(resp.consumed <= copied);
            from += resp.consumed;
            copied -= resp.consumed;
            memmove(copy, copy + resp.consumed, copied);
        }
        assert_true(resp.bytes_min > copied);
    }
    free(copy);
    kv_resp_free(&resp);
}

static void assert_parses(const char *data, size_t len, const char *expected)
{
    for (size_t split = 0; split <= len; split++) {
        struct log log = {"", 0};

        feed(&log, data, len, split);
        assert_string_equal(log.text, expected);
    }
}

static void pipelined_commands_parse_at_every_split(void **state)
{
    static const char data[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb*\r\n"
                               "*1\r\n$4\r\nPING\r\n"
                               "PING\r\n"
                               "\r\n"
                               "*0\r\n"
                               "*-1\r\n"
                               "*2\r\n$3\r\nGET\r\n$0\r\n\r\n"
                               "set key \"a b\"\n";

    (void)state;
    assert_parses(data, sizeof data - 1,
                  "[SET][k][a\r\nb*]\n[PING]\n[PING]\n\n\n\n[GET][]\n"
                  "[set][key][a b]\n");
}

static void inline_quotes_are_taken_off(void **state)
{
    static const char data[] =
        "a \"b\\x41\\n\\\"c\" 'd\\'\\n' \"\" e\"f g\"h\\i\n";

    (void)state;
    /* As Redis: behind a closing quote there must be a blank. */
    assert_parses("a \"b\"c\n", 8, "!unbalanced quotes in request");
    assert_parses("a 'b\n", 5, "!unbalanced quotes in request");
    assert_parses("a \"b\\\"\n", 7, "!unbalanced quotes in request");
    assert_parses("a \"b\\x41\\n\\\"c\" 'd\\'\\n' \"\"\n", 26,
                  "[a][bA\n\"c][d'\\n][]\n");
    assert_parses(data, sizeof data - 1, "!unbalanced quotes in request");
    assert_parses("e\"f g\" h\\i\r\n", 12, "[ef g][h\\i]\n");
}

static void garbage_is_an_error_in_words_of_redis(void **state)
{
    static const struct {
        const char *data;
        const char *error;
    } cases[] = {
        {"*a\r\n", "!invalid multibulk length"},
        {"*1048577\r\n", "!invalid multibulk length"},
        {"*99999999999999999999\r\n", "!invalid multibulk length"},
        {"*11111111111111111111111111111111111\r\n",
         "!invalid multibulk length"},
        {"*1\r\nPING\r\n", "!expected '$', got 'P'"},
        {"*1\r\n$a\r\n", "!invalid bulk length"},
        {"*1\r\n$-1\r\n", "!invalid bulk length"},
        {"*1\r\n$ 4\r\n", "!invalid bulk length"},
        {"*1\r\n$+4\r\n", "!invalid bulk length"},
        {"*1\r\n$1001\r\n", "!bulk length over the limit of 1000"},
        {"*1\r\n$9223372036854775807\r\n",
         "!bulk length over the limit of 1000"},
        {"*1\r\n$9223372036854775808\r\n", "!invalid bulk length"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_parses(cases[i].data, strlen(cases[i].data), cases[i].error);
    }
}

static void an_endless_line_is_refused(void **state)
{
    size_t len = KV_RESP_LINE_MAX + 10;
    uint8_t *data = malloc(len);
    struct kv_resp resp = {.bulk_bytes_max = BULK_MAX};

    (void)state;
    memset(data, 'x', len);
    assert_int_equal(kv_resp_parse(&resp, data, 10), KV_RESP_MORE);
    assert_int_equal(kv_resp_parse(&resp, data, len), KV_RESP_ERROR);
    assert_string_equal(resp.error, "too big inline request");
    free(data);
    kv_resp_free(&resp);
}

static void bytes_min_tells_the_end_of_a_long_argument(void **state)
{
    char data[] = "*2\r\n$3\r\nGET\r\n$900\r\nx";
    struct kv_resp resp = {.bulk_bytes_max = BULK_MAX};
    size_t len = sizeof data - 1;

    (void)state;
    assert_int_equal(kv_resp_parse(&resp, (uint8_t *)data, len), KV_RESP_MORE);
    assert_int_equal(resp.bytes_min, len - 1 + 900 + 2);
    kv_resp_free(&resp);
}

static void random_bytes_never_read_too_far(void **state)
{
    static const char letters[] = "*$0123456789\r\n-\"'\\x a";
    uint64_t seed = 42;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct kv_resp resp = {.bulk_bytes_max = BULK_MAX};
        size_t len = 1 + seed % 60;
        uint8_t *data = malloc(len);
        size_t from = 0;

        for (size_t i = 0; i < len; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            data[i] = (uint8_t)letters[(seed >> 33) % (sizeof letters - 1)];
        }
        while (from < len && kv_resp_parse(&resp, data + from, len - from) ==
                                 KV_RESP_COMMAND) {
            assert_true(resp.consumed > 0);
            from += resp.consumed;
            assert_true(from <= len);
        }
        kv_resp_free(&resp);
        free(data);
    }
}

static int integer(const char *text, int64_t *value)
{
    struct kv_slice slice = {(const uint8_t *)text, strlen(text)};

    return kv_resp_integer(slice, value);
}

static void integers_are_read_as_strictly_as_redis_does(void **state)
{
    static const char *const wrong[] = {"",
                                        "-",
                                        "01",
                                        "-0",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "9223372036854775808",
                                        "a",
                                        "0x1",
                                        "-9223372036854775809",
                                        "99999999999999999999"};
    int64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(integer(wrong[i], &value), -1);
    }
    assert_int_equal(integer("0", &value), 0);
    assert_true(value == 0);
    assert_int_equal(integer("-17", &value), 0);
    assert_true(value == -17);
    assert_int_equal(integer("9223372036854775807", &value), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(integer("-9223372036854775808", &value), 0);
    assert_true(value == INT64_MIN);
}

static void replies_are_written_as_resp(void **state)
{
    static const char expected[] = "+OK\r\n-ERR a  b\r\n:-9223372036854775808"
                                   "\r\n:0\r\n$3\r\na\0b\r\n$-1\r\n*12\r\n";
    struct kv_buffer out = {NULL, 0, 0, 0};

    (void)state;
    kv_reply_simple(&out, "OK");
    kv_reply_error(&out, "ERR a\r\nb");
    kv_reply_integer(&out, INT64_MIN);
    kv_reply_integer(&out, 0);
    kv_reply_bulk(&out, "a\0b", 3);
    kv_reply_nil(&out);
    kv_reply_array(&out, 12);
    assert_int_equal(kv_buffer_len(&out), sizeof expected - 1);
    assert_memory_equal(kv_buffer_data(&out), expected, sizeof expected - 1);
    kv_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined_commands_parse_at_every_split),
        cmocka_unit_test(inline_quotes_are_taken_off),
        cmocka_unit_test(garbage_is_an_error_in_words_of_redis),
        cmocka_unit_test(an_endless_line_is_refused),
        cmocka_unit_test(bytes_min_tells_the_end_of_a_long_argument),
        cmocka_unit_test(random_bytes_never_read_too_far),
        cmocka_unit_test(integers_are_read_as_strictly_as_redis_does),
        cmocka_unit_test(replies_are_written_as_resp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
