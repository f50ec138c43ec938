/*
 * refuse: answers that promise nothing, and so leave at once: a vote refused,
 * an append or a vote request of an old term (Figure 3.1, "reply false if
 * term < currentTerm"). What is owed stands in the peers' room.
 */
#ifndef CRAFT_CORE_REFUSE_H
#define CRAFT_CORE_REFUSE_H

#include "core/node.h"

/* An append of an old term came: its sender is to learn the term of now. */
CRAFT_INTERNAL void craft_refuse_append(struct craft_node *node, craft_id from);

/* The next refusal into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_refuse_derive(struct craft_node *node);

#endif
