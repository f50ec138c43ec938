/* craft/session: saved tables, whole, damaged and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "session/session.h"

#define IMAGE_MAX 8192u

struct image {
    uint8_t bytes[IMAGE_MAX];
    size_t len;
};

static craft_sessions *new_table(void)
{
    craft_sessions *sessions;

    assert_int_equal(craft_sessions_new(NULL, NULL, &sessions), 0);
    return sessions;
}

static void save(const craft_sessions *sessions, struct image *image)
{
    assert_true(craft_sessions_saved_len(sessions) <= IMAGE_MAX);
    assert_int_equal(
        craft_sessions_save(sessions, image->bytes, IMAGE_MAX, &image->len), 0);
    assert_int_equal(image->len, craft_sessions_saved_len(sessions));
}

static void assert_same(const craft_sessions *sessions,
                        const struct image *image)
{
    struct image now;

    save(sessions, &now);
    assert_int_equal(now.len, image->len);
    assert_memory_equal(now.bytes, image->bytes, now.len);
}

static void command(craft_sessions *sessions, uint64_t session, uint64_t number,
                    const char *text)
{
    craft_session_request request = {sizeof request, 0, session, number, 1};
    craft_session_reply reply = {.struct_size = sizeof reply};

    assert_int_equal(craft_session_begin(sessions, &request, 16, &reply),
                     CRAFT_SESSION_NEW);
    assert_int_equal(
        craft_session_end(sessions, (const uint8_t *)text, strlen(text)), 0);
}

/* Some sessions with and without replies, some time gone by. */
static craft_sessions *sample(void)
{
    craft_sessions_limits limits;
    craft_sessions *sessions = new_table();

    craft_sessions_limits_init(&limits, sizeof limits);
    limits.sessions_max = 5;
    limits.idle_max = 1000;
    assert_int_equal(craft_sessions_limit(sessions, &limits), 0);
    assert_int_equal(craft_session_open(sessions, 3), 0);
    assert_int_equal(craft_sessions_advance(sessions, 10), 0);
    assert_int_equal(craft_session_open(sessions, 4), 0);
    assert_int_equal(craft_session_open(sessions, 9), 0);
    command(sessions, 3, 1, "first");
    command(sessions, 3, 2, "");
    assert_int_equal(craft_sessions_advance(sessions, 25), 0);
    command(sessions, 9, 7, "seventh");
    return sessions;
}

/* ------------------------------------------------------------------ whole */

static void loaded_table_is_the_saved_one(void **state)
{
    craft_sessions *sessions = sample();
    craft_sessions *twin = new_table();
    struct image image;

    (void)state;
    save(sessions, &image);
    assert_int_equal(craft_session_open(twin, 1), 0);
    assert_int_equal(craft_sessions_load(twin, image.bytes, image.len), 0);
    assert_null(craft_sessions_check(twin));
    assert_same(twin, &image);
    craft_sessions_free(sessions);
    craft_sessions_free(twin);
}

static void empty_table_is_saved_too(void **state)
{
    craft_sessions *sessions = new_table();
    struct image image;

    (void)state;
    save(sessions, &image);
    assert_int_equal(craft_session_open(sessions, 1), 0);
    assert_int_equal(craft_sessions_load(sessions, image.bytes, image.len), 0);
    assert_same(sessions, &image);
    craft_sessions_free(sessions);
}

/* The bytes of a saved table are a format: what one version saved the next
 * one loads. */
