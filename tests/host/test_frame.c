/* What stands on a link, byte by byte: src/host/frame.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"
#include "host/frame.h"

#include <cmocka.h>

#define FRAME_MAX 1000

static const char payload[] = "a payload of some bytes";

static size_t make_frame(uint8_t *bytes)
{
    memcpy(bytes + CRAFT_FRAME_HEAD_LEN, payload, sizeof payload);
    craft_frame_seal(bytes, CRAFT_FRAME_RAFT, sizeof payload);
    return CRAFT_FRAME_HEAD_LEN + sizeof payload;
}

static void frame_comes_back_as_it_was(void **state)
{
    uint8_t bytes[100];
    size_t len = make_frame(bytes);
    size_t wanted = 0;
    struct craft_frame frame;

    (void)state;
    assert_int_equal(craft_frame_parse(bytes, len, FRAME_MAX, &frame, &wanted),
                     len);
    assert_int_equal(frame.type, CRAFT_FRAME_RAFT);
    assert_int_equal(frame.payload_len, sizeof payload);
    assert_memory_equal(frame.payload, payload, sizeof payload);
}

static void frame_may_be_empty(void **state)
{
    uint8_t bytes[CRAFT_FRAME_HEAD_LEN];
    size_t wanted = 0;
    struct craft_frame frame;

    (void)state;
    craft_frame_seal(bytes, CRAFT_FRAME_APPLICATION, 0);
    assert_int_equal(
        craft_frame_parse(bytes, sizeof bytes, FRAME_MAX, &frame, &wanted),
        sizeof bytes);
    assert_int_equal(frame.payload_len, 0);
}

static void frame_cut_at_any_byte_waits_for_more(void **state)
{
    uint8_t bytes[100];
    size_t len = make_frame(bytes);
    struct craft_frame frame;

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        size_t wanted = 0;

        assert_int_equal(
            craft_frame_parse(bytes, cut, FRAME_MAX, &frame, &wanted), 0);
        assert_int_equal(wanted, cut < 4 ? CRAFT_FRAME_HEAD_LEN : len);
    }
}

/* A flipped bit of the length may ask for more; none gives another frame. */
static void frame_with_any_bit_flipped_is_never_taken(void **state)
{
    uint8_t bytes[100];
    size_t len = make_frame(bytes);
    size_t wanted = 0;
    struct craft_frame frame;

    (void)state;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(craft_frame_parse(bytes, len, FRAME_MAX, &frame, &wanted) <=
                    0);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Before a byte of it is waited for, or memory taken for it. */
static void frame_over_the_limit_is_refused_by_its_length(void **state)
{
    static const uint32_t lengths[] = {0, FRAME_MAX + 1, 0x7fffffff,
                                       0x80000000u, 0xffffffffu};
    uint8_t bytes[4];
    size_t wanted = 0;
    struct craft_frame frame;

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        craft_store32(bytes, lengths[i]);
        assert_int_equal(
            craft_frame_parse(bytes, 4, FRAME_MAX, &frame, &wanted),
            CRAFT_ERR_FORMAT);
    }
    craft_store32(bytes, FRAME_MAX);
    assert_int_equal(craft_frame_parse(bytes, 4, FRAME_MAX, &frame, &wanted),
                     0);
}

static void frame_of_an_unknown_type_is_refused(void **state)
{
    uint8_t bytes[CRAFT_FRAME_HEAD_LEN];
    size_t wanted = 0;
    struct craft_frame frame;

    (void)state;
    craft_frame_seal(bytes, 9, 0);
    assert_int_equal(
        craft_frame_parse(bytes, sizeof bytes, FRAME_MAX, &frame, &wanted),
        CRAFT_ERR_FORMAT);
}

/* --------------------------------------------------------------- greetings */

static const struct craft_hello hello = {
    .version = CRAFT_LINK_VERSION,
    .wire_min = 1,
    .wire_max = 3,
    .group = 0x1122334455667788u,
    .from = 2,
    .to = UINT64_C(1) << 61,
    .lineage = UINT64_MAX,
    .process = 77,
};

static void hello_comes_back_as_it_was(void **state)
{
    uint8_t bytes[CRAFT_HELLO_LEN];
    struct craft_hello parsed;

    (void)state;
    craft_hello_put(bytes, &hello);
    assert_int_equal(craft_hello_parse(bytes, sizeof bytes, &parsed),
                     sizeof bytes);
    assert_int_equal(parsed.version, hello.version);
    assert_int_equal(parsed.wire_min, hello.wire_min);
    assert_int_equal(parsed.wire_max, hello.wire_max);
    assert_true(parsed.group == hello.group);
    assert_true(parsed.from == hello.from);
    assert_true(parsed.to == hello.to);
    assert_true(parsed.lineage == hello.lineage);
    assert_true(parsed.process == hello.process);
}

static void hello_cut_at_any_byte_waits_for_more(void **state)
{
    uint8_t bytes[CRAFT_HELLO_LEN];
    struct craft_hello parsed;

    (void)state;
    craft_hello_put(bytes, &hello);
    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        assert_int_equal(craft_hello_parse(bytes, cut, &parsed), 0);
    }
}

