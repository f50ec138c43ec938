/* The model disks: records handed out, their endings, crashes. */
#include <stdlib.h>
#include <string.h>

#include "cluster_parts.h"

void cluster_log_set(struct cluster_log *log, craft_index index,
                     struct cluster_entry *entry)
{
    log->entries = cluster_grow(log->entries, &log->max, (size_t)index,
                                sizeof(struct cluster_entry *));
    log->entries[index - 1] = entry;
    log->len = (size_t)index;
}

craft_term cluster_log_term(const struct cluster_log *log, craft_index index)
{
    return index == 0 || index > log->len ? 0 : log->entries[index - 1]->term;
}

void cluster_disk_copy(struct cluster_disk *to, const struct cluster_disk *from)
{
    to->term = from->term;
    to->voted_for = from->voted_for;
    to->commit_hint = from->commit_hint;
    to->first = from->first;
    to->snapshot = from->snapshot;
    to->log.len = 0;
    for (size_t i = 0; i < from->log.len; i++) {
        cluster_log_set(&to->log, i + 1, from->log.entries[i]);
    }
}

void cluster_disk_free(struct cluster_disk *disk)
{
    free(disk->log.entries);
    memset(disk, 0, sizeof *disk);
}

/* The log goes on behind the snapshot, when it ends before it. */
static void snapshot_apply(struct cluster_disk *disk,
                           const struct cluster_record *record)
{
    craft_index index = record->snapshot.index;

    disk->snapshot = record->snapshot;
    if (disk->log.len >= index) {
        return;
    }
    for (craft_index i = 1; i <= index; i++) {
        cluster_log_set(&disk->log, i, record->committed->entries[i - 1]);
    }
    disk->first = index + 1;
}

/* One record, in the order of its flags. */
void cluster_disk_apply(struct cluster_disk *disk,
                        const struct cluster_record *record)
{
    if ((record->flags & CRAFT_PERSIST_HARD_STATE) != 0) {
        disk->term = record->term;
        disk->voted_for = record->voted_for;
        disk->commit_hint = record->commit_hint;
    }
    if ((record->flags & CRAFT_PERSIST_TRUNCATE) != 0) {
        disk->log.len = (size_t)record->truncate_from - 1;
    }
    if ((record->flags & CRAFT_PERSIST_SNAPSHOT) != 0) {
        snapshot_apply(disk, record);
    }
    for (size_t i = 0; i < record->entries_len; i++) {
        cluster_log_set(&disk->log, record->entries[i]->index,
                        record->entries[i]);
    }
    if ((record->flags & CRAFT_PERSIST_COMPACT) != 0 &&
        disk->first < record->keep_from) {
        disk->first = record->keep_from;
    }
}

/* ------------------------------------------------------ records, handed out */

static void hard_state_check(struct cluster_node *node,
                             const craft_persist *persist)
{
    const struct cluster_disk *view = &node->view;

    if (persist->term < view->term ||
        (persist->term == view->term && view->voted_for != 0 &&
         persist->voted_for != view->voted_for)) {
        cluster_fail(node->cluster,
                     "%u writes term %llu vote %llu after term %llu vote %llu",
                     node->position, (unsigned long long)persist->term,
                     (unsigned long long)persist->voted_for,
                     (unsigned long long)view->term,
                     (unsigned long long)view->voted_for);
    }
    if ((persist->flags & CRAFT_PERSIST_HARD_STATE) == 0 &&
        (persist->term != view->term ||
         persist->voted_for != view->voted_for)) {
        cluster_fail(node->cluster, "%u writes entries without its hard state",
                     node->position);
    }
    if (persist->commit_hint < view->commit_hint) {
        cluster_fail(node->cluster, "%u writes a commit hint that falls",
                     node->position);
    }
}

