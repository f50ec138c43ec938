/*
 * A node's facts as one number, under a renaming of the servers.
 *
 * No facts are: addresses and capacities; the generator and the ticks that it
 * drew or that were counted, since a time-out is a step like any other, but for
 * how long nobody was heard, in steps; the
 * numbers of tickets, only their order; what a server keeps of its peers from
 * a leadership that ended, which the next one forgets; events, which tell and
 * do nothing; blobs of configurations, of which there is one; times, and the
 * orders to campaign that were given, which only a lease asks for, and there
 * is none; the data of what has left memory. The size of the log's array is
 * one: records and messages are split where it wraps. So are its segments where
 * entries leave memory, which they do by the segment.
 */
#include "explore.h"

uint8_t renamed[RENAMINGS_MAX][SERVERS_MAX + 1];
uint8_t renamings;

uint64_t mix(uint64_t sum, uint64_t value)
{
    sum ^= value + 0x9e3779b97f4a7c15u + (sum << 6) + (sum >> 2);
    sum ^= sum >> 30;
    sum *= 0xbf58476d1ce4e5b9u;
    sum ^= sum >> 27;
    sum *= 0x94d049bb133111ebu;
    return sum ^ (sum >> 31);
}

uint64_t mix_bytes(uint64_t sum, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    uint64_t word;

    for (; len >= sizeof word; len -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        sum = mix(sum, word);
        bytes += sizeof word;
    }
    word = 0;
    memcpy(&word, bytes, len);
    return mix(sum, word);
}

static void swap(uint8_t *a, uint8_t *b)
{
    uint8_t was = *a;

    *a = *b;
    *b = was;
}

/* The next order of the names, as in a dictionary; false after the last. */
static bool order_next(uint8_t *order, uint8_t len)
{
    size_t at = len - 1u;
    size_t with = len - 1u;

    while (at > 0 && order[at - 1] > order[at]) {
        at--;
    }
    if (at == 0) {
        return false;
    }
    while (order[with] < order[at - 1]) {
        with--;
    }
    swap(&order[at - 1], &order[with]);
    for (size_t end = len - 1u; at < end; at++, end--) {
        swap(&order[at], &order[end]);
    }
    return true;
}

void renamings_init(void)
{
    uint8_t order[SERVERS_MAX] = {1, 2, 3, 4};

    renamings = 0;
    do {
        renamed[renamings][0] = 0;
        memcpy(&renamed[renamings][1], order, SERVERS_MAX);
        renamings++;
    } while (options.symmetry && order_next(order, options.servers));
}

craft_term term_at(const struct craft_log *log, craft_index index)
{
    uint32_t run = log->runs_len;

    while (run > 0 && log->runs[run - 1].first > index) {
        run--;
    }
    return run > 0 ? log->runs[run - 1].term : 0;
}

static uint64_t add_log(uint64_t sum, const struct craft_log *log)
{
    sum = mix(sum, log->last);
    sum = mix(sum, log->truncated_from);
    sum = mix(sum, log->first);
    for (craft_index i = 1; i < log->first; i++) {
        sum = mix(sum, term_at(log, i));
    }
    for (craft_index i = log->first; i <= log->last; i++) {
        const craft_entry *entry = craft_log_entry(log, i);

        sum = mix(sum, entry->term << 8 | entry->kind);
        sum = mix(sum, entry->token);
        if (entry->kind == CRAFT_ENTRY_COMMAND && entry->data_len > 0) {
            sum = mix(sum, entry->data[0]);
        }
    }
    return sum;
}

/* Of the log's memory, as far as something follows from it. */
static uint64_t add_blocks(uint64_t sum, const struct craft_block *at)
{
    for (; at != NULL; at = at->next) {
        sum = mix(sum, (uint64_t)at->size << 32 | at->used);
        sum = mix(sum, at->last_index);
    }
    return mix(sum, 0);
}

/* What was given up since then, and so may still be lent to who began then. */
static uint64_t add_era(uint64_t sum, const craft_node *node, uint64_t era)
{
    uint64_t since = 0;

    for (const struct craft_block *at = node->log.retired.first; at != NULL;
         at = at->next) {
        since += at->retired_era >= era;
    }
    for (const struct craft_block *at = node->log.evicted.first; at != NULL;
         at = at->next) {
        since += at->retired_era >= era;
    }
    return mix(sum, since);
}

