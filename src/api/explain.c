/* Why nothing happens: the questions, who leads, what is refused. */
#include "api/explain.h"

#include "api/delivery.h"
#include "core/elect.h"
#include "core/forward.h"
#include "core/propose.h"
#include "core/transfer.h"

/* ---------------------------------------------------------- common causes */

CRAFT_INTERNAL uint32_t craft_explain_leader_of(const struct craft_node *node,
                                                craft_explanation *out)
{
    out->id = node->standing.leader;
    return out->id != 0 ? CRAFT_WHY_ASK_LEADER : CRAFT_WHY_NO_LEADER;
}

/* A full disk is tried again by a tick; a record that is out ends first. */
CRAFT_INTERNAL uint32_t craft_explain_disk(const struct craft_node *node,
                                           craft_explanation *out)
{
    const struct craft_persistence *persist = &node->persist;

    if (persist->oldest != persist->next) {
        out->ticket = persist->oldest;
    } else if (persist->full) {
        out->ticks = 1;
        return CRAFT_WHY_DISK_FULL;
    }
    return CRAFT_WHY_OWN_DISK;
}

CRAFT_INTERNAL uint32_t craft_explain_fetch(const struct craft_node *node,
                                            uint32_t which, craft_index index,
                                            craft_explanation *out)
{
    const struct craft_stretch *stretch = &node->fetching.stretches[which];

    out->index = index;
    if (node->fetching.failed) {
        out->ticks = 1;
        return CRAFT_WHY_FETCH_FAILED;
    }
    if (stretch->ticket == 0) {
        return CRAFT_WHY_DELIVERY;
    }
    if (index >= stretch->first && index <= stretch->last) {
        out->ticket = stretch->ticket;
    }
    return CRAFT_WHY_FETCH;
}

CRAFT_INTERNAL void craft_explain_voters(const struct craft_node *node,
                                         uint64_t have, uint64_t refused,
                                         bool own_has, craft_explanation *out)
{
    const struct craft_peers *peers = &node->peers;
    uint64_t missing = peers->voters & ~have;
    unsigned own = peers->self_votes && own_has;
    uint64_t left;

    have &= peers->voters;
    refused &= missing;
    out->needed = craft_majority_missing(
        (unsigned)__builtin_popcountll(have) + own, peers->voters_len);
    out->refused = (uint32_t)__builtin_popcountll(refused);
    for (left = refused; left != 0; left &= left - 1) {
        out->servers[out->servers_len] =
            peers->slots[craft_peers_lowest(left)].id;
        out->servers_len++;
    }
    for (left = missing & ~refused; left != 0; left &= left - 1) {
        out->servers[out->servers_len] =
            peers->slots[craft_peers_lowest(left)].id;
        out->servers_len++;
    }
    if (peers->self_votes && !own_has) {
        out->servers[out->servers_len] = node->config.id;
        out->servers_len++;
    }
}

/* ------------------------------------------------------------- who leads */

/* Candidates, and those that ask whether they could be one. */
static uint32_t why_not_elected(const struct craft_node *node,
                                craft_explanation *out)
{
    const struct craft_peers *peers = &node->peers;
    bool pre = node->standing.role == CRAFT_ROLE_PRE_CANDIDATE;

    if (!pre && !craft_elect_vote_durable(node)) {
        return craft_explain_disk(node, out);
    }
    if (!pre && peers->want_vote != 0 &&
        node->persist.durable.match < node->log.last) {
        out->index = node->log.last;
        out->reached = node->persist.durable.match;
        return craft_explain_disk(node, out);
    }
    if (peers->want_vote != 0) {
        return CRAFT_WHY_DELIVERY;
    }
    craft_explain_voters(node, peers->granted, peers->refused, true, out);
    out->ticks = craft_elect_due(node);
    return pre ? CRAFT_WHY_PRE_VOTES : CRAFT_WHY_VOTES;
}

static uint32_t why_no_vote(const struct craft_node *node)
{
    if (node->configuration == NULL) {
        return CRAFT_WHY_NO_CONFIGURATION;
    }
    return craft_members_find(node->configuration, node->config.id) != NULL
               ? CRAFT_WHY_LEARNER
               : CRAFT_WHY_NOT_MEMBER;
}

