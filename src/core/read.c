#include "core/read.h"

#define READS_MIN 8u

/*
 * Numbers of questions begin anywhere, and so differ from life to life: an
 * answer to a question that was asked before a restart, in the same term,
 * proves nothing of a read that came after it.
 */
CRAFT_INTERNAL void craft_read_init(struct craft_node *node)
{
    uint64_t high = craft_random_below(&node->random, 1u << 29);

    node->reads.next_question =
        1 + (high << 32 | craft_random_below(&node->random, UINT32_MAX));
}

/* ------------------------------------------------------------------ queues */

static struct craft_reading *queue_at(const struct craft_reads *reads,
                                      const struct craft_read_queue *queue,
                                      uint32_t i)
{
    return &queue->items[(queue->first + i) & (reads->max - 1)];
}

static void queue_push(struct craft_reads *reads,
                       struct craft_read_queue *queue,
                       const struct craft_reading *reading)
{
    CRAFT_ASSERT(queue->len < reads->max);
    *queue_at(reads, queue, queue->len) = *reading;
    queue->len++;
}

static struct craft_reading queue_pop(const struct craft_reads *reads,
                                      struct craft_read_queue *queue)
{
    struct craft_reading reading = *queue_at(reads, queue, 0);

    CRAFT_ASSERT(queue->len > 0);
    queue->first = (queue->first + 1) & (reads->max - 1);
    queue->len--;
    return reading;
}

static void queue_move(const struct craft_reads *reads,
                       struct craft_read_queue *queue,
                       struct craft_reading *items)
{
    for (uint32_t i = 0; i < queue->len; i++) {
        items[i] = *queue_at(reads, queue, i);
    }
    queue->items = items;
    queue->first = 0;
}

static uint32_t reads_open(const struct craft_reads *reads)
{
    return reads->waiting.len + reads->confirmed.len;
}

/* Both queues have room for all that are open: a read moves from one to the
 * other without an allocation. */
