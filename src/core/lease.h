/*
 * lease: reads that a leader answers alone, by the clock (thesis 6.4.1).
 *
 * Owns node.lease. Three things together make such a read safe:
 *
 *   a promise   who hears from a leader elects no other, itself included, for
 *               lease_ms by its own clock, counted from the first time told
 *               after that: see craft_lease_promised(), which elect obeys. Its
 *               replies say how long it promises.
 *   a round     answered by a majority that promises enough. The lease begins
 *               at a time told before the first append of the round was sent,
 *               so before any of them was heard; it is shorter than the
 *               promise by what two clocks can differ.
 *   no order    to campaign (thesis 3.10) that may still arrive: nobody holds
 *               a promise against the vote of who was told.
 *
 * Whoever is elected has the vote of one of that majority, given after its
 * promise, which is after the lease. So until then nobody else commits
 * anything, and what this leader has committed is all there is.
 */
#ifndef CRAFT_CORE_LEASE_H
#define CRAFT_CORE_LEASE_H

#include "core/node.h"

/* From the config; no time is known. */
CRAFT_INTERNAL void craft_lease_init(struct craft_node *node);

/* A leadership begins: what was proven of an earlier one is void. */
CRAFT_INTERNAL void craft_lease_reset(struct craft_node *node);

/* A leader was heard. */
static inline void craft_lease_heard(struct craft_node *node)
{
    node->lease.quiet_ns = CRAFT_NO_TIME;
}

/* The time. 0, CRAFT_ERR_CLOCK. */
CRAFT_INTERNAL int craft_lease_clock(struct craft_node *node, uint64_t now_ns);

/* Can a read at that time be judged? 0, CRAFT_ERR_CLOCK. */
CRAFT_INTERNAL int craft_lease_check(const struct craft_node *node,
                                     uint64_t now_ns);

/* Answers came: how far does the lease reach now? */
CRAFT_INTERNAL void craft_lease_settle(struct craft_node *node);

/* Before that time this server answers reads alone; 0 = it does not. */
CRAFT_INTERNAL uint64_t craft_lease_until(const struct craft_node *node);

#endif
