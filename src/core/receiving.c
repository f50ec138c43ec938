#include "core/receiving.h"

static void bytes_free(struct craft_node *node, struct craft_blob *blob)
{
    craft_memory_free(&node->config.allocator, blob->bytes, blob->len);
    blob->bytes = NULL;
    blob->len = 0;
}

static void staged_free(struct craft_node *node)
{
    struct craft_receiving *receiving = &node->receiving;

    bytes_free(node, &receiving->staged);
    bytes_free(node, &receiving->staged_configuration);
    craft_members_pop(&receiving->staged_members, 0, &node->config.allocator);
}

CRAFT_INTERNAL void craft_receiving_reset(struct craft_node *node)
{
    struct craft_receiving *receiving = &node->receiving;

    while (receiving->len > 0) {
        bytes_free(node, &receiving->arrived[receiving->first]);
        receiving->first = (receiving->first + 1) % CRAFT_ARRIVED_MAX;
        receiving->len--;
    }
    bytes_free(node, &receiving->configuration);
    craft_members_pop(&receiving->members, 0, &node->config.allocator);
    memset(&receiving->incoming, 0, sizeof receiving->incoming);
    receiving->from = 0;
    receiving->received = 0;
    receiving->written = 0;
    receiving->begun = false;
    receiving->complete = false;
    receiving->reply_owed = false;
    receiving->gap = false;
}

CRAFT_INTERNAL void craft_receiving_taken(struct craft_node *node)
{
    struct craft_receiving *receiving = &node->receiving;

    CRAFT_ASSERT(receiving->complete);
    receiving->configuration.bytes = NULL;
    receiving->configuration.len = 0;
    receiving->members = NULL;
    craft_receiving_reset(node);
}

CRAFT_INTERNAL void craft_receiving_free(struct craft_node *node)
{
    staged_free(node);
    craft_receiving_reset(node);
}

/* ------------------------------------------------------------------- check */

CRAFT_INTERNAL int craft_receiving_check(const struct craft_node *node,
                                         const craft_message *message)
{
    const craft_snapshot_part *part = &message->as.snapshot;
    craft_index known = node->commit_index;

    if (part->index == 0 || part->index >= CRAFT_NUMBER_MAX - 1 ||
        part->term == 0 || part->term > message->term ||
        part->size >= CRAFT_NUMBER_MAX || part->offset > part->size ||
        part->data_len > part->size - part->offset ||
        (part->data == NULL && part->data_len > 0) ||
        craft_members_carried_size(part->configuration, part->configuration_len,
                                   node->config.members_max) == 0) {
        return CRAFT_ERR_MESSAGE;
    }
    /*
     * What is committed, or compared with this leader's log, is the same there
     * (openraft 1892): who contradicts that is no leader of this group.
     */
    if (message->term == node->standing.term &&
        node->following.verified > known) {
        known = node->following.verified;
    }
    if (part->index <= known && part->index >= node->log.base &&
        part->term != craft_log_term(&node->log, part->index)) {
        return CRAFT_ERR_MESSAGE;
    }
    return 0;
}

CRAFT_INTERNAL bool craft_receiving_covered(const struct craft_node *node,
                                            craft_index index, craft_term term)
{
    return index <= node->commit_index ||
           (index <= node->log.last &&
            term == craft_log_term(&node->log, index));
}

/* ----------------------------------------------------------------- reserve */

/* Is it the one that arrives? Bytes without a digest are comparable with the
 * same sender's only. */
static bool part_continues(const struct craft_receiving *receiving,
                           const craft_message *message)
{
    const craft_snapshot_part *part = &message->as.snapshot;
    const craft_snapshot *incoming = &receiving->incoming;

    return part->index == incoming->index && part->term == incoming->term &&
           part->size == incoming->size && part->digest == incoming->digest &&
           (part->digest != 0 || message->from == receiving->from);
}

