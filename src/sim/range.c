#include "sim/range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/mix.h"
#include "sim/processes.h"
#include "sim/trial.h"

static void count(struct craft_sim_range *range, uint64_t seed,
                  const craft_sim_report *report)
{
    range->passed++;
    range->steps += report->steps;
    range->committed += report->committed;
    range->operations += report->operations;
    range->crashes += report->crashes;
    range->elections += report->elections;
    range->undecided += report->undecided;
    range->digest += craft_sim_mix(report->digest ^ craft_sim_mix(seed));
}

static void count_failure(struct craft_sim_range *range, uint64_t seed,
                          const char *broken)
{
    if (range->failures == range->failures_max) {
        return; /* of seeds that were under way */
    }
    range->failures++;
    range->failed(range->ctx, seed, broken);
}

#if CRAFT_SIM_PROCESSES

#include <poll.h>
#include <unistd.h>

#define JOBS_MAX 64u
#define PROGRESS_SECONDS 5

uint32_t craft_sim_jobs_default(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 1          ? 1
           : processors > JOBS_MAX ? JOBS_MAX
                                   : (uint32_t)processors;
}

/* ----------------------------------------------------------------- a worker */

/* Every jobs-th seed, a line before and one after each. */
static void work(const struct craft_sim_range *range, uint64_t seed, FILE *out)
{
    for (; seed >= range->first && seed <= range->last; seed += range->jobs) {
        craft_sim_options options = *range->options;
        craft_sim_report r = {.struct_size = sizeof r};
        craft_sim *sim;
        int rv;

        options.seed = seed;
        (void)fprintf(out, "begin %" PRIu64 "\n", seed);
        (void)fflush(out);
        rv = craft_sim_new(&options, &sim);
        if (rv != 0) {
            (void)fprintf(out, "broken %s\n", craft_strerror(rv));
            continue;
        }
        (void)craft_sim_run(sim);
        (void)craft_sim_look(sim, &r);
        if (r.broken != NULL) {
            (void)fprintf(out, "broken %s\n", r.broken);
        } else {
            (void)fprintf(out,
                          "passed %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                          " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                          r.digest, r.steps, r.committed, r.operations,
                          r.crashes, r.elections, r.undecided);
        }
        craft_sim_free(sim);
    }
}

/* --------------------------------------------------------------- the parent */

struct worker {
    struct craft_sim_range *range;
    struct craft_sim_child child;
    uint64_t seed; /* it is at this one */
    bool busy;     /* in the middle of it */
    time_t since;
};

static void hear_passed(struct worker *worker, const char *text)
{
    craft_sim_report report;
    uint64_t numbers[7];
    char *end = NULL;

    for (size_t i = 0; i < 7; i++) {
        numbers[i] = strtoull(text, &end, 10);
        text = end;
    }
    memset(&report, 0, sizeof report);
    report.digest = numbers[0];
    report.steps = numbers[1];
    report.committed = numbers[2];
    report.operations = numbers[3];
    report.crashes = numbers[4];
    report.elections = numbers[5];
    report.undecided = numbers[6];
    count(worker->range, worker->seed, &report);
}

static void hear(void *ctx, const char *text)
{
    struct worker *worker = ctx;

    worker->busy = false;
    if (strncmp(text, "begin ", 6) == 0) {
        worker->seed = strtoull(text + 6, NULL, 10);
        worker->busy = true;
        worker->since = time(NULL);
    } else if (strncmp(text, "broken ", 7) == 0) {
        count_failure(worker->range, worker->seed, text + 7);
    } else {
        hear_passed(worker, text + 7);
    }
}

/* In the child it does not return. */
static bool worker_start(struct worker *worker, uint64_t seed)
{
    int fd = -1;
    int how = craft_sim_child_start(&worker->child, &fd);

    if (how == 0) {
        FILE *out = fdopen(fd, "w");

        if (out == NULL) {
            _exit(3);
        }
        work(worker->range, seed, out);
        (void)fclose(out);
        _exit(0);
    }
    worker->seed = seed;
    worker->busy = false;
    worker->since = time(NULL);
    return how > 0;
}

