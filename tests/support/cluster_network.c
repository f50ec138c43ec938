/* Messages under way: they outlive whoever sent them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster_parts.h"
#include "test_memory.h"

static void message_free(struct cluster_message *message)
{
    free(message->entries);
    free(message->part);
    free(message->commands);
    free(message);
}

static void network_add(struct cluster *cluster,
                        struct cluster_message *message)
{
    cluster->network = cluster_grow(cluster->network, &cluster->network_max,
                                    cluster->network_len + 1,
                                    sizeof(struct cluster_message *));
    cluster->serial++;
    message->serial = cluster->serial;
    cluster->network[cluster->network_len] = message;
    cluster->network_len++;
}

/* The bytes that a part of a snapshot points to. */
static void part_keep(struct cluster_message *message,
                      const craft_snapshot_part *from)
{
    craft_snapshot_part *part = &message->message.as.snapshot;

    message->part_len = from->configuration_len + from->data_len;
    message->part = malloc(message->part_len + 1);
    if (message->part == NULL) {
        abort();
    }
    memcpy(message->part, from->configuration, from->configuration_len);
    part->configuration = message->part;
    part->data = NULL;
    if (from->data_len > 0) {
        memcpy(message->part + from->configuration_len, from->data,
               from->data_len);
        part->data = message->part + from->configuration_len;
    }
}

/* A block of its own, with the data behind the entries; NULL for none. */
static craft_entry *commands_copy(const craft_entry *commands, size_t len)
{
    size_t size = len * sizeof *commands;
    craft_entry *copy;
    uint8_t *data;

    for (size_t i = 0; i < len; i++) {
        size += commands[i].data_len;
    }
    if (len == 0) {
        return NULL;
    }
    copy = malloc(size);
    if (copy == NULL) {
        abort();
    }
    data = (uint8_t *)(copy + len);
    for (size_t i = 0; i < len; i++) {
        copy[i] = commands[i];
        copy[i].data = data;
        if (commands[i].data_len > 0) {
            memcpy(data, commands[i].data, commands[i].data_len);
        }
        data += commands[i].data_len;
    }
    return copy;
}

static struct cluster_message *message_copy(struct cluster *cluster,
                                            const craft_message *message)
{
    struct cluster_message *copy = calloc(1, sizeof *copy);
    size_t len = message->kind == CRAFT_MESSAGE_APPEND
                     ? message->as.append.entries_len
                     : 0;

    if (copy == NULL) {
        abort();
    }
    copy->message = *message;
    if (message->kind == CRAFT_MESSAGE_SNAPSHOT) {
        part_keep(copy, &message->as.snapshot);
    }
    copy->from = cluster_position(cluster, message->from);
    copy->to = cluster_position(cluster, message->to);
    if (message->kind == CRAFT_MESSAGE_FORWARD) {
        copy->commands_len = message->as.forward.entries_len;
        copy->commands = commands_copy(message->as.forward.entries,
                                       message->as.forward.entries_len);
        copy->message.as.forward.entries = NULL;
    }
    if (len > 0) {
        copy->entries = malloc(len * sizeof *copy->entries);
        if (copy->entries == NULL) {
            abort();
        }
        copy->message.as.append.entries = NULL;
    }
    for (size_t i = 0; i < len; i++) {
        const craft_entry *entry = &message->as.append.entries[i];

        copy->entries[i] =
            cluster_entry_find(cluster, entry->index, entry->term);
        if (copy->entries[i] == NULL) { /* blind: nobody has noted it */
            copy->entries[i] =
                cluster_entry_note(&cluster->nodes[copy->from], entry, 0);
        }
    }
    copy->entries_len = len;
    return copy;
}

void cluster_send(struct cluster_node *node, const craft_message *message)
{
    struct cluster *cluster = node->cluster;
    struct cluster_message *copy = message_copy(cluster, message);

    if ((cluster->cut[copy->from] >> copy->to & 1u) != 0) {
        message_free(copy);
        return;
    }
    network_add(cluster, copy);
}

