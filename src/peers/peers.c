#include "peers/peers.h"

#include "quorum/quorum.h"

CRAFT_INTERNAL int craft_peers_reserve(struct craft_peers *peers,
                                       const craft_allocator *allocator,
                                       const struct craft_members *members,
                                       craft_id self)
{
    struct craft_peer *slots;
    size_t size = sizeof *slots;
    uint32_t others =
        members->len - (craft_members_find(members, self) != NULL ? 1u : 0u);

    CRAFT_ASSERT(others <= CRAFT_MEMBERS_MAX);
    if (others <= peers->max) {
        return 0;
    }
    slots = craft_memory_grow(allocator, peers->slots, peers->max * size,
                              others * size);
    if (slots == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    peers->slots = slots;
    peers->max = others;
    return 0;
}

CRAFT_INTERNAL void craft_peers_free(struct craft_peers *peers,
                                     const craft_allocator *allocator)
{
    craft_memory_free(allocator, peers->slots,
                      peers->max * sizeof *peers->slots);
}

/* Make room at `at` for a member that has no slot yet. */
static void slot_insert(struct craft_peers *peers, uint32_t at, craft_id id,
                        craft_index next_index)
{
    struct craft_peer *slot = &peers->slots[at];

    CRAFT_ASSERT(peers->len < peers->max);
    memmove(slot + 1, slot, (peers->len - at) * sizeof *slot);
    memset(slot, 0, sizeof *slot);
    slot->id = id;
    slot->next_index = next_index;
    peers->len++;
}

static void slots_drop(struct craft_peers *peers,
                       const struct craft_members *members)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < peers->len; i++) {
        if (craft_members_find(members, peers->slots[i].id) != NULL) {
            peers->slots[kept] = peers->slots[i];
            kept++;
        }
    }
    peers->len = kept;
}

static void slots_describe(struct craft_peers *peers,
                           const struct craft_members *members, craft_id self)
{
    const craft_member *member = craft_members_find(members, self);

    peers->self_votes = member != NULL && member->role == CRAFT_MEMBER_VOTER;
    peers->all = 0;
    peers->voters = 0;
    peers->voters_len = peers->self_votes;
    for (uint32_t i = 0; i < peers->len; i++) {
        uint64_t bit = (uint64_t)1 << i;

        member = craft_members_find(members, peers->slots[i].id);
        CRAFT_ASSERT(member != NULL);
        peers->slots[i].role = (uint8_t)member->role;
        peers->all |= bit;
        if (member->role == CRAFT_MEMBER_VOTER) {
            peers->voters |= bit;
            peers->voters_len++;
        }
    }
}

CRAFT_INTERNAL void craft_peers_follow(struct craft_peers *peers,
                                       const struct craft_members *members,
                                       craft_id self, craft_index next_index)
{
    uint32_t at = 0;

    slots_drop(peers, members);
    for (uint32_t i = 0; members != NULL && i < members->len; i++) {
        craft_id id = members->member[i].id;

        if (id == self) {
            continue;
        }
        if (at == peers->len || peers->slots[at].id != id) {
            slot_insert(peers, at, id, next_index);
        }
        at++;
    }
    slots_describe(peers, members, self);
    craft_peers_clear(peers); /* slots moved: their bits mean others now */
}

CRAFT_INTERNAL void craft_peers_clear(struct craft_peers *peers)
{
    peers->want_append = 0;
    peers->want_heartbeat = 0;
    peers->want_fetch = 0;
    peers->want_vote = 0;
    peers->refuse_vote = 0;
    peers->refuse_append = 0;
    peers->answer_pre = 0;
    peers->grant_pre = 0;
    peers->reading = 0;
    peers->answer_read = 0;
    peers->want_offer = 0;
    peers->want_part = 0;
    peers->open_forward = 0;
    peers->shut_forward = 0;
    peers->forwarding = 0;
    peers->turned = 0;
    peers->granted = 0;
    peers->refused = 0;
    peers->strangers_len = 0;
}

CRAFT_INTERNAL void craft_peers_answer(struct craft_peers *peers,
                                       struct craft_answer answer)
{
    uint32_t slot = craft_peers_find(peers, answer.to);
    uint64_t bit = (uint64_t)1 << slot;

