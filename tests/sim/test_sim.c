/* sim: whole runs, through the public header, with machines of all kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "craft/sim.h"

/*
 * A state machine that counts: the command is a number to add, the reply the
 * sum before. With a mistake, if asked for, in the replies or in the state of
 * servers, unlike the instance that follows the log.
 */
enum mistake {
    NO_MISTAKE,
    REPLY_OF_ONE,
    STATE_OF_ONE
};

struct counter {
    uint64_t sum;
    uint64_t shown; /* what it answers with */
    craft_id server;
};

static void *counter_open(void *ctx, craft_id server)
{
    struct counter *counter = calloc(1, sizeof *counter);

    (void)ctx;
    if (counter != NULL) {
        counter->server = server;
    }
    return counter;
}

static void counter_close(void *ctx, void *instance)
{
    (void)ctx;
    free(instance);
}

static size_t counter_apply(void *ctx, void *instance, const uint8_t *command,
                            size_t command_len, uint8_t *reply,
                            size_t reply_max)
{
    const enum mistake *mistake = ctx;
    struct counter *counter = instance;
    uint64_t sum = counter->sum;

    assert_int_equal(command_len, 1);
    assert_true(reply_max >= sizeof sum);
    counter->sum += command[0];
    if (*mistake == STATE_OF_ONE && counter->server != 0 && sum > 40 &&
        sum < 60) {
        counter->sum++;
    }
    if (*mistake == REPLY_OF_ONE && counter->server != 0 && sum > 40) {
        sum++;
    }
    memcpy(reply, &sum, sizeof sum);
    return sizeof sum;
}

static uint64_t counter_digest(void *ctx, const void *instance)
{
    const struct counter *counter = instance;

    (void)ctx;
    return counter->sum;
}

static size_t counter_draw(void *ctx, craft_sim_random *random, uint64_t serial,
                           uint8_t *command, size_t command_max,
                           uint64_t *key_out)
{
    (void)ctx;
    (void)serial;
    assert_true(command_max >= 1);
    command[0] = (uint8_t)(1 + craft_sim_random_below(random, 5));
    *key_out = 0;
    return 1;
}

static craft_sim_machine counter_machine(enum mistake *mistake)
{
    craft_sim_machine machine = {.struct_size = sizeof machine,
                                 .name = "counter",
                                 .ctx = mistake,
                                 .open = counter_open,
                                 .close = counter_close,
                                 .apply = counter_apply,
                                 .digest = counter_digest,
                                 .draw = counter_draw};

    return machine;
}

static craft_sim_options options_of(uint64_t seed)
{
    craft_sim_options options = {.struct_size = sizeof options, .seed = seed};

    return options;
}

static craft_sim_report report_of(const craft_sim *sim)
{
    craft_sim_report report = {.struct_size = sizeof report};

    assert_int_equal(craft_sim_look(sim, &report), 0);
    return report;
}

static craft_sim *run(const craft_sim_options *options)
{
    craft_sim *sim = NULL;

    assert_int_equal(craft_sim_new(options, &sim), 0);
    (void)craft_sim_run(sim);
    return sim;
}

/* -------------------------------------------------------------------- runs */

static void a_run_gets_work_done_and_passes(void **state)
{
    uint64_t crashes = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        craft_sim_options options = options_of(seed);
        craft_sim *sim = run(&options);
        craft_sim_report report = report_of(sim);

        assert_null(report.broken);
        assert_int_equal(report.state, CRAFT_SIM_PASSED);
        assert_int_equal(report.undecided, 0);
        assert_true(report.elections > 0);
        assert_true(report.committed > 0);
        assert_true(report.answered <= report.operations);
        crashes += report.crashes;
        craft_sim_free(sim);
    }
    assert_true(crashes > 0);
}

static void steps_one_by_one_are_the_same_run(void **state)
{
    craft_sim_options options = options_of(11);
    craft_sim *at_once = run(&options);
    craft_sim *by_steps = NULL;
    uint32_t up = 0;

    (void)state;
    assert_int_equal(craft_sim_new(&options, &by_steps), 0);
    while (craft_sim_step(by_steps) == CRAFT_SIM_RUNNING) {
        up += craft_sim_node(by_steps, 1) != NULL;
    }
    assert_true(up > 0);
    assert_int_equal(report_of(by_steps).digest, report_of(at_once).digest);
    assert_int_equal(craft_sim_step(by_steps), CRAFT_SIM_PASSED);
    craft_sim_free(at_once);
    craft_sim_free(by_steps);
}

