#include <stdio.h>
#include <stdlib.h>

#include "wal/scan.h"

/* ---------------------------------------------------------------- reports */

int craft_wal_scan_damaged(struct craft_wal_scan *scan,
                           const struct craft_wal_segment *segment,
                           uint64_t offset, const char *what)
{
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_DAMAGED,
        .file = segment->file.name,
        .offset = offset,
        .index = scan->wal->shared.state.last_index + 1,
        .what = what,
        .remedy = CRAFT_WAL_RESTORE_FILE,
    };

    return craft_wal_complain(scan->wal, &problem);
}

static int missing(struct craft_wal_scan *scan, uint64_t sequence)
{
    char name[CRAFT_WAL_NAME_MAX];
    const struct craft_wal_state *state = &scan->wal->shared.state;
    int is_behind = sequence > scan->current.sequence;
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_DAMAGED,
        .file = name,
        .index = (is_behind ? state->last_index : state->gone_index) + 1,
        .what = "a segment is missing",
        .remedy = CRAFT_WAL_RESTORE_FILE,
    };

    craft_wal_segment_name(name, sequence);
    return craft_wal_complain(scan->wal, &problem);
}

int craft_wal_scan_refused(struct craft_wal_scan *scan,
                           const struct craft_wal_segment *segment,
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
    return craft_wal_complain(scan->wal, &problem);
}

/* ---------------------------------------------------------------- listing */

static void name_found(void *arg, const char *name)
{
    struct craft_wal_scan *scan = arg;
    uint64_t sequence = craft_wal_segment_sequence(name);
    uint64_t *grown;

    if (strcmp(name, "store") == 0) {
        scan->has_store = 1;
    }
    if (sequence == 0 || scan->nomem) {
        return;
    }
    if (scan->sequences_len == scan->sequences_cap) {
        size_t cap = scan->sequences_cap == 0 ? 64 : scan->sequences_cap * 2;

        grown = craft_wal_realloc(scan->wal, scan->sequences,
                                  scan->sequences_cap * sizeof *grown,
                                  cap * sizeof *grown);
        if (grown == NULL) {
            scan->nomem = 1;
            return;
        }
        scan->sequences = grown;
        scan->sequences_cap = cap;
    }
    scan->sequences[scan->sequences_len] = sequence;
    scan->sequences_len++;
}

static int sequence_order(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return *left < *right ? -1 : *left > *right;
}

static int list(struct craft_wal_scan *scan)
{
    struct craft_wal *wal = scan->wal;
    int rv = wal->files->list(wal->files_ctx, wal->directory, name_found, scan);

    if (rv != 0) {
        struct craft_wal_problem problem = {
            .error = CRAFT_WAL_ERR_IO,
            .system_error = -rv,
            .what = "cannot list the directory",
            .remedy = "see its permissions",
        };
        return craft_wal_complain(wal, &problem);
    }
    if (scan->nomem) {
        return CRAFT_WAL_ERR_NOMEM;
    }
    if (scan->sequences_len > 0) {
        qsort(scan->sequences, scan->sequences_len, sizeof *scan->sequences,
              sequence_order);
    }
    return 0;
}

/* --------------------------------------------------------------- segments */

/* Whether the directory has this segment. */
static int segment_exists(const struct craft_wal_scan *scan, uint64_t sequence)
{
    return bsearch(&sequence, scan->sequences, scan->sequences_len,
                   sizeof sequence, sequence_order) != NULL;
}

static uint64_t last_sequence(const struct craft_wal_scan *scan)
{
    return scan->sequences[scan->sequences_len - 1];
}

/* How a segment is opened: only the last two are ever written to, the rest may
 * be read-only. */
static uint32_t segment_flags(const struct craft_wal_scan *scan,
                              uint64_t sequence)
{
    return !scan->wal->read_only && sequence + 1 >= last_sequence(scan)
               ? (uint32_t)CRAFT_WAL_OPEN_WRITE
               : 0;
}