static void truncation_check(struct cluster_node *node,
                             const craft_persist *persist)
{
    bool truncate = (persist->flags & CRAFT_PERSIST_TRUNCATE) != 0;
    craft_status status = cluster_look(node);

    if (!truncate) {
        if (persist->truncate_from != 0) {
            cluster_fail(node->cluster, "%u: truncate_from without its flag",
                         node->position);
        }
        return;
    }
    if (persist->truncate_from == 0 ||
        persist->truncate_from > node->view.log.len ||
        ((persist->flags & CRAFT_PERSIST_SNAPSHOT) == 0 &&
         persist->truncate_from != persist->first_index)) {
        cluster_fail(node->cluster, "%u truncates from %llu", node->position,
                     (unsigned long long)persist->truncate_from);
    }
    /* What it holds for durable may be promised. The rest may be written
     * again, even with the same entries: a truncated one can return. */
    if (persist->truncate_from <= status.durable_index) {
        cluster_fail(node->cluster, "%u truncates from %llu, %llu is durable",
                     node->position, (unsigned long long)persist->truncate_from,
                     (unsigned long long)status.durable_index);
    }
    if (status.role == CRAFT_ROLE_LEADER) {
        cluster_fail(node->cluster, "leader %u truncates its log",
                     node->position);
    }
}

/* What stands for entries was committed, is whole on this server, and newer
 * than the last; nothing else is dropped. Returns where the log ends then. */
static size_t snapshot_check(struct cluster_node *node,
                             const craft_persist *persist, size_t after)
{
    const struct cluster_log *committed = &node->cluster->committed;
    craft_index latest = node->view.snapshot.index;
    const craft_snapshot *snapshot = persist->snapshot;

    if ((persist->flags & CRAFT_PERSIST_SNAPSHOT) == 0) {
        snapshot = NULL;
    } else if (snapshot == NULL || snapshot->index <= latest ||
               snapshot->index > committed->len ||
               snapshot->term !=
                   committed->entries[snapshot->index - 1]->term ||
               (snapshot->index > node->taken &&
                snapshot->index != node->whole.index)) {
        cluster_fail(node->cluster, "%u: a snapshot that cannot be",
                     node->position);
    }
    if (snapshot != NULL) {
        latest = snapshot->index;
        if (after < latest) {
            after = (size_t)latest;
        }
    }
    if ((persist->flags & CRAFT_PERSIST_COMPACT) != 0 &&
        (persist->keep_from > latest + 1 ||
         persist->keep_from <= node->view.first)) {
        cluster_fail(node->cluster,
                     "%u drops entries before %llu, snapshot %llu",
                     node->position, (unsigned long long)persist->keep_from,
                     (unsigned long long)latest);
    }
    return after;
}

static void record_check(struct cluster_node *node,
                         const craft_persist *persist)
{
    const uint32_t known = CRAFT_PERSIST_HARD_STATE | CRAFT_PERSIST_TRUNCATE |
                           CRAFT_PERSIST_SNAPSHOT | CRAFT_PERSIST_ENTRIES |
                           CRAFT_PERSIST_COMPACT | CRAFT_PERSIST_MUST_SYNC;
    bool entries = (persist->flags & CRAFT_PERSIST_ENTRIES) != 0;
    size_t after = node->view.log.len;

    if (persist->ticket != node->next_ticket) {
        cluster_fail(node->cluster, "%u: ticket %llu, not %llu", node->position,
                     (unsigned long long)persist->ticket,
                     (unsigned long long)node->next_ticket);
    }
    if ((persist->flags & ~known) != 0 ||
        (persist->flags & ~(uint32_t)CRAFT_PERSIST_MUST_SYNC) == 0 ||
        (persist->flags & CRAFT_PERSIST_MUST_SYNC) == 0 ||
        entries != (persist->entries_len > 0) ||
        (!entries && (persist->flags & CRAFT_PERSIST_TRUNCATE) != 0 &&
         (persist->flags & CRAFT_PERSIST_SNAPSHOT) == 0)) {
        cluster_fail(node->cluster, "%u: flags %x", node->position,
                     persist->flags);
    }
    if (node->records_len >=
        node->cluster->options.config.persist_inflight_max) {
        cluster_fail(node->cluster, "%u: too many records open",
                     node->position);
    }
    hard_state_check(node, persist);
    truncation_check(node, persist);
    if ((persist->flags & CRAFT_PERSIST_TRUNCATE) != 0) {
        after = (size_t)persist->truncate_from - 1;
    }
    after = snapshot_check(node, persist, after);
    if (entries && persist->first_index != after + 1) {
        cluster_fail(node->cluster, "%u: entries from %llu on a log to %zu",
                     node->position, (unsigned long long)persist->first_index,
                     after);
    }
    if (persist->commit_hint > after + persist->entries_len) {
        cluster_fail(node->cluster,
                     "%u: commit hint %llu beyond the log it writes, %zu",
                     node->position, (unsigned long long)persist->commit_hint,
                     after + persist->entries_len);
    }
}

