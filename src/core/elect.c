#include "core/elect.h"

CRAFT_INTERNAL void craft_elect_reset(struct craft_node *node)
{
    node->election.voted_for = 0;
    node->election.grant_owed_to = 0;
    node->election.handed_over = false;
    craft_changed(node, CRAFT_FACT_HARD_STATE);
}

CRAFT_INTERNAL void craft_elect_redraw(struct craft_node *node)
{
    uint32_t least = node->config.election_ticks;

    node->election.elapsed_ticks = 0;
    node->election.timeout_ticks =
        least + craft_random_below(&node->random, least);
}

CRAFT_INTERNAL void craft_elect_restored(struct craft_node *node,
                                         craft_id voted_for)
{
    node->election.voted_for = voted_for;
}

/* ------------------------------------------------------------- campaigning */

CRAFT_INTERNAL bool craft_elect_vote_durable(const struct craft_node *node)
{
    return node->persist.durable.term == node->standing.term &&
           node->persist.durable.voted_for == node->election.voted_for;
}

/* Is all that a vote request speaks of? */
static bool candidacy_durable(const struct craft_node *node)
{
    return craft_elect_vote_durable(node) &&
           node->persist.durable.match >= node->log.last;
}

CRAFT_INTERNAL int craft_elect_may_campaign(const struct craft_node *node)
{
    if (!node->peers.self_votes) {
        return CRAFT_ERR_NOT_VOTER;
    }
    if (node->persist.full) {
        return CRAFT_ERR_NOSPACE; /* it could not keep a no-op */
    }
    if (craft_install_due(node)) {
        return CRAFT_ERR_BUSY; /* it could serve nobody before that ends */
    }
    if (craft_disk_silent(node)) {
        return CRAFT_ERR_BUSY; /* nobody could vote for it, itself included */
    }
    if (node->standing.term + 1 >= CRAFT_NUMBER_MAX ||
        node->log.last + 1 >= CRAFT_NUMBER_MAX) {
        return CRAFT_ERR_BUSY; /* the end of all numbers */
    }
    return 0;
}

CRAFT_INTERNAL int craft_elect_reserve(struct craft_node *node)
{
    return craft_log_reserve(&node->log, 1, craft_log_space(0), 1);
}

CRAFT_INTERNAL bool craft_elect_reserved(const struct craft_node *node)
{
    return craft_log_reserved(&node->log, 1, craft_log_space(0), 1);
}

/* What it asks rests on no disk: a pre-vote promises nothing. */
CRAFT_INTERNAL void craft_elect_ask(struct craft_node *node)
{
    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_PRE_CANDIDATE);
    node->peers.want_vote = node->peers.voters;
    craft_changed(node, CRAFT_FACT_VOTE_OWED | CRAFT_FACT_VOTES);
}

CRAFT_INTERNAL void craft_elect_begin(struct craft_node *node, bool handed_over)
{
    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_CANDIDATE);
    CRAFT_ASSERT(node->election.voted_for == 0);
    node->election.voted_for = node->config.id;
    node->election.handed_over = handed_over;
    node->peers.want_vote = node->peers.voters;
    craft_changed(node, CRAFT_FACT_HARD_STATE | CRAFT_FACT_VOTE_OWED |
                            CRAFT_FACT_VOTES);
}

/* It campaigns when it is told to, once. */
static bool is_passive(const struct craft_node *node)
{
    return (node->config.flags & CRAFT_CONFIG_PASSIVE) != 0;
}

/*
 * The time of a candidate begins when its requests may leave. If its own disk
 * took it up, it would ask, and in the next tick give the question up for one
 * of a later term (logcabin 200).
 */
CRAFT_INTERNAL void craft_elect_elapse(struct craft_node *node, uint32_t ticks)
{
    uint32_t elapsed = node->election.elapsed_ticks;

    if (node->standing.role == CRAFT_ROLE_CANDIDATE &&
        !candidacy_durable(node)) {
        node->election.elapsed_ticks = 0;
        return;
    }
    node->election.elapsed_ticks =
        ticks > UINT32_MAX - elapsed ? UINT32_MAX : elapsed + ticks;
}

CRAFT_INTERNAL bool craft_elect_tick(struct craft_node *node)
{
    return !is_passive(node) &&
           node->election.elapsed_ticks >= node->election.timeout_ticks &&
           !craft_lease_promised(node) && craft_elect_may_campaign(node) == 0;
}

