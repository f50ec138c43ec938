/* Snapshots that the host takes of its own state machine. */
#include "api/delivery.h"
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
