#include "core/take.h"

#define ANSWERS_MIN 4u

CRAFT_INTERNAL void craft_take_free(struct craft_node *node)
{
    craft_memory_free(&node->config.allocator, node->taking.runs,
                      node->taking.runs_max * sizeof *node->taking.runs);
}

CRAFT_INTERNAL void craft_take_reset(struct craft_node *node)
{
    node->taking.runs_len = 0;
}

/* ------------------------------------------------------------------- check */

static bool commands_well_formed(const craft_forward *forward)
{
    if (forward->session == 0 || forward->entries == NULL ||
        forward->entries_len > UINT32_MAX / 2) {
        return false;
    }
    for (size_t i = 0; i < forward->entries_len; i++) {
        const craft_entry *entry = &forward->entries[i];

        if (entry->kind != CRAFT_ENTRY_COMMAND ||
            entry->data_len > UINT32_MAX / 2 ||
            (entry->data == NULL && entry->data_len > 0)) {
            return false;
        }
    }
    return true;
}

CRAFT_INTERNAL int craft_take_check(const craft_message *message)
{
    const craft_forward *forward = &message->as.forward;

    return forward->number == 0 ||
                   (forward->session | forward->number) >= CRAFT_NUMBER_MAX ||
                   (forward->entries_len > 0 && !commands_well_formed(forward))
               ? CRAFT_ERR_MESSAGE
               : 0;
}

/* ---------------------------------------------------------------- sessions */

/* Who sent it, if that is a member; NULL else. */
static struct craft_peer *sender(const struct craft_node *node,
                                 const craft_message *message, uint64_t *bit)
{
    uint32_t slot = craft_peers_find(&node->peers, message->from);

    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_LEADER);
    if (slot == node->peers.len) {
        return NULL;
    }
    *bit = (uint64_t)1 << slot;
    return &node->peers.slots[slot];
}

/* One that is repeated, since its answer may be lost, gets the same answer:
 * commands may be on their way in that session. */
CRAFT_INTERNAL void craft_take_on_question(struct craft_node *node,
                                           const craft_message *message)
{
    const craft_forward *question = &message->as.forward;
    uint64_t bit = 0;
    struct craft_peer *peer = sender(node, message, &bit);

    if (peer == NULL) {
        return;
    }
    if (peer->forward_session == 0 || peer->forward_shut != 0 ||
        peer->forward_first != question->number) {
        peer->forward_closed =
            peer->forward_session != 0 &&
                    peer->forward_session == question->session
                ? peer->forward_next
                : 0;
        node->taking.sessions++;
        peer->forward_session = node->taking.sessions;
        peer->forward_first = question->number;
        peer->forward_next = question->number;
        peer->forward_shut = 0;
        node->peers.shut_forward &= ~bit;
    }
    node->peers.open_forward |= bit;
    craft_changed(node, CRAFT_FACT_FORWARD_OWED);
}

CRAFT_INTERNAL bool craft_take_is_next(const struct craft_node *node,
                                       const craft_message *message)
{
    const craft_forward *forward = &message->as.forward;
    uint64_t bit = 0;
    const struct craft_peer *peer = sender(node, message, &bit);

    return peer != NULL && forward->session == peer->forward_session &&
           peer->forward_shut == 0 && forward->number == peer->forward_next &&
           forward->number < CRAFT_NUMBER_MAX - forward->entries_len;
}

CRAFT_INTERNAL void craft_take_refuse(struct craft_node *node,
                                      const craft_message *message, int error)
{
    uint64_t bit = 0;
    struct craft_peer *peer = sender(node, message, &bit);

    CRAFT_ASSERT(peer != NULL);
    if (peer->forward_shut == 0) {
        peer->forward_shut = 1;
        peer->forward_reason = (uint32_t)-error;
    }
    node->peers.shut_forward |= bit;
    craft_changed(node, CRAFT_FACT_FORWARD_OWED);
}

/* Duplicates are dropped, and so is what is of an earlier session. A gap shuts
 * the session: what is missing may still come, and must not follow what was
 * sent behind it. Of a session that is shut that is told again. */
CRAFT_INTERNAL void craft_take_on_stray(struct craft_node *node,
                                        const craft_message *message)
{
    const craft_forward *forward = &message->as.forward;
    uint64_t bit = 0;
    const struct craft_peer *peer = sender(node, message, &bit);

    if (peer != NULL && forward->session == peer->forward_session &&
        forward->number >= peer->forward_next) {
        craft_take_refuse(node, message, 0);
    }
}

/* ----------------------------------------------------------------- answers */

CRAFT_INTERNAL int craft_take_reserve(struct craft_node *node)
{
    struct craft_taking *taking = &node->taking;
    const craft_allocator *allocator = &node->config.allocator;
    size_t size = sizeof *taking->runs;
    uint32_t max = taking->runs_max > 0 ? 2 * taking->runs_max : ANSWERS_MIN;
    struct craft_taken_run *grown;

    if (taking->runs_len < taking->runs_max) {
        return 0;
    }
    grown = craft_memory_alloc(allocator, max * size);
    if (grown == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < taking->runs_len; i++) {
        grown[i] =
            taking->runs[(taking->runs_first + i) & (taking->runs_max - 1)];
    }
    craft_memory_free(allocator, taking->runs, taking->runs_max * size);
    taking->runs = grown;
    taking->runs_first = 0;
    taking->runs_max = max;
    return 0;
}

