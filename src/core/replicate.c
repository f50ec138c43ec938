#include "core/replicate.h"

/* A question may be asked at every heartbeat, so it is to be small. */
#define PROBE_BYTES_MAX 16384u

CRAFT_INTERNAL void craft_replicate_begin(struct craft_node *node)
{
    craft_peers_lead(&node->peers, node->log.last + 1);
    node->replication.first_of_term = node->log.last + 1;
    node->replication.elapsed_ticks = 0;
    craft_round_begin(node);
    craft_changed(node, CRAFT_FACT_MATCH);
}

/* -------------------------------------------------------------- heartbeats */

CRAFT_INTERNAL void craft_replicate_elapse(struct craft_node *node,
                                           uint32_t ticks)
{
    uint32_t elapsed = node->replication.elapsed_ticks;

    node->replication.elapsed_ticks =
        ticks > UINT32_MAX - elapsed ? UINT32_MAX : elapsed + ticks;
    for (uint32_t i = 0; i < node->peers.len; i++) {
        struct craft_peer *peer = &node->peers.slots[i];

        peer->silent_ticks = ticks > UINT32_MAX - peer->silent_ticks
                                 ? UINT32_MAX
                                 : peer->silent_ticks + ticks;
    }
}

CRAFT_INTERNAL void craft_replicate_round(struct craft_node *node)
{
    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_LEADER);
    craft_round_begin(node);
    node->peers.want_heartbeat = node->peers.all;
    craft_changed(node, CRAFT_FACT_PEER_WANTS);
}

CRAFT_INTERNAL bool craft_replicate_tick(struct craft_node *node)
{
    if (node->replication.elapsed_ticks < node->config.heartbeat_ticks) {
        return false;
    }
    node->replication.elapsed_ticks = 0;
    craft_replicate_round(node);
    for (uint32_t i = 0; i < node->peers.len; i++) {
        craft_peer_beat(&node->peers.slots[i]); /* the question may be lost */
    }
    return true;
}

CRAFT_INTERNAL uint32_t craft_replicate_due(const struct craft_node *node)
{
    uint32_t elapsed = node->replication.elapsed_ticks;
    uint32_t every = node->config.heartbeat_ticks;

    return elapsed >= every ? 1 : every - elapsed;
}

/* ----------------------------------------------------------------- replies */

CRAFT_INTERNAL int craft_replicate_check(const struct craft_node *node,
                                         const craft_message *message)
{
    const craft_append_reply *reply = &message->as.append_reply;

    if (reply->rejected > 1 ||
        (reply->match_index | reply->rejected_index | reply->hint_index |
         reply->hint_term) >= CRAFT_NUMBER_MAX) {
        return CRAFT_ERR_MESSAGE;
    }
    if (node->standing.role == CRAFT_ROLE_LEADER &&
        message->term == node->standing.term &&
        (reply->match_index > node->log.last ||
         message->round > node->replication.round)) {
        return CRAFT_ERR_MESSAGE; /* about entries or rounds never sent */
    }
    return 0;
}

static void peer_wants(struct craft_node *node, uint32_t slot)
{
    node->peers.want_append |= (uint64_t)1 << slot;
    craft_changed(node, CRAFT_FACT_PEER_WANTS);
}

/* Its progress is another: the host may want to know. */
CRAFT_COLD static void peer_turned(struct craft_node *node, uint32_t slot)
{
    node->peers.turned |= (uint64_t)1 << slot;
    craft_changed(node, CRAFT_FACT_EVENT);
}

/*
 * Ask the peer from next on. What was compacted cannot be sent: such a peer is
 * asked at every heartbeat whether it has the base, however it came by it.
 */