static void other_seeds_are_other_runs(void **state)
{
    craft_sim_options one = options_of(1);
    craft_sim_options two = options_of(2);
    craft_sim *a = run(&one);
    craft_sim *b = run(&two);

    (void)state;
    assert_int_not_equal(report_of(a).digest, report_of(b).digest);
    craft_sim_free(a);
    craft_sim_free(b);
}

static void a_plan_gives_the_run_it_was_printed_from(void **state)
{
    (void)state;
    for (uint64_t seed = 30; seed < 40; seed++) {
        craft_sim_options options = options_of(seed);
        craft_sim *drawn = run(&options);
        craft_sim *again;

        options.plan = craft_sim_plan(drawn);
        again = run(&options);
        assert_int_equal(report_of(drawn).digest, report_of(again).digest);
        assert_string_equal(craft_sim_plan(drawn), craft_sim_plan(again));
        craft_sim_free(drawn);
        craft_sim_free(again);
    }
}

static void count_line(void *ctx, const char *line)
{
    size_t *lines = ctx;

    assert_true(strlen(line) > 10);
    ++*lines;
}

static void a_trace_changes_nothing(void **state)
{
    craft_sim_options options = options_of(5);
    craft_sim *silent = run(&options);
    craft_sim *traced;
    size_t lines = 0;

    (void)state;
    options.trace = count_line;
    options.trace_ctx = &lines;
    traced = run(&options);
    assert_true(lines > 100);
    assert_int_equal(report_of(silent).digest, report_of(traced).digest);
    craft_sim_free(silent);
    craft_sim_free(traced);
}

static void as_many_servers_as_asked_for(void **state)
{
    (void)state;
    for (uint32_t servers = 1; servers <= CRAFT_SIM_SERVERS_MAX; servers++) {
        craft_sim_options options = options_of(100 + servers);
        craft_sim *sim;

        options.servers = servers;
        sim = run(&options);
        assert_null(report_of(sim).broken);
        assert_int_equal(report_of(sim).servers, servers);
        assert_null(craft_sim_node(sim, 0));
        assert_null(craft_sim_node(sim, servers + 1));
        assert_non_null(craft_sim_node(sim, servers));
        craft_sim_free(sim);
    }
}

static void repeated_commands_take_effect_once(void **state)
{
    unsigned others = 0; /* in which something was repeated */

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        craft_sim_options options = options_of(seed);
        craft_sim *plain = run(&options);
        craft_sim *sim;

        options.sessions = 1;
        sim = run(&options);
        assert_null(report_of(sim).broken);
        assert_int_equal(report_of(sim).undecided, 0);
        others += report_of(sim).digest != report_of(plain).digest;
        craft_sim_free(sim);
        craft_sim_free(plain);
    }
    assert_true(others > 10);
}

/* ---------------------------------------------------------------- machines */

static void another_state_machine_has_sessions(void **state)
{
    enum mistake mistake = NO_MISTAKE;
    craft_sim_machine machine = counter_machine(&mistake);
    craft_sim_options options = options_of(7);
    craft_sim *sim;

    (void)state;
    options.machine = &machine;
    options.sessions = 1;
    sim = run(&options);
    assert_null(report_of(sim).broken);
    craft_sim_free(sim);
    mistake = STATE_OF_ONE;
    sim = run(&options);
    assert_memory_equal(report_of(sim).broken, "machine: ", 9);
    craft_sim_free(sim);
}

static void another_state_machine_can_be_run(void **state)
{
    enum mistake mistake = NO_MISTAKE;
    craft_sim_machine machine = counter_machine(&mistake);

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        craft_sim_options options = options_of(seed);
        craft_sim *sim;

        options.machine = &machine;
        sim = run(&options);
        assert_null(report_of(sim).broken);
        craft_sim_free(sim);
    }
}

/* What is found within some seeds: the first. */
static craft_sim *find(const craft_sim_machine *machine, const char *property)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        craft_sim_options options = options_of(seed);
        craft_sim *sim;

        options.machine = machine;
        sim = run(&options);
        if (report_of(sim).state == CRAFT_SIM_FAILED) {
            assert_non_null(strstr(report_of(sim).broken, property));
            return sim;
        }
        craft_sim_free(sim);
    }
    fail_msg("nothing found");
    return NULL;
}

