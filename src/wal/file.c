#include <errno.h>
#include <stdio.h>

#include "wal/wal.h"

struct path {
    char text[CRAFT_WAL_PATH_MAX];
};

static struct path path_of(const struct craft_wal *wal, const char *name)
{
    struct path p;

    (void)snprintf(p.text, sizeof p.text, "%s/%s", wal->directory, name);
    return p;
}

void craft_wal_segment_name(char name[CRAFT_WAL_NAME_MAX], uint64_t sequence)
{
    (void)snprintf(name, CRAFT_WAL_NAME_MAX, "%016llx.wal",
                   (unsigned long long)sequence);
}

uint64_t craft_wal_segment_sequence(const char *name)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t sequence = 0;

    for (int i = 0; i < 16; i++) {
        const char *digit = name[i] == '\0' ? NULL : strchr(digits, name[i]);

        if (digit == NULL) {
            return 0;
        }
        sequence = sequence << 4 | (uint64_t)(digit - digits);
    }
    return strcmp(name + 16, ".wal") == 0 ? sequence : 0;
}

/* Turn a negative errno into an error with a report. */
static int file_failed(struct craft_wal *wal, const char *name,
                       const char *what, int64_t code)
{
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_IO,
        .system_error = (int)-code,
        .file = name,
        .what = what,
        .remedy = "see the system's log for the device",
    };

    if (code == -ENOSPC || code == -EDQUOT || code == -EFBIG) {
        problem.error = CRAFT_WAL_ERR_NOSPACE;
        problem.remedy = "make room on the disk";
    }
    return craft_wal_complain(wal, &problem);
}

int craft_wal_file_open(struct craft_wal *wal, struct craft_wal_file *file,
                        const char *name, uint32_t flags)
{
    struct path p = path_of(wal, name);
    int rv;

    do {
        rv = wal->files->open(wal->files_ctx, p.text, flags);
    } while (rv == -EINTR);
    if (rv < 0) {
        file->handle = CRAFT_WAL_NO_FILE;
        return file_failed(wal, name, "cannot open", rv);
    }
    file->handle = rv;
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    return 0;
}

void craft_wal_file_close(struct craft_wal *wal, struct craft_wal_file *file)
{
    if (file->handle != CRAFT_WAL_NO_FILE) {
        (void)wal->files->close(wal->files_ctx, file->handle);
        file->handle = CRAFT_WAL_NO_FILE;
    }
}

int craft_wal_file_size(struct craft_wal *wal,
                        const struct craft_wal_file *file, uint64_t *size_out)
{
    int64_t rv;

    do {
        rv = wal->files->size(wal->files_ctx, file->handle);
    } while (rv == -EINTR);
    if (rv < 0) {
        return file_failed(wal, file->name, "cannot tell the size", rv);
    }
    *size_out = (uint64_t)rv;
    return 0;
}

int craft_wal_file_read(struct craft_wal *wal,
                        const struct craft_wal_file *file, uint8_t *data,
                        size_t len, uint64_t offset)
{
    size_t done = 0;

    while (done < len) {
        int64_t rv = wal->files->read(wal->files_ctx, file->handle, data + done,
                                      len - done, offset + done);

        if (rv == -EINTR) {
            continue;
        }
        if (rv < 0) {
            return file_failed(wal, file->name, "cannot read", rv);
        }
        if (rv == 0) {
            memset(data + done, 0, len - done);
            break;
        }
        done += (size_t)rv;
    }
    return 0;
}

int craft_wal_file_write(struct craft_wal *wal,
                         const struct craft_wal_file *file, const uint8_t *data,
                         size_t len, uint64_t offset)
{
    size_t done = 0;

    while (done < len) {
        int64_t rv = wal->files->write(wal->files_ctx, file->handle,
                                       data + done, len - done, offset + done);

        if (rv == -EINTR) {
            continue;
        }
        if (rv <= 0) {
            return file_failed(wal, file->name, "cannot write",
                               rv < 0 ? rv : -EIO);
        }
        done += (size_t)rv;
    }
    return 0;
}

int craft_wal_file_zero(struct craft_wal *wal,
                        const struct craft_wal_file *file, uint64_t from,
                        uint64_t to)
{
    static const uint8_t zeroes[65536];
    int rv = 0;

    while (rv == 0 && from < to) {
        /* Up to a whole block, so that a device never has to read one. */
        uint64_t len = sizeof zeroes - from % sizeof zeroes;

        len = to - from < len ? to - from : len;
        rv = craft_wal_file_write(wal, file, zeroes, (size_t)len, from);
        from += len;
    }
    return rv;
}

/*
 * Interrupted is not failed: the system has reported on no page yet, and
 * still will. Any other error has told of lost pages for the last time.
 */
int craft_wal_file_sync(struct craft_wal *wal,
                        const struct craft_wal_file *file, int metadata)
{
    int rv;

    do {
        rv = wal->files->sync(wal->files_ctx, file->handle, metadata);
    } while (rv == -EINTR);
    return rv == 0 ? 0 : file_failed(wal, file->name, "cannot sync", rv);
}

int craft_wal_file_rename(struct craft_wal *wal, struct craft_wal_file *file,
                          const char *name)
{
    struct path from = path_of(wal, file->name);
    struct path to = path_of(wal, name);
    int rv;

    do {
        rv = wal->files->rename(wal->files_ctx, from.text, to.text);
    } while (rv == -EINTR);
    if (rv != 0) {
        return file_failed(wal, file->name, "cannot rename", rv);
    }
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    return 0;
}

int craft_wal_file_remove(struct craft_wal *wal, const char *name)
{
    struct path p = path_of(wal, name);
    int rv;

    do {
        rv = wal->files->unlink(wal->files_ctx, p.text);
    } while (rv == -EINTR);
    return rv == 0 || rv == -ENOENT
               ? 0
               : file_failed(wal, name, "cannot remove", rv);
}

int craft_wal_directory_sync(struct craft_wal *wal, const char *path)
{
    int rv;

    do {
        rv = wal->files->sync_directory(wal->files_ctx, path);
    } while (rv == -EINTR);
    return rv == 0 ? 0
                   : file_failed(wal, NULL, "cannot sync the directory", rv);
}
