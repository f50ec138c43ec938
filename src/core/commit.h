/*
 * commit: what a majority holds (thesis 3.6.2, Figure 3.1 "Leaders").
 *
 * Keeps nothing of its own: the commit index is computed from the matches and
 * the own durable index, and raised by craft_commit_raise().
 *
 * Invariants: by counting, only entries of the leader's own term commit
 * (Figure 3.7); the leader counts itself only up to what its disk holds.
 */
#ifndef CRAFT_CORE_COMMIT_H
#define CRAFT_CORE_COMMIT_H

#include "core/node.h"

/* What a majority holds durably, this server as far as its disk is. */
CRAFT_INTERNAL craft_index craft_commit_reached(const struct craft_node *node);

/* Count, if this server leads. */
CRAFT_HOT void craft_commit_settle(struct craft_node *node);

#endif
