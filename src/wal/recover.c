/*
 * Recovery: read everything in order, believe nothing, and tell a torn tail
 * from damage.
 *
 * A crash may leave any of the bytes written since the last sync, and no
 * others, in any state. So what is wrong is torn only if it lies behind the
 * last record, in a place that nothing intact calls synced: neither the mark,
 * nor the header of a following segment, nor any later record (each says up to
 * where its segment was synced when it was written). Anything else is damage,
 * and then not a byte of the store is changed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "wal/wal.h"

#define RESTORE_FILE "restore the file from a copy; never start this id empty"

/* A segment as found on the disk. */
struct segment {
    struct craft_wal_file file;
    uint64_t sequence;
    uint32_t size; /* of the file, at most UINT32_MAX */
    enum craft_wal_header_kind kind;
    struct craft_wal_header header;
    /* What walking through it gave. */
    uint32_t end;
    uint32_t check;
    uint32_t synced;
    int sealed;
    int records; /* there was one, if only the first */
};

struct recovery {
    struct craft_wal *wal;
    uint64_t *sequences; /* found, in order */
    size_t sequences_len;
    size_t sequences_cap;
    int has_store;
    int nomem;
    int mark_seen;
    struct segment before; /* the one before `current`: file not open */
    struct segment current;
    struct segment next; /* handle CRAFT_WAL_NO_FILE: not there */
    struct craft_wal_window window;
};

/* ---------------------------------------------------------------- reports */

static int damaged(struct recovery *r, const struct segment *segment,
                   uint64_t offset, const char *what)
{
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_DAMAGED,
        .file = segment->file.name,
        .offset = offset,
        .index = r->wal->shared.state.last_index + 1,
        .what = what,
        .remedy = RESTORE_FILE,
    };

    return craft_wal_complain(r->wal, &problem);
}

static int missing(struct recovery *r, uint64_t sequence)
{
    char name[CRAFT_WAL_NAME_MAX];
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_DAMAGED,
        .file = name,
        .index = r->wal->shared.state.last_index + 1,
        .what = "a segment is missing",
        .remedy = RESTORE_FILE,
    };

    craft_wal_segment_name(name, sequence);
    return craft_wal_complain(r->wal, &problem);
}

static int not_readable(struct recovery *r, const struct segment *segment,
                        uint64_t offset, int error)
{
    struct craft_wal_problem problem = {
        .error = error,
        .file = segment->file.name,
        .offset = offset,
        .what = "this file belongs to another store",
        .remedy = "move it out of the directory",
    };

    if (error == CRAFT_WAL_ERR_VERSION) {
        problem.what = "a later version wrote this";
        problem.remedy = "use that version of craft";
    } else if (error == CRAFT_WAL_ERR_GROUP) {
        problem.what = "a record of another group";
        problem.remedy = "open the store with the group it was made for";
    }
    return craft_wal_complain(r->wal, &problem);
}

/* ---------------------------------------------------------------- listing */

static void name_found(void *arg, const char *name)
{
    struct recovery *r = arg;
    uint64_t sequence = craft_wal_segment_sequence(name);
    uint64_t *grown;

    if (strcmp(name, "store") == 0) {
        r->has_store = 1;
    }
    if (sequence == 0 || r->nomem) {
        return;
    }
    if (r->sequences_len == r->sequences_cap) {
        size_t cap = r->sequences_cap == 0 ? 64 : r->sequences_cap * 2;

        grown = craft_wal_realloc(r->wal, r->sequences,
                                  r->sequences_cap * sizeof *grown,
                                  cap * sizeof *grown);
        if (grown == NULL) {
            r->nomem = 1;
            return;
        }
        r->sequences = grown;
        r->sequences_cap = cap;
    }
    r->sequences[r->sequences_len] = sequence;
    r->sequences_len++;
}

static int sequence_order(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return *left < *right ? -1 : *left > *right;
}