/* It has ended, with all its seeds or in one of them: then another goes on
 * behind that. False: there is nothing left to do for it. */
static bool worker_ends(struct worker *worker, bool late)
{
    const struct craft_sim_range *range = worker->range;
    char broken[80];
    int how = craft_sim_child_end(&worker->child, late);
    uint64_t next = worker->seed + range->jobs;

    if (how == 0 && !worker->busy) {
        return false;
    }
    if (late) {
        (void)snprintf(broken, sizeof broken, "hangs: no end within %u seconds",
                       range->seconds_max);
    } else {
        (void)snprintf(broken, sizeof broken, "dies (%s %d)",
                       how < 0 ? "signal" : "exit code", how < 0 ? -how : how);
    }
    count_failure(worker->range, worker->seed, broken);
    return next > worker->seed && next <= range->last &&
           worker_start(worker, next);
}

static void progress(const struct craft_sim_range *range, time_t begin)
{
    uint64_t seconds = (uint64_t)(time(NULL) - begin);

    (void)fprintf(stderr,
                  "craft-sim: %" PRIu64 " of %" PRIu64 " seeds, %" PRIu64
                  " failed, %" PRIu64 " steps/s\n",
                  range->passed + range->failures,
                  range->last - range->first + 1, range->failures,
                  range->steps / (seconds > 0 ? seconds : 1));
}

/* One look at each worker. False: all have ended. */
static bool workers_look(struct craft_sim_range *range, struct worker *workers)
{
    struct pollfd fds[JOBS_MAX];
    struct worker *of[JOBS_MAX];
    nfds_t len = 0;

    for (uint32_t i = 0; i < range->jobs; i++) {
        if (workers[i].child.pid != 0) {
            fds[len].fd = workers[i].child.fd;
            fds[len].events = POLLIN;
            fds[len].revents = 0;
            of[len] = &workers[i];
            len++;
        }
    }
    if (len == 0) {
        return false;
    }
    (void)poll(fds, len, 1000);
    for (nfds_t i = 0; i < len; i++) {
        struct worker *worker = of[i];
        bool ready = (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
        bool late =
            !ready && time(NULL) - worker->since > (time_t)range->seconds_max;

        if (late ||
            (ready && !craft_sim_child_read(&worker->child, hear, worker))) {
            (void)worker_ends(worker, late);
        }
    }
    return true;
}

bool craft_sim_range_run(struct craft_sim_range *range)
{
    struct worker *workers;
    time_t begin = time(NULL);
    time_t told = begin;
    bool started = true;

    if (range->jobs > JOBS_MAX) {
        range->jobs = JOBS_MAX;
    }
    workers = calloc(range->jobs, sizeof *workers);
    if (workers == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < range->jobs; i++) {
        workers[i].range = range;
        if (range->first + i <= range->last) {
            started = worker_start(&workers[i], range->first + i) && started;
        }
    }
    while (range->failures < range->failures_max &&
           workers_look(range, workers)) {
        if (time(NULL) - told >= PROGRESS_SECONDS) {
            told = time(NULL);
            progress(range, begin);
        }
    }
    for (uint32_t i = 0; i < range->jobs; i++) {
        if (workers[i].child.pid != 0) {
            (void)craft_sim_child_end(&workers[i].child, true);
        }
    }
    free(workers);
    return started;
}

#else

uint32_t craft_sim_jobs_default(void)
{
    return 1;
}

bool craft_sim_range_run(struct craft_sim_range *range)
{
    for (uint64_t seed = range->first; seed <= range->last; seed++) {
        craft_sim_options options = *range->options;
        struct craft_sim_trial trial = {.options = &options};

        options.seed = seed;
        if (craft_sim_try(&trial) != 0) {
            return false;
        }
        if (trial.broken[0] != '\0') {
            count_failure(range, seed, trial.broken);
        } else {
            count(range, seed, &trial.report);
        }
    }
    return true;
}

#endif
