#include "api/delivery.h"

#define SCRATCH_MIN 16u

/* Room in the node's scratch array for so many decoded entries. */
static int scratch_reserve(struct craft_node *node, size_t entries)
{
    size_t max = node->scratch_max > 0 ? node->scratch_max : SCRATCH_MIN;
    craft_entry *scratch;

    while (max < entries) {
        max *= 2; /* entries are at most the bytes of a message: no wrap */
    }
    scratch =
        craft_memory_alloc(&node->config.allocator, max * sizeof *scratch);
    if (scratch == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    craft_memory_free(&node->config.allocator, node->scratch,
                      node->scratch_max * sizeof *node->scratch);
    node->scratch = scratch;
    node->scratch_max = max;
    return 0;
}

int craft_receive_bytes(craft_node *node, const uint8_t *data, size_t data_len)
{
    craft_message message;
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (data == NULL) {
        return CRAFT_ERR_INVALID;
    }
    rv = craft_message_decode(&message, node->scratch, node->scratch_max, data,
                              data_len);
    if (rv == CRAFT_ERR_ENTRIES) {
        rv = scratch_reserve(node, message.kind == CRAFT_MESSAGE_FORWARD
                                       ? message.as.forward.entries_len
                                       : message.as.append.entries_len);
        if (rv == 0) {
            rv = craft_message_decode(&message, node->scratch,
                                      node->scratch_max, data, data_len);
        }
    }
    return rv != 0 ? rv : craft_receive(node, &message);
}
