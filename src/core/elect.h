/*
 * elect: votes, and when to ask for them (thesis 3.4, 3.6.1; Figure 3.1,
 * RequestVote), and what keeps a leader that is well: pre-votes (9.6), voters
 * that stick to it (4.2.3).
 *
 * Owns node.election, and the votes in the peers' slots. Records who voted and
 * how; whether that wins is settled by craft_elect_tally() under the
 * configuration in force then.
 *
 * Invariants: voted_for changes from 0 once per term; a vote request and a
 * grant leave only when the term, the vote and (request) the log they speak
 * of are durable.
 */
#ifndef CRAFT_CORE_ELECT_H
#define CRAFT_CORE_ELECT_H

#include "core/node.h"

/* A new term: no vote, no promise. */
CRAFT_INTERNAL void craft_elect_reset(struct craft_node *node);

/* The role or the leader changed: wait a whole timeout, newly drawn (thesis
 * 3.4). */
CRAFT_INTERNAL void craft_elect_redraw(struct craft_node *node);

/* The leader, or a vote granted, was seen (Figure 3.1, Followers). */
static inline void craft_elect_heard(struct craft_node *node)
{
    node->election.elapsed_ticks = 0;
}

/* What the store held. */
CRAFT_INTERNAL void craft_elect_restored(struct craft_node *node,
                                         craft_id voted_for);

/* May this server campaign? 0 or the reason. */
CRAFT_INTERNAL int craft_elect_may_campaign(const struct craft_node *node);

/* Are the term and the vote of now on the disk? */
CRAFT_INTERNAL bool craft_elect_vote_durable(const struct craft_node *node);

/*
 * Leads itself, or heard from a leader within the least election timeout. Not
 * against that leader itself: one that asks has lost its office, and its word
 * is the better one.
 */
CRAFT_INTERNAL bool craft_elect_leader_heard(const struct craft_node *node,
                                             craft_id from);

/* Room for what winning appends: the no-op. 0, CRAFT_ERR_NOMEM. */
CRAFT_INTERNAL int craft_elect_reserve(struct craft_node *node);
CRAFT_INTERNAL bool craft_elect_reserved(const struct craft_node *node);

/* A pre-candidate asks the others whether it could win (thesis 9.6). */
CRAFT_INTERNAL void craft_elect_ask(struct craft_node *node);

/* The campaign began, in a new term: vote for itself, ask the others. */
CRAFT_INTERNAL void craft_elect_begin(struct craft_node *node,
                                      bool handed_over);

/* Is the timeout over, and a campaign allowed? */
CRAFT_INTERNAL bool craft_elect_tick(struct craft_node *node);
CRAFT_INTERNAL uint32_t craft_elect_due(const struct craft_node *node);

/* It was told to campaign, in vain, and is not to try again by itself. */
CRAFT_INTERNAL bool craft_elect_gives_up(const struct craft_node *node);

/* Ticks passed. */
CRAFT_INTERNAL void craft_elect_elapse(struct craft_node *node, uint32_t ticks);

/*
 * Is this a vote or pre-vote request that is refused for the leader's sake,
 * or for a promise that was given to one (6.4.1), whatever its term? The term
 * is not taken (thesis 4.2.3).
 */
CRAFT_INTERNAL bool craft_elect_sticks(const struct craft_node *node,
                                       const craft_message *message);
CRAFT_INTERNAL void craft_elect_on_unwanted(struct craft_node *node,
                                            const craft_message *message);

CRAFT_INTERNAL void craft_elect_on_vote(struct craft_node *node,
                                        const craft_message *message);
CRAFT_INTERNAL void craft_elect_on_pre_vote(struct craft_node *node,
                                            const craft_message *message);
/* The answer to either. */
CRAFT_INTERNAL void craft_elect_on_vote_reply(struct craft_node *node,
                                              const craft_message *message);

/* A vote or pre-vote request of an old term: to be told the term of now. */
CRAFT_INTERNAL void craft_elect_on_old_vote(struct craft_node *node,
                                            const craft_message *message);

/* What the votes of now decide, of a candidate or pre-candidate. */
CRAFT_INTERNAL enum craft_tally
craft_elect_tally(const struct craft_node *node);

/* A vote or pre-vote request, or a grant, that may leave. */
CRAFT_INTERNAL bool craft_elect_derive(struct craft_node *node);

#endif
