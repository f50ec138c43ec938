/*
 * answer: answers that promise nothing, and so leave at once: a vote refused,
 * a pre-vote, an append or a vote request of an old term (Figure 3.1, "reply
 * false if term < currentTerm"). What is owed stands in the peers' room.
 */
#ifndef CRAFT_CORE_ANSWER_H
#define CRAFT_CORE_ANSWER_H

#include "core/node.h"

/* An append of an old term came: its sender is to learn the term of now. */
CRAFT_INTERNAL void craft_answer_old_append(struct craft_node *node,
                                            craft_id from);

/* The next answer into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_answer_derive(struct craft_node *node);

#endif
