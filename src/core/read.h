/*
 * read: linearizable reads that write nothing (thesis 6.4, "ReadIndex").
 *
 * Owns node.reads and, while this server leads, what its peers ask in their
 * slots. A read needs an index that was committed when it came, and the proof
 * that its leader was still one after that: a majority's answer to a round of
 * appends that began later. Any number of reads share one round. A follower
 * asks the leader for both, one question at a time for all its reads, and
 * answers from its own state machine.
 *
 *   waiting    reads without that proof, oldest first
 *   confirmed  reads that wait until the state machine has reached their index
 *
 * Invariants: numbers and indexes never fall along the queues; no index is
 * given before an entry of the leader's own term has committed (thesis 6.4,
 * step 1); what waits for a proof ends when the term or the leader changes.
 */
#ifndef CRAFT_CORE_READ_H
#define CRAFT_CORE_READ_H

#include "core/node.h"

/* May a read be taken? 0 or the reason; then room for it. */
CRAFT_INTERNAL int craft_read_check(const struct craft_node *node);
CRAFT_INTERNAL int craft_read_reserve(struct craft_node *node);
CRAFT_INTERNAL void craft_read_take(struct craft_node *node, uint64_t token);

/* The same, while it is certain that nobody else leads (thesis 6.4.1). */
CRAFT_INTERNAL void craft_read_take_proven(struct craft_node *node,
                                           uint64_t token);

CRAFT_INTERNAL void craft_read_init(struct craft_node *node);
CRAFT_INTERNAL void craft_read_free(struct craft_node *node);

/* The term or the leader is another: nothing that waits is proven any more. */
CRAFT_INTERNAL void craft_read_reset(struct craft_node *node);

/* Ticks passed: a question without an answer is asked again. */
CRAFT_INTERNAL void craft_read_elapse(struct craft_node *node, uint32_t ticks);
CRAFT_INTERNAL uint32_t craft_read_due(const struct craft_node *node);

/* Does a read wait for a round that has not begun? */
CRAFT_INTERNAL bool craft_read_wants_round(const struct craft_node *node);

/* What may be read now, if this server leads; 0 = that is not known yet. */
CRAFT_INTERNAL craft_index craft_read_index_now(const struct craft_node *node);

/* The latest round that a majority of voters has answered. */
CRAFT_INTERNAL uint64_t craft_read_round_proven(const struct craft_node *node);

/* The oldest open read with that token, NULL when there is none. */
CRAFT_INTERNAL const struct craft_reading *
craft_read_find(const struct craft_node *node, uint64_t token,
                bool *confirmed_out);

/* What the rounds answered so far prove, of a leader. */
CRAFT_INTERNAL void craft_read_settle(struct craft_node *node);

CRAFT_INTERNAL void craft_read_on_request(struct craft_node *node,
                                          const craft_message *message);
CRAFT_INTERNAL void craft_read_on_reply(struct craft_node *node,
                                        const craft_message *message);

/* The next question or answer into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_read_derive(struct craft_node *node);

/* The next read that ended into the outbox; false when none has. */
CRAFT_INTERNAL bool craft_read_derive_done(struct craft_node *node);

#endif
