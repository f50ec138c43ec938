/*
 * Random runs of a whole cluster with everything going wrong, then with
 * nothing going wrong: safety all the while (see cluster.h), and in the end
 * progress with ticks alone. Each seed switches on some of the faults.
 *
 *   CRAFT_SEED=n        run this seed alone and print what happens
 *   CRAFT_SEEDS=a..b    run these
 *   CRAFT_SECONDS=n     for how long (20; 5 under a sanitizer)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cluster.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SECONDS_DEFAULT 5
#else
#define SECONDS_DEFAULT 20
#endif
#define STEPS 600u
#define DRIFT_PPM 100000u

/* What this seed does to its cluster: per thousand steps, 0 = never. */
enum fault {
    FAULT_DROP,
    FAULT_DUPLICATE,
    FAULT_REORDER,
    FAULT_CRASH,
    FAULT_CUT,
    FAULT_SLOW_DISK,
    FAULT_SLOW_APPLY,
    FAULT_FULL_DISK,
    FAULT_BROKEN_DISK,
    FAULT_FETCH,
    FAULT_MEMORY,
    FAULT_HOLD,
    FAULT_CAMPAIGN,
    FAULT_UNREACHABLE,
    FAULT_TRANSFER,
    FAULT_READ,
    FAULT_INSIDE,
    FAULT_SNAPSHOT,
    FAULT_BURST,
    FAULT_COUNT
};

struct run {
    struct cluster *cluster;
    uint64_t seed;
    bool on[FAULT_COUNT];
    uint32_t inside_depth;
    uint64_t time_ns[CLUSTER_NODES_MAX + 1]; /* that clocks show */
};

static uint32_t draw(struct run *run, uint32_t bound)
{
    return cluster_random(run->cluster, bound);
}

static bool chance(struct run *run, enum fault fault, uint32_t per_thousand)
{
    return run->on[fault] && draw(run, 1000) < per_thousand;
}

/* -------------------------------------------------------------- the cluster */

static size_t pick_size(uint64_t x, size_t small, size_t large)
{
    return (x & 1u) != 0 ? small : large;
}

static struct cluster_options options_of(uint64_t seed)
{
    struct cluster_options options;
    uint64_t x = seed * 0x9e3779b97f4a7c15u;

    x ^= x >> 29;
    cluster_options_init(&options, 1 + (uint32_t)(x % 23 % 7));
    if (options.nodes < 3 && (x >> 8) % 4 != 0) {
        options.nodes = 3 + (uint32_t)((x >> 8) % 3);
    }
    options.seed = seed;
    options.pull = (x >> 11) % 4 == 0;
    options.bytes = (x >> 13) % 3 == 0;
    options.no_fetch = (x >> 15) % 4 == 0;
    for (uint32_t i = 1; i <= CLUSTER_NODES_MAX && (x >> 17) % 3 == 0; i++) {
        options.ids[i] = CRAFT_NUMBER_MAX - 8 + i;
    }
    options.config.entry_bytes_max = 512;
    options.config.message_bytes_max = pick_size(x >> 20, 576, 4096);
    options.config.inflight_bytes_max = pick_size(x >> 21, 600, 65536);
    options.config.inflight_max = (uint32_t)pick_size(x >> 22, 2, 16);
    options.config.uncommitted_bytes_max = pick_size(x >> 23, 1024, 65536);
    options.config.log_cache_bytes_max = pick_size(x >> 24, 0, 2048);
    options.config.tokens_max = (uint32_t)pick_size(x >> 25, 5, 1000);
    options.config.snapshot_chunk_bytes = pick_size(x >> 27, 60, 400);
    options.config.snapshot_window = 1 + (uint32_t)((x >> 28) % 4);
    options.config.snapshot_pin_bytes_max = pick_size(x >> 29, 0, 4096);
    options.config.persist_inflight_max = 1 + (uint32_t)((x >> 26) % 5);
    options.config.flags = (uint32_t)(x >> 33) % 8;
    if ((x >> 36) % 2 == 0) {
        options.config.flags |= CRAFT_CONFIG_FORWARD;
    }
    options.config.forward_bytes_max = pick_size(x >> 37, 600, 65536);
    options.config.heartbeat_ticks = 1 + (uint32_t)((x >> 30) % 3);
    if ((x >> 40) % 2 == 0) {
        options.config.flags |= CRAFT_CONFIG_LEASE;
        options.config.lease_ms = 50 + (uint32_t)((x >> 41) % 400);
        options.config.clock_drift_ppm = DRIFT_PPM;
    }
    return options;
}

/* ---------------------------------------------------------------- the time */

