#include "wal/wal.h"

/* One look at what the writer has published. */
struct view {
    struct craft_wal_place place; /* where to walk from */
    craft_index limit;            /* entries below it are found from there */
    craft_index last_index;
    uint64_t sequence; /* of the segment in use */
    uint32_t end;      /* of its records */
    uint64_t generation;
};

/* Find `index`; 0, or CRAFT_WAL_ERR_RANGE, _COMPACTED, _DAMAGED. */
static int view_take(struct craft_wal *wal, craft_index index,
                     struct view *view)
{
    const struct craft_wal_shared *shared = &wal->shared;
    const struct craft_wal_place *place = NULL;
    craft_index gone_index;
    int is_lost;

    (void)pthread_mutex_lock(&wal->mutex);
    view->last_index = shared->state.last_index;
    view->sequence = shared->sequence;
    view->end = shared->end;
    view->generation = shared->generation;
    gone_index = shared->state.gone_index;
    is_lost =
        index > 0 && index >= shared->lost_first && index <= shared->lost_last;
    if (index > gone_index && index <= view->last_index && !is_lost) {
        place = craft_wal_index_find(&shared->index, index, &view->limit);
        CRAFT_ASSERT(place != NULL);
        view->place = *place;
        if (index < shared->lost_first && view->limit > shared->lost_first) {
            view->limit = shared->lost_first;
        }
    }
    (void)pthread_mutex_unlock(&wal->mutex);
    if (is_lost) {
        return CRAFT_WAL_ERR_DAMAGED; /* as reported when it was opened */
    }
    if (place == NULL) {
        return index >= 1 && index <= gone_index ? CRAFT_WAL_ERR_COMPACTED
                                                 : CRAFT_WAL_ERR_RANGE;
    }
    if (view->limit > view->last_index) {
        view->limit = view->last_index + 1;
    }
    return 0;
}

/* Where the last call stopped is often nearer than the mark. */
static void view_use_hint(const struct craft_wal *wal, craft_index index,
                          struct view *view)
{
    const struct craft_wal_hint *hint = &wal->hint;

    if (hint->index == index && hint->generation == view->generation &&
        hint->sequence == view->place.sequence &&
        hint->offset > view->place.offset) {
        view->place.offset = hint->offset;
    }
}

/* Point the window at the segment of the view. */
static int window_aim(struct craft_wal *wal, const struct view *view)
{
    struct craft_wal_window *window = &wal->window;
    struct craft_wal_file file = window->file;
    uint64_t size;
    int rv = 0;

    if (file.handle == CRAFT_WAL_NO_FILE ||
        window->sequence != view->place.sequence) {
        char name[CRAFT_WAL_NAME_MAX];

        craft_wal_file_close(wal, &window->file);
        craft_wal_segment_name(name, view->place.sequence);
        rv = craft_wal_file_open(wal, &file, name, 0);
        if (rv != 0) {
            return rv;
        }
        craft_wal_window_set(wal, window, &file, view->place.sequence);
    }
    window->limit = view->end;
    if (view->place.sequence != view->sequence) {
        rv = craft_wal_file_size(wal, &window->file, &size);
        window->limit = rv == 0 ? (uint32_t)size : 0;
    }
    return rv;
}

static int read_damaged(struct craft_wal *wal, uint32_t offset,
                        craft_index index)
{
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_DAMAGED,
        .file = wal->window.file.name,
        .offset = offset,
        .index = index,
        .what = "a record is not what was written",
        .remedy = "restore the file from a copy; never start this id empty",
    };

    return craft_wal_complain(wal, &problem);
}

/*
 * Copy the entries of a record from `want` up to `limit`: those behind it are
 * no longer in the log. 0: all of them; 1: the batch is full.
 */
