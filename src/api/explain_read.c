/* Why a read waits. */
#include "api/explain.h"
#include "core/apply.h"
#include "core/read.h"

/* Would one be taken? */
static uint32_t why_not_taken(const struct craft_node *node,
                              craft_explanation *out)
{
    out->error = craft_read_check(node);
    switch (out->error) {
    case 0:
        return CRAFT_WHY_NOTHING;
    case CRAFT_ERR_NOT_LEADER:
        return craft_explain_leader_of(node, out);
    case CRAFT_ERR_BUSY:
        out->amount =
            (uint64_t)node->reads.waiting.len + node->reads.confirmed.len;
        out->limit = node->config.tokens_max;
        return CRAFT_WHY_READS_MAX;
    default:
        return CRAFT_WHY_OTHER;
    }
}

static uint64_t slots_answered(const struct craft_node *node, uint64_t round)
{
    const struct craft_peers *peers = &node->peers;
    uint64_t bits = 0;

    for (uint32_t i = 0; i < peers->len; i++) {
        if (peers->slots[i].round >= round) {
            bits |= (uint64_t)1 << i;
        }
    }
    return bits;
}

/* A leader's: an index to read at, and the proof that it leads. */
static uint32_t why_unproven(const struct craft_node *node,
                             const struct craft_reading *reading,
                             craft_explanation *out)
{
    uint64_t answered = slots_answered(node, reading->number);

    if ((node->due & CRAFT_SETTLE_READS) != 0) {
        return CRAFT_WHY_UNSETTLED; /* its round may not have begun */
    }
    if (craft_read_index_now(node) == 0) {
        out->index = node->replication.first_of_term;
        out->reached = node->commit_index;
        return CRAFT_WHY_FIRST_COMMIT;
    }
    if ((node->peers.want_heartbeat & node->peers.voters & ~answered) != 0) {
        return CRAFT_WHY_DELIVERY;
    }
    out->index = reading->number;
    out->reached = craft_read_round_proven(node);
    craft_explain_voters(node, answered, 0, true, out);
    return CRAFT_WHY_ROUND;
}

/* A follower's: the leader's answer. */
static uint32_t why_unanswered(const struct craft_node *node,
                               const struct craft_reading *reading,
                               craft_explanation *out)
{
    if (node->reads.question == 0) {
        return CRAFT_WHY_DELIVERY;
    }
    out->id = node->standing.leader;
    out->ticks = craft_read_due(node);
    return reading->number <= node->reads.question ? CRAFT_WHY_ANSWER
                                                   : CRAFT_WHY_QUESTION;
}

/* The state machine is to have its index. */
static uint32_t why_not_applied(const struct craft_node *node,
                                const struct craft_reading *reading,
                                craft_explanation *out)
{
    craft_index missing = craft_apply_missing(node);

    if (reading->index <= node->apply.index) {
        return CRAFT_WHY_DELIVERY;
    }
    if (craft_install_due(node) || node->receiving.complete) {
        out->index = node->receiving.complete ? node->receiving.incoming.index
                                              : node->snapshot.latest.index;
        return CRAFT_WHY_INSTALL;
    }
    out->index = reading->index;
    if (node->apply.first != 0) {
        out->reached = node->apply.index;
        return CRAFT_WHY_APPLY;
    }
    if (node->apply.index < node->commit_index &&
        node->apply.index < node->persist.durable.match) {
        return missing != 0
                   ? craft_explain_fetch(node, CRAFT_FETCH_APPLY, missing, out)
                   : (uint32_t)CRAFT_WHY_DELIVERY;
    }
    if (node->commit_index < reading->index) {
        out->id = node->standing.leader;
        out->reached = node->commit_index;
        return CRAFT_WHY_CATCH_UP;
    }
    out->reached = node->persist.durable.match;
    return craft_explain_disk(node, out);
}

CRAFT_INTERNAL uint32_t craft_explain_read(const struct craft_node *node,
                                           craft_explanation *out)
{
    const struct craft_reading *reading;
    bool confirmed;

    reading = craft_read_find(node, out->subject, &confirmed);
    if (out->subject != 0 && reading == NULL) {
        return CRAFT_WHY_UNKNOWN_READ;
    }
    if ((node->due & CRAFT_EXPLAIN_UNSETTLED) != 0) {
        return CRAFT_WHY_UNSETTLED;
    }
    if (reading == NULL) {
        return why_not_taken(node, out);
    }
    if (confirmed) {
        return why_not_applied(node, reading, out);
    }
    if (node->reads.failed > 0) {
        return CRAFT_WHY_DELIVERY; /* they end first, perhaps this among them */
    }
    if (node->standing.role == CRAFT_ROLE_LEADER) {
        return why_unproven(node, reading, out);
    }
    return why_unanswered(node, reading, out);
}