/* So many ms, by a clock that is right; others are slow, or fast. */
static void time_passes(struct run *run, uint64_t ms)
{
    for (uint32_t i = 1; i <= run->cluster->options.nodes; i++) {
        run->time_ns[i] += ms * (1000000 + DRIFT_PPM - i % 3 * DRIFT_PPM);
    }
}

/* Before a tick; some hosts forget it now and then. */
static void time_told(struct run *run, uint32_t position)
{
    if (run->cluster->options.config.lease_ms > 0 && draw(run, 4) != 0) {
        (void)cluster_clock(run->cluster, position, run->time_ns[position]);
    }
}

static void leases_check(struct run *run)
{
    struct cluster *cluster = run->cluster;

    if (cluster->options.config.lease_ms == 0) {
        return;
    }
    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        craft_status status = cluster_status(cluster, i);

        if (run->time_ns[i] < status.lease_until_ns &&
            status.commit_index < cluster->committed.len) {
            cluster_fail(cluster, "leases: %u would read old state", i);
        }
    }
}

static void faults_draw(struct run *run)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        run->on[i] = draw(run, 2) == 0;
    }
    run->on[FAULT_MEMORY] = draw(run, 5) == 0;
    run->on[FAULT_BROKEN_DISK] = draw(run, 3) == 0;
}

static bool is_up(struct run *run, uint32_t position)
{
    const struct cluster_node *node = cluster_node(run->cluster, position);

    return node->node != NULL && !node->halted;
}

static uint32_t draw_node(struct run *run)
{
    return 1 + draw(run, run->cluster->options.nodes);
}

static void modes_set(struct run *run)
{
    static const enum fault faults[3] = {FAULT_SLOW_DISK, FAULT_SLOW_APPLY,
                                         FAULT_FETCH};

    for (uint32_t i = 1; i <= run->cluster->options.nodes; i++) {
        struct cluster_node *node = cluster_node(run->cluster, i);
        uint32_t *modes[3] = {&node->persist_ends, &node->apply_ends,
                              &node->fetch_ends};

        for (size_t k = 0; k < 3; k++) {
            *modes[k] = CLUSTER_ENDS_INSIDE;
            if (run->on[faults[k]]) {
                *modes[k] = 1 + draw(run, 2);
            }
        }
        node->parts_end = node->fetch_ends;
        node->disk_full = false;
        node->allocations_fail = run->on[FAULT_MEMORY] ? 50 : 0;
    }
}

/* ------------------------------------------------------------------- steps */

static void step_network(struct run *run)
{
    struct cluster *cluster = run->cluster;
    struct cluster_filter filter = {0, 0, 0};
    size_t at = 0;
    struct cluster_message *message;

    if (run->on[FAULT_REORDER] && cluster->network_len > 0) {
        at = draw(run, (uint32_t)cluster->network_len);
    }
    message = cluster_find(cluster, filter, at);
    if (message == NULL) {
        return;
    }
    if (chance(run, FAULT_DROP, 150)) {
        cluster_drop_message(cluster, message);
        return;
    }
    if ((cluster->cut[message->from] >> message->to & 1u) != 0) {
        return;
    }
    (void)cluster_deliver_message(cluster, message,
                                  chance(run, FAULT_DUPLICATE, 100));
}

static bool is_open(const struct cluster_node *node, uint64_t ticket)
{
    for (size_t i = 0; i < node->records_len; i++) {
        if (node->records[i].ticket == ticket) {
            return true;
        }
    }
    return false;
}

static int ending_draw(struct run *run)
{
    return draw(run, 10) == 0 ? CRAFT_ENDING_ERROR : CRAFT_ENDING_OK;
}

static void step_end(struct run *run, uint32_t position)
{
    struct cluster_node *node = cluster_node(run->cluster, position);

    switch (draw(run, 5)) {
    case 0:
        if (node->records_len > 0) {
            size_t at = draw(run, (uint32_t)node->records_len);
            uint64_t ticket = node->records[at].ticket;
            int ending = chance(run, FAULT_FULL_DISK, 300)
                             ? CRAFT_ENDING_NOSPACE
                             : CRAFT_ENDING_OK;

            if (chance(run, FAULT_BROKEN_DISK, 30)) {
                ending = CRAFT_ENDING_ERROR;
            }
            (void)cluster_persisted(run->cluster, position, ticket, ending);
        }
        break;
    case 1:
        if (node->next_ticket > 1 && draw(run, 4) == 0) { /* a late one */
            uint64_t ticket = 1 + draw(run, (uint32_t)(node->next_ticket - 1));

            if (!is_open(node, ticket)) {
                (void)cluster_persisted(run->cluster, position, ticket,
                                        (int)draw(run, 3));
            }
        }
        break;
    case 2:
        if (node->installing != 0) {
            (void)cluster_apply_all(run->cluster, position);
        } else if (node->batch != NULL) {
            uint32_t part = (uint32_t)node->batch_len;
            craft_index index = node->batch_first + draw(run, part);

            (void)cluster_applied(run->cluster, position, index,
                                  CRAFT_ENDING_OK);
        }
        break;
    case 3:
        (void)cluster_part_read(run->cluster, position, ending_draw(run));
        (void)cluster_part_written(run->cluster, position, ending_draw(run));
        break;
    default:
        (void)cluster_fetch_one(run->cluster, position,
                                draw(run, 4) == 0 ? CRAFT_ENDING_ERROR
                                                  : CRAFT_ENDING_OK);
        break;
    }
}