static void record_entries_take(struct cluster_node *node,
                                struct cluster_record *record,
                                const craft_persist *persist)
{
    craft_index index = persist->first_index;
    craft_term term = 0;

    if (persist->entries_len == 0) {
        return;
    }
    record->entries = malloc(persist->entries_len * sizeof *record->entries);
    if (record->entries == NULL) {
        abort();
    }
    term = (persist->flags & CRAFT_PERSIST_SNAPSHOT) != 0 &&
                   persist->snapshot->index == index - 1
               ? persist->snapshot->term
               : cluster_log_term(&node->view.log, index - 1);
    for (size_t i = 0; i < persist->entries_len; i++) {
        const craft_entry *entry = &persist->entries[i];

        if (entry->index != index + i || entry->term < term ||
            entry->term > persist->term) {
            cluster_fail(node->cluster, "%u: entry %llu is out of order",
                         node->position, (unsigned long long)entry->index);
        }
        record->entries[i] = cluster_entry_note(node, entry, term);
        cluster_token_judge(node, entry, record->entries[i]);
        term = entry->term;
    }
    record->entries_len = persist->entries_len;
}

void cluster_record_take(struct cluster_node *node,
                         const craft_persist *persist)
{
    struct cluster_record *record;

    record_check(node, persist);
    node->records = cluster_grow(node->records, &node->records_max,
                                 node->records_len + 1, sizeof *node->records);
    record = &node->records[node->records_len];
    memset(record, 0, sizeof *record);
    record->ticket = persist->ticket;
    record->flags = persist->flags;
    record->term = persist->term;
    record->voted_for = persist->voted_for;
    record->commit_hint = persist->commit_hint;
    record->truncate_from = persist->truncate_from;
    record->keep_from = persist->keep_from;
    record->committed = &node->cluster->committed;
    if ((persist->flags & CRAFT_PERSIST_SNAPSHOT) != 0) {
        record->lent_snapshot = persist->snapshot;
        cluster_snapshot_copy(&record->snapshot, persist->snapshot);
    }
    record_entries_take(node, record, persist);
    record->lent = persist->entries;
    record->lent_sum = cluster_sum(persist->entries, persist->entries_len);
    node->records_len++;
    node->next_ticket++;
    cluster_disk_apply(&node->view, record);
}

static void lent_check(struct cluster_node *node,
                       const struct cluster_record *record)
{
    if (cluster_sum(record->lent, record->entries_len) != record->lent_sum) {
        cluster_fail(node->cluster, "%u: what ticket %llu lent has changed",
                     node->position, (unsigned long long)record->ticket);
    }
    if (record->lent_snapshot != NULL &&
        (record->lent_snapshot->index != record->snapshot.index ||
         memcmp(record->lent_snapshot->configuration, record->snapshot.blob,
                record->snapshot.blob_len) != 0)) {
        cluster_fail(node->cluster, "%u: the snapshot lent has changed",
                     node->position);
    }
}

/* Forget the records from that place on; what is lent is looked at first. */
void cluster_records_drop(struct cluster_node *node, size_t from)
{
    for (size_t i = from; i < node->records_len; i++) {
        if (node->node != NULL) {
            lent_check(node, &node->records[i]);
        }
        free(node->records[i].entries);
    }
    node->records_len = from;
}

/* ---------------------------------------------------------------- endings */