static bool message_matches(const struct cluster_message *message,
                            struct cluster_filter filter)
{
    return (filter.from == 0 || filter.from == message->from) &&
           (filter.to == 0 || filter.to == message->to) &&
           (filter.kind == 0 || filter.kind == message->message.kind);
}

size_t cluster_count(const struct cluster *cluster,
                     struct cluster_filter filter)
{
    size_t count = 0;

    for (size_t i = 0; i < cluster->network_len; i++) {
        count += message_matches(cluster->network[i], filter);
    }
    return count;
}

struct cluster_message *cluster_find(struct cluster *cluster,
                                     struct cluster_filter filter, size_t at)
{
    for (size_t i = 0; i < cluster->network_len; i++) {
        if (message_matches(cluster->network[i], filter)) {
            if (at == 0) {
                return cluster->network[i];
            }
            at--;
        }
    }
    return NULL;
}

static void network_remove(struct cluster *cluster,
                           const struct cluster_message *message)
{
    size_t i = 0;

    while (i < cluster->network_len && cluster->network[i] != message) {
        i++;
    }
    if (i == cluster->network_len) {
        return;
    }
    cluster->network_len--;
    memmove(cluster->network + i, cluster->network + i + 1,
            (cluster->network_len - i) * sizeof(struct cluster_message *));
}

void cluster_drop_message(struct cluster *cluster,
                          struct cluster_message *message)
{
    network_remove(cluster, message);
    message_free(message);
}

size_t cluster_drop(struct cluster *cluster, struct cluster_filter filter)
{
    struct cluster_message *message;
    size_t count = 0;

    while ((message = cluster_find(cluster, filter, 0)) != NULL) {
        cluster_drop_message(cluster, message);
        count++;
    }
    return count;
}

struct cluster_message *
cluster_copy_message(struct cluster *cluster,
                     const struct cluster_message *message)
{
    struct cluster_message *copy = calloc(1, sizeof *copy);

    if (copy == NULL) {
        abort();
    }
    *copy = *message;
    if (message->part != NULL) {
        part_keep(copy, &message->message.as.snapshot);
    }
    copy->label[0] = '\0';
    copy->entries = NULL;
    copy->commands = commands_copy(message->commands, message->commands_len);
    if (message->entries_len > 0) {
        copy->entries = malloc(message->entries_len * sizeof *copy->entries);
        if (copy->entries == NULL) {
            abort();
        }
        memcpy(copy->entries, message->entries,
               message->entries_len * sizeof *copy->entries);
    }
    network_add(cluster, copy);
    return copy;
}

bool cluster_duplicate(struct cluster *cluster, struct cluster_filter filter)
{
    const struct cluster_message *message = cluster_find(cluster, filter, 0);

    if (message == NULL) {
        return false;
    }
    (void)cluster_copy_message(cluster, message);
    return true;
}

void cluster_delay_message(struct cluster *cluster,
                           struct cluster_message *message)
{
    network_remove(cluster, message);
    network_add(cluster, message);
}

void cluster_cut(struct cluster *cluster, uint32_t from, uint32_t to)
{
    cluster->cut[from] |= 1u << to;
}

void cluster_isolate(struct cluster *cluster, uint32_t position)
{
    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        cluster_cut(cluster, i, position);
        cluster_cut(cluster, position, i);
    }
}

void cluster_heal(struct cluster *cluster)
{
    memset(cluster->cut, 0, sizeof cluster->cut);
}

/* --------------------------------------------------------------- delivery */