CRAFT_COLD static void peer_ask(struct craft_node *node, uint32_t slot,
                                craft_index next)
{
    struct craft_peer *peer = &node->peers.slots[slot];
    uint8_t progress = peer->progress;

    if (CRAFT_LIKELY(next > node->log.base)) {
        craft_peer_probe(peer, next);
    } else {
        craft_peer_lacks(peer, node->log.base + 1);
        node->peers.want_fetch &= ~((uint64_t)1 << slot);
        node->peers.want_offer |= (uint64_t)1 << slot;
        craft_changed(node, CRAFT_FACT_PART_WANTED);
    }
    if (peer->progress != progress) {
        peer_turned(node, slot);
    }
}

CRAFT_INTERNAL void craft_replicate_compacted(struct craft_node *node)
{
    craft_index base = node->log.base;

    if (node->standing.role != CRAFT_ROLE_LEADER) {
        return;
    }
    for (uint32_t i = 0; i < node->peers.len; i++) {
        struct craft_peer *peer = &node->peers.slots[i];

        if (peer->progress == CRAFT_PROGRESS_SNAPSHOT) {
            peer->next_index = base + 1; /* its transfer goes on */
        } else if (peer->next_index <= base) {
            peer_ask(node, i, peer->next_index);
        }
    }
}

/*
 * The peer lacks the entry before those sent. Of a stale or reordered refusal
 * nothing follows: while replicating it must concern what is not matched yet;
 * while probing, the very question asked.
 */
CRAFT_COLD static void reply_rejected(struct craft_node *node, uint32_t slot,
                                      const craft_append_reply *reply)
{
    struct craft_peer *peer = &node->peers.slots[slot];
    craft_index next;

    if (reply->rejected_index <= peer->match_index ||
        peer->progress == CRAFT_PROGRESS_SNAPSHOT) {
        return;
    }
    if (peer->progress == CRAFT_PROGRESS_REPLICATE) {
        if (reply->rejected_index < peer->next_index) {
            peer_ask(node, slot, peer->match_index + 1);
            peer_wants(node, slot);
        }
        return;
    }
    if (reply->rejected_index != peer->next_index - 1) {
        return;
    }
    /* Skip what cannot agree by the terms of both logs. */
    next = craft_log_last_at_most(&node->log, reply->hint_index,
                                  reply->hint_term) +
           1;
    if (next > reply->rejected_index) {
        next = reply->rejected_index;
    }
    if (next <= peer->match_index) {
        next = peer->match_index + 1;
    }
    peer_ask(node, slot, next);
    peer_wants(node, slot);
}

/* It lacked entries that were compacted: does it have the base now? */
CRAFT_COLD static void reply_lacking(struct craft_node *node, uint32_t slot)
{
    struct craft_peer *peer = &node->peers.slots[slot];

    if (peer->match_index < node->log.base) {
        return;
    }
    craft_peer_replicate(peer);
    peer_turned(node, slot);
    peer_wants(node, slot);
}

/* The answer to a question, perhaps: does it begin to replicate? */
CRAFT_COLD static void reply_probing(struct craft_node *node, uint32_t slot,
                                     bool advanced)
{
    struct craft_peer *peer = &node->peers.slots[slot];

    /*
     * Presence alone opens no window to a peer that lacks entries: one whose
     * disk is full would be sent all of it, refuse what follows the gap, and
     * be probed again, at the speed of the link.
     */
    if (!advanced && (peer->match_index + 1 < peer->next_index ||
                      peer->next_index <= node->log.last)) {
        return; /* the question is still open */
    }
    if (peer->match_index < node->log.base) {
        peer_ask(node, slot, peer->match_index + 1);
        return; /* it says less than it was asked for */
    }
    craft_peer_replicate(peer);
    peer_turned(node, slot);
    if (peer->next_index <= node->log.last) {
        peer_wants(node, slot);
    }
}

