/* craft/session: once, however often it is sent (thesis 6.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session/session.h"
#include "test_memory.h"

struct fixture {
    struct test_memory memory;
    craft_sessions_limits limits;
    craft_sessions *sessions;
};

static void open_table(struct fixture *fixture)
{
    craft_allocator allocator = test_memory_allocator(&fixture->memory);

    assert_int_equal(
        craft_sessions_new(&fixture->limits, &allocator, &fixture->sessions),
        0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    craft_sessions_limits_init(&fixture->limits, sizeof fixture->limits);
    fixture->limits.sessions_max = 3;
    fixture->limits.replies_max = 4;
    open_table(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    craft_sessions_free(fixture->sessions);
    assert_int_equal(fixture->memory.blocks, 0);
    free(fixture);
    return 0;
}

/* ------------------------------------------------------------------ steps */

static int begin(craft_sessions *sessions, uint64_t session, uint64_t number,
                 uint64_t first_open, craft_session_reply *reply)
{
    craft_session_request request = {
        .struct_size = sizeof request,
        .session = session,
        .number = number,
        .first_open = first_open,
    };

    reply->struct_size = sizeof *reply;
    return craft_session_begin(sessions, &request, 8, reply);
}

/* Send a command; a first time gives it `text` as its reply. */
static int command(craft_sessions *sessions, uint64_t session, uint64_t number,
                   uint64_t first_open, const char *text)
{
    craft_session_reply reply;
    int verdict = begin(sessions, session, number, first_open, &reply);

    if (verdict == CRAFT_SESSION_NEW) {
        assert_int_equal(
            craft_session_end(sessions, (const uint8_t *)text, strlen(text)),
            0);
    }
    assert_null(craft_sessions_check(sessions));
    return verdict;
}

static void assert_repeated(craft_sessions *sessions, uint64_t session,
                            uint64_t number, const char *text)
{
    craft_session_reply reply;

    assert_int_equal(begin(sessions, session, number, 1, &reply),
                     CRAFT_SESSION_REPEATED);
    assert_int_equal(reply.data_len, strlen(text));
    assert_memory_equal(reply.data, text, reply.data_len);
}

static bool is_there(const craft_sessions *sessions, uint64_t session)
{
    return craft_table_find(sessions, session) != NULL;
}

static craft_sessions_status look(const craft_sessions *sessions)
{
    craft_sessions_status status = {.struct_size = sizeof status};

    assert_int_equal(craft_sessions_look(sessions, &status), 0);
    return status;
}

/* --------------------------------------------------------------- verdicts */

/* LogCabin ca4ced4: a leader dies between commit and answer, the client asks
 * its successor, and the command is in the log twice. */
static void repeated_command_gets_the_first_reply(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;

    assert_int_equal(craft_session_open(sessions, 7), 0);
    assert_int_equal(command(sessions, 7, 1, 1, "one"), CRAFT_SESSION_NEW);
    assert_repeated(sessions, 7, 1, "one");
    assert_repeated(sessions, 7, 1, "one");
    assert_int_equal(look(sessions).replies_len, 1);
}

static void reply_without_bytes_is_a_reply(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;

    assert_int_equal(craft_session_open(sessions, 7), 0);
    assert_int_equal(command(sessions, 7, 1, 1, ""), CRAFT_SESSION_NEW);
    assert_repeated(sessions, 7, 1, "");
}

/* LogCabin 163fba5: replies of commands that are open at the same time went
 * when a later one came. */
static void replies_stay_until_they_are_acknowledged(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;

    assert_int_equal(craft_session_open(sessions, 7), 0);
    assert_int_equal(command(sessions, 7, 2, 1, "two"), CRAFT_SESSION_NEW);
    assert_int_equal(command(sessions, 7, 3, 1, "three"), CRAFT_SESSION_NEW);
    assert_int_equal(command(sessions, 7, 1, 1, "one"), CRAFT_SESSION_NEW);
    assert_repeated(sessions, 7, 1, "one");
    assert_repeated(sessions, 7, 2, "two");
    assert_repeated(sessions, 7, 3, "three");
    assert_int_equal(command(sessions, 7, 4, 3, "four"), CRAFT_SESSION_NEW);
    assert_int_equal(look(sessions).replies_len, 2);
    assert_repeated(sessions, 7, 3, "three");
}