/* Through the codec, from a buffer that goes at once. */
static int receive_bytes(struct cluster_node *node,
                         const craft_message *message)
{
    size_t len = craft_message_encoded_len(message);
    uint8_t *bytes = malloc(len + 1);
    size_t written = 0;
    int rv;

    if (bytes == NULL) {
        abort();
    }
    rv = craft_message_encode(message, bytes, len, &written);
    if (rv != 0 || written != len) {
        cluster_fail(node->cluster, "a message cannot be encoded: %d", rv);
    }
    rv = craft_receive_bytes(node->node, bytes, len);
    test_memory_poison(bytes, len);
    free(bytes);
    return rv;
}

/* Those of an append, or the commands of a forward; how many. */
static size_t entries_of(const craft_message *message,
                         const craft_entry **entries)
{
    *entries = NULL;
    if (message->kind == CRAFT_MESSAGE_APPEND) {
        *entries = message->as.append.entries;
        return message->as.append.entries_len;
    }
    if (message->kind == CRAFT_MESSAGE_FORWARD) {
        *entries = message->as.forward.entries;
        return message->as.forward.entries_len;
    }
    return 0;
}

static void entries_set(craft_message *message, const craft_entry *entries,
                        size_t entries_len)
{
    if (message->kind == CRAFT_MESSAGE_APPEND) {
        message->as.append.entries = entries;
        message->as.append.entries_len = entries_len;
    } else if (message->kind == CRAFT_MESSAGE_FORWARD) {
        message->as.forward.entries = entries;
        message->as.forward.entries_len = entries_len;
    }
}

/* The node gets copies that go when the call returns. */
static int message_receive(struct cluster_node *node, craft_message *message)
{
    const craft_entry *from;
    size_t len = entries_of(message, &from);
    craft_entry *entries = calloc(len + 1, sizeof *entries);
    struct cluster_input input;
    int rv;

    if (entries == NULL) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t *data = malloc(from[i].data_len + 1);

        if (data == NULL) {
            abort();
        }
        entries[i] = from[i];
        entries[i].token = 0xbadbad;
        if (from[i].data_len > 0) {
            memcpy(data, from[i].data, from[i].data_len);
        }
        entries[i].data = data;
    }
    entries_set(message, entries, len);
    input = cluster_enter(node, true);
    do {
        rv = node->cluster->options.bytes ? receive_bytes(node, message)
                                          : craft_receive(node->node, message);
    } while (cluster_again(&input, rv));
    for (size_t i = 0; i < len; i++) {
        union {
            const uint8_t *given;
            uint8_t *own;
        } data = {.given = entries[i].data};

        test_memory_poison(data.own, from[i].data_len);
        free(data.own);
    }
    test_memory_poison(entries, (len + 1) * sizeof *entries);
    free(entries);
    cluster_leave(input);
    return rv;
}

static void delivery_trace(const struct cluster *cluster,
                           const craft_message *message)
{
    char line[256];

    if (cluster->trace) {
        (void)craft_describe_message(message, line, sizeof line);
        (void)fprintf(stderr, "deliver %s\n", line);
    }
}

static craft_entry *entries_unfold(const struct cluster_message *message)
{
    craft_entry *entries = calloc(message->entries_len + 1, sizeof *entries);

    if (message->commands_len > 0) {
        free(entries);
        return commands_copy(message->commands, message->commands_len);
    }

    if (entries == NULL) {
        abort();
    }
    for (size_t i = 0; i < message->entries_len; i++) {
        const struct cluster_entry *from = message->entries[i];

        entries[i].index = from->index;
        entries[i].term = from->term;
        entries[i].kind = from->kind;
        entries[i].data = from->data;
        entries[i].data_len = from->data_len;
    }
    return entries;
}

void cluster_describe(const struct cluster_message *message, char *text,
                      size_t size)
{
    craft_message copy = message->message;
    craft_entry *entries = entries_unfold(message);

    entries_set(&copy, entries, message->entries_len + message->commands_len);
    (void)craft_describe_message(&copy, text, size);
    free(entries);
}

