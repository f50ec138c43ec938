#include "sim/linear.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "sim/mix.h"

/* How far back an unknown operation looks for one with its command. */
#define TWINS_MAX 64u
/* So many words of a set cost no more than the state that it belongs to. */
#define WORDS_FREE 8u
#define NONE UINT32_MAX

static int is_known(const struct craft_linear *search, uint32_t operation)
{
    return search->operations[operation].end != UINT64_MAX;
}

/* -------------------------------------------------------------------- lists */

static void list_clear(struct craft_linear_link *links, uint32_t head)
{
    links[head].prev = head;
    links[head].next = head;
}

static void list_append(struct craft_linear_link *links, uint32_t head,
                        uint32_t node)
{
    links[node].prev = links[head].prev;
    links[node].next = head;
    links[links[head].prev].next = node;
    links[head].prev = node;
}

static void list_take(struct craft_linear_link *links, uint32_t node)
{
    links[links[node].prev].next = links[node].next;
    links[links[node].next].prev = links[node].prev;
}

/* In the opposite order of list_take(). */
static void list_restore(struct craft_linear_link *links, uint32_t node)
{
    links[links[node].prev].next = node;
    links[links[node].next].prev = node;
}

/* --------------------------------------------------------------- instances */

/* 1: the reply is as it was seen, or none was; 0: another. */
static int apply(const struct craft_linear *search, void *instance,
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

static uint64_t digest_of(const struct craft_linear *search,
                          const void *instance)
{
    return search->machine->digest(search->machine->ctx, instance);
}

static void discard(const struct craft_linear *search, void *instance)
{
    if (instance) {
        search->machine->close(search->machine->ctx, instance);
    }
}

/* After the first `depth` of the order; NULL: out of memory. */
static void *rebuild(const struct craft_linear *search, size_t depth)
{
    size_t from = depth / CRAFT_LINEAR_STRIDE;
    void *instance =
        search->machine->copy(search->machine->ctx, search->kept[from]);

    for (size_t i = from * CRAFT_LINEAR_STRIDE; instance && i < depth; i++) {
        (void)apply(search, instance, search->frames[i].operation);
    }
    return instance;
}

/* ------------------------------------------------------------- the order */

static uint64_t bit_of(const struct craft_linear *search, uint32_t operation)
{
    return (uint64_t)1 << search->ranks[operation] % 64;
}

static uint64_t *word_of(const struct craft_linear *search, uint32_t operation)
{
    return &search->used[search->ranks[operation] / 64];
}

/* Into the set of those in the order, or out of it. */
static void toggle(struct craft_linear *search, uint32_t operation)
{
    if (is_known(search, operation)) {
        search->set.a ^= craft_sim_mix(craft_linear_begin(operation));
        search->set.b ^= craft_sim_mix(craft_linear_end(operation));
    } else {
        *word_of(search, operation) ^= bit_of(search, operation);
    }
}

/* The operation is next; the state is after it already. */
static int go_down(struct craft_linear *search, uint32_t operation,
                   uint64_t digest)
{
    struct craft_linear_frame *frame = &search->frames[search->depth];
    int known = is_known(search, operation);

    if ((search->depth + 1) % CRAFT_LINEAR_STRIDE == 0) {
        void *copy = search->machine->copy(search->machine->ctx, search->state);

        if (!copy) {
            return CRAFT_ERR_NOMEM;
        }
        search->kept[(search->depth + 1) / CRAFT_LINEAR_STRIDE] = copy;
    }
    frame->operation = operation;
    frame->streak = search->streak;
    frame->digest = search->digest;
    search->depth++;
    search->digest = digest;
    search->streak = known ? 0 : search->streak + 1;
    toggle(search, operation);
    list_take(search->links, craft_linear_begin(operation));
    if (known) {
        list_take(search->links, craft_linear_end(operation));
        search->open--;
    }
    return 1;
}

/* The last of the order is not next; returns which. */
static uint32_t go_back(struct craft_linear *search)
{
    const struct craft_linear_frame *frame = &search->frames[search->depth - 1];
    uint32_t operation = frame->operation;

    if (search->depth % CRAFT_LINEAR_STRIDE == 0) {
        discard(search, search->kept[search->depth / CRAFT_LINEAR_STRIDE]);
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
        list_restore(search->links, craft_linear_end(operation));
        search->open++;
    }
    list_restore(search->links, craft_linear_begin(operation));
    return operation;
}

/* ------------------------------------------------------------- what is next */

/*
 * Whether the operation, which leads to `digest`, would do without the unknown
 * one that is the last of the order, or in front of it.
 */
static int is_needless(struct craft_linear *search, uint32_t operation,
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
                          search->ranks[operation] < search->ranks[last])) {
            (void)apply(search, other, last);
            needless = digest_of(search, other) == digest;
        }
    }
    discard(search, other);
    return needless;
}

