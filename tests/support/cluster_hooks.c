/* What the nodes ask of their host; by hooks, or pulled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster_parts.h"
#include "test_memory.h"

#define LLU(x) ((unsigned long long)(x))

/* FNV-1a over what entries say and point to. */
static uint64_t sum_bytes(uint64_t sum, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ bytes[i]) * 1099511628211u;
    }
    return sum;
}

uint64_t cluster_sum(const craft_entry *entries, size_t entries_len)
{
    uint64_t sum = 14695981039346656037u;

    for (size_t i = 0; i < entries_len; i++) {
        sum = sum_bytes(sum, &entries[i].index, sizeof entries[i].index);
        sum = sum_bytes(sum, &entries[i].term, sizeof entries[i].term);
        sum = sum_bytes(sum, &entries[i].token, sizeof entries[i].token);
        sum = sum_bytes(sum, &entries[i].kind, sizeof entries[i].kind);
        sum = sum_bytes(sum, &entries[i].data_len, sizeof(size_t));
        sum = sum_bytes(sum, entries[i].data, entries[i].data_len);
    }
    return sum;
}

/* Begin and end of every hook. */
uint32_t cluster_hook_begin(struct cluster_node *node,
                            const craft_effect *effect)
{
    struct cluster *cluster = node->cluster;
    craft_status status = cluster_look(node);
    char line[256];

    cluster_watch_commit(node, &status);
    /* A node that is freed in its hook may have a successor by then. */
    if (node->hooks_running == node->life) {
        cluster_fail(cluster, "%u: a hook inside a hook", node->position);
    }
    node->hooks_running = node->life;
    node->effects[effect->kind]++;
    if (cluster->trace) {
        (void)craft_describe_effect(effect, line, sizeof line);
        (void)fprintf(stderr, "    %u: %s\n", node->position, line);
    }
    if (cluster->watch != NULL) {
        cluster->watch(node, effect);
    }
    return node->life;
}

void cluster_hook_end(struct cluster_node *node, uint32_t kind, uint32_t life)
{
    if (node->cluster->inside != NULL && node->node != NULL) {
        node->cluster->inside(node, kind);
    }
    if (node->hooks_running == life) {
        node->hooks_running = 0;
    }
    node->may_allocate = false; /* the rest of this input delivers */
}

bool cluster_ends_inside(struct cluster_node *node, uint32_t mode)
{
    return mode == CLUSTER_ENDS_INSIDE ||
           (mode == CLUSTER_ENDS_BY_CHANCE &&
            cluster_random(node->cluster, 2) == 0);
}

/* ------------------------------------------------------------------- send */

static uint64_t message_sum(const craft_message *message)
{
    uint64_t sum = sum_bytes(0, message, sizeof *message);

    if (message->kind == CRAFT_MESSAGE_SNAPSHOT) {
        sum = sum_bytes(sum, message->as.snapshot.configuration,
                        message->as.snapshot.configuration_len);
        sum = sum_bytes(sum, message->as.snapshot.data,
                        message->as.snapshot.data_len);
    }
    if (message->kind == CRAFT_MESSAGE_APPEND) {
        sum ^= cluster_sum(message->as.append.entries,
                           message->as.append.entries_len);
    } else if (message->kind == CRAFT_MESSAGE_FORWARD) {
        sum ^= cluster_sum(message->as.forward.entries,
                           message->as.forward.entries_len);
    }
    return sum;
}

static void message_check(struct cluster_node *node,
                          const craft_message *message)
{
    craft_status status = cluster_look(node);

    if (message->from != node->id || message->to == node->id ||
        message->group != node->cluster->options.config.group ||
        message->term != status.term || node->halted) {
        cluster_fail(node->cluster, "%u sends a message of %llu to %llu",
                     node->position, LLU(message->from), LLU(message->to));
    }
    if (message->kind == CRAFT_MESSAGE_APPEND &&
        (status.role != CRAFT_ROLE_LEADER ||
         message->as.append.commit > status.commit_index)) {
        cluster_fail(node->cluster, "%u sends an append as no leader does",
                     node->position);
    }
}

static void on_send(void *host, const craft_message *message)
{
    struct cluster_node *node = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_SEND, .message = message};
    uint64_t sum = message_sum(message);
    uint32_t life = cluster_hook_begin(node, &effect);

    message_check(node, message);
    if (!node->cluster->blind) {
        cluster_justify(node, message);
    }
    cluster_send(node, message);
    cluster_hook_end(node, CRAFT_EFFECT_SEND, life);
    if (node->node != NULL && node->life == life &&
        message_sum(message) != sum) {
        cluster_fail(node->cluster, "%u: a message changed inside its hook",
                     node->position);
    }
}