int cluster_deliver_message(struct cluster *cluster,
                            struct cluster_message *message, bool keep)
{
    struct cluster_node *node = cluster_node(cluster, message->to);
    craft_message copy = message->message;
    craft_entry *entries = entries_unfold(message);
    uint32_t from = message->from;
    struct cluster_message part = *message;
    int rv = 0;

    part.part = NULL;
    entries_set(&copy, entries, message->entries_len + message->commands_len);
    if (copy.kind == CRAFT_MESSAGE_SNAPSHOT) {
        part_keep(&part, &copy.as.snapshot);
        copy.as.snapshot = part.message.as.snapshot;
    }
    if (!keep) {
        cluster_drop_message(cluster, message);
    }
    if (node->node != NULL) {
        delivery_trace(cluster, &copy);
        rv = message_receive(node, &copy);
        if (rv != 0 && rv != CRAFT_ERR_NOMEM && rv > -900 &&
            !cluster_node(cluster, from)->puppet) {
            cluster_fail(cluster, "%u refuses what %u sent: %s", node->position,
                         from, craft_error_name(rv));
        }
    }
    if (part.part != NULL) {
        test_memory_poison(part.part, part.part_len);
        free(part.part);
    }
    free(entries);
    return rv;
}

/* Can it arrive now? What is for a puppet waits for the test, what is for a
 * stranger for ever. */
static bool message_can_arrive(struct cluster *cluster,
                               const struct cluster_message *message)
{
    return message->to != 0 && message->label[0] == '\0' &&
           (cluster->cut[message->from] >> message->to & 1u) == 0 &&
           !cluster_node(cluster, message->to)->puppet;
}

bool cluster_deliver_one(struct cluster *cluster, struct cluster_filter filter)
{
    for (size_t i = 0; i < cluster->network_len; i++) {
        struct cluster_message *message = cluster->network[i];

        if (message_matches(message, filter) &&
            message_can_arrive(cluster, message)) {
            (void)cluster_deliver_message(cluster, message, false);
            return true;
        }
    }
    return false;
}

size_t cluster_deliver(struct cluster *cluster, struct cluster_filter filter)
{
    uint64_t until = cluster->serial;
    size_t i = 0;
    size_t count = 0;

    while (i < cluster->network_len && cluster->network[i]->serial <= until) {
        struct cluster_message *message = cluster->network[i];

        if (message_matches(message, filter) &&
            message_can_arrive(cluster, message)) {
            (void)cluster_deliver_message(cluster, message, false);
            count++;
            i = 0; /* a hook may have moved the others */
        } else {
            i++;
        }
    }
    return count;
}

/* ---------------------------------------------------------------- puppets */

int cluster_inject(struct cluster *cluster, const craft_message *message)
{
    struct cluster_node *from =
        cluster_node(cluster, cluster_position(cluster, message->from));
    struct cluster_node *to =
        cluster_node(cluster, cluster_position(cluster, message->to));
    craft_message copy = *message;

    if (message->kind == CRAFT_MESSAGE_APPEND) {
        cluster_note_append(from, message);
    }
    delivery_trace(cluster, &copy);
    return message_receive(to, &copy);
}

int cluster_inject_hostile(struct cluster *cluster, uint32_t to,
                           const craft_message *message)
{
    struct cluster_node *node = cluster_node(cluster, to);
    struct cluster_input input;
    int rv;

    delivery_trace(cluster, message);
    input = cluster_enter(node, true);
    do {
        rv = craft_receive(node->node, message);
    } while (cluster_again(&input, rv));
    cluster_leave(input);
    return rv;
}

int cluster_inject_bytes(struct cluster *cluster, uint32_t to,
                         const uint8_t *data, size_t data_len)
{
    struct cluster_node *node = cluster_node(cluster, to);
    struct cluster_input input = cluster_enter(node, true);
    int rv;

    do {
        rv = craft_receive_bytes(node->node, data, data_len);
    } while (cluster_again(&input, rv));
    cluster_leave(input);
    return rv;
}