static void format_stays(void **state)
{
    /* clang-format off */
    static const uint8_t expected[] = {
        'C', 'E', 'S', 'S', 1, 0, 0, 0,
        0x10, 0x27, 0, 0, 64, 0, 0, 0,                 /* limits */
        0, 0, 0, 0, 0, 0, 0, 0,
        5, 0, 0, 0, 0, 0, 0, 0,                        /* time */
        1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,            /* session 2 */
        5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
        6, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, /* reply 6 */
        'o', 'k'};
    /* clang-format on */
    craft_sessions *sessions = new_table();
    struct image image;

    (void)state;
    assert_int_equal(craft_sessions_advance(sessions, 5), 0);
    assert_int_equal(craft_session_open(sessions, 2), 0);
    command(sessions, 2, 6, "ok");
    save(sessions, &image);
    assert_int_equal(image.len, sizeof expected + 4);
    assert_memory_equal(image.bytes, expected, sizeof expected);
    assert_int_equal(craft_load32(image.bytes + sizeof expected),
                     craft_crc32c(0, expected, sizeof expected));
    craft_sessions_free(sessions);
}

/* ---------------------------------------------------------------- damaged */

static void assert_refused(craft_sessions *sessions, const struct image *bad,
                           const struct image *before)
{
    /* Of exactly its length, so that a read beyond its end is seen. */
    uint8_t *bytes = malloc(bad->len + 1);
    int rv;

    assert_non_null(bytes);
    memcpy(bytes, bad->bytes, bad->len);
    rv = craft_sessions_load(sessions, bytes, bad->len);
    assert_true(rv == CRAFT_ERR_FORMAT || rv == CRAFT_ERR_VERSION ||
                rv == CRAFT_ERR_CORRUPT);
    free(bytes);
    assert_same(sessions, before);
}

static void every_damage_is_noticed_and_changes_nothing(void **state)
{
    craft_sessions *sessions = sample();
    craft_sessions *other = new_table();
    struct image before;
    struct image bad;

    (void)state;
    save(other, &before);
    save(sessions, &bad);
    for (size_t bit = 0; bit < bad.len * 8; bit++) {
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_refused(other, &bad, &before);
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (bad.len--; bad.len > 0; bad.len--) {
        assert_refused(other, &bad, &before);
    }
    craft_sessions_free(sessions);
    craft_sessions_free(other);
}

static void later_version_is_told_apart(void **state)
{
    craft_sessions *sessions = sample();
    struct image image;

    (void)state;
    save(sessions, &image);
    image.bytes[4] = 2;
    assert_int_equal(craft_sessions_load(sessions, image.bytes, image.len),
                     CRAFT_ERR_VERSION);
    craft_sessions_free(sessions);
}

static void seal(struct image *image)
{
    craft_store32(image->bytes + image->len - 4,
                  craft_crc32c(0, image->bytes, image->len - 4));
}

/* Whatever carries the right checksum is refused, or is a sound table. */
static void hostile_images_break_nothing(void **state)
{
    craft_sessions *sessions = sample();
    craft_sessions *twin = new_table();
    struct craft_random random;
    struct image good;
    uint32_t taken = 0;

    (void)state;
    craft_random_init(&random, 1, 1);
    save(sessions, &good);
    for (uint32_t i = 0; i < 200000; i++) {
        struct image bad = good;
        uint32_t edits = 1 + craft_random_below(&random, 3);

        while (edits-- > 0) {
            uint32_t at = craft_random_below(&random, (uint32_t)good.len - 4);

            bad.bytes[at] = craft_random_below(&random, 2) == 0
                                ? (uint8_t)craft_random_below(&random, 256)
                                : (uint8_t)craft_random_below(&random, 4);
        }
        seal(&bad);
        if (craft_sessions_load(twin, bad.bytes, bad.len) == 0) {
            taken++;
            assert_null(craft_sessions_check(twin));
            assert_same(twin, &bad);
        }
    }
    assert_true(taken > 1000);
    assert_true(taken < 199000);
    craft_sessions_free(sessions);
    craft_sessions_free(twin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loaded_table_is_the_saved_one),
        cmocka_unit_test(empty_table_is_saved_too),
        cmocka_unit_test(format_stays),
        cmocka_unit_test(every_damage_is_noticed_and_changes_nothing),
        cmocka_unit_test(later_version_is_told_apart),
        cmocka_unit_test(hostile_images_break_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
