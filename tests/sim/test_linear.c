/*
 * craft_sim_linearizable(): histories whose verdict is known, and random ones
 * whose verdict is found by trying every order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "craft/sim.h"
#include "sim/machine_kv.h"
#include "sim/mix.h"
#include "sim/random.h"

#define NEVER UINT64_MAX
#define ALL_BITS UINT64_MAX

/* ---------------------------------------------------------------- a history */

struct seen {
    uint8_t command[CRAFT_SIM_KV_COMMAND_LEN_MAX];
    uint8_t reply[CRAFT_SIM_KV_REPLY_LEN_MAX];
};

struct history {
    craft_sim_operation *operations;
    struct seen *bytes;
    size_t len;
    size_t max;
};

static void history_open(struct history *history, size_t max)
{
    history->operations = calloc(max, sizeof *history->operations);
    history->bytes = calloc(max, sizeof *history->bytes);
    history->len = 0;
    history->max = max;
    assert_non_null(history->operations);
    assert_non_null(history->bytes);
}

static void history_close(struct history *history)
{
    free(history->operations);
    free(history->bytes);
}

/* The time of an operation. */
struct span {
    uint64_t begin;
    uint64_t end;
};

static struct span at(uint64_t begin, uint64_t end)
{
    struct span span = {begin, end};

    return span;
}

/* An operation without a reply yet. */
static craft_sim_operation *add(struct history *history, struct span span,
                                struct craft_sim_kv_command command)
{
    craft_sim_operation *operation = &history->operations[history->len];
    struct seen *bytes = &history->bytes[history->len];

    assert_true(history->len < history->max);
    history->len++;
    operation->key = command.key;
    operation->begin = span.begin;
    operation->end = span.end;
    operation->command_len = craft_sim_kv_encode(&command, bytes->command);
    operation->command = bytes->command;
    operation->reply = bytes->reply;
    operation->reply_len = 0;
    return operation;
}

/* OK with so many values, or another result. */
static void answer(struct history *history, uint8_t result,
                   const uint64_t *values, size_t values_len)
{
    uint8_t *reply = history->bytes[history->len - 1].reply;

    reply[0] = result;
    for (size_t i = 0; i < values_len; i++) {
        craft_store64(reply + 1 + 8 * i, values[i]);
    }
    history->operations[history->len - 1].reply_len = 1 + 8 * values_len;
}

static void set(struct history *history, struct span span, uint64_t number)
{
    struct craft_sim_kv_command command = {CRAFT_SIM_KV_SET, 0, {number}};

    add(history, span, command);
    answer(history, CRAFT_SIM_KV_OK, NULL, 0);
}

/* A value to which nothing was appended. */
static void get(struct history *history, struct span span, uint64_t number)
{
    struct craft_sim_kv_command command = {CRAFT_SIM_KV_GET, 0, {0}};
    uint64_t values[3] = {number, 0, 0};

    add(history, span, command);
    answer(history, CRAFT_SIM_KV_OK, values, 3);
}

static void increment(struct history *history, struct span span, uint64_t after)
{
    struct craft_sim_kv_command command = {CRAFT_SIM_KV_INCREMENT, 0, {0}};

    add(history, span, command);
    answer(history, CRAFT_SIM_KV_OK, &after, 1);
}

/* before: what the reply says; the client expected `expected`. */
static void cas(struct history *history, struct span span, uint64_t expected,
                uint64_t number, uint64_t before)
{
    struct craft_sim_kv_command command = {
        CRAFT_SIM_KV_CAS, 0, {expected, ALL_BITS, number}};

    add(history, span, command);
    answer(history, before == expected ? CRAFT_SIM_KV_OK : CRAFT_SIM_KV_DIFFERS,
           &before, 1);
}

/* After it, these were appended: a list that ends with 0. */
static void append(struct history *history, struct span span,
                   const uint64_t *all)
{
    struct craft_sim_kv_command command = {CRAFT_SIM_KV_APPEND, 0, {0}};
    uint64_t values[2] = {0, 0};

    for (size_t i = 0; all[i] != 0; i++) {
        command.numbers[0] = all[i];
        values[0]++;
        values[1] += craft_sim_mix(all[i]);
    }
    add(history, span, command);
    answer(history, CRAFT_SIM_KV_OK, values, 2);
}