/* The state that the operation leads to, but for which unknown ones were used:
 * what may follow depends on those at its end, too. */
static struct craft_sim_mark mark_of(const struct craft_linear *search,
                                     uint32_t operation, uint64_t digest)
{
    uint64_t context = craft_sim_mix(search->era);
    struct craft_sim_mark mark = search->set;

    if (is_known(search, operation)) {
        mark.a ^= craft_sim_mix(craft_linear_begin(operation));
        mark.b ^= craft_sim_mix(craft_linear_end(operation));
    } else {
        context = craft_sim_mix(context ^ search->digest);
        context = craft_sim_mix(context + operation + 1);
        context = craft_sim_mix(context + search->streak + 1);
    }
    mark.a = craft_sim_mix(mark.a + craft_sim_mix(digest + context));
    mark.b = craft_sim_mix(mark.b + craft_sim_mix(digest ^ ~context));
    return mark;
}

/* 1: the state is new; 0: it is known to lead nowhere. */
static int remember(struct craft_linear *search, uint32_t operation,
                    uint64_t digest)
{
    struct craft_sim_mark mark = mark_of(search, operation, digest);
    size_t cost = 1 + search->used_len / WORDS_FREE;
    int known = is_known(search, operation);
    int rv;

    if (search->budget < cost) {
        return CRAFT_SIM_UNDECIDED;
    }
    if (!known) {
        *word_of(search, operation) ^= bit_of(search, operation);
    }
    rv =
        craft_sim_seen_add(&search->seen, mark, search->used, search->used_len);
    if (!known) {
        *word_of(search, operation) ^= bit_of(search, operation);
    }
    search->budget -= rv > 0 ? cost : 0;
    return rv;
}

/*
 * Whether the operation, whose reply is right and which leads to `digest`, is
 * worth going on with; or CRAFT_SIM_UNDECIDED, or CRAFT_ERR_NOMEM.
 */
static int is_worth(struct craft_linear *search, uint32_t operation,
                    uint64_t digest)
{
    int rv = 0;

    if (!is_known(search, operation) && digest == search->digest) {
        return 0;
    }
    if (search->streak > 0) {
        rv = is_needless(search, operation, digest);
    }
    if (rv != 0) {
        return rv < 0 ? rv : 0;
    }
    return remember(search, operation, digest);
}

/* 1: it is next now; 0: it cannot be; CRAFT_SIM_UNDECIDED, CRAFT_ERR_NOMEM. */
static int try_next(struct craft_linear *search, uint32_t operation)
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
static uint64_t first_end(const struct craft_linear *search)
{
    uint32_t node = search->links[search->known].next;

    while ((node & 1u) == 0) {
        node = search->links[node].next;
    }
    return search->operations[node / 2].end;
}

/* From this node of the unknown ones on: the first that may be next, or
 * NONE. */
static uint32_t next_unknown(const struct craft_linear *search, uint32_t node)
{
    uint64_t end = first_end(search);

    for (; node != search->unknown; node = search->links[node].next) {
        uint32_t twin = search->twins[node / 2];

        if (search->operations[node / 2].begin > end) {
            break;
        }
        if (twin == NONE ||
            (*word_of(search, twin) & bit_of(search, twin)) != 0) {
            return node / 2;
        }
    }
    return NONE;
}

/* The candidate after this operation, or the first one after NONE; NONE: there
 * is no other. */
static uint32_t next_of(struct craft_linear *search, uint32_t operation)
{
    const struct craft_linear_link *links = search->links;
    uint32_t node;

    if (operation != NONE && !is_known(search, operation)) {
        return next_unknown(search, links[craft_linear_begin(operation)].next);
    }
    node = operation == NONE ? links[search->known].next
                             : links[craft_linear_begin(operation)].next;
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
static int search_round(struct craft_linear *search)
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

static uint32_t find_twin(const struct craft_linear *search, uint32_t node)
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
static void load(struct craft_linear *search,
                 const struct craft_linear_event *events, size_t len)
{
    uint32_t unknown = 0;

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
            search->ranks[node / 2] = unknown++;
        }
    }
    search->used_len = (unknown + 63) / 64;
}

/* One key: its rounds. Afterwards the order is empty and no instance left. */
int craft_linear_key(struct craft_linear *search,
                     const struct craft_linear_event *events, size_t len)
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
        search->streak_max += search->streak_max / 2 + 1;
    } while (rv == CRAFT_SIM_NOT_LINEARIZABLE && search->cut);
    while (search->depth > 0) {
        (void)go_back(search);
    }
    discard(search, search->state);
    discard(search, search->kept[0]);
    return rv;
}
