/*
 * sim/seen: which states of a search have been seen (Lowe 2017), and led
 * nowhere.
 *
 * What the state is but for the unknown operations that were used on the way
 * is kept as 128 bits: two of a million look the same with a probability below
 * 2^-88. What was used is kept as a set: who comes to the same state with all
 * of these used, and others, has less left to try.
 */
#ifndef CRAFT_SIM_SEEN_H
#define CRAFT_SIM_SEEN_H

#include <stddef.h>
#include <stdint.h>

struct craft_sim_mark {
    uint64_t a;
    uint64_t b;
};

struct craft_sim_place {
    struct craft_sim_mark mark;
    size_t first; /* of its sets, in `sets`; 0: nothing is here */
};

/* All zero: empty. */
struct craft_sim_seen {
    struct craft_sim_place *places; /* [1 << bits], a table with open places */
    uint32_t bits;
    size_t places_len;
    uint64_t *sets; /* [sets_len]: where the next one is, or 0; its words */
    size_t sets_len;
    size_t sets_max;
};

/*
 * 1: it is new, and noted; 0: it was seen, with no other operations used than
 * these; or CRAFT_ERR_NOMEM. used_len: the same for the same mark.
 */
int craft_sim_seen_add(struct craft_sim_seen *seen, struct craft_sim_mark mark,
                       const uint64_t *used, size_t used_len);

void craft_sim_seen_free(struct craft_sim_seen *seen);

#endif