/* The first `count` records are durable. */
static void records_keep(struct cluster_node *node, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (node->node != NULL) {
            lent_check(node, &node->records[i]);
        }
        cluster_disk_apply(&node->disk, &node->records[i]);
        free(node->records[i].entries);
    }
    node->records_len -= count;
    if (node->records_len > 0) {
        memmove(node->records, node->records + count,
                node->records_len * sizeof *node->records);
    }
}

static void view_renew(struct cluster_node *node)
{
    cluster_disk_copy(&node->view, &node->disk);
    for (size_t i = 0; i < node->records_len; i++) {
        cluster_disk_apply(&node->view, &node->records[i]);
    }
}

static size_t records_up_to(const struct cluster_node *node, uint64_t ticket)
{
    size_t count = 0;

    while (count < node->records_len && node->records[count].ticket <= ticket) {
        count++;
    }
    return count;
}

/* How many of the first `count` records a failing disk has written. */
static size_t error_keeps(struct cluster_node *node, size_t count)
{
    size_t told = node->error_keeps;

    if (told == 0) {
        return cluster_random(node->cluster, (uint32_t)count + 1);
    }
    return told - 1 < count ? told - 1 : count;
}

int cluster_persisted(struct cluster *cluster, uint32_t position,
                      uint64_t ticket, int ending)
{
    struct cluster_node *node = cluster_node(cluster, position);
    size_t count = records_up_to(node, ticket);
    bool open = count > 0 && node->records[count - 1].ticket == ticket;
    struct cluster_input input;
    int rv;

    if (open && ending == CRAFT_ENDING_OK) {
        records_keep(node, count);
    } else if (open && ending == CRAFT_ENDING_NOSPACE) {
        cluster_records_drop(node, count - 1);
        view_renew(node);
    } else if (open) {
        records_keep(node, error_keeps(node, count));
        cluster_records_drop(node, 0);
        view_renew(node);
    }
    input = cluster_enter(node, false);
    rv = craft_persisted(node->node, ticket, ending);
    if (ending == CRAFT_ENDING_ERROR && rv == 0 && open) {
        node->halted = true;
    }
    cluster_leave(input);
    return rv;
}

bool cluster_persist_one(struct cluster *cluster, uint32_t position, int ending)
{
    struct cluster_node *node = cluster_node(cluster, position);

    if (node->records_len == 0) {
        return false;
    }
    (void)cluster_persisted(cluster, position, node->records[0].ticket, ending);
    return true;
}

bool cluster_persist_all(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);

    if (node->records_len == 0) {
        return false;
    }
    (void)cluster_persisted(cluster, position,
                            node->records[node->records_len - 1].ticket,
                            CRAFT_ENDING_OK);
    return true;
}

void cluster_crash(struct cluster *cluster, uint32_t position, size_t survive)
{
    struct cluster_node *node = cluster_node(cluster, position);

    if (node->node == NULL) {
        return;
    }
    cluster_trace(cluster, "crash");
    if (survive > node->records_len) {
        survive = node->records_len;
    }
    records_keep(node, survive);
    cluster_records_drop(node, 0);
    view_renew(node);
    craft_node_free(node->node);
    node->node = NULL;
    node->batch = NULL;
    node->fetches_len = 0;
    node->installing = 0;
    node->part_read.ticket = 0;
    node->part_write.ticket = 0;
    node->holds = 0;
    for (size_t i = 0; i < cluster->tokens_len; i++) {
        struct cluster_token *token = &cluster->tokens[i];

        if (token->position == position && token->state == CLUSTER_TOKEN_OPEN) {
            token->state = CLUSTER_TOKEN_LOST;
        }
    }
}

void cluster_damage(struct cluster *cluster, uint32_t position,
                    const struct cluster_disk *said, size_t log_len)
{
    struct cluster_node *node = cluster_node(cluster, position);

    if (node->node != NULL || log_len > node->disk.log.len) {
        cluster_fail(cluster, "%u: no such damage", position);
    }
    node->disk.term = said->term;
    node->disk.voted_for = said->voted_for;
    node->disk.commit_hint = said->commit_hint;
    node->disk.log.len = log_len;
    view_renew(node);
}