/* ---------------------------------------------------------------- persist */

static void on_persist(void *host, const craft_persist *persist)
{
    struct cluster_node *node = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_PERSIST, .persist = persist};
    uint64_t ticket = persist->ticket;
    uint32_t life = cluster_hook_begin(node, &effect);

    cluster_record_take(node, persist);
    if (node->disk_full && persist->entries_len > 0) {
        (void)cluster_persisted(node->cluster, node->position, ticket,
                                CRAFT_ENDING_NOSPACE);
    } else if (cluster_ends_inside(node, node->persist_ends)) {
        (void)cluster_persisted(node->cluster, node->position, ticket,
                                CRAFT_ENDING_OK);
    }
    cluster_hook_end(node, CRAFT_EFFECT_PERSIST, life);
}

/* ------------------------------------------------------------------ apply */

/* "the proposer's own, on the proposing server", else 0. */
void cluster_token_judge(struct cluster_node *node, const craft_entry *entry,
                         const struct cluster_entry *known)
{
    const struct cluster *cluster = node->cluster;
    const struct cluster_token *token;

    if (entry->token == 0) {
        return;
    }
    token = entry->token == known->token ? &cluster->tokens[entry->token - 1]
                                         : NULL;
    if (token == NULL || token->position != node->position ||
        token->life != node->life) {
        cluster_fail(node->cluster, "%u: entry %llu has a token of others",
                     node->position, LLU(entry->index));
    }
}

/* The state machine takes one command: each once, in the order of the log. */
static void machine_take(struct cluster_node *node, const craft_entry *entry)
{
    struct cluster *cluster = node->cluster;
    const struct cluster_log *committed = &cluster->committed;
    const struct cluster_entry *known;

    if (entry->index <= node->applied || entry->index > committed->len) {
        cluster_fail(cluster, "%u applies %llu after %llu, committed %zu",
                     node->position, LLU(entry->index), LLU(node->applied),
                     committed->len);
    }
    for (craft_index i = node->applied + 1; i < entry->index; i++) {
        if (committed->entries[i - 1]->kind == CRAFT_ENTRY_COMMAND) {
            cluster_fail(cluster, "%u never applies %llu", node->position,
                         LLU(i));
        }
    }
    known = committed->entries[entry->index - 1];
    if (entry->kind != CRAFT_ENTRY_COMMAND || entry->term != known->term ||
        entry->data_len != known->data_len ||
        (known->data_len > 0 &&
         memcmp(entry->data, known->data, known->data_len) != 0)) {
        cluster_fail(cluster, "state machine safety: %u applies %llu@%llu",
                     node->position, LLU(entry->index), LLU(entry->term));
    }
    cluster_token_judge(node, entry, known);
    if (known->token != 0 && known->token <= cluster->tokens_len) {
        struct cluster_token *token = &cluster->tokens[known->token - 1];

        if (token->state == CLUSTER_TOKEN_ENDED &&
            (token->result == CRAFT_RESULT_SUPERSEDED ||
             token->result == CRAFT_RESULT_REFUSED)) {
            cluster_fail(cluster, "%u applies token %llu, superseded",
                         node->position, LLU(known->token));
        }
        if (token->at != 0 && token->at != entry->index) {
            cluster_fail(cluster, "%u applies token %llu at %llu and at %llu",
                         node->position, LLU(known->token), LLU(token->at),
                         LLU(entry->index));
        }
        token->at = entry->index;
        token->applied = true;
        if (token->position == node->position && token->life == node->life) {
            token->applied_by |= 1u << node->position;
        }
    }
    node->applied = entry->index;
}

static void on_apply(void *host, const craft_entry *entries, size_t entries_len)
{
    struct cluster_node *node = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_APPLY,
                           .entries = entries,
                           .entries_len = entries_len};
    uint32_t life = cluster_hook_begin(node, &effect);

    if (node->batch != NULL || entries_len == 0) {
        cluster_fail(node->cluster, "%u: two batches to apply, or none",
                     node->position);
    }
    node->batch = entries;
    node->batch_len = entries_len;
    node->batch_sum = cluster_sum(entries, entries_len);
    node->batch_first = entries[0].index;
    node->batch_last = entries[entries_len - 1].index;
    if (node->batch_last - node->batch_first + 1 != entries_len ||
        node->batch_last > node->disk.log.len) {
        cluster_fail(node->cluster, "%u applies ahead of its disk",
                     node->position);
    }
    if (cluster_ends_inside(node, node->apply_ends)) {
        (void)cluster_applied(node->cluster, node->position, node->batch_last,
                              CRAFT_ENDING_OK);
    }
    cluster_hook_end(node, CRAFT_EFFECT_APPLY, life);
}