static int list(struct recovery *r)
{
    struct craft_wal *wal = r->wal;
    int rv = wal->files->list(wal->files_ctx, wal->directory, name_found, r);

    if (rv != 0) {
        struct craft_wal_problem problem = {
            .error = CRAFT_WAL_ERR_IO,
            .system_error = -rv,
            .what = "cannot list the directory",
            .remedy = "see its permissions",
        };
        return craft_wal_complain(wal, &problem);
    }
    if (r->nomem) {
        return CRAFT_WAL_ERR_NOMEM;
    }
    if (r->sequences_len > 0) {
        qsort(r->sequences, r->sequences_len, sizeof *r->sequences,
              sequence_order);
    }
    return 0;
}

/* --------------------------------------------------------------- segments */

/* Whether the directory has this segment. */
static int segment_exists(const struct recovery *r, uint64_t sequence)
{
    return sequence <= r->sequences_len &&
           r->sequences[sequence - 1] == sequence;
}

/* Open a segment and look at its header. */
static int segment_open(struct recovery *r, uint64_t sequence,
                        struct segment *segment)
{
    struct craft_wal *wal = r->wal;
    uint8_t header[CRAFT_WAL_HEADER_LEN];
    char name[CRAFT_WAL_NAME_MAX];
    uint64_t size;
    /* Only the last two can be written to: the rest may be read-only. */
    int write = sequence + 2 > r->sequences_len;
    int rv;

    memset(segment, 0, sizeof *segment);
    craft_wal_segment_name(name, sequence);
    rv = craft_wal_file_open(wal, &segment->file, name,
                             write ? CRAFT_WAL_OPEN_WRITE : 0);
    if (rv == 0) {
        rv = craft_wal_file_size(wal, &segment->file, &size);
    }
    if (rv == 0) {
        rv = craft_wal_file_read(wal, &segment->file, header, sizeof header, 0);
    }
    if (rv != 0) {
        return rv;
    }
    segment->sequence = sequence;
    segment->size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    segment->kind = craft_wal_header_decode(&segment->header, header);
    return 0;
}

/* The header of a segment that must have one. */
static int header_check(struct recovery *r, const struct segment *segment)
{
    const struct craft_wal_header *header = &segment->header;

    if (segment->kind == CRAFT_WAL_HEADER_NEWER) {
        return not_readable(r, segment, 0, CRAFT_WAL_ERR_VERSION);
    }
    if (segment->kind != CRAFT_WAL_HEADER_VALID) {
        return damaged(r, segment, 0, "the header of a segment is damaged");
    }
    if (header->store_id != r->wal->store_id) {
        return not_readable(r, segment, 0, CRAFT_WAL_ERR_FOREIGN);
    }
    if (header->sequence != segment->sequence) {
        return damaged(r, segment, 0, "a segment under the name of another");
    }
    if (header->segment_bytes > segment->size ||
        header->segment_bytes < CRAFT_WAL_SEGMENT_BYTES_MIN ||
        header->segment_bytes % CRAFT_WAL_SECTOR != 0) {
        return damaged(r, segment, segment->size,
                       "a segment is shorter than its header says");
    }
    return 0;
}

/* ---------------------------------------------------------------- walking */

/* A record with right checks, in its place: what does it say? */
static int record_take(struct recovery *r, const struct craft_wal_found *found)
{
    struct craft_wal *wal = r->wal;
    struct craft_wal_shared *shared = &wal->shared;
    struct craft_wal_summary summary;
    struct craft_wal_place place = {.sequence = r->current.sequence,
                                    .offset = found->offset};
    const char *wrong;
    int rv;

    if (found->record.group != wal->group) {
        return not_readable(r, &r->current, found->offset, CRAFT_WAL_ERR_GROUP);
    }
    rv = craft_wal_summary_decode(&summary, &found->record, found->body);
    if (rv == CRAFT_WAL_ERR_VERSION) {
        return not_readable(r, &r->current, found->offset, rv);
    }
    wrong = rv != 0 ? "a record contradicts itself"
                    : craft_wal_state_check(&shared->state, &summary);
    if (wrong != NULL) {
        return damaged(r, &r->current, found->offset, wrong);
    }
    rv = craft_wal_index_reserve(wal, 1);
    if (rv != 0) {
        return rv;
    }
    if (summary.flags & CRAFT_WAL_RECORD_TRUNCATE) {
        craft_wal_index_truncate(&shared->index, summary.truncate_from);
    }
    if (summary.flags & CRAFT_WAL_RECORD_ENTRIES) {
        place.index = summary.first_index;
        craft_wal_index_note(&shared->index, &place);
    }
    craft_wal_state_apply(&shared->state, &summary);
    if (summary.flags & (CRAFT_WAL_RECORD_STATE | CRAFT_WAL_RECORD_TRUNCATE |
                         CRAFT_WAL_RECORD_ENTRIES)) {
        shared->empty = 0;
    }
    r->current.sealed = (summary.flags & CRAFT_WAL_RECORD_SEAL) != 0;
    return 0;
}