static uint64_t add_memory(uint64_t sum, const craft_node *node)
{
    const struct craft_persistence *persist = &node->persist;

    sum = add_blocks(sum, node->log.oldest);
    sum = add_blocks(sum, node->log.spare);
    sum = add_blocks(sum, node->log.retired.first);
    sum = add_blocks(sum, node->log.evicted.first);
    sum = mix(sum, node->log.kept);
    for (uint64_t t = persist->oldest; t != persist->next; t++) {
        sum = add_era(sum, node, persist->tickets[t & persist->mask].era);
    }
    return node->apply.first != 0 ? add_era(sum, node, node->apply.era) : sum;
}

/* What is held is used while its last entry has the log's term there. */
static uint64_t add_fetching(uint64_t sum, const craft_node *node)
{
    for (size_t i = 0; i < CRAFT_FETCH_COUNT; i++) {
        const struct craft_stretch *stretch = &node->fetching.stretches[i];

        sum = mix(sum, stretch->ticket != 0);
        sum = mix(sum, stretch->first);
        sum = mix(sum, stretch->last);
        for (craft_index at = stretch->first;
             stretch->ticket == 0 && at != 0 && at <= stretch->last; at++) {
            struct thing thing =
                thing_of(&stretch->entries[at - stretch->first]);

            sum = mix(sum, (uint64_t)thing.term << 8 | thing.what);
        }
    }
    return mix(sum, node->fetching.failed);
}

static uint64_t add_peer_forward(uint64_t sum, const craft_node *node,
                                 uint32_t slot)
{
    const struct craft_peer *peer = &node->peers.slots[slot];
    uint64_t bit = (uint64_t)1 << slot;
    uint64_t first = peer->forward_first;

    sum = mix(sum, peer->forward_session);
    if (peer->forward_session != 0) {
        sum = mix(sum, peer->forward_next - first);
        sum = mix(sum, number_of(peer->id, first));
        sum = mix(sum, number_of(peer->id, peer->forward_closed));
        sum = mix(sum, peer->forward_shut);
    }
    if ((node->peers.forwarding & bit) != 0) {
        sum = mix(sum, peer->forward_low << 32 | peer->forward_high);
    }
    return mix(sum, (uint64_t)((node->peers.open_forward & bit) != 0) << 2 |
                        (uint64_t)((node->peers.shut_forward & bit) != 0) << 1 |
                        ((node->peers.forwarding & bit) != 0));
}

static uint64_t add_peer(uint64_t sum, const craft_node *node, uint32_t slot)
{
    const struct craft_peer *peer = &node->peers.slots[slot];

    sum = mix(sum, peer->match_index);
    sum = mix(sum, peer->next_index);
    sum = mix(sum, peer->round);
    sum = mix(sum, peer->mark);
    sum = mix(sum, peer->older_bytes);
    sum = mix(sum, peer->newer_bytes);
    sum = mix(sum, (uint64_t)peer->older << 32 | peer->newer);
    if (options.forward) {
        sum = add_peer_forward(sum, node, slot);
    }
    if (options.steady) {
        sum = mix(sum, peer->silent_ticks);
    }
    return mix(sum, (uint64_t)peer->progress << 8 | peer->asked);
}

static uint64_t peer_bits(const struct craft_peers *peers, uint32_t slot)
{
    const uint64_t words[] = {
        peers->want_append, peers->want_heartbeat, peers->want_fetch,
        peers->want_vote,   peers->refuse_vote,    peers->refuse_append,
        peers->granted,     peers->refused,        peers->voters,
        peers->answer_pre,  peers->grant_pre,
    };
    uint64_t bits = 0;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        bits = bits << 1 | (words[i] >> slot & 1);
    }
    return bits;
}