int cluster_applied(struct cluster *cluster, uint32_t position,
                    craft_index index, int ending)
{
    struct cluster_node *node = cluster_node(cluster, position);
    bool installs = node->installing != 0 && index == node->installing;
    bool open =
        installs || (node->batch != NULL && index + 1 >= node->batch_first &&
                     index <= node->batch_last);
    struct cluster_input input;
    int rv;

    if (installs) {
        node->installing = 0;
        node->applied = ending == CRAFT_ENDING_OK ? index : node->applied;
    } else if (open) {
        if (cluster_sum(node->batch, node->batch_len) != node->batch_sum) {
            cluster_fail(cluster, "%u: the batch to apply has changed",
                         position);
        }
        for (size_t i = 0; i < node->batch_len; i++) {
            if (node->batch[i].index <= index && ending == CRAFT_ENDING_OK &&
                !cluster->blind) {
                machine_take(node, &node->batch[i]);
            }
        }
        node->batch = NULL;
    }
    input = cluster_enter(node, false);
    rv = craft_applied(node->node, index, ending);
    if ((rv == 0) != open && rv > -900) {
        cluster_fail(cluster, "%u: applied %llu gives %d", position, LLU(index),
                     rv);
    }
    node->halted = node->halted || (rv == 0 && ending != CRAFT_ENDING_OK);
    cluster_leave(input);
    return rv;
}

bool cluster_apply_all(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);

    if (node->installing != 0) {
        (void)cluster_applied(cluster, position, node->installing,
                              CRAFT_ENDING_OK);
        return true;
    }
    if (node->batch == NULL) {
        return false;
    }
    (void)cluster_applied(cluster, position, node->batch_last, CRAFT_ENDING_OK);
    return true;
}

/* ------------------------------------------------------------------ fetch */

/* What the disk has of it, copied to memory that goes after the call. */
static size_t fetch_collect(const struct cluster_node *node,
                            const craft_fetch *fetch, craft_entry *entries)
{
    size_t len = 0;
    size_t bytes = 0;

    while (len < fetch->entries_max &&
           fetch->first + len <= node->disk.log.len) {
        const struct cluster_entry *from =
            node->disk.log.entries[fetch->first + len - 1];
        craft_entry *entry = &entries[len];

        if (len > 0 && bytes + from->data_len > fetch->bytes_max) {
            break;
        }
        bytes += from->data_len;
        memset(entry, 0, sizeof *entry);
        entry->index = from->index;
        entry->term = from->term;
        entry->kind = from->kind;
        entry->data = from->data_len > 0 ? from->data : NULL;
        entry->data_len = from->data_len;
        len++;
    }
    return len;
}

bool cluster_fetch_one(struct cluster *cluster, uint32_t position, int ending)
{
    struct cluster_node *node = cluster_node(cluster, position);
    craft_fetch fetch;
    craft_entry *entries;
    size_t len = 0;
    struct cluster_input input;
    int rv;

    if (node->fetches_len == 0) {
        return false;
    }
    fetch = node->fetches[0];
    node->fetches[0] = node->fetches[1];
    node->fetches_len--;
    entries = calloc(fetch.entries_max, sizeof *entries);
    if (entries == NULL) {
        abort();
    }
    if (fetch.first < node->disk.first) {
        ending = CRAFT_ENDING_ERROR; /* dropped meanwhile */
    }
    if (ending == CRAFT_ENDING_OK) {
        len = fetch_collect(node, &fetch, entries);
    }
    input = cluster_enter(node, true);
    do {
        rv = craft_fetched(node->node, fetch.ticket, entries, len, ending);
    } while (cluster_again(&input, rv));
    if (rv == CRAFT_ERR_CORRUPT || rv == CRAFT_ERR_NOMEM) {
        /* Its log has moved on, or no memory: it is asked for again. */
        rv = craft_fetched(node->node, fetch.ticket, NULL, 0,
                           CRAFT_ENDING_ERROR);
    }
    if (rv != 0 && rv > -900) {
        cluster_fail(cluster, "%u: fetched gives %d", position, rv);
    }
    test_memory_poison(entries, fetch.entries_max * sizeof *entries);
    free(entries);
    cluster_leave(input);
    return true;
}