static int queues_grow(struct craft_node *node)
{
    struct craft_reads *reads = &node->reads;
    const craft_allocator *allocator = &node->config.allocator;
    size_t size = 2 * sizeof(struct craft_reading);
    uint32_t max = reads->max > 0 ? 2 * reads->max : READS_MIN;
    struct craft_reading *grown = craft_memory_alloc(allocator, max * size);
    struct craft_reading *old = reads->waiting.items;

    if (grown == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    queue_move(reads, &reads->waiting, grown);
    queue_move(reads, &reads->confirmed, grown + max);
    craft_memory_free(allocator, old, reads->max * size);
    reads->max = max;
    return 0;
}

CRAFT_INTERNAL void craft_read_free(struct craft_node *node)
{
    craft_memory_free(&node->config.allocator, node->reads.waiting.items,
                      2 * sizeof(struct craft_reading) * node->reads.max);
}

static const struct craft_reading *
queue_find(const struct craft_reads *reads,
           const struct craft_read_queue *queue, uint64_t token)
{
    for (uint32_t i = 0; i < queue->len; i++) {
        const struct craft_reading *reading = queue_at(reads, queue, i);

        if (reading->token == token) {
            return reading;
        }
    }
    return NULL;
}

CRAFT_INTERNAL const struct craft_reading *
craft_read_find(const struct craft_node *node, uint64_t token,
                bool *confirmed_out)
{
    const struct craft_reads *reads = &node->reads;
    const struct craft_reading *reading;

    reading = queue_find(reads, &reads->confirmed, token);
    *confirmed_out = reading != NULL;
    return reading != NULL ? reading
                           : queue_find(reads, &reads->waiting, token);
}

/* -------------------------------------------------------------- being asked */

CRAFT_INTERNAL int craft_read_check(const struct craft_node *node)
{
    if (node->standing.leader == 0) {
        return CRAFT_ERR_NOT_LEADER; /* and nobody to ask */
    }
    if (reads_open(&node->reads) >= node->config.tokens_max) {
        return CRAFT_ERR_BUSY;
    }
    return 0;
}

CRAFT_INTERNAL int craft_read_reserve(struct craft_node *node)
{
    return reads_open(&node->reads) < node->reads.max ? 0 : queues_grow(node);
}

CRAFT_INTERNAL craft_index craft_read_index_now(const struct craft_node *node)
{
    return node->commit_index >= node->replication.first_of_term
               ? node->commit_index
               : 0;
}

/* Reads up to that number may be answered from that index on, or their own. */
static void confirm(struct craft_node *node, uint64_t number, craft_index index)
{
    struct craft_reads *reads = &node->reads;

    CRAFT_ASSERT(reads->failed == 0);
    while (reads->waiting.len > 0 &&
           queue_at(reads, &reads->waiting, 0)->number <= number) {
        struct craft_reading reading = queue_pop(reads, &reads->waiting);

        if (reading.index == 0) {
            reading.index = index;
        }
        queue_push(reads, &reads->confirmed, &reading);
        craft_changed(node, CRAFT_FACT_REQUEST_ENDED);
    }
}

CRAFT_INTERNAL void craft_read_take(struct craft_node *node, uint64_t token)
{
    struct craft_reads *reads = &node->reads;
    struct craft_reading reading = {token, 0, 0};

    if (node->standing.role == CRAFT_ROLE_LEADER) {
        /* Of the round under way, some answers may be older than this read. */
        reading.number = node->replication.round + 1;
        reading.index = craft_read_index_now(node);
        craft_changed(node, CRAFT_FACT_READS);
    } else {
        reading.number = reads->next_question;
        if (reads->question == 0) {
            craft_changed(node, CRAFT_FACT_QUESTION_OWED);
        }
    }
    queue_push(reads, &reads->waiting, &reading);
}

/*
 * At this moment nobody else leads: so nobody did when those came that wait,
 * whose turn is before this one's.
 */
CRAFT_INTERNAL void craft_read_take_proven(struct craft_node *node,
                                           uint64_t token)
{
    struct craft_reads *reads = &node->reads;
    struct craft_reading reading = {token, 0, node->commit_index};

    if (reads->failed > 0) {
        craft_read_take(node, token); /* behind those that are to end */
        return;
    }
    confirm(node, UINT64_MAX, node->commit_index);
    queue_push(reads, &reads->confirmed, &reading);
    craft_changed(node, CRAFT_FACT_REQUEST_ENDED);
}

CRAFT_INTERNAL void craft_read_reset(struct craft_node *node)
{
    struct craft_reads *reads = &node->reads;

    reads->question = 0;
    node->peers.reading = 0;
    node->peers.answer_read = 0;
    reads->failed = reads->waiting.len;
    if (reads->failed > 0) {
        craft_changed(node, CRAFT_FACT_REQUEST_ENDED);
    }
}

/* -------------------------------------------------------------- the leader */

/* Does anybody wait, whose wait has not ended in vain? */
static bool anybody_waits(const struct craft_node *node)
{
    return node->reads.waiting.len > node->reads.failed ||
           node->peers.reading != 0;
}

CRAFT_INTERNAL bool craft_read_wants_round(const struct craft_node *node)
{
    const struct craft_reads *reads = &node->reads;
    const struct craft_peers *peers = &node->peers;
    uint64_t round = node->replication.round;

    if (node->standing.role != CRAFT_ROLE_LEADER) {
        return false;
    }
    if (reads->waiting.len > reads->failed &&
        queue_at(reads, &reads->waiting, reads->waiting.len - 1)->number >
            round) {
        return true;
    }
    for (uint64_t left = peers->reading; left != 0; left &= left - 1) {
        if (peers->slots[craft_peers_lowest(left)].read_round > round) {
            return true;
        }
    }
    return false;
}

CRAFT_INTERNAL uint64_t craft_read_round_proven(const struct craft_node *node)
{
    return craft_peers_round(&node->peers, node->replication.round, 0);
}

static void settle_peers(struct craft_node *node, uint64_t proven)
{
    struct craft_peers *peers = &node->peers;

    for (uint64_t left = peers->reading; left != 0; left &= left - 1) {
        struct craft_peer *peer = &peers->slots[craft_peers_lowest(left)];

        if (peer->read_round > proven) {
            continue;
        }
        if (peer->read_index == 0) {
            peer->read_index = node->commit_index;
        }
        peers->reading &= ~(left & (0u - left));
        peers->answer_read |= left & (0u - left);
        craft_changed(node, CRAFT_FACT_QUESTION_OWED);
    }
}

CRAFT_INTERNAL void craft_read_settle(struct craft_node *node)
{
    uint64_t proven;

    if (node->standing.role != CRAFT_ROLE_LEADER || !anybody_waits(node) ||
        craft_read_index_now(node) == 0) {
        return;
    }
    proven = craft_read_round_proven(node);
    settle_peers(node, proven);
    if (node->reads.failed == 0) {
        confirm(node, proven, node->commit_index);
    }
}

/*
 * A question that is asked again, since its answer may be lost, needs a new
 * round: what proves it must be later than the question. While the first one
 * has no answer yet it is not put off: where a round trip is longer than the
 * time after which it is asked again, nobody would ever read.
 */
CRAFT_INTERNAL void craft_read_on_request(struct craft_node *node,
                                          const craft_message *message)
{
    uint32_t slot = craft_peers_find(&node->peers, message->from);
    struct craft_peer *peer;

    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_LEADER);
    if (slot == node->peers.len || (node->peers.reading >> slot & 1) != 0) {
        return;
    }
    peer = &node->peers.slots[slot];
    peer->read_question = message->as.read.question;
    peer->read_round = node->replication.round + 1;
    peer->read_index = craft_read_index_now(node);
    node->peers.reading |= (uint64_t)1 << slot;
    node->peers.answer_read &= ~((uint64_t)1 << slot);
    craft_changed(node, CRAFT_FACT_READS);
}

