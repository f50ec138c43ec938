#include "core/transfer.h"

static bool is_better(const struct craft_peer *peer,
                      const struct craft_peer *best)
{
    if (best == NULL || peer->match_index != best->match_index) {
        return best == NULL || peer->match_index > best->match_index;
    }
    return peer->priority > best->priority;
}

/* Of the voters that were heard, the one whose disk holds most; of equals the
 * one of higher priority. */
static craft_id furthest_voter(const struct craft_node *node)
{
    const struct craft_peers *peers = &node->peers;
    const struct craft_peer *best = NULL;

    for (uint32_t i = 0; i < peers->len; i++) {
        const struct craft_peer *peer = &peers->slots[i];

        if ((peers->voters >> i & 1u) != 0 &&
            peer->silent_ticks < node->config.election_ticks &&
            is_better(peer, best)) {
            best = peer;
        }
    }
    return best != NULL ? best->id : 0;
}

static bool is_other_voter(const struct craft_node *node, craft_id id)
{
    uint32_t slot = craft_peers_find(&node->peers, id);

    return slot < node->peers.len && (node->peers.voters >> slot & 1u) != 0;
}

CRAFT_INTERNAL int craft_transfer_begin(struct craft_node *node,
                                        craft_id target, uint64_t token)
{
    struct craft_transferring *transfer = &node->transfer;

    if (node->standing.role != CRAFT_ROLE_LEADER) {
        return CRAFT_ERR_NOT_LEADER;
    }
    if (transfer->target != 0 || transfer->ended_token != 0) {
        return CRAFT_ERR_BUSY;
    }
    if (target == 0) {
        target = furthest_voter(node);
    } else if (craft_peers_find(&node->peers, target) == node->peers.len) {
        return CRAFT_ERR_UNKNOWN_ID;
    }
    if (!is_other_voter(node, target)) {
        return CRAFT_ERR_NOT_VOTER;
    }
    transfer->target = target;
    transfer->token = token;
    transfer->term = node->standing.term;
    transfer->elapsed_ticks = 0;
    transfer->tell_in_ticks = 0;
    craft_changed(node, CRAFT_FACT_TRANSFER);
    return 0;
}

/* -------------------------------------------------------------------- time */

CRAFT_INTERNAL void craft_transfer_elapse(struct craft_node *node,
                                          uint32_t ticks)
{
    struct craft_transferring *transfer = &node->transfer;
    uint32_t elapsed = transfer->elapsed_ticks;

    transfer->elapsed_ticks =
        ticks > UINT32_MAX - elapsed ? UINT32_MAX : elapsed + ticks;
    transfer->tell_in_ticks -=
        ticks < transfer->tell_in_ticks ? ticks : transfer->tell_in_ticks;
    craft_changed(node, CRAFT_FACT_TRANSFER);
}

/*
 * While it leads, the request keeps proposals waiting. One that leads no more
 * has only to learn who does.
 */
static uint32_t ticks_max(const struct craft_node *node)
{
    uint32_t timeout = node->config.election_ticks;

    return node->standing.role == CRAFT_ROLE_LEADER ? timeout : 2 * timeout;
}

CRAFT_INTERNAL uint32_t craft_transfer_due(const struct craft_node *node)
{
    uint32_t max = ticks_max(node);

    if (node->transfer.target == 0) {
        return UINT32_MAX;
    }
    return node->transfer.elapsed_ticks < max
               ? max - node->transfer.elapsed_ticks
               : 1;
}

/* -------------------------------------------------------------- the request */

static void transfer_end(struct craft_node *node, int32_t result)
{
    struct craft_transferring *transfer = &node->transfer;

    transfer->ended_target = transfer->target;
    transfer->ended_token = transfer->token;
    transfer->ended_result = result;
    transfer->target = 0;
    transfer->tell = false;
    craft_changed(node, CRAFT_FACT_REQUEST_ENDED);
}

/* Does its disk hold all there is? Sooner it could not win. */
static bool target_is_whole(const struct craft_node *node)
{
    uint32_t slot = craft_peers_find(&node->peers, node->transfer.target);

    return node->peers.slots[slot].match_index == node->log.last;
}