static void late_copy_of_an_acknowledged_command_is_not_applied(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;

    assert_int_equal(craft_session_open(sessions, 7), 0);
    assert_int_equal(command(sessions, 7, 1, 1, "one"), CRAFT_SESSION_NEW);
    assert_int_equal(command(sessions, 7, 2, 2, "two"), CRAFT_SESSION_NEW);
    assert_int_equal(command(sessions, 7, 1, 1, "again"),
                     CRAFT_SESSION_FORGOTTEN);
    /* Also one that was never seen: its client said that it will not come. */
    assert_int_equal(command(sessions, 7, 9, 8, "nine"), CRAFT_SESSION_NEW);
    assert_int_equal(command(sessions, 7, 5, 1, "five"),
                     CRAFT_SESSION_FORGOTTEN);
}

static void repeated_command_acknowledges_too(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;
    craft_session_reply reply;

    assert_int_equal(craft_session_open(sessions, 7), 0);
    assert_int_equal(command(sessions, 7, 1, 1, "one"), CRAFT_SESSION_NEW);
    assert_int_equal(command(sessions, 7, 2, 1, "two"), CRAFT_SESSION_NEW);
    assert_int_equal(begin(sessions, 7, 2, 2, &reply), CRAFT_SESSION_REPEATED);
    assert_memory_equal(reply.data, "two", 3);
    assert_int_equal(look(sessions).replies_len, 1);
}

static void command_without_a_session_is_not_applied(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;

    assert_int_equal(command(sessions, 7, 1, 1, "one"), CRAFT_SESSION_ENDED);
    assert_int_equal(craft_session_open(sessions, 7), 0);
    assert_int_equal(command(sessions, 7, 1, 1, "one"), CRAFT_SESSION_NEW);
    assert_int_equal(craft_session_close(sessions, 7), 0);
    assert_int_equal(command(sessions, 7, 1, 1, "one"), CRAFT_SESSION_ENDED);
    assert_int_equal(craft_session_close(sessions, 7), 0);
    assert_int_equal(look(sessions).ended, 0);
}

static void client_with_too_many_open_commands_must_acknowledge(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;

    assert_int_equal(craft_session_open(sessions, 7), 0);
    for (uint64_t number = 1; number <= 4; number++) {
        assert_int_equal(command(sessions, 7, number, 1, "x"),
                         CRAFT_SESSION_NEW);
    }
    assert_int_equal(command(sessions, 7, 5, 1, "y"), CRAFT_SESSION_FULL);
    assert_repeated(sessions, 7, 4, "x");
    assert_int_equal(command(sessions, 7, 5, 2, "y"), CRAFT_SESSION_NEW);
    assert_repeated(sessions, 7, 5, "y");
}

/* ----------------------------------------------------------------- ending */

static void session_used_least_recently_makes_room(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;

    for (uint64_t session = 1; session <= 3; session++) {
        assert_int_equal(craft_session_open(sessions, session), 0);
    }
    assert_int_equal(command(sessions, 1, 1, 1, "x"), CRAFT_SESSION_NEW);
    assert_repeated(sessions, 1, 1, "x");
    assert_int_equal(craft_session_open(sessions, 4), 0);
    assert_true(is_there(sessions, 1));
    assert_false(is_there(sessions, 2));
    assert_true(is_there(sessions, 3));
    assert_int_equal(look(sessions).sessions_len, 3);
    assert_int_equal(look(sessions).ended, 1);
}

/* Atomix PR 330: replicas that expired sessions by their own clocks parted. */
static void idle_session_ends_by_the_clock_of_the_log(void **state)
{
    struct fixture *fixture = *state;
    craft_sessions *sessions = fixture->sessions;
    craft_sessions_limits limits = fixture->limits;

    limits.idle_max = 100;
    assert_int_equal(craft_sessions_limit(sessions, &limits), 0);
    assert_int_equal(craft_sessions_advance(sessions, 1000), 0);
    assert_int_equal(craft_session_open(sessions, 1), 0);
    assert_int_equal(craft_session_open(sessions, 2), 0);
    assert_int_equal(craft_sessions_advance(sessions, 1060), 0);
    assert_int_equal(command(sessions, 1, 1, 1, "x"), CRAFT_SESSION_NEW);
    assert_int_equal(craft_sessions_advance(sessions, 1100), 0);
    assert_true(is_there(sessions, 2));
    assert_int_equal(craft_sessions_advance(sessions, 1101), 0);
    assert_true(is_there(sessions, 1));
    assert_false(is_there(sessions, 2));
    assert_int_equal(craft_sessions_advance(sessions, UINT64_MAX), 0);
    assert_int_equal(look(sessions).sessions_len, 0);
}