static int judge(const struct history *history)
{
    return craft_sim_linearizable(craft_sim_machine_kv(), history->operations,
                                  history->len, 0, NULL);
}

/* Judges what was added, in both directions of the array, and begins anew. */
static void check(struct history *history, int verdict)
{
    size_t len = history->len;

    assert_int_equal(judge(history), verdict);
    for (size_t i = 0; i < len / 2; i++) {
        craft_sim_operation swap = history->operations[i];

        history->operations[i] = history->operations[len - 1 - i];
        history->operations[len - 1 - i] = swap;
    }
    assert_int_equal(judge(history), verdict);
    history->len = 0;
}

static void accept(struct history *history)
{
    check(history, CRAFT_SIM_LINEARIZABLE);
}

static void refuse(struct history *history)
{
    check(history, CRAFT_SIM_NOT_LINEARIZABLE);
}

static int history_setup(void **state)
{
    static struct history history;

    history_open(&history, 256);
    *state = &history;
    return 0;
}

static int history_teardown(void **state)
{
    history_close(*state);
    return 0;
}

/* ----------------------------------------------------------- known verdicts */

static void nothing_and_one_client_are_linearizable(void **state)
{
    struct history *h = *state;

    accept(h);
    set(h, at(1, 2), 7);
    get(h, at(3, 4), 7);
    increment(h, at(5, 6), 8);
    cas(h, at(7, 8), 8, 9, 8);
    cas(h, at(9, 10), 8, 7, 9);
    get(h, at(11, 12), 9);
    accept(h);
}

static void stale_read_is_refused(void **state)
{
    struct history *h = *state;

    set(h, at(1, 2), 7);
    set(h, at(3, 4), 8);
    get(h, at(5, 6), 7);
    refuse(h);
    /* While the second is under way either may be read. */
    set(h, at(1, 2), 7);
    set(h, at(3, 7), 8);
    get(h, at(5, 6), 7);
    accept(h);
    set(h, at(1, 2), 7);
    set(h, at(3, 7), 8);
    get(h, at(5, 6), 8);
    accept(h);
}

static void what_ends_as_another_begins_is_concurrent(void **state)
{
    struct history *h = *state;

    set(h, at(1, 2), 7);
    set(h, at(3, 5), 8);
    get(h, at(5, 6), 7);
    accept(h);
}

static void reads_do_not_go_back_in_time(void **state)
{
    struct history *h = *state;

    set(h, at(1, 2), 7);
    set(h, at(3, 20), 8);
    get(h, at(5, 6), 8);
    get(h, at(7, 8), 7);
    refuse(h);
    set(h, at(1, 2), 7);
    set(h, at(3, 20), 8);
    get(h, at(5, 8), 8);
    get(h, at(7, 9), 7);
    accept(h);
}

static void value_that_nobody_wrote_is_refused(void **state)
{
    struct history *h = *state;

    set(h, at(1, 2), 7);
    get(h, at(1, 4), 9);
    refuse(h);
    get(h, at(1, 2), 0);
    accept(h);
}

static void lost_update_is_refused(void **state)
{
    struct history *h = *state;

    increment(h, at(1, 4), 1);
    increment(h, at(2, 5), 1);
    refuse(h);
    increment(h, at(1, 4), 1);
    increment(h, at(2, 5), 2);
    accept(h);
    increment(h, at(1, 4), 2);
    increment(h, at(2, 5), 1);
    accept(h);
    /* One after the other, in the wrong order. */
    increment(h, at(1, 2), 2);
    increment(h, at(3, 4), 1);
    refuse(h);
    /* Twice. */
    increment(h, at(1, 2), 1);
    get(h, at(3, 4), 2);
    refuse(h);
}

static void two_successes_from_one_value_are_refused(void **state)
{
    struct history *h = *state;

    set(h, at(1, 2), 5);
    cas(h, at(3, 9), 5, 6, 5);
    cas(h, at(3, 9), 5, 7, 5);
    refuse(h);
    set(h, at(1, 2), 5);
    cas(h, at(3, 9), 5, 6, 5);
    cas(h, at(3, 9), 5, 7, 6);
    get(h, at(10, 11), 6);
    accept(h);
}

