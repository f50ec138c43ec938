#include "core/fetch.h"

CRAFT_INTERNAL int craft_fetch_init(struct craft_node *node)
{
    size_t size = CRAFT_FETCH_COUNT * sizeof *node->fetching.stretches;

    node->fetching.stretches =
        craft_memory_alloc(&node->config.allocator, size);
    if (node->fetching.stretches == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    memset(node->fetching.stretches, 0, size);
    node->fetching.next_ticket = 1;
    return 0;
}

CRAFT_INTERNAL void craft_fetch_free(struct craft_node *node)
{
    struct craft_stretch *stretches = node->fetching.stretches;
    const craft_allocator *allocator = &node->config.allocator;

    if (stretches == NULL) {
        return;
    }
    for (size_t i = 0; i < CRAFT_FETCH_COUNT; i++) {
        craft_memory_free(allocator, stretches[i].entries, stretches[i].size);
    }
    craft_memory_free(allocator, stretches,
                      CRAFT_FETCH_COUNT * sizeof *stretches);
}

/* ----------------------------------------------------------------- endings */

static struct craft_stretch *stretch_open(struct craft_node *node,
                                          uint64_t ticket)
{
    if (ticket == 0 || node->fetching.stretches == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < CRAFT_FETCH_COUNT; i++) {
        if (node->fetching.stretches[i].ticket == ticket) {
            return &node->fetching.stretches[i];
        }
    }
    return NULL;
}

/* Are these entries of this log, from the first one wanted on? */
static bool fetched_fit(const struct craft_node *node,
                        const struct craft_stretch *stretch,
                        const craft_entry *entries, size_t entries_len)
{
    if (entries_len == 0 || entries == NULL ||
        entries_len > stretch->last - stretch->first + 1 ||
        stretch->first + entries_len - 1 > node->log.last) {
        return false;
    }
    for (size_t i = 0; i < entries_len; i++) {
        craft_index index = stretch->first + i;

        if (entries[i].index != index ||
            entries[i].term != craft_log_term(&node->log, index) ||
            entries[i].kind < CRAFT_ENTRY_COMMAND ||
            entries[i].kind > CRAFT_ENTRY_CONFIGURATION ||
            (entries[i].data == NULL && entries[i].data_len > 0)) {
            return false;
        }
    }
    return true;
}

/* A buffer of that size, which is not in use; what it held is given up. */
static int stretch_reserve(struct craft_node *node,
                           struct craft_stretch *stretch, size_t size)
{
    craft_entry *entries;

    if (size <= stretch->size) {
        return 0;
    }
    entries = craft_memory_alloc(&node->config.allocator, size);
    if (entries == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    craft_memory_free(&node->config.allocator, stretch->entries, stretch->size);
    stretch->entries = entries;
    stretch->size = size;
    return 0;
}

static void stretch_fill(struct craft_stretch *stretch,
                         const craft_entry *entries, size_t entries_len)
{
    uint8_t *data = (uint8_t *)(stretch->entries + entries_len);

    for (size_t i = 0; i < entries_len; i++) {
        craft_entry *entry = &stretch->entries[i];

        *entry = entries[i];
        entry->token = 0;
        entry->reserved = 0;
        entry->data = NULL;
        if (entry->data_len > 0) {
            memcpy(data, entries[i].data, entry->data_len);
            entry->data = data;
            data += entry->data_len;
        }
    }
    stretch->last = stretch->first + entries_len - 1;
    stretch->ticket = 0;
}

CRAFT_INTERNAL int craft_fetch_ended(struct craft_node *node, uint64_t ticket,
                                     const craft_entry *entries,
                                     size_t entries_len)
{
    struct craft_stretch *stretch = stretch_open(node, ticket);
    size_t size = 0;
    int rv;

    if (stretch == NULL) {
        return CRAFT_ERR_TICKET;
    }
    if (stretch->first <= node->log.base) {
        stretch->ticket = 0; /* compacted meanwhile: nobody wants it */
        stretch->first = 0;
        craft_changed(node, CRAFT_FACT_FETCH_WANTED);
        return 0;
    }
    if (!fetched_fit(node, stretch, entries, entries_len)) {
        return CRAFT_ERR_CORRUPT;
    }
    for (size_t i = 0; i < entries_len; i++) {
        if (entries[i].data_len > SIZE_MAX / 4 - sizeof *entries - size) {
            return CRAFT_ERR_NOMEM;
        }
        size += sizeof *entries + entries[i].data_len;
    }
    rv = stretch_reserve(node, stretch, size);
    if (rv != 0) {
        return rv;
    }
    stretch_fill(stretch, entries, entries_len);
    node->peers.want_append |= node->peers.want_fetch;
    node->peers.want_fetch = 0;
    craft_changed(node, CRAFT_FACT_FETCHED);
    return 0;
}

CRAFT_INTERNAL int craft_fetch_failed(struct craft_node *node, uint64_t ticket)
{
    struct craft_stretch *stretch = stretch_open(node, ticket);

    if (stretch == NULL) {
        return CRAFT_ERR_TICKET;
    }
    stretch->ticket = 0;
    stretch->first = 0;
    node->fetching.failed = true;
    return 0;
}

CRAFT_INTERNAL void craft_fetch_retry(struct craft_node *node)
{
    if (node->fetching.failed) {
        node->fetching.failed = false;
        craft_changed(node, CRAFT_FACT_FETCH_WANTED);
    }
}

/* ----------------------------------------------------------------- effects */

static void stretch_ask(struct craft_node *node, uint32_t which,
                        craft_index first, craft_index last)
{
    struct craft_stretch *stretch = &node->fetching.stretches[which];
    craft_fetch *fetch = &node->out.fetch;
    craft_index most = node->config.message_bytes_max / CRAFT_ENTRY_OVERHEAD;

    CRAFT_ASSERT(first <= last);
    if (last - first >= most) {
        last = first + most - 1;
    }
    stretch->ticket = node->fetching.next_ticket;
    stretch->first = first;
    stretch->last = last;
    node->fetching.next_ticket++;
    fetch->struct_size = sizeof *fetch;
    fetch->reserved = 0;
    fetch->ticket = stretch->ticket;
    fetch->first = first;
    fetch->entries_max = (size_t)(last - first + 1);
    fetch->bytes_max = node->config.message_bytes_max;
}

/* The first peer that wants entries and still lacks them: since it wanted them
 * it may have got them from elsewhere. */
static bool peer_lacking(struct craft_node *node, uint32_t *slot_out)
{
    struct craft_peers *peers = &node->peers;

    while (peers->want_fetch != 0) {
        *slot_out = craft_peers_lowest(peers->want_fetch);
        if (peers->slots[*slot_out].next_index < node->log.first) {
            return true;
        }
        peers->want_fetch &= peers->want_fetch - 1;
    }
    return false;
}

CRAFT_INTERNAL bool craft_fetch_derive(struct craft_node *node,
                                       craft_index to_apply)
{
    struct craft_stretch *stretches = node->fetching.stretches;
    uint32_t slot;

    if (stretches == NULL || node->fetching.failed) {
        node->due &= ~(uint32_t)CRAFT_DERIVE_FETCH;
        return false;
    }
    if (to_apply != 0 && stretches[CRAFT_FETCH_APPLY].ticket == 0) {
        /* Only what is committed: it cannot be rewritten meanwhile. */
        craft_index last = node->log.first - 1;

        if (last > node->commit_index) {
            last = node->commit_index;
        }
        stretch_ask(node, CRAFT_FETCH_APPLY, to_apply, last);
        return true;
    }
    if (stretches[CRAFT_FETCH_PEERS].ticket == 0 && peer_lacking(node, &slot)) {
        stretch_ask(node, CRAFT_FETCH_PEERS, node->peers.slots[slot].next_index,
                    node->log.first - 1);
        return true;
    }
    node->due &= ~(uint32_t)CRAFT_DERIVE_FETCH;
    return false;
}