static void clock_of_the_log_does_not_go_back(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;

    assert_int_equal(craft_sessions_advance(sessions, 50), 0);
    assert_int_equal(craft_sessions_advance(sessions, 40), 0);
    assert_int_equal(look(sessions).time, 50);
}

static void lower_limits_end_what_is_too_much(void **state)
{
    struct fixture *fixture = *state;
    craft_sessions_limits limits = fixture->limits;

    for (uint64_t session = 1; session <= 3; session++) {
        assert_int_equal(craft_session_open(fixture->sessions, session), 0);
    }
    assert_int_equal(command(fixture->sessions, 3, 1, 1, "a"),
                     CRAFT_SESSION_NEW);
    assert_int_equal(command(fixture->sessions, 3, 2, 1, "b"),
                     CRAFT_SESSION_NEW);
    limits.sessions_max = 1;
    limits.replies_max = 1;
    assert_int_equal(craft_sessions_limit(fixture->sessions, &limits), 0);
    assert_int_equal(look(fixture->sessions).sessions_len, 1);
    assert_repeated(fixture->sessions, 3, 1, "a");
    assert_int_equal(command(fixture->sessions, 3, 3, 2, "c"),
                     CRAFT_SESSION_FULL);
    assert_int_equal(command(fixture->sessions, 3, 3, 3, "c"),
                     CRAFT_SESSION_NEW);
}

/* -------------------------------------------------------------- arguments */

static void nothing_changes_while_a_command_is_applied(void **state)
{
    struct fixture *fixture = *state;
    craft_sessions *sessions = fixture->sessions;
    craft_session_reply reply;
    uint8_t image[256];
    size_t len;

    assert_int_equal(craft_session_open(sessions, 1), 0);
    assert_int_equal(craft_sessions_save(sessions, image, sizeof image, &len),
                     0);
    assert_int_equal(begin(sessions, 1, 1, 1, &reply), CRAFT_SESSION_NEW);
    assert_int_equal(begin(sessions, 1, 2, 1, &reply), CRAFT_ERR_STATE);
    assert_int_equal(craft_session_open(sessions, 2), CRAFT_ERR_STATE);
    assert_int_equal(craft_session_close(sessions, 1), CRAFT_ERR_STATE);
    assert_int_equal(craft_sessions_advance(sessions, 9), CRAFT_ERR_STATE);
    assert_int_equal(craft_sessions_limit(sessions, &fixture->limits),
                     CRAFT_ERR_STATE);
    assert_int_equal(craft_sessions_load(sessions, image, len),
                     CRAFT_ERR_STATE);
    assert_int_equal(craft_sessions_save(sessions, image, sizeof image, &len),
                     CRAFT_ERR_STATE);
    assert_int_equal(craft_session_end(sessions, image, 9), CRAFT_ERR_INVALID);
    assert_int_equal(craft_session_end(sessions, image, 8), 0);
    assert_int_equal(craft_session_end(sessions, image, 8), CRAFT_ERR_STATE);
}

static void numbers_out_of_range_are_refused(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;
    craft_session_reply reply;

    assert_int_equal(craft_session_open(sessions, 0), CRAFT_ERR_INVALID);
    assert_int_equal(craft_session_open(sessions, 1), 0);
    assert_int_equal(craft_session_open(sessions, 1), CRAFT_ERR_INVALID);
    assert_int_equal(begin(sessions, 1, 0, 0, &reply), CRAFT_ERR_INVALID);
    assert_int_equal(begin(sessions, 1, 1, 0, &reply), CRAFT_ERR_INVALID);
    assert_int_equal(begin(sessions, 1, 1, 2, &reply), CRAFT_ERR_INVALID);
    assert_int_equal(begin(sessions, 1, CRAFT_NUMBER_MAX, 1, &reply),
                     CRAFT_ERR_INVALID);
    assert_int_equal(command(sessions, 1, CRAFT_NUMBER_MAX - 1, 1, "x"),
                     CRAFT_SESSION_NEW);
}

