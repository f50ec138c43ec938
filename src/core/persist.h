/*
 * persist: what this server's disk holds, and what it is still to be given
 * (thesis 3.8; 10.2.1 for the leader's disk in parallel).
 *
 * Owns node.persist. The store is modelled, not tracked: each open ticket says
 * what the store will hold once it is written (struct craft_stored), so what
 * is missing is a difference between the log and the newest of them.
 *
 * Invariants:
 *  - durable.match <= every open ticket's match <= log.last;
 *  - OK for a ticket covers all earlier ones; NOSPACE or an error for one
 *    voids all later ones;
 *  - a truncation lowers every match before anything reads one, so that a
 *    late ending cannot make a rewritten entry durable.
 */
#ifndef CRAFT_CORE_PERSIST_H
#define CRAFT_CORE_PERSIST_H

#include "core/node.h"

CRAFT_INTERNAL int craft_persist_init(struct craft_node *node);
CRAFT_INTERNAL void craft_persist_free(struct craft_node *node);

/* The store holds the log and the hard state as restored. */
CRAFT_INTERNAL void craft_persist_restored(struct craft_node *node);

/* The log began anew behind a snapshot: up to `same`, the store equals what it
 * stands for. No ticket is open. */
CRAFT_INTERNAL void craft_persist_begun(struct craft_node *node,
                                        craft_index same);

/* Take in what was truncated. */
CRAFT_INTERNAL void craft_persist_settle(struct craft_node *node);

/* A ticket ended well: 0, or CRAFT_ERR_TICKET. */
CRAFT_INTERNAL int craft_persist_ended(struct craft_node *node,
                                       uint64_t ticket);

/* Is the ticket out: neither covered by the end of a later one, nor voided? */
CRAFT_INTERNAL bool craft_persist_open(const struct craft_node *node,
                                       uint64_t ticket);

/* An open ticket and all later ones were not written for want of space. */
CRAFT_INTERNAL void craft_persist_voided(struct craft_node *node,
                                         uint64_t ticket);

/* A tick passed: a full disk is tried again. */
CRAFT_INTERNAL void craft_persist_retry(struct craft_node *node);

/* The next record into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_persist_derive(struct craft_node *node);

#endif
