/*
 * Plans as text. Four lines of settings, then a fault a line:
 *
 *   servers 5
 *   learners 0
 *   clients 3
 *   duration 2500000
 *   loss 100000..350000 1,2>3 250
 *   crash 400000..410000 2 0
 *
 * Times are microseconds; servers, or the links from some to others; the
 * strength, as the kind has it. '#' begins a comment.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/plan.h"

/* ---------------------------------------------------------------- printing */

struct text {
    char *bytes;
    size_t len;
    size_t max;
    bool failed;
};

#define LINE_MAX 160u

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
text_add(struct text *text, const char *format, ...)
{
    va_list args;
    int len;

    if (text->failed) {
        return;
    }
    if (text->max - text->len < LINE_MAX) {
        size_t max = text->max * 2 + (size_t)4 * LINE_MAX;
        char *bytes = realloc(text->bytes, max);

        if (bytes == NULL) {
            text->failed = true;
            return;
        }
        text->bytes = bytes;
        text->max = max;
    }
    va_start(args, format);
    len =
        vsnprintf(text->bytes + text->len, text->max - text->len, format, args);
    va_end(args);
    text->len += len > 0 ? (size_t)len : 0;
}

static void servers_add(struct text *text, uint32_t servers)
{
    const char *comma = "";

    for (uint32_t i = 1; i <= CRAFT_SIM_SERVERS_MAX; i++) {
        if ((servers >> i & 1u) != 0) {
            text_add(text, "%s%" PRIu32, comma, i);
            comma = ",";
        }
    }
}

char *craft_sim_plan_print(const struct craft_sim_plan *plan)
{
    struct text text = {NULL, 0, 0, false};

    text_add(&text,
             "servers %" PRIu32 "\nlearners %" PRIu32 "\nclients %" PRIu32
             "\nduration %" PRIu64 "\n",
             plan->servers, plan->learners, plan->clients, plan->duration_us);
    for (size_t i = 0; i < plan->len; i++) {
        const struct craft_sim_fault *fault = &plan->faults[i];

        text_add(&text, "%s %" PRIu64 "..%" PRIu64 " ",
                 craft_sim_faults[fault->kind].name, fault->at, fault->until);
        servers_add(&text, fault->from);
        if (fault->to != 0) {
            text_add(&text, ">");
            servers_add(&text, fault->to);
        }
        text_add(&text, " %" PRIu32 "\n", fault->strength);
    }
    if (text.failed) {
        free(text.bytes);
        return NULL;
    }
    return text.bytes;
}

/* ----------------------------------------------------------------- reading */

static bool take_char(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    ++*at;
    return true;
}

static bool take_word(const char **at, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*at, word, len) != 0) {
        return false;
    }
    *at += len;
    return true;
}

/* Decimal digits, without a zero before them, that say at most max. */
static bool take_number(const char **at, uint64_t max, uint64_t *number_out)
{
    const char *first = *at;
    uint64_t number = 0;

    while (**at >= '0' && **at <= '9') {
        number = number * 10 + (uint64_t)(**at - '0');
        if (number > max) {
            return false;
        }
        ++*at;
    }
    *number_out = number;
    return *at != first && (*first != '0' || *at == first + 1);
}

/* Servers that are there, in order. */
static bool take_servers(const char **at, uint32_t *servers_out)
{
    uint64_t number;
    uint64_t before = 0;

    *servers_out = 0;
    do {
        if (!take_number(at, CRAFT_SIM_SERVERS_MAX, &number) ||
            number <= before) {
            return false;
        }
        *servers_out |= 1u << number;
        before = number;
    } while (take_char(at, ','));
    return true;
}

/* After its name and a space. */
static bool take_fault(const char **at, const struct craft_sim_plan *plan,
                       struct craft_sim_fault *fault)
{
    const struct craft_sim_fault_about *about = &craft_sim_faults[fault->kind];
    uint64_t strength;

    if (!take_number(at, plan->duration_us, &fault->at) ||
        !take_word(at, "..") ||
        !take_number(at, plan->duration_us, &fault->until) ||
        fault->until < fault->at || !take_char(at, ' ') ||
        !take_servers(at, &fault->from)) {
        return false;
    }
    if (about->scope != CRAFT_SIM_SERVERS &&
        (!take_char(at, '>') || !take_servers(at, &fault->to))) {
        return false;
    }
    if (!take_char(at, ' ') ||
        !take_number(at, about->strength_max, &strength) ||
        strength < about->strength_min) {
        return false;
    }
    fault->strength = (uint32_t)strength;
    return true;
}

static bool take_end(const char **at)
{
    while (**at == ' ' || **at == '\r') {
        ++*at;
    }
    if (**at == '#') {
        while (**at != '\n' && **at != '\0') {
            ++*at;
        }
    }
    return **at == '\0' || take_char(at, '\n');
}

static bool skip_blank(const char **at)
{
    const char *before = *at;

    if (**at == '\0' || !take_end(at)) {
        *at = before;
        return false;
    }
    return true;
}

static bool take_setting(const char **at, const char *name, uint64_t min,
                         uint64_t max, uint64_t *number_out)
{
    while (skip_blank(at)) {
    }
    return take_word(at, name) && take_number(at, max, number_out) &&
           *number_out >= min && take_end(at);
}

static bool take_settings(const char **at, struct craft_sim_plan *plan)
{
    uint64_t servers;
    uint64_t learners;
    uint64_t clients;

    if (!take_setting(at, "servers ", 1, CRAFT_SIM_SERVERS_MAX, &servers) ||
        !take_setting(at, "learners ", 0, servers - 1, &learners) ||
        !take_setting(at, "clients ", 0, CRAFT_SIM_CLIENTS_MAX, &clients) ||
        !take_setting(at, "duration ", 1, CRAFT_SIM_DURATION_MAX_US,
                      &plan->duration_us)) {
        return false;
    }
    plan->servers = (uint32_t)servers;
    plan->learners = (uint32_t)learners;
    plan->clients = (uint32_t)clients;
    return true;
}

static bool take_kind(const char **at, uint32_t *kind_out)
{
    for (uint32_t kind = 0; kind < CRAFT_SIM_FAULT_KINDS; kind++) {
        const char *before = *at;

        if (take_word(at, craft_sim_faults[kind].name) && take_char(at, ' ')) {
            *kind_out = kind;
            return true;
        }
        *at = before;
    }
    return false;
}

static int faults_read(struct craft_sim_plan *plan, const char *at)
{
    while (*at != '\0') {
        struct craft_sim_fault fault;

        if (skip_blank(&at)) {
            continue;
        }
        memset(&fault, 0, sizeof fault);
        if (plan->len == CRAFT_SIM_FAULTS_MAX || !take_kind(&at, &fault.kind) ||
            !take_fault(&at, plan, &fault) || !take_end(&at)) {
            return CRAFT_ERR_INVALID;
        }
        if (!craft_sim_plan_add(plan, fault)) {
            return CRAFT_ERR_NOMEM;
        }
    }
    return 0;
}

int craft_sim_plan_read(struct craft_sim_plan *plan, const char *text)
{
    int rv = CRAFT_ERR_INVALID;

    memset(plan, 0, sizeof *plan);
    if (take_settings(&text, plan)) {
        rv = faults_read(plan, text);
    }
    if (rv != 0) {
        craft_sim_plan_free(plan);
    }
    return rv;
}
