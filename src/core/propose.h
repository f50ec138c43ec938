/*
 * propose: commands offered here, and what becomes of them (thesis 3.5, 6.2).
 *
 * Owns node.proposals: the open tokens, oldest first, keyed by (index, term).
 * The fate of a proposal is decided by commitment, never by truncation,
 * because a truncated entry can return.
 *
 * Invariant: terms never fall along the queue, and within a term indexes rise,
 * so that fates are known in the order of the queue: before an entry of a
 * later term commits, nothing of that term ends, and when it does, all of
 * earlier terms has.
 */
#ifndef CRAFT_CORE_PROPOSE_H
#define CRAFT_CORE_PROPOSE_H

#include "core/node.h"

/* May these be taken, of so much data in all? 0 or the reason; then room. */
CRAFT_HOT int craft_propose_check(const struct craft_node *node,
                                  size_t commands, size_t tokens,
                                  size_t data_len);
CRAFT_HOT int craft_propose_reserve(struct craft_node *node, size_t commands,
                                    size_t tokens, size_t space);

/* Append one entry of this leader's term; token 0 = not interested. */
CRAFT_HOT void craft_propose_append(struct craft_node *node, uint32_t kind,
                                    const craft_command *command);

/* The log is to begin behind that entry: what is said of tokens before it is
 * to be known without the log. O(tokens). */
CRAFT_INTERNAL void craft_propose_hide(struct craft_node *node,
                                       craft_index index, craft_term term);

CRAFT_INTERNAL void craft_propose_free(struct craft_node *node);

/* The next request that ended into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_propose_derive(struct craft_node *node);

#endif