static int record_copy(const struct craft_wal_summary *summary,
                       craft_index want, craft_index limit,
                       craft_wal_batch *batch)
{
    const uint8_t *at = summary->entries;

    for (uint32_t i = 0;
         i < summary->entries_len && summary->first_index + i < limit; i++) {
        craft_entry entry;

        at += craft_wal_entry_decode(&entry, at);
        entry.index = summary->first_index + i;
        if (entry.index < want) {
            continue;
        }
        if (batch->entries_len == batch->entries_max) {
            return 1;
        }
        if (entry.data_len > batch->data_max - batch->data_len) {
            if (batch->entries_len == 0) {
                batch->data_len = entry.data_len;
                return CRAFT_WAL_ERR_BUFFER;
            }
            return 1;
        }
        if (entry.data_len > 0) {
            uint8_t *to = batch->data + batch->data_len;

            memcpy(to, entry.data, entry.data_len);
            entry.data = to;
            batch->data_len += entry.data_len;
        }
        batch->entries[batch->entries_len] = entry;
        batch->entries_len++;
    }
    return 0;
}

/*
 * Walk from the view's place, copying the entries from *want up to the view's
 * limit. 0: all of them; 1: the batch is full; or an error.
 */
static int view_walk(struct craft_wal *wal, const struct view *view,
                     craft_index *want, craft_wal_batch *batch)
{
    struct craft_wal_found found;
    struct craft_wal_summary summary;
    uint32_t offset = view->place.offset;
    int rv = 0;

    while (rv == 0 && *want < view->limit) {
        size_t before = batch->entries_len;

        rv = craft_wal_window_record(wal, &wal->window, offset, &found);
        if (rv < 0) {
            return rv;
        }
        if (rv == 0 || craft_wal_summary_decode(&summary, &found.record,
                                                found.body) != 0) {
            return read_damaged(wal, offset, *want);
        }
        rv = 0;
        if (summary.flags & CRAFT_WAL_RECORD_ENTRIES &&
            summary.first_index + summary.entries_len > *want) {
            if (summary.first_index > *want) {
                return read_damaged(wal, offset, *want);
            }
            rv = record_copy(&summary, *want, view->limit, batch);
            *want += batch->entries_len - before;
        }
        wal->hint.sequence = view->place.sequence;
        wal->hint.offset = found.offset;
        offset = found.offset + found.record.length;
    }
    return rv;
}

static int read_entries(struct craft_wal *wal, craft_index first,
                        craft_wal_batch *batch)
{
    struct view view = {.limit = 0};
    craft_index want = first;
    uint64_t generation = 0;
    int rv;

    do {
        rv = view_take(wal, want, &view);
        if (rv != 0 || (want > first && view.generation != generation)) {
            break; /* the writer truncated: what was read so far holds */
        }
        generation = view.generation;
        view_use_hint(wal, want, &view);
        rv = window_aim(wal, &view);
        if (rv != 0) {
            /* Compacted since, and the file is gone? */
            int now = view_take(wal, want, &view);

            rv = now != 0 ? now : rv;
        }
        if (rv == 0) {
            rv = view_walk(wal, &view, &want, batch);
        }
    } while (rv == 0);
    wal->hint.index = want;
    wal->hint.generation = generation;
    if (rv == CRAFT_WAL_ERR_BUFFER) {
        return rv;
    }
    if (rv > 0 || batch->entries_len > 0) {
        return 0;
    }
    batch->data_len = 0;
    return rv;
}

int craft_wal_read(craft_wal *wal, craft_index first, craft_wal_batch *batch)
{
    int rv;

    if (wal == NULL || batch == NULL || batch->struct_size != sizeof *batch ||
        batch->entries == NULL || batch->entries_max == 0 ||
        (batch->data == NULL && batch->data_max > 0)) {
        return CRAFT_WAL_ERR_INVALID;
    }
    batch->entries_len = 0;
    batch->data_len = 0;
    (void)pthread_mutex_lock(&wal->read_mutex);
    rv = read_entries(wal, first, batch);
    (void)pthread_mutex_unlock(&wal->read_mutex);
    return rv;
}
