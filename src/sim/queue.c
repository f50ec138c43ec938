#include "sim/queue.h"

#include <stdlib.h>

#include "sim/memory.h"

static bool is_before(const struct craft_sim_event *a,
                      const struct craft_sim_event *b)
{
    return a->time < b->time || (a->time == b->time && a->serial < b->serial);
}

bool craft_sim_queue_put(struct craft_sim_queue *queue,
                         struct craft_sim_event event)
{
    struct craft_sim_event *events = craft_sim_grow(
        queue->events, &queue->max, queue->len + 1, sizeof *events);
    size_t at = queue->len;

    if (events == NULL) {
        return false;
    }
    queue->events = events;
    queue->serial++;
    event.serial = queue->serial;
    while (at > 0 && is_before(&event, &events[(at - 1) / 2])) {
        events[at] = events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    events[at] = event;
    queue->len++;
    return true;
}

bool craft_sim_queue_take(struct craft_sim_queue *queue,
                          struct craft_sim_event *event_out)
{
    struct craft_sim_event *events = queue->events;
    const struct craft_sim_event *last;
    size_t at = 0;
    size_t child = 1;

    if (queue->len == 0) {
        return false;
    }
    *event_out = events[0];
    queue->len--;
    last = &events[queue->len];
    while (child < queue->len) {
        if (child + 1 < queue->len &&
            is_before(&events[child + 1], &events[child])) {
            child++;
        }
        if (!is_before(&events[child], last)) {
            break;
        }
        events[at] = events[child];
        at = child;
        child = 2 * at + 1;
    }
    events[at] = *last;
    return true;
}

void craft_sim_queue_free(struct craft_sim_queue *queue)
{
    free(queue->events);
    queue->events = NULL;
    queue->len = 0;
    queue->max = 0;
}
