#include "wal/wal.h"

#define NEXT_TMP "next.tmp"
#define STORE_TMP "store.tmp"
#define STORE "store"
/* A slot per block of a device: a write of one cannot hurt the other. */
#define SLOT_BYTES ((uint64_t)4096)
#define SLOTS 2u

/* --------------------------------------------------------------- segments */

/*
 * Give a finished file its name. When the directory cannot be synced nobody
 * knows whether the name will be there after a crash, and a second sync would
 * not tell: the store takes no more.
 */
static int file_publish(struct craft_wal *wal, struct craft_wal_file *file,
                        const char *name)
{
    int rv = craft_wal_file_sync(wal, file, 1);

    if (rv == 0) {
        rv = craft_wal_file_rename(wal, file, name);
    }
    if (rv != 0) {
        return rv;
    }
    rv = craft_wal_directory_sync(wal, wal->directory);
    return rv == 0 ? 0 : craft_wal_fail(wal, CRAFT_WAL_ERR_IO);
}

/* Make a segment of zeroes, beginning with data [data_len], under its name. */
static int segment_make(struct craft_wal *wal, struct craft_wal_next *next,
                        uint64_t sequence, const uint8_t *data, size_t data_len)
{
    char name[CRAFT_WAL_NAME_MAX];
    int rv = craft_wal_file_open(wal, &next->file, NEXT_TMP,
                                 CRAFT_WAL_OPEN_WRITE | CRAFT_WAL_OPEN_CREATE);

    if (rv != 0) {
        return rv;
    }
    craft_wal_segment_name(name, sequence);
    rv = craft_wal_file_zero(wal, &next->file, 0, next->size);
    if (rv == 0 && data_len > 0) {
        rv = craft_wal_file_write(wal, &next->file, data, data_len, 0);
    }
    if (rv == 0) {
        rv = file_publish(wal, &next->file, name);
    }
    if (rv != 0) {
        craft_wal_file_close(wal, &next->file);
        /* What is left is removed when the store is opened. */
        (void)craft_wal_file_remove(wal, NEXT_TMP);
    }
    return rv;
}

int craft_wal_segment_ensure_next(struct craft_wal *wal, uint64_t sequence,
                                  uint32_t size)
{
    struct craft_wal_next *next = &wal->next;
    int rv;

    if (next->file.handle == CRAFT_WAL_NO_FILE) {
        next->size = size;
        return segment_make(wal, next, sequence + 1, NULL, 0);
    }
    if (next->size >= size) {
        return 0;
    }
    rv = craft_wal_file_zero(wal, &next->file, next->size, size);
    if (rv == 0) {
        rv = craft_wal_file_sync(wal, &next->file, 1);
    }
    if (rv != 0) {
        /* After a failed sync nobody knows what it holds: made anew. */
        craft_wal_file_close(wal, &next->file);
        return rv;
    }
    next->size = size;
    return 0;
}

uint32_t craft_wal_segment_begin_len(const struct craft_wal *wal)
{
    /* The writer alone changes it, so the writer may look without the lock. */
    return CRAFT_WAL_HEADER_LEN + CRAFT_WAL_RECORD_LEN + CRAFT_WAL_BEGIN_LEN +
           (uint32_t)wal->shared.base.len;
}

void craft_wal_segment_begin(const struct craft_wal *wal, uint8_t *data,
                             uint32_t *check_out)
{
    const struct craft_wal_active *active = &wal->active;
    const struct craft_wal_buffer *base = &wal->shared.base;
    struct craft_wal_header header = {
        .store_id = wal->store_id,
        .sequence = active->sequence,
        .segment_bytes = active->size,
        .prev_end = active->prev_end,
        .prev_check = active->prev_check,
    };
    struct craft_wal_record record = {
        .length = craft_wal_segment_begin_len(wal) - CRAFT_WAL_HEADER_LEN,
        .flags = CRAFT_WAL_RECORD_BEGIN,
        .group = wal->group,
    };
    uint8_t *body = data + CRAFT_WAL_HEADER_LEN + CRAFT_WAL_RECORD_LEN;

    craft_wal_header_encode(&header, data);
    record.prev = header.check;
    craft_wal_begin_encode(&wal->shared.state, body);
    if (base->len > 0) {
        record.flags |= CRAFT_WAL_RECORD_SNAPSHOT;
        memcpy(body + CRAFT_WAL_BEGIN_LEN, base->data, base->len);
    }
    craft_wal_record_finish(&record, active->seed ^ CRAFT_WAL_HEADER_LEN,
                            data + CRAFT_WAL_HEADER_LEN);
    *check_out = record.check;
}