static void step_propose(struct run *run)
{
    uint32_t position = cluster_leader(run->cluster);
    uint32_t flags = run->cluster->options.config.flags;
    uint32_t elsewhere = (flags & CRAFT_CONFIG_FORWARD) != 0 ? 5 : 1;

    if (position == 0 || draw(run, 8) < elsewhere) {
        position = draw_node(run);
    }
    if (!is_up(run, position)) {
        return;
    }
    if (draw(run, 4) == 0) {
        (void)cluster_propose_many(run->cluster, position, 1 + draw(run, 6));
    } else {
        static const uint32_t sizes[6] = {0, 3, 8, 24, 200, 512};

        (void)cluster_propose_sized(run->cluster, position,
                                    sizes[draw(run, 6)]);
    }
}

/* Of what is applied, or of some state before it, with any tail. */
static void step_snapshot(struct run *run, uint32_t position)
{
    static const size_t tails[4] = {0, 200, 2000, SIZE_MAX};
    craft_index applied = cluster_node(run->cluster, position)->applied;
    craft_index index =
        draw(run, 3) == 0 && applied > 0 ? 1 + draw(run, (uint32_t)applied) : 0;

    (void)cluster_snapshot(run->cluster, position, index, tails[draw(run, 4)]);
}

static void step_life(struct run *run, uint32_t position)
{
    struct cluster_node *node = cluster_node(run->cluster, position);

    if (node->node != NULL && node->halted) {
        cluster_crash(run->cluster, position, draw(run, 5));
    } else if (node->node != NULL && draw(run, 3) == 0) {
        if (draw(run, 6) == 0) {
            (void)cluster_stop(run->cluster, position);
        } else {
            cluster_crash(run->cluster, position, draw(run, 5));
        }
    } else if (node->node == NULL) {
        craft_index applied = node->applied;

        if (applied > node->disk.log.len || draw(run, 2) == 0) {
            applied = 0;
        }
        cluster_restart_with(run->cluster, position, 1 + draw(run, 9), applied);
    }
}

/* Who leads is cut off, for about as long as the others keep to it. */
static void step_depose(struct run *run)
{
    uint32_t leader = cluster_leader(run->cluster);
    uint32_t lease_ms = run->cluster->options.config.lease_ms;

    if (leader == 0 || lease_ms == 0) {
        return;
    }
    cluster_isolate(run->cluster, leader);
    time_passes(run, lease_ms / 2 + draw(run, lease_ms));
    for (uint32_t i = 1; i <= run->cluster->options.nodes; i++) {
        if (i != leader && is_up(run, i)) {
            time_told(run, i);
            (void)cluster_tick(run->cluster, i, 1 + draw(run, 20));
        }
    }
}

static void step_cut(struct run *run)
{
    uint32_t from = draw_node(run);

    switch (draw(run, 5)) {
    case 0:
        cluster_cut(run->cluster, from, draw_node(run));
        break;
    case 1:
        cluster_isolate(run->cluster, from);
        break;
    case 2:
        step_depose(run);
        break;
    default:
        cluster_heal(run->cluster);
        break;
    }
}

static void step_read(struct run *run, uint32_t position)
{
    if (run->cluster->options.config.lease_ms > 0) {
        (void)cluster_read_lease(run->cluster, position,
                                 run->time_ns[position]);
    } else {
        (void)cluster_read(run->cluster, position);
    }
}

