#include "core/sending.h"

CRAFT_INTERNAL void craft_sending_free(struct craft_node *node)
{
    craft_memory_free(&node->config.allocator, node->sending.data,
                      node->sending.data_max);
}

CRAFT_INTERNAL void craft_sending_reset(struct craft_node *node)
{
    struct craft_sending *sending = &node->sending;

    node->peers.want_offer = 0;
    node->peers.want_part = 0;
    if (sending->index != 0) {
        sending->index = 0;
        sending->data_len = 0;
        craft_changed(node, CRAFT_FACT_SNAPSHOT);
    }
}

static bool peer_waits(const struct craft_peer *peer)
{
    return peer->progress == CRAFT_PROGRESS_SNAPSHOT;
}

/* With this snapshot from now on: whatever was sent was of another. */
static void send_from(struct craft_node *node, craft_index index)
{
    node->sending.index = index;
    node->sending.data_len = 0;
    node->peers.want_part = 0;
    for (uint32_t i = 0; i < node->peers.len; i++) {
        node->peers.slots[i].part_known = false;
    }
    craft_changed(node, CRAFT_FACT_SNAPSHOT);
}

/*
 * What peers get; NULL: nothing can be sent. Another one when the log behind it
 * had to go: with the old one no peer could go on by appends.
 */
static const craft_snapshot *sent_now(struct craft_node *node)
{
    craft_index index = node->sending.index;

    if (node->hooks.snapshot_read == NULL ||
        node->standing.role != CRAFT_ROLE_LEADER) {
        return NULL;
    }
    if (index != node->snapshot.latest.index &&
        (index < node->log.base || craft_snapshot_kept(node, index) == NULL)) {
        send_from(node, node->snapshot.latest.index);
    }
    return craft_snapshot_kept(node, node->sending.index);
}

/* -------------------------------------------------------------------- time */

CRAFT_INTERNAL void craft_sending_elapse(struct craft_node *node,
                                         uint32_t ticks)
{
    for (uint32_t i = 0; i < node->peers.len; i++) {
        struct craft_peer *peer = &node->peers.slots[i];

        peer->part_ticks = ticks > UINT32_MAX - peer->part_ticks
                               ? UINT32_MAX
                               : peer->part_ticks + ticks;
    }
}

CRAFT_INTERNAL void craft_sending_beat(struct craft_node *node)
{
    bool waits = false;

    for (uint32_t i = 0; i < node->peers.len; i++) {
        struct craft_peer *peer = &node->peers.slots[i];

        if (!peer_waits(peer)) {
            continue;
        }
        waits = true;
        if (peer->part_ticks >= node->config.election_ticks) {
            peer->part_known = false; /* all under way may be lost */
        }
        if (!peer->part_known) {
            node->peers.want_offer |= (uint64_t)1 << i;
            craft_changed(node, CRAFT_FACT_PART_WANTED);
        }
    }
    if (!waits && node->sending.index != 0) {
        craft_sending_reset(node);
    }
}

/* ----------------------------------------------------------------- replies */

CRAFT_INTERNAL int craft_sending_check(const craft_message *message)
{
    const craft_snapshot_reply *reply = &message->as.snapshot_reply;

    return reply->gap > 1 || reply->written > reply->offset ||
                   (reply->index | reply->term | reply->offset) >=
                       CRAFT_NUMBER_MAX
               ? CRAFT_ERR_MESSAGE
               : 0;
}

static size_t chunk_bytes_max(const struct craft_node *node)
{
    size_t most = node->config.message_bytes_max;

    return node->config.snapshot_chunk_bytes < most
               ? node->config.snapshot_chunk_bytes
               : most;
}

/* Is there more for it, within its window? */
static bool part_fits(const struct craft_node *node,
                      const struct craft_peer *peer, uint64_t size)
{
    uint64_t window =
        (uint64_t)node->config.snapshot_window * chunk_bytes_max(node);

    return peer_waits(peer) && peer->part_known && peer->part_sent < size &&
           peer->part_sent - peer->part_written < window;
}

static void part_want(struct craft_node *node, uint32_t slot, uint64_t size)
{
    if (part_fits(node, &node->peers.slots[slot], size)) {
        node->peers.want_part |= (uint64_t)1 << slot;
        craft_changed(node, CRAFT_FACT_PART_WANTED);
    }
}

