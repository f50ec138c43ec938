#include "core/commit.h"

CRAFT_INTERNAL craft_index craft_commit_reached(const struct craft_node *node)
{
    uint64_t reached[CRAFT_MEMBERS_MAX + 1];
    const struct craft_peers *peers = &node->peers;
    size_t len = peers->self_votes;

    reached[0] = node->persist.durable.match;
    for (uint32_t i = 0; i < peers->len; i++) {
        reached[len] = peers->slots[i].match_index;
        len += (peers->voters >> i) & 1u;
    }
    CRAFT_ASSERT(len == peers->voters_len);
    return craft_majority_reached(reached, len);
}

/*
 * The first commit of a term decides what was proposed to earlier leaders, and
 * who proposed it may wait for that: not until the next heartbeat, which comes
 * when all clients wait.
 */
CRAFT_COLD static void commit_tell(struct craft_node *node)
{
    if (node->commit_index + 1 < node->replication.first_of_term) {
        node->peers.want_heartbeat = node->peers.all;
        craft_changed(node, CRAFT_FACT_PEER_WANTS);
    }
}

CRAFT_HOT void craft_commit_settle(struct craft_node *node)
{
    const struct craft_peers *peers = &node->peers;
    craft_index durable = node->persist.durable.match;
    craft_index index;

    if (node->standing.role != CRAFT_ROLE_LEADER) {
        return;
    }
    if (durable < node->log.last) {
        craft_when_durable(node, CRAFT_SETTLE_COMMIT);
    }
    /* Two other voters and this one: slots 0 and 1, and its own vote. */
    index = CRAFT_LIKELY(peers->voters == 3 && peers->voters_len == 3)
                ? craft_majority_of_3(durable, peers->slots[0].match_index,
                                      peers->slots[1].match_index)
                : craft_commit_reached(node);
    /* "and log[N].term == currentTerm": otherwise Figure 3.7's server 5 could
     * still overwrite it. */
    if (index > node->commit_index &&
        index >= node->replication.first_of_term) {
        if (CRAFT_UNLIKELY(node->commit_index <
                           node->replication.first_of_term)) {
            craft_changed(node, CRAFT_FACT_READS); /* they waited for that */
            commit_tell(node);
        }
        craft_commit_raise(node, index);
        if (CRAFT_UNLIKELY(peers->forwarding != 0)) {
            craft_changed(node, CRAFT_FACT_FORWARD_COMMITTED);
        }
    }
}