static void appends_out_of_order_are_refused(void **state)
{
    const uint64_t one[] = {1, 0}, one_two[] = {1, 2, 0}, two[] = {2, 0};
    const uint64_t two_one[] = {2, 1, 0};
    struct history *h = *state;

    append(h, at(1, 2), one);
    append(h, at(3, 4), one_two);
    accept(h);
    append(h, at(1, 2), two_one);
    append(h, at(3, 4), two);
    refuse(h);
    append(h, at(1, 4), two_one);
    append(h, at(2, 5), two);
    accept(h);
    append(h, at(1, 4), two_one);
    append(h, at(2, 5), one_two);
    refuse(h);
}

static void unknown_operation_may_be_seen_late_or_never(void **state)
{
    struct history *h = *state;

    set(h, at(1, 2), 7);
    set(h, at(3, NEVER), 8);
    get(h, at(5, 6), 7);
    get(h, at(7, 8), 7);
    accept(h);
    set(h, at(1, 2), 7);
    set(h, at(3, NEVER), 8);
    get(h, at(5, 6), 7);
    get(h, at(100, 101), 8);
    get(h, at(102, 103), 8);
    accept(h);
    /* Two that are seen together. */
    increment(h, at(1, NEVER), 0);
    increment(h, at(2, NEVER), 0);
    get(h, at(3, 4), 0);
    get(h, at(5, 6), 2);
    accept(h);
    /* One that changes nothing but what follows. */
    cas(h, at(1, NEVER), 0, 4, 0);
    cas(h, at(2, 3), 4, 5, 4);
    accept(h);
}

static void unknown_operation_does_not_vanish(void **state)
{
    struct history *h = *state;

    set(h, at(1, 2), 7);
    set(h, at(3, NEVER), 8);
    get(h, at(5, 6), 8);
    get(h, at(7, 8), 7);
    refuse(h);
    /* Nor is it seen before it was sent, or twice. */
    set(h, at(9, NEVER), 8);
    get(h, at(5, 6), 8);
    refuse(h);
    increment(h, at(1, NEVER), 0);
    get(h, at(5, 6), 1);
    get(h, at(7, 8), 2);
    refuse(h);
    set(h, at(1, NEVER), 8);
    get(h, at(2, 3), 8);
    set(h, at(4, 5), 9);
    get(h, at(6, 7), 9);
    get(h, at(8, 9), 8);
    refuse(h);
}

static void broken_key_is_named(void **state)
{
    struct history *h = *state;
    uint64_t key = 99;

    for (uint64_t i = 0; i < 12; i++) {
        uint64_t place = i % 4 * 3;

        if (i < 4) {
            set(h, at(10 * i, 10 * i + 5), i + 1);
        } else {
            get(h, at(10 * i, 10 * i + 5), i % 4 + 1);
        }
        h->operations[i].key = place;
        h->bytes[i].command[1] = (uint8_t)place;
    }
    assert_int_equal(craft_sim_linearizable(craft_sim_machine_kv(),
                                            h->operations, h->len, 0, &key),
                     CRAFT_SIM_LINEARIZABLE);
    assert_int_equal(key, 99);
    craft_store64(h->bytes[6].reply + 1, 1);
    assert_int_equal(craft_sim_linearizable(craft_sim_machine_kv(),
                                            h->operations, h->len, 0, &key),
                     CRAFT_SIM_NOT_LINEARIZABLE);
    assert_int_equal(key, 6);
}

/* Many at once, and a read that fits none of their orders. */
static void too_many_states_are_not_decided(void **state)
{
    struct history *h = *state;
    uint64_t key = 99;

    for (uint64_t i = 0; i < 14; i++) {
        const uint64_t all[] = {i + 1, 0};

        append(h, at(1, 100), all);
        h->operations[i].end = i < 7 ? 100 : NEVER;
        h->operations[i].reply_len = i < 7 ? 17 : 0;
    }
    for (uint64_t i = 0; i < 7; i++) {
        set(h, at(2, 90), 100 + i);
    }
    get(h, at(101, 102), 9);
    assert_int_equal(craft_sim_linearizable(craft_sim_machine_kv(),
                                            h->operations, h->len, 50, &key),
                     CRAFT_SIM_UNDECIDED);
    /* A broken key is found although another took its share. */
    get(h, at(1, 2), 9);
    h->operations[h->len - 1].key = 5;
    h->bytes[h->len - 1].command[1] = 5;
    assert_int_equal(craft_sim_linearizable(craft_sim_machine_kv(),
                                            h->operations, h->len, 50, &key),
                     CRAFT_SIM_NOT_LINEARIZABLE);
    assert_int_equal(key, 5);
}

