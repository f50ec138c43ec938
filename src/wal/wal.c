#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "wal/wal.h"

/* ----------------------------------------------------------------- memory */

static void *libc_realloc(void *ctx, void *ptr, size_t old_size,
                          size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

void *craft_wal_realloc(struct craft_wal *wal, void *ptr, size_t old_size,
                        size_t new_size)
{
    if (ptr == NULL && new_size == 0) {
        return NULL;
    }
    return wal->allocator.realloc(wal->allocator.ctx, ptr, old_size, new_size);
}

int craft_wal_buffer_reserve(struct craft_wal *wal,
                             struct craft_wal_buffer *buffer, size_t len)
{
    size_t cap = buffer->cap < 4096 ? 4096 : buffer->cap;
    uint8_t *data;

    if (len <= buffer->cap) {
        return 0;
    }
    while (cap < len) {
        cap += cap / 2;
    }
    data = craft_wal_realloc(wal, buffer->data, buffer->cap, cap);
    if (data == NULL) {
        return CRAFT_WAL_ERR_NOMEM;
    }
    buffer->data = data;
    buffer->cap = cap;
    return 0;
}

void craft_wal_buffer_free(struct craft_wal *wal,
                           struct craft_wal_buffer *buffer)
{
    (void)craft_wal_realloc(wal, buffer->data, buffer->cap, 0);
    memset(buffer, 0, sizeof *buffer);
}

/* ---------------------------------------------------------------- reports */

/* strerror() is not for threads, and strerror_r() is two functions. */
static const char *system_error_text(int error)
{
    switch (error) {
    case ENOSPC:
        return "no space left on the device";
    case EDQUOT:
        return "the quota is used up";
    case EIO:
        return "the device failed";
    case EACCES:
    case EPERM:
        return "permission denied";
    case ENOENT:
        return "not there";
    case EROFS:
        return "the file system is read-only";
    case EMFILE:
    case ENFILE:
        return "too many open files";
    default:
        return "the system says no";
    }
}

/* "what: file at offset N: system error: remedy", whatever of it there is. */
static void report_text(craft_wal_report *report, const char *directory,
                        const struct craft_wal_problem *problem)
{
    char place[128] = "";
    char system[96] = "";

    if (problem->file != NULL) {
        (void)snprintf(place, sizeof place, ": %.32s at offset %llu",
                       problem->file, (unsigned long long)problem->offset);
    } else if (problem->error != CRAFT_WAL_ERR_INVALID) {
        (void)snprintf(place, sizeof place, ": %.100s", directory);
    }
    if (problem->system_error != 0) {
        (void)snprintf(system, sizeof system, ": %s (errno %d)",
                       system_error_text(problem->system_error),
                       problem->system_error);
    }
    (void)snprintf(report->text, sizeof report->text, "%s%s%s: %s",
                   problem->what, place, system, problem->remedy);
}

int craft_wal_complain(struct craft_wal *wal,
                       const struct craft_wal_problem *problem)
{
    craft_wal_report report;

    memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    report.error = problem->error;
    report.system_error = problem->system_error;
    report.offset = problem->offset;
    report.bytes = problem->bytes;
    report.index = problem->index;
    if (problem->file != NULL) {
        (void)snprintf(report.file, sizeof report.file, "%s", problem->file);
    }
    report_text(&report, wal->directory, problem);
    (void)pthread_mutex_lock(&wal->mutex);
    wal->shared.report = report;
    (void)pthread_mutex_unlock(&wal->mutex);
    return problem->error;
}

int craft_wal_fail(struct craft_wal *wal, int error)
{
    int none = 0;

    (void)atomic_compare_exchange_strong(&wal->failed, &none, error);
    (void)pthread_mutex_lock(&wal->mutex);
    wal->shared.report.error = error;
    (void)pthread_mutex_unlock(&wal->mutex);
    return error;
}

/* Copies as much as the caller knows of. */
static int report_copy(craft_wal_report *to, const craft_wal_report *from)
{
    uint32_t size = to->struct_size;

    if (size < offsetof(craft_wal_report, text) || size > sizeof *to) {
        return CRAFT_WAL_ERR_INVALID;
    }
    memcpy(to, from, size);
    to->struct_size = size;
    return 0;
}

int craft_wal_last_report(craft_wal *wal, craft_wal_report *report)
{
    int rv;

    if (wal == NULL || report == NULL) {
        return CRAFT_WAL_ERR_INVALID;
    }
    (void)pthread_mutex_lock(&wal->mutex);
    rv = report_copy(report, &wal->shared.report);
    (void)pthread_mutex_unlock(&wal->mutex);
    return rv;
}

const char *craft_wal_strerror(int error)
{
    switch (error) {
    case 0:
        return "no error";
    case CRAFT_WAL_ERR_INVALID:
        return "an argument, or a record, is out of order";
    case CRAFT_WAL_ERR_NOMEM:
        return "out of memory";
    case CRAFT_WAL_ERR_NOSPACE:
        return "the disk is full";
    case CRAFT_WAL_ERR_BUFFER:
        return "the first entry does not fit into the buffer";
    case CRAFT_WAL_ERR_RANGE:
        return "no such index in the log";
    case CRAFT_WAL_ERR_LOCKED:
        return "another process has the store open";
    case CRAFT_WAL_ERR_IO:
        return "a file call failed";
    case CRAFT_WAL_ERR_FAILED:
        return "an earlier write failed: the store must be opened anew";
    case CRAFT_WAL_ERR_DAMAGED:
        return "stored bytes are not what was written";
    case CRAFT_WAL_ERR_FOREIGN:
        return "a file of another store";
    case CRAFT_WAL_ERR_GROUP:
        return "a record of another group";
    case CRAFT_WAL_ERR_VERSION:
        return "a format of a later version";
    case CRAFT_WAL_ERR_COMPACTED:
        return "a snapshot has taken the place of this index";
    default:
        return "unknown error";
    }
}

/* ------------------------------------------------------------------- life */

void craft_wal_options_init(craft_wal_options *options, size_t struct_size)
{
    if (options == NULL || struct_size < sizeof(uint32_t)) {
        return;
    }
    memset(options, 0, struct_size);
    options->struct_size = (uint32_t)struct_size;
    if (struct_size >= sizeof *options) {
        options->segment_bytes = (uint64_t)64 << 20;
    }
}

static int flags_valid(uint32_t flags)
{
    return flags == 0 || flags == CRAFT_WAL_READ_ONLY ||
           flags == (CRAFT_WAL_READ_ONLY | CRAFT_WAL_SALVAGE);
}

static int visitor_valid(const craft_wal_visitor *visitor)
{
    return visitor == NULL ||
           (visitor->struct_size == sizeof *visitor && visitor->reserved == 0 &&
            visitor->record != NULL);
}

static int options_valid(const craft_wal_options *options)
{
    size_t len;

    if (options == NULL || options->struct_size != sizeof *options ||
        options->directory == NULL || !flags_valid(options->flags) ||
        !visitor_valid(options->visitor)) {
        return 0;
    }
    len = strlen(options->directory);
    return len >= 1 && len <= CRAFT_WAL_DIRECTORY_MAX &&
           options->segment_bytes >= CRAFT_WAL_SEGMENT_BYTES_MIN &&
           options->segment_bytes <= CRAFT_WAL_SEGMENT_BYTES_MAX &&
           options->segment_bytes % 4096 == 0 &&
           (options->files == NULL ||
            options->files->struct_size == sizeof(craft_wal_files));
}

/* A store with nothing open; NULL: out of memory. */
static struct craft_wal *wal_new(const craft_wal_options *options)
{
    craft_allocator allocator = options->allocator;
    struct craft_wal *wal;

    if (allocator.realloc == NULL) {
        allocator.realloc = libc_realloc;
    }
    wal = allocator.realloc(allocator.ctx, NULL, 0, sizeof *wal);
    if (wal == NULL) {
        return NULL;
    }
    memset(wal, 0, sizeof *wal);
    wal->allocator = allocator;
    wal->files =
        options->files != NULL ? options->files : craft_wal_files_posix();
    wal->files_ctx = options->files_ctx;
    memcpy(wal->directory, options->directory, strlen(options->directory) + 1);
    wal->group = options->group;
    wal->salvage = (options->flags & CRAFT_WAL_SALVAGE) != 0;
    wal->read_only = (options->flags & CRAFT_WAL_READ_ONLY) != 0;
    wal->segment_bytes = (uint32_t)options->segment_bytes;
    wal->lock_handle = CRAFT_WAL_NO_FILE;
    wal->active.file.handle = CRAFT_WAL_NO_FILE;
    wal->next.file.handle = CRAFT_WAL_NO_FILE;
    wal->store_file.handle = CRAFT_WAL_NO_FILE;
    wal->window.file.handle = CRAFT_WAL_NO_FILE;
    wal->shared.report.struct_size = sizeof wal->shared.report;
    atomic_init(&wal->failed, 0);
    atomic_init(&wal->wants, 0);
    (void)pthread_mutex_init(&wal->helper, NULL);
    (void)pthread_mutex_init(&wal->mark_mutex, NULL);
    (void)pthread_mutex_init(&wal->read_mutex, NULL);
    (void)pthread_mutex_init(&wal->mutex, NULL);
    return wal;
}

static void wal_free(struct craft_wal *wal)
{
    struct craft_wal_index *index = &wal->shared.index;

    craft_wal_file_close(wal, &wal->active.file);
    craft_wal_file_close(wal, &wal->next.file);
    craft_wal_file_close(wal, &wal->store_file);
    craft_wal_file_close(wal, &wal->window.file);
    if (wal->lock_handle != CRAFT_WAL_NO_FILE) {
        (void)wal->files->close(wal->files_ctx, wal->lock_handle);
    }
    craft_wal_buffer_free(wal, &wal->batch);
    craft_wal_buffer_free(wal, &wal->base_next);
    craft_wal_buffer_free(wal, &wal->shared.base);
    craft_wal_buffer_free(wal, &wal->window.bytes);
    (void)craft_wal_realloc(wal, index->places,
                            index->places_cap * sizeof *index->places, 0);
    (void)pthread_mutex_destroy(&wal->helper);
    (void)pthread_mutex_destroy(&wal->mark_mutex);
    (void)pthread_mutex_destroy(&wal->read_mutex);
    (void)pthread_mutex_destroy(&wal->mutex);
    (void)craft_wal_realloc(wal, wal, sizeof *wal, 0);
}

/* The directory is there and nobody else uses it. */
static int directory_take(struct craft_wal *wal)
{
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_IO,
        .what = "cannot make the directory",
        .remedy = "see that its parent is there and can be written",
    };
    int rv = wal->files->make_directory(wal->files_ctx, wal->directory);

    if (rv == 0) {
        char path[CRAFT_WAL_PATH_MAX];

        (void)snprintf(path, sizeof path, "%s/lock", wal->directory);
        problem.what = "cannot lock the store";
        rv = wal->files->lock(wal->files_ctx, path);
    }
    if (rv >= 0) {
        wal->lock_handle = rv;
        return 0;
    }
    problem.system_error = -rv;
    if (rv == -EWOULDBLOCK || rv == -EAGAIN) {
        problem.error = CRAFT_WAL_ERR_LOCKED;
        problem.what = "the store is in use";
        problem.remedy = "end the other process first";
    } else if (rv == -ENOSPC || rv == -EDQUOT) {
        problem.error = CRAFT_WAL_ERR_NOSPACE;
        problem.remedy = "make room on the disk";
    }
    return craft_wal_complain(wal, &problem);
}