static void request_settle(struct craft_node *node)
{
    struct craft_transferring *transfer = &node->transfer;
    const struct craft_standing *standing = &node->standing;

    if (standing->term > transfer->term && standing->leader != 0) {
        transfer_end(node, standing->leader == transfer->target
                               ? CRAFT_RESULT_OK
                               : CRAFT_RESULT_TIMEOUT);
    } else if (transfer->elapsed_ticks >= ticks_max(node)) {
        transfer_end(node, CRAFT_RESULT_TIMEOUT);
    } else if (standing->role == CRAFT_ROLE_LEADER) {
        if (!is_other_voter(node, transfer->target)) {
            transfer_end(node, CRAFT_RESULT_TIMEOUT); /* removed meanwhile */
        } else if (transfer->tell_in_ticks == 0 && target_is_whole(node)) {
            transfer->tell = true;
            craft_changed(node, CRAFT_FACT_TELL_OWED);
        }
    }
}

CRAFT_INTERNAL bool craft_transfer_settle(struct craft_node *node)
{
    if (node->transfer.target == 0) {
        return false;
    }
    request_settle(node);
    return node->transfer.target == 0;
}

CRAFT_INTERNAL bool craft_transfer_cut(struct craft_node *node)
{
    if (node->transfer.target == 0) {
        return false;
    }
    transfer_end(node, CRAFT_RESULT_UNKNOWN);
    return true;
}

/* --------------------------------------------------------------- the target */

/*
 * Only of the leader that it follows, in this very term, and only while its
 * log is the one that leader spoke of: an order that comes late, after that
 * leader has given up and taken proposals again, moves nobody (zeebe 58339).
 */
CRAFT_INTERNAL void craft_transfer_on_timeout_now(struct craft_node *node,
                                                  const craft_message *message)
{
    const craft_timeout_now *order = &message->as.timeout_now;

    CRAFT_ASSERT(message->term == node->standing.term);
    if (message->from == node->standing.leader &&
        order->last_index == node->log.last &&
        order->last_term == node->log.last_term) {
        node->transfer.told_in = node->standing.term;
        craft_changed(node, CRAFT_FACT_TRANSFER);
    }
}

CRAFT_INTERNAL bool craft_transfer_take_told(struct craft_node *node)
{
    craft_term told_in = node->transfer.told_in;

    node->transfer.told_in = 0;
    return told_in != 0 && told_in == node->standing.term &&
           node->standing.role == CRAFT_ROLE_FOLLOWER;
}

/* ----------------------------------------------------------------- effects */

/*
 * While an order may still arrive, no lease of this term holds (core/lease.c).
 * That of two to different servers is only known when the term has ended.
 */
static void order_note(struct craft_node *node)
{
    struct craft_transferring *transfer = &node->transfer;

    if (craft_transfer_ordered(node) &&
        (transfer->ordered_to != transfer->target ||
         transfer->ordered_at == CRAFT_NUMBER_MAX)) {
        transfer->ordered_at = CRAFT_NUMBER_MAX;
    } else {
        transfer->ordered_at = node->log.last;
    }
    transfer->ordered_to = transfer->target;
    transfer->ordered_in = node->standing.term;
}

CRAFT_INTERNAL bool craft_transfer_derive(struct craft_node *node)
{
    struct craft_transferring *transfer = &node->transfer;
    craft_message *message;

    node->due &= ~(uint32_t)CRAFT_DERIVE_TELL;
    if (!transfer->tell || node->standing.role != CRAFT_ROLE_LEADER) {
        transfer->tell = false;
        return false;
    }
    transfer->tell = false;
    transfer->tell_in_ticks = node->config.heartbeat_ticks; /* may be lost */
    order_note(node);
    message =
        craft_message_begin(node, CRAFT_MESSAGE_TIMEOUT_NOW, transfer->target);
    message->as.timeout_now.last_index = node->log.last;
    message->as.timeout_now.last_term = node->log.last_term;
    return true;
}

CRAFT_INTERNAL bool craft_transfer_derive_done(struct craft_node *node)
{
    struct craft_transferring *transfer = &node->transfer;

    if (CRAFT_LIKELY(transfer->ended_token == 0)) {
        return false;
    }
    node->out.token = transfer->ended_token;
    node->out.index = 0;
    node->out.result = transfer->ended_result;
    transfer->ended_token = 0;
    return true;
}