static inline void reply_accepted(struct craft_node *node, uint32_t slot,
                                  craft_index match)
{
    struct craft_peer *peer = &node->peers.slots[slot];
    bool advanced = match > peer->match_index;

    if (advanced) {
        peer->match_index = match;
        if (peer->next_index <= match) {
            peer->next_index = match + 1;
        }
        if (match > node->commit_index) {
            craft_changed(node, CRAFT_FACT_MATCH);
        }
        if (CRAFT_UNLIKELY(node->transfer.target != 0)) {
            craft_changed(node, CRAFT_FACT_TRANSFER);
        }
    }
    if (CRAFT_UNLIKELY(peer->progress != CRAFT_PROGRESS_REPLICATE)) {
        if (peer->progress == CRAFT_PROGRESS_PROBE) {
            reply_probing(node, slot, advanced);
        } else {
            reply_lacking(node, slot);
        }
        return;
    }
    if (advanced) {
        craft_peer_acknowledged(peer);
    }
    if (peer->next_index <= node->log.last) {
        peer_wants(node, slot);
    }
}

CRAFT_INTERNAL void craft_replicate_on_reply(struct craft_node *node,
                                             const craft_message *message)
{
    const craft_append_reply *reply = &message->as.append_reply;
    uint32_t slot = craft_peers_find(&node->peers, message->from);
    struct craft_peer *peer;

    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_LEADER);
    if (slot == node->peers.len) {
        return; /* no longer, or not yet, of this configuration */
    }
    peer = &node->peers.slots[slot];
    peer->silent_ticks = 0;
    peer->priority = reply->priority;
    if (message->round > peer->round) {
        peer->round = message->round;
        peer->promise_ms = reply->promise_ms;
        if (CRAFT_UNLIKELY((node->reads.waiting.len | node->peers.reading |
                            (node->config.flags & CRAFT_CONFIG_LEASE)) != 0)) {
            craft_changed(node, CRAFT_FACT_READS);
        }
    }
    if (CRAFT_UNLIKELY(peer->progress == CRAFT_PROGRESS_PROBE) &&
        craft_peer_spoke(peer)) {
        peer_wants(node, slot);
    }
    if (CRAFT_UNLIKELY(reply->rejected != 0)) {
        reply_rejected(node, slot, reply);
    } else {
        reply_accepted(node, slot, reply->match_index);
    }
}

CRAFT_INTERNAL int craft_replicate_unreachable(struct craft_node *node,
                                               craft_id id)
{
    uint32_t slot = craft_peers_find(&node->peers, id);
    struct craft_peer *peer;

    if (slot == node->peers.len) {
        return CRAFT_ERR_UNKNOWN_ID;
    }
    peer = &node->peers.slots[slot];
    if (node->standing.role == CRAFT_ROLE_LEADER) {
        peer_ask(node, slot, peer->match_index + 1);
        peer->asked = CRAFT_ASKED_IN_VAIN; /* a heartbeat looks for it */
    }
    return 0;
}

/* ----------------------------------------------------------------- effects */

static size_t append_bytes_max(const struct craft_node *node,
                               const struct craft_peer *peer)
{
    size_t most = node->config.message_bytes_max;

    return CRAFT_LIKELY(peer->progress == CRAFT_PROGRESS_REPLICATE) ||
                   most < PROBE_BYTES_MAX
               ? most
               : PROBE_BYTES_MAX;
}

/* How many of the entries fit, one at least. */
static size_t stretch_within(const craft_entry *entries, size_t entries_len,
                             size_t bytes_max)
{
    size_t bytes = 0;
    size_t len = 0;

    do {
        bytes += entries[len].data_len + CRAFT_ENTRY_OVERHEAD;
        len += bytes <= bytes_max || len == 0;
    } while (len < entries_len && bytes <= bytes_max);
    return len;
}

/* Entries that left memory: those held, or a fetch. 0 = none for now. */
static size_t entries_from_stretch(struct craft_node *node, uint32_t slot,
                                   const craft_entry **entries_out)
{
    const struct craft_peer *peer = &node->peers.slots[slot];
    craft_index next = peer->next_index;
    craft_index last = 0;

    *entries_out = craft_stretch_held(node, CRAFT_FETCH_PEERS, next, &last);
    if (*entries_out == NULL) {
        node->peers.want_fetch |= (uint64_t)1 << slot;
        craft_changed(node, CRAFT_FACT_FETCH_WANTED);
        return 0;
    }
    return stretch_within(*entries_out, (size_t)(last - next + 1),
                          append_bytes_max(node, peer));
}

