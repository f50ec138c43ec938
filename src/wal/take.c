/* What the records that a scan finds add up to. */
#include "wal/scan.h"

/* Whether the next record is the first that is left of the log. */
static int is_first(const struct craft_wal_scan *scan)
{
    return !scan->current.records && scan->first > 1 &&
           scan->current.sequence == scan->first;
}

/* Show a record to whoever wants to see it, unless it was shown before. */
static void record_show(struct craft_wal_scan *scan,
                        const struct craft_wal_found *found,
                        const struct craft_wal_summary *summary)
{
    const craft_wal_visitor *visitor = scan->visitor;
    uint64_t sequence = scan->current.sequence;
    const uint8_t *at = summary->entries;
    craft_snapshot snapshot;
    craft_wal_item item = {
        .struct_size = sizeof item,
        .flags = summary->flags,
        .sequence = sequence,
        .offset = found->offset,
        .length = found->record.length,
        .group = found->record.group,
        .term = summary->begin.term,
        .voted_for = summary->begin.voted_for,
        .commit_hint = summary->begin.commit_hint,
        .last_index = summary->begin.last_index,
        .gone_index = summary->begin.gone_index,
        .keep_from = summary->keep_from,
        .truncate_from = summary->truncate_from,
        .first_index = summary->first_index,
        .entries_len = summary->entries_len,
        .first_term = summary->first_term,
        .last_term = summary->last_term,
    };

    if (sequence < scan->visited_sequence ||
        (sequence == scan->visited_sequence &&
         found->offset < scan->visited_end)) {
        return;
    }
    scan->visited_sequence = sequence;
    scan->visited_end = found->offset + found->record.length;
    if (visitor == NULL) {
        return;
    }
    if (summary->flags & CRAFT_WAL_RECORD_SNAPSHOT) {
        craft_wal_snapshot_decode(&snapshot, summary->snapshot);
        item.snapshot = &snapshot;
    }
    visitor->record(visitor->ctx, &item);
    for (uint32_t i = 0; visitor->entry != NULL && i < summary->entries_len;
         i++) {
        craft_entry entry;

        at += craft_wal_entry_decode(&entry, at);
        entry.index = summary->first_index + i;
        visitor->entry(visitor->ctx, &entry);
    }
}

/* The newest snapshot, as it stands in the record. A segment begins with the
 * same once more. */
static int snapshot_take(struct craft_wal_scan *scan, uint32_t offset,
                         const struct craft_wal_summary *summary)
{
    struct craft_wal *wal = scan->wal;
    struct craft_wal_buffer *base = &wal->shared.base;
    int rv;

    if (summary->flags & CRAFT_WAL_RECORD_BEGIN && !is_first(scan)) {
        return base->len == summary->snapshot_len &&
                       memcmp(base->data, summary->snapshot, base->len) == 0
                   ? 0
                   : craft_wal_scan_damaged(
                         scan, &scan->current, offset,
                         "it begins with another snapshot than it should");
    }
    rv = craft_wal_buffer_reserve(wal, base, summary->snapshot_len);
    if (rv == 0) {
        memcpy(base->data, summary->snapshot, summary->snapshot_len);
        base->len = summary->snapshot_len;
    }
    return rv;
}

/* Which of the lost entries would still be in the log after this record? */
static void lost_take(struct craft_wal_scan *scan,
                      const struct craft_wal_step *step)
{
    if (step->flags & CRAFT_WAL_RECORD_TRUNCATE &&
        step->truncate_from <= scan->lost_last) {
        scan->lost_last = step->truncate_from - 1;
    }
    if (step->gone_index >= scan->lost_first) {
        scan->lost_first = step->gone_index + 1;
    }
}

/* The first record of what is left. Entries behind the last one that it tells
 * of went by a record that is not left. */
static const char *first_take(struct craft_wal_scan *scan,
                              const struct craft_wal_summary *summary,
                              struct craft_wal_step *step)
{
    struct craft_wal_state *state = &scan->wal->shared.state;
    const char *wrong = craft_wal_state_begin(state, summary);

    step->flags = CRAFT_WAL_RECORD_TRUNCATE;
    step->truncate_from = state->last_index + 1;
    step->gone_index = state->gone_index;
    scan->lost_last = state->last_index;
    return wrong;
}

/* What a record says is added to what the ones before said. */
static int summary_take(struct craft_wal_scan *scan, uint32_t offset,
                        const struct craft_wal_summary *summary)
{
    struct craft_wal *wal = scan->wal;
    struct craft_wal_shared *shared = &wal->shared;
    struct craft_wal_step step = {.flags = 0};
    struct craft_wal_place place = {.sequence = scan->current.sequence,
                                    .offset = offset};
    int rv = craft_wal_index_reserve(wal, 1);
    const char *wrong;

    if (rv != 0) {
        return rv;
    }
    wrong = is_first(scan)
                ? first_take(scan, summary, &step)
                : craft_wal_state_step(&shared->state, summary, &step);
    if (wrong != NULL) {
        return craft_wal_scan_damaged(scan, &scan->current, offset, wrong);
    }
    craft_wal_index_step(&shared->index, &step, &place);
    lost_take(scan, &step);
    if (summary->flags & CRAFT_WAL_RECORD_SNAPSHOT) {
        rv = snapshot_take(scan, offset, summary);
    }
    if (is_first(scan) ||
        summary->flags &
            (CRAFT_WAL_RECORD_STATE | CRAFT_WAL_RECORD_TRUNCATE |
             CRAFT_WAL_RECORD_ENTRIES | CRAFT_WAL_RECORD_SNAPSHOT)) {
        shared->empty = 0;
    }
    return rv;
}

int craft_wal_scan_take(struct craft_wal_scan *scan,
                        const struct craft_wal_found *found)
{
    struct craft_wal *wal = scan->wal;
    struct craft_wal_summary summary;
    int rv;

    if (wal->read_only && scan->visited_sequence == 0) {
        wal->group = found->record.group; /* whatever it is */
    }
    if (found->record.group != wal->group) {
        return craft_wal_scan_refused(scan, &scan->current, found->offset,
                                      CRAFT_WAL_ERR_GROUP);
    }
    rv = craft_wal_summary_decode(&summary, &found->record, found->body);
    if (rv == CRAFT_WAL_ERR_VERSION) {
        return craft_wal_scan_refused(scan, &scan->current, found->offset, rv);
    }
    if (rv != 0) {
        return craft_wal_scan_damaged(scan, &scan->current, found->offset,
                                      "a record contradicts itself");
    }
    rv = summary_take(scan, found->offset, &summary);
    if (rv == 0) {
        scan->current.sealed = (summary.flags & CRAFT_WAL_RECORD_SEAL) != 0;
        scan->current.records = 1;
        record_show(scan, found, &summary);
    }
    return rv;
}