/* Sixty operations without an answer among those of one client; in the end one
 * is observed; bad: it is undone. */
static void sixty_unknown(struct history *h, int sets, int bad)
{
    uint64_t last = sets ? 60000 : 60;

    for (uint64_t i = 0; i < 60; i++) {
        if (sets) {
            set(h, at(10 * i + 1, NEVER), 1000 * (i + 1));
        } else {
            increment(h, at(10 * i + 1, NEVER), 0);
        }
        set(h, at(10 * i + 2, 10 * i + 5), i);
        get(h, at(10 * i + 6, 10 * i + 7), i);
    }
    get(h, at(700, 701), last);
    get(h, at(702, 703), bad ? 59 : last);
    assert_int_equal(craft_sim_linearizable(craft_sim_machine_kv(),
                                            h->operations, h->len, 40000, NULL),
                     bad ? CRAFT_SIM_NOT_LINEARIZABLE : CRAFT_SIM_LINEARIZABLE);
    h->len = 0;
}

static void unknown_operations_cost_little(void **state)
{
    sixty_unknown(*state, 1, 0);
    sixty_unknown(*state, 1, 1);
    sixty_unknown(*state, 0, 0);
    sixty_unknown(*state, 0, 1);
}

static void wrong_arguments_are_refused(void **state)
{
    struct history *h = *state;
    craft_sim_machine machine = *craft_sim_machine_kv();

    assert_int_equal(craft_sim_linearizable(NULL, NULL, 0, 0, NULL),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_sim_linearizable(&machine, NULL, 1, 0, NULL),
                     CRAFT_ERR_INVALID);
    set(h, at(5, 4), 1);
    assert_int_equal(judge(h), CRAFT_ERR_INVALID);
    h->operations[0].end = 6;
    assert_int_equal(judge(h), CRAFT_SIM_LINEARIZABLE);
    h->operations[0].reply = NULL;
    assert_int_equal(judge(h), CRAFT_ERR_INVALID);
    h->operations[0].end = NEVER;
    assert_int_equal(judge(h), CRAFT_SIM_LINEARIZABLE);
    h->operations[0].command = NULL;
    assert_int_equal(judge(h), CRAFT_ERR_INVALID);
    machine.copy = NULL;
    assert_int_equal(craft_sim_linearizable(&machine, NULL, 0, 0, NULL),
                     CRAFT_ERR_INVALID);
}

/* -------------------------------------------------------------- few memory */

/* The built-in machine, of which only so many instances can be made. */
struct meter {
    int allowed;
    int live;
    int live_max;
};

static void *metered(struct meter *meter, void *instance)
{
    if (instance) {
        meter->live++;
        meter->live_max =
            meter->live > meter->live_max ? meter->live : meter->live_max;
    }
    return instance;
}

static void *meter_open(void *ctx, craft_id server)
{
    struct meter *meter = ctx;

    if (meter->allowed-- <= 0) {
        return NULL;
    }
    return metered(meter, craft_sim_machine_kv()->open(NULL, server));
}

static void *meter_copy(void *ctx, const void *instance)
{
    struct meter *meter = ctx;

    if (meter->allowed-- <= 0) {
        return NULL;
    }
    return metered(meter, craft_sim_machine_kv()->copy(NULL, instance));
}

static void meter_close(void *ctx, void *instance)
{
    ((struct meter *)ctx)->live--;
    craft_sim_machine_kv()->close(NULL, instance);
}

static craft_sim_machine metered_machine(struct meter *meter)
{
    craft_sim_machine machine = *craft_sim_machine_kv();

    machine.ctx = meter;
    machine.open = meter_open;
    machine.copy = meter_copy;
    machine.close = meter_close;
    return machine;
}

static void no_instance_is_left_when_memory_ends(void **state)
{
    struct history *h = *state;
    struct meter meter = {0};
    craft_sim_machine machine = metered_machine(&meter);
    int refusals = 0;
    int rv;

    for (uint64_t i = 0; i < 20; i++) {
        set(h, at(10 * i, 10 * i + 9), i);
        increment(h, at(10 * i + 1, 10 * i + 8), i ? i : 1);
        set(h, at(10 * i + 2, NEVER), 7);
    }
    get(h, at(300, 301), 7);
    do {
        meter.allowed = refusals;
        rv = craft_sim_linearizable(&machine, h->operations, h->len, 0, NULL);
        assert_int_equal(meter.live, 0);
        refusals += rv == CRAFT_ERR_NOMEM;
        assert_true(rv == CRAFT_ERR_NOMEM || meter.allowed >= 0);
    } while (rv == CRAFT_ERR_NOMEM);
    assert_int_equal(rv, CRAFT_SIM_LINEARIZABLE);
    assert_true(refusals > 10);
}

