/* States that were saved: at the start, for other servers, and from them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "host/host_state.h"

#define BUFFER ((size_t)256 * 1024)

/* ------------------------------------------------------------------ source */

struct craft_host_source {
    const struct craft_snapshots *files;
    struct craft_snapshots_file file;
    uint8_t *buffer; /* [BUFFER]: bytes taken .. filled are to be given */
    size_t taken;
    size_t filled;
    int rv; /* negative errno of the read that failed */
};

uint64_t craft_host_source_left(const craft_host_source *source)
{
    return source->file.size - source->file.at +
           (source->filled - source->taken);
}

static int fill(struct craft_host_source *source)
{
    uint64_t left = source->file.size - source->file.at;
    size_t len = left < BUFFER ? (size_t)left : BUFFER;

    source->rv = craft_snapshots_read(source->files, &source->file,
                                      source->file.at, source->buffer, len);
    if (source->rv != 0) {
        return source->rv;
    }
    source->file.at += len;
    source->taken = 0;
    source->filled = len;
    return 0;
}

int craft_host_source_read(craft_host_source *source, void *data,
                           size_t data_len)
{
    uint8_t *to = data;

    if (source->rv != 0 || data_len > craft_host_source_left(source)) {
        return CRAFT_HOST_ERR_STORAGE;
    }
    while (data_len > 0) {
        size_t len = source->filled - source->taken;

        if (len == 0) {
            if (fill(source) != 0) {
                return CRAFT_HOST_ERR_STORAGE;
            }
            continue;
        }
        len = len < data_len ? len : data_len;
        memcpy(to, source->buffer + source->taken, len);
        source->taken += len;
        to += len;
        data_len -= len;
    }
    return 0;
}

static int load_state(struct craft_host *host, const craft_snapshot *snapshot)
{
    struct craft_host_source source = {.files = &host->saving.files};
    int rv =
        craft_snapshots_read_open(&host->saving.files, snapshot, &source.file);

    if (rv != 0) {
        return craft_host_fail(host, CRAFT_HOST_ERR_STORAGE,
                               "%s: cannot read the state up to entry %llu: %s",
                               host->saving.directory,
                               (unsigned long long)snapshot->index,
                               strerror(-rv));
    }
    source.buffer = malloc(BUFFER);
    rv = source.buffer == NULL ? CRAFT_ERR_NOMEM : 0;
    if (rv == 0) {
        rv = host->machine.load(host->user, snapshot, &source);
    }
    free(source.buffer);
    craft_snapshots_close(&host->saving.files, &source.file);
    if (rv != 0) {
        return craft_host_fail(
            host, CRAFT_HOST_ERR_STORAGE,
            "%s: the state up to entry %llu was not taken%s%s",
            host->saving.directory, (unsigned long long)snapshot->index,
            source.rv != 0 ? ": " : "",
            source.rv != 0 ? strerror(-source.rv) : "");
    }
    host->saving.log_bytes = 0;
    return 0;
}

/* --------------------------------------------------------------- the start */

int craft_host_load(struct craft_host *host, const craft_snapshot *base,
                    craft_index applied_index)
{
    struct craft_saving *saving = &host->saving;
    int rv;

    if (!saving->is_on) {
        return base == NULL || applied_index >= base->index
                   ? 0
                   : craft_host_fail(host, CRAFT_ERR_CORRUPT,
                                     "the log begins with a snapshot, and this "
                                     "machine has no `load`");
    }
    rv = craft_snapshots_open(&saving->files, base);
    if (rv != 0) {
        return craft_host_fail(host, CRAFT_HOST_ERR_STORAGE,
                               "cannot use the directory %s: %s",
                               saving->directory, strerror(-rv));
    }
    if (base == NULL) {
        return 0;
    }
    rv = craft_snapshots_verify(&saving->files, base);
    if (rv != 0) {
        return craft_host_fail(
            host, rv == -EBADMSG ? CRAFT_ERR_CORRUPT : CRAFT_HOST_ERR_STORAGE,
            "%s: the snapshot of entry %llu, with which the log begins: %s",
            saving->directory, (unsigned long long)base->index,
            rv == -EBADMSG ? "it is not what was written" : strerror(-rv));
    }
    saving->base.index = base->index;
    saving->base.digest = base->digest;
    return applied_index < base->index ? load_state(host, base) : 0;
}

/* ------------------------------------------------------------------- hooks */

static void on_read(void *ctx, const craft_snapshot_read *read)
{
    struct craft_host *host = ctx;

    craft_carrier_read(host->saving.carrier, read);
}

static void on_write(void *ctx, const craft_snapshot_write *write)
{
    struct craft_host *host = ctx;

    craft_carrier_write(host->saving.carrier, write);
}

static void on_install(void *ctx, const craft_snapshot *snapshot)
{
    struct craft_host *host = ctx;
    craft_index index = snapshot->index;
    int rv = load_state(host, snapshot);

    if (rv != 0) {
        host->is_halted = 1;
        (void)craft_applied(host->node, index, CRAFT_ENDING_ERROR);
        return;
    }
    host->counters.snapshots_installed++;
    craft_log_line(&host->log, CRAFT_HOST_LOG_INFO,
                   "the state up to entry %llu came from another server",
                   (unsigned long long)index);
    rv = craft_applied(host->node, index, CRAFT_ENDING_OK);
    CRAFT_ASSERT(rv == 0 || rv <= CRAFT_ERR_STOPPED);
}

void craft_host_snapshot_hooks(struct craft_host *host, craft_hooks *hooks)
{
    if (host->saving.is_on) {
        hooks->snapshot_read = on_read;
        hooks->snapshot_write = on_write;
        hooks->install = on_install;
    }
}

/* ----------------------------------------------------------------- endings */

static void tell_failed(struct craft_host *host, const char *what, int rv)
{
    craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                   "%s: a part of a state cannot be %s: %s",
                   host->saving.directory, what,
                   rv == -EBADMSG ? "its bytes are not what they should be"
                                  : strerror(-rv));
}

static void end_read(struct craft_host *host,
                     const struct craft_carried *carried)
{
    craft_chunk chunk;
    int rv = carried->read_rv;

    memset(&chunk, 0, sizeof chunk);
    chunk.struct_size = sizeof chunk;
    chunk.data = carried->data;
    chunk.data_len = carried->data_len;
    if (rv == 0 && craft_snapshot_read_done(host->node, carried->read_ticket,
                                            &chunk, CRAFT_ENDING_OK) == 0) {
        return;
    }
    if (rv != 0) {
        tell_failed(host, "read", rv);
    }
    (void)craft_snapshot_read_done(host->node, carried->read_ticket, NULL,
                                   CRAFT_ENDING_ERROR);
}

void craft_host_take_carried(struct craft_host *host)
{
    struct craft_carried carried;

    if (!host->saving.is_on ||
        !craft_carrier_take(host->saving.carrier, &carried)) {
        return;
    }
    if (carried.read_ticket != 0) {
        end_read(host, &carried);
    }
    if (carried.write_ticket != 0) {
        if (carried.write_rv != 0) {
            tell_failed(host, "written", carried.write_rv);
        }
        (void)craft_snapshot_written(
            host->node, carried.write_ticket, carried.offset,
            carried.write_rv == 0 ? CRAFT_ENDING_OK : CRAFT_ENDING_ERROR);
    }
}