CRAFT_INTERNAL bool craft_elect_gives_up(const struct craft_node *node)
{
    return is_passive(node) && node->standing.role != CRAFT_ROLE_FOLLOWER &&
           node->election.elapsed_ticks >= node->election.timeout_ticks;
}

CRAFT_INTERNAL uint32_t craft_elect_due(const struct craft_node *node)
{
    if (!node->peers.self_votes ||
        (is_passive(node) && node->standing.role == CRAFT_ROLE_FOLLOWER)) {
        return UINT32_MAX;
    }
    if (node->election.elapsed_ticks >= node->election.timeout_ticks) {
        return 1;
    }
    return node->election.timeout_ticks - node->election.elapsed_ticks;
}

/* ------------------------------------------------------------------ voting */

/*
 * "If the logs have last entries with different terms, then the log with the
 * later term is more up-to-date. If the logs end with the same term, then
 * whichever log is longer is more up-to-date." (thesis 3.6.1)
 */
static bool vote_log_current(const struct craft_node *node,
                             const craft_vote *vote)
{
    if (vote->last_term != node->log.last_term) {
        return vote->last_term > node->log.last_term;
    }
    return vote->last_index >= node->log.last;
}

CRAFT_INTERNAL bool craft_elect_leader_heard(const struct craft_node *node,
                                             craft_id from)
{
    return node->standing.leader != 0 && node->standing.leader != from &&
           (node->standing.role == CRAFT_ROLE_LEADER ||
            node->election.elapsed_ticks < node->config.election_ticks);
}

CRAFT_INTERNAL bool craft_elect_sticks(const struct craft_node *node,
                                       const craft_message *message)
{
    bool held = craft_lease_promised(node);

    if (message->kind == CRAFT_MESSAGE_VOTE) {
        return (message->as.vote.flags & CRAFT_VOTE_TRANSFER) == 0 &&
               (held || ((node->config.flags & CRAFT_CONFIG_STICKY) != 0 &&
                         craft_elect_leader_heard(node, message->from)));
    }
    /* A pre-vote is about nothing else. */
    return message->kind == CRAFT_MESSAGE_PRE_VOTE &&
           (held || craft_elect_leader_heard(node, message->from));
}

static void answer(struct craft_node *node, const craft_message *message,
                   bool granted)
{
    struct craft_answer owed = {message->from, CRAFT_MESSAGE_VOTE_REPLY,
                                granted};

    if (message->kind == CRAFT_MESSAGE_PRE_VOTE) {
        owed.kind = CRAFT_MESSAGE_PRE_VOTE_REPLY;
    }
    craft_peers_answer(&node->peers, owed);
    craft_changed(node, CRAFT_FACT_ANSWER_OWED);
}

/*
 * Answered also when the term is higher here: it is how one that was cut off
 * learns the term in which it can win (openraft 1796). Lower here, the answer
 * is to nobody's question.
 */
CRAFT_INTERNAL void craft_elect_on_unwanted(struct craft_node *node,
                                            const craft_message *message)
{
    if (message->term <= node->standing.term) {
        answer(node, message, false);
    }
}

CRAFT_INTERNAL void craft_elect_on_vote(struct craft_node *node,
                                        const craft_message *message)
{
    craft_id voted_for = node->election.voted_for;

    CRAFT_ASSERT(message->term == node->standing.term);
    /* "If votedFor is null or candidateId, and candidate's log is at least as
     * up-to-date as receiver's log, grant vote." (Figure 3.1) */
    if ((voted_for != 0 && voted_for != message->from) ||
        !vote_log_current(node, &message->as.vote)) {
        answer(node, message, false);
        return;
    }
    if (voted_for == 0) {
        node->election.voted_for = message->from;
        craft_changed(node, CRAFT_FACT_HARD_STATE);
    }
    craft_elect_heard(node);
    node->election.grant_owed_to = message->from;
    craft_changed(node, CRAFT_FACT_VOTE_OWED);
    if (node->standing.role == CRAFT_ROLE_PRE_CANDIDATE) {
        /* Its own question is settled by that: it would vote for another. */
        node->peers.granted = 0;
        node->peers.refused = node->peers.voters;
        craft_changed(node, CRAFT_FACT_VOTES);
    }
}

