/*
 * sending: a snapshot to peers that lack what was compacted (thesis 5.3).
 *
 * Owns node.sending, and the parts' progress in the slots of peers that are in
 * the state CRAFT_PROGRESS_SNAPSHOT. All of them get the same snapshot: the
 * latest when the first of them began, which is kept, and the log behind it,
 * within a limit, until none needs it. Otherwise a state that takes longer to
 * send than the next one takes to come would never arrive.
 *
 * A peer is offered the snapshot and answers from where on it wants it; parts
 * follow within a window of what it has not written. When nothing moves for an
 * election timeout, or parts went missing, it is offered anew: so a lost part
 * costs one small question, and who has a part of it from another leader or
 * another life goes on there.
 *
 * Invariants: one read is open at most, and one part held; nothing is sent
 * beyond the window; appends do not wait for any of it.
 */
#ifndef CRAFT_CORE_SENDING_H
#define CRAFT_CORE_SENDING_H

#include "core/node.h"

CRAFT_INTERNAL void craft_sending_free(struct craft_node *node);

/* A leadership ended. */
CRAFT_INTERNAL void craft_sending_reset(struct craft_node *node);

/* Ticks passed, of a leader; and a heartbeat is due: offers. */
CRAFT_INTERNAL void craft_sending_elapse(struct craft_node *node,
                                         uint32_t ticks);
CRAFT_INTERNAL void craft_sending_beat(struct craft_node *node);

/* An answer that no correct peer gives: 0, or CRAFT_ERR_MESSAGE. */
CRAFT_INTERNAL int craft_sending_check(const craft_message *message);

CRAFT_INTERNAL void craft_sending_on_reply(struct craft_node *node,
                                           const craft_message *message);

/* A read ended with bytes. 0, or the reason, with nothing changed. */
CRAFT_INTERNAL int craft_sending_read(struct craft_node *node, uint64_t ticket,
                                      const craft_chunk *chunk);
CRAFT_INTERNAL int craft_sending_failed(struct craft_node *node,
                                        uint64_t ticket);

/* The next part or offer, and the next read, into the outbox; false when there
 * is none. */
CRAFT_INTERNAL bool craft_sending_derive(struct craft_node *node);
CRAFT_INTERNAL bool craft_sending_derive_read(struct craft_node *node);

#endif