static struct craft_taken_run *run_at(const struct craft_taking *taking,
                                      uint32_t i)
{
    return &taking->runs[(taking->runs_first + i) & (taking->runs_max - 1)];
}

/* In a row with those before, it is one answer. */
static void run_add(struct craft_taking *taking,
                    const struct craft_taken_run *run)
{
    if (taking->runs_len > 0) {
        struct craft_taken_run *last = run_at(taking, taking->runs_len - 1);

        if (last->to == run->to && last->session == run->session &&
            last->index + last->count == run->index) {
            last->count += run->count;
            return;
        }
    }
    CRAFT_ASSERT(taking->runs_len < taking->runs_max);
    *run_at(taking, taking->runs_len) = *run;
    taking->runs_len++;
}

CRAFT_INTERNAL void craft_take_note(struct craft_node *node,
                                    const craft_message *message,
                                    craft_index first)
{
    const craft_forward *forward = &message->as.forward;
    struct craft_taken_run run = {message->from, forward->session,
                                  forward->number, first,
                                  (uint32_t)forward->entries_len};
    uint64_t bit = 0;
    struct craft_peer *peer = sender(node, message, &bit);

    CRAFT_ASSERT(peer != NULL);
    peer->forward_next += forward->entries_len;
    if ((node->peers.forwarding & bit) == 0) {
        node->peers.forwarding |= bit;
        peer->forward_low = first;
    }
    peer->forward_high = first + forward->entries_len - 1;
    run_add(&node->taking, &run);
    craft_changed(node, CRAFT_FACT_FORWARD_OWED);
}

/* A range for each: some of it may be of others, and tell them sooner. */
CRAFT_INTERNAL void craft_take_settle(struct craft_node *node)
{
    struct craft_peers *peers = &node->peers;

    for (uint64_t left = peers->forwarding; left != 0; left &= left - 1) {
        struct craft_peer *peer = &peers->slots[craft_peers_lowest(left)];
        uint64_t bit = left & (0u - left);

        if (peer->forward_low > node->commit_index) {
            continue;
        }
        peers->want_heartbeat |= bit;
        craft_changed(node, CRAFT_FACT_PEER_WANTS);
        if (peer->forward_high <= node->commit_index) {
            peers->forwarding &= ~bit;
        }
        peer->forward_low = node->commit_index + 1;
    }
}

/* ----------------------------------------------------------------- effects */

static craft_forward_reply *reply_begin(struct craft_node *node, craft_id to,
                                        uint32_t verdict)
{
    craft_forward_reply *reply =
        &craft_message_begin(node, CRAFT_MESSAGE_FORWARD_REPLY, to)
             ->as.forward_reply;

    memset(reply, 0, sizeof *reply);
    reply->verdict = verdict;
    return reply;
}

static void taken_fill(struct craft_node *node)
{
    struct craft_taking *taking = &node->taking;
    const struct craft_taken_run *run = run_at(taking, 0);
    craft_forward_reply *reply =
        reply_begin(node, run->to, CRAFT_FORWARD_TAKEN);

    reply->session = run->session;
    reply->number = run->number;
    reply->count = run->count;
    reply->index = run->index;
    taking->runs_first = (taking->runs_first + 1) & (taking->runs_max - 1);
    taking->runs_len--;
}

static void opened_fill(struct craft_node *node)
{
    struct craft_peers *peers = &node->peers;
    const struct craft_peer *peer =
        &peers->slots[craft_peers_lowest(peers->open_forward)];
    craft_forward_reply *reply =
        reply_begin(node, peer->id, CRAFT_FORWARD_OPENED);

    peers->open_forward &= peers->open_forward - 1;
    reply->session = peer->forward_session;
    reply->number = peer->forward_first;
    reply->closed = peer->forward_closed;
}

static void refused_fill(struct craft_node *node)
{
    struct craft_peers *peers = &node->peers;
    const struct craft_peer *peer =
        &peers->slots[craft_peers_lowest(peers->shut_forward)];
    craft_forward_reply *reply =
        reply_begin(node, peer->id, CRAFT_FORWARD_REFUSED);

    peers->shut_forward &= peers->shut_forward - 1;
    reply->session = peer->forward_session;
    reply->number = peer->forward_next;
    reply->reason = peer->forward_reason;
}

CRAFT_INTERNAL bool craft_take_derive(struct craft_node *node)
{
    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_LEADER);
    if (node->taking.runs_len > 0) {
        taken_fill(node);
    } else if (node->peers.open_forward != 0) {
        opened_fill(node);
    } else if (node->peers.shut_forward != 0) {
        refused_fill(node);
    } else {
        return false;
    }
    return true;
}