    /* Any other grant is a promise. */
    CRAFT_ASSERT(!answer.granted ||
                 answer.kind == CRAFT_MESSAGE_PRE_VOTE_REPLY);
    if (slot == peers->len) {
        if (peers->strangers_len < CRAFT_STRANGERS_MAX) {
            peers->strangers[peers->strangers_len] = answer;
            peers->strangers_len++;
        }
    } else if (answer.kind == CRAFT_MESSAGE_VOTE_REPLY) {
        peers->refuse_vote |= bit;
    } else if (answer.kind == CRAFT_MESSAGE_APPEND_REPLY) {
        peers->refuse_append |= bit;
    } else {
        peers->answer_pre |= bit;
        peers->grant_pre &= ~bit;
        peers->grant_pre |= answer.granted ? bit : 0;
    }
}

/* To the lowest of these slots, which is taken off. */
static struct craft_answer slot_answer(const struct craft_peers *peers,
                                       uint64_t *bits, uint32_t kind)
{
    uint32_t slot = craft_peers_lowest(*bits);
    struct craft_answer answer = {peers->slots[slot].id, kind, false};

    *bits &= *bits - 1;
    return answer;
}

CRAFT_INTERNAL struct craft_answer
craft_peers_next_answer(struct craft_peers *peers)
{
    struct craft_answer answer = {0, 0, false};

    if (peers->refuse_vote != 0) {
        return slot_answer(peers, &peers->refuse_vote,
                           CRAFT_MESSAGE_VOTE_REPLY);
    }
    if (peers->refuse_append != 0) {
        return slot_answer(peers, &peers->refuse_append,
                           CRAFT_MESSAGE_APPEND_REPLY);
    }
    if (peers->answer_pre != 0) {
        uint64_t first = peers->answer_pre & (0u - peers->answer_pre);

        answer = slot_answer(peers, &peers->answer_pre,
                             CRAFT_MESSAGE_PRE_VOTE_REPLY);
        answer.granted = (peers->grant_pre & first) != 0;
    } else if (peers->strangers_len > 0) {
        peers->strangers_len--;
        answer = peers->strangers[peers->strangers_len];
    }
    return answer;
}

CRAFT_INTERNAL uint32_t craft_peers_heard(const struct craft_peers *peers,
                                          uint32_t ticks)
{
    uint32_t heard = peers->self_votes;

    for (uint32_t i = 0; i < peers->len; i++) {
        heard += (peers->voters >> i & 1u) != 0 &&
                 peers->slots[i].silent_ticks < ticks;
    }
    return heard;
}

CRAFT_INTERNAL uint64_t craft_peers_round(const struct craft_peers *peers,
                                          uint64_t own_round,
                                          uint32_t promise_ms)
{
    uint64_t rounds[CRAFT_MEMBERS_MAX + 1];
    size_t len = peers->self_votes;

    rounds[0] = own_round;
    for (uint32_t i = 0; i < peers->len; i++) {
        const struct craft_peer *peer = &peers->slots[i];

        rounds[len] = peer->promise_ms >= promise_ms ? peer->round : 0;
        len += (peers->voters >> i) & 1u;
    }
    return craft_majority_reached(rounds, len);
}

CRAFT_INTERNAL void craft_peers_lead(struct craft_peers *peers,
                                     craft_index next_index)
{
    for (uint32_t i = 0; i < peers->len; i++) {
        struct craft_peer *peer = &peers->slots[i];

        peer->match_index = 0;
        peer->round = 0;
        peer->promise_ms = 0;
        peer->priority = 0;
        peer->well_ticks = 0;
        peer->silent_ticks = 0;
        peer->forward_session = 0;
        craft_peer_probe(peer, next_index);
    }
}

CRAFT_INTERNAL void craft_peer_probe(struct craft_peer *peer,
                                     craft_index next_index)
{
    CRAFT_ASSERT(next_index > peer->match_index);
    peer->progress = CRAFT_PROGRESS_PROBE;
    peer->asked = CRAFT_ASKED_NOT;
    peer->next_index = next_index;
    peer->mark = 0;
    peer->older = 0;
    peer->newer = 0;
    peer->older_bytes = 0;
    peer->newer_bytes = 0;
}

CRAFT_INTERNAL void craft_peer_lacks(struct craft_peer *peer,
                                     craft_index next_index)
{
    craft_peer_probe(peer, next_index);
    peer->progress = CRAFT_PROGRESS_SNAPSHOT;
    peer->part_known = false;
}

CRAFT_INTERNAL void craft_peer_replicate(struct craft_peer *peer)
{
    craft_peer_probe(peer, peer->match_index + 1);
    peer->progress = CRAFT_PROGRESS_REPLICATE;
}