static int bytes_copy(struct craft_node *node, const uint8_t *bytes, size_t len,
                      struct craft_blob *blob_out)
{
    blob_out->bytes = craft_memory_alloc(&node->config.allocator, len);
    if (blob_out->bytes == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    blob_out->len = len;
    memcpy(blob_out->bytes, bytes, len);
    return 0;
}

/* All that taking it over will need. */
static int begin_reserve(struct craft_node *node,
                         const craft_snapshot_part *part)
{
    const craft_allocator *allocator = &node->config.allocator;
    size_t size = craft_members_carried_size(
        part->configuration, part->configuration_len, node->config.members_max);
    struct craft_members *members = craft_memory_alloc(allocator, size);
    int rv;

    if (members == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    craft_members_decode(part->configuration, part->configuration_len, size,
                         members);
    node->receiving.staged_members = members;
    if (members->index > part->index) {
        return CRAFT_ERR_MESSAGE;
    }
    rv = craft_peers_reserve(&node->peers, allocator, members, node->config.id);
    if (rv == 0) {
        rv = craft_log_reserve(&node->log, 1, craft_log_space(0), 1);
    }
    if (rv == 0) {
        rv = bytes_copy(node, part->configuration, part->configuration_len,
                        &node->receiving.staged_configuration);
    }
    return rv;
}

CRAFT_INTERNAL int craft_receiving_reserve(struct craft_node *node,
                                           const craft_message *message)
{
    const struct craft_receiving *receiving = &node->receiving;
    const craft_snapshot_part *part = &message->as.snapshot;
    int rv = 0;

    staged_free(node);
    if (receiving->complete ||
        craft_receiving_covered(node, part->index, part->term)) {
        return 0;
    }
    if (part_continues(receiving, message)) {
        if (part->data_len > 0 && receiving->begun &&
            part->offset == receiving->received &&
            receiving->len < CRAFT_ARRIVED_MAX) {
            rv = bytes_copy(node, part->data, part->data_len,
                            &node->receiving.staged);
        }
    } else if (part->data_len == 0 && receiving->ticket == 0) {
        rv = begin_reserve(node, part);
    }
    if (rv != 0) {
        staged_free(node);
    }
    return rv;
}

/* ----------------------------------------------------------------- happen */

static void arrival_begins(struct craft_node *node,
                           const craft_message *message)
{
    struct craft_receiving *receiving = &node->receiving;
    const craft_snapshot_part *part = &message->as.snapshot;
    craft_snapshot *incoming = &receiving->incoming;

    CRAFT_ASSERT(receiving->ticket == 0);
    craft_receiving_reset(node);
    receiving->members = receiving->staged_members;
    receiving->staged_members = NULL;
    receiving->configuration = receiving->staged_configuration;
    receiving->staged_configuration.bytes = NULL;
    receiving->staged_configuration.len = 0;
    receiving->from = message->from;
    incoming->struct_size = (uint32_t)sizeof *incoming;
    incoming->index = part->index;
    incoming->term = part->term;
    incoming->size = part->size;
    incoming->digest = part->digest;
    incoming->configuration = receiving->configuration.bytes;
    incoming->configuration_len = receiving->configuration.len;
    craft_changed(node, CRAFT_FACT_PART_ARRIVED);
}

CRAFT_INTERNAL void craft_receiving_on_part(struct craft_node *node,
                                            const craft_message *message)
{
    struct craft_receiving *receiving = &node->receiving;
    const craft_snapshot_part *part = &message->as.snapshot;

    if (receiving->staged_members != NULL) {
        arrival_begins(node, message);
        return;
    }
    if (!part_continues(receiving, message) || !receiving->begun) {
        return; /* of another, or the host has not answered: offered again */
    }
    receiving->from = message->from;
    if (receiving->staged.bytes != NULL) {
        receiving
            ->arrived[(receiving->first + receiving->len) % CRAFT_ARRIVED_MAX] =
            receiving->staged;
        receiving->len++;
        receiving->received += receiving->staged.len;
        receiving->staged.bytes = NULL;
        receiving->staged.len = 0;
    } else if (part->data_len == 0 || part->offset > receiving->received) {
        receiving->reply_owed = true;
        receiving->gap = part->data_len > 0;
    }
    craft_changed(node, CRAFT_FACT_PART_ARRIVED);
}

/* ----------------------------------------------------------------- endings */

/* How far a write that ends well has come; false: not so far. */
static bool write_fits(const struct craft_receiving *receiving, uint64_t offset)
{
    if (!receiving->begun) {
        return offset <= receiving->incoming.size;
    }
    return offset ==
           receiving->written + receiving->arrived[receiving->first].len;
}

CRAFT_INTERNAL int craft_receiving_written(struct craft_node *node,
                                           uint64_t ticket, uint64_t offset)
{
    struct craft_receiving *receiving = &node->receiving;

    if (ticket == 0 || ticket != receiving->ticket) {
        return CRAFT_ERR_TICKET;
    }
    if (!write_fits(receiving, offset)) {
        return CRAFT_ERR_INVALID;
    }
    receiving->ticket = 0;
    receiving->written = offset;
    if (!receiving->begun) {
        receiving->begun = true;
        receiving->received = offset;
    } else {
        bytes_free(node, &receiving->arrived[receiving->first]);
        receiving->first = (receiving->first + 1) % CRAFT_ARRIVED_MAX;
        receiving->len--;
    }
    receiving->reply_owed = true;
    craft_changed(node, CRAFT_FACT_PART_ARRIVED);
    if (offset == receiving->incoming.size) {
        receiving->complete = true;
        craft_changed(node, CRAFT_FACT_RECEIVED);
    }
    return 0;
}

CRAFT_INTERNAL int craft_receiving_failed(struct craft_node *node,
                                          uint64_t ticket)
{
    if (ticket == 0 || ticket != node->receiving.ticket) {
        return CRAFT_ERR_TICKET;
    }
    node->receiving.ticket = 0;
    craft_receiving_reset(node);
    return 0;
}

/* ----------------------------------------------------------------- effects */

CRAFT_INTERNAL bool craft_receiving_derive(struct craft_node *node)
{
    struct craft_receiving *receiving = &node->receiving;
    craft_snapshot_reply *reply;

    if (!receiving->reply_owed || node->standing.leader == 0 ||
        node->standing.role != CRAFT_ROLE_FOLLOWER) {
        return false;
    }
    reply = &craft_message_begin(node, CRAFT_MESSAGE_SNAPSHOT_REPLY,
                                 node->standing.leader)
                 ->as.snapshot_reply;
    reply->index = receiving->incoming.index;
    reply->term = receiving->incoming.term;
    reply->offset = receiving->received;
    reply->written = receiving->written;
    reply->gap = receiving->gap;
    reply->reserved = 0;
    receiving->reply_owed = false;
    receiving->gap = false;
    return true;
}

CRAFT_INTERNAL bool craft_receiving_derive_write(struct craft_node *node)
{
    struct craft_receiving *receiving = &node->receiving;
    craft_snapshot_write *write = &node->out.snapshot_write;
    const struct craft_blob *bytes = &receiving->arrived[receiving->first];

    node->due &=
        ~(uint32_t)CRAFT_DERIVE_CHUNK_WRITE; /* an ending looks again */
    if (receiving->ticket != 0 || receiving->incoming.index == 0 ||
        receiving->complete || (receiving->begun && receiving->len == 0)) {
        return false;
    }
    receiving->ticket = receiving->next_ticket;
    receiving->next_ticket++;
    write->struct_size = (uint32_t)sizeof *write;
    write->ticket = receiving->ticket;
    write->snapshot = &receiving->incoming;
    write->offset = receiving->written;
    write->data = receiving->begun ? bytes->bytes : NULL;
    write->data_len = receiving->begun ? bytes->len : 0;
    write->flags = receiving->begun ? 0u : CRAFT_SNAPSHOT_WRITE_FIRST;
    if (write->offset + write->data_len == receiving->incoming.size) {
        write->flags |= CRAFT_SNAPSHOT_WRITE_LAST;
    }
    return true;
}