/* Walk through the current segment up to its last intact record. */
static int segment_walk(struct recovery *r)
{
    struct segment *current = &r->current;
    const struct craft_wal_mark *mark = &r->wal->mark;
    struct craft_wal_found found;

    craft_wal_window_set(r->wal, &r->window, &current->file, current->sequence);
    r->window.limit = (uint32_t)current->header.segment_bytes;
    current->end = CRAFT_WAL_HEADER_LEN;
    current->check = current->header.check;
    while (!current->sealed) {
        int rv =
            craft_wal_window_record(r->wal, &r->window, current->end, &found);

        if (rv < 0) {
            return rv;
        }
        if (rv == 0 || found.record.prev != current->check) {
            break;
        }
        rv = record_take(r, &found);
        if (rv != 0) {
            return rv;
        }
        current->end = found.offset + found.record.length;
        current->check = found.record.check;
        current->synced = found.record.synced;
        current->records = 1;
        if (mark->sequence == current->sequence &&
            mark->offset == current->end && mark->check == current->check) {
            r->mark_seen = 1;
        }
    }
    return 0;
}

/* Where the record that should follow the last one would begin. */
static int next_offset(struct recovery *r, uint32_t *offset_out)
{
    uint32_t end = r->current.end;
    const uint8_t *data;
    int rv = 0;

    *offset_out = end;
    if (end % CRAFT_WAL_SECTOR != 0) { /* so 8 bytes at least are left */
        rv = craft_wal_window_bytes(r->wal, &r->window, end, 8, &data);
        if (rv == 0 && craft_load64(data) == 0) {
            *offset_out = craft_wal_align(end);
        }
    }
    return rv;
}

/* The record after the last intact one of the current segment is damaged. */
static int current_damaged(struct recovery *r, const char *what)
{
    uint32_t offset;
    int rv = next_offset(r, &offset);

    return rv != 0 ? rv : damaged(r, &r->current, offset, what);
}

/* The current segment has a successor that was begun: it must be whole. */
static int successor_check(struct recovery *r)
{
    struct segment *current = &r->current;

    if (!current->sealed) {
        return current_damaged(r, "a record in a finished segment is damaged");
    }
    if (r->next.header.prev_end != current->end ||
        r->next.header.prev_check != current->check) {
        return damaged(r, &r->next, 0,
                       "a segment does not follow the one before");
    }
    r->before = *current;
    craft_wal_file_close(r->wal, &current->file);
    r->before.file.handle = CRAFT_WAL_NO_FILE;
    r->current = r->next;
    r->next.file.handle = CRAFT_WAL_NO_FILE;
    return 0;
}

/* Walk through all segments that were begun. */
static int walk(struct recovery *r)
{
    int rv;

    if (!segment_exists(r, 1)) {
        return missing(r, 1);
    }
    rv = segment_open(r, 1, &r->current);
    if (rv == 0) {
        rv = header_check(r, &r->current);
    }
    while (rv == 0) {
        uint64_t after = r->current.sequence + 1;

        rv = segment_walk(r);
        if (rv != 0 || after > r->sequences_len) {
            break;
        }
        if (!segment_exists(r, after)) {
            return missing(r, after);
        }
        rv = segment_open(r, after, &r->next);
        if (rv != 0 || r->next.kind == CRAFT_WAL_HEADER_EMPTY ||
            r->next.kind == CRAFT_WAL_HEADER_BAD) {
            break;
        }
        rv = header_check(r, &r->next);
        if (rv == 0) {
            rv = successor_check(r);
        }
    }
    return rv;
}

