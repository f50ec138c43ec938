#include "sim/linear.h"

#include <stdlib.h>
#include <string.h>

#define STATES_MAX 1000000u

/* ------------------------------------------------------------------- events */

static int is_before(const struct craft_linear_event *left,
                     const struct craft_linear_event *right)
{
    if (left->key != right->key) {
        return left->key < right->key;
    }
    if (left->time != right->time) {
        return left->time < right->time;
    }
    /* What ends when another begins has not ended before. */
    if ((left->node & 1u) != (right->node & 1u)) {
        return (left->node & 1u) == 0;
    }
    return left->node < right->node;
}

/* Both halves, in order, into `to`. */
static void merge(const struct craft_linear_event *from, size_t half,
                  size_t len, struct craft_linear_event *to)
{
    size_t left = 0;
    size_t right = half;

    for (size_t i = 0; i < len; i++) {
        if (right >= len ||
            (left < half && !is_before(&from[right], &from[left]))) {
            to[i] = from[left++];
        } else {
            to[i] = from[right++];
        }
    }
}

/* events[0 .. len - 1] in order, with as much room behind them. */
static struct craft_linear_event *sort(struct craft_linear_event *events,
                                       size_t len)
{
    struct craft_linear_event *from = events;
    struct craft_linear_event *to = events + len;

    for (size_t width = 1; width < len; width *= 2) {
        struct craft_linear_event *swap = from;

        for (size_t i = 0; i < len; i += 2 * width) {
            size_t left = len - i;

            merge(from + i, left < width ? left : width,
                  left < 2 * width ? left : 2 * width, to + i);
        }
        from = to;
        to = swap;
    }
    return from;
}

/* --------------------------------------------------------------------- keys */

static size_t key_len(const struct craft_linear_event *events, size_t len)
{
    size_t same = 1;

    while (same < len && events[same].key == events[0].key) {
        same++;
    }
    return same;
}

/* Every key; a broken one is told although others are undecided. */
static int search_all(struct craft_linear *search,
                      const struct craft_linear_event *events,
                      size_t states_max, uint64_t *key_out)
{
    size_t left = search->events_len;
    size_t states = states_max;
    int result = CRAFT_SIM_LINEARIZABLE;

    while (left > 0) {
        size_t len = key_len(events, left);
        size_t kept = len == left ? 0 : states / 2; /* for those after it */
        int rv;

        search->budget = states - kept;
        rv = craft_linear_key(search, events, len);
        states = search->budget + kept;
        if (rv < 0) {
            return rv;
        }
        if (rv == CRAFT_SIM_NOT_LINEARIZABLE) {
            if (key_out) {
                *key_out = events[0].key;
            }
            return rv;
        }
        result = rv > result ? rv : result;
        events += len;
        left -= len;
    }
    return result;
}

/* Room for everything in one piece, the widest first. */
static void *allocate(struct craft_linear *search)
{
    size_t len = search->len;
    size_t kept_max = len / CRAFT_LINEAR_STRIDE + 1;
    size_t used_max = (len + 63) / 64;
    size_t size = 2 * search->events_len * sizeof *search->events +
                  len * sizeof *search->frames +
                  used_max * sizeof *search->used +
                  kept_max * sizeof *search->kept +
                  (2 * len + 2) * sizeof *search->links +
                  len * sizeof *search->twins + len * sizeof *search->ranks;
    void *room = malloc(size);

    if (room) {
        search->events = room;
        search->frames =
            (struct craft_linear_frame *)(void *)(search->events +
                                                  2 * search->events_len);
        search->used = (uint64_t *)(void *)(search->frames + len);
        search->kept = (void **)(void *)(search->used + used_max);
        search->links =
            (struct craft_linear_link *)(void *)(search->kept + kept_max);
        search->twins = (uint32_t *)(void *)(search->links + 2 * len + 2);
        search->ranks = search->twins + len;
        memset(search->used, 0, used_max * sizeof *search->used);
    }
    return room;
}

static void note_events(struct craft_linear *search)
{
    struct craft_linear_event *event = search->events;

    for (uint32_t i = 0; i < search->len; i++) {
        const craft_sim_operation *operation = &search->operations[i];

        *event++ = (struct craft_linear_event){operation->key, operation->begin,
                                               craft_linear_begin(i)};
        if (operation->end != UINT64_MAX) {
            *event++ = (struct craft_linear_event){
                operation->key, operation->end, craft_linear_end(i)};
        }
    }
}

/* 0, or CRAFT_ERR_INVALID. */
static int check(const craft_sim_machine *machine,
                 const craft_sim_operation *operations, size_t len,
                 size_t *events_out)
{
    size_t events = len;

    if (!machine ||
        machine->struct_size < offsetof(craft_sim_machine, describe) ||
        !machine->open || !machine->close || !machine->apply ||
        !machine->digest || !machine->copy || (len > 0 && !operations) ||
        len > UINT32_MAX / 4) {
        return CRAFT_ERR_INVALID;
    }
    for (size_t i = 0; i < len; i++) {
        const craft_sim_operation *operation = &operations[i];
        int known = operation->end != UINT64_MAX;

        if (operation->end < operation->begin ||
            (operation->command_len > 0 && !operation->command) ||
            (known && operation->reply_len > 0 && !operation->reply)) {
            return CRAFT_ERR_INVALID;
        }
        events += known ? 1 : 0;
    }
    *events_out = events;
    return 0;
}

int craft_sim_linearizable(const craft_sim_machine *machine,
                           const craft_sim_operation *operations,
                           size_t operations_len, size_t states_max,
                           uint64_t *key_out)
{
    struct craft_linear search = {.machine = machine,
                                  .operations = operations,
                                  .len = operations_len,
                                  .known = 2 * (uint32_t)operations_len,
                                  .unknown = 2 * (uint32_t)operations_len + 1};
    void *room;
    int rv = check(machine, operations, operations_len, &search.events_len);

    if (rv < 0 || operations_len == 0) {
        return rv;
    }
    room = allocate(&search);
    if (!room) {
        return CRAFT_ERR_NOMEM;
    }
    note_events(&search);
    rv = search_all(&search, sort(search.events, search.events_len),
                    states_max > 0 ? states_max : STATES_MAX, key_out);
    craft_sim_seen_free(&search.seen);
    free(room);
    return rv;
}