/* In the order of the new names. */
static uint64_t add_peers(uint64_t sum, const craft_node *node,
                          const uint8_t *names)
{
    const struct craft_peers *peers = &node->peers;

    for (uint8_t name = 1; name <= options.servers; name++) {
        for (uint32_t i = 0; i < peers->len; i++) {
            if (names[peers->slots[i].id] != name) {
                continue;
            }
            sum = mix(sum, (uint64_t)name << 32 | peer_bits(peers, i));
            if (node->standing.role == CRAFT_ROLE_LEADER) {
                sum = add_peer(sum, node, i);
            }
        }
    }
    sum = mix(sum, peers->voters_len);
    return mix(sum, peers->self_votes);
}

static uint64_t add_stored(uint64_t sum, const struct craft_stored *stored,
                           const uint8_t *names)
{
    sum = mix(sum, stored->last);
    sum = mix(sum, stored->match);
    sum = mix(sum, stored->term);
    sum = mix(sum, names[stored->voted_for]);
    return mix(sum, stored->era == CRAFT_ERA_VOIDED);
}

static uint64_t add_persistence(uint64_t sum,
                                const struct craft_persistence *persist,
                                const uint8_t *names)
{
    sum = add_stored(sum, &persist->durable, names);
    for (uint64_t t = persist->oldest; t != persist->next; t++) {
        sum = add_stored(sum, &persist->tickets[t & persist->mask], names);
    }
    sum = mix(sum, persist->next - persist->oldest);
    return mix(sum, (uint64_t)persist->full << 2 |
                        (uint64_t)persist->stuck << 1 | persist->retry);
}

static uint64_t add_requests(uint64_t sum, const craft_node *node)
{
    const struct craft_proposals *proposals = &node->proposals;

    for (uint32_t i = 0; i < proposals->len; i++) {
        const struct craft_token *token =
            &proposals->tokens[(proposals->first + i) & (proposals->max - 1)];

        sum = mix(sum, token->token);
        sum = mix(sum, token->index << 32 | token->term);
    }
    sum = mix(sum, proposals->len);
    sum = mix(sum, node->apply.index);
    sum = mix(sum, node->apply.first);
    return mix(sum, node->apply.last);
}

static uint64_t add_following(uint64_t sum,
                              const struct craft_following *following)
{
    sum = mix(sum, following->verified);
    sum = mix(sum, following->leader_commit);
    sum = mix(sum, following->replied_match);
    sum = mix(sum, following->round);
    sum = mix(sum, following->reply_owed);
    if (following->rejection_owed) {
        sum = mix(sum, following->rejected_index);
        sum = mix(sum, following->rejected_term);
    }
    return mix(sum, following->rejection_owed);
}

/* For how long the disk has ended nothing, of that ticket. */
static uint64_t add_health(uint64_t sum, const craft_node *node)
{
    uint64_t oldest = node->persist.oldest;
    bool known =
        node->health.disk_ticket == oldest && oldest != node->persist.next;

    return mix(sum, known ? 1u + node->health.disk_ticks : 0u);
}

static uint64_t add_transfer(uint64_t sum, const craft_node *node,
                             const uint8_t *names)
{
    const struct craft_transferring *transfer = &node->transfer;

    sum = mix(sum, node->election.handed_over);
    sum = mix(sum, transfer->told_in);
    sum =
        mix(sum, transfer->ended_token << 8 | (uint8_t)transfer->ended_result);
    sum = mix(sum, transfer->tell);
    sum = mix(sum, names[transfer->target]);
    if (transfer->target != 0) {
        sum = mix(sum, transfer->term << 8 | transfer->token);
        sum = mix(sum, (uint64_t)transfer->elapsed_ticks << 8 |
                           transfer->tell_in_ticks);
    }
    return sum;
}

static uint64_t add_items(uint64_t sum, const struct craft_forwarding *forward,
                          const struct craft_forward_queue *queue)
{
    for (uint32_t i = 0; i < queue->len; i++) {
        const struct craft_forwarded *item =
            &queue->items[(queue->first + i) & (forward->max - 1)];

        sum = mix(sum, item->token << 8 | (uint8_t)item->result);
        sum = mix(sum, item->index << 32 | item->term);
    }
    return mix(sum, queue->len);
}

