#include "core/forward.h"

#define ITEMS_MIN 8u
#define BYTES_MIN 256u

/*
 * Numbers begin elsewhere in every life: an answer that was under way to an
 * earlier one says nothing of a command of this one.
 */
CRAFT_INTERNAL void craft_forward_init(struct craft_node *node)
{
    struct craft_random random;
    uint64_t high;

    craft_random_init(&random, ~node->config.seed, node->config.id);
    high = craft_random_below(&random, 1u << 29);
    node->forward.next_number =
        1 + (high << 32 | craft_random_below(&random, UINT32_MAX));
    node->forward.unsent_number = node->forward.next_number;
}

/* ------------------------------------------------------------------ queues */

static struct craft_forwarded *item_at(const struct craft_forwarding *forward,
                                       const struct craft_forward_queue *queue,
                                       uint32_t i)
{
    return &queue->items[(queue->first + i) & (forward->max - 1)];
}

static void item_push(const struct craft_forwarding *forward,
                      struct craft_forward_queue *queue,
                      const struct craft_forwarded *item)
{
    CRAFT_ASSERT(queue->len < forward->max);
    *item_at(forward, queue, queue->len) = *item;
    queue->len++;
}

static struct craft_forwarded item_pop(const struct craft_forwarding *forward,
                                       struct craft_forward_queue *queue)
{
    struct craft_forwarded item = *item_at(forward, queue, 0);

    CRAFT_ASSERT(queue->len > 0);
    queue->first = (queue->first + 1) & (forward->max - 1);
    queue->len--;
    return item;
}

static void items_move(const struct craft_forwarding *forward,
                       struct craft_forward_queue *queue,
                       struct craft_forwarded *items)
{
    for (uint32_t i = 0; i < queue->len; i++) {
        items[i] = *item_at(forward, queue, i);
    }
    queue->items = items;
    queue->first = 0;
}

static uint32_t items_open(const struct craft_forwarding *forward)
{
    return forward->waiting.len + forward->entered.len;
}

/* Both queues have room for all that are open: one moves from the first to
 * the other without an allocation. */