static void step_odd(struct run *run, uint32_t position)
{
    struct cluster_node *node = cluster_node(run->cluster, position);

    if (chance(run, FAULT_HOLD, 400)) {
        if (node->holds > 0) {
            cluster_release(run->cluster, position);
        } else {
            cluster_hold(run->cluster, position);
        }
    } else if (chance(run, FAULT_CAMPAIGN, 200)) {
        (void)cluster_campaign(run->cluster, position);
    } else if (chance(run, FAULT_READ, 500)) {
        step_read(run, position);
    } else if (chance(run, FAULT_TRANSFER, 300)) {
        uint32_t target = draw(run, run->cluster->options.nodes + 1);

        (void)cluster_transfer(run->cluster, position, target);
    } else if (chance(run, FAULT_UNREACHABLE, 200)) {
        (void)cluster_unreachable(run->cluster, position,
                                  1 + position % run->cluster->options.nodes);
    } else if (chance(run, FAULT_FULL_DISK, 200)) {
        node->disk_full = !node->disk_full;
    } else if (chance(run, FAULT_BURST, 200)) {
        (void)cluster_tick(run->cluster, position, draw(run, 100));
    }
}

static void step(struct run *run)
{
    uint32_t position = draw_node(run);
    uint32_t what = draw(run, 100);

    if (chance(run, FAULT_SNAPSHOT, 30)) {
        if (is_up(run, position)) {
            step_snapshot(run, position);
        }
    } else if (what < 55) {
        step_network(run);
    } else if (what < 70) {
        if (is_up(run, position)) {
            time_told(run, position);
            (void)cluster_tick(run->cluster, position, 1);
        }
    } else if (what < 80) {
        step_propose(run);
    } else if (what < 92) {
        if (is_up(run, position)) {
            step_end(run, position);
        }
    } else if (what < 95) {
        if (is_up(run, position)) {
            step_odd(run, position);
        }
    } else if (what < 97) {
        if (run->on[FAULT_CUT]) {
            step_cut(run);
        }
    } else if (run->on[FAULT_CRASH] || !is_up(run, position)) {
        step_life(run, position);
    }
}

/* Inputs from inside the hooks of any node. */
static void inside(struct cluster_node *node, uint32_t kind)
{
    struct run *run = node->cluster->inside_data;

    (void)kind;
    if (run->inside_depth > 2 || draw(run, 12) != 0) {
        return;
    }
    run->inside_depth++;
    if (draw(run, 3) == 0) {
        step_propose(run);
    } else if (draw(run, 2) == 0) {
        step_network(run);
    } else {
        step(run);
    }
    run->inside_depth--;
}

/* -------------------------------------------------------------- convergence */

/* No more faults: with ticks alone all agree within some elections. */
static void converge(struct run *run)
{
    struct cluster *cluster = run->cluster;

    memset(run->on, 0, sizeof run->on);
    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        run->time_ns[i] -= cluster_node(cluster, i)->now_ns;
    }
    cluster_converge(cluster);
    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        run->time_ns[i] += cluster_node(cluster, i)->now_ns;
    }
}

/* ------------------------------------------------------------------- runs */

static void seed_run(uint64_t seed, bool trace)
{
    struct cluster_options options = options_of(seed);
    struct run run;

    memset(&run, 0, sizeof run);
    run.seed = seed;
    run.cluster = cluster_new(&options);
    run.cluster->trace = trace;
    faults_draw(&run);
    run.cluster->inside_data = &run;
    for (uint32_t part = 0; part < 2; part++) {
        modes_set(&run);
        run.cluster->inside = run.on[FAULT_INSIDE] ? inside : NULL;
        for (uint32_t i = 0; i < STEPS; i++) {
            time_passes(&run, 1);
            step(&run);
            leases_check(&run);
        }
        converge(&run);
        faults_draw(&run);
    }
    cluster_free(run.cluster);
}

static uint64_t number_of(const char *text, uint64_t otherwise)
{
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void a_cluster_stays_safe_and_recovers_from_anything(void **state)
{
    const char *one = getenv("CRAFT_SEED");
    const char *range = getenv("CRAFT_SEEDS");
    time_t end = time(NULL) +
                 (time_t)number_of(getenv("CRAFT_SECONDS"), SECONDS_DEFAULT);
    uint64_t first = 1;
    uint64_t last = UINT64_MAX;
    uint64_t seed;

    (void)state;
    if (one != NULL) {
        seed_run(number_of(one, 1), true);
        return;
    }
    if (range != NULL) {
        const char *dots = strstr(range, "..");

        first = number_of(range, 1);
        last = number_of(dots != NULL ? dots + 2 : range, first);
    }
    for (seed = first; seed <= last; seed++) {
        if (range == NULL && time(NULL) >= end) {
            break;
        }
        seed_run(seed, false);
    }
    print_message("seeds %llu..%llu\n", (unsigned long long)first,
                  (unsigned long long)seed - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_stays_safe_and_recovers_from_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
