/*
 * sim/linear: linearizability, by the search of Wing and Gong (1993) over the
 * operations of one key at a time, with the memory of Lowe (2017).
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
 * operation first, then those with one at a time, then with two in a row, and
 * so on, to find those that were observed before it looks at what is
 * improbable. Of two ways to the same state with the same answered operations,
 * one with all that the other used and more leads no further.
 */
#ifndef CRAFT_SIM_LINEAR_H
#define CRAFT_SIM_LINEAR_H

#include <stddef.h>
#include <stdint.h>

#include "craft/sim.h"
#include "sim/seen.h"

/* An instance is kept at each depth that this divides; the others are made
 * again by as many commands at most. */
#define CRAFT_LINEAR_STRIDE 8u

/* Something that happened to an operation: node 2 i is the beginning of
 * operations[i], node 2 i + 1 its end. */
struct craft_linear_event {
    uint64_t key;
    uint64_t time;
    uint32_t node;
};

struct craft_linear_link {
    uint32_t prev;
    uint32_t next;
};

/* An operation in the order, and what was before it. */
struct craft_linear_frame {
    uint32_t operation;
    uint32_t streak;
    uint64_t digest;
};

struct craft_linear {
    const craft_sim_machine *machine;
    const craft_sim_operation *operations; /* [len] */
    size_t len;
    /* [events_len], then as many to sort them */
    struct craft_linear_event *events;
    size_t events_len;
    /* [2 len + 2]: the nodes, then two heads */
    struct craft_linear_link *links;
    uint32_t known;   /* head of a list */
    uint32_t unknown; /* head of a list */
    uint32_t *twins;  /* [len] the one before with the same command */
    uint32_t *ranks;  /* [len] place among the unknown ones */
    uint64_t *used;   /* [used_len] a bit for each unknown one in the order */
    size_t used_len;  /* words; of this key */
    struct craft_linear_frame *frames; /* [depth] the order */
    size_t depth;
    void **kept; /* [depth / CRAFT_LINEAR_STRIDE + 1] instances */
    void *state; /* after the order; NULL: to be made again */
    uint64_t digest;
    struct craft_sim_mark set; /* of the answered ones in the order */
    uint32_t streak;           /* unknown ones at the end of the order */
    uint32_t streak_max;
    int cut;       /* streak_max forbade something */
    size_t open;   /* answered ones that are not in the order */
    uint64_t era;  /* of key and round: they have no states in common */
    size_t budget; /* how many states this key may still add */
    struct craft_sim_seen seen;
};

static inline uint32_t craft_linear_begin(uint32_t operation)
{
    return 2 * operation;
}

static inline uint32_t craft_linear_end(uint32_t operation)
{
    return 2 * operation + 1;
}

/* One key, whose events these are, in order. Returns as
 * craft_sim_linearizable(). */
int craft_linear_key(struct craft_linear *search,
                     const struct craft_linear_event *events,
                     size_t events_len);

#endif
