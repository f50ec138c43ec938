/* base: checksums, the generator, memory, results, bytes at any alignment. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "test_memory.h"

/* ----------------------------------------------------------------- crc32c */

/* RFC 3720, B.4, and the check value of the catalogue of CRCs. */
static void crc32c_has_the_published_values(void **state)
{
    uint8_t bytes[32];

    (void)state;
    assert_int_equal(craft_crc32c(0, "123456789", 9), 0xe3069283u);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(craft_crc32c(0, bytes, sizeof bytes), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(craft_crc32c(0, bytes, sizeof bytes), 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++) {
        bytes[i] = i;
    }
    assert_int_equal(craft_crc32c(0, bytes, sizeof bytes), 0x46dd794eu);
    for (uint8_t i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(craft_crc32c(0, bytes, sizeof bytes), 0x113fdb5cu);
}

static void crc32c_of_nothing_is_what_it_was(void **state)
{
    (void)state;
    assert_int_equal(craft_crc32c(0, NULL, 0), 0);
    assert_int_equal(craft_crc32c(0x12345678u, "", 0), 0x12345678u);
    assert_int_equal(craft_crc32c_portable(7, "", 0), 7);
}

static void crc32c_by_instruction_equals_the_portable_one(void **state)
{
    struct craft_random random;
    uint8_t bytes[600];

    (void)state;
    craft_random_init(&random, 1, 1);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)craft_random_below(&random, 256);
    }
    for (int i = 0; i < 20000; i++) {
        size_t from = craft_random_below(&random, 64);
        size_t len = craft_random_below(&random, (uint32_t)(600 - from));
        uint32_t crc = craft_random_below(&random, UINT32_MAX);

        assert_int_equal(craft_crc32c(crc, bytes + from, len),
                         craft_crc32c_portable(crc, bytes + from, len));
    }
}

static void crc32c_of_parts_is_that_of_the_whole(void **state)
{
    uint8_t bytes[100];

    (void)state;
    for (uint8_t i = 0; i < 100; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        uint32_t crc = craft_crc32c(0, bytes, cut);

        crc = craft_crc32c(crc, bytes + cut, sizeof bytes - cut);
        assert_int_equal(crc, craft_crc32c(0, bytes, sizeof bytes));
    }
}

/* ----------------------------------------------------------------- random */

static void same_seed_and_stream_give_the_same_numbers(void **state)
{
    struct craft_random a;
    struct craft_random b;

    (void)state;
    craft_random_init(&a, 42, 7);
    craft_random_init(&b, 42, 7);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(craft_random_below(&a, 1000000),
                         craft_random_below(&b, 1000000));
    }
}

static void assert_streams_differ(struct craft_random a, struct craft_random b)
{
    int equal = 0;

    for (int i = 0; i < 1000; i++) {
        equal +=
            craft_random_below(&a, 1000000) == craft_random_below(&b, 1000000);
    }
    assert_in_range(equal, 0, 5);
}

/* Nodes that drew the same timeouts would split their votes for ever. */
static void other_seeds_and_other_streams_give_other_numbers(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 20; i++) {
        struct craft_random a;
        struct craft_random b;

        craft_random_init(&a, 0, i);
        craft_random_init(&b, 0, i + 1);
        assert_streams_differ(a, b);
        craft_random_init(&a, i, 1);
        craft_random_init(&b, i + 1, 1);
        assert_streams_differ(a, b);
        craft_random_init(&a, i, i + 1);
        craft_random_init(&b, i + 1, i);
        assert_streams_differ(a, b);
    }
}

static void numbers_are_below_the_bound_and_about_uniform(void **state)
{
    static const uint32_t bounds[] = {1, 2, 3, 7, 10, 16, 50};
    struct craft_random random;

    (void)state;
    craft_random_init(&random, 3, 9);
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        uint32_t bound = bounds[b];
        int seen[50] = {0};

        for (uint32_t i = 0; i < bound * 2000; i++) {
            uint32_t value = craft_random_below(&random, bound);

            assert_true(value < bound);
            seen[value]++;
        }
        for (uint32_t i = 0; i < bound; i++) {
            assert_in_range(seen[i], 1700, 2300);
        }
    }
    for (int i = 0; i < 1000; i++) {
        assert_true(craft_random_below(&random, UINT32_MAX) < UINT32_MAX);
    }
}