static void missing_arguments_are_refused(void **state)
{
    craft_sessions *sessions = ((struct fixture *)*state)->sessions;
    craft_session_request request = {.struct_size = sizeof request};
    craft_session_reply reply = {.struct_size = sizeof reply};
    craft_sessions_status status = {.struct_size = 0};
    uint8_t byte = 0;
    size_t len;

    assert_int_equal(craft_sessions_new(NULL, NULL, NULL), CRAFT_ERR_INVALID);
    assert_int_equal(craft_sessions_limit(NULL, NULL), CRAFT_ERR_INVALID);
    assert_int_equal(craft_sessions_limit(sessions, NULL), CRAFT_ERR_INVALID);
    assert_int_equal(craft_sessions_advance(NULL, 1), CRAFT_ERR_INVALID);
    assert_int_equal(craft_session_open(NULL, 1), CRAFT_ERR_INVALID);
    assert_int_equal(craft_session_close(NULL, 1), CRAFT_ERR_INVALID);
    assert_int_equal(craft_session_begin(sessions, NULL, 0, &reply),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_session_begin(sessions, &request, 0, NULL),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_session_end(NULL, &byte, 1), CRAFT_ERR_INVALID);
    assert_int_equal(craft_session_end(sessions, NULL, 1), CRAFT_ERR_INVALID);
    assert_int_equal(craft_sessions_saved_len(NULL), 0);
    assert_int_equal(craft_sessions_save(sessions, &byte, 1, &len),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_sessions_load(sessions, NULL, 0), CRAFT_ERR_INVALID);
    assert_int_equal(craft_sessions_look(sessions, &status), CRAFT_ERR_INVALID);
    craft_sessions_free(NULL);
}

static void limits_out_of_range_are_refused(void **state)
{
    struct fixture *fixture = *state;
    craft_sessions_limits limits = fixture->limits;

    limits.sessions_max = 0;
    assert_int_equal(craft_sessions_limit(fixture->sessions, &limits),
                     CRAFT_ERR_INVALID);
    limits = fixture->limits;
    limits.replies_max = 1025;
    assert_int_equal(craft_sessions_limit(fixture->sessions, &limits),
                     CRAFT_ERR_INVALID);
    limits = fixture->limits;
    limits.struct_size--;
    assert_int_equal(craft_sessions_limit(fixture->sessions, &limits),
                     CRAFT_ERR_INVALID);
}

/* ----------------------------------------------------------------- memory */

static void steady_use_allocates_nothing(void **state)
{
    struct fixture *fixture = *state;
    craft_sessions *sessions = fixture->sessions;

    assert_int_equal(craft_session_open(sessions, 1), 0);
    for (uint64_t number = 1; number <= 3; number++) {
        assert_int_equal(command(sessions, 1, number, number, "x"),
                         CRAFT_SESSION_NEW);
    }
    fixture->memory.sealed = true;
    for (uint64_t number = 4; number <= 100; number++) {
        assert_int_equal(command(sessions, 1, number, number, "x"),
                         CRAFT_SESSION_NEW);
    }
    fixture->memory.sealed = false;
}

static void large_reply_is_not_held_when_it_is_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    craft_sessions *sessions = fixture->sessions;
    craft_session_request request = {sizeof request, 0, 1, 1, 1};
    craft_session_reply reply = {.struct_size = sizeof reply};
    size_t before;

    assert_int_equal(craft_session_open(sessions, 1), 0);
    assert_int_equal(command(sessions, 1, 1, 1, "x"), CRAFT_SESSION_NEW);
    before = fixture->memory.bytes;
    request.number = 2;
    assert_int_equal(craft_session_begin(sessions, &request, 1 << 20, &reply),
                     CRAFT_SESSION_NEW);
    assert_int_equal(craft_session_end(sessions, NULL, 0), 0);
    assert_true(fixture->memory.bytes >= before + (1 << 20));
    assert_int_equal(command(sessions, 1, 3, 3, "x"), CRAFT_SESSION_NEW);
    assert_true(fixture->memory.bytes < before + 1024);
}

