/*
 * explain: the first cause why something does not happen.
 *
 * Each function answers one question about a started node: it returns the
 * code (enum craft_why) and fills in the numbers of which the code speaks.
 * Nothing is decided here: the causes are the duties' own conditions, in the
 * order in which those look at them. Whoever adds a condition to a duty adds
 * its cause.
 *
 * Invariant: while nothing is held and all is delivered, no answer is
 * CRAFT_WHY_UNSETTLED or CRAFT_WHY_DELIVERY.
 */
#ifndef CRAFT_API_EXPLAIN_H
#define CRAFT_API_EXPLAIN_H

#include "engine/engine.h"

/* Due, these can change who leads whom, and what counts as durable. */
#define CRAFT_EXPLAIN_UNSETTLED                                                \
    ((uint32_t)CRAFT_SETTLE_DURABLE | CRAFT_SETTLE_CONFIGURATION |             \
     CRAFT_SETTLE_ELECTION | CRAFT_SETTLE_TRANSFER | CRAFT_SETTLE_HEALTH)

CRAFT_INTERNAL uint32_t craft_explain_leader(const struct craft_node *node,
                                             craft_explanation *out);
CRAFT_INTERNAL uint32_t craft_explain_commit(const struct craft_node *node,
                                             craft_explanation *out);
CRAFT_INTERNAL uint32_t craft_explain_peer(const struct craft_node *node,
                                           craft_explanation *out);
CRAFT_INTERNAL uint32_t craft_explain_read(const struct craft_node *node,
                                           craft_explanation *out);
CRAFT_INTERNAL uint32_t craft_explain_propose(const struct craft_node *node,
                                              craft_explanation *out);

/* Of what more than one of them speaks. */

/* Only the leader: who that is. */
CRAFT_INTERNAL uint32_t craft_explain_leader_of(const struct craft_node *node,
                                                craft_explanation *out);
/* This server's disk: the record that is out, or that it is full. */
CRAFT_INTERNAL uint32_t craft_explain_disk(const struct craft_node *node,
                                           craft_explanation *out);
/* Entries that left memory, from index on. */
CRAFT_INTERNAL uint32_t craft_explain_fetch(const struct craft_node *node,
                                            uint32_t which, craft_index index,
                                            craft_explanation *out);
/*
 * The voters that are waited for: those without a bit in `have`, and this one
 * unless own_has; those of `refused` first.
 */
CRAFT_INTERNAL void craft_explain_voters(const struct craft_node *node,
                                         uint64_t have, uint64_t refused,
                                         bool own_has, craft_explanation *out);

/* What a code means, in a sentence; NULL: there is no such code. */
CRAFT_INTERNAL const char *craft_why_text(uint32_t code);

#endif
