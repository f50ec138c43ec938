/* What the files of the cluster share among themselves; see cluster.h. */
#ifndef CLUSTER_PARTS_H
#define CLUSTER_PARTS_H

#include "cluster.h"

/* cluster_memory.c */
void *cluster_allocate(void *ctx, void *ptr, size_t old_size, size_t new_size);
void *cluster_grow(void *array, size_t *max, size_t wanted, size_t size);

/* cluster_hooks.c */
extern const craft_hooks cluster_hooks;
void cluster_pump(struct cluster_node *node);
void cluster_token_judge(struct cluster_node *node, const craft_entry *entry,
                         const struct cluster_entry *known);
uint64_t cluster_sum(const craft_entry *entries, size_t entries_len);

/* cluster.c: around every call into a node. */
struct cluster_input {
    struct cluster_node *node;
    bool may_allocate;
    bool watched; /* for the allocation that fails */
    uint32_t digest;
};
struct cluster_input cluster_enter(struct cluster_node *node,
                                   bool may_allocate);
/* After the call: is it to be made again, since it was refused memory? */
bool cluster_again(const struct cluster_input *input, int rv);
void cluster_leave(struct cluster_input input);
void cluster_trace(struct cluster *cluster, const char *text);
craft_status cluster_look(struct cluster_node *node);

/* cluster_check.c */
void cluster_watch_commit(struct cluster_node *node,
                          const craft_status *status);

/* cluster_explain.c */
craft_explanation cluster_foretell(struct cluster_node *node, uint32_t question,
                                   uint64_t subject);
void cluster_foretold(struct cluster_node *node, const craft_explanation *told,
                      int rv);
void cluster_explained(struct cluster_node *node);

/* cluster_history.c */
struct cluster_entry *cluster_entry_find(const struct cluster *cluster,
                                         craft_index index, craft_term term);
struct cluster_entry *cluster_entry_note(struct cluster_node *node,
                                         const craft_entry *entry,
                                         craft_term prev_term);
struct cluster_term *cluster_term_of(struct cluster *cluster, craft_term term);
void cluster_note_leader(struct cluster_node *node, craft_term term);
void cluster_note_vote(struct cluster_node *node, craft_term term,
                       craft_id voted_for);
void cluster_note_append(struct cluster_node *node,
                         const craft_message *message);
void cluster_note_part(struct cluster_node *node, const craft_message *message);
void cluster_committed_add(struct cluster *cluster, struct cluster_entry *entry,
                           craft_term term);
bool cluster_must_have(const struct cluster *cluster, craft_term term,
                       craft_index index);
void cluster_note_commit(struct cluster_node *node, craft_term term,
                         craft_index commit);
void cluster_note_elected(struct cluster_node *node);
void cluster_justify(struct cluster_node *node, const craft_message *message);

/* cluster_disk.c */
void cluster_disk_copy(struct cluster_disk *to,
                       const struct cluster_disk *from);
void cluster_disk_free(struct cluster_disk *disk);
void cluster_log_set(struct cluster_log *log, craft_index index,
                     struct cluster_entry *entry);
craft_term cluster_log_term(const struct cluster_log *log, craft_index index);
void cluster_record_take(struct cluster_node *node,
                         const craft_persist *persist);
void cluster_records_drop(struct cluster_node *node, size_t from);
void cluster_disk_apply(struct cluster_disk *disk,
                        const struct cluster_record *record);

/* cluster_snapshot.c */
void cluster_snapshot_copy(struct cluster_snapshot *to,
                           const craft_snapshot *from);
craft_snapshot cluster_snapshot_of(const struct cluster_snapshot *from);
void cluster_on_read(void *host, const craft_snapshot_read *read);
void cluster_on_write(void *host, const craft_snapshot_write *write);
void cluster_on_install(void *host, const craft_snapshot *snapshot);
/* Around the body of a hook. */
uint32_t cluster_hook_begin(struct cluster_node *node,
                            const craft_effect *effect);
void cluster_hook_end(struct cluster_node *node, uint32_t kind, uint32_t life);
bool cluster_ends_inside(struct cluster_node *node, uint32_t mode);

/* cluster_network.c */
void cluster_send(struct cluster_node *node, const craft_message *message);

#endif