/* What a refused allocation must leave as it was. */
static size_t image_of(const craft_sessions *sessions, uint8_t *image,
                       size_t max)
{
    size_t len;

    assert_int_equal(craft_sessions_save(sessions, image, max, &len), 0);
    return len;
}

/* The step is refused until it may have all the memory it wants; each refusal
 * changes nothing. */
static int until_granted(struct fixture *fixture, int (*step)(craft_sessions *))
{
    uint8_t before[4096];
    uint8_t after[4096];
    size_t len = image_of(fixture->sessions, before, sizeof before);
    int refusals = 0;
    int rv;

    for (size_t n = 1;; n++) {
        fixture->memory.allocations = 0;
        fixture->memory.fail_at = n;
        rv = step(fixture->sessions);
        fixture->memory.fail_at = 0;
        if (rv != CRAFT_ERR_NOMEM) {
            break;
        }
        refusals++;
        assert_int_equal(image_of(fixture->sessions, after, sizeof after), len);
        assert_memory_equal(before, after, len);
    }
    assert_int_equal(rv, 0);
    return refusals;
}

static int step_open(craft_sessions *sessions)
{
    return craft_session_open(sessions, 100);
}

static int step_command(craft_sessions *sessions)
{
    return command(sessions, 100, 3, 2, "12345678");
}

static int step_load(craft_sessions *sessions)
{
    uint8_t image[4096];

    /* Not itself: that would hide a table that was half replaced. */
    static uint8_t other[4096];
    static size_t other_len;

    if (other_len == 0) {
        craft_sessions *twin;

        assert_int_equal(craft_sessions_new(NULL, NULL, &twin), 0);
        for (uint64_t name = 1; name <= 40; name++) {
            assert_int_equal(craft_session_open(twin, name), 0);
            assert_int_equal(command(twin, name, 1, 1, "reply"), 0);
        }
        other_len = image_of(twin, other, sizeof other);
        craft_sessions_free(twin);
    }
    memcpy(image, other, other_len);
    return craft_sessions_load(sessions, image, other_len);
}

static void refused_memory_changes_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture->limits.sessions_max = 1000;
    assert_int_equal(craft_sessions_limit(fixture->sessions, &fixture->limits),
                     0);
    for (uint64_t name = 1; name <= 16; name++) { /* the hash is to grow */
        assert_int_equal(craft_session_open(fixture->sessions, name), 0);
    }
    assert_int_equal(until_granted(fixture, step_open), 2);
    assert_int_equal(command(fixture->sessions, 100, 1, 1, "x"), 0);
    assert_int_equal(command(fixture->sessions, 100, 2, 1, "x"), 0);
    assert_true(until_granted(fixture, step_command) >= 2);
    assert_true(until_granted(fixture, step_load) > 40);
    assert_int_equal(look(fixture->sessions).sessions_len, 40);
}

static void refused_table_leaves_nothing(void **state)
{
    struct test_memory memory = {0};
    craft_allocator allocator = test_memory_allocator(&memory);
    craft_sessions *sessions = NULL;

    (void)state;
    for (memory.fail_at = 1; memory.fail_at <= 2; memory.fail_at++) {
        memory.allocations = 0;
        assert_int_equal(craft_sessions_new(NULL, &allocator, &sessions),
                         CRAFT_ERR_NOMEM);
        assert_int_equal(memory.blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(repeated_command_gets_the_first_reply,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(reply_without_bytes_is_a_reply, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            replies_stay_until_they_are_acknowledged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            late_copy_of_an_acknowledged_command_is_not_applied, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(repeated_command_acknowledges_too,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            command_without_a_session_is_not_applied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            client_with_too_many_open_commands_must_acknowledge, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(session_used_least_recently_makes_room,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            idle_session_ends_by_the_clock_of_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clock_of_the_log_does_not_go_back,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(lower_limits_end_what_is_too_much,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            nothing_changes_while_a_command_is_applied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_out_of_range_are_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_arguments_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(limits_out_of_range_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(steady_use_allocates_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            large_reply_is_not_held_when_it_is_acknowledged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_memory_changes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refused_table_leaves_nothing, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