static int open_store(struct craft_wal *wal, const craft_wal_visitor *visitor,
                      craft_wal_report *found)
{
    int rv;

    memset(found, 0, sizeof *found);
    if (wal->read_only) {
        rv = craft_wal_look(wal, visitor, found);
    } else {
        rv = directory_take(wal);
        if (rv == 0) {
            rv = craft_wal_recover(wal, visitor, found);
        }
    }
    if (rv != 0) {
        *found = wal->shared.report;
        found->error = rv;
    }
    if (rv == CRAFT_WAL_ERR_NOMEM) {
        (void)snprintf(found->text, sizeof found->text, "%s",
                       craft_wal_strerror(rv));
    }
    return rv;
}

int craft_wal_open(const craft_wal_options *options, craft_wal **wal_out,
                   craft_wal_report *report)
{
    craft_wal_report found;
    struct craft_wal *wal;
    int rv;

    if (wal_out != NULL) {
        *wal_out = NULL;
    }
    if (wal_out == NULL || !options_valid(options)) {
        return CRAFT_WAL_ERR_INVALID;
    }
    wal = wal_new(options);
    if (wal == NULL) {
        return CRAFT_WAL_ERR_NOMEM;
    }
    rv = open_store(wal, options->visitor, &found);
    if (report != NULL) {
        (void)report_copy(report, &found);
    }
    if (rv != 0 && (rv == CRAFT_WAL_ERR_NOMEM ||
                    (options->flags & CRAFT_WAL_SALVAGE) == 0)) {
        wal_free(wal);
        return rv;
    }
    *wal_out = wal;
    return 0;
}