/*
 * A reader that stands in a segment goes on reading there, but holds its space:
 * it must not keep one that is removed.
 */
static void reader_leave(struct craft_wal *wal, uint64_t needed)
{
    struct craft_wal_file file = {.handle = CRAFT_WAL_NO_FILE};

    (void)pthread_mutex_lock(&wal->read_mutex);
    if (wal->window.sequence < needed) {
        file = wal->window.file;
        wal->window.file.handle = CRAFT_WAL_NO_FILE;
    }
    (void)pthread_mutex_unlock(&wal->read_mutex);
    craft_wal_file_close(wal, &file);
}

int craft_wal_segments_drop(struct craft_wal *wal)
{
    uint64_t oldest;
    uint64_t needed;
    int rv = 0;

    (void)pthread_mutex_lock(&wal->mutex);
    oldest = wal->shared.oldest;
    needed = wal->shared.needed;
    (void)pthread_mutex_unlock(&wal->mutex);
    if (oldest >= needed) {
        return 0;
    }
    reader_leave(wal, needed);
    while (rv == 0 && oldest < needed) {
        char name[CRAFT_WAL_NAME_MAX];

        craft_wal_segment_name(name, oldest);
        rv = craft_wal_file_remove(wal, name);
        oldest += rv == 0;
    }
    (void)pthread_mutex_lock(&wal->mutex);
    wal->shared.oldest = oldest;
    (void)pthread_mutex_unlock(&wal->mutex);
    return rv;
}

/* ------------------------------------------------------------------ store */

static int store_file_create(struct craft_wal *wal)
{
    uint8_t slot[CRAFT_WAL_MARK_LEN];
    struct craft_wal_file *file = &wal->store_file;
    int rv = craft_wal_file_open(wal, file, STORE_TMP,
                                 CRAFT_WAL_OPEN_WRITE | CRAFT_WAL_OPEN_CREATE);

    if (rv != 0) {
        return rv;
    }
    wal->mark.store_id = wal->store_id;
    wal->mark.number = 1;
    wal->mark_slot = 0;
    craft_wal_mark_encode(&wal->mark, slot);
    rv = craft_wal_file_zero(wal, file, 0, SLOTS * SLOT_BYTES);
    if (rv == 0) {
        rv = craft_wal_file_write(wal, file, slot, sizeof slot, 0);
    }
    return rv == 0 ? file_publish(wal, file, STORE) : rv;
}

int craft_wal_names_sync(struct craft_wal *wal)
{
    char parent[CRAFT_WAL_DIRECTORY_MAX + 1];
    size_t len = strlen(wal->directory);

    int rv = craft_wal_directory_sync(wal, wal->directory);

    /* Whoever marked it had it synced, and the parent may be closed to us. */
    if (rv != 0 || wal->mark.sequence != 0) {
        return rv;
    }
    memcpy(parent, wal->directory, len + 1);
    while (len > 1 && parent[len - 1] == '/') {
        len--;
    }
    while (len > 0 && parent[len - 1] != '/') {
        len--;
    }
    while (len > 1 && parent[len - 1] == '/') {
        len--;
    }
    if (len == 0) {
        parent[0] = '.';
        len = 1;
    }
    parent[len] = '\0';
    return craft_wal_directory_sync(wal, parent);
}

int craft_wal_draw(struct craft_wal *wal, uint64_t *number_out)
{
    *number_out = 0;
    while (*number_out == 0) {
        int rv =
            wal->files->random(wal->files_ctx, number_out, sizeof *number_out);

        if (rv != 0) {
            struct craft_wal_problem problem = {
                .error = CRAFT_WAL_ERR_IO,
                .system_error = -rv,
                .what = "no random bytes for the identity of a store",
                .remedy = "see whether /dev/urandom can be read",
            };
            return craft_wal_complain(wal, &problem);
        }
    }
    return 0;
}

int craft_wal_store_create(struct craft_wal *wal)
{
    uint32_t first_len = craft_wal_segment_begin_len(wal);
    struct craft_wal_active *active = &wal->active;
    struct craft_wal_next next = {.size = wal->segment_bytes};
    int rv = craft_wal_draw(wal, &wal->store_id);

    if (rv == 0) {
        rv = craft_wal_buffer_reserve(wal, &wal->batch, first_len);
    }
    if (rv == 0) {
        rv = store_file_create(wal);
    }
    if (rv != 0) {
        return rv;
    }
    active->sequence = 1;
    active->size = wal->segment_bytes;
    active->seed = craft_wal_seed(wal->store_id, 1);
    wal->shared.oldest = 1;
    craft_wal_segment_begin(wal, wal->batch.data, &active->check);
    rv = segment_make(wal, &next, 1, wal->batch.data, first_len);
    if (rv == 0) {
        active->file = next.file;
        active->begun = 1;
        active->end = first_len;
        active->synced = active->end;
        active->position = craft_wal_align(active->end);
        rv = craft_wal_names_sync(wal);
    }
    return rv;
}

