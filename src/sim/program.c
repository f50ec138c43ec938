/* The program craft-sim: options, what is printed, how it exits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/plan.h"
#include "sim/range.h"
#include "sim/trial.h"

#define EXIT_PASSED 0
#define EXIT_BROKEN 1
#define EXIT_USAGE 2

#define SHRINK_RUNS 400u
#define SHRINK_SECONDS 20u /* that one run may take then */
#define SEED_SECONDS 120u
#define FAILURES_MAX 3u
#define PLAN_BYTES_MAX 1000000

struct program {
    craft_sim_options options;
    const char *name;
    const char *trace_path;
    const char *plan_path;
    char *plan_text; /* what that file holds */
    uint64_t first;
    uint64_t last;
    uint64_t jobs;
    uint64_t shrink;
    uint64_t failures_max;
    bool one;  /* --seed */
    bool many; /* --seeds */
};

/* ------------------------------------------------------------------ options */

static void print_help(const char *name)
{
    const char *about = NULL;
    const char *profile;

    (void)printf(
        "%s --seed S [--trace FILE] [--plan FILE] [OPTIONS]\n"
        "%s --seeds A..B [--jobs J] [OPTIONS]\n"
        "\n"
        "Runs a cluster with faults, all of it decided by the seed, checks it\n"
        "after every step and in the end.\n"
        "\n"
        "  --seed S         one run\n"
        "  --seeds A..B     these runs\n"
        "  --jobs J         so many at a time; as many as there are "
        "processors\n"
        "  --trace FILE     every step as a line; - is stdout\n"
        "  --plan FILE      the faults, instead of drawing them\n"
        "  --servers N      1 to %u, instead of drawing it\n"
        "  --sessions 1     clients repeat what was not answered, which must\n"
        "                   take effect once; 0\n"
        "  --profile NAME   which faults are drawn; swarm\n"
        "  --shrink RUNS    for a smaller plan that breaks the same; %u\n"
        "  --failures N     end after so many; %u\n"
        "  --help           this\n"
        "\n"
        "Exit code: 0 all passed, 1 something is broken, 2 usage.\n"
        "\n"
        "Profiles:\n",
        name, name, CRAFT_SIM_SERVERS_MAX, SHRINK_RUNS, FAILURES_MAX);
    for (size_t i = 0; (profile = craft_sim_profile(i, &about)) != NULL; i++) {
        (void)printf("  %-12s %s\n", profile, about);
    }
    (void)printf(
        "\nFaults, as they stand in a plan: name, microseconds from..to,"
        "\nservers or links, strength:\n");
    for (size_t i = 0; i < CRAFT_SIM_FAULT_KINDS; i++) {
        const struct craft_sim_fault_about *fault = &craft_sim_faults[i];

        (void)printf("  %-12s %s, %" PRIu32 " to %" PRIu32 "\n", fault->name,
                     fault->about, fault->strength_min, fault->strength_max);
    }
}

static int usage(const struct program *program, const char *what,
                 const char *which)
{
    (void)fprintf(stderr, "%s: %s '%s'; see --help\n", program->name, what,
                  which);
    return EXIT_USAGE;
}