/* ----------------------------------------------------------------- memory */

static void memory_goes_through_the_given_allocator(void **state)
{
    struct test_memory memory = {0};
    craft_allocator allocator = test_memory_allocator(&memory);
    uint8_t *block;

    (void)state;
    craft_memory_init(&allocator);
    assert_ptr_equal(allocator.ctx, &memory);
    block = craft_memory_alloc(&allocator, 10);
    assert_non_null(block);
    memset(block, 3, 10);
    block = craft_memory_grow(&allocator, block, 10, 20);
    assert_non_null(block);
    assert_int_equal(block[9], 3);
    assert_int_equal(memory.blocks, 1);
    assert_int_equal(memory.bytes, 20);
    craft_memory_free(&allocator, block, 20);
    craft_memory_free(&allocator, NULL, 0);
    assert_int_equal(memory.blocks, 0);
}

static void memory_that_is_refused_leaves_the_old_block(void **state)
{
    struct test_memory memory = {0};
    craft_allocator allocator = test_memory_allocator(&memory);
    uint8_t *block = craft_memory_alloc(&allocator, 10);

    (void)state;
    memset(block, 3, 10);
    memory.fail_all = true;
    assert_null(craft_memory_grow(&allocator, block, 10, 20));
    assert_null(craft_memory_alloc(&allocator, 1));
    assert_int_equal(block[9], 3);
    craft_memory_free(&allocator, block, 10);
    assert_int_equal(memory.blocks, 0);
}

static void memory_is_the_c_library_s_when_none_is_given(void **state)
{
    craft_allocator allocator = {NULL, NULL};
    uint8_t *block;

    (void)state;
    craft_memory_init(&allocator);
    assert_non_null(allocator.realloc);
    block = craft_memory_alloc(&allocator, 8);
    assert_non_null(block);
    memset(block, 1, 8);
    block = craft_memory_grow(&allocator, block, 8, 1000);
    assert_non_null(block);
    assert_int_equal(block[7], 1);
    craft_memory_free(&allocator, block, 1000);
}

/* ---------------------------------------------------------------- results */

static const int errors[] = {
    CRAFT_OK,
    CRAFT_ERR_INVALID,
    CRAFT_ERR_STATE,
    CRAFT_ERR_UNKNOWN_ID,
    CRAFT_ERR_TICKET,
    CRAFT_ERR_CLOCK,
    CRAFT_ERR_NOT_LEADER,
    CRAFT_ERR_BUSY,
    CRAFT_ERR_NOMEM,
    CRAFT_ERR_NOSPACE,
    CRAFT_ERR_NOT_VOTER,
    CRAFT_ERR_TRANSFER,
    CRAFT_ERR_TERM,
    CRAFT_ERR_LEASE,
    CRAFT_ERR_FORMAT,
    CRAFT_ERR_VERSION,
    CRAFT_ERR_ENTRIES,
    CRAFT_ERR_MESSAGE,
    CRAFT_ERR_MISADDRESSED,
    CRAFT_ERR_CORRUPT,
    CRAFT_ERR_STOPPED,
    CRAFT_ERR_HALTED,
};

#define ERRORS (sizeof errors / sizeof errors[0])

static void every_result_has_its_own_name_and_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERRORS; i++) {
        assert_true(strlen(craft_strerror(errors[i])) > 5);
        assert_memory_equal(craft_error_name(errors[i]), "CRAFT_", 6);
        assert_string_not_equal(craft_error_name(errors[i]),
                                craft_error_name(-1));
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(errors[i], errors[k]);
            assert_string_not_equal(craft_error_name(errors[i]),
                                    craft_error_name(errors[k]));
            assert_string_not_equal(craft_strerror(errors[i]),
                                    craft_strerror(errors[k]));
        }
    }
    assert_string_equal(craft_error_name(CRAFT_ERR_BUSY), "CRAFT_ERR_BUSY");
}