int craft_wal_store_load(struct craft_wal *wal, int *found_out)
{
    uint8_t slot[CRAFT_WAL_MARK_LEN];
    struct craft_wal_mark mark;
    int rv = craft_wal_file_open(wal, &wal->store_file, STORE,
                                 wal->read_only ? 0 : CRAFT_WAL_OPEN_WRITE);

    *found_out = 0;
    for (uint32_t i = 0; rv == 0 && i < SLOTS; i++) {
        rv = craft_wal_file_read(wal, &wal->store_file, slot, sizeof slot,
                                 i * SLOT_BYTES);
        if (rv == 0 && craft_wal_mark_decode(&mark, slot) &&
            mark.number > wal->mark.number) {
            wal->mark = mark;
            wal->mark_slot = i;
            wal->store_id = mark.store_id;
            *found_out = 1;
        }
    }
    return rv;
}

/* ------------------------------------------------------------- background */

int craft_wal_prepare(craft_wal *wal)
{
    uint64_t sequence;
    int begun;
    int dropped;
    int rv = 0;

    if (wal == NULL || wal->read_only) {
        return CRAFT_WAL_ERR_INVALID;
    }
    if (atomic_load(&wal->failed) != 0) {
        return CRAFT_WAL_ERR_FAILED;
    }
    (void)pthread_mutex_lock(&wal->helper);
    /* First, because it makes room. From now on it is asked for anew. */
    (void)atomic_fetch_and(&wal->wants, ~(unsigned)CRAFT_WAL_WANTS_PREPARE);
    dropped = craft_wal_segments_drop(wal);
    (void)pthread_mutex_lock(&wal->mutex);
    sequence = wal->shared.sequence;
    /* A file may follow only a segment whose header is durable: recovery
       takes the last file alone for one that was never begun. */
    begun = wal->shared.durable.sequence == sequence;
    (void)pthread_mutex_unlock(&wal->mutex);
    if (begun) {
        rv = craft_wal_segment_ensure_next(wal, sequence, wal->segment_bytes);
        if (rv == 0) {
            (void)pthread_mutex_lock(&wal->mutex);
            wal->shared.prepared = 1;
            (void)pthread_mutex_unlock(&wal->mutex);
        }
    }
    rv = rv != 0 ? rv : dropped;
    if (rv != 0) {
        (void)atomic_fetch_or(&wal->wants, CRAFT_WAL_WANTS_PREPARE);
    }
    (void)pthread_mutex_unlock(&wal->helper);
    return rv;
}

/* Write the mark into the slot that does not hold the newest one. */
static int mark_write(struct craft_wal *wal, struct craft_wal_mark *mark)
{
    uint8_t slot[CRAFT_WAL_MARK_LEN];
    uint32_t into = 1 - wal->mark_slot;
    int rv;

    mark->store_id = wal->store_id;
    mark->number = wal->mark.number + 1;
    craft_wal_mark_encode(mark, slot);
    rv = craft_wal_file_write(wal, &wal->store_file, slot, sizeof slot,
                              into * SLOT_BYTES);
    if (rv == 0) {
        rv = craft_wal_file_sync(wal, &wal->store_file, 0);
    }
    if (rv == 0) {
        wal->mark = *mark;
        wal->mark_slot = into;
    }
    return rv;
}

int craft_wal_mark(craft_wal *wal)
{
    struct craft_wal_mark mark;
    int rv = 0;

    if (wal == NULL || wal->read_only) {
        return CRAFT_WAL_ERR_INVALID;
    }
    if (atomic_load(&wal->failed) != 0) {
        return CRAFT_WAL_ERR_FAILED;
    }
    (void)pthread_mutex_lock(&wal->mark_mutex);
    (void)atomic_fetch_and(&wal->wants, ~(unsigned)CRAFT_WAL_WANTS_MARK);
    (void)pthread_mutex_lock(&wal->mutex);
    mark = wal->shared.durable;
    (void)pthread_mutex_unlock(&wal->mutex);
    if (mark.sequence != wal->mark.sequence ||
        mark.offset != wal->mark.offset) {
        rv = mark_write(wal, &mark);
        if (rv != 0) {
            (void)atomic_fetch_or(&wal->wants, CRAFT_WAL_WANTS_MARK);
        }
    }
    (void)pthread_mutex_unlock(&wal->mark_mutex);
    return rv;
}
