#include "core/snapshot.h"

static void blob_free(struct craft_node *node, struct craft_blob *blob)
{
    craft_memory_free(&node->config.allocator, blob->bytes, blob->len);
    blob->bytes = NULL;
    blob->len = 0;
}

CRAFT_INTERNAL void craft_snapshot_free(struct craft_node *node)
{
    blob_free(node, &node->snapshot.configuration);
    blob_free(node, &node->snapshot.described);
    blob_free(node, &node->snapshot.retired);
    blob_free(node, &node->snapshot.older_configuration);
}

/* ----------------------------------------------------------------- restore */

static bool restored_good(const craft_snapshot *snapshot, craft_term term)
{
    return snapshot->index > 0 && snapshot->index < CRAFT_NUMBER_MAX - 1 &&
           snapshot->term > 0 && snapshot->term <= term;
}

/* What the snapshot carries, decoded, with room for it in the peers. */
static int carried_decode(struct craft_node *node,
                          const craft_snapshot *snapshot,
                          struct craft_members **members_out)
{
    const craft_allocator *allocator = &node->config.allocator;
    struct craft_members *members;
    size_t size = craft_members_carried_size(snapshot->configuration,
                                             snapshot->configuration_len,
                                             node->config.members_max);

    if (size == 0) {
        return CRAFT_ERR_CORRUPT;
    }
    members = craft_memory_alloc(allocator, size);
    if (members == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    craft_members_decode(snapshot->configuration, snapshot->configuration_len,
                         size, members);
    if (members->index > snapshot->index) {
        craft_memory_free(allocator, members, size);
        return CRAFT_ERR_CORRUPT;
    }
    *members_out = members;
    return craft_peers_reserve(&node->peers, allocator, members,
                               node->config.id);
}

static int blob_copy(struct craft_node *node, const uint8_t *bytes, size_t len,
                     struct craft_blob *blob_out)
{
    uint8_t *copy = craft_memory_alloc(&node->config.allocator, len);

    if (copy == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    memcpy(copy, bytes, len);
    blob_out->bytes = copy;
    blob_out->len = len;
    return 0;
}

/* Is it sent to peers, or read for them? */
static bool is_sent(const struct craft_node *node, craft_index index)
{
    const struct craft_sending *sending = &node->sending;

    return index != 0 &&
           (sending->index == index ||
            (sending->ticket != 0 && sending->read_index == index));
}

CRAFT_INTERNAL bool craft_snapshot_replaceable(const struct craft_node *node)
{
    const struct craft_snapshotting *own = &node->snapshot;

    return node->persist.durable.snapshot == own->latest.index &&
           own->retired.bytes == NULL &&
           (own->older.index == 0 || !is_sent(node, own->latest.index));
}

/* It is the latest now; the blob is the node's own. */
static void latest_set(struct craft_node *node, const craft_snapshot *snapshot,
                       struct craft_blob blob)
{
    struct craft_snapshotting *own = &node->snapshot;

    CRAFT_ASSERT(snapshot->index > own->latest.index);
    CRAFT_ASSERT(own->retired.bytes == NULL);
    if (is_sent(node, own->latest.index)) {
        CRAFT_ASSERT(own->older.index == 0);
        own->older = own->latest;
        own->older_configuration = own->configuration;
    } else {
        own->retired = own->configuration;
    }
    own->configuration = blob;
    own->latest = *snapshot;
    own->latest.reserved = 0;
    own->latest.configuration = blob.bytes;
    own->latest.configuration_len = blob.len;
}

CRAFT_INTERNAL int craft_snapshot_restore(struct craft_node *node,
                                          const craft_snapshot *snapshot)
{
    struct craft_members *members = NULL;
    struct craft_blob blob = {NULL, 0};
    int rv = CRAFT_ERR_CORRUPT;

    if (restored_good(snapshot, node->standing.term)) {
        rv = carried_decode(node, snapshot, &members);
    }
    if (rv == 0) {
        rv = craft_log_reserve(&node->log, 1, craft_log_space(0), 1);
    }
    if (rv == 0) {
        rv = blob_copy(node, snapshot->configuration,
                       snapshot->configuration_len, &blob);
    }
    if (rv != 0) {
        craft_members_pop(&members, 0, &node->config.allocator);
        return rv;
    }
    latest_set(node, snapshot, blob);
    craft_members_push(&node->configuration, members);
    craft_snapshot_restore_undo(node);
    return 0;
}

CRAFT_INTERNAL void craft_snapshot_restore_tail(struct craft_node *node,
                                                const craft_entry *entry)
{
    CRAFT_ASSERT(entry->index <= node->snapshot.latest.index);
    craft_log_begin(&node->log, entry->index, entry->term, false);
    node->snapshot.compact_to = entry->index;
    node->snapshot.tail_given = true;
}

CRAFT_INTERNAL void craft_snapshot_restore_undo(struct craft_node *node)
{
    const craft_snapshot *latest = &node->snapshot.latest;

    craft_log_begin(&node->log, latest->index, latest->term, false);
    node->snapshot.compact_to = latest->index;
    node->snapshot.tail_given = false;
}

/* -------------------------------------------------------------- begin, end */

/* Only one that is later than the last is of use, and only of what is applied
 * is there a state. */
static bool index_good(const struct craft_node *node, craft_index index)
{
    return index > node->snapshot.latest.index && index <= node->apply.index;
}

/* The configuration in force at that index, committed or not (thesis 4.1), and
 * no later one: an image of the state goes with the members of its time. */
static int blob_make(struct craft_node *node, craft_index index,
                     struct craft_blob *blob_out)
{
    const struct craft_members *members =
        craft_members_at(node->configuration, index);