int cluster_fetched(struct cluster *cluster, uint32_t position,
                    const craft_entry *entries, size_t entries_len)
{
    struct cluster_node *node = cluster_node(cluster, position);
    craft_fetch fetch = node->fetches[0];
    struct cluster_input input;
    int rv;

    if (node->fetches_len == 0) {
        return CRAFT_ERR_TICKET;
    }
    node->fetches[0] = node->fetches[1];
    node->fetches_len--;
    input = cluster_enter(node, true);
    do {
        rv = craft_fetched(node->node, fetch.ticket, entries, entries_len,
                           CRAFT_ENDING_OK);
    } while (cluster_again(&input, rv));
    if (rv == CRAFT_ERR_CORRUPT || rv == CRAFT_ERR_NOMEM) { /* still open */
        node->fetches[1] = node->fetches[0];
        node->fetches[0] = fetch;
        node->fetches_len++;
    }
    cluster_leave(input);
    return rv;
}

static void on_fetch(void *host, const craft_fetch *fetch)
{
    struct cluster_node *node = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_FETCH, .fetch = fetch};
    uint32_t life = cluster_hook_begin(node, &effect);

    if (node->fetches_len == 2 || fetch->entries_max == 0) {
        cluster_fail(node->cluster, "%u: too many fetches, or of nothing",
                     node->position);
    }
    if (fetch->first == 0 || fetch->first > node->disk.log.len ||
        fetch->first < node->disk.first) {
        cluster_fail(node->cluster, "%u fetches %llu, never written",
                     node->position, LLU(fetch->first));
    }
    node->fetches[node->fetches_len] = *fetch;
    node->fetches_len++;
    if (cluster_ends_inside(node, node->fetch_ends) && node->fetches_len == 1) {
        (void)cluster_fetch_one(node->cluster, node->position, CRAFT_ENDING_OK);
    }
    cluster_hook_end(node, CRAFT_EFFECT_FETCH, life);
}

/* ------------------------------------------------------------ done, event */

/* Has it led, or with 0 any other than this one, in any term? */
static bool has_led(const struct cluster_node *node, craft_id id)
{
    const struct cluster *cluster = node->cluster;

    for (size_t i = 0; i < cluster->terms_len; i++) {
        craft_id leader = cluster->terms[i].leader;

        if (leader != 0 && leader != node->id && (id == 0 || leader == id)) {
            return true;
        }
    }
    return false;
}

/* It may be told late, of a node that was held: by then all may be other. */
static void transfer_check(struct cluster_node *node,
                           const struct cluster_token *token, int result)
{
    craft_status status = cluster_look(node);
    bool good = result == CRAFT_RESULT_TIMEOUT;

    if (result == CRAFT_RESULT_OK) {
        good = has_led(node, token->transfer);
    } else if (result == CRAFT_RESULT_UNKNOWN) {
        good =
            (status.flags & (CRAFT_STATUS_STOPPED | CRAFT_STATUS_HALTED)) != 0;
    }
    if (!good) {
        cluster_fail(node->cluster, "%u ends a transfer with %d, leader %llu",
                     node->position, result, LLU(status.leader));
    }
}

/* Its state machine has all that was committed when the read was taken. */
static void read_check(struct cluster_node *node,
                       const struct cluster_token *token, int result,
                       craft_index index)
{
    craft_status status = cluster_look(node);

    if (result != CRAFT_RESULT_OK && result != CRAFT_RESULT_RETRY) {
        cluster_fail(node->cluster, "%u ends a read with %d", node->position,
                     result);
    }
    if (result == CRAFT_RESULT_OK &&
        (index < token->read_at || status.applied_index < index)) {
        cluster_fail(node->cluster,
                     "linearizable reads: %u reads at %llu, index %llu, when "
                     "%llu was committed",
                     node->position, LLU(status.applied_index), LLU(index),
                     LLU(token->read_at));
    }
}

/* Unknown is what nobody answered; refused is certain. */
static bool forward_check(const struct cluster_node *node,
                          const struct cluster_token *token, int result)
{
    if (result == CRAFT_RESULT_OK) {
        return token->applied_by != 0 || node->cluster->options.own_data;
    }
    return result == CRAFT_RESULT_UNKNOWN ||
           ((result == CRAFT_RESULT_SUPERSEDED ||
             result == CRAFT_RESULT_REFUSED) &&
            !token->applied);
}

