/*
 * Linearizability: the search of Wing and Gong (1993) over the operations of
 * one key at a time, with the memory of Lowe (2017).
 *
 * The operations that are not yet in the order stand in two lists. `known`
 * has the beginnings and the ends of those that were answered, by time: what
 * stands before the first end may be next. `unknown` has those that were not.
 * Putting an operation into the order takes it out of its list; going back
 * puts it in again where it was (Knuth's dancing links).
 *
 * An operation that was not answered may be next at any time, which makes as
 * many orders as there are subsets of them. Of all orders that explain a
 * history, take one with the fewest of these, each as late as can be, and of
 * those that can change places the one that began first first. In it
 *
 *  - none stands at the end, or leaves the state as it was;
 *  - what follows one does not give the same reply and the same state without
 *    it, or in front of it;
 *  - of two with the same command the first to begin comes first.
 *
 * So the search asks for these, and an operation that nobody ever observed
 * costs one try at each dead end. It further tries orders with no such
 * operation first, then those with one at a time, two in a row, four, ..., to
 * find those that were observed before it looks at what is improbable.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "craft/sim.h"
#include "sim/mix.h"
#include "sim/seen.h"

#define STATES_MAX 1000000u
/* An instance is kept at each depth that this divides; the others are made
 * again by as many commands at most. */
#define STRIDE 8u
/* How far back an unknown operation looks for one with its command. */
#define TWINS_MAX 64u
#define NONE UINT32_MAX

/* Something that happened to an operation: node 2 i is the beginning of
 * operations[i], node 2 i + 1 its end. */
struct event {
    uint64_t key;
    uint64_t time;
    uint32_t node;
};

struct link {
    uint32_t prev;
    uint32_t next;
};

/* An operation in the order, and what was before it. */
struct frame {
    uint32_t operation;
    uint32_t streak;
    uint64_t digest;
};

struct search {
    const craft_sim_machine *machine;
    const craft_sim_operation *operations; /* [len] */
    size_t len;
    struct event *events; /* [events_len], then as many to sort them */
    size_t events_len;
    struct link *links;   /* [2 len + 2]: the nodes, then two heads */
    uint32_t known;       /* head of a list */
    uint32_t unknown;     /* head of a list */
    uint32_t *twins;      /* [len] the one before with the same command */
    uint8_t *taken;       /* [len] it is in the order */
    struct frame *frames; /* [depth] the order */
    size_t depth;
    void **kept; /* [depth / STRIDE + 1] instances */
    void *state; /* after the order; NULL: to be made again */
    uint64_t digest;
    struct craft_sim_mark set; /* of the operations in the order */
    uint32_t streak;           /* unknown ones at the end of the order */
    uint32_t streak_max;
    int cut;       /* streak_max forbade something */
    size_t open;   /* answered ones that are not in the order */
    uint64_t era;  /* of key and round: they have no states in common */
    size_t budget; /* how many states this key may still add */
    struct craft_sim_seen seen;
};

/* ------------------------------------------------------------------- events */

static int is_before(const struct event *left, const struct event *right)
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
static void merge(const struct event *from, size_t half, size_t len,
                  struct event *to)
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
static struct event *sort(struct event *events, size_t len)
{
    struct event *from = events;
    struct event *to = events + len;