/* Open a segment and look at its header. */
static int segment_open(struct craft_wal_scan *scan, uint64_t sequence,
                        struct craft_wal_segment *segment)
{
    struct craft_wal *wal = scan->wal;
    uint8_t header[CRAFT_WAL_HEADER_LEN];
    char name[CRAFT_WAL_NAME_MAX];
    uint64_t size;
    int rv;

    memset(segment, 0, sizeof *segment);
    craft_wal_segment_name(name, sequence);
    rv = craft_wal_file_open(wal, &segment->file, name,
                             segment_flags(scan, sequence));
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
static int header_check(struct craft_wal_scan *scan,
                        const struct craft_wal_segment *segment)
{
    const struct craft_wal_header *header = &segment->header;

    if (segment->kind == CRAFT_WAL_HEADER_NEWER) {
        return craft_wal_scan_refused(scan, segment, 0, CRAFT_WAL_ERR_VERSION);
    }
    if (segment->kind != CRAFT_WAL_HEADER_VALID) {
        return craft_wal_scan_damaged(scan, segment, 0,
                                      "the header of a segment is damaged");
    }
    if (header->store_id != scan->wal->store_id) {
        return craft_wal_scan_refused(scan, segment, 0, CRAFT_WAL_ERR_FOREIGN);
    }
    if (header->sequence != segment->sequence) {
        return craft_wal_scan_damaged(scan, segment, 0,
                                      "a segment under the name of another");
    }
    if (header->segment_bytes > segment->size ||
        header->segment_bytes < CRAFT_WAL_SEGMENT_BYTES_MIN ||
        header->segment_bytes % CRAFT_WAL_SECTOR != 0) {
        return craft_wal_scan_damaged(
            scan, segment, segment->size,
            "a segment is shorter than its header says");
    }
    return 0;
}

/* ---------------------------------------------------------------- walking */

/* Walk through the current segment up to its last intact record. */
static int segment_walk(struct craft_wal_scan *scan)
{
    struct craft_wal_segment *current = &scan->current;
    const struct craft_wal_mark *mark = &scan->wal->mark;
    struct craft_wal_found found;

    craft_wal_window_set(scan->wal, &scan->window, &current->file,
                         current->sequence);
    scan->window.limit = (uint32_t)current->header.segment_bytes;
    current->end = CRAFT_WAL_HEADER_LEN;
    current->check = current->header.check;
    while (!current->sealed) {
        int rv = craft_wal_window_record(scan->wal, &scan->window, current->end,
                                         &found);

        if (rv < 0) {
            return rv;
        }
        if (rv == 0 || found.record.prev != current->check) {
            break;
        }
        rv = craft_wal_scan_take(scan, &found);
        if (rv != 0) {
            return rv;
        }
        current->end = found.offset + found.record.length;
        current->check = found.record.check;
        current->synced = found.record.synced;
        if (mark->sequence == current->sequence &&
            mark->offset == current->end && mark->check == current->check) {
            scan->mark_seen = 1;
        }
    }
    return 0;
}

/* Where the record that should follow the last one would begin. */
static int next_offset(struct craft_wal_scan *scan, uint32_t *offset_out)
{
    uint32_t end = scan->current.end;
    const uint8_t *data;
    int rv = 0;

    *offset_out = end;
    if (end % CRAFT_WAL_SECTOR != 0) { /* so 8 bytes at least are left */
        rv = craft_wal_window_bytes(scan->wal, &scan->window, end, 8, &data);
        if (rv == 0 && craft_load64(data) == 0) {
            *offset_out = craft_wal_align(end);
        }
    }
    return rv;
}

/* The record after the last intact one of the current segment is damaged. */
static int current_damaged(struct craft_wal_scan *scan, const char *what)
{
    uint32_t offset;
    int rv = next_offset(scan, &offset);

    return rv != 0 ? rv
                   : craft_wal_scan_damaged(scan, &scan->current, offset, what);
}

/* The current segment has a successor that was begun: it must be whole. */
static int successor_check(struct craft_wal_scan *scan)
{
    struct craft_wal_segment *current = &scan->current;

    if (!current->sealed) {
        return current_damaged(scan,
                               "a record in a finished segment is damaged");
    }
    if (scan->next.header.prev_end != current->end ||
        scan->next.header.prev_check != current->check) {
        return craft_wal_scan_damaged(
            scan, &scan->next, 0, "a segment does not follow the one before");
    }
    scan->before = *current;
    craft_wal_file_close(scan->wal, &current->file);
    scan->before.file.handle = CRAFT_WAL_NO_FILE;
    scan->current = scan->next;
    scan->next.file.handle = CRAFT_WAL_NO_FILE;
    return 0;
}

/* The first of the segments that follow each other up to the last one. */
static uint64_t first_sequence(const struct craft_wal_scan *scan)
{
    size_t at = scan->sequences_len - 1;

    while (at > 0 && scan->sequences[at - 1] + 1 == scan->sequences[at]) {
        at--;
    }
    return scan->sequences[at];
}

static int first_open(struct craft_wal_scan *scan)
{
    int rv;

    scan->first = first_sequence(scan);
    rv = segment_open(scan, scan->first, &scan->current);
    if (rv == 0 && scan->first > 1 &&
        scan->current.kind == CRAFT_WAL_HEADER_EMPTY) {
        /* It was made to follow another. */
        return missing(scan, scan->first - 1);
    }
    return rv == 0 ? header_check(scan, &scan->current) : rv;
}

/* Every entry that is not compacted is in a segment that is there. */
static int nothing_missing(struct craft_wal_scan *scan)
{
    const struct craft_wal_state *state = &scan->wal->shared.state;
    const struct craft_wal_index *index = &scan->wal->shared.index;

    if (state->last_index == state->gone_index ||
        (index->places_len > 0 &&
         index->places[0].index <= state->gone_index + 1)) {
        return 0;
    }
    return missing(scan, scan->first - 1);
}

/* Walk through all segments from the current one on that were begun. */
static int walk(struct craft_wal_scan *scan)
{
    int rv = 0;

    while (rv == 0) {
        uint64_t after = scan->current.sequence + 1;

        rv = segment_walk(scan);
        if (rv != 0 || after > last_sequence(scan)) {
            break;
        }
        rv = segment_open(scan, after, &scan->next);
        if (rv != 0 || scan->next.kind == CRAFT_WAL_HEADER_EMPTY ||
            scan->next.kind == CRAFT_WAL_HEADER_BAD) {
            break;
        }
        rv = header_check(scan, &scan->next);
        if (rv == 0) {
            rv = successor_check(scan);
        }
    }
    return rv;
}

/* ---------------------------------------------------------------- judging */

/*
 * Look through [from, limit) of the window for bytes, and for a record that
 * was written when more than `from` was synced.
 */
static int tail_look(struct craft_wal_scan *scan, uint32_t from,
                     struct craft_wal_tail *tail)
{
    struct craft_wal_window *window = &scan->window;
    uint32_t at = from;