static int queues_reserve(struct craft_node *node, size_t items)
{
    struct craft_forwarding *forward = &node->forward;
    const craft_allocator *allocator = &node->config.allocator;
    size_t size = 2 * sizeof(struct craft_forwarded);
    struct craft_forwarded *old = forward->waiting.items;
    struct craft_forwarded *grown;
    uint32_t max = forward->max > 0 ? forward->max : ITEMS_MIN;

    while (max - items_open(forward) < items) {
        max *= 2; /* at most twice tokens_max: no wrap */
    }
    if (max == forward->max) {
        return 0;
    }
    grown = craft_memory_alloc(allocator, max * size);
    if (grown == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    items_move(forward, &forward->waiting, grown);
    items_move(forward, &forward->entered, grown + max);
    craft_memory_free(allocator, old, forward->max * size);
    forward->max = max;
    return 0;
}

/* Of the oldest that waits. */
static uint64_t front_number(const struct craft_forwarding *forward)
{
    return forward->next_number - forward->waiting.len;
}

static bool item_open(const struct craft_forwarded *item)
{
    return item->index == 0 && item->result == CRAFT_RESULT_OK;
}

/* ----------------------------------------------------------------- batches */

static int batch_reserve_entries(const craft_allocator *allocator,
                                 struct craft_forward_batch *batch,
                                 size_t entries)
{
    uint32_t max = batch->entries_max > 0 ? batch->entries_max : ITEMS_MIN;
    size_t size = sizeof *batch->entries;
    craft_entry *grown;

    while (max - batch->entries_len < entries) {
        max *= 2;
    }
    if (max == batch->entries_max) {
        return 0;
    }
    grown = craft_memory_grow(allocator, batch->entries,
                              batch->entries_max * size, max * size);
    if (grown == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    batch->entries = grown;
    batch->entries_max = max;
    return 0;
}

static int batch_reserve_bytes(const craft_allocator *allocator,
                               struct craft_forward_batch *batch, size_t bytes)
{
    size_t max = batch->bytes_max > 0 ? batch->bytes_max : BYTES_MIN;
    uint8_t *grown;

    if (bytes <= batch->bytes_max - batch->bytes_len) {
        return 0;
    }
    while (max - batch->bytes_len < bytes) {
        max *= 2;
    }
    grown = craft_memory_grow(allocator, batch->bytes, batch->bytes_max, max);
    if (grown == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    batch->bytes = grown;
    batch->bytes_max = max;
    return 0;
}

static void batch_clear(struct craft_forward_batch *batch)
{
    batch->bytes_len = 0;
    batch->entries_len = 0;
    batch->sent = 0;
}

/* None of them is sent any more. */
static void unsent_drop(struct craft_forwarding *forward)
{
    batch_clear(&forward->filling);
    batch_clear(&forward->sending);
    forward->unsent_number = forward->next_number;
}

static void batch_free(const craft_allocator *allocator,
                       struct craft_forward_batch *batch)
{
    craft_memory_free(allocator, batch->entries,
                      batch->entries_max * sizeof *batch->entries);
    craft_memory_free(allocator, batch->bytes, batch->bytes_max);
}

/*
 * What was offered is sent next. Between two messages only: then nobody holds
 * what the last one pointed to, and what is offered while this is sent goes to
 * the other batch, so that nothing moves that is lent.
 */
static void batches_swap(struct craft_forwarding *forward)
{
    struct craft_forward_batch batch = forward->sending;
    const uint8_t *data = forward->filling.bytes;

    CRAFT_ASSERT(batch.sent == batch.entries_len);
    forward->sending = forward->filling;
    forward->filling = batch;
    batch_clear(&forward->filling);
    for (uint32_t i = 0; i < forward->sending.entries_len; i++) {
        forward->sending.entries[i].data = data;
        data += forward->sending.entries[i].data_len;
    }
}

CRAFT_INTERNAL void craft_forward_free(struct craft_node *node)
{
    const craft_allocator *allocator = &node->config.allocator;
    struct craft_forwarding *forward = &node->forward;

    craft_memory_free(allocator, forward->waiting.items,
                      2 * sizeof(struct craft_forwarded) * forward->max);
    batch_free(allocator, &forward->filling);
    batch_free(allocator, &forward->sending);
}

/* ----------------------------------------------------------- being offered */

CRAFT_INTERNAL int craft_forward_check(const struct craft_node *node,
                                       size_t commands, size_t data_len)
{
    const struct craft_forwarding *forward = &node->forward;
    size_t bytes = data_len + commands * CRAFT_ENTRY_OVERHEAD;

    if ((node->config.flags & CRAFT_CONFIG_FORWARD) == 0 ||
        node->standing.leader == 0) {
        return CRAFT_ERR_NOT_LEADER;
    }
    CRAFT_ASSERT(node->standing.leader != node->config.id);
    /* Those that were refused come again, and are not to be overtaken. */
    if (forward->refused > 0 ||
        commands > node->config.tokens_max - items_open(forward) ||
        (forward->bytes > 0 &&
         forward->bytes + bytes > node->config.forward_bytes_max)) {
        return CRAFT_ERR_BUSY;
    }
    return 0;
}

CRAFT_INTERNAL int craft_forward_reserve(struct craft_node *node,
                                         size_t commands, size_t data_len)
{
    const craft_allocator *allocator = &node->config.allocator;
    struct craft_forward_batch *batch = &node->forward.filling;
    int rv = queues_reserve(node, commands);

    if (rv == 0) {
        rv = batch_reserve_entries(allocator, batch, commands);
    }
    return rv != 0 ? rv : batch_reserve_bytes(allocator, batch, data_len);
}

CRAFT_INTERNAL void craft_forward_take(struct craft_node *node,
                                       const craft_command *command)
{
    struct craft_forwarding *forward = &node->forward;
    struct craft_forward_batch *batch = &forward->filling;
    craft_entry *entry = &batch->entries[batch->entries_len];
    struct craft_forwarded item = {.token = command->token,
                                   .since = forward->clock};

    CRAFT_ASSERT(batch->entries_len < batch->entries_max);
    memset(entry, 0, sizeof *entry);
    entry->kind = CRAFT_ENTRY_COMMAND;
    entry->data_len = command->data_len;
    batch->entries_len++;
    if (command->data_len > 0) {
        memcpy(batch->bytes + batch->bytes_len, command->data,
               command->data_len);
        batch->bytes_len += command->data_len;
    }
    item.bytes = (uint32_t)(command->data_len + CRAFT_ENTRY_OVERHEAD);
    forward->bytes += item.bytes;
    item_push(forward, &forward->waiting, &item);
    forward->next_number++;
    craft_changed(node, CRAFT_FACT_FORWARD_OWED);
}

/* ------------------------------------------------------------------ endings */

static void item_end(struct craft_node *node, struct craft_forwarded *item,
                     int32_t result)
{
    CRAFT_ASSERT(item_open(item));
    item->result = result;
    node->forward.bytes -= item->bytes;
    node->forward.refused += result == CRAFT_RESULT_REFUSED;
    craft_changed(node, CRAFT_FACT_REQUEST_ENDED);
}

/*
 * The open ones from that number on: those that were sent end like this, and
 * those that were not entered no log.
 */
static bool items_end(struct craft_node *node, uint64_t number, int32_t if_sent)
{
    struct craft_forwarding *forward = &node->forward;
    uint64_t front = front_number(forward);
    uint64_t i = number > front ? number - front : 0;
    bool ended = false;

    for (; i < forward->waiting.len; i++) {
        struct craft_forwarded *item =
            item_at(forward, &forward->waiting, (uint32_t)i);

        if (item_open(item)) {
            item_end(node, item,
                     front + i < forward->unsent_number ? if_sent
                                                        : CRAFT_RESULT_REFUSED);
            ended = true;
        }
    }
    unsent_drop(forward);
    return ended;
}

CRAFT_INTERNAL bool craft_forward_reset(struct craft_node *node)
{
    struct craft_forwarding *forward = &node->forward;

    forward->session = 0;
    forward->previous = 0;
    forward->asked = 0;
    return items_end(node, 0, CRAFT_RESULT_UNKNOWN);
}

/*
 * The leader never takes one from that number on. Those that were not sent
 * yet stand behind them, and must not overtake them.
 */
static bool items_refuse(struct craft_node *node, uint64_t number)
{
    return number < node->forward.unsent_number &&
           items_end(node, number, CRAFT_RESULT_REFUSED);
}

/* -------------------------------------------------------------- the answers */

static bool reply_well_formed(const craft_forward_reply *reply)
{
    if (reply->session == 0 || reply->number == 0 ||
        (reply->session | reply->number | reply->index | reply->closed |
         (reply->number + reply->count) | (reply->index + reply->count)) >=
            CRAFT_NUMBER_MAX) {
        return false;
    }
    switch (reply->verdict) {
    case CRAFT_FORWARD_OPENED:
        return true;
    case CRAFT_FORWARD_TAKEN:
        return reply->count > 0 && reply->index > 0;
    case CRAFT_FORWARD_REFUSED:
        return reply->reason <= CRAFT_FORWARD_REASON_MAX;
    default:
        return false;
    }
}

CRAFT_INTERNAL int craft_forward_check_reply(const craft_message *message)
{
    return reply_well_formed(&message->as.forward_reply) ? 0
                                                         : CRAFT_ERR_MESSAGE;
}

/*
 * The session before this one took those below that number, and the rest of it
 * never will. Where it has them was told before, and is lost.
 */
static bool items_settle(struct craft_node *node, uint64_t closed)
{
    struct craft_forwarding *forward = &node->forward;
    uint64_t front = front_number(forward);
    bool ended = false;

    if (closed > forward->unsent_number) {
        return false; /* of what was never sent */
    }
    for (uint64_t i = 0; front + i < closed; i++) {
        struct craft_forwarded *item =
            item_at(forward, &forward->waiting, (uint32_t)i);

        if (item_open(item)) {
            item_end(node, item, CRAFT_RESULT_UNKNOWN);
            ended = true;
        }
    }
    return items_refuse(node, closed) || ended;
}

static bool reply_opened(struct craft_node *node,
                         const craft_forward_reply *reply)
{
    struct craft_forwarding *forward = &node->forward;
    bool ended = false;

    if (forward->asked == 0 || forward->asked != reply->number) {
        return false; /* to an earlier question, or not to this life */
    }
    forward->asked = 0;
    if (forward->previous != 0 && reply->closed != 0) {
        ended = items_settle(node, reply->closed);
    }
    forward->previous = 0;
    if (forward->unsent_number == reply->number) {
        forward->session = reply->session;
        forward->session_number = reply->number;
    }
    craft_changed(node, CRAFT_FACT_FORWARD_OWED);
    return ended;
}

static void reply_taken(struct craft_node *node, const craft_message *message)
{
    const craft_forward_reply *reply = &message->as.forward_reply;
    struct craft_forwarding *forward = &node->forward;
    uint64_t front = front_number(forward);
    uint64_t end = reply->number + reply->count;
    uint64_t number = reply->number > front ? reply->number : front;

    if (end > forward->unsent_number) {
        return; /* of what was never sent */
    }
    for (; number < end; number++) {
        struct craft_forwarded *item =
            item_at(forward, &forward->waiting, (uint32_t)(number - front));

        if (item_open(item)) {
            item->index = reply->index + (number - reply->number);
            item->term = message->term;
            /* Committed and compacted here: what this leader has there, since
             * it has all that is committed (Figure 3.2). */
            item->hidden = item->index < node->log.base;
            forward->bytes -= item->bytes;
        }
    }
    craft_changed(node, CRAFT_FACT_REQUEST_ENDED);
}

static bool reply_refused(struct craft_node *node,
                          const craft_forward_reply *reply)
{
    struct craft_forwarding *forward = &node->forward;

    if (forward->session != reply->session) {
        return false; /* what that one left open was seen to already */
    }
    forward->session = 0;
    return items_refuse(node, reply->number);
}

CRAFT_INTERNAL bool craft_forward_on_reply(struct craft_node *node,
                                           const craft_message *message)
{
    const craft_forward_reply *reply = &message->as.forward_reply;

    if (message->from != node->standing.leader) {
        return false;
    }
    switch (reply->verdict) {
    case CRAFT_FORWARD_OPENED:
        return reply_opened(node, reply);
    case CRAFT_FORWARD_TAKEN:
        reply_taken(node, message);
        return false;
    default:
        CRAFT_ASSERT(reply->verdict == CRAFT_FORWARD_REFUSED);
        return reply_refused(node, reply);
    }
}

/* -------------------------------------------------------------------- time */

CRAFT_INTERNAL void craft_forward_elapse(struct craft_node *node,
                                         uint32_t ticks)
{
    struct craft_forwarding *forward = &node->forward;

    if (forward->waiting.len == 0) {
        return;
    }
    forward->clock += ticks;
    if (forward->asked == 0) {
        return;
    }
    forward->ask_again_ticks -=
        ticks < forward->ask_again_ticks ? ticks : forward->ask_again_ticks;
    if (forward->ask_again_ticks == 0) {
        forward->asked = 0; /* it or its answer may be lost */
        craft_changed(node, CRAFT_FACT_FORWARD_OWED);
    }
}

/* The oldest that is open, and its number; NULL when there is none. */
static struct craft_forwarded *oldest(const struct craft_forwarding *forward,
                                      uint64_t *number_out)
{
    for (uint32_t i = 0; i < forward->waiting.len; i++) {
        struct craft_forwarded *item = item_at(forward, &forward->waiting, i);

        if (item_open(item)) {
            *number_out = front_number(forward) + i;
            return item;
        }
    }
    return NULL;
}

/* A new session tells what became of the commands of this one. */
static void session_leave(struct craft_node *node)
{
    struct craft_forwarding *forward = &node->forward;

    if (forward->session != 0) {
        forward->previous = forward->session;
        forward->session = 0;
        craft_changed(node, CRAFT_FACT_FORWARD_OWED);
    }
}

CRAFT_INTERNAL void craft_forward_unreachable(struct craft_node *node)
{
    session_leave(node);
}

/* When half of the time is over the leader is asked whether it has it. */
static uint64_t patience(const struct craft_node *node, uint64_t number)
{
    const struct craft_forwarding *forward = &node->forward;
    uint32_t most = node->config.election_ticks;

    return forward->session != 0 && number >= forward->session_number &&
                   number < forward->unsent_number
               ? (most + 1) / 2
               : most;
}

CRAFT_INTERNAL bool craft_forward_expire(struct craft_node *node)
{
    struct craft_forwarding *forward = &node->forward;
    struct craft_forwarded *item;
    bool ended = false;
    uint64_t number;

    while ((item = oldest(forward, &number)) != NULL &&
           forward->clock - item->since >= patience(node, number)) {
        if (number >= forward->unsent_number) {
            return items_end(node, number, CRAFT_RESULT_UNKNOWN) || ended;
        }
        if (forward->clock - item->since >= node->config.election_ticks) {
            item_end(node, item, CRAFT_RESULT_UNKNOWN);
            ended = true;
        }
        if (number >= forward->session_number) {
            session_leave(node);
        }
    }
    return ended;
}

CRAFT_INTERNAL uint32_t craft_forward_due(const struct craft_node *node)
{
    const struct craft_forwarding *forward = &node->forward;
    const struct craft_forwarded *item;
    uint64_t number;
    uint64_t passed;
    uint64_t most;
    uint32_t due;

    item = oldest(forward, &number);
    if (item == NULL) {
        return UINT32_MAX;
    }
    passed = forward->clock - item->since;
    most = patience(node, number);
    due = passed < most ? (uint32_t)(most - passed) : 1;
    return forward->asked != 0 && forward->ask_again_ticks < due
               ? forward->ask_again_ticks
               : due;
}

/* ----------------------------------------------------------------- effects */

/* Commands want a session; or those sent in the last one want to know. */
static bool session_ask(struct craft_node *node)
{
    struct craft_forwarding *forward = &node->forward;
    craft_forward *question;

    if (forward->session != 0 || forward->asked != 0 || forward->bytes == 0 ||
        (forward->unsent_number == forward->next_number &&
         forward->previous == 0)) {
        return false;
    }
    forward->asked = forward->unsent_number;
    forward->ask_again_ticks = 2 * node->config.heartbeat_ticks;
    question =
        &craft_message_begin(node, CRAFT_MESSAGE_FORWARD, node->standing.leader)
             ->as.forward;
    question->session = forward->previous;
    question->number = forward->asked;
    question->entries = NULL;
    question->entries_len = 0;
    return true;
}

/* How many of the batch make one message: one at least. */
static uint32_t commands_choose(const struct craft_node *node)
{
    const struct craft_forward_batch *batch = &node->forward.sending;
    size_t most = node->config.message_bytes_max;
    uint32_t len = 0;
    size_t bytes = 0;

    while (batch->sent + len < batch->entries_len) {
        bytes +=
            batch->entries[batch->sent + len].data_len + CRAFT_ENTRY_OVERHEAD;
        if (bytes > most && len > 0) {
            break;
        }
        len++;
    }
    return len;
}

static bool commands_fill(struct craft_node *node)
{
    struct craft_forwarding *forward = &node->forward;
    uint64_t front = front_number(forward);
    craft_forward *message;
    uint32_t len;

    if (forward->session == 0 ||
        forward->unsent_number == forward->next_number) {
        return false;
    }
    if (forward->sending.sent == forward->sending.entries_len) {
        batches_swap(forward);
    }
    len = commands_choose(node);
    CRAFT_ASSERT(len > 0);
    message =
        &craft_message_begin(node, CRAFT_MESSAGE_FORWARD, node->standing.leader)
             ->as.forward;
    message->session = forward->session;
    message->number = forward->unsent_number;
    message->entries = &forward->sending.entries[forward->sending.sent];
    message->entries_len = len;
    for (uint32_t i = 0; i < len; i++) {
        item_at(forward, &forward->waiting,
                (uint32_t)(forward->unsent_number - front) + i)
            ->since = forward->clock;
    }
    forward->sending.sent += len;
    forward->unsent_number += len;
    return true;
}

CRAFT_INTERNAL bool craft_forward_derive(struct craft_node *node)
{
    CRAFT_ASSERT(node->standing.role != CRAFT_ROLE_LEADER);
    return node->standing.leader != 0 &&
           (session_ask(node) || commands_fill(node));
}

/* As craft_fate() says, or said before the log began behind its index. */
static bool item_fate(const struct craft_node *node,
                      const struct craft_forwarded *item, int32_t *result_out)
{
    if (CRAFT_UNLIKELY(item->hidden) && node->phase == CRAFT_PHASE_STARTED) {
        *result_out = item->result;
        return item->result != CRAFT_RESULT_OK ||
               item->index <= node->apply.index;
    }
    return craft_fate(node, item->index, item->term, result_out);
}

static void items_hide(struct craft_node *node,
                       struct craft_forward_queue *queue, craft_index index,
                       craft_term term)
{
    for (uint32_t i = 0; i < queue->len; i++) {
        struct craft_forwarded *item = item_at(&node->forward, queue, i);

        if (item->index != 0 && !item->hidden && item->index <= index) {
            item->hidden = true;
            item->result =
                craft_fate_hidden(node, item->index, item->term, term);
            craft_changed(node, CRAFT_FACT_REQUEST_ENDED);
        }
    }
}

CRAFT_INTERNAL void craft_forward_hide(struct craft_node *node,
                                       craft_index index, craft_term term)
{
    items_hide(node, &node->forward.waiting, index, term);
    items_hide(node, &node->forward.entered, index, term);
}

static void item_tell(struct craft_node *node,
                      const struct craft_forwarded *item, int32_t result)
{
    node->out.token = item->token;
    node->out.index = item->index;
    node->out.result = result;
}

/* Of the waiting: those that ended without an entry are told, those with one
 * move on. */
static bool waiting_derive(struct craft_node *node)
{
    struct craft_forwarding *forward = &node->forward;

    while (forward->waiting.len > 0) {
        struct craft_forwarded *front = item_at(forward, &forward->waiting, 0);
        struct craft_forwarded item;

        if (item_open(front)) {
            if (node->phase == CRAFT_PHASE_STARTED) {
                return false;
            }
            unsent_drop(forward);
            item_end(node, front, CRAFT_RESULT_UNKNOWN);
        }
        item = item_pop(forward, &forward->waiting);
        forward->refused -= item.result == CRAFT_RESULT_REFUSED;
        if (item.token == 0) {
            continue; /* nobody wants to know */
        }
        if (item.result != CRAFT_RESULT_OK) {
            item_tell(node, &item, item.result);
            return true;
        }
        item_push(forward, &forward->entered, &item);
    }
    return false;
}

CRAFT_INTERNAL bool craft_forward_derive_done(struct craft_node *node)
{
    struct craft_forwarding *forward = &node->forward;
    const struct craft_forwarded *item;
    int32_t result;

    if (waiting_derive(node)) {
        return true;
    }
    if (forward->entered.len == 0) {
        return false;
    }
    item = item_at(forward, &forward->entered, 0);
    if (!item_fate(node, item, &result)) {
        return false;
    }
    item_tell(node, item, result);
    (void)item_pop(forward, &forward->entered);
    return true;
}