/* ---------------------------------------------------------------- judging */

/* What lies behind the last record. */
struct tail {
    uint32_t dirty;     /* the first word that is not 0 */
    uint32_t dirty_end; /* after the last one; 0: none */
    uint32_t witness;   /* a record that calls this synced; 0: none */
};

/*
 * Look through [from, limit) of the window for bytes, and for a record that
 * was written when more than `from` was synced.
 */
static int tail_look(struct recovery *r, uint32_t from, struct tail *tail)
{
    struct craft_wal_window *window = &r->window;
    uint32_t at = from;

    memset(tail, 0, sizeof *tail);
    while (at < window->limit) {
        struct craft_wal_record record;
        const uint8_t *data;
        uint32_t left = window->limit - at;
        int rv = craft_wal_window_bytes(r->wal, window, at,
                                        left < 32 ? left : 32, &data);

        if (rv != 0) {
            return rv;
        }
        left = (uint32_t)window->bytes.len - (at - window->start);
        while (left >= 8 && craft_load64(data) == 0) {
            data += 8;
            left -= 8;
            at += 8;
        }
        if (left < 8) {
            continue;
        }
        tail->dirty = tail->dirty_end == 0 ? at : tail->dirty;
        tail->dirty_end = at + 8;
        left = window->limit - at;
        if (left >= CRAFT_WAL_RECORD_LEN) {
            rv = craft_wal_window_bytes(r->wal, window, at,
                                        CRAFT_WAL_RECORD_LEN, &data);
            if (rv != 0) {
                return rv;
            }
            if (craft_wal_record_decode(&record, window->seed ^ at, data) &&
                record.length <= left && record.synced <= at &&
                record.synced > from) {
                tail->witness = at;
                return 0;
            }
        }
        at += 8;
    }
    return 0;
}

/* The mark says that more was synced than there is. */
static int mark_check(struct recovery *r)
{
    const struct craft_wal_mark *mark = &r->wal->mark;
    uint64_t after = r->current.sequence + 1;

    if (mark->sequence == 0 || r->mark_seen) {
        return 0;
    }
    if (mark->sequence >= after && !segment_exists(r, after)) {
        return missing(r, after);
    }
    if (mark->sequence >= after) {
        return damaged(r, &r->next, 0, "the header of a segment is damaged");
    }
    return current_damaged(r, "synced records are damaged or gone");
}

/* Is what follows the last record of the current segment torn, or damage? */
static int current_judge(struct recovery *r, struct tail *tail)
{
    int rv = tail_look(r, r->current.end, tail);

    if (rv == 0 && tail->witness != 0) {
        return current_damaged(r, "a synced record is damaged");
    }
    if (rv == 0 && r->current.sealed &&
        r->next.file.handle == CRAFT_WAL_NO_FILE) {
        return missing(r, r->current.sequence + 1);
    }
    return rv;
}

/* Was the segment that has no header never begun, or is it damaged? */
static int next_judge(struct recovery *r, struct tail *tail)
{
    struct segment *next = &r->next;
    int rv;

    if (next->sequence < r->sequences_len) {
        return damaged(r, next, 0, "an empty segment among full ones");
    }
    craft_wal_window_set(r->wal, &r->window, &next->file, next->sequence);
    r->window.limit = next->size & ~7u;
    rv = tail_look(r, 0, tail);
    if (rv == 0 && tail->witness != 0) {
        return damaged(r, next, 0, "the header of a segment is damaged");
    }
    return rv;
}

/*
 * The last segment has a header but not one intact record: a crash came before
 * its first sync. It is again the next one, and the one before is in use.
 */