static uint32_t why_no_campaign(const struct craft_node *node,
                                craft_explanation *out)
{
    switch (craft_elect_may_campaign(node)) {
    case 0:
        break;
    case CRAFT_ERR_NOT_VOTER:
        return why_no_vote(node);
    case CRAFT_ERR_NOSPACE:
        out->ticks = 1; /* it is tried again */
        return CRAFT_WHY_DISK_FULL;
    case CRAFT_ERR_BUSY:
        if (craft_disk_silent(node)) {
            out->ticket = node->persist.oldest;
            return CRAFT_WHY_DISK_SILENT;
        }
        if (craft_install_due(node)) {
            out->index = node->snapshot.latest.index;
            return CRAFT_WHY_INSTALL;
        }
        return CRAFT_WHY_NUMBERS_END;
    default:
        return CRAFT_WHY_OTHER;
    }
    if (node->election.elapsed_ticks >= node->election.timeout_ticks &&
        craft_lease_promised(node)) {
        return CRAFT_WHY_PROMISED;
    }
    out->ticks = craft_elect_due(node);
    if (node->election.elapsed_ticks >= node->election.timeout_ticks &&
        !craft_elect_reserved(node)) {
        return CRAFT_WHY_NO_MEMORY;
    }
    out->id = node->standing.leader;
    if (out->id != 0) {
        return CRAFT_WHY_LEADER_SILENT;
    }
    if (node->election.voted_for != node->config.id) {
        out->id = node->election.voted_for;
    }
    return CRAFT_WHY_TIMER;
}

CRAFT_INTERNAL uint32_t craft_explain_leader(const struct craft_node *node,
                                             craft_explanation *out)
{
    if ((node->due & (CRAFT_EXPLAIN_UNSETTLED | CRAFT_SETTLE_TIME)) != 0) {
        return CRAFT_WHY_UNSETTLED;
    }
    if (node->standing.role == CRAFT_ROLE_LEADER) {
        out->id = node->config.id;
        return CRAFT_WHY_LEADS;
    }
    if (node->standing.role != CRAFT_ROLE_FOLLOWER) {
        return why_not_elected(node, out);
    }
    if (craft_elect_leader_heard(node, 0)) {
        out->id = node->standing.leader;
        out->ticks =
            craft_elect_may_campaign(node) == 0 ? craft_elect_due(node) : 0;
        return CRAFT_WHY_FOLLOWS;
    }
    return why_no_campaign(node, out);
}

/* --------------------------------------------------------------- proposals */

static uint32_t why_busy(const struct craft_node *node, craft_explanation *out)
{
    uint64_t waiting = craft_log_bytes_after(&node->log, node->apply.index);

    if (node->forward.refused > 0) {
        out->amount = node->forward.refused;
        return CRAFT_WHY_REFUSALS;
    }
    if (node->log.last + 2 >= CRAFT_NUMBER_MAX) {
        return CRAFT_WHY_NUMBERS_END;
    }
    if (node->proposals.len >= node->config.tokens_max) {
        out->amount = node->proposals.len;
        out->limit = node->config.tokens_max;
        return CRAFT_WHY_TOKENS_MAX;
    }
    if (waiting + out->subject + CRAFT_ENTRY_OVERHEAD >
        node->config.uncommitted_bytes_max) {
        out->amount = waiting;
        out->limit = node->config.uncommitted_bytes_max;
        return CRAFT_WHY_UNCOMMITTED;
    }
    return CRAFT_WHY_OTHER;
}

/* It would go to the leader, if there is one and that is switched on. */
static uint32_t why_not_forwarded(const struct craft_node *node,
                                  craft_explanation *out)
{
    const struct craft_forwarding *forward = &node->forward;
    uint32_t open = forward->waiting.len + forward->entered.len;

    out->error = craft_forward_check(node, 1, (size_t)out->subject);
    switch (out->error) {
    case 0:
        return CRAFT_WHY_NOTHING;
    case CRAFT_ERR_NOT_LEADER:
        return craft_explain_leader_of(node, out);
    default:
        CRAFT_ASSERT(out->error == CRAFT_ERR_BUSY);
        break;
    }
    if (forward->refused > 0) {
        out->amount = forward->refused;
        return CRAFT_WHY_REFUSALS;
    }
    if (open >= node->config.tokens_max) {
        out->amount = open;
        out->limit = node->config.tokens_max;
        return CRAFT_WHY_TOKENS_MAX;
    }
    out->id = node->standing.leader;
    out->amount = forward->bytes;
    out->limit = node->config.forward_bytes_max;
    return CRAFT_WHY_FORWARDED;
}

