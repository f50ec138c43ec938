/* What can be seen from outside. */
#include "api/delivery.h"
#include "core/lease.h"

#define TEXT(x) #x
#define VERSION_TEXT(major, minor, patch)                                      \
    TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *craft_version(void)
{
    return VERSION_TEXT(CRAFT_VERSION_MAJOR, CRAFT_VERSION_MINOR,
                        CRAFT_VERSION_PATCH);
}

CRAFT_INTERNAL int craft_copy_out(void *out, const void *from, uint32_t size,
                                  uint32_t caller_size)
{
    if (caller_size < sizeof(uint32_t)) {
        return CRAFT_ERR_INVALID;
    }
    memcpy(out, from, caller_size < size ? caller_size : size);
    memcpy(out, &caller_size, sizeof caller_size);
    return 0;
}

static uint32_t status_flags(const struct craft_node *node)
{
    uint32_t flags = 0;

    flags |= node->phase >= CRAFT_PHASE_STARTED ? CRAFT_STATUS_STARTED : 0u;
    flags |= node->phase == CRAFT_PHASE_STOPPED ? CRAFT_STATUS_STOPPED : 0u;
    flags |= node->phase == CRAFT_PHASE_HALTED ? CRAFT_STATUS_HALTED : 0u;
    flags |= node->persist.full ? CRAFT_STATUS_DISK_FULL : 0u;
    flags |= node->peers.self_votes ? CRAFT_STATUS_VOTER : 0u;
    return flags;
}

/* While held, a truncation may not be taken in yet. */
static craft_index durable_index(const struct craft_node *node)
{
    craft_index match = node->persist.durable.match;
    craft_index from = node->log.truncated_from;

    return from != 0 && from <= match ? from - 1 : match;
}

int craft_node_status(const craft_node *node, craft_status *status_out)
{
    craft_status status;

    if (node == NULL || status_out == NULL) {
        return CRAFT_ERR_INVALID;
    }
    memset(&status, 0, sizeof status);
    status.flags = status_flags(node);
    status.id = node->config.id;
    status.group = node->config.group;
    status.role = node->standing.role;
    status.peers_len = node->peers.len;
    status.term = node->standing.term;
    status.voted_for = node->election.voted_for;
    status.leader = node->standing.leader;
    status.base_index = node->log.base;
    status.snapshot_index = node->snapshot.latest.index;
    status.sending_index = node->sending.index;
    status.receiving_index = node->receiving.incoming.index;
    status.first_index = node->log.first;
    status.last_index = node->log.last;
    status.last_term = node->log.last_term;
    status.durable_index = durable_index(node);
    status.commit_index = node->commit_index;
    status.applied_index = node->apply.index;
    status.configuration_index =
        node->configuration != NULL ? node->configuration->index : 0;
    status.round = node->replication.round;
    status.log_bytes =
        (size_t)craft_log_bytes_after(&node->log, node->log.first - 1);
    status.uncommitted_bytes =
        (size_t)craft_log_bytes_after(&node->log, node->apply.index);
    status.tokens_open = node->proposals.len;
    status.persists_open =
        (uint32_t)(node->persist.next - node->persist.oldest);
    status.reads_open = node->reads.waiting.len + node->reads.confirmed.len;
    status.forwards_open =
        node->forward.waiting.len + node->forward.entered.len;
    status.transfer_target = node->transfer.target;
    status.lease_until_ns = craft_lease_until(node);
    return craft_copy_out(status_out, &status, (uint32_t)sizeof status,
                          status_out->struct_size);
}

int craft_node_peer(const craft_node *node, uint32_t position,
                    craft_peer_status *peer_out)
{
    const struct craft_peer *peer;
    craft_peer_status status;

    if (node == NULL || peer_out == NULL || position >= node->peers.len) {
        return CRAFT_ERR_INVALID;
    }
    peer = &node->peers.slots[position];
    memset(&status, 0, sizeof status);
    status.role = peer->role;
    status.id = peer->id;
    status.progress = peer->progress;
    status.silent_ticks = peer->silent_ticks;
    status.match_index = peer->match_index;
    status.next_index = peer->next_index;
    status.round = peer->round;
    status.inflight = craft_peer_inflight(peer);
    status.priority = peer->priority;
    status.inflight_bytes = (size_t)craft_peer_inflight_bytes(peer);
    status.snapshot_written =
        peer->progress == CRAFT_PROGRESS_SNAPSHOT ? peer->part_written : 0;
    return craft_copy_out(peer_out, &status, (uint32_t)sizeof status,
                          peer_out->struct_size);
}

int craft_node_configuration(const craft_node *node,
                             craft_configuration *configuration_out)
{
    craft_configuration configuration;

    if (node == NULL || configuration_out == NULL) {
        return CRAFT_ERR_INVALID;
    }
    memset(&configuration, 0, sizeof configuration);
    if (node->configuration != NULL) {
        configuration.index = node->configuration->index;
        configuration.lineage = node->configuration->lineage;
        configuration.members = node->configuration->member;
        configuration.members_len = node->configuration->len;
    }
    return craft_copy_out(configuration_out, &configuration,
                          (uint32_t)sizeof configuration,
                          configuration_out->struct_size);
}
