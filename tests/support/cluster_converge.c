/* When nothing goes wrong any more, all agree. */
#include "cluster_parts.h"

#define ROUNDS_MAX 400u

static bool is_up(const struct cluster_node *node)
{
    return node->node != NULL && !node->halted;
}

static bool agrees(struct cluster *cluster, uint32_t position, uint32_t leader)
{
    craft_status lead = cluster_status(cluster, leader);
    craft_status status = cluster_status(cluster, position);

    return status.term == lead.term &&
           status.leader == cluster_node(cluster, leader)->id &&
           status.commit_index == lead.commit_index &&
           status.applied_index == lead.commit_index &&
           status.tokens_open == 0 && status.forwards_open == 0 &&
           status.persists_open == 0 &&
           (status.flags & CRAFT_STATUS_DISK_FULL) == 0;
}

static bool converged(struct cluster *cluster)
{
    uint32_t leader = cluster_leader(cluster);
    craft_status lead;

    if (leader == 0) {
        return false;
    }
    lead = cluster_status(cluster, leader);
    if (lead.commit_index != lead.last_index) {
        return false;
    }
    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        if (!agrees(cluster, i, leader)) {
            return false;
        }
    }
    return true;
}

static void node_calm(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);

    node->persist_ends = CLUSTER_ENDS_INSIDE;
    node->apply_ends = CLUSTER_ENDS_INSIDE;
    node->fetch_ends = CLUSTER_ENDS_INSIDE;
    node->parts_end = CLUSTER_ENDS_INSIDE;
    node->disk_full = false;
    node->allocations_fail = 0;
    if (!is_up(node)) {
        cluster_crash(cluster, position, 0);
        cluster_restart(cluster, position);
    }
    while (node->holds > 0) {
        cluster_release(cluster, position);
    }
}

void cluster_converge(struct cluster *cluster)
{
    cluster->inside = NULL;
    cluster_heal(cluster);
    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        node_calm(cluster, i);
    }
    cluster_settle(cluster);
    for (uint32_t i = 0; i < ROUNDS_MAX && !converged(cluster); i++) {
        cluster_run(cluster, 1);
    }
    if (!converged(cluster)) {
        cluster_fail(cluster, "it does not converge");
    }
}