    for (size_t width = 1; width < len; width *= 2) {
        struct event *swap = from;

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

/* -------------------------------------------------------------------- lists */

static uint32_t begin_of(uint32_t operation)
{
    return 2 * operation;
}

static uint32_t end_of(uint32_t operation)
{
    return 2 * operation + 1;
}

static void list_clear(struct link *links, uint32_t head)
{
    links[head].prev = head;
    links[head].next = head;
}

static void list_append(struct link *links, uint32_t head, uint32_t node)
{
    links[node].prev = links[head].prev;
    links[node].next = head;
    links[links[head].prev].next = node;
    links[head].prev = node;
}

static void list_take(struct link *links, uint32_t node)
{
    links[links[node].prev].next = links[node].next;
    links[links[node].next].prev = links[node].prev;
}

/* In the opposite order of list_take(). */
static void list_restore(struct link *links, uint32_t node)
{
    links[links[node].prev].next = node;
    links[links[node].next].prev = node;
}

static int is_known(const struct search *search, uint32_t operation)
{
    return search->operations[operation].end != UINT64_MAX;
}

/* --------------------------------------------------------------- instances */

/* 1: the reply is as it was seen, or none was; 0: another. */
static int apply(const struct search *search, void *instance,
                 uint32_t operation)
{
    const craft_sim_operation *seen = &search->operations[operation];
    uint8_t reply[CRAFT_SIM_REPLY_LEN_MAX];
    size_t len =
        search->machine->apply(search->machine->ctx, instance, seen->command,
                               seen->command_len, reply, sizeof reply);

    return !is_known(search, operation) ||
           (len == seen->reply_len && len <= sizeof reply &&
            (len == 0 || memcmp(reply, seen->reply, len) == 0));
}

static uint64_t digest_of(const struct search *search, const void *instance)
{
    return search->machine->digest(search->machine->ctx, instance);
}

static void discard(const struct search *search, void *instance)
{
    if (instance) {
        search->machine->close(search->machine->ctx, instance);
    }
}

/* After the first `depth` of the order; NULL: out of memory. */
static void *rebuild(const struct search *search, size_t depth)
{
    size_t from = depth / STRIDE;
    void *instance =
        search->machine->copy(search->machine->ctx, search->kept[from]);

    for (size_t i = from * STRIDE; instance && i < depth; i++) {
        (void)apply(search, instance, search->frames[i].operation);
    }
    return instance;
}

/* ------------------------------------------------------------- the order */

static void toggle(struct search *search, uint32_t operation)
{
    search->set.a ^= craft_sim_mix(2 * (uint64_t)operation);
    search->set.b ^= craft_sim_mix(2 * (uint64_t)operation + 1);
    search->taken[operation] ^= 1u;
}

/* The operation is next; the state is after it already. */
static int go_down(struct search *search, uint32_t operation, uint64_t digest)
{
    struct frame *frame = &search->frames[search->depth];
    int known = is_known(search, operation);

    if ((search->depth + 1) % STRIDE == 0) {
        void *copy = search->machine->copy(search->machine->ctx, search->state);

        if (!copy) {
            return CRAFT_ERR_NOMEM;
        }
        search->kept[(search->depth + 1) / STRIDE] = copy;
    }
    frame->operation = operation;
    frame->streak = search->streak;
    frame->digest = search->digest;
    search->depth++;
    search->digest = digest;
    search->streak = known ? 0 : search->streak + 1;
    toggle(search, operation);
    list_take(search->links, begin_of(operation));
    if (known) {
        list_take(search->links, end_of(operation));
        search->open--;
    }
    return 1;
}

/* The last of the order is not next; returns which. */
static uint32_t go_back(struct search *search)
{
    const struct frame *frame = &search->frames[search->depth - 1];
    uint32_t operation = frame->operation;

    if (search->depth % STRIDE == 0) {
        discard(search, search->kept[search->depth / STRIDE]);
    }
    search->depth--;
    if (frame->digest != search->digest) {
        discard(search, search->state);
        search->state = NULL;
    }
    search->digest = frame->digest;
    search->streak = frame->streak;
    toggle(search, operation);
    if (is_known(search, operation)) {
        list_restore(search->links, end_of(operation));
        search->open++;
    }
    list_restore(search->links, begin_of(operation));
    return operation;
}

/* ------------------------------------------------------------- what is next */

/* Whether this one stands first where two can change places. */
static int is_first(const struct search *search, uint32_t left, uint32_t right)
{
    const craft_sim_operation *operations = search->operations;

    if (operations[left].begin != operations[right].begin) {
        return operations[left].begin < operations[right].begin;
    }
    return left < right;
}

/*
 * Whether the operation, which leads to `digest`, would do without the unknown
 * one that is the last of the order, or in front of it.
 */
static int is_needless(struct search *search, uint32_t operation,
                       uint64_t digest)
{
    uint32_t last = search->frames[search->depth - 1].operation;
    void *other = rebuild(search, search->depth - 1);
    int needless = 0;

    if (!other) {
        return CRAFT_ERR_NOMEM;
    }
    if (apply(search, other, operation)) {
        needless = digest_of(search, other) == digest;
        if (!needless && (is_known(search, operation) ||
                          is_first(search, operation, last))) {
            (void)apply(search, other, last);
            needless = digest_of(search, other) == digest;
        }
    }
    discard(search, other);
    return needless;
}

/* The state that go_down() would lead to: what may follow depends on the
 * unknown operations at its end, too. */
static struct craft_sim_mark mark_of(const struct search *search,
                                     uint32_t operation, uint64_t digest)
{
    uint64_t context = craft_sim_mix(search->era);
    uint64_t set_a = search->set.a ^ craft_sim_mix(2 * (uint64_t)operation);
    uint64_t set_b = search->set.b ^ craft_sim_mix(2 * (uint64_t)operation + 1);
    struct craft_sim_mark mark;

    if (!is_known(search, operation)) {
        context = craft_sim_mix(context ^ search->digest);
        context = craft_sim_mix(context + operation + 1);
        context = craft_sim_mix(context + search->streak + 1);
    }
    mark.a = craft_sim_mix(set_a + craft_sim_mix(digest + context));
    mark.b = craft_sim_mix(set_b + craft_sim_mix(digest ^ ~context));
    return mark;
}

/*
 * Whether the operation, which gave `matches` and led to `digest`, is worth
 * going on with; or CRAFT_SIM_UNDECIDED, or CRAFT_ERR_NOMEM.
 */
static int is_worth(struct search *search, uint32_t operation, uint64_t digest)
{
    int rv;

    if (!is_known(search, operation) && digest == search->digest) {
        return 0;
    }
    if (search->streak > 0) {
        rv = is_needless(search, operation, digest);
        if (rv != 0) {
            return rv < 0 ? rv : 0;
        }
    }
    if (search->budget == 0) {
        return CRAFT_SIM_UNDECIDED;
    }
    rv = craft_sim_seen_add(&search->seen, mark_of(search, operation, digest));
    if (rv > 0) {
        search->budget--;
    }
    return rv;
}

/* 1: it is next now; 0: it cannot be; CRAFT_SIM_UNDECIDED, CRAFT_ERR_NOMEM. */
static int try_next(struct search *search, uint32_t operation)
{
    uint64_t digest;
    int matches;
    int rv = 0;

    if (!search->state) {
        search->state = rebuild(search, search->depth);
        if (!search->state) {
            return CRAFT_ERR_NOMEM;
        }
    }
    matches = apply(search, search->state, operation);
    digest = digest_of(search, search->state);
    if (matches) {
        rv = is_worth(search, operation, digest);
    }
    if (rv == 1) {
        return go_down(search, operation, digest);
    }
    if (digest != search->digest) {
        discard(search, search->state);
        search->state = NULL;
    }
    return rv;
}

/* The time at which the first of the answered ones ended. */
static uint64_t first_end(const struct search *search)
{
    uint32_t node = search->links[search->known].next;

    while ((node & 1u) == 0) {
        node = search->links[node].next;
    }
    return search->operations[node / 2].end;
}

/* From this node of the unknown ones on: the first that may be next, or
 * NONE. */
static uint32_t next_unknown(const struct search *search, uint32_t node)
{
    uint64_t end = first_end(search);

    for (; node != search->unknown; node = search->links[node].next) {
        uint32_t twin = search->twins[node / 2];

        if (search->operations[node / 2].begin > end) {
            break;
        }
        if (twin == NONE || search->taken[twin]) {
            return node / 2;
        }
    }
    return NONE;
}

/* The candidate after this operation, or the first one after NONE; NONE: there
 * is no other. */
static uint32_t next_of(struct search *search, uint32_t operation)
{
    const struct link *links = search->links;
    uint32_t node;

    if (operation != NONE && !is_known(search, operation)) {
        return next_unknown(search, links[begin_of(operation)].next);
    }
    node = operation == NONE ? links[search->known].next
                             : links[begin_of(operation)].next;
    if ((node & 1u) == 0) {
        return node / 2;
    }
    operation = next_unknown(search, links[search->unknown].next);
    if (operation != NONE && search->streak >= search->streak_max) {
        search->cut = 1;
        return NONE;
    }
    return operation;
}

/* All orders with at most streak_max unknown operations in a row. */
static int search_round(struct search *search)
{
    uint32_t last = NONE;

    while (search->open > 0) {
        uint32_t operation = next_of(search, last);
        int rv = 0;

        last = operation;
        if (operation != NONE) {
            rv = try_next(search, operation);
        } else if (search->depth > 0) {
            last = go_back(search);
        } else {
            return CRAFT_SIM_NOT_LINEARIZABLE;
        }
        if (rv == 1) {
            last = NONE;
        } else if (rv != 0) {
            return rv;
        }
    }
    return CRAFT_SIM_LINEARIZABLE;
}

/* ---------------------------------------------------------------- a history */

static uint32_t find_twin(const struct search *search, uint32_t node)
{
    const craft_sim_operation *own = &search->operations[node / 2];

    for (uint32_t i = 0; i < TWINS_MAX; i++) {
        const craft_sim_operation *other;

        node = search->links[node].prev;
        if (node == search->unknown) {
            break;
        }
        other = &search->operations[node / 2];
        if (other->command_len == own->command_len &&
            (own->command_len == 0 ||
             memcmp(other->command, own->command, own->command_len) == 0)) {
            return node / 2;
        }
    }
    return NONE;
}

/* The events of one key become the lists. */
static void load(struct search *search, const struct event *events, size_t len)
{
    list_clear(search->links, search->known);
    list_clear(search->links, search->unknown);
    search->open = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t node = events[i].node;

        if (is_known(search, node / 2)) {
            list_append(search->links, search->known, node);
            search->open += node & 1u;
        } else {
            list_append(search->links, search->unknown, node);
            search->twins[node / 2] = find_twin(search, node);
        }
    }
}

/* One key: its rounds. Afterwards the order is empty and no instance left. */
static int search_key(struct search *search, const struct event *events,
                      size_t len)
{
    int rv = CRAFT_SIM_NOT_LINEARIZABLE;

    load(search, events, len);
    search->state = NULL;
    search->kept[0] = search->machine->open(search->machine->ctx, 0);
    if (!search->kept[0]) {
        return CRAFT_ERR_NOMEM;
    }
    search->digest = digest_of(search, search->kept[0]);
    search->streak_max = 0;
    do {
        search->era++;
        search->cut = 0;
        rv = search_round(search);
        search->streak_max += search->streak_max > 0 ? search->streak_max : 1;
    } while (rv == CRAFT_SIM_NOT_LINEARIZABLE && search->cut);
    while (search->depth > 0) {
        (void)go_back(search);
    }
    discard(search, search->state);
    discard(search, search->kept[0]);
    return rv;
}

static size_t key_len(const struct event *events, size_t len)
{
    size_t same = 1;

    while (same < len && events[same].key == events[0].key) {
        same++;
    }
    return same;
}

/* Every key; a broken one is told although others are undecided. */
static int search_all(struct search *search, const struct event *events,
                      size_t states_max, uint64_t *key_out)
{
    size_t left = search->events_len;
    int result = CRAFT_SIM_LINEARIZABLE;

    while (left > 0) {
        size_t len = key_len(events, left);
        size_t states = states_max - search->seen.len;
        int rv;

        /* No key uses up what those after it need. */
        search->budget = len == left ? states : states / 2;
        rv = search_key(search, events, len);
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
static void *allocate(struct search *search)
{
    size_t len = search->len;
    size_t kept_max = len / STRIDE + 1;
    size_t size = 2 * search->events_len * sizeof *search->events +
                  kept_max * sizeof *search->kept +
                  len * sizeof *search->frames +
                  (2 * len + 2) * sizeof *search->links +
                  len * sizeof *search->twins + len * sizeof *search->taken;
    void *room = malloc(size);

    if (room) {
        search->events = room;
        search->frames =
            (struct frame *)(void *)(search->events + 2 * search->events_len);
        search->kept = (void **)(void *)(search->frames + len);
        search->links = (struct link *)(void *)(search->kept + kept_max);
        search->twins = (uint32_t *)(void *)(search->links + 2 * len + 2);
        search->taken = (uint8_t *)(void *)(search->twins + len);
        memset(search->taken, 0, len);
    }
    return room;
}

static void note_events(struct search *search)
{
    struct event *event = search->events;

    for (uint32_t i = 0; i < search->len; i++) {
        const craft_sim_operation *operation = &search->operations[i];

        *event++ =
            (struct event){operation->key, operation->begin, begin_of(i)};
        if (operation->end != UINT64_MAX) {
            *event++ =
                (struct event){operation->key, operation->end, end_of(i)};
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
    struct search search = {.machine = machine,
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
