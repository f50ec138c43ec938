/*
 * Recovery: what the scan judged torn is cut off, and the store goes on behind
 * the last record. When the scan finds damage not a byte is changed.
 */
#include "wal/scan.h"

/* ---------------------------------------------------------------- cutting */

/*
 * Make the tail zeroes, so that it can never be taken for records. No sector
 * with synced records is written: its padding is zero already.
 */
static int tail_cut(struct craft_wal_scan *scan,
                    const struct craft_wal_segment *segment,
                    const struct craft_wal_tail *tail, craft_wal_report *report)
{
    int rv = 0;

    if (tail->dirty_end > 0) {
        craft_wal_scan_report_torn(report, segment, tail, "were cut off");
        rv = craft_wal_file_zero(scan->wal, &segment->file, tail->dirty,
                                 tail->dirty_end);
    }
    if (rv == 0) {
        rv = craft_wal_file_sync(scan->wal, &segment->file, 1);
    }
    return rv;
}

/*
 * Write what was not known to be synced once more: a sync that failed before
 * the crash may have left pages that look clean and are not on the disk.
 */
static int unsynced_rewrite(struct craft_wal_scan *scan)
{
    const struct craft_wal_segment *current = &scan->current;
    const struct craft_wal_mark *mark = &scan->wal->mark;
    uint32_t at = craft_wal_align(current->synced);
    int rv = 0;

    if (mark->sequence == current->sequence && mark->offset == current->end) {
        return 0;
    }
    craft_wal_window_set(scan->wal, &scan->window, &current->file,
                         current->sequence);
    scan->window.limit = current->end;
    while (rv == 0 && at < current->end) {
        const uint8_t *data;
        uint32_t len = current->end - at;

        len = len < 65536u ? len : 65536u;
        rv = craft_wal_window_bytes(scan->wal, &scan->window, at, len, &data);
        if (rv == 0) {
            rv = craft_wal_file_write(scan->wal, &current->file, data, len, at);
        }
        at += len;
    }
    return rv;
}

/* Everything was read and judged: now, and not before, write. */
static int cut(struct craft_wal_scan *scan, craft_wal_report *report)
{
    int rv = unsynced_rewrite(scan);

    if (rv == 0 && scan->next.file.handle != CRAFT_WAL_NO_FILE) {
        rv = tail_cut(scan, &scan->next, &scan->next_tail, report);
    }
    if (rv == 0) {
        rv = tail_cut(scan, &scan->current, &scan->current_tail, report);
    }
    if (rv == 0) {
        /* A process may have died between making a name and syncing it. */
        rv = craft_wal_names_sync(scan->wal);
    }
    return rv;
}

/* ------------------------------------------------------------------ ending */

static void adopt(struct craft_wal_scan *scan)
{
    struct craft_wal *wal = scan->wal;
    struct craft_wal_active *active = &wal->active;
    const struct craft_wal_segment *current = &scan->current;

    active->file = current->file;
    active->sequence = current->sequence;
    active->seed = craft_wal_seed(wal->store_id, current->sequence);
    active->size = (uint32_t)current->header.segment_bytes;
    active->end = current->end;
    active->synced = current->end;
    active->position = craft_wal_align(current->end);
    active->check = current->check;
    active->begun = 1;
    active->sealed = current->sealed;
    wal->shared.oldest = scan->first;
    scan->current.file.handle = CRAFT_WAL_NO_FILE;
    /* A file too short to be a segment is left to be replaced. */
    if (scan->next.file.handle != CRAFT_WAL_NO_FILE &&
        scan->next.size >= CRAFT_WAL_SEGMENT_BYTES_MIN) {
        wal->next.file = scan->next.file;
        wal->next.size = scan->next.size & ~(CRAFT_WAL_SECTOR - 1);
        scan->next.file.handle = CRAFT_WAL_NO_FILE;
    }
}

static void shared_begin(struct craft_wal *wal)
{
    struct craft_wal_shared *shared = &wal->shared;
    const struct craft_wal_active *active = &wal->active;

    shared->needed = shared->oldest;
    craft_wal_needed_find(wal);
    shared->sequence = active->sequence;
    shared->end = active->end;
    shared->size = active->size;
    shared->prepared = wal->next.file.handle != CRAFT_WAL_NO_FILE;
    shared->durable.sequence = active->sequence;
    shared->durable.offset = active->synced;
    shared->durable.check = active->check;
    shared->durable.last_index = shared->state.last_index;
    if (!shared->prepared || shared->oldest < shared->needed) {
        (void)atomic_fetch_or(&wal->wants, CRAFT_WAL_WANTS_PREPARE);
    }
    if (wal->mark.sequence != active->sequence ||
        wal->mark.offset != active->synced) {
        (void)atomic_fetch_or(&wal->wants, CRAFT_WAL_WANTS_MARK);
    }
}

/* Segments that were being removed when a crash came, and brought some back,
 * but not all. */
static void leftovers_remove(struct craft_wal_scan *scan)
{
    for (size_t i = 0; scan->sequences[i] < scan->first; i++) {
        char name[CRAFT_WAL_NAME_MAX];

        craft_wal_segment_name(name, scan->sequences[i]);
        (void)craft_wal_file_remove(scan->wal, name);
    }
}

/* Recover the store, or make it. */
static int recover(struct craft_wal_scan *scan, craft_wal_report *report)
{
    struct craft_wal *wal = scan->wal;
    int rv = craft_wal_scan_find(scan);

    if (rv < 0) {
        return rv;
    }
    if (rv == 0) {
        /* What a crash left of an earlier attempt is made anew. */
        craft_wal_file_close(wal, &wal->store_file);
        memset(&wal->mark, 0, sizeof wal->mark);
        report->flags |= CRAFT_WAL_REPORT_CREATED;
        return craft_wal_store_create(wal);
    }
    rv = craft_wal_scan_log(scan);
    if (rv == 0) {
        rv = cut(scan, report);
    }
    if (rv == 0) {
        adopt(scan);
        leftovers_remove(scan);
    }
    return rv;
}

int craft_wal_recover(struct craft_wal *wal, const craft_wal_visitor *visitor,
                      craft_wal_report *report)
{
    struct craft_wal_scan scan;
    int rv;

    craft_wal_scan_begin(&scan, wal, visitor);
    rv = craft_wal_draw(wal, &wal->life);
    if (rv == 0) {
        rv = recover(&scan, report);
    }
    if (rv == 0) {
        (void)craft_wal_file_remove(wal, "next.tmp");
        (void)craft_wal_file_remove(wal, "store.tmp");
        shared_begin(wal);
    }
    craft_wal_scan_end(&scan);
    return rv;
}