int craft_wal_close(craft_wal *wal)
{
    int rv;

    if (wal == NULL) {
        return 0;
    }
    rv = wal->read_only ? 0 : craft_wal_sync(wal);
    if (rv == 0 && !wal->read_only) {
        /* A mark that cannot be written costs certainty, not data. */
        (void)craft_wal_mark(wal);
    }
    wal_free(wal);
    return rv;
}

/* ------------------------------------------------------------------- look */

uint32_t craft_wal_wants(const craft_wal *wal)
{
    return wal == NULL ? 0 : atomic_load(&wal->wants);
}

int craft_wal_read_state(craft_wal *wal, craft_restore *restore_out)
{
    int filled;

    if (wal == NULL || restore_out == NULL ||
        restore_out->struct_size != sizeof *restore_out) {
        return CRAFT_WAL_ERR_INVALID;
    }
    memset(restore_out, 0, sizeof *restore_out);
    restore_out->struct_size = sizeof *restore_out;
    (void)pthread_mutex_lock(&wal->mutex);
    restore_out->term = wal->shared.state.term;
    restore_out->voted_for = wal->shared.state.voted_for;
    restore_out->commit_hint = wal->shared.state.commit_hint;
    if (wal->shared.base.len > 0) {
        craft_wal_snapshot_decode(&wal->restored, wal->shared.base.data);
        restore_out->snapshot = &wal->restored;
    }
    filled = !wal->shared.empty;
    (void)pthread_mutex_unlock(&wal->mutex);
    return filled;
}