/* Answers to earlier offers and parts may come late: only what moves counts. */
static void reply_take(struct craft_node *node, uint32_t slot,
                       const craft_snapshot_reply *reply)
{
    struct craft_peer *peer = &node->peers.slots[slot];

    if (!peer->part_known) {
        if (reply->gap != 0) {
            return; /* of parts before the offer */
        }
        peer->part_known = true;
        peer->part_sent = reply->offset;
        peer->part_received = reply->offset;
        peer->part_written = reply->written;
        peer->part_ticks = 0;
        return;
    }
    if (reply->gap != 0 && reply->offset < peer->part_sent) {
        peer->part_known = false;
        node->peers.want_offer |= (uint64_t)1 << slot;
        craft_changed(node, CRAFT_FACT_PART_WANTED);
        return;
    }
    if (reply->offset > peer->part_sent) {
        return; /* never sent by this leader */
    }
    if (reply->written > peer->part_written ||
        reply->offset > peer->part_received) {
        peer->part_ticks = 0;
    }
    if (reply->offset > peer->part_received) {
        peer->part_received = reply->offset;
    }
    if (reply->written > peer->part_written) {
        peer->part_written = reply->written;
    }
}

CRAFT_INTERNAL void craft_sending_on_reply(struct craft_node *node,
                                           const craft_message *message)
{
    const craft_snapshot_reply *reply = &message->as.snapshot_reply;
    uint32_t slot = craft_peers_find(&node->peers, message->from);
    const craft_snapshot *snapshot;

    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_LEADER);
    if (slot == node->peers.len) {
        return;
    }
    node->peers.slots[slot].silent_ticks = 0;
    snapshot = sent_now(node);
    if (snapshot == NULL || !peer_waits(&node->peers.slots[slot]) ||
        reply->index != snapshot->index || reply->term != snapshot->term ||
        reply->offset > snapshot->size) {
        return;
    }
    reply_take(node, slot, reply);
    part_want(node, slot, snapshot->size);
}

/* ----------------------------------------------------------------- endings */

CRAFT_INTERNAL int craft_sending_read(struct craft_node *node, uint64_t ticket,
                                      const craft_chunk *chunk)
{
    struct craft_sending *sending = &node->sending;

    if (ticket == 0 || ticket != sending->ticket) {
        return CRAFT_ERR_TICKET;
    }
    if (chunk->data_len == 0 || chunk->data_len > sending->bytes_max ||
        chunk->data == NULL) {
        return CRAFT_ERR_INVALID;
    }
    if (chunk->data_len > sending->data_max) {
        size_t most = chunk_bytes_max(node);
        uint8_t *data = craft_memory_alloc(&node->config.allocator, most);

        if (data == NULL) {
            return CRAFT_ERR_NOMEM;
        }
        craft_sending_free(node);
        sending->data = data;
        sending->data_max = most;
    }
    sending->ticket = 0;
    if (sending->read_index == sending->index) {
        memcpy(sending->data, chunk->data, chunk->data_len);
        sending->data_len = chunk->data_len;
    }
    craft_changed(node, CRAFT_FACT_PART_WANTED | CRAFT_TIDY_MEMORY);
    return 0;
}

CRAFT_INTERNAL int craft_sending_failed(struct craft_node *node,
                                        uint64_t ticket)
{
    struct craft_sending *sending = &node->sending;

    if (ticket == 0 || ticket != sending->ticket) {
        return CRAFT_ERR_TICKET;
    }
    sending->ticket = 0;
    if (sending->read_index == sending->index) {
        send_from(node, node->snapshot.latest.index);
    }
    craft_changed(node, CRAFT_FACT_SNAPSHOT);
    return 0;
}

/* ----------------------------------------------------------------- effects */

static craft_message *part_begin(struct craft_node *node, craft_id to,
                                 const craft_snapshot *snapshot)
{
    craft_message *message =
        craft_message_begin(node, CRAFT_MESSAGE_SNAPSHOT, to);
    craft_snapshot_part *part = &message->as.snapshot;

    part->index = snapshot->index;
    part->term = snapshot->term;
    part->size = snapshot->size;
    part->digest = snapshot->digest;
    part->offset = 0;
    part->configuration = snapshot->configuration;
    part->configuration_len = snapshot->configuration_len;
    part->data = NULL;
    part->data_len = 0;
    return message;
}

