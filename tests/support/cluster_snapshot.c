/* Snapshots: what the nodes ask of their host, and images of its own. */
#include <stdlib.h>
#include <string.h>

#include "cluster_parts.h"
#include "test_memory.h"

#define LLU(x) ((unsigned long long)(x))

/* The state after an entry is what follows from it: any server has the same. */
static uint8_t state_byte(craft_index index, craft_term term, uint64_t offset)
{
    uint64_t x = (index << 20 ^ term << 44 ^ offset) * 0x9e3779b97f4a7c15u;

    return (uint8_t)(x >> 56);
}

static uint64_t state_size(craft_index index)
{
    return index % 5 == 0 ? 0 : index * 131 % 900;
}

void cluster_snapshot_copy(struct cluster_snapshot *to,
                           const craft_snapshot *from)
{
    if (from->configuration_len > CLUSTER_BLOB_MAX) {
        abort();
    }
    memset(to, 0, sizeof *to);
    to->index = from->index;
    to->term = from->term;
    to->size = from->size;
    to->digest = from->digest;
    to->blob_len = from->configuration_len;
    memcpy(to->blob, from->configuration, from->configuration_len);
}

craft_snapshot cluster_snapshot_of(const struct cluster_snapshot *from)
{
    craft_snapshot snapshot;

    memset(&snapshot, 0, sizeof snapshot);
    snapshot.struct_size = sizeof snapshot;
    snapshot.index = from->index;
    snapshot.term = from->term;
    snapshot.size = from->size;
    snapshot.digest = from->digest;
    snapshot.configuration = from->blob;
    snapshot.configuration_len = from->blob_len;
    return snapshot;
}

int cluster_snapshot(struct cluster *cluster, uint32_t position,
                     craft_index index, size_t keep_bytes)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input = cluster_enter(node, true);
    craft_snapshot snapshot;
    int rv;

    memset(&snapshot, 0, sizeof snapshot);
    snapshot.struct_size = sizeof snapshot;
    do {
        rv = craft_snapshot_begin(node->node, index, &snapshot);
    } while (cluster_again(&input, rv));
    if (rv == 0) {
        struct cluster_snapshot kept;

        snapshot.size = state_size(snapshot.index);
        /* Every third one cannot be compared with those of others. */
        snapshot.digest = snapshot.index % 3 == 0 ? 0 : snapshot.index;
        cluster_snapshot_copy(&kept, &snapshot);
        snapshot.configuration = kept.blob;
        if (snapshot.index > node->taken) {
            node->taken = snapshot.index;
        }
        do {
            rv = craft_snapshot_end(node->node, &snapshot, keep_bytes);
        } while (cluster_again(&input, rv));
    }
    cluster_leave(input);
    return rv;
}

/* ------------------------------------------------------------------- reads */

bool cluster_part_read(struct cluster *cluster, uint32_t position, int ending)
{
    struct cluster_node *node = cluster_node(cluster, position);
    craft_snapshot_read read = node->part_read;
    craft_chunk chunk = {sizeof chunk, 0, NULL, 0};
    struct cluster_input input;
    uint8_t *bytes;
    int rv;

    if (node->node == NULL || read.ticket == 0) {
        return false;
    }
    node->part_read.ticket = 0;
    bytes = malloc(read.bytes_max);
    if (bytes == NULL) {
        abort();
    }
    chunk.data = bytes;
    chunk.data_len =
        read.bytes_max - (read.offset % 3 == 0 && read.bytes_max > 1);
    for (size_t i = 0; i < chunk.data_len; i++) {
        bytes[i] = state_byte(read.snapshot->index, read.snapshot->term,
                              read.offset + i);
    }
    input = cluster_enter(node, true);
    do {
        rv = craft_snapshot_read_done(node->node, read.ticket, &chunk, ending);
    } while (cluster_again(&input, rv));
    if (rv == CRAFT_ERR_NOMEM) {
        rv = craft_snapshot_read_done(node->node, read.ticket, NULL,
                                      CRAFT_ENDING_ERROR);
    }
    if (rv != 0 && rv > -900) {
        cluster_fail(cluster, "%u: read gives %d", position, rv);
    }
    test_memory_poison(bytes, chunk.data_len);
    free(bytes);
    cluster_leave(input);
    return true;
}