static int current_unbegin(struct recovery *r)
{
    char name[CRAFT_WAL_NAME_MAX];

    if (r->current.sequence == 1 || r->next.file.handle != CRAFT_WAL_NO_FILE) {
        return damaged(r, &r->current, CRAFT_WAL_HEADER_LEN,
                       "the first record of a segment is damaged");
    }
    r->next = r->current;
    r->current = r->before;
    craft_wal_segment_name(name, r->current.sequence);
    return craft_wal_file_open(r->wal, &r->current.file, name,
                               CRAFT_WAL_OPEN_WRITE);
}

/* ---------------------------------------------------------------- cutting */

static void torn_report(craft_wal_report *report, const struct segment *segment,
                        const struct tail *tail)
{
    report->flags |= CRAFT_WAL_REPORT_TORN;
    report->offset = tail->dirty;
    report->bytes = tail->dirty_end - tail->dirty;
    memcpy(report->file, segment->file.name, sizeof segment->file.name);
    (void)snprintf(report->text, sizeof report->text,
                   "unsynced bytes were cut off: %s at offset %lu, %lu "
                   "bytes: nothing to do",
                   segment->file.name, (unsigned long)report->offset,
                   (unsigned long)report->bytes);
}

/*
 * Make the tail zeroes, so that it can never be taken for records. No sector
 * with synced records is written: its padding is zero already.
 */
static int tail_cut(struct recovery *r, const struct segment *segment,
                    const struct tail *tail, craft_wal_report *report)
{
    int rv = 0;

    if (tail->dirty_end > 0) {
        torn_report(report, segment, tail);
        rv = craft_wal_file_zero(r->wal, &segment->file, tail->dirty,
                                 tail->dirty_end);
    }
    if (rv == 0) {
        rv = craft_wal_file_sync(r->wal, &segment->file, 1);
    }
    return rv;
}

/*
 * Write what was not known to be synced once more: a sync that failed before
 * the crash may have left pages that look clean and are not on the disk.
 */
static int unsynced_rewrite(struct recovery *r)
{
    const struct segment *current = &r->current;
    const struct craft_wal_mark *mark = &r->wal->mark;
    uint32_t at = craft_wal_align(current->synced);
    int rv = 0;

    if (mark->sequence == current->sequence && mark->offset == current->end) {
        return 0;
    }
    craft_wal_window_set(r->wal, &r->window, &current->file, current->sequence);
    r->window.limit = current->end;
    while (rv == 0 && at < current->end) {
        const uint8_t *data;
        uint32_t len = current->end - at;

        len = len < 65536u ? len : 65536u;
        rv = craft_wal_window_bytes(r->wal, &r->window, at, len, &data);
        if (rv == 0) {
            rv = craft_wal_file_write(r->wal, &current->file, data, len, at);
        }
        at += len;
    }
    return rv;
}

/* Everything was read and judged: now, and not before, write. */
static int cut(struct recovery *r, const struct tail *current_tail,
               const struct tail *next_tail, craft_wal_report *report)
{
    int rv = unsynced_rewrite(r);

    if (rv == 0 && r->next.file.handle != CRAFT_WAL_NO_FILE) {
        rv = tail_cut(r, &r->next, next_tail, report);
    }
    if (rv == 0) {
        rv = tail_cut(r, &r->current, current_tail, report);
    }
    if (rv == 0) {
        /* A process may have died between making a name and syncing it. */
        rv = craft_wal_names_sync(r->wal);
    }
    return rv;
}

/* ------------------------------------------------------------------ ending */

static void adopt(struct recovery *r)
{
    struct craft_wal *wal = r->wal;
    struct craft_wal_active *active = &wal->active;
    const struct segment *current = &r->current;

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
    r->current.file.handle = CRAFT_WAL_NO_FILE;
    /* A file too short to be a segment is left to be replaced. */
    if (r->next.file.handle != CRAFT_WAL_NO_FILE &&
        r->next.size >= CRAFT_WAL_SEGMENT_BYTES_MIN) {
        wal->next.file = r->next.file;
        wal->next.size = r->next.size & ~(CRAFT_WAL_SECTOR - 1);
        r->next.file.handle = CRAFT_WAL_NO_FILE;
    }
}