    if (members == NULL) {
        return CRAFT_ERR_STATE;
    }
    blob_out->len = craft_members_carried_len(members);
    blob_out->bytes =
        craft_memory_alloc(&node->config.allocator, blob_out->len);
    if (blob_out->bytes == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    craft_members_carry(members, blob_out->bytes);
    return 0;
}

CRAFT_INTERNAL int craft_snapshot_describe(struct craft_node *node,
                                           craft_index index,
                                           craft_snapshot *snapshot_out)
{
    struct craft_blob blob;
    int rv;

    if (index == 0) {
        if (node->apply.first != 0) {
            return CRAFT_ERR_BUSY; /* nobody knows how far it is */
        }
        index = node->apply.index;
    }
    if (!index_good(node, index)) {
        return CRAFT_ERR_INVALID;
    }
    rv = blob_make(node, index, &blob);
    if (rv != 0) {
        return rv;
    }
    blob_free(node, &node->snapshot.described);
    node->snapshot.described = blob;
    snapshot_out->reserved = 0;
    snapshot_out->index = index;
    snapshot_out->term = craft_log_term(&node->log, index);
    snapshot_out->configuration = blob.bytes;
    snapshot_out->configuration_len = blob.len;
    snapshot_out->size = 0;
    snapshot_out->digest = 0;
    return 0;
}

/* Is it what craft_snapshot_describe() says of that index? */
static bool described(const struct craft_node *node,
                      const craft_snapshot *snapshot,
                      const struct craft_blob *blob)
{
    return snapshot->term == craft_log_term(&node->log, snapshot->index) &&
           snapshot->configuration != NULL &&
           snapshot->configuration_len == blob->len &&
           memcmp(snapshot->configuration, blob->bytes, blob->len) == 0;
}

CRAFT_INTERNAL int craft_snapshot_take(struct craft_node *node,
                                       const craft_snapshot *snapshot,
                                       size_t keep_bytes)
{
    struct craft_snapshotting *own = &node->snapshot;
    uint64_t tail = keep_bytes == SIZE_MAX ? UINT64_MAX : keep_bytes;
    struct craft_blob blob;
    craft_index base;
    int rv;

    if (!index_good(node, snapshot->index)) {
        return CRAFT_ERR_INVALID;
    }
    if (!craft_snapshot_replaceable(node)) {
        return CRAFT_ERR_BUSY; /* the one before is on its way to the store */
    }
    rv = blob_make(node, snapshot->index, &blob);
    if (rv != 0) {
        return rv;
    }
    if (!described(node, snapshot, &blob)) {
        blob_free(node, &blob);
        return CRAFT_ERR_INVALID;
    }
    latest_set(node, snapshot, blob);
    base = craft_log_tail(&node->log, snapshot->index, tail);
    if (base > own->compact_to) {
        own->compact_to = base;
    }
    craft_changed(node, CRAFT_FACT_SNAPSHOT);
    return 0;
}

/* ------------------------------------------------------------- compaction */

/*
 * What peers that are being sent a snapshot need to go on behind it is kept
 * within a limit, though a newer one stands for it.
 */
CRAFT_INTERNAL craft_index craft_snapshot_base(const struct craft_node *node)
{
    craft_index base = node->snapshot.compact_to;
    craft_index sent = node->sending.index;

    CRAFT_ASSERT(base <= node->snapshot.latest.index);
    if (sent != 0 && sent < base &&
        craft_log_tail(&node->log, node->log.last,
                       node->config.snapshot_pin_bytes_max) <= sent) {
        return sent;
    }
    return base;
}

CRAFT_INTERNAL void craft_snapshot_adopt(struct craft_node *node,
                                         const craft_snapshot *snapshot,
                                         struct craft_blob configuration)
{
    latest_set(node, snapshot, configuration);
    node->snapshot.compact_to = snapshot->index;
}

CRAFT_INTERNAL void craft_snapshot_tidy(struct craft_node *node)
{
    struct craft_snapshotting *own = &node->snapshot;

    blob_free(node, &own->retired);
    if (own->older.index != 0 && !is_sent(node, own->older.index)) {
        blob_free(node, &own->older_configuration);
        memset(&own->older, 0, sizeof own->older);
    }
}
