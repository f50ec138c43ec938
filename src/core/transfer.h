/*
 * transfer: leadership handed over on purpose (thesis 3.10).
 *
 * Owns node.transfer. A leader that hands over takes no proposals, brings one
 * voter up to date and tells it to campaign at once, which that one does
 * without asking first; its vote requests say why, so that nobody sticks to
 * the leader that wants to go. Nothing else is overridden: neither a vote
 * already given nor the comparison of logs.
 *
 * Invariants: a voter is told only when its disk holds the whole log; no
 * proposal is refused for longer than an election timeout; a request ends once,
 * also when this server leads no more.
 */
#ifndef CRAFT_CORE_TRANSFER_H
#define CRAFT_CORE_TRANSFER_H

#include "core/node.h"

/* Hand over to that voter; 0 = the one that is furthest. 0 or the reason. */
CRAFT_INTERNAL int craft_transfer_begin(struct craft_node *node,
                                        craft_id target, uint64_t token);

/* Ticks passed; until the request's time is over. */
CRAFT_INTERNAL void craft_transfer_elapse(struct craft_node *node,
                                          uint32_t ticks);
CRAFT_INTERNAL uint32_t craft_transfer_due(const struct craft_node *node);

/* What the facts of now mean for the request: is it over? */
CRAFT_INTERNAL bool craft_transfer_settle(struct craft_node *node);

/* The node stopped or halted: is a request over by that? */
CRAFT_INTERNAL bool craft_transfer_cut(struct craft_node *node);

/* This server was told to campaign, by its leader of this term; once. */
CRAFT_INTERNAL bool craft_transfer_take_told(struct craft_node *node);

CRAFT_INTERNAL void craft_transfer_on_timeout_now(struct craft_node *node,
                                                  const craft_message *message);

/* The order to campaign into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_transfer_derive(struct craft_node *node);

/* The request that ended into the outbox; false when none has. */
CRAFT_INTERNAL bool craft_transfer_derive_done(struct craft_node *node);

#endif