static void shared_begin(struct craft_wal *wal)
{
    struct craft_wal_shared *shared = &wal->shared;
    const struct craft_wal_active *active = &wal->active;

    shared->sequence = active->sequence;
    shared->end = active->end;
    shared->size = active->size;
    shared->prepared = wal->next.file.handle != CRAFT_WAL_NO_FILE;
    shared->durable.sequence = active->sequence;
    shared->durable.offset = active->synced;
    shared->durable.check = active->check;
    shared->durable.last_index = shared->state.last_index;
    if (!shared->prepared) {
        (void)atomic_fetch_or(&wal->wants, CRAFT_WAL_WANTS_PREPARE);
    }
    if (wal->mark.sequence != active->sequence ||
        wal->mark.offset != active->synced) {
        (void)atomic_fetch_or(&wal->wants, CRAFT_WAL_WANTS_MARK);
    }
}

/* An existing store. */
static int recover(struct recovery *r, craft_wal_report *report)
{
    struct tail current_tail = {.witness = 0};
    struct tail next_tail = {.witness = 0};
    int rv = walk(r);

    if (rv == 0) {
        rv = mark_check(r);
    }
    if (rv == 0) {
        rv = current_judge(r, &current_tail);
    }
    if (rv == 0 && !r->current.records) {
        rv = current_unbegin(r);
        memset(&current_tail, 0, sizeof current_tail);
    }
    if (rv == 0 && r->next.file.handle != CRAFT_WAL_NO_FILE) {
        rv = next_judge(r, &next_tail);
    }
    if (rv == 0) {
        rv = cut(r, &current_tail, &next_tail, report);
    }
    if (rv == 0) {
        adopt(r);
    }
    return rv;
}

static int store_missing(struct craft_wal *wal)
{
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_DAMAGED,
        .file = "store",
        .index = 1,
        .what = "the identity of the store is missing or damaged",
        .remedy = RESTORE_FILE,
    };

    return craft_wal_complain(wal, &problem);
}

/* Recover the store, or make it. */
static int find(struct recovery *r, craft_wal_report *report)
{
    struct craft_wal *wal = r->wal;
    int found = 0;
    int rv = list(r);

    if (rv == 0 && r->has_store) {
        rv = craft_wal_store_load(wal, &found);
    }
    if (rv != 0) {
        return rv;
    }
    if (r->sequences_len > 0) {
        return found ? recover(r, report) : store_missing(wal);
    }
    if (found && wal->mark.sequence != 0) {
        return missing(r, 1);
    }
    if (r->has_store && !found) {
        return store_missing(wal);
    }
    /* What a crash left of an earlier attempt is made anew. */
    craft_wal_file_close(wal, &wal->store_file);
    memset(&wal->mark, 0, sizeof wal->mark);
    report->flags |= CRAFT_WAL_REPORT_CREATED;
    return craft_wal_store_create(wal);
}

int craft_wal_recover(struct craft_wal *wal, craft_wal_report *report)
{
    struct recovery r;
    int rv;

    memset(&r, 0, sizeof r);
    r.wal = wal;
    r.current.file.handle = CRAFT_WAL_NO_FILE;
    r.next.file.handle = CRAFT_WAL_NO_FILE;
    wal->shared.empty = 1;
    rv = craft_wal_draw(wal, &wal->life);
    if (rv == 0) {
        rv = find(&r, report);
    }
    if (rv == 0) {
        craft_wal_file_remove(wal, "next.tmp");
        craft_wal_file_remove(wal, "store.tmp");
        shared_begin(wal);
    }
    craft_wal_file_close(wal, &r.current.file);
    craft_wal_file_close(wal, &r.next.file);
    craft_wal_buffer_free(wal, &r.window.bytes);
    (void)craft_wal_realloc(wal, r.sequences,
                            r.sequences_cap * sizeof *r.sequences, 0);
    return rv;
}
