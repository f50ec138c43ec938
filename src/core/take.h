/*
 * take: what other servers forward, into the log of this one while it leads
 * (thesis 6.2). The follower's side, and what both promise: core/forward.h.
 *
 * Owns node.taking, and of its peers' slots what begins with forward_.
 *
 * Invariants: what a session takes has consecutive numbers; one that is shut
 * takes nothing any more; no session is opened twice. So what the network
 * delivers again, or late, enters the log once or not at all.
 */
#ifndef CRAFT_CORE_TAKE_H
#define CRAFT_CORE_TAKE_H

#include "core/node.h"

CRAFT_INTERNAL void craft_take_free(struct craft_node *node);

/* The leadership ends: no answer leaves in its name. */
CRAFT_INTERNAL void craft_take_reset(struct craft_node *node);

/* Is every field of a forward what a correct peer sends? */
CRAFT_INTERNAL int craft_take_check(const craft_message *message);

/* A session is wanted. */
CRAFT_INTERNAL void craft_take_on_question(struct craft_node *node,
                                           const craft_message *message);

/* Are these commands the next of their session? Others are strays. */
CRAFT_INTERNAL bool craft_take_is_next(const struct craft_node *node,
                                       const craft_message *message);
CRAFT_INTERNAL void craft_take_on_stray(struct craft_node *node,
                                        const craft_message *message);

/* They are not taken, for that error. */
CRAFT_INTERNAL void craft_take_refuse(struct craft_node *node,
                                      const craft_message *message, int error);

/* Room for the answer; then they are taken, as the entries from there on. */
CRAFT_INTERNAL int craft_take_reserve(struct craft_node *node);
CRAFT_INTERNAL void craft_take_note(struct craft_node *node,
                                    const craft_message *message,
                                    craft_index first);

/* More is committed: who forwarded some of it is to hear of it at once. */
CRAFT_INTERNAL void craft_take_settle(struct craft_node *node);

/* The next answer into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_take_derive(struct craft_node *node);

#endif