static bool parse_number(const char *text, const char *end, uint64_t max,
                         uint64_t *number_out)
{
    uint64_t number = 0;

    if (text == end) {
        return false;
    }
    for (; text != end; text++) {
        uint64_t digit = (uint64_t)*text - '0';

        if (*text < '0' || *text > '9' || digit > max ||
            number > (max - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *number_out = number;
    return true;
}

static bool parse_whole(const char *text, uint64_t max, uint64_t *number_out)
{
    return parse_number(text, text + strlen(text), max, number_out);
}

static bool parse_range(const char *text, uint64_t *first, uint64_t *last)
{
    const char *dots = strstr(text, "..");

    return dots != NULL && parse_number(text, dots, UINT64_MAX - 1, first) &&
           parse_whole(dots + 2, UINT64_MAX - 1, last) && *first <= *last;
}

static bool profile_exists(const char *name)
{
    uint32_t kinds;
    uint32_t chance;

    return craft_sim_profile_find(name, &kinds, &chance);
}

/* One option and its value. False: not like that. */
static bool take_option(struct program *program, const char *name,
                        const char *value)
{
    uint64_t number = 0;

    if (strcmp(name, "--seed") == 0) {
        program->one = true;
        return parse_whole(value, UINT64_MAX, &program->options.seed);
    }
    if (strcmp(name, "--seeds") == 0) {
        program->many = true;
        return parse_range(value, &program->first, &program->last);
    }
    if (strcmp(name, "--jobs") == 0) {
        return parse_whole(value, 64, &program->jobs) && program->jobs > 0;
    }
    if (strcmp(name, "--trace") == 0) {
        program->trace_path = value;
        return true;
    }
    if (strcmp(name, "--plan") == 0) {
        program->plan_path = value;
        return true;
    }
    if (strcmp(name, "--profile") == 0) {
        program->options.profile = value;
        return profile_exists(value);
    }
    if (strcmp(name, "--shrink") == 0) {
        return parse_whole(value, 1000000, &program->shrink);
    }
    if (strcmp(name, "--failures") == 0) {
        return parse_whole(value, UINT32_MAX, &program->failures_max) &&
               program->failures_max > 0;
    }
    if (strcmp(name, "--sessions") == 0 && parse_whole(value, 1, &number)) {
        program->options.sessions = (uint32_t)number;
        return true;
    }
    if (strcmp(name, "--servers") == 0 &&
        parse_whole(value, CRAFT_SIM_SERVERS_MAX, &number) && number > 0) {
        program->options.servers = (uint32_t)number;
        return true;
    }
    return false;
}

static bool is_option(const char *name)
{
    static const char *const names[] = {
        "--seed",    "--seeds",   "--jobs",   "--trace",    "--plan",
        "--profile", "--servers", "--shrink", "--failures", "--sessions"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* 0, or the exit code. */
static int take_options(struct program *program, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        if (!is_option(argv[i])) {
            return usage(program, "no such option", argv[i]);
        }
        if (i + 1 == argc) {
            return usage(program, "a value is missing after", argv[i]);
        }
        if (!take_option(program, argv[i], argv[i + 1])) {
            return usage(program, "not a value that is possible:", argv[i + 1]);
        }
    }
    if (program->one == program->many) {
        return usage(program, "one of these is wanted:", "--seed, --seeds");
    }
    if (program->many && program->trace_path != NULL) {
        return usage(program, "of one seed only:", "--trace");
    }
    return 0;
}

/* ---------------------------------------------------------------- the files */

static char *file_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(PLAN_BYTES_MAX + 1);
    size_t len = 0;

    if (file != NULL && text != NULL) {
        len = fread(text, 1, PLAN_BYTES_MAX, file);
        text[len] = '\0';
    }
    if (len == 0 || strlen(text) != len) {
        free(text);
        text = NULL;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return text;
}

/* 0, or the exit code. */
static int plan_load(struct program *program)
{
    struct craft_sim_plan plan;
    int rv;

    if (program->plan_path == NULL) {
        return 0;
    }
    program->plan_text = file_read(program->plan_path);
    if (program->plan_text == NULL) {
        return usage(program, "cannot read a plan from", program->plan_path);
    }
    rv = craft_sim_plan_read(&plan, program->plan_text);
    if (rv != 0) {
        return usage(program, "not a plan:", program->plan_path);
    }
    craft_sim_plan_free(&plan);
    program->options.plan = program->plan_text;
    return 0;
}

/* -------------------------------------------------------------- a failure */

static int run_apart(void *ctx, const craft_sim_options *options, char *broken)
{
    struct craft_sim_trial trial = {.options = options,
                                    .seconds_max = SHRINK_SECONDS};
    int rv = craft_sim_try(&trial);

    (void)ctx;
    memcpy(broken, trial.broken, sizeof trial.broken);
    return rv;
}

static void print_plan(const char *plan)
{
    while (*plan != '\0') {
        int len = (int)strcspn(plan, "\n");

        (void)printf("  %.*s\n", len, plan);
        plan += len + (plan[len] == '\n');
    }
}

static void print_shrunk(const struct program *program,
                         const craft_sim_options *options)
{
    struct craft_sim_runner runner = {.run = run_apart, .ctx = NULL};
    char *plan = NULL;

    if (program->shrink == 0) {
        return;
    }
    (void)printf("shrinking...\n");
    (void)fflush(stdout);
    if (craft_sim_shrink_with(options, (uint32_t)program->shrink, &runner,
                              &plan) == 0) {
        (void)printf("a smaller plan that breaks the same, for --seed %" PRIu64
                     " --plan FILE:\n",
                     options->seed);
        print_plan(plan);
    }
    free(plan);
}

static void print_again(const struct program *program,
                        const craft_sim_options *options)
{
    (void)printf("again: %s --seed %" PRIu64, program->name, options->seed);
    if (options->servers != 0) {
        (void)printf(" --servers %" PRIu32, options->servers);
    }
    if (options->profile != NULL) {
        (void)printf(" --profile %s", options->profile);
    }
    if (options->sessions != 0) {
        (void)printf(" --sessions 1");
    }
    if (program->plan_path != NULL) {
        (void)printf(" --plan %s", program->plan_path);
    }
    (void)printf(" --trace FILE\n");
}

static void print_failure(const struct program *program,
                          const struct craft_sim_trial *trial)
{
    const char *line;

    (void)printf("seed %" PRIu64 " FAILED: %s\n", trial->options->seed,
                 trial->broken);
    (void)printf("the last of what happened (time, server, what):\n");
    for (size_t i = 0; (line = craft_sim_line(trial->lines, i)) != NULL; i++) {
        (void)printf("  %s\n", line);
    }
    print_again(program, trial->options);
    print_shrunk(program, trial->options);
    (void)fflush(stdout);
}

/* --------------------------------------------------------------- one seed */

static void print_passed(const craft_sim_report *report, uint64_t seed)
{
    (void)printf("seed %" PRIu64 " passed: %" PRIu32 " servers, %" PRIu32
                 " faults, %" PRIu64 " steps, %" PRIu64 " committed, %" PRIu64
                 " of %" PRIu64 " operations answered, %" PRIu64
                 " crashes, %" PRIu64 " elections, %" PRIu64 ".%06" PRIu64
                 " s, digest %016" PRIx64 "\n",
                 seed, report->servers, report->faults, report->steps,
                 report->committed, report->answered, report->operations,
                 report->crashes, report->elections, report->time_us / 1000000,
                 report->time_us % 1000000, report->digest);
}

/* The exit code. */
static int seed_run(const struct program *program, uint64_t seed, FILE *trace)
{
    craft_sim_options options = program->options;
    struct craft_sim_trial trial = {.options = &options, .trace = trace};
    int rv;

    options.seed = seed;
    trial.lines = calloc(1, sizeof *trial.lines);
    rv = trial.lines != NULL ? craft_sim_try(&trial) : CRAFT_ERR_NOMEM;
    if (rv != 0) {
        (void)fprintf(stderr, "%s: seed %" PRIu64 " cannot be run: %s\n",
                      program->name, seed, craft_strerror(rv));
    } else if (trial.broken[0] != '\0') {
        print_failure(program, &trial);
    } else {
        print_passed(&trial.report, seed);
    }
    free(trial.lines);
    return rv != 0 || trial.broken[0] != '\0' ? EXIT_BROKEN : EXIT_PASSED;
}

static int one_seed(const struct program *program)
{
    const char *path = program->trace_path;
    FILE *trace = NULL;
    int code;

    if (path != NULL) {
        trace = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
        if (trace == NULL) {
            return usage(program, "cannot write", path);
        }
    }
    code = seed_run(program, program->options.seed, trace);
    if (trace != NULL && trace != stdout && fclose(trace) != 0) {
        (void)fprintf(stderr, "%s: cannot write '%s': is the disk full?\n",
                      program->name, path);
        code = EXIT_BROKEN;
    }
    return code;
}

/* ------------------------------------------------------------- many seeds */

static void on_failed(void *ctx, uint64_t seed, const char *broken)
{
    const struct program *program = ctx;

    if (seed_run(program, seed, NULL) == EXIT_PASSED) {
        (void)printf("seed %" PRIu64 " FAILED, and passed when run again: %s\n",
                     seed, broken);
    }
}

static int many_seeds(struct program *program)
{
    struct craft_sim_range range = {
        .options = &program->options,
        .first = program->first,
        .last = program->last,
        .jobs = (uint32_t)program->jobs,
        .seconds_max = SEED_SECONDS,
        .failures_max = (uint32_t)program->failures_max,
        .failed = on_failed,
        .ctx = program,
    };

    if (!craft_sim_range_run(&range)) {
        (void)fprintf(stderr, "%s: a process cannot be started\n",
                      program->name);
        return EXIT_BROKEN;
    }
    (void)printf("%" PRIu64 " seeds passed, %" PRIu64 " failed: %" PRIu64
                 " steps, %" PRIu64 " committed, %" PRIu64
                 " operations, %" PRIu64 " crashes, %" PRIu64
                 " elections, %" PRIu64 " undecided, digest %016" PRIx64 "\n",
                 range.passed, range.failures, range.steps, range.committed,
                 range.operations, range.crashes, range.elections,
                 range.undecided, range.digest);
    return range.failures > 0 ? EXIT_BROKEN : EXIT_PASSED;
}

int craft_sim_main(int argc, char **argv, const craft_sim_machine *machine)
{
    struct program program;
    int code;

    memset(&program, 0, sizeof program);
    program.name = argc > 0 ? argv[0] : "craft-sim";
    program.jobs = craft_sim_jobs_default();
    program.shrink = SHRINK_RUNS;
    program.failures_max = FAILURES_MAX;
    program.options.struct_size = sizeof program.options;
    program.options.machine = machine;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(program.name);
            return EXIT_PASSED;
        }
    }
    code = take_options(&program, argc, argv);
    if (code == 0) {
        code = plan_load(&program);
    }
    if (code == 0) {
        code = program.many ? many_seeds(&program) : one_seed(&program);
    }
    free(program.plan_text);
    return code;
}