static void hello_with_any_bit_flipped_is_never_taken(void **state)
{
    uint8_t bytes[CRAFT_HELLO_LEN];
    struct craft_hello parsed;

    (void)state;
    craft_hello_put(bytes, &hello);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(craft_hello_parse(bytes, sizeof bytes, &parsed) <= 0);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* A web browser, or a client that took the wrong port, is told apart by its
 * first byte: it must not be waited for. */
static void garbage_is_refused_by_its_first_byte(void **state)
{
    struct craft_hello parsed;
    struct craft_welcome welcome;

    (void)state;
    assert_int_equal(
        craft_hello_parse((const uint8_t *)"GET / HTTP/1.1", 1, &parsed),
        CRAFT_ERR_FORMAT);
    assert_int_equal(craft_welcome_parse((const uint8_t *)"-ERR", 1, &welcome),
                     CRAFT_ERR_FORMAT);
}

/* A server can answer one from the future with a reason. */
static void hello_of_a_later_version_is_read_as_far_as_its_version(void **state)
{
    uint8_t bytes[200] = {0};
    struct craft_hello parsed;

    (void)state;
    craft_hello_put(bytes, &hello);
    craft_store32(bytes + 8, 150);
    craft_store32(bytes + 12, CRAFT_LINK_VERSION + 1);
    craft_store32(bytes + 146, craft_crc32c(0, bytes, 146));
    assert_int_equal(craft_hello_parse(bytes, sizeof bytes, &parsed), 150);
    assert_int_equal(parsed.version, CRAFT_LINK_VERSION + 1);
}

static void greeting_of_impossible_length_is_refused(void **state)
{
    static const uint32_t lengths[] = {0, 19, 71, 513, 0xffffffffu};
    uint8_t bytes[CRAFT_HELLO_LEN];
    struct craft_hello parsed;

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        craft_hello_put(bytes, &hello);
        craft_store32(bytes + 8, lengths[i]);
        assert_int_equal(craft_hello_parse(bytes, sizeof bytes, &parsed),
                         CRAFT_ERR_FORMAT);
    }
}

static size_t make_welcome(uint8_t *bytes, const char *text)
{
    struct craft_welcome welcome = {
        .version = CRAFT_LINK_VERSION,
        .code = CRAFT_REFUSAL_GROUP,
        .wire = 1,
        .id = 3,
        .process = 99,
    };

    memcpy(welcome.text, text, strlen(text));
    return craft_welcome_put(bytes, &welcome);
}

static void welcome_comes_back_as_it_was(void **state)
{
    uint8_t bytes[CRAFT_GREETING_LEN_MAX];
    size_t len = make_welcome(bytes, "group 1 here, 2 there");
    struct craft_welcome parsed;

    (void)state;
    assert_int_equal(craft_welcome_parse(bytes, len, &parsed), len);
    assert_int_equal(parsed.code, CRAFT_REFUSAL_GROUP);
    assert_int_equal(parsed.wire, 1);
    assert_int_equal(parsed.id, 3);
    assert_int_equal(parsed.process, 99);
    assert_string_equal(parsed.text, "group 1 here, 2 there");
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(craft_welcome_parse(bytes, cut, &parsed), 0);
    }
}

static void welcome_with_any_bit_flipped_is_never_taken(void **state)
{
    uint8_t bytes[CRAFT_GREETING_LEN_MAX];
    size_t len = make_welcome(bytes, "why");
    struct craft_welcome parsed;

    (void)state;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(craft_welcome_parse(bytes, len, &parsed) <= 0);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* It goes to a log, where escape sequences would do what they like. */
static void text_of_a_welcome_is_made_printable(void **state)
{
    uint8_t bytes[CRAFT_GREETING_LEN_MAX];
    size_t len = make_welcome(bytes, "a\x1b[31mb\nc");
    struct craft_welcome parsed;

    (void)state;
    assert_int_equal(craft_welcome_parse(bytes, len, &parsed), len);
    assert_string_equal(parsed.text, "a.[31mb.c");
}

static void every_refusal_has_a_text(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 20; code++) {
        assert_true(strlen(craft_refusal_text(code)) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_comes_back_as_it_was),
        cmocka_unit_test(frame_may_be_empty),
        cmocka_unit_test(frame_cut_at_any_byte_waits_for_more),
        cmocka_unit_test(frame_with_any_bit_flipped_is_never_taken),
        cmocka_unit_test(frame_over_the_limit_is_refused_by_its_length),
        cmocka_unit_test(frame_of_an_unknown_type_is_refused),
        cmocka_unit_test(hello_comes_back_as_it_was),
        cmocka_unit_test(hello_cut_at_any_byte_waits_for_more),
        cmocka_unit_test(hello_with_any_bit_flipped_is_never_taken),
        cmocka_unit_test(garbage_is_refused_by_its_first_byte),
        cmocka_unit_test(
            hello_of_a_later_version_is_read_as_far_as_its_version),
        cmocka_unit_test(greeting_of_impossible_length_is_refused),
        cmocka_unit_test(welcome_comes_back_as_it_was),
        cmocka_unit_test(welcome_with_any_bit_flipped_is_never_taken),
        cmocka_unit_test(text_of_a_welcome_is_made_printable),
        cmocka_unit_test(every_refusal_has_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