void cluster_on_read(void *host, const craft_snapshot_read *read)
{
    struct cluster_node *node = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_SNAPSHOT_READ,
                           .snapshot_read = read};
    uint32_t life = cluster_hook_begin(node, &effect);
    craft_status status = cluster_look(node);

    if (node->part_read.ticket != 0 || read->bytes_max == 0 ||
        read->offset + read->bytes_max > read->snapshot->size ||
        read->bytes_max > node->cluster->options.config.message_bytes_max ||
        (read->snapshot->index != status.snapshot_index &&
         read->snapshot->index != status.sending_index)) {
        cluster_fail(node->cluster, "%u reads %llu at %llu", node->position,
                     LLU(read->snapshot->index), LLU(read->offset));
    }
    node->part_read = *read;
    if (cluster_ends_inside(node, node->parts_end)) {
        (void)cluster_part_read(node->cluster, node->position, CRAFT_ENDING_OK);
    }
    cluster_hook_end(node, CRAFT_EFFECT_SNAPSHOT_READ, life);
}

/* ------------------------------------------------------------------ writes */

static bool same_state(const struct cluster_snapshot *a,
                       const struct cluster_snapshot *b)
{
    return a->index == b->index && a->term == b->term && a->size == b->size &&
           a->digest == b->digest && a->digest != 0;
}

static void part_store(struct cluster_node *node,
                       const craft_snapshot_write *write)
{
    struct cluster_snapshot incoming;

    cluster_snapshot_copy(&incoming, write->snapshot);
    if ((write->flags & CRAFT_SNAPSHOT_WRITE_FIRST) != 0) {
        if (!same_state(&incoming, &node->partial)) {
            node->partial_len = 0;
        }
        node->partial = incoming;
    } else {
        node->partial_len += write->data_len;
    }
    if (node->partial_len == incoming.size) {
        node->whole = incoming;
    }
}

bool cluster_part_written(struct cluster *cluster, uint32_t position,
                          int ending)
{
    struct cluster_node *node = cluster_node(cluster, position);
    craft_snapshot_write write = node->part_write;
    struct cluster_input input;
    int rv;

    if (node->node == NULL || write.ticket == 0) {
        return false;
    }
    node->part_write.ticket = 0;
    for (size_t i = 0; i < write.data_len; i++) {
        if (write.data[i] != state_byte(write.snapshot->index,
                                        write.snapshot->term,
                                        write.offset + i)) {
            cluster_fail(cluster, "%u writes other bytes at %llu", position,
                         LLU(write.offset + i));
        }
    }
    if (ending == CRAFT_ENDING_OK) {
        part_store(node, &write);
    } else {
        node->partial_len = 0;
    }
    input = cluster_enter(node, false);
    rv = craft_snapshot_written(node->node, write.ticket, node->partial_len,
                                ending);
    if (rv != 0 && rv > -900) {
        cluster_fail(cluster, "%u: written gives %d", position, rv);
    }
    cluster_leave(input);
    return true;
}

void cluster_on_write(void *host, const craft_snapshot_write *write)
{
    struct cluster_node *node = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_SNAPSHOT_WRITE,
                           .snapshot_write = write};
    uint32_t life = cluster_hook_begin(node, &effect);
    bool first = (write->flags & CRAFT_SNAPSHOT_WRITE_FIRST) != 0;
    bool last = (write->flags & CRAFT_SNAPSHOT_WRITE_LAST) != 0;

    if (node->part_write.ticket != 0 || first != (write->data_len == 0) ||
        (!first && write->offset != node->partial_len) ||
        last != (write->offset + write->data_len == write->snapshot->size)) {
        cluster_fail(node->cluster, "%u writes %llu at %llu", node->position,
                     LLU(write->snapshot->index), LLU(write->offset));
    }
    node->parts_written += !first;
    node->part_write = *write;
    if (cluster_ends_inside(node, node->parts_end)) {
        (void)cluster_part_written(node->cluster, node->position,
                                   CRAFT_ENDING_OK);
    }
    cluster_hook_end(node, CRAFT_EFFECT_SNAPSHOT_WRITE, life);
}

/* ----------------------------------------------------------------- install */

void cluster_on_install(void *host, const craft_snapshot *snapshot)
{
    struct cluster_node *node = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_INSTALL, .snapshot = snapshot};
    uint32_t life = cluster_hook_begin(node, &effect);

    if (node->batch != NULL || node->installing != 0 ||
        snapshot->index <= node->applied ||
        snapshot->index != node->disk.snapshot.index ||
        snapshot->term != node->disk.snapshot.term) {
        cluster_fail(node->cluster, "%u installs %llu@%llu over %llu",
                     node->position, LLU(snapshot->index), LLU(snapshot->term),
                     LLU(node->applied));
    }
    node->installs++;
    node->installing = snapshot->index;
    if (cluster_ends_inside(node, node->apply_ends)) {
        (void)cluster_applied(node->cluster, node->position, snapshot->index,
                              CRAFT_ENDING_OK);
    }
    cluster_hook_end(node, CRAFT_EFFECT_INSTALL, life);
}
