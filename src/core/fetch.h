/*
 * fetch: entries that left memory and are wanted back from the host's log, for
 * a peer that is behind or for the state machine.
 *
 * Owns node.fetching: one stretch of entries for the peers, which they share,
 * and one for the apply batch. What is held is a copy; its buffers are kept
 * for the next time. A stretch that is held is dropped only to ask for
 * another, between hooks, so that what is lent from it stays.
 *
 * Invariant: of each stretch at most one of wanted from the host and held.
 */
#ifndef CRAFT_CORE_FETCH_H
#define CRAFT_CORE_FETCH_H

#include "core/node.h"

/* With a host that can fetch. 0, CRAFT_ERR_NOMEM. */
CRAFT_INTERNAL int craft_fetch_init(struct craft_node *node);
CRAFT_INTERNAL void craft_fetch_free(struct craft_node *node);

/* A fetch ended with entries. 0, or the reason, with nothing changed. */
CRAFT_INTERNAL int craft_fetch_ended(struct craft_node *node, uint64_t ticket,
                                     const craft_entry *entries,
                                     size_t entries_len);
/* A fetch failed: it is asked again when a tick has passed. */
CRAFT_INTERNAL int craft_fetch_failed(struct craft_node *node, uint64_t ticket);

/* A tick passed: what failed is asked again. */
CRAFT_INTERNAL void craft_fetch_retry(struct craft_node *node);

/*
 * The next fetch into the outbox; false when there is none. to_apply: the
 * first entry that the state machine waits for, 0 = none.
 */
CRAFT_INTERNAL bool craft_fetch_derive(struct craft_node *node,
                                       craft_index to_apply);

#endif
