/* Readiness, timers, and what other threads hand over: loop.h, inbox.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/address.h"
#include "host/inbox.h"
#include "host/loop.h"

#include <cmocka.h>

#define MS ((uint64_t)1000000)

struct fixture {
    struct craft_loop *loop;
    int ends[2];
    int other[2];
    uint32_t seen;
    int calls;
    uint64_t timers[16];
    int timers_len;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(craft_loop_new(&f->loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, f->ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, f->other), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    craft_loop_free(f->loop);
    for (int i = 0; i < 2; i++) {
        (void)close(f->ends[i]);
        (void)close(f->other[i]);
    }
    free(f);
    return 0;
}

static void turn(struct fixture *f, uint64_t timeout_ns)
{
    assert_int_equal(craft_loop_wait(f->loop, timeout_ns), 0);
    craft_loop_dispatch(f->loop);
}

static void on_io(void *ctx, int fd, uint32_t events)
{
    struct fixture *f = ctx;

    (void)fd;
    f->seen |= events;
    f->calls++;
}

static void watched_descriptor_tells_what_it_is_ready_for(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        craft_loop_watch(f->loop, f->ends[0], CRAFT_HOST_READ, on_io, f), 0);
    turn(f, 0);
    assert_int_equal(f->calls, 0);
    assert_int_equal(write(f->ends[1], "x", 1), 1);
    turn(f, 1000 * MS);
    assert_int_equal(f->seen, CRAFT_HOST_READ);
    turn(f, 0); /* level-triggered: nobody has read it */
    assert_int_equal(f->calls, 2);
    assert_int_equal(
        craft_loop_watch(f->loop, f->ends[0], CRAFT_HOST_WRITE, on_io, f), 0);
    f->seen = 0;
    turn(f, 1000 * MS);
    assert_int_equal(f->seen, CRAFT_HOST_WRITE);
    assert_int_equal(craft_loop_watch(f->loop, f->ends[0], 0, on_io, f), 0);
    turn(f, 0);
    assert_int_equal(f->calls, 3);
    assert_int_equal(craft_loop_unwatch(f->loop, f->ends[0]), 0);
}

static void other_end_that_closes_is_readable(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        craft_loop_watch(f->loop, f->ends[0], CRAFT_HOST_READ, on_io, f), 0);
    assert_int_equal(shutdown(f->ends[1], SHUT_WR), 0);
    turn(f, 1000 * MS);
    assert_true((f->seen & CRAFT_HOST_READ) != 0);
}

static void unwatch_other(void *ctx, int fd, uint32_t events)
{
    struct fixture *f = ctx;
    int other = fd == f->ends[0] ? f->other[0] : f->ends[0];

    (void)events;
    f->calls++;
    assert_int_equal(craft_loop_unwatch(f->loop, other), 0);
}

/* Both are ready in one turn; the first closes the second, as an application
 * does that finds a session gone. */
static void
unwatched_descriptor_is_not_called_again_in_the_same_turn(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(craft_loop_watch(f->loop, f->ends[0], CRAFT_HOST_READ,
                                      unwatch_other, f),
                     0);
    assert_int_equal(craft_loop_watch(f->loop, f->other[0], CRAFT_HOST_READ,
                                      unwatch_other, f),
                     0);
    assert_int_equal(write(f->ends[1], "x", 1), 1);
    assert_int_equal(write(f->other[1], "x", 1), 1);
    turn(f, 1000 * MS);
    assert_int_equal(f->calls, 1);
}

static void replace_other(void *ctx, int fd, uint32_t events)
{
    struct fixture *f = ctx;
    int other = fd == f->ends[0] ? f->other[0] : f->ends[0];

    (void)events;
    f->calls++;
    /* Closed, and opened anew under its number. */
    assert_int_equal(craft_loop_unwatch(f->loop, other), 0);
    assert_int_equal(
        craft_loop_watch(f->loop, other, CRAFT_HOST_READ, on_io, f), 0);
}

static void
new_watch_of_a_number_does_not_get_what_the_old_one_saw(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(craft_loop_watch(f->loop, f->ends[0], CRAFT_HOST_READ,
                                      replace_other, f),
                     0);
    assert_int_equal(craft_loop_watch(f->loop, f->other[0], CRAFT_HOST_READ,
                                      replace_other, f),
                     0);
    assert_int_equal(write(f->ends[1], "x", 1), 1);
    assert_int_equal(write(f->other[1], "x", 1), 1);
    turn(f, 1000 * MS);
    assert_int_equal(f->calls, 1);
    assert_int_equal(f->seen, 0);
}

static void wrong_arguments_are_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(craft_loop_watch(f->loop, -1, CRAFT_HOST_READ, on_io, f),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_loop_watch(f->loop, f->ends[0], 64, on_io, f),
                     CRAFT_ERR_INVALID);
    assert_int_equal(
        craft_loop_watch(f->loop, f->ends[0], CRAFT_HOST_READ, NULL, f),
        CRAFT_ERR_INVALID);
    assert_int_equal(craft_loop_unwatch(f->loop, f->ends[0]),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_loop_unwatch(f->loop, 100000), CRAFT_ERR_INVALID);
    assert_int_equal(craft_loop_timer_cancel(f->loop, 1), CRAFT_ERR_INVALID);
}