int craft_wal_read_snapshot(craft_wal *wal, craft_snapshot *snapshot_out)
{
    int filled = 0;

    if (wal == NULL || snapshot_out == NULL ||
        snapshot_out->struct_size != sizeof *snapshot_out) {
        return CRAFT_WAL_ERR_INVALID;
    }
    (void)pthread_mutex_lock(&wal->mutex);
    if (wal->shared.base.len > 0) {
        craft_wal_snapshot_decode(snapshot_out, wal->shared.base.data);
        filled = 1;
    }
    (void)pthread_mutex_unlock(&wal->mutex);
    return filled;
}

int craft_wal_status_get(craft_wal *wal, craft_wal_status *status_out)
{
    craft_wal_status status;
    const struct craft_wal_shared *shared;

    if (wal == NULL || status_out == NULL ||
        status_out->struct_size < sizeof(uint32_t) ||
        status_out->struct_size > sizeof status) {
        return CRAFT_WAL_ERR_INVALID;
    }
    memset(&status, 0, sizeof status);
    status.struct_size = status_out->struct_size;
    status.store_id = wal->store_id;
    status.group = wal->group;
    shared = &wal->shared;
    (void)pthread_mutex_lock(&wal->mutex);
    status.flags |= shared->prepared ? CRAFT_WAL_STATUS_PREPARED : 0u;
    status.flags |= shared->empty ? CRAFT_WAL_STATUS_EMPTY : 0u;
    status.first_index = shared->state.gone_index + 1;
    status.last_index = shared->state.last_index;
    status.snapshot_index = shared->state.base_index;
    status.oldest_sequence = shared->oldest;
    status.durable_index = shared->durable.last_index;
    status.sequence = shared->sequence;
    status.segment_offset = shared->end;
    status.segment_bytes = shared->size;
    status.syncs = shared->syncs;
    status.records = shared->records;
    status.bytes = shared->bytes;
    (void)pthread_mutex_unlock(&wal->mutex);
    if (atomic_load(&wal->failed) != 0) {
        status.flags |= CRAFT_WAL_STATUS_FAILED;
    }
    memcpy(status_out, &status, status.struct_size);
    return 0;
}
