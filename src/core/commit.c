#include "core/commit.h"

CRAFT_INTERNAL void craft_commit_settle(struct craft_node *node)
{
    uint64_t reached[CRAFT_MEMBERS_MAX];
    size_t len = 0;
    uint64_t bits = node->peers.voters;
    craft_index index;

    if (node->standing.role != CRAFT_ROLE_LEADER ||
        node->peers.voters_len == 0) {
        return;
    }
    if (node->peers.self_votes) {
        reached[len] = node->persist.durable.match;
        len++;
    }
    while (bits != 0) {
        reached[len] = node->peers.slots[craft_peers_lowest(bits)].match_index;
        len++;
        bits &= bits - 1;
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
