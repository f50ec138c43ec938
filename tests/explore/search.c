/* Breadth first: the first way found to a world is a shortest one. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "explore.h"

/* How a world was met, by number; the root has number 0. */
struct way {
    uint32_t from;
    struct step step;
};

struct worlds {
    struct world *worlds;
    uint32_t *numbers;
    size_t len;
    size_t max;
};

static uint64_t *seen; /* fingerprints; 0 = free */
static uint64_t seen_mask;
static struct way *ways;
static uint32_t ways_len;
static uint32_t ways_max;
static uint64_t transitions;
static uint32_t depth;

/* What is being done, for a failed assertion. */
static uint32_t doing_from;
static struct step doing;

static void *grown(void *ptr, size_t size)
{
    void *made = realloc(ptr, size);

    if (made == NULL) {
        fprintf(stderr, "explore: out of memory: lower the bounds\n");
        exit(1);
    }
    return made;
}

/* ------------------------------------------------------------------- seen */

static bool seen_put(uint64_t *table, uint64_t mask, uint64_t fingerprint)
{
    uint64_t at = fingerprint & mask;

    while (table[at] != 0 && table[at] != fingerprint) {
        at = (at + 1) & mask;
    }
    if (table[at] == fingerprint) {
        return false;
    }
    table[at] = fingerprint;
    return true;
}

static void seen_grow(void)
{
    uint64_t mask = seen_mask * 2 + 1;
    uint64_t *table = calloc((size_t)mask + 1, sizeof *table);

    if (table == NULL) {
        fprintf(stderr, "explore: out of memory: lower the bounds\n");
        exit(1);
    }
    for (uint64_t i = 0; seen != NULL && i <= seen_mask; i++) {
        if (seen[i] != 0) {
            (void)seen_put(table, mask, seen[i]);
        }
    }
    free(seen);
    seen = table;
    seen_mask = mask;
}

static void worlds_add(struct worlds *worlds, const struct world *world,
                       uint32_t number)
{
    if (worlds->len == worlds->max) {
        worlds->max = worlds->max * 2 + 64;
        worlds->worlds =
            grown(worlds->worlds, worlds->max * sizeof *worlds->worlds);
        worlds->numbers =
            grown(worlds->numbers, worlds->max * sizeof *worlds->numbers);
    }
    worlds->worlds[worlds->len] = *world;
    worlds->numbers[worlds->len] = number;
    worlds->len++;
}

static uint32_t way_add(uint32_t from, const struct step *step)
{
    if (ways_len == ways_max) {
        ways_max = ways_max * 2 + 4096;
        ways = grown(ways, ways_max * sizeof *ways);
    }
    ways[ways_len].from = from;
    ways[ways_len].step = *step;
    ways_len++;
    return ways_len - 1;
}

/* ---------------------------------------------------------------- the way */

/* Of a server whose disk fails: the records that its restart finds. */
static uint8_t kept_at(const struct step *steps, size_t left,
                       const struct step *last, uint8_t server)
{
    while (left > 0) {
        left--;
        if (steps[left].kind == STEP_CRASH && steps[left].server == server) {
            return steps[left].number;
        }
    }
    return last->kind == STEP_CRASH && last->server == server ? last->number
                                                              : 0;
}

/* The rule that was broken is that they agree in time. */
static bool not_live;

/* From the root, told; the last step is the one that broke a rule. */
static void tell_way(uint32_t to, const struct step *last, const char *rule)
{
    struct step *steps = NULL;
    size_t len = 0;
    struct world world;

    for (uint32_t at = to; at != 0; at = ways[at].from) {
        steps = grown(steps, (len + 1) * sizeof *steps);
        steps[len] = ways[at].step;
        len++;
    }
    printf("explore: the shortest way there, %zu steps:\n", len + 1);
    world_root(&world);
    telling = true;
    script_begin(rule);
    while (len > 0) {
        len--;
        tell_step(&world, &steps[len]);
        script_step(&world, &steps[len],
                    kept_at(steps, len, last, steps[len].server));
        world_step(&world, &steps[len]);
        tell_world(&world);
    }
    tell_step(&world, last);
    script_step(&world, last, 0);
    script_end();
    fflush(stdout);
    world_step(&world, last);
    tell_world(&world);
    if (not_live) {
        explore_forget();
        live_check(&world);
    }
    telling = false;
    free(steps);
}