static void token_check(struct cluster_node *node,
                        const struct cluster_token *token, int result,
                        craft_index index)
{
    craft_status status = cluster_look(node);
    bool ended =
        (status.flags & (CRAFT_STATUS_STOPPED | CRAFT_STATUS_HALTED)) != 0;

    if (token->state != CLUSTER_TOKEN_OPEN ||
        token->position != node->position || token->life != node->life) {
        cluster_fail(node->cluster, "%u ends a token that is not open",
                     node->position);
    }
    if (node->cluster->blind) {
        return;
    }
    if (token->is_transfer) {
        transfer_check(node, token, result);
        return;
    }
    if (token->is_read) {
        read_check(node, token, result, index);
        return;
    }
    if (token->is_forwarded && forward_check(node, token, result)) {
        return;
    }
    if ((result == CRAFT_RESULT_OK && token->applied_by == 0 &&
         node->installs == 0) ||
        (result == CRAFT_RESULT_SUPERSEDED && token->applied) ||
        result > CRAFT_RESULT_UNKNOWN ||
        (result == CRAFT_RESULT_UNKNOWN && !ended && node->installs == 0) ||
        (result != CRAFT_RESULT_UNKNOWN && ended)) {
        cluster_fail(node->cluster, "%u ends a token with %d, which is wrong",
                     node->position, result);
    }
}

static void on_done(void *host, uint64_t token, int result, craft_index index)
{
    struct cluster_node *node = host;
    struct cluster *cluster = node->cluster;
    craft_effect effect = {.kind = CRAFT_EFFECT_DONE,
                           .token = token,
                           .result = result,
                           .index = index};
    uint32_t life = cluster_hook_begin(node, &effect);

    if (token == 0 || token > cluster->tokens_len) {
        cluster_fail(cluster, "%u ends token %llu, never given", node->position,
                     LLU(token));
    }
    token_check(node, &cluster->tokens[token - 1], result, index);
    cluster->tokens[token - 1].state = CLUSTER_TOKEN_ENDED;
    cluster->tokens[token - 1].result = result;
    cluster->tokens[token - 1].index = index;
    cluster_hook_end(node, CRAFT_EFFECT_DONE, life);
}

static void on_event(void *host, const craft_event *event)
{
    struct cluster_node *node = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_EVENT, .event = event};
    uint32_t life = cluster_hook_begin(node, &effect);

    if (event->kind >= CRAFT_EVENT_KIND_END || event->count == 0) {
        cluster_fail(node->cluster, "%u: an event of kind %u", node->position,
                     event->kind);
    }
    node->events[event->kind] = *event;
    cluster_hook_end(node, CRAFT_EFFECT_EVENT, life);
}

const craft_hooks cluster_hooks = {.struct_size = sizeof(craft_hooks),
                                   .send = on_send,
                                   .persist = on_persist,
                                   .apply = on_apply,
                                   .fetch = on_fetch,
                                   .done = on_done,
                                   .event = on_event,
                                   .snapshot_read = cluster_on_read,
                                   .snapshot_write = cluster_on_write,
                                   .install = cluster_on_install};

/* ------------------------------------------------------------------- pull */

static void effect_take(struct cluster_node *node, const craft_effect *effect)
{
    switch (effect->kind) {
    case CRAFT_EFFECT_SEND:
        on_send(node, effect->message);
        break;
    case CRAFT_EFFECT_PERSIST:
        on_persist(node, effect->persist);
        break;
    case CRAFT_EFFECT_FETCH:
        on_fetch(node, effect->fetch);
        break;
    case CRAFT_EFFECT_APPLY:
        on_apply(node, effect->entries, effect->entries_len);
        break;
    case CRAFT_EFFECT_SNAPSHOT_READ:
        cluster_on_read(node, effect->snapshot_read);
        break;
    case CRAFT_EFFECT_SNAPSHOT_WRITE:
        cluster_on_write(node, effect->snapshot_write);
        break;
    case CRAFT_EFFECT_INSTALL:
        cluster_on_install(node, effect->snapshot);
        break;
    case CRAFT_EFFECT_DONE:
        on_done(node, effect->token, effect->result, effect->index);
        break;
    default:
        on_event(node, effect->event);
        break;
    }
}

/* Pull until nothing is left, also of a node that replaced this one. */
void cluster_pump(struct cluster_node *node)
{
    craft_effect effect = {.struct_size = sizeof effect};

    if (node->pumping) {
        return;
    }
    node->pumping = true;
    while (node->node != NULL && craft_next_effect(node->node, &effect) == 1) {
        effect_take(node, &effect);
    }
    node->pumping = false;
}
