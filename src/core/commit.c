#include "core/commit.h"

CRAFT_HOT void craft_commit_settle(struct craft_node *node)
{
    uint64_t reached[CRAFT_MEMBERS_MAX + 1];
    size_t len;
    const struct craft_peers *peers = &node->peers;
    craft_index index;

    if (node->standing.role != CRAFT_ROLE_LEADER ||
        node->peers.voters_len == 0) {
        return;
    }
    if (node->persist.durable.match < node->log.last) {
        craft_when_durable(node, CRAFT_SETTLE_COMMIT);
    }
    reached[0] = node->persist.durable.match;
    len = peers->self_votes;
    for (uint32_t i = 0; i < peers->len; i++) {
        reached[len] = peers->slots[i].match_index;
        len += (peers->voters >> i) & 1u;
    }
    CRAFT_ASSERT(len == node->peers.voters_len);
    index = craft_majority_reached(reached, len);
    /* "and log[N].term == currentTerm": otherwise Figure 3.7's server 5 could
     * still overwrite it. */
    if (index > node->commit_index &&
        index >= node->replication.first_of_term) {
        craft_commit_raise(node, index);
    }
}