/* ------------------------------------------------------------- the follower */

CRAFT_INTERNAL void craft_read_on_reply(struct craft_node *node,
                                        const craft_message *message)
{
    const craft_read_reply *reply = &message->as.read_reply;
    struct craft_reads *reads = &node->reads;

    if (message->from != node->standing.leader || reads->failed > 0 ||
        reply->question >= reads->next_question) {
        return; /* not asked in this life: it would prove too much */
    }
    confirm(node, reply->question, reply->index);
    if (reply->question == reads->question) {
        reads->question = 0;
        if (reads->waiting.len > 0) {
            craft_changed(node, CRAFT_FACT_QUESTION_OWED);
        }
    }
}

CRAFT_INTERNAL void craft_read_elapse(struct craft_node *node, uint32_t ticks)
{
    struct craft_reads *reads = &node->reads;

    if (reads->question == 0) {
        return;
    }
    reads->ask_again_ticks -=
        ticks < reads->ask_again_ticks ? ticks : reads->ask_again_ticks;
    if (reads->ask_again_ticks == 0) {
        reads->question = 0; /* it or its answer may be lost */
        craft_changed(node, CRAFT_FACT_QUESTION_OWED);
    }
}

CRAFT_INTERNAL uint32_t craft_read_due(const struct craft_node *node)
{
    if (node->reads.question == 0) {
        return UINT32_MAX;
    }
    return node->reads.ask_again_ticks;
}

/* ----------------------------------------------------------------- effects */

static bool question_owed(const struct craft_node *node)
{
    return node->standing.role != CRAFT_ROLE_LEADER &&
           node->standing.leader != 0 && node->reads.question == 0 &&
           node->reads.waiting.len > node->reads.failed;
}

static void question_fill(struct craft_node *node)
{
    struct craft_reads *reads = &node->reads;
    craft_message *message =
        craft_message_begin(node, CRAFT_MESSAGE_READ, node->standing.leader);

    reads->question = reads->next_question;
    reads->next_question++;
    reads->ask_again_ticks = 2 * node->config.heartbeat_ticks;
    message->as.read.question = reads->question;
}

static void answer_fill(struct craft_node *node)
{
    struct craft_peers *peers = &node->peers;
    const struct craft_peer *peer =
        &peers->slots[craft_peers_lowest(peers->answer_read)];
    craft_message *message =
        craft_message_begin(node, CRAFT_MESSAGE_READ_REPLY, peer->id);

    peers->answer_read &= peers->answer_read - 1;
    message->as.read_reply.question = peer->read_question;
    message->as.read_reply.index = peer->read_index;
}

CRAFT_INTERNAL bool craft_read_derive(struct craft_node *node)
{
    if (question_owed(node)) {
        question_fill(node);
        return true;
    }
    if (node->peers.answer_read != 0) {
        answer_fill(node);
        return true;
    }
    return false;
}

CRAFT_INTERNAL bool craft_read_derive_done(struct craft_node *node)
{
    struct craft_reads *reads = &node->reads;
    struct craft_reading reading;

    if (CRAFT_UNLIKELY(node->phase != CRAFT_PHASE_STARTED)) {
        reads->failed = reads->waiting.len;
    }
    node->out.result = CRAFT_RESULT_RETRY;
    if (reads->failed > 0) {
        reading = queue_pop(reads, &reads->waiting);
        reads->failed--;
        if (reads->failed == 0 && node->phase == CRAFT_PHASE_STARTED) {
            craft_changed(node, CRAFT_FACT_READS); /* later ones are next */
        }
    } else if (reads->confirmed.len > 0 &&
               queue_at(reads, &reads->confirmed, 0)->index <=
                   node->apply.index) {
        reading = queue_pop(reads, &reads->confirmed);
        node->out.result = CRAFT_RESULT_OK;
    } else if (reads->confirmed.len > 0 && node->phase != CRAFT_PHASE_STARTED) {
        reading = queue_pop(reads, &reads->confirmed);
    } else {
        return false;
    }
    node->out.token = reading.token;
    node->out.index = node->out.result == CRAFT_RESULT_OK ? reading.index : 0;
    return true;
}