static void few_instances_live_at_a_time(void **state)
{
    struct history history;
    struct meter meter = {.allowed = 1000000};
    craft_sim_machine machine = metered_machine(&meter);

    (void)state;
    history_open(&history, 2000);
    for (uint64_t i = 0; i < 2000; i++) {
        set(&history, at(10 * i, 10 * i + 5), i);
    }
    assert_int_equal(craft_sim_linearizable(&machine, history.operations,
                                            history.len, 0, NULL),
                     CRAFT_SIM_LINEARIZABLE);
    assert_int_equal(meter.live, 0);
    assert_true(meter.live_max <= 2000 / 8 + 3);
    history_close(&history);
}

/* ----------------------------------------------------------- every order */

#define FEW 7

/* The next order of places that differs at or before `at`; 0: there is none. */
static int next_order(uint32_t *order, size_t len, size_t where)
{
    size_t i;

    /* What follows is the last of its kind: descending. */
    for (i = where + 1; i < len; i++) {
        for (size_t j = i; j > where + 1 && order[j - 1] < order[j]; j--) {
            uint32_t swap = order[j];

            order[j] = order[j - 1];
            order[j - 1] = swap;
        }
    }
    for (i = where + 1; i-- > 0;) {
        size_t j = len - 1;
        size_t last = len - 1;

        while (j > i && order[j] < order[i]) {
            j--;
        }
        if (j == i) {
            continue;
        }
        uint32_t swap = order[i];

        order[i] = order[j];
        order[j] = swap;
        for (j = i + 1; j < last; j++, last--) {
            swap = order[j];
            order[j] = order[last];
            order[last] = swap;
        }
        return 1;
    }
    return 0;
}

/* How far the order explains the history: all places when it does. */
static size_t explained(const struct history *history, const uint32_t *order,
                        size_t len)
{
    const craft_sim_machine *kv = craft_sim_machine_kv();
    void *table = kv->open(NULL, 0);
    size_t i;

    assert_non_null(table);
    for (i = 0; i < len; i++) {
        const craft_sim_operation *own = &history->operations[order[i]];
        uint8_t reply[CRAFT_SIM_REPLY_LEN_MAX];
        size_t reply_len;
        int late = 0;

        for (size_t j = i + 1; j < len; j++) {
            late |= history->operations[order[j]].end < own->begin;
        }
        reply_len = kv->apply(NULL, table, own->command, own->command_len,
                              reply, sizeof reply);
        if (late || (own->end != NEVER &&
                     (reply_len != own->reply_len ||
                      memcmp(reply, own->reply, reply_len) != 0))) {
            break;
        }
    }
    kv->close(NULL, table);
    return i;
}

/* With each choice of unknown operations, each order. */
static int judge_by_all_orders(const struct history *history)
{
    for (uint32_t choice = 0; choice < 1u << history->len; choice++) {
        uint32_t order[FEW];
        size_t len = 0;
        int wrong = 0;
        size_t where;

        for (uint32_t i = 0; i < history->len; i++) {
            if ((choice >> i & 1u) != 0) {
                order[len++] = i;
            } else {
                wrong |= history->operations[i].end != NEVER;
            }
        }
        if (wrong) {
            continue;
        }
        do {
            where = explained(history, order, len);
            if (where == len) {
                return CRAFT_SIM_LINEARIZABLE;
            }
        } while (next_order(order, len, where));
    }
    return CRAFT_SIM_NOT_LINEARIZABLE;
}

static uint32_t below(craft_sim_random *random, uint32_t bound)
{
    return craft_sim_random_below(random, bound);
}

/* A command with few values, so that many look the same. */
static struct craft_sim_kv_command draw_command(craft_sim_random *random)
{
    struct craft_sim_kv_command command = {
        (uint8_t)(CRAFT_SIM_KV_SET + below(random, 5)), 0, {0}};

