/*
 * forward: commands that are offered to a server that does not lead, on their
 * way to the one that does (thesis 6.2); for that one see core/take.h.
 *
 * Owns node.forward. No command enters a log twice, however often the network
 * delivers it, and what is said of one is true:
 *
 *   - A command is sent once, ever. It has a number that no other command of
 *     this life has, and numbers of another life are from another range.
 *   - The leader takes commands of a session in the order of their numbers,
 *     without a gap, and answers where they are in its log. From the first one
 *     that it does not take on, the session is shut: none of them ever enters
 *     a log, and the follower may say so. So what was offered first also
 *     enters the log first, or is refused together with all behind it.
 *   - Sessions are numbered by the leader. What comes late for another than the
 *     last one is dropped.
 *   - All of it is of one term. What has no answer when that ends, and was
 *     sent, may be in a log or not.
 *
 *   waiting   no answer yet, in the order of their numbers
 *   entered   the leader told where: commitment decides, as for its own
 *
 * Invariants: numbers rise by one along `waiting`; what is not sent yet stands
 * in the two batches, in that order; terms never fall along `entered`.
 */
#ifndef CRAFT_CORE_FORWARD_H
#define CRAFT_CORE_FORWARD_H

#include "core/node.h"

CRAFT_INTERNAL void craft_forward_init(struct craft_node *node);
CRAFT_INTERNAL void craft_forward_free(struct craft_node *node);

/* The leader or the term is about to be another. Did that end anything? */
CRAFT_INTERNAL bool craft_forward_reset(struct craft_node *node);

/* ------------------------------------------------------------- the follower */

/* May these be offered, of so much data in all? 0 or the reason; then room. */
CRAFT_INTERNAL int craft_forward_check(const struct craft_node *node,
                                       size_t commands, size_t data_len);
CRAFT_INTERNAL int craft_forward_reserve(struct craft_node *node,
                                         size_t commands, size_t data_len);
CRAFT_INTERNAL void craft_forward_take(struct craft_node *node,
                                       const craft_command *command);

/* Is every field of an answer what a correct peer sends? */
CRAFT_INTERNAL int craft_forward_check_reply(const craft_message *message);

/* The log is to begin behind that index, for a snapshot of that term or for one
 * of its own: what is said of those before it is to be known without the log.
 * O(commands). */
CRAFT_INTERNAL void craft_forward_hide(struct craft_node *node,
                                       craft_index index, craft_term term);

/* What the leader says of them. Did that end any without an entry? */
CRAFT_INTERNAL bool craft_forward_on_reply(struct craft_node *node,
                                           const craft_message *message);

/* Ticks passed; and then: what waits too long. Did that end anything? */
CRAFT_INTERNAL void craft_forward_elapse(struct craft_node *node,
                                         uint32_t ticks);
CRAFT_INTERNAL bool craft_forward_expire(struct craft_node *node);
CRAFT_INTERNAL uint32_t craft_forward_due(const struct craft_node *node);

/* The link to the leader broke: it is asked what it has of what was sent. */
CRAFT_INTERNAL void craft_forward_unreachable(struct craft_node *node);

/* ----------------------------------------------------------------- effects */

/* The next message into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_forward_derive(struct craft_node *node);

/* The next command that ended into the outbox; false when none has. */
CRAFT_INTERNAL bool craft_forward_derive_done(struct craft_node *node);

#endif