CRAFT_NORETURN static void on_assert(const char *expression, const char *file,
                                     int line)
{
    printf("explore: BROKEN: assertion %s, %s:%d\n", expression, file, line);
    if (!telling) {
        tell_way(doing_from, &doing, expression);
    }
    fflush(stdout);
    exit(1);
}

/* ----------------------------------------------------------------- search */

static bool expand(const struct world *world, uint32_t number,
                   struct worlds *next)
{
    struct step steps[STEPS_MAX];
    size_t len = world_steps(world, steps, STEPS_MAX);

    doing_from = number;
    for (size_t i = 0; i < len; i++) {
        struct world after = *world;
        uint64_t fingerprint;

        doing = steps[i];
        world_step(&after, &steps[i]);
        transitions++;
        fingerprint = world_fingerprint(&after);
        fingerprint += fingerprint == 0;
        if (explore_broken() == NULL &&
            !seen_put(seen, seen_mask, fingerprint)) {
            continue;
        }
        check_world(&after);
        if (options.live != 0 && fingerprint % options.live == 0 &&
            explore_broken() == NULL) {
            live_check(&after);
            not_live = explore_broken() != NULL;
        }
        if (explore_broken() != NULL) {
            printf("explore: BROKEN: %s\n", explore_broken());
            tell_way(number, &steps[i], explore_broken());
            return false;
        }
        worlds_add(next, &after, way_add(number, &steps[i]));
        if ((uint64_t)ways_len * 2 > seen_mask) {
            seen_grow();
        }
    }
    return true;
}

static void tell_result(const char *end, double seconds)
{
    printf("explore: %s: %u states, %llu transitions, depth %u, %u nodes, "
           "%.1f s, %.0f transitions/s\n",
           end, ways_len, (unsigned long long)transitions, depth, images_len(),
           seconds, (double)transitions / (seconds > 0 ? seconds : 1));
}

/* Of the processor: other programs may run beside this one. */
static double now(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* All worlds of one depth; false: broken, or the bound on states is reached. */
static bool level(const struct worlds *these, struct worlds *next)
{
    for (size_t i = 0; i < these->len; i++) {
        if (options.states_max != 0 && ways_len >= options.states_max) {
            return false;
        }
        if (!expand(&these->worlds[i], these->numbers[i], next)) {
            return false;
        }
    }
    return true;
}

static int search_end(bool whole, double seconds)
{
    if (explore_broken() != NULL) {
        tell_result("broken", seconds);
        return 1;
    }
    if (options.live != 0) {
        live_tell();
    }
    tell_result(whole ? "complete" : "cut off", seconds);
    if (options.expect != 0 && options.expect != ways_len) {
        printf("explore: expected %llu states: see docs/testing.md\n",
               (unsigned long long)options.expect);
        return 1;
    }
    return 0;
}

int search(void)
{
    struct worlds these = {NULL, NULL, 0, 0};
    struct worlds next = {NULL, NULL, 0, 0};
    struct step none = {STEP_KIND_END, 0, 0, 0};
    struct world root;
    double start = now();
    bool whole = true;

    craft_set_assert_handler(on_assert);
    renamings_init();
    images_init();
    seen_mask = (1u << 15) - 1;
    seen_grow();
    world_root(&root);
    check_world(&root);
    (void)seen_put(seen, seen_mask, world_fingerprint(&root));
    worlds_add(&these, &root, way_add(0, &none));
    while (whole && these.len > 0) {
        struct worlds turned = these;

        next.len = 0;
        whole = level(&these, &next);
        depth += next.len > 0;
        these = next;
        next = turned;
    }
    free(these.worlds);
    free(these.numbers);
    free(next.worlds);
    free(next.numbers);
    free(ways);
    free(seen);
    memos_free();
    return search_end(whole, now() - start);
}