/* The part that was read, if its peer still wants it. */
static bool part_derive(struct craft_node *node, const craft_snapshot *snapshot)
{
    struct craft_sending *sending = &node->sending;
    uint32_t slot = craft_peers_find(&node->peers, sending->to);
    size_t len = sending->data_len;
    craft_snapshot_part *part;
    struct craft_peer *peer;

    sending->data_len = 0;
    craft_changed(node, CRAFT_DERIVE_CHUNK_READ);
    if (len == 0 || slot == node->peers.len) {
        return false;
    }
    peer = &node->peers.slots[slot];
    if (!part_fits(node, peer, snapshot->size) ||
        peer->part_sent != sending->offset) {
        part_want(node, slot, snapshot->size);
        return false;
    }
    part = &part_begin(node, peer->id, snapshot)->as.snapshot;
    part->offset = sending->offset;
    part->data = sending->data;
    part->data_len = len;
    peer->part_sent += len;
    part_want(node, slot, snapshot->size);
    return true;
}

CRAFT_INTERNAL bool craft_sending_derive(struct craft_node *node)
{
    const craft_snapshot *snapshot = sent_now(node);
    uint64_t *offers = &node->peers.want_offer;

    if (snapshot == NULL) {
        return false;
    }
    if (node->sending.data_len > 0 && part_derive(node, snapshot)) {
        return true;
    }
    while (*offers != 0) {
        struct craft_peer *peer =
            &node->peers.slots[craft_peers_lowest(*offers)];

        *offers &= *offers - 1;
        if (peer_waits(peer) && !peer->part_known) {
            peer->part_ticks = 0;
            (void)part_begin(node, peer->id, snapshot);
            return true;
        }
    }
    return false;
}

/* The next peer, in turn, that wants a part. */
static struct craft_peer *peer_next(struct craft_node *node, uint64_t size)
{
    struct craft_sending *sending = &node->sending;
    uint64_t *wanting = &node->peers.want_part;

    while (*wanting != 0) {
        uint64_t later = *wanting & ~(((uint64_t)1 << sending->turn) - 1);
        uint32_t slot = craft_peers_lowest(later != 0 ? later : *wanting);
        struct craft_peer *peer = &node->peers.slots[slot];

        *wanting &= ~((uint64_t)1 << slot);
        sending->turn = (slot + 1) % CRAFT_MEMBERS_MAX;
        if (part_fits(node, peer, size)) {
            return peer;
        }
    }
    return NULL;
}

CRAFT_INTERNAL bool craft_sending_derive_read(struct craft_node *node)
{
    struct craft_sending *sending = &node->sending;
    const craft_snapshot *snapshot = sent_now(node);
    craft_snapshot_read *read = &node->out.snapshot_read;
    struct craft_peer *peer = NULL;
    uint64_t left;

    if (snapshot != NULL && sending->ticket == 0 && sending->data_len == 0) {
        peer = peer_next(node, snapshot->size);
    }
    if (peer == NULL) {
        node->due &= ~(uint32_t)CRAFT_DERIVE_CHUNK_READ;
        return false;
    }
    left = snapshot->size - peer->part_sent;
    sending->to = peer->id;
    sending->offset = peer->part_sent;
    sending->bytes_max = chunk_bytes_max(node);
    if (left < sending->bytes_max) {
        sending->bytes_max = (size_t)left;
    }
    sending->read_index = snapshot->index;
    sending->ticket = sending->next_ticket;
    sending->next_ticket++;
    read->struct_size = (uint32_t)sizeof *read;
    read->reserved = 0;
    read->ticket = sending->ticket;
    sending->reading = *snapshot; /* another may become the latest */
    read->snapshot = &sending->reading;
    read->offset = sending->offset;
    read->bytes_max = sending->bytes_max;
    node->due &= ~(uint32_t)CRAFT_DERIVE_CHUNK_READ;
    return true;
}