/* "would vote": by the log alone, since the term would be a new one. */
CRAFT_INTERNAL void craft_elect_on_pre_vote(struct craft_node *node,
                                            const craft_message *message)
{
    CRAFT_ASSERT(message->term == node->standing.term);
    answer(node, message, vote_log_current(node, &message->as.vote));
}

CRAFT_INTERNAL void craft_elect_on_old_vote(struct craft_node *node,
                                            const craft_message *message)
{
    answer(node, message, false);
}

CRAFT_INTERNAL void craft_elect_on_vote_reply(struct craft_node *node,
                                              const craft_message *message)
{
    uint32_t slot = craft_peers_find(&node->peers, message->from);
    uint64_t bit;

    CRAFT_ASSERT(message->term == node->standing.term);
    if (slot == node->peers.len) {
        return; /* not of this configuration: it has no vote here */
    }
    bit = (uint64_t)1 << slot;
    if (message->as.vote_reply.granted != 0) {
        node->peers.granted |= bit;
        node->peers.refused &= ~bit;
    } else if ((node->peers.granted & bit) == 0) {
        node->peers.refused |= bit;
    }
    craft_changed(node, CRAFT_FACT_VOTES);
}

CRAFT_INTERNAL enum craft_tally craft_elect_tally(const struct craft_node *node)
{
    const struct craft_peers *peers = &node->peers;
    uint64_t granted = peers->granted & peers->voters;
    uint64_t refused = peers->refused & peers->voters;
    bool pre = node->standing.role == CRAFT_ROLE_PRE_CANDIDATE;
    unsigned own = pre || craft_elect_vote_durable(node);

    CRAFT_ASSERT(peers->self_votes); /* or it would not have begun */
    CRAFT_ASSERT(pre || node->standing.role == CRAFT_ROLE_CANDIDATE);
    return craft_majority_tally((unsigned)__builtin_popcountll(granted) + own,
                                (unsigned)__builtin_popcountll(refused),
                                peers->voters_len);
}

/* ----------------------------------------------------------------- effects */

static void vote_request_derive(struct craft_node *node, uint32_t kind)
{
    uint32_t slot = craft_peers_lowest(node->peers.want_vote);
    craft_message *message =
        craft_message_begin(node, kind, node->peers.slots[slot].id);

    node->peers.want_vote &= node->peers.want_vote - 1;
    message->as.vote.last_index = node->log.last;
    message->as.vote.last_term = node->log.last_term;
    message->as.vote.flags = 0;
    if (kind == CRAFT_MESSAGE_VOTE && node->election.handed_over) {
        message->as.vote.flags = CRAFT_VOTE_TRANSFER;
    }
    message->as.vote.reserved = 0;
}

static void vote_grant_derive(struct craft_node *node)
{
    craft_message *message = craft_message_begin(node, CRAFT_MESSAGE_VOTE_REPLY,
                                                 node->election.grant_owed_to);

    node->election.grant_owed_to = 0;
    message->as.vote_reply.granted = 1;
    message->as.vote_reply.reserved = 0;
}

/*
 * The request leaves only when the term, our vote and the log it advertises
 * are durable. Otherwise: crash, come back with the shorter log and the old
 * term, campaign again in the same term, and count the grants that the longer
 * log had earned.
 */
static bool vote_request_may(const struct craft_node *node)
{
    return node->peers.want_vote != 0 && candidacy_durable(node);
}

CRAFT_INTERNAL bool craft_elect_derive(struct craft_node *node)
{
    bool pre = node->standing.role == CRAFT_ROLE_PRE_CANDIDATE;

    if (pre && node->peers.want_vote != 0) {
        vote_request_derive(node, CRAFT_MESSAGE_PRE_VOTE);
        return true;
    }
    if (node->election.grant_owed_to != 0 && craft_elect_vote_durable(node)) {
        vote_grant_derive(node);
        return true;
    }
    if (vote_request_may(node)) {
        vote_request_derive(node, CRAFT_MESSAGE_VOTE);
        return true;
    }
    node->due &= ~(uint32_t)CRAFT_DERIVE_VOTE;
    if ((node->peers.want_vote | node->election.grant_owed_to) != 0) {
        craft_when_durable(node, CRAFT_DERIVE_VOTE);
    }
    return false;
}
