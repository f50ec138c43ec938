/*
 * receiving: a snapshot from the leader (thesis 5.3; Figure 5.3, receiver).
 *
 * Owns node.receiving. Parts of one snapshot are taken in a row and handed to
 * the host one by one; nothing of the node changes before all is written and
 * found whole. Which snapshot it is, is told by index, term, size and digest:
 * with these the same, it does not matter who sends which part, as long as the
 * digest says that the bytes are the same.
 *
 * What is whole is taken over by the engine between two hooks, when no record
 * and no batch is out, so that nobody holds what it replaces; new ones wait
 * for that.
 *
 * Invariants: written <= received <= size; of bytes that are not in a row
 * nothing is kept; what a write lends stays until its ticket ends.
 */
#ifndef CRAFT_CORE_RECEIVING_H
#define CRAFT_CORE_RECEIVING_H

#include "core/node.h"

CRAFT_INTERNAL void craft_receiving_free(struct craft_node *node);

/* It has taken over: what it carried belongs to the node now. */
CRAFT_INTERNAL void craft_receiving_taken(struct craft_node *node);

/* Forget what has arrived. No write is open, or none will ever end. */
CRAFT_INTERNAL void craft_receiving_reset(struct craft_node *node);

/* Is it a part that a correct leader sends? 0, or CRAFT_ERR_MESSAGE. */
CRAFT_INTERNAL int craft_receiving_check(const struct craft_node *node,
                                         const craft_message *message);

/* Does the log have all that the snapshot stands for? */
CRAFT_INTERNAL bool craft_receiving_covered(const struct craft_node *node,
                                            craft_index index, craft_term term);

/* Room for what it brings. 0, CRAFT_ERR_MESSAGE, CRAFT_ERR_NOMEM. */
CRAFT_INTERNAL int craft_receiving_reserve(struct craft_node *node,
                                           const craft_message *message);

CRAFT_INTERNAL void craft_receiving_on_part(struct craft_node *node,
                                            const craft_message *message);

/* A write ended: all before offset is written. 0, or the reason. */
CRAFT_INTERNAL int craft_receiving_written(struct craft_node *node,
                                           uint64_t ticket, uint64_t offset);
CRAFT_INTERNAL int craft_receiving_failed(struct craft_node *node,
                                          uint64_t ticket);

/* The answer that is owed, and the next write, into the outbox; false when
 * there is none. */
CRAFT_INTERNAL bool craft_receiving_derive(struct craft_node *node);
CRAFT_INTERNAL bool craft_receiving_derive_write(struct craft_node *node);

#endif