/* ------------------------------------------------------------------ timers */

static int add_timer(struct fixture *f, uint32_t delay_ms, uint32_t period_ms,
                     craft_host_timer_function *function, uint64_t *timer_out)
{
    struct craft_loop_timer wanted = {delay_ms, period_ms, function, f};

    return craft_loop_timer_add(f->loop, &wanted, timer_out);
}

static void on_timer(void *ctx, uint64_t timer)
{
    struct fixture *f = ctx;

    f->timers[f->timers_len % 16] = timer;
    f->timers_len++;
}

static void timers_come_in_the_order_in_which_they_are_due(void **state)
{
    struct fixture *f = *state;
    uint64_t made[4];
    static const uint32_t delays[4] = {30, 10, 20, 10};

    for (int i = 0; i < 4; i++) {
        assert_int_equal(add_timer(f, delays[i], 0, on_timer, &made[i]), 0);
    }
    turn(f, 0);
    assert_int_equal(f->timers_len, 0);
    while (f->timers_len < 4) {
        turn(f, 1000 * MS);
    }
    assert_int_equal(f->timers[0], made[1]);
    assert_int_equal(f->timers[1], made[3]);
    assert_int_equal(f->timers[2], made[2]);
    assert_int_equal(f->timers[3], made[0]);
    assert_int_equal(craft_loop_timer_cancel(f->loop, made[0]),
                     CRAFT_ERR_INVALID);
}

static void cancel_self(void *ctx, uint64_t timer)
{
    struct fixture *f = ctx;

    on_timer(ctx, timer);
    if (f->timers_len == 3) {
        assert_int_equal(craft_loop_timer_cancel(f->loop, timer), 0);
    }
}

static void periodic_timer_comes_until_it_is_cancelled(void **state)
{
    struct fixture *f = *state;
    uint64_t started = craft_loop_clock();

    assert_int_equal(add_timer(f, 5, 5, cancel_self, NULL), 0);
    while (craft_loop_clock() < started + 60 * MS) {
        turn(f, 10 * MS);
    }
    assert_int_equal(f->timers_len, 3);
}

/* After a stall of the loop the calls it missed are one call. */
static void periodic_timer_does_not_come_in_a_burst(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add_timer(f, 2, 2, on_timer, NULL), 0);
    (void)usleep(30000);
    turn(f, 0);
    assert_int_equal(f->timers_len, 1);
}

static void make_another(void *ctx, uint64_t timer)
{
    struct fixture *f = ctx;

    on_timer(ctx, timer);
    assert_int_equal(add_timer(f, 0, 0, make_another, NULL), 0);
}

static void timer_that_makes_a_timer_does_not_keep_the_loop(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add_timer(f, 0, 0, make_another, NULL), 0);
    turn(f, 10 * MS);
    assert_int_equal(f->timers_len, 1);
    turn(f, 10 * MS);
    assert_int_equal(f->timers_len, 2);
}

static void many_timers_can_be_cancelled_in_any_order(void **state)
{
    struct fixture *f = *state;
    uint64_t made[200];

    for (size_t i = 0; i < 200; i++) {
        uint32_t delay = (uint32_t)(i * 37 % 50) + 1;

        assert_int_equal(add_timer(f, delay, 0, on_timer, &made[i]), 0);
    }
    for (size_t i = 0; i < 199; i++) {
        assert_int_equal(craft_loop_timer_cancel(f->loop, made[i * 73 % 200]),
                         0);
    }
    while (f->timers_len == 0) {
        turn(f, 100 * MS);
    }
    assert_int_equal(f->timers_len, 1);
    assert_int_equal(f->timers[0], made[199 * 73 % 200]);
}

/* ------------------------------------------------------------------- inbox */

#define THREADS 4
#define ITEMS 5000

struct feeder {
    struct craft_inbox *inbox;
    uint64_t number;
};

static void *feed(void *ctx)
{
    struct feeder *feeder = ctx;
    struct craft_inbox_item item = {0};
    uint64_t i = 0;

    item.data = (const uint8_t *)&i;
    item.data_len = sizeof i;
    while (i < ITEMS) {
        item.token = feeder->number << 32 | i;
        if (craft_inbox_put(feeder->inbox, &item) == 0) {
            i++;
        }
    }
    return NULL;
}