/* The entries to send to this peer now, if it has room and lacks any. */
static size_t entries_choose(struct craft_node *node, uint32_t slot,
                             const craft_entry **entries_out)
{
    const struct craft_peer *peer = &node->peers.slots[slot];
    craft_index next = peer->next_index;
    craft_index last;

    if (next > node->log.last || !craft_replicate_has_room(node, peer)) {
        return 0;
    }
    if (CRAFT_UNLIKELY(next < node->log.first)) {
        return entries_from_stretch(node, slot, entries_out);
    }
    last = node->log.last;
    if (last != next) {
        last = craft_log_batch(&node->log, next, last,
                               append_bytes_max(node, peer));
    }
    *entries_out = craft_log_entry(&node->log, next);
    return (size_t)(last - next + 1);
}

static uint64_t entries_bytes(const struct craft_node *node,
                              const craft_entry *entries, size_t entries_len)
{
    uint64_t bytes = 0;

    if (entries_len == 1) {
        return entries->data_len + CRAFT_ENTRY_OVERHEAD;
    }
    if (CRAFT_LIKELY(entries->index >= node->log.first)) {
        return craft_log_end(&node->log, entries->index + entries_len - 1) -
               craft_log_end(&node->log, entries->index - 1);
    }
    for (size_t i = 0; i < entries_len; i++) {
        bytes += entries[i].data_len + CRAFT_ENTRY_OVERHEAD;
    }
    return bytes;
}

/* The entries are on their way: does the peer want more at once? */
static bool peer_advance(struct craft_node *node, struct craft_peer *peer,
                         const craft_entry *entries, size_t entries_len)
{
    if (CRAFT_UNLIKELY(peer->progress == CRAFT_PROGRESS_PROBE)) {
        if (entries_len > 0) {
            peer->asked = CRAFT_ASKED;
        }
        return false;
    }
    if (entries_len == 0) {
        return false;
    }
    peer->next_index += entries_len;
    craft_peer_sent(peer, peer->next_index - 1,
                    entries_bytes(node, entries, entries_len));
    return peer->next_index <= node->log.last &&
           craft_replicate_has_room(node, peer);
}

static void append_fill(struct craft_node *node, const struct craft_peer *peer,
                        const craft_entry *entries, size_t entries_len)
{
    craft_message *message =
        craft_message_begin(node, CRAFT_MESSAGE_APPEND, peer->id);
    craft_append *append = &message->as.append;

    message->round = node->replication.round;
    append->prev_index = peer->next_index - 1;
    append->prev_term = craft_log_term(&node->log, peer->next_index - 1);
    append->commit = node->commit_index;
    append->entries = entries;
    append->entries_len = entries_len;
}

CRAFT_INTERNAL bool craft_replicate_derive(struct craft_node *node)
{
    struct craft_peers *peers = &node->peers;
    uint64_t wanting;

    while ((wanting = peers->want_append | peers->want_heartbeat) != 0) {
        uint32_t slot = craft_peers_lowest(wanting);
        uint64_t bit = (uint64_t)1 << slot;
        struct craft_peer *peer = &peers->slots[slot];
        const craft_entry *entries = NULL;
        size_t entries_len = entries_choose(node, slot, &entries);

        if (entries_len == 0 && (peers->want_heartbeat & bit) == 0) {
            peers->want_append &= ~bit;
            continue;
        }
        peers->want_heartbeat &= ~bit;
        append_fill(node, peer, entries, entries_len);
        if (!peer_advance(node, peer, entries, entries_len)) {
            peers->want_append &= ~bit;
        }
        if ((peers->want_append | peers->want_heartbeat) == 0) {
            node->due &= ~(uint32_t)CRAFT_DERIVE_APPEND;
        }
        return true;
    }
    node->due &= ~(uint32_t)CRAFT_DERIVE_APPEND;
    return false;
}
