/* What holds after every step. */
#include "cluster_parts.h"

#define LLU(x) ((unsigned long long)(x))

static void rising_check(struct cluster_node *node, const craft_status *status)
{
    if (status->term < node->seen_term ||
        status->commit_index < node->seen_commit ||
        status->applied_index < node->seen_applied) {
        cluster_fail(node->cluster,
                     "%u falls back: term %llu commit %llu applied %llu",
                     node->position, LLU(status->term),
                     LLU(status->commit_index), LLU(status->applied_index));
    }
}

/* "at most one leader can be elected in a given term" (Figure 3.2). */
static void leader_check(struct cluster_node *node, const craft_status *status)
{
    if (status->role != CRAFT_ROLE_LEADER) {
        return;
    }
    cluster_note_leader(node, status->term);
    if (node->seen_role != CRAFT_ROLE_LEADER ||
        node->seen_term != status->term) {
        cluster_note_elected(node);
    }
    cluster_watch_commit(node, status);
}

/*
 * What a leader has committed so far, also in the middle of a delivery, or
 * just before it yielded.
 */
void cluster_watch_commit(struct cluster_node *node, const craft_status *status)
{
    if (!node->halted && !node->cluster->blind &&
        status->commit_index > node->cluster->committed.len &&
        cluster_term_of(node->cluster, status->term)->leader == node->id) {
        cluster_note_commit(node, status->term, status->commit_index);
    }
}

static void commit_check(struct cluster_node *node, const craft_status *status)
{
    struct cluster *cluster = node->cluster;

    if (status->commit_index == 1 && cluster->committed.len == 0) {
        struct cluster_entry *first = cluster_entry_find(cluster, 1, 1);

        if (first != NULL) {
            cluster_committed_add(cluster, first, 1);
        }
        return;
    }
    if (status->commit_index > cluster->committed.len) {
        cluster_fail(cluster, "%u has commit %llu, no leader has more than %zu",
                     node->position, LLU(status->commit_index),
                     cluster->committed.len);
    }
}

/* Its disk has what is committed, as far as it says that it is durable. */
static void prefix_check(struct cluster_node *node, const craft_status *status)
{
    const struct cluster_log *committed = &node->cluster->committed;
    craft_index last = status->commit_index;

    if (status->durable_index > node->disk.log.len) {
        cluster_fail(node->cluster, "%u says %llu is durable, %zu is",
                     node->position, LLU(status->durable_index),
                     node->disk.log.len);
    }
    if (last > status->durable_index) {
        last = status->durable_index;
    }
    if (last > committed->len) {
        last = committed->len;
    }
    for (craft_index i = last; i > 0; i--) {
        if (node->disk.log.entries[i - 1] != committed->entries[i - 1]) {
            cluster_fail(node->cluster, "%u has %llu@%llu below its commit",
                         node->position, LLU(i),
                         LLU(node->disk.log.entries[i - 1]->term));
        }
    }
}

static void node_check(struct cluster_node *node)
{
    const char *broken = craft_check(node->node);
    craft_status status = cluster_look(node);

    if (broken != NULL) {
        cluster_fail(node->cluster, "%u: %s", node->position, broken);
    }
    if (node->halted || node->cluster->blind) {
        return;
    }
    rising_check(node, &status);
    leader_check(node, &status);
    commit_check(node, &status);
    prefix_check(node, &status);
    if (node->batch == NULL && node->applied > status.applied_index) {
        cluster_fail(node->cluster, "%u forgets that it applied %llu",
                     node->position, LLU(node->applied));
    }
    node->seen_term = status.term;
    node->seen_commit = status.commit_index;
    node->seen_applied = status.applied_index;
    node->seen_role = status.role;
}

void cluster_check(struct cluster *cluster)
{
    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        if (cluster->nodes[i].node != NULL) {
            node_check(&cluster->nodes[i]);
        }
    }
}
