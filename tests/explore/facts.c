/*
 * A node's facts as one number, under a renaming of the servers.
 *
 * No facts are: addresses and capacities; the generator and the ticks that it
 * drew or that were counted, since a time-out is a step like any other; the
 * numbers of tickets, only their order; what a server keeps of its peers from
 * a leadership that ended, which the next one forgets; events, which tell and
 * do nothing; blobs of configurations, of which there is one. The size of the
 * log's array is one: records and messages are split where it wraps.
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

void renamings_init(void)
{
    static const uint8_t orders[RENAMINGS_MAX][SERVERS_MAX] = {
        {1, 2, 3}, {2, 1, 3}, {1, 3, 2}, {3, 2, 1}, {2, 3, 1}, {3, 1, 2},
    };

    renamings = 1;
    if (options.symmetry) {
        renamings = options.servers == 2 ? 2 : RENAMINGS_MAX;
    }
    for (size_t r = 0; r < RENAMINGS_MAX; r++) {
        renamed[r][0] = 0;
        memcpy(&renamed[r][1], orders[r], SERVERS_MAX);
    }
}

static uint64_t add_log(uint64_t sum, const struct craft_log *log)
{
    sum = mix(sum, log->last);
    sum = mix(sum, log->mask);
    sum = mix(sum, log->truncated_from);
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

static uint64_t add_peer(uint64_t sum, const struct craft_peer *peer)
{
    sum = mix(sum, peer->match_index);
    sum = mix(sum, peer->next_index);
    sum = mix(sum, peer->round);
    sum = mix(sum, peer->mark);
    sum = mix(sum, peer->older_bytes);
    sum = mix(sum, peer->newer_bytes);
    sum = mix(sum, (uint64_t)peer->older << 32 | peer->newer);
    return mix(sum, (uint64_t)peer->progress << 8 | peer->paused);
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
                sum = add_peer(sum, &peers->slots[i]);
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

static uint64_t add_standing(uint64_t sum, const craft_node *node,
                             const uint8_t *names)
{
    sum = mix(sum, node->standing.term);
    sum = mix(sum, names[node->standing.leader]);
    sum = mix(sum, node->standing.role);
    sum = mix(sum, names[node->election.voted_for]);
    sum = mix(sum, names[node->election.grant_owed_to]);
    if (node->standing.role == CRAFT_ROLE_LEADER) {
        sum = mix(sum, node->replication.first_of_term);
    }
    return mix(sum, node->replication.round);
}

uint64_t facts_of(const craft_node *node, uint8_t renaming)
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
    return add_requests(sum, node);
}