static void a_reply_that_differs_is_found(void **state)
{
    enum mistake mistake = REPLY_OF_ONE;
    craft_sim_machine machine = counter_machine(&mistake);

    (void)state;
    craft_sim_free(find(&machine, "machine: "));
}

static void a_state_that_differs_is_found(void **state)
{
    enum mistake mistake = STATE_OF_ONE;
    craft_sim_machine machine = counter_machine(&mistake);

    (void)state;
    craft_sim_free(find(&machine, "machine: "));
}

/* -------------------------------------------------------------- shrinking */

static void a_failing_run_is_shrunk_to_one_without_faults(void **state)
{
    enum mistake mistake = REPLY_OF_ONE;
    craft_sim_machine machine = counter_machine(&mistake);
    craft_sim *sim = find(&machine, "machine: ");
    craft_sim_options options = options_of(report_of(sim).seed);
    craft_sim *shrunk = NULL;

    (void)state;
    options.machine = &machine;
    assert_int_equal(craft_sim_shrink(&options, 300, &shrunk), 0);
    assert_int_equal(report_of(shrunk).state, CRAFT_SIM_FAILED);
    assert_int_equal(report_of(shrunk).faults, 0);
    assert_in_range(report_of(shrunk).servers, 1, 2);
    craft_sim_free(shrunk);
    craft_sim_free(sim);
}

static void what_does_not_fail_is_not_shrunk(void **state)
{
    craft_sim_options options = options_of(1);
    craft_sim *shrunk = NULL;

    (void)state;
    assert_int_equal(craft_sim_shrink(&options, 10, &shrunk), CRAFT_ERR_STATE);
    assert_null(shrunk);
}

/* --------------------------------------------------------------- arguments */

static void wrong_arguments_are_refused(void **state)
{
    enum mistake mistake = NO_MISTAKE;
    craft_sim_machine machine = counter_machine(&mistake);
    craft_sim_options options = options_of(1);
    craft_sim *sim = NULL;
    craft_sim_report report = {.struct_size = 1};

    (void)state;
    assert_int_equal(craft_sim_new(NULL, &sim), CRAFT_ERR_INVALID);
    assert_int_equal(craft_sim_new(&options, NULL), CRAFT_ERR_INVALID);
    options.struct_size = 1;
    assert_int_equal(craft_sim_new(&options, &sim), CRAFT_ERR_INVALID);
    options = options_of(1);
    options.servers = CRAFT_SIM_SERVERS_MAX + 1;
    assert_int_equal(craft_sim_new(&options, &sim), CRAFT_ERR_INVALID);
    options = options_of(1);
    options.sessions = 2;
    assert_int_equal(craft_sim_new(&options, &sim), CRAFT_ERR_INVALID);
    options = options_of(1);
    options.profile = "tempest";
    assert_int_equal(craft_sim_new(&options, &sim), CRAFT_ERR_INVALID);
    options = options_of(1);
    options.plan = "servers 3\n";
    assert_int_equal(craft_sim_new(&options, &sim), CRAFT_ERR_INVALID);
    options = options_of(1);
    machine.digest = NULL;
    options.machine = &machine;
    assert_int_equal(craft_sim_new(&options, &sim), CRAFT_ERR_INVALID);
    assert_null(sim);
    options = options_of(1);
    assert_int_equal(craft_sim_new(&options, &sim), 0);
    assert_int_equal(craft_sim_look(sim, &report), CRAFT_ERR_INVALID);
    assert_int_equal(craft_sim_look(sim, NULL), CRAFT_ERR_INVALID);
    craft_sim_free(sim);
    craft_sim_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_gets_work_done_and_passes),
        cmocka_unit_test(steps_one_by_one_are_the_same_run),
        cmocka_unit_test(other_seeds_are_other_runs),
        cmocka_unit_test(a_plan_gives_the_run_it_was_printed_from),
        cmocka_unit_test(a_trace_changes_nothing),
        cmocka_unit_test(as_many_servers_as_asked_for),
        cmocka_unit_test(repeated_commands_take_effect_once),
        cmocka_unit_test(another_state_machine_can_be_run),
        cmocka_unit_test(another_state_machine_has_sessions),
        cmocka_unit_test(a_reply_that_differs_is_found),
        cmocka_unit_test(a_state_that_differs_is_found),
        cmocka_unit_test(a_failing_run_is_shrunk_to_one_without_faults),
        cmocka_unit_test(what_does_not_fail_is_not_shrunk),
        cmocka_unit_test(wrong_arguments_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