    memset(tail, 0, sizeof *tail);
    while (at < window->limit) {
        struct craft_wal_record record;
        const uint8_t *data;
        uint32_t left = window->limit - at;
        int rv = craft_wal_window_bytes(scan->wal, window, at,
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
            rv = craft_wal_window_bytes(scan->wal, window, at,
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
static int mark_check(struct craft_wal_scan *scan)
{
    const struct craft_wal_mark *mark = &scan->wal->mark;
    uint64_t after = scan->current.sequence + 1;

    /* What was begun behind it was sealed and synced up to there. */
    if (mark->sequence < scan->first || scan->mark_seen) {
        return 0;
    }
    if (mark->sequence >= after && !segment_exists(scan, after)) {
        return missing(scan, after);
    }
    if (mark->sequence >= after) {
        return craft_wal_scan_damaged(scan, &scan->next, 0,
                                      "the header of a segment is damaged");
    }
    return current_damaged(scan, "synced records are damaged or gone");
}

/* Is what follows the last record of the current segment torn, or damage? */
static int current_judge(struct craft_wal_scan *scan)
{
    struct craft_wal_tail *tail = &scan->current_tail;
    int rv = tail_look(scan, scan->current.end, tail);

    if (rv == 0 && tail->witness != 0) {
        return current_damaged(scan, "a synced record is damaged");
    }
    if (rv == 0 && scan->current.sealed &&
        scan->next.file.handle == CRAFT_WAL_NO_FILE) {
        return missing(scan, scan->current.sequence + 1);
    }
    return rv;
}

/* Was the segment that has no header never begun, or is it damaged? */
static int next_judge(struct craft_wal_scan *scan)
{
    struct craft_wal_tail *tail = &scan->next_tail;
    struct craft_wal_segment *next = &scan->next;
    int rv;

    if (next->sequence < last_sequence(scan)) {
        return craft_wal_scan_damaged(scan, next, 0,
                                      "an empty segment among full ones");
    }
    craft_wal_window_set(scan->wal, &scan->window, &next->file, next->sequence);
    scan->window.limit = next->size & ~7u;
    rv = tail_look(scan, 0, tail);
    if (rv == 0 && tail->witness != 0) {
        return craft_wal_scan_damaged(scan, next, 0,
                                      "the header of a segment is damaged");
    }
    return rv;
}

/*
 * The last segment has a header but not one intact record: a crash came before
 * its first sync. It is again the next one, and the one before is in use.
 */
static int current_unbegin(struct craft_wal_scan *scan)
{
    char name[CRAFT_WAL_NAME_MAX];

    if (scan->before.sequence == 0 ||
        scan->next.file.handle != CRAFT_WAL_NO_FILE) {
        return craft_wal_scan_damaged(
            scan, &scan->current, CRAFT_WAL_HEADER_LEN,
            "the first record of a segment is damaged");
    }
    scan->next = scan->current;
    scan->current = scan->before;
    memset(&scan->current_tail, 0, sizeof scan->current_tail);
    craft_wal_segment_name(name, scan->current.sequence);
    return craft_wal_file_open(scan->wal, &scan->current.file, name,
                               segment_flags(scan, scan->current.sequence));
}

/* ----------------------------------------------------------------- public */

void craft_wal_scan_report_torn(craft_wal_report *report,
                                const struct craft_wal_segment *segment,
                                const struct craft_wal_tail *tail,
                                const char *what)
{
    report->flags |= CRAFT_WAL_REPORT_TORN;
    report->offset = tail->dirty;
    report->bytes = tail->dirty_end - tail->dirty;
    memcpy(report->file, segment->file.name, sizeof segment->file.name);
    (void)snprintf(report->text, sizeof report->text,
                   "unsynced bytes %s: %s at offset %lu, %lu bytes: nothing "
                   "to do",
                   what, segment->file.name, (unsigned long)report->offset,
                   (unsigned long)report->bytes);
}

void craft_wal_scan_begin(struct craft_wal_scan *scan, struct craft_wal *wal,
                          const craft_wal_visitor *visitor)
{
    memset(scan, 0, sizeof *scan);
    scan->wal = wal;
    scan->visitor = visitor;
    scan->current.file.handle = CRAFT_WAL_NO_FILE;
    scan->next.file.handle = CRAFT_WAL_NO_FILE;
    wal->shared.empty = 1;
}

static int store_missing(struct craft_wal *wal)
{
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_DAMAGED,
        .file = "store",
        .index = 1,
        .what = "the identity of the store is missing or damaged",
        .remedy = CRAFT_WAL_RESTORE_FILE,
    };

    return craft_wal_complain(wal, &problem);
}

int craft_wal_scan_find(struct craft_wal_scan *scan)
{
    struct craft_wal *wal = scan->wal;
    int found = 0;
    int rv = list(scan);

    if (rv == 0 && scan->has_store) {
        rv = craft_wal_store_load(wal, &found);
    }
    if (rv != 0) {
        return rv;
    }
    if (scan->sequences_len > 0) {
        return found ? 1 : store_missing(wal);
    }
    if (found && wal->mark.sequence != 0) {
        return missing(scan, 1);
    }
    return scan->has_store && !found ? store_missing(wal) : 0;
}

static int walk_and_judge(struct craft_wal_scan *scan)
{
    int rv = walk(scan);

    if (rv == 0) {
        rv = mark_check(scan);
    }
    if (rv == 0) {
        rv = current_judge(scan);
    }
    if (rv == 0 && !scan->current.records) {
        rv = current_unbegin(scan);
    }
    if (rv == 0 && scan->next.file.handle != CRAFT_WAL_NO_FILE) {
        rv = next_judge(scan);
    }
    return rv;
}

int craft_wal_scan_log(struct craft_wal_scan *scan)
{
    int rv = first_open(scan);

    if (rv == 0) {
        rv = walk_and_judge(scan);
    }
    return rv == 0 ? nothing_missing(scan) : rv;
}

static void files_close(struct craft_wal_scan *scan)
{
    craft_wal_file_close(scan->wal, &scan->current.file);
    craft_wal_file_close(scan->wal, &scan->next.file);
}

/* Entries that can be read have a place. */
static int has_places(const struct craft_wal_scan *scan)
{
    const struct craft_wal_state *state = &scan->wal->shared.state;
    const struct craft_wal_index *index = &scan->wal->shared.index;
    craft_index readable = state->gone_index + 1;

    if (readable >= scan->lost_first && readable <= scan->lost_last) {
        readable = scan->lost_last + 1;
    }
    return readable > state->last_index ||
           (index->places_len > 0 && index->places[0].index <= readable);
}

/*
 * Entries that were replaced in what is damaged look intact where they stood
 * before. Only those that were committed by then cannot have been.
 */
static craft_index certain_index(const struct craft_wal_state *state)
{
    craft_index certain = state->commit_hint > state->base_index
                              ? state->commit_hint
                              : state->base_index;

    return certain < state->last_index ? certain : state->last_index;
}

int craft_wal_scan_resume(struct craft_wal_scan *scan)
{
    uint64_t sequence = scan->current.sequence + 1;
    int rv;

    if (scan->current.sequence == 0 || !segment_exists(scan, sequence)) {
        return 0;
    }
    files_close(scan);
    scan->lost_first = certain_index(&scan->wal->shared.state) + 1;
    scan->first = sequence;
    memset(&scan->before, 0, sizeof scan->before);
    rv = segment_open(scan, sequence, &scan->current);
    if (rv == 0) {
        rv = scan->current.kind == CRAFT_WAL_HEADER_EMPTY
                 ? craft_wal_scan_damaged(scan, &scan->current, 0,
                                          "nothing is intact")
                 : header_check(scan, &scan->current);
    }
    if (rv == 0) {
        rv = walk_and_judge(scan);
    }
    return rv == 0 ? has_places(scan) : rv;
}

void craft_wal_scan_again(struct craft_wal_scan *scan)
{
    struct craft_wal *wal = scan->wal;

    files_close(scan);
    craft_wal_file_close(wal, &wal->store_file);
    memset(&wal->mark, 0, sizeof wal->mark);
    memset(&wal->shared.state, 0, sizeof wal->shared.state);
    wal->shared.index.places_len = 0;
    wal->shared.index.broken = 0;
    wal->shared.base.len = 0;
    wal->shared.empty = 1;
    memset(&scan->before, 0, sizeof scan->before);
    scan->sequences_len = 0;
    scan->has_store = 0;
    scan->mark_seen = 0;
}

void craft_wal_scan_end(struct craft_wal_scan *scan)
{
    files_close(scan);
    craft_wal_buffer_free(scan->wal, &scan->window.bytes);
    (void)craft_wal_realloc(scan->wal, scan->sequences,
                            scan->sequences_cap * sizeof *scan->sequences, 0);
}