/* What is not sent are the last of the waiting. */
static uint64_t add_forward(uint64_t sum, const craft_node *node,
                            const uint8_t *names)
{
    const struct craft_forwarding *forward = &node->forward;
    const struct craft_taking *taking = &node->taking;
    craft_id id = node->config.id;

    sum = add_items(sum, forward, &forward->waiting);
    sum = add_items(sum, forward, &forward->entered);
    sum = mix(sum, number_of(id, forward->next_number));
    sum = mix(sum, number_of(id, forward->unsent_number));
    sum = mix(sum, forward->sending.entries_len - forward->sending.sent);
    sum = mix(sum, forward->session << 32 | forward->previous);
    sum = mix(sum, number_of(id, forward->asked));
    if (forward->session != 0) {
        sum = mix(sum, number_of(id, forward->session_number));
    }
    for (uint32_t i = 0; i < taking->runs_len; i++) {
        const struct craft_taken_run *run =
            &taking->runs[(taking->runs_first + i) & (taking->runs_max - 1)];

        sum = mix(sum, (uint64_t)names[run->to] << 32 | run->count);
        sum = mix(sum, run->session << 32 | run->index);
        sum = mix(sum, number_of(run->to, run->number));
    }
    sum = mix(sum, taking->runs_len);
    return mix(sum, taking->sessions);
}

static uint64_t add_standing(uint64_t sum, const craft_node *node,
                             const uint8_t *names)
{
    sum = mix(sum, node->standing.term);
    sum = mix(sum, names[node->standing.leader]);
    sum = mix(sum, node->standing.role);
    sum = mix(sum, names[node->election.voted_for]);
    sum = mix(sum, names[node->election.grant_owed_to]);
    if (options.steady) {
        sum = add_health(sum, node);
        sum = mix(sum,
                  node->election.elapsed_ticks >= node->config.election_ticks);
    }
    if (options.budget.transfers > 0) {
        sum = add_transfer(sum, node, names);
    }
    if (options.held) { /* a time-out may not be settled yet */
        sum = mix(sum,
                  node->election.elapsed_ticks >= node->election.timeout_ticks);
        sum = mix(sum, node->replication.elapsed_ticks >=
                           node->config.heartbeat_ticks);
    }
    if (node->standing.role == CRAFT_ROLE_LEADER) {
        sum = mix(sum, node->replication.first_of_term);
    }
    return mix(sum, node->replication.round);
}

static uint64_t facts_but_capacity(const craft_node *node, uint8_t renaming)
{
    const uint8_t *names = renamed[renaming];
    uint64_t sum = mix(0, names[node->config.id]);

    sum = mix(sum, node->due);
    sum = mix(sum, node->when_durable);
    sum = mix(sum, node->phase);
    sum = mix(sum, node->commit_index);
    sum = add_standing(sum, node, names);
    sum = add_following(sum, &node->following);
    sum = add_log(sum, &node->log);
    sum = add_peers(sum, node, names);
    sum = add_persistence(sum, &node->persist, names);
    if (options.fetch) {
        sum = add_fetching(sum, node);
    }
    if (options.forward) {
        sum = add_forward(sum, node, names);
    }
    return add_requests(sum, node);
}

uint64_t facts_of(const craft_node *node, uint8_t renaming)
{
    uint64_t sum = mix(facts_but_capacity(node, renaming), node->log.mask);

    if (options.fetch) {
        sum = add_memory(sum, node);
    }
    return sum;
}

uint64_t facts_exact(const craft_node *node)
{
    uint64_t sum = facts_but_capacity(node, 0);

    sum = mix(sum, node->random.state);
    sum = mix(sum, node->election.elapsed_ticks);
    sum = mix(sum, node->election.timeout_ticks);
    sum = mix(sum, node->replication.elapsed_ticks);
    sum = mix(sum, node->persist.next);
    sum = mix(sum, node->fetching.next_ticket);
    sum = mix(sum, node->transfer.elapsed_ticks);
    sum = mix(sum, node->health.pending);
    sum = mix(sum, node->health.disk_ticket);
    sum = mix(sum, node->health.disk_ticks);
    for (size_t i = 0; i < CRAFT_EVENT_KIND_END; i++) {
        sum = mix(sum, node->health.levels[i].count);
    }
    return mix(sum, node->delivery.holds);
}