    command.numbers[0] = below(random, 3);
    if (command.kind == CRAFT_SIM_KV_CAS) {
        command.numbers[1] = below(random, 2) ? ALL_BITS : 1;
        command.numbers[2] = below(random, 3);
    }
    return command;
}

static void take_effect(struct history *history, size_t i, void *table)
{
    craft_sim_operation *own = &history->operations[i];

    own->reply_len = craft_sim_machine_kv()->apply(
        NULL, table, own->command, own->command_len, history->bytes[i].reply,
        sizeof history->bytes[i].reply);
}

/* Operation i takes effect at 10 i, around which it lasts at random; some are
 * never answered, some of these never take effect. */
static void draw_history(struct history *history, craft_sim_random *random,
                         uint32_t unknown_of_ten)
{
    const craft_sim_machine *kv = craft_sim_machine_kv();
    size_t len = 1 + below(random, FEW);
    void *table = kv->open(NULL, 0);

    assert_non_null(table);
    history->len = 0;
    for (size_t i = 0; i < len; i++) {
        uint64_t middle = 100 + 10 * (uint64_t)i;
        int unknown = below(random, 10) < unknown_of_ten;

        add(history,
            at(middle - below(random, 30),
               unknown ? NEVER : middle + below(random, 30)),
            draw_command(random));
        if (!unknown || below(random, 2)) {
            take_effect(history, i, table);
        }
    }
    kv->close(NULL, table);
}

/* One reply, or one time, becomes another. */
static void mutate(struct history *history, craft_sim_random *random)
{
    size_t i = below(random, (uint32_t)history->len);
    craft_sim_operation *own = &history->operations[i];
    uint8_t *reply = history->bytes[i].reply;

    if (own->end == NEVER || below(random, 3) == 0) {
        uint64_t later = below(random, 40);

        own->begin += later;
        own->end += own->end == NEVER ? 0 : later;
    } else if (own->reply_len > 1) {
        craft_store64(reply + 1, craft_load64(reply + 1) + 1 -
                                     2 * (uint64_t)below(random, 2));
    } else {
        reply[0] ^= 1u;
    }
}

static void agrees_with_every_order(void **state)
{
    struct history *h = *state;
    craft_sim_random random;
    unsigned verdicts[2] = {0, 0};

    craft_sim_random_init(&random, 20, 1);
    for (uint32_t i = 0; i < 6000; i++) {
        int verdict;

        draw_history(h, &random, i % 5);
        assert_int_equal(judge(h), CRAFT_SIM_LINEARIZABLE);
        mutate(h, &random);
        if (i % 2) {
            mutate(h, &random);
        }
        verdict = judge_by_all_orders(h);
        verdicts[verdict]++;
        if (judge(h) != verdict) {
            fail_msg("history %u is judged wrongly", (unsigned)i);
        }
    }
    assert_true(verdicts[CRAFT_SIM_LINEARIZABLE] > 1500);
    assert_true(verdicts[CRAFT_SIM_NOT_LINEARIZABLE] > 1500);
}

/* ---------------------------------------------------------- long histories */

#define CLIENTS 8
#define LONG 10000

struct client {
    uint64_t now;
    uint64_t effect; /* when its call takes effect; NEVER: it has none open */
    size_t call;
};

static void send_call(struct history *history, struct client *client,
                      craft_sim_random *random)
{
    struct seen *bytes = &history->bytes[history->len];
    craft_sim_operation *own = &history->operations[history->len];

    client->call = history->len;
    own->begin = client->now + 1 + below(random, 50);
    client->effect = own->begin + below(random, 100);
    own->end = client->effect + below(random, 100);
    client->now = own->end;
    own->command = bytes->command;
    own->reply = bytes->reply;
    own->command_len = craft_sim_machine_kv()->draw(
        NULL, random, history->len + 1, bytes->command, sizeof bytes->command,
        &own->key);
    history->len++;
}

/* Clients that call one after the other; each call takes effect at some time
 * between its ends, all in one table. */
