/* Snapshots that the host takes of its own state machine, and their parts. */
#include "api/delivery.h"
#include "core/health.h"
#include "core/receiving.h"
#include "core/sending.h"
#include "core/snapshot.h"

int craft_snapshot_begin(craft_node *node, craft_index index,
                         craft_snapshot *snapshot_out)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (snapshot_out == NULL ||
        snapshot_out->struct_size != sizeof *snapshot_out) {
        return CRAFT_ERR_INVALID;
    }
    return craft_snapshot_describe(node, index, snapshot_out);
}

int craft_snapshot_end(craft_node *node, const craft_snapshot *snapshot,
                       size_t keep_bytes)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (snapshot == NULL || snapshot->struct_size != sizeof *snapshot) {
        return CRAFT_ERR_INVALID;
    }
    return craft_leave(node, craft_snapshot_take(node, snapshot, keep_bytes));
}

int craft_snapshot_read_done(craft_node *node, uint64_t ticket,
                             const craft_chunk *chunk, int ending)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (ending == CRAFT_ENDING_OK) {
        if (chunk == NULL || chunk->struct_size != sizeof *chunk) {
            return CRAFT_ERR_INVALID;
        }
        rv = craft_sending_read(node, ticket, chunk);
    } else if (ending == CRAFT_ENDING_ERROR) {
        rv = craft_sending_failed(node, ticket);
        if (rv == 0) {
            craft_health_tell(node, CRAFT_EVENT_SNAPSHOT, ending, 0);
        }
    } else {
        return CRAFT_ERR_INVALID;
    }
    return craft_leave(node, rv);
}

int craft_snapshot_written(craft_node *node, uint64_t ticket, uint64_t offset,
                           int ending)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (ending == CRAFT_ENDING_OK) {
        rv = craft_receiving_written(node, ticket, offset);
    } else if (ending == CRAFT_ENDING_NOSPACE || ending == CRAFT_ENDING_ERROR) {
        rv = craft_receiving_failed(node, ticket);
        if (rv == 0) {
            craft_health_tell(node, CRAFT_EVENT_SNAPSHOT, ending, 0);
        }
    } else {
        return CRAFT_ERR_INVALID;
    }
    return craft_leave(node, rv);
}
