/* The program: bounds in, one line out, or the way to what is broken. */
#include <stdio.h>
#include <stdlib.h>

#include "explore.h"

struct options options = {
    .servers = 2,
    .symmetry = true,
    .promises = true,
    .budget = {.term = 3,
               .proposals = 1,
               .heartbeats = 1,
               .crashes = 1,
               .duplicates = 0,
               .full_disks = 0,
               .errors = 0,
               .breaks = 0,
               .transfers = 0,
               .flight = 3,
               .open = 2},
};

static const char usage[] =
    "usage: explore [OPTION VALUE]...\n"
    "  --servers N         1 to 4 [2]\n"
    "  --term N            the highest; the group is founded in 1 [3]\n"
    "  --proposals N       commands offered [1]\n"
    "  --heartbeats N      of leaders, besides those of a new one [1]\n"
    "  --crashes N         with restart from the disk [1]\n"
    "  --duplicates N      messages delivered twice [0]\n"
    "  --full-disks N      records that do not fit [0]\n"
    "  --errors N          of disks and state machines [0]\n"
    "  --breaks N          links that break [0]\n"
    "  --transfers N       of leadership, 0 or 1 [0]\n"
    "  --flight N          messages under way at once, 1..8 [3]\n"
    "  --open N            tickets open at once, 1..3 [2]\n"
    "  --small-messages 1  one entry in each [0]\n"
    "  --promises 0        look at what follows from a broken one [1]\n"
    "  --symmetry 0        do not take renamed servers for the same [1]\n"
    "  --founding 1        begins with the first record open [0]\n"
    "  --lazy 1            effects wait, for any number of inputs [0]\n"
    "  --held 1            and so does settling [0]\n"
    "  --steady 1          pre-votes and the like, as by default [0]\n"
    "  --forward 1         followers send what they are offered; no crashes "
    "[0]\n"
    "  --fetch 1           what is applied leaves memory [0]\n"
    "  --slow-apply 1      has an ending of its own [0]\n"
    "  --durable-machine 1 a state machine comes back as it was [0]\n"
    "  --check-facts 1     look for facts that the fingerprint forgets [0]\n"
    "  --refuse-memory 1   with --check-facts 1: to every input [0]\n"
    "  --live N            from one of N worlds: they agree in time [0: none]\n"
    "  --script FILE       the way to what is broken, as a scenario\n"
    "  --states-max N      stop there [0: no]\n"
    "  --expect N          fail unless there are so many states [0: no]\n";

struct option {
    const char *name;
    uint8_t *byte; /* or NULL */
    uint64_t min;
    uint64_t max;
};

static const struct option bytes[] = {
    {"--servers", &options.servers, 1, SERVERS_MAX},
    {"--term", &options.budget.term, 1, TERMS_MAX},
    {"--proposals", &options.budget.proposals, 0, LOG_MAX},
    {"--heartbeats", &options.budget.heartbeats, 0, 100},
    {"--crashes", &options.budget.crashes, 0, 100},
    {"--duplicates", &options.budget.duplicates, 0, 100},
    {"--full-disks", &options.budget.full_disks, 0, 100},
    {"--errors", &options.budget.errors, 0, 100},
    {"--breaks", &options.budget.breaks, 0, 100},
    {"--transfers", &options.budget.transfers, 0, 1},
    {"--flight", &options.budget.flight, 1, BAG_MAX},
    {"--open", &options.budget.open, 1, OPEN_MAX},
};

static const struct {
    const char *name;
    bool *flag;
} flags[] = {
    {"--symmetry", &options.symmetry},
    {"--promises", &options.promises},
    {"--small-messages", &options.small_messages},
    {"--founding", &options.founding},
    {"--lazy", &options.lazy},
    {"--held", &options.held},
    {"--steady", &options.steady},
    {"--forward", &options.forward},
    {"--fetch", &options.fetch},
    {"--slow-apply", &options.slow_apply},
    {"--durable-machine", &options.durable_machine},
    {"--check-facts", &options.check_facts},
    {"--refuse-memory", &options.refuse_memory},
};

static bool option_byte(const char *name, uint64_t value)
{
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        if (strcmp(name, bytes[i].name) == 0) {
            *bytes[i].byte = (uint8_t)value;
            return value >= bytes[i].min && value <= bytes[i].max;
        }
    }
    return false;
}

static bool option_flag(const char *name, uint64_t value)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].flag = value != 0;
            return value <= 1;
        }
    }
    return false;
}

static bool option_take(const char *name, const char *text)
{
    char *end;
    uint64_t value;

    if (strcmp(name, "--script") == 0) {
        options.script = text;
        return true;
    }
    value = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        return false;
    }
    if (strcmp(name, "--states-max") == 0) {
        options.states_max = value;
        return true;
    }
    if (strcmp(name, "--live") == 0) {
        options.live = value;
        return true;
    }
    if (strcmp(name, "--expect") == 0) {
        options.expect = value;
        return true;
    }
    return option_byte(name, value) || option_flag(name, value);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 >= argc || !option_take(argv[i], argv[i + 1])) {
            fprintf(stderr, "explore: %s: no such option, or out of range\n%s",
                    argv[i], usage);
            return 2;
        }
    }
    if (options.budget.term + options.budget.proposals > LOG_MAX) {
        fprintf(stderr,
                "explore: a term and a proposal are an entry each: "
                "at most %d in all\n",
                LOG_MAX);
        return 2;
    }
    if (options.forward && options.budget.crashes > 0) {
        fputs("explore: each life draws the same numbers: --forward or "
              "--crashes\n",
              stderr);
        return 2;
    }
    if (options.live != 0 && options.budget.errors > 0) {
        fputs("explore: who has halted never agrees: --live or --errors\n",
              stderr);
        return 2;
    }
    return search();
}
