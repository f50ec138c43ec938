/* Every invariant of a node, slowly. */
#include "api/delivery.h"

static const char *check_persist(const struct craft_node *node)
{
    const struct craft_persistence *persist = &node->persist;
    craft_index match = persist->durable.match;
    craft_term term = persist->durable.term;

    if (node->log.truncated_from != 0) {
        return NULL; /* held: not yet taken in */
    }
    if (match > persist->durable.last) {
        return "persist: the store's match is within its log";
    }
    if (persist->durable.base > node->log.base ||
        persist->durable.snapshot > node->snapshot.latest.index ||
        persist->durable.base > persist->durable.snapshot) {
        return "persist: the store drops only what a snapshot stands for";
    }
    for (uint64_t t = persist->oldest; t != persist->next; t++) {
        const struct craft_stored *stored =
            &persist->tickets[t & persist->mask];

        if (stored->match > stored->last || stored->match > node->log.last) {
            return "persist: a ticket's match is within both logs";
        }
        if (stored->term < term) {
            return "persist: terms rise from ticket to ticket";
        }
        term = stored->term;
    }
    if (match > node->log.last || term > node->standing.term) {
        return "persist: the store is not ahead of memory";
    }
    return NULL;
}

static const char *check_peers(const struct craft_node *node)
{
    const struct craft_peers *peers = &node->peers;
    craft_id id = 0;

    for (uint32_t i = 0; i < peers->len; i++) {
        const struct craft_peer *peer = &peers->slots[i];

        if (peer->id <= id || peer->id == node->config.id) {
            return "peers: in order of ids, without this server";
        }
        id = peer->id;
        if (peer->match_index >= peer->next_index) {
            return "peers: match < next";
        }
        if (peer->well_ticks > node->config.election_ticks) {
            return "peers: well for an election timeout at most";
        }
        if (node->standing.role == CRAFT_ROLE_LEADER &&
            (peer->next_index > node->log.last + 1 ||
             craft_peer_inflight(peer) > node->config.inflight_max)) {
            return "peers: next and windows are within bounds";
        }
    }
    return NULL;
}

static const char *check_commit(const struct craft_node *node)
{
    if (node->phase != CRAFT_PHASE_STARTED &&
        node->phase != CRAFT_PHASE_HALTED) {
        return NULL; /* also stopped before it was whole */
    }
    if (node->commit_index > node->log.last ||
        node->apply.index > node->commit_index) {
        return "commit: applied <= commit <= last";
    }
    if (node->apply.index > node->persist.durable.match) {
        return "apply: not ahead of the own disk";
    }
    if (node->apply.first != 0 && !node->apply.is_snapshot &&
        (node->apply.first != node->apply.index + 1 ||
         node->apply.last > node->commit_index)) {
        return "apply: the open batch follows what is applied";
    }
    if (node->following.verified > node->log.last) {
        return "follow: verified <= last";
    }
    return NULL;
}

static const char *check_snapshot(const struct craft_node *node)
{
    const craft_snapshot *latest = &node->snapshot.latest;

    if (node->phase != CRAFT_PHASE_STARTED &&
        node->phase != CRAFT_PHASE_HALTED) {
        return NULL; /* also stopped before it was whole */
    }
    if (node->log.base > latest->index ||
        (latest->index > node->apply.index && node->apply.first != 0 &&
         !node->apply.is_snapshot)) {
        return "snapshot: base <= snapshot <= applied, or it is installed";
    }
    if (latest->index > 0 &&
        latest->term != craft_log_term(&node->log, latest->index)) {
        return "snapshot: it has the term of its entry";
    }
    if (node->snapshot.compact_to > latest->index) {
        return "snapshot: it stands for all that goes";
    }
    return NULL;
}

static const char *check_parts(const struct craft_node *node)
{
    const struct craft_receiving *receiving = &node->receiving;
    uint64_t arrived = receiving->written;

    for (uint32_t i = 0; i < receiving->len; i++) {
        arrived +=
            receiving->arrived[(receiving->first + i) % CRAFT_ARRIVED_MAX].len;
    }
    if (arrived != receiving->received ||
        receiving->received > receiving->incoming.size) {
        return "receiving: what has arrived is in a row";
    }
    if (receiving->complete &&
        (receiving->written != receiving->incoming.size ||
         receiving->ticket != 0)) {
        return "receiving: what is complete is written";
    }
    if (node->sending.index != 0 && node->standing.role != CRAFT_ROLE_LEADER) {
        return "sending: only a leader sends a snapshot";
    }
    return NULL;
}

static const char *check_standing(const struct craft_node *node)
{
    const struct craft_standing *standing = &node->standing;

    if (node->log.last_term > standing->term) {
        return "standing: no entry is of a later term";
    }
    if ((standing->role == CRAFT_ROLE_LEADER) !=
        (standing->leader == node->config.id)) {
        return "standing: a leader follows itself and nobody else does";
    }
    if ((standing->role == CRAFT_ROLE_CANDIDATE ||
         standing->role == CRAFT_ROLE_LEADER) &&
        node->election.voted_for != node->config.id) {
        return "elect: a candidate or leader voted for itself";
    }
    if (standing->role == CRAFT_ROLE_LEADER &&
        node->replication.first_of_term > node->log.last) {
        return "replicate: a leader has its no-op";
    }
    return NULL;
}

