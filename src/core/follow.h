/*
 * follow: the log as the leader sends it (thesis 3.5; Figure 3.1,
 * AppendEntries, receiver).
 *
 * Owns node.following: facts of one term, about one leader. An append is
 * understood first (craft_follow_check, pure), then room is taken
 * (craft_follow_reserve, may fail), then it happens (cannot fail).
 *
 * Invariants: verified only rises within a term; nothing at or below what is
 * known committed is ever truncated; a reply claims no more than what is both
 * verified against this leader and durable here.
 */
#ifndef CRAFT_CORE_FOLLOW_H
#define CRAFT_CORE_FOLLOW_H

#include "core/node.h"

CRAFT_INTERNAL void craft_follow_reset(struct craft_node *node);

/*
 * Is it an append that a correct leader sends? 0, or CRAFT_ERR_MESSAGE. Fills
 * in following.plan.
 */
CRAFT_HOT int craft_follow_check(struct craft_node *node,
                                 const craft_message *message);

/* Room for what it brings. 0, or CRAFT_ERR_NOMEM. */
CRAFT_HOT int craft_follow_reserve(struct craft_node *node,
                                   const craft_message *message);

CRAFT_HOT void craft_follow_on_append(struct craft_node *node,
                                      const craft_message *message);

/* The log has what this leader's snapshot of that index stands for: so it
 * equals the leader's up to there. */
CRAFT_INTERNAL void craft_follow_vouch(struct craft_node *node,
                                       craft_index index);

/* The reply that is owed, into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_follow_derive(struct craft_node *node);

#endif
