/* Why an entry is not committed; why nothing is sent to a peer. */
#include "api/explain.h"
#include "core/commit.h"
#include "core/replicate.h"

/* ------------------------------------------------------------------ commit */

static uint64_t slots_matched(const struct craft_node *node, craft_index index)
{
    const struct craft_peers *peers = &node->peers;
    uint64_t bits = 0;

    for (uint32_t i = 0; i < peers->len; i++) {
        if (peers->slots[i].match_index >= index) {
            bits |= (uint64_t)1 << i;
        }
    }
    return bits;
}

static uint32_t why_not_counted(const struct craft_node *node,
                                craft_explanation *out)
{
    craft_index durable = node->persist.durable.match;
    uint32_t code = CRAFT_WHY_VOTERS;
    bool own_has;

    out->index = out->subject;
    out->reached = craft_commit_reached(node);
    if (out->reached >= out->index) {
        /* Figure 3.7: it is no entry of this term that is counted. */
        out->index = node->replication.first_of_term;
        code = CRAFT_WHY_OLD_TERM;
    }
    if (out->reached >= out->index) {
        return CRAFT_WHY_UNSETTLED;
    }
    own_has = durable >= out->index;
    craft_explain_voters(node, slots_matched(node, out->index), 0, own_has,
                         out);
    if (node->peers.self_votes && !own_has) {
        uint32_t disk = craft_explain_disk(node, out);

        return out->servers_len == 1 ? disk : code;
    }
    return code;
}

CRAFT_INTERNAL uint32_t craft_explain_commit(const struct craft_node *node,
                                             craft_explanation *out)
{
    const struct craft_following *following = &node->following;

    if (out->subject > node->log.last) {
        out->index = out->subject;
        out->reached = node->log.last;
        return CRAFT_WHY_BEYOND_LOG;
    }
    if ((node->due & CRAFT_EXPLAIN_UNSETTLED) != 0) {
        return CRAFT_WHY_UNSETTLED;
    }
    if (node->standing.role == CRAFT_ROLE_LEADER) {
        return why_not_counted(node, out);
    }
    if (node->standing.leader == 0) {
        return CRAFT_WHY_NO_LEADER;
    }
    out->id = node->standing.leader;
    out->index = out->subject;
    if (following->verified < out->subject) {
        out->reached = following->verified;
        return CRAFT_WHY_UNVERIFIED;
    }
    out->reached = following->leader_commit;
    return CRAFT_WHY_NOT_TOLD;
}

/* ------------------------------------------------------------------- peers */

/* It has room, or no entry to be sent. */
static uint32_t why_not_now(const struct craft_node *node, uint32_t slot,
                            craft_explanation *out)
{
    const struct craft_peer *peer = &node->peers.slots[slot];
    uint64_t wanting = node->peers.want_append | node->peers.want_heartbeat;

    if (peer->next_index > node->log.last &&
        peer->progress == CRAFT_PROGRESS_REPLICATE) {
        out->index = peer->next_index - 1;
        out->reached = peer->match_index;
        out->amount = craft_peer_inflight(peer);
        return CRAFT_WHY_IN_FLIGHT;
    }
    out->index = peer->next_index;
    if ((wanting >> slot & 1u) != 0) {
        return CRAFT_WHY_DELIVERY;
    }
    out->ticks = craft_replicate_due(node); /* it goes then, if not sooner */
    return CRAFT_WHY_OTHER;
}

static uint32_t why_no_room(const struct craft_node *node,
                            const struct craft_peer *peer,
                            craft_explanation *out)
{
    if (peer->progress == CRAFT_PROGRESS_PROBE) {
        out->index = peer->next_index - 1;
        out->reached = peer->match_index;
        out->ticks = craft_replicate_due(node);
        return peer->asked == CRAFT_ASKED_IN_VAIN ? CRAFT_WHY_PEER_SILENT
                                                  : CRAFT_WHY_PROBING;
    }
    out->index = peer->next_index;
    out->amount = craft_peer_inflight(peer);
    out->limit = node->config.inflight_max;
    if (out->amount >= out->limit) {
        return CRAFT_WHY_WINDOW_MESSAGES;
    }
    out->amount = craft_peer_inflight_bytes(peer);
    out->limit = node->config.inflight_bytes_max;
    return out->amount >= out->limit ? CRAFT_WHY_WINDOW_BYTES : CRAFT_WHY_OTHER;
}

static uint32_t why_not_sent(const struct craft_node *node, uint32_t slot,
                             craft_explanation *out)
{
    const struct craft_peer *peer = &node->peers.slots[slot];

    out->silent_ticks = peer->silent_ticks;
    if (peer->match_index == node->log.last) {
        out->ticks = craft_replicate_due(node);
        return CRAFT_WHY_UP_TO_DATE;
    }
    if (peer->progress == CRAFT_PROGRESS_SNAPSHOT) {
        const craft_snapshot *snapshot =
            craft_snapshot_kept(node, node->sending.index);

        out->index = node->sending.index;
        out->amount = peer->part_known ? peer->part_written : 0;
        out->limit = snapshot != NULL ? snapshot->size : 0;
        return CRAFT_WHY_SNAPSHOT;
    }
    if (peer->next_index < node->log.first &&
        (node->peers.want_fetch >> slot & 1u) != 0) {
        return craft_explain_fetch(node, CRAFT_FETCH_PEERS, peer->next_index,
                                   out);
    }
    if (!craft_replicate_has_room(node, peer) &&
        (peer->next_index <= node->log.last ||
         peer->progress == CRAFT_PROGRESS_PROBE)) {
        return why_no_room(node, peer, out);
    }
    return why_not_now(node, slot, out);
}

CRAFT_INTERNAL uint32_t craft_explain_peer(const struct craft_node *node,
                                           craft_explanation *out)
{
    uint32_t slot;

    if (out->subject == node->config.id) {
        return CRAFT_WHY_SELF;
    }
    if ((node->due & CRAFT_EXPLAIN_UNSETTLED) != 0) {
        return CRAFT_WHY_UNSETTLED;
    }
    slot = craft_peers_find(&node->peers, out->subject);
    if (slot == node->peers.len) {
        return CRAFT_WHY_UNKNOWN_PEER;
    }
    if (node->standing.role != CRAFT_ROLE_LEADER) {
        return craft_explain_leader_of(node, out);
    }
    return why_not_sent(node, slot, out);
}
