#include "sim/trial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/processes.h"

/* ------------------------------------------------------------------- lines */

void craft_sim_line_add(struct craft_sim_lines *lines, const char *line)
{
    char *to = lines->text[lines->count % CRAFT_SIM_LINES_MAX];

    (void)snprintf(to, CRAFT_SIM_LINE_LEN_MAX, "%s", line);
    lines->count++;
}

const char *craft_sim_line(const struct craft_sim_lines *lines, size_t i)
{
    size_t first = lines->count > CRAFT_SIM_LINES_MAX
                       ? lines->count - CRAFT_SIM_LINES_MAX
                       : 0;

    return first + i < lines->count
               ? lines->text[(first + i) % CRAFT_SIM_LINES_MAX]
               : NULL;
}

static void trace_line(struct craft_sim_trial *trial, const char *line)
{
    if (trial->trace != NULL) {
        (void)fprintf(trial->trace, "%s\n", line);
    }
    if (trial->lines != NULL) {
        craft_sim_line_add(trial->lines, line);
    }
}

static int run(const craft_sim_options *options, craft_sim **sim_out,
               craft_sim_report *report)
{
    int rv = craft_sim_new(options, sim_out);

    memset(report, 0, sizeof *report);
    report->struct_size = sizeof *report;
    if (rv == 0) {
        (void)craft_sim_run(*sim_out);
        rv = craft_sim_look(*sim_out, report);
    }
    return rv;
}

#if CRAFT_SIM_PROCESSES

#include <poll.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------- in the child */

/* What the parent is told begins with one of these; the rest is what the code
 * under test says on stderr. */
#define SECONDS_MAX 120u

#define TRACE "\001trace "
#define REPORT "\001report "
#define BROKEN "\001broken "
#define REFUSED "\001refused "

/* Each at once: the next step may be the last. */
static void child_trace(void *ctx, const char *line)
{
    (void)fprintf(ctx, TRACE "%s\n", line);
    (void)fflush(ctx);
}

static void child_run(const struct craft_sim_trial *trial, FILE *out)
{
    craft_sim_options options = *trial->options;
    craft_sim *sim = NULL;
    craft_sim_report r;
    int rv;

    if (trial->trace != NULL || trial->lines != NULL) {
        options.trace = child_trace;
        options.trace_ctx = out;
    }
    rv = run(&options, &sim, &r);
    if (rv != 0) {
        (void)fprintf(out, REFUSED "%d\n", rv);
        return;
    }
    (void)fprintf(out,
                  REPORT "%" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu64
                         " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                         " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                         " %" PRIu64 "\n",
                  r.state, r.servers, r.faults, r.digest, r.time_us, r.steps,
                  r.messages, r.crashes, r.elections, r.committed, r.operations,
                  r.answered, r.undecided);
    if (r.broken != NULL) {
        (void)fprintf(out, BROKEN "%s\n", r.broken);
    }
    craft_sim_free(sim);
}

/* ------------------------------------------------------------ in the parent */

struct hearing {
    struct craft_sim_trial *trial;
    char said[CRAFT_SIM_BROKEN_MAX / 2]; /* first on stderr */
    int rv;
    bool reported;
};

static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static void hear_report(struct hearing *hearing, const char *text)
{
    craft_sim_report *r = &hearing->trial->report;
    uint64_t numbers[13] = {0};
    char *end = NULL;

    for (size_t i = 0; i < 13; i++) {
        numbers[i] = strtoull(text, &end, 10);
        text = end;
    }
    r->state = (uint32_t)numbers[0];
    r->servers = (uint32_t)numbers[1];
    r->faults = (uint32_t)numbers[2];
    r->digest = numbers[3];
    r->time_us = numbers[4];
    r->steps = numbers[5];
    r->messages = numbers[6];
    r->crashes = numbers[7];
    r->elections = numbers[8];
    r->committed = numbers[9];
    r->operations = numbers[10];
    r->answered = numbers[11];
    r->undecided = numbers[12];
    hearing->reported = true;
}

static void hear(void *ctx, const char *text)
{
    struct hearing *hearing = ctx;
    struct craft_sim_trial *trial = hearing->trial;
    const char *rest;

    if ((rest = after(text, TRACE)) != NULL) {
        trace_line(trial, rest);
    } else if ((rest = after(text, REPORT)) != NULL) {
        hear_report(hearing, rest);
    } else if ((rest = after(text, BROKEN)) != NULL) {
        (void)snprintf(trial->broken, sizeof trial->broken, "%s", rest);
    } else if ((rest = after(text, REFUSED)) != NULL) {
        hearing->rv = (int)strtol(rest, NULL, 10);
    } else {
        if (hearing->said[0] == '\0' && strcspn(text, "=") > 0) {
            (void)snprintf(hearing->said, sizeof hearing->said, "%s", text);
        }
        trace_line(trial, text);
    }
}

static void hear_all(struct craft_sim_child *child, struct hearing *hearing,
                     bool *late_out)
{
    struct pollfd fd = {.fd = child->fd, .events = POLLIN};
    time_t end = time(NULL) + (time_t)hearing->trial->seconds_max;
    bool open = true;

    *late_out = false;
    while (open && !*late_out) {
        int ready = poll(&fd, 1, 1000);

        if (ready > 0) {
            open = craft_sim_child_read(child, hear, hearing);
        }
        *late_out = open && time(NULL) >= end;
    }
}

int craft_sim_try(struct craft_sim_trial *trial)
{
    struct hearing hearing = {.trial = trial};
    struct craft_sim_child child;
    bool late;
    int fd = -1;
    int how = craft_sim_child_start(&child, &fd);

    trial->broken[0] = '\0';
    memset(&trial->report, 0, sizeof trial->report);
    if (trial->seconds_max == 0) {
        trial->seconds_max = SECONDS_MAX;
    }
    if (how < 0) {
        return CRAFT_ERR_NOMEM;
    }
    if (how == 0) {
        FILE *out = fdopen(fd, "w");

        if (out == NULL || dup2(fd, STDERR_FILENO) < 0) {
            _exit(3);
        }
        child_run(trial, out);
        (void)fclose(out);
        _exit(0);
    }
    hear_all(&child, &hearing, &late);
    how = craft_sim_child_end(&child, late);
    if (late) {
        (void)snprintf(trial->broken, sizeof trial->broken,
                       "hangs: no end within %u seconds", trial->seconds_max);
    } else if (how != 0 && !hearing.reported) {
        (void)snprintf(trial->broken, sizeof trial->broken, "dies (%s %d): %s",
                       how < 0 ? "signal" : "exit code", how < 0 ? -how : how,
                       hearing.said);
    } else if (how != 0) {
        (void)snprintf(trial->broken, sizeof trial->broken,
                       "dies after the run: %s", hearing.said);
    }
    return hearing.rv;
}

#else

static void here_trace(void *ctx, const char *line)
{
    trace_line(ctx, line);
}

int craft_sim_try(struct craft_sim_trial *trial)
{
    craft_sim_options options = *trial->options;
    craft_sim *sim = NULL;
    int rv;

    trial->broken[0] = '\0';
    options.trace = here_trace;
    options.trace_ctx = trial;
    rv = run(&options, &sim, &trial->report);
    if (rv == 0 && trial->report.broken != NULL) {
        (void)snprintf(trial->broken, sizeof trial->broken, "%s",
                       trial->report.broken);
    }
    craft_sim_free(sim);
    return rv;
}

#endif
