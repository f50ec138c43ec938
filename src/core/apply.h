/*
 * apply: committed entries to the state machine (thesis 3.5).
 *
 * Owns node.apply. Commands go to the host in log order, one batch at a time;
 * entries of the library's own are passed over in silence.
 *
 * Invariants: applied <= commit, and <= the own durable index, so that a state
 * machine that is itself durable never stands beyond the log after a crash.
 */
#ifndef CRAFT_CORE_APPLY_H
#define CRAFT_CORE_APPLY_H

#include "core/node.h"

CRAFT_INTERNAL void craft_apply_restored(struct craft_node *node,
                                         craft_index index);

/* The open batch ended at index. 0, CRAFT_ERR_TICKET, CRAFT_ERR_INVALID. */
CRAFT_INTERNAL int craft_apply_ended(struct craft_node *node,
                                     craft_index index);

/* The first entry to apply that has left memory; 0 when none has. */
CRAFT_INTERNAL craft_index craft_apply_missing(const struct craft_node *node);

/* The latest snapshot, which the state machine is to become, is handed out;
 * false when it has to wait. */
CRAFT_INTERNAL bool craft_apply_derive_install(struct craft_node *node);

/* The next batch into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_apply_derive(struct craft_node *node);

#endif