/* Each thread's items come once and in its order; the bound holds. */
static void items_of_many_threads_come_once_and_in_order(void **state)
{
    struct craft_wake wake;
    struct craft_inbox inbox;
    struct feeder feeders[THREADS];
    pthread_t threads[THREADS];
    uint64_t next[THREADS] = {0};
    size_t taken = 0;

    (void)state;
    assert_int_equal(craft_wake_open(&wake), 0);
    assert_int_equal(craft_inbox_open(&inbox, 10000, &wake), 0);
    for (uint64_t i = 0; i < THREADS; i++) {
        feeders[i] = (struct feeder){&inbox, i};
        assert_int_equal(pthread_create(&threads[i], NULL, feed, &feeders[i]),
                         0);
    }
    while (taken < THREADS * ITEMS) {
        struct craft_inbox_item item;

        if (craft_inbox_front(&inbox, &item)) {
            uint64_t number = item.token >> 32;

            assert_true(number < THREADS);
            assert_int_equal(item.token & 0xffffffffu, next[number]);
            assert_int_equal(item.data_len, 8);
            assert_memory_equal(item.data, &next[number], 8);
            next[number]++;
            taken++;
            craft_inbox_next(&inbox, &item);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    craft_inbox_free(&inbox);
    craft_wake_close(&wake);
}

static void full_or_closed_inbox_refuses(void **state)
{
    struct craft_wake wake;
    struct craft_inbox inbox;
    uint8_t data[600] = {0};
    struct craft_inbox_item item = {
        .data = data, .data_len = sizeof data, .token = 1};
    struct craft_inbox_item front;

    (void)state;
    assert_int_equal(craft_wake_open(&wake), 0);
    assert_int_equal(craft_inbox_open(&inbox, 500, &wake), 0);
    assert_int_equal(craft_inbox_put(&inbox, &item), 0); /* alone it fits */
    assert_int_equal(craft_inbox_put(&inbox, &item), CRAFT_ERR_BUSY);
    assert_int_equal(craft_inbox_front(&inbox, &front), 1);
    assert_int_equal(craft_inbox_put(&inbox, &item), CRAFT_ERR_BUSY);
    craft_inbox_next(&inbox, &front);
    assert_int_equal(craft_inbox_front(&inbox, &front), 0);
    assert_int_equal(craft_inbox_put(&inbox, &item), 0);
    craft_inbox_close(&inbox);
    assert_int_equal(craft_inbox_put(&inbox, &item), CRAFT_ERR_STOPPED);
    assert_int_equal(craft_inbox_front(&inbox, &front), 1);
    craft_inbox_free(&inbox);
    craft_wake_close(&wake);
}

/* --------------------------------------------------------------- addresses */

static void addresses_are_told_apart(void **state)
{
    static const char *const good[] = {
        "127.0.0.1:7101", "localhost:1", "[::1]:65535", ":80", "*:0",
        "a.b-c:7"};
    static const char *const bad[] = {"",      "7101",   "host:", "h:65536",
                                      "h:12x", "::1:80", "h:-1",  "h:999999"};
    struct craft_address_parts parts;
    struct craft_address address;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(craft_address_split(good[i], &parts), 0);
        assert_int_equal(craft_address_numeric(&parts, &address),
                         i == 5 ? CRAFT_HOST_ERR_ADDRESS : 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(craft_address_split(bad[i], &parts),
                         CRAFT_HOST_ERR_ADDRESS);
    }
}

/* "Listens on loopback unless told otherwise." */
static void address_without_a_host_is_loopback(void **state)
{
    struct craft_address_parts parts;
    struct craft_address address;

    (void)state;
    assert_int_equal(craft_address_split(":7101", &parts), 0);
    assert_int_equal(craft_address_numeric(&parts, &address), 0);
    assert_int_equal(address.as.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(craft_address_port(&address), 7101);
}

static void name_is_looked_up_without_waiting(void **state)
{
    struct craft_address_parts parts = {.host = "127.1.", .port = 9};
    struct craft_address address;
    struct craft_resolve *resolve = craft_resolve_start(&parts);
    int rv = 0;

    (void)state;
    assert_non_null(resolve);
    for (int i = 0; i < 5000 && rv == 0; i++) {
        rv = craft_resolve_look(resolve, &address);
        (void)usleep(1000);
    }
    assert_true(rv == 1 || rv == CRAFT_HOST_ERR_ADDRESS || rv == 0);
    craft_resolve_drop(resolve);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            watched_descriptor_tells_what_it_is_ready_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_end_that_closes_is_readable,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            unwatched_descriptor_is_not_called_again_in_the_same_turn, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            new_watch_of_a_number_does_not_get_what_the_old_one_saw, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(wrong_arguments_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            timers_come_in_the_order_in_which_they_are_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            periodic_timer_comes_until_it_is_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(periodic_timer_does_not_come_in_a_burst,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            timer_that_makes_a_timer_does_not_keep_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            many_timers_can_be_cancelled_in_any_order, set_up, tear_down),
        cmocka_unit_test(items_of_many_threads_come_once_and_in_order),
        cmocka_unit_test(full_or_closed_inbox_refuses),
        cmocka_unit_test(addresses_are_told_apart),
        cmocka_unit_test(address_without_a_host_is_loopback),
        cmocka_unit_test(name_is_looked_up_without_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