CRAFT_INTERNAL uint32_t craft_explain_propose(const struct craft_node *node,
                                              craft_explanation *out)
{
    if (out->subject > node->config.entry_bytes_max) {
        out->error = CRAFT_ERR_INVALID;
        out->amount = out->subject;
        out->limit = node->config.entry_bytes_max;
        return CRAFT_WHY_TOO_LONG;
    }
    if ((node->due & CRAFT_EXPLAIN_UNSETTLED) != 0) {
        return CRAFT_WHY_UNSETTLED;
    }
    out->error = craft_propose_check(node, 1, 1, (size_t)out->subject);
    switch (out->error) {
    case 0:
        return CRAFT_WHY_NOTHING;
    case CRAFT_ERR_NOT_LEADER:
        return why_not_forwarded(node, out);
    case CRAFT_ERR_NOSPACE:
        out->ticks = 1; /* it is tried again */
        return CRAFT_WHY_DISK_FULL;
    case CRAFT_ERR_TRANSFER:
        out->id = node->transfer.target;
        out->ticks = craft_transfer_due(node);
        return CRAFT_WHY_TRANSFER;
    case CRAFT_ERR_BUSY:
        return why_busy(node, out);
    default:
        return CRAFT_WHY_OTHER;
    }
}

/* ----------------------------------------------------------- the questions */

/* Whatever is asked of a node that takes no inputs; NOTHING: it does. */
static uint32_t why_no_input(const struct craft_node *node)
{
    switch (node->phase) {
    case CRAFT_PHASE_STARTED:
        return CRAFT_WHY_NOTHING;
    case CRAFT_PHASE_STOPPED:
        return CRAFT_WHY_STOPPED;
    case CRAFT_PHASE_HALTED:
        return CRAFT_WHY_HALTED;
    default:
        return CRAFT_WHY_NOT_STARTED;
    }
}

typedef uint32_t (*answerer)(const struct craft_node *node,
                             craft_explanation *out);

static const answerer answerers[CRAFT_QUESTION_END] = {
    [CRAFT_QUESTION_LEADER] = craft_explain_leader,
    [CRAFT_QUESTION_COMMIT] = craft_explain_commit,
    [CRAFT_QUESTION_PEER] = craft_explain_peer,
    [CRAFT_QUESTION_READ] = craft_explain_read,
    [CRAFT_QUESTION_PROPOSE] = craft_explain_propose,
};

static bool question_valid(uint32_t question, uint64_t subject)
{
    switch (question) {
    case CRAFT_QUESTION_LEADER:
        return subject == 0;
    case CRAFT_QUESTION_COMMIT:
    case CRAFT_QUESTION_PEER:
        return subject != 0;
    default:
        return question < CRAFT_QUESTION_END && answerers[question] != NULL;
    }
}

static bool asks_for_error(const craft_explanation *out)
{
    return out->question == CRAFT_QUESTION_PROPOSE ||
           (out->question == CRAFT_QUESTION_READ && out->subject == 0);
}

static void explanation_fill(const struct craft_node *node,
                             craft_explanation *out)
{
    /* What is committed stays so, in any phase. */
    if (out->question == CRAFT_QUESTION_COMMIT &&
        out->subject <= node->commit_index) {
        out->code = CRAFT_WHY_COMMITTED;
        out->reached = node->commit_index;
        return;
    }
    out->code = why_no_input(node);
    if (out->code == CRAFT_WHY_NOTHING) {
        out->code = answerers[out->question](node, out);
    } else if (asks_for_error(out)) {
        out->error = craft_enter(node);
    }
}

int craft_explain(const craft_node *node, uint32_t question, uint64_t subject,
                  craft_explanation *explanation_out)
{
    craft_explanation out;

    if (node == NULL || explanation_out == NULL ||
        !question_valid(question, subject)) {
        return CRAFT_ERR_INVALID;
    }
    memset(&out, 0, sizeof out);
    out.question = question;
    out.subject = subject;
    explanation_fill(node, &out);
    return craft_copy_out(explanation_out, &out, (uint32_t)sizeof out,
                          explanation_out->struct_size);
}