static const char *check_configuration(const struct craft_node *node)
{
    const struct craft_members *members = node->configuration;
    craft_index above = CRAFT_NUMBER_MAX;

    while (members != NULL) {
        if (members->index >= above || members->index > node->log.last) {
            return "members: indexes fall down the stack";
        }
        above = members->index;
        members = members->below;
    }
    if (node->phase == CRAFT_PHASE_STARTED && node->snapshot.latest.index > 0 &&
        craft_members_at(node->configuration, node->snapshot.latest.index) ==
            NULL) {
        return "members: the snapshot's is known";
    }
    return NULL;
}

static const char *check_tokens(const struct craft_node *node)
{
    const struct craft_proposals *proposals = &node->proposals;
    craft_term term = 0;

    if (proposals->len > node->config.tokens_max) {
        return "propose: tokens are bounded";
    }
    for (uint32_t i = 0; i < proposals->len; i++) {
        const struct craft_token *token =
            &proposals->tokens[(proposals->first + i) & (proposals->max - 1)];

        if (token->term < term || token->token == 0) {
            return "propose: terms rise along the queue";
        }
        term = token->term;
    }
    return NULL;
}

static const char *check_reads(const struct craft_node *node)
{
    const struct craft_reads *reads = &node->reads;
    uint64_t number = 0;

    if (reads->waiting.len + reads->confirmed.len > node->config.tokens_max ||
        reads->failed > reads->waiting.len) {
        return "read: those open are bounded";
    }
    for (uint32_t i = reads->failed; i < reads->waiting.len; i++) {
        const struct craft_reading *reading =
            &reads->waiting
                 .items[(reads->waiting.first + i) & (reads->max - 1)];

        if (reading->number < number) {
            return "read: numbers rise along the queue";
        }
        number = reading->number;
    }
    if (node->standing.leader == 0 && reads->waiting.len > reads->failed) {
        return "read: without a leader nothing waits for one";
    }
    return NULL;
}

/* A time of the past, or none. */
static bool time_was(uint64_t time_ns, uint64_t now_ns)
{
    return time_ns == CRAFT_NO_TIME ||
           (now_ns != CRAFT_NO_TIME && time_ns <= now_ns);
}

static const char *check_lease(const struct craft_node *node)
{
    const struct craft_lease *lease = &node->lease;

    if (!time_was(lease->quiet_ns, lease->now_ns) ||
        !time_was(lease->start_ns, lease->now_ns) ||
        !time_was(lease->round_ns, lease->now_ns)) {
        return "lease: nothing began later than now";
    }
    if (lease->round > node->replication.round) {
        return "lease: no round is awaited that has not begun";
    }
    return NULL;
}

/* How many of a batch are to be sent, and whether their data is all there. */
static bool batch_whole(const struct craft_forward_batch *batch, bool filling)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < batch->entries_len; i++) {
        bytes += batch->entries[i].data_len;
    }
    return batch->sent <= batch->entries_len &&
           batch->entries_len <= batch->entries_max &&
           batch->bytes_len <= batch->bytes_max && bytes == batch->bytes_len &&
           (!filling || batch->sent == 0);
}

static const char *check_waiting(const struct craft_forwarding *forward)
{
    uint64_t unsent = forward->next_number - forward->unsent_number;
    uint64_t bytes = 0;
    uint32_t refused = 0;

    for (uint32_t i = 0; i < forward->waiting.len; i++) {
        const struct craft_forwarded *item =
            &forward->waiting
                 .items[(forward->waiting.first + i) & (forward->max - 1)];
        bool open = item->index == 0 && item->result == CRAFT_RESULT_OK;

        bytes += open ? item->bytes : 0u;
        refused += item->result == CRAFT_RESULT_REFUSED;
        if (!open && i >= forward->waiting.len - unsent) {
            return "forward: what was not sent is open";
        }
    }
    if (bytes != forward->bytes || refused != forward->refused) {
        return "forward: the sums are those of what waits";
    }
    return NULL;
}

static const char *check_forward(const struct craft_node *node)
{
    const struct craft_forwarding *forward = &node->forward;
    uint64_t unsent = forward->next_number - forward->unsent_number;

    if (forward->waiting.len + forward->entered.len > node->config.tokens_max ||
        unsent > forward->waiting.len) {
        return "forward: those open are bounded";
    }
    if (!batch_whole(&forward->filling, true) ||
        !batch_whole(&forward->sending, false) ||
        unsent != forward->filling.entries_len + forward->sending.entries_len -
                      forward->sending.sent) {
        return "forward: what was not sent is kept";
    }
    if (forward->bytes > 0 && node->standing.leader == 0) {
        return "forward: without a leader nothing waits for one";
    }
    if (forward->bytes > 0 && node->standing.role == CRAFT_ROLE_LEADER) {
        return "forward: a leader sends nothing to another";
    }
    return check_waiting(forward);
}

static const char *check_delivery(const struct craft_node *node)
{
    bool held = (node->delivery.holds & ~CRAFT_HOLDS_RUNNING) != 0;

    if (held != ((node->due & CRAFT_DELIVERY_ENDS) != 0)) {
        return "delivery: a hold ends the loop";
    }
    return NULL;
}

const char *craft_check(const craft_node *node)
{
    static const char *(*const checks[])(const struct craft_node *node) = {
        check_persist,       check_peers,    check_commit, check_standing,
        check_configuration, check_tokens,   check_reads,  check_lease,
        check_delivery,      check_snapshot, check_parts,  check_forward,
    };
    const char *broken;

    if (node == NULL) {
        return "node: there is one";
    }
    broken = craft_log_check(&node->log);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (broken == NULL) {
            broken = checks[i](node);
        }
    }
    return broken;
}