/* A code that is added and not named is found by this walk over all bands. */
static void no_other_number_is_a_result(void **state)
{
    size_t named = 0;

    (void)state;
    for (int error = -1000; error <= 1000; error++) {
        assert_non_null(craft_strerror(error));
        named += strcmp(craft_error_name(error), craft_error_name(-1)) != 0;
    }
    assert_int_equal(named, ERRORS);
    assert_non_null(craft_strerror(INT32_MIN));
    assert_non_null(craft_error_name(INT32_MAX));
}

/* ------------------------------------------------------------------ bytes */

static void integers_are_little_endian_at_every_alignment(void **state)
{
    static const uint8_t want32[4] = {0x04, 0x03, 0x02, 0x01};
    static const uint8_t want64[8] = {8, 7, 6, 5, 4, 3, 2, 1};

    (void)state;
    for (size_t at = 0; at < 16; at++) {
        /* Exactly as long as needed, so that an overrun is seen. */
        uint8_t *bytes = malloc(at + 8);

        assert_non_null(bytes);
        memset(bytes, 0, at + 8);
        craft_store64(bytes + at, 0x0102030405060708u);
        assert_memory_equal(bytes + at, want64, 8);
        assert_true(craft_load64(bytes + at) == 0x0102030405060708u);
        craft_store32(bytes + at + 4, 0x01020304u);
        assert_memory_equal(bytes + at + 4, want32, 4);
        assert_int_equal(craft_load32(bytes + at + 4), 0x01020304u);
        assert_memory_equal(bytes + at, want64, 4);
        for (size_t i = 0; i < at; i++) {
            assert_int_equal(bytes[i], 0);
        }
        free(bytes);
    }
}

/* ------------------------------------------------------------- assertions */

#define TOLD 3
#define DIED 4

/* Told what, and where? Then the process may end as the host likes. */
static void handler_that_ends(const char *expression, const char *file,
                              int line)
{
    exit(strcmp(expression, "bound > 0") == 0 &&
                 strstr(file, "random.c") != NULL && line > 0
             ? TOLD
             : 1);
}

static void handler_that_returns(const char *expression, const char *file,
                                 int line)
{
    (void)expression;
    (void)file;
    (void)line;
}

/* Of abort() and of nothing else: the process may end as always, and tell what
 * of it was reached. */
static void on_abort(int number)
{
    (void)number;
    exit(DIED);
}

/* How a process ends in which an assertion fails. */
static int assertion_fails_in_a_child(void (*handler)(const char *,
                                                      const char *, int))
{
    struct craft_random random = {1};
    struct sigaction action = {.sa_handler = on_abort};
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        (void)sigaction(SIGABRT, &action, NULL);
        (void)close(STDERR_FILENO);
        craft_set_assert_handler(handler);
        (void)craft_random_below(&random, 0);
        _exit(1);
    }
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_failed_assertion_is_told_to_the_handler(void **state)
{
    (void)state;
    assert_int_equal(assertion_fails_in_a_child(handler_that_ends), TOLD);
}

/* Going on would be with a broken node: there is no way back. */
static void a_failed_assertion_ends_the_process_all_the_same(void **state)
{
    (void)state;
    assert_int_equal(assertion_fails_in_a_child(handler_that_returns), DIED);
    assert_int_equal(assertion_fails_in_a_child(NULL), DIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_has_the_published_values),
        cmocka_unit_test(crc32c_of_nothing_is_what_it_was),
        cmocka_unit_test(crc32c_by_instruction_equals_the_portable_one),
        cmocka_unit_test(crc32c_of_parts_is_that_of_the_whole),
        cmocka_unit_test(same_seed_and_stream_give_the_same_numbers),
        cmocka_unit_test(other_seeds_and_other_streams_give_other_numbers),
        cmocka_unit_test(numbers_are_below_the_bound_and_about_uniform),
        cmocka_unit_test(memory_goes_through_the_given_allocator),
        cmocka_unit_test(memory_that_is_refused_leaves_the_old_block),
        cmocka_unit_test(memory_is_the_c_library_s_when_none_is_given),
        cmocka_unit_test(every_result_has_its_own_name_and_sentence),
        cmocka_unit_test(no_other_number_is_a_result),
        cmocka_unit_test(integers_are_little_endian_at_every_alignment),
        cmocka_unit_test(a_failed_assertion_is_told_to_the_handler),
        cmocka_unit_test(a_failed_assertion_ends_the_process_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