static void draw_long_history(struct history *history, uint64_t seed,
                              uint32_t unknown_of_thousand)
{
    struct client clients[CLIENTS];
    craft_sim_random random;
    void *table = craft_sim_machine_kv()->open(NULL, 0);

    assert_non_null(table);
    craft_sim_random_init(&random, seed, 2);
    history->len = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i].now = 0;
        send_call(history, &clients[i], &random);
    }
    for (size_t done = 0; done < history->max; done++) {
        struct client *next = &clients[0];

        for (size_t i = 1; i < CLIENTS; i++) {
            next = clients[i].effect < next->effect ? &clients[i] : next;
        }
        take_effect(history, next->call, table);
        if (below(&random, 1000) < unknown_of_thousand) {
            history->operations[next->call].end = NEVER;
        }
        next->effect = NEVER;
        if (history->len < history->max) {
            send_call(history, next, &random);
        }
    }
    craft_sim_machine_kv()->close(NULL, table);
}

static void long_histories_are_accepted(void **state)
{
    struct history history;

    (void)state;
    history_open(&history, LONG);
    for (uint64_t seed = 0; seed < 40; seed++) {
        draw_long_history(&history, seed, (uint32_t)(seed % 4) * 10);
        assert_int_equal(judge(&history), CRAFT_SIM_LINEARIZABLE);
    }
    history_close(&history);
}

/* Numbers are unique and never wrap: a get of one that nobody wrote, or of one
 * that was overwritten long ago. */
static void one_wrong_reply_in_ten_thousand_is_found(void **state)
{
    struct history history;
    craft_sim_random random;
    unsigned undecided = 0;

    (void)state;
    history_open(&history, LONG);
    craft_sim_random_init(&random, 5, 5);
    for (uint64_t seed = 100; seed < 120; seed++) {
        craft_sim_operation *own;
        uint64_t key = 99;
        size_t i;
        int rv;

        draw_long_history(&history, seed, (uint32_t)(seed % 3) * 5);
        do {
            i = LONG / 2 + below(&random, LONG / 2 - CLIENTS);
            own = &history.operations[i];
        } while (own->command[0] != CRAFT_SIM_KV_GET || own->end == NEVER);
        craft_store64(history.bytes[i].reply + 1,
                      craft_load64(own->reply + 1) + ((uint64_t)1 << 40));
        rv = craft_sim_linearizable(craft_sim_machine_kv(), history.operations,
                                    history.len, 0, &key);
        if (rv == CRAFT_SIM_UNDECIDED) {
            undecided++;
            continue;
        }
        assert_int_equal(rv, CRAFT_SIM_NOT_LINEARIZABLE);
        assert_int_equal(key, own->key);
    }
    assert_true(undecided <= 2);
    history_close(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_and_one_client_are_linearizable,
                                        history_setup, history_teardown),
        cmocka_unit_test_setup_teardown(stale_read_is_refused, history_setup,
                                        history_teardown),
        cmocka_unit_test_setup_teardown(
            what_ends_as_another_begins_is_concurrent, history_setup,
            history_teardown),
        cmocka_unit_test_setup_teardown(reads_do_not_go_back_in_time,
                                        history_setup, history_teardown),
        cmocka_unit_test_setup_teardown(value_that_nobody_wrote_is_refused,
                                        history_setup, history_teardown),
        cmocka_unit_test_setup_teardown(lost_update_is_refused, history_setup,
                                        history_teardown),
        cmocka_unit_test_setup_teardown(
            two_successes_from_one_value_are_refused, history_setup,
            history_teardown),
        cmocka_unit_test_setup_teardown(appends_out_of_order_are_refused,
                                        history_setup, history_teardown),
        cmocka_unit_test_setup_teardown(
            unknown_operation_may_be_seen_late_or_never, history_setup,
            history_teardown),
        cmocka_unit_test_setup_teardown(unknown_operation_does_not_vanish,
                                        history_setup, history_teardown),
        cmocka_unit_test_setup_teardown(broken_key_is_named, history_setup,
                                        history_teardown),
        cmocka_unit_test_setup_teardown(too_many_states_are_not_decided,
                                        history_setup, history_teardown),
        cmocka_unit_test_setup_teardown(unknown_operations_cost_little,
                                        history_setup, history_teardown),
        cmocka_unit_test_setup_teardown(wrong_arguments_are_refused,
                                        history_setup, history_teardown),
        cmocka_unit_test_setup_teardown(no_instance_is_left_when_memory_ends,
                                        history_setup, history_teardown),
        cmocka_unit_test(few_instances_live_at_a_time),
        cmocka_unit_test_setup_teardown(agrees_with_every_order, history_setup,
                                        history_teardown),
        cmocka_unit_test(long_histories_are_accepted),
        cmocka_unit_test(one_wrong_reply_in_ten_thousand_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
