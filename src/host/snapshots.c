#include "host/snapshots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define NAME_MAX_BYTES 40
#define PATH_BYTES 4200
#define HEAD_FIXED 64u
#define HEAD_MAX ((size_t)64 * 1024)
#define VERSION 1u
#define BLOCK ((size_t)256 * 1024)

static const uint8_t magic[8] = {'c', 'r', 'a', 'f', 't', 's', 't', '\n'};

struct path {
    char text[PATH_BYTES];
};

static struct path path_of(const struct craft_snapshots *own, const char *name)
{
    struct path path;

    (void)snprintf(path.text, sizeof path.text, "%s/%s", own->directory, name);
    return path;
}

static void name_of(const craft_snapshot *snapshot, char name[NAME_MAX_BYTES])
{
    (void)snprintf(name, NAME_MAX_BYTES, "%016llx-%016llx.snap",
                   (unsigned long long)snapshot->index,
                   (unsigned long long)snapshot->digest);
}

/* The index that a name tells, or 0: no finished file. */
static craft_index index_of(const char *name)
{
    unsigned long long index = 0;
    unsigned long long digest = 0;
    char again[NAME_MAX_BYTES];

    if (sscanf(name, "%16llx-%16llx.snap", &index, &digest) != 2) {
        return 0;
    }
    (void)snprintf(again, sizeof again, "%016llx-%016llx.snap", index, digest);
    return strcmp(name, again) == 0 ? index : 0;
}

/* -------------------------------------------------------------- file calls */

static int open_file(const struct craft_snapshots *own, const char *name,
                     uint32_t flags)
{
    struct path path = path_of(own, name);
    int rv;

    do {
        rv = own->files->open(own->files_ctx, path.text, flags);
    } while (rv == -EINTR);
    return rv;
}

static int write_all(const struct craft_snapshots *own, int handle,
                     const uint8_t *data, size_t data_len, uint64_t offset)
{
    while (data_len > 0) {
        int64_t rv =
            own->files->write(own->files_ctx, handle, data, data_len, offset);

        if (rv == -EINTR) {
            continue;
        }
        if (rv <= 0) {
            return rv < 0 ? (int)rv : -EIO;
        }
        data += rv;
        data_len -= (size_t)rv;
        offset += (uint64_t)rv;
    }
    return 0;
}

static int read_all(const struct craft_snapshots *own, int handle,
                    uint8_t *data, size_t data_len, uint64_t offset)
{
    while (data_len > 0) {
        int64_t rv =
            own->files->read(own->files_ctx, handle, data, data_len, offset);

        if (rv == -EINTR) {
            continue;
        }
        if (rv <= 0) {
            return rv < 0 ? (int)rv : -EBADMSG;
        }
        data += rv;
        data_len -= (size_t)rv;
        offset += (uint64_t)rv;
    }
    return 0;
}

static int sync_file(const struct craft_snapshots *own, int handle)
{
    int rv;

    do {
        rv = own->files->sync(own->files_ctx, handle, 1);
    } while (rv == -EINTR);
    return rv;
}

static int sync_names(const struct craft_snapshots *own, const char *directory)
{
    int rv;

    do {
        rv = own->files->sync_directory(own->files_ctx, directory);
    } while (rv == -EINTR);
    return rv;
}

static int sync_directory(const struct craft_snapshots *own)
{
    return sync_names(own, own->directory);
}

static int64_t size_of(const struct craft_snapshots *own, int handle)
{
    int64_t rv;

    do {
        rv = own->files->size(own->files_ctx, handle);
    } while (rv == -EINTR);
    return rv;
}

static int make_directory(const struct craft_snapshots *own)
{
    int rv;

    do {
        rv = own->files->make_directory(own->files_ctx, own->directory);
    } while (rv == -EINTR);
    return rv;
}

/* 0 also when it is not there. */
static int unlink_file(const struct craft_snapshots *own, const char *name)
{
    struct path path = path_of(own, name);
    int rv;

    do {
        rv = own->files->unlink(own->files_ctx, path.text);
    } while (rv == -EINTR);
    return rv == -ENOENT ? 0 : rv;
}

void craft_snapshots_close(const struct craft_snapshots *own,
                           struct craft_snapshots_file *file)
{
    if (file->handle >= 0) {
        (void)own->files->close(own->files_ctx, file->handle);
    }
    free(file->head);
    file->head = NULL;
    file->handle = -1;
}

/* -------------------------------------------------------------------- head */

static size_t head_len_of(const craft_snapshot *snapshot)
{
    return HEAD_FIXED + (snapshot->configuration_len + 7) / 8 * 8;
}

/* Size and digest, which are known last, and the checksum over all. */
static void head_seal(uint8_t *head, const craft_snapshot *snapshot)
{
    craft_store64(head + 40, snapshot->size);
    craft_store64(head + 48, snapshot->digest);
    craft_store32(head + 12, 0);
    craft_store32(head + 12, craft_crc32c(0, head, head_len_of(snapshot)));
}

/* [head_len], to be freed; NULL: no memory. */
static uint8_t *head_make(const struct craft_snapshots *own,
                          const craft_snapshot *snapshot)
{
    size_t len = head_len_of(snapshot);
    uint8_t *head = calloc(1, len);

    if (head == NULL) {
        return NULL;
    }
    memcpy(head, magic, sizeof magic);
    craft_store32(head + 8, VERSION);
    craft_store64(head + 16, own->group);
    craft_store64(head + 24, snapshot->index);
    craft_store64(head + 32, snapshot->term);
    craft_store64(head + 56, snapshot->configuration_len);
    memcpy(head + HEAD_FIXED, snapshot->configuration,
           snapshot->configuration_len);
    head_seal(head, snapshot);
    return head;
}

static int head_write(const struct craft_snapshots *own, int handle,
                      const craft_snapshot *snapshot)
{
    uint8_t *head = head_make(own, snapshot);
    int rv;

    if (head == NULL) {
        return -ENOMEM;
    }
    rv = write_all(own, handle, head, head_len_of(snapshot), 0);
    free(head);
    return rv;
}

/* Is the head on the disk the one that this snapshot has? */
static int head_check(const struct craft_snapshots *own, int handle,
                      const craft_snapshot *snapshot)
{
    size_t len = head_len_of(snapshot);
    uint8_t *head = head_make(own, snapshot);
    uint8_t *found = malloc(len);
    int rv = -ENOMEM;

    if (head != NULL && found != NULL) {
        rv = read_all(own, handle, found, len, 0);
    }
    if (rv == 0 && memcmp(head, found, len) != 0) {
        rv = -EBADMSG;
    }
    free(head);
    free(found);
    return rv;
}

/* ----------------------------------------------------------------- reading */

int craft_snapshots_read_open(const struct craft_snapshots *own,
                              const craft_snapshot *snapshot,
                              struct craft_snapshots_file *file_out)
{
    char name[NAME_MAX_BYTES];
    int64_t size;
    int rv;

    memset(file_out, 0, sizeof *file_out);
    name_of(snapshot, name);
    file_out->handle = open_file(own, name, 0);
    if (file_out->handle < 0) {
        return file_out->handle;
    }
    file_out->head_len = head_len_of(snapshot);
    file_out->size = snapshot->size;
    size = size_of(own, file_out->handle);
    rv = head_check(own, file_out->handle, snapshot);
    if (rv == 0 &&
        (size < 0 || (uint64_t)size != file_out->head_len + snapshot->size)) {
        rv = size < 0 ? (int)size : -EBADMSG;
    }
    if (rv != 0) {
        craft_snapshots_close(own, file_out);
    }
    return rv;
}

int craft_snapshots_read(const struct craft_snapshots *own,
                         const struct craft_snapshots_file *file,
                         uint64_t offset, uint8_t *data, size_t data_len)
{
    return read_all(own, file->handle, data, data_len, file->head_len + offset);
}

/* All bytes of the state against its digest. */
static int check_state(const struct craft_snapshots *own, int handle,
                       const craft_snapshot *snapshot)
{
    uint64_t head_len = head_len_of(snapshot);
    uint64_t at = 0;
    uint8_t *block = malloc(BLOCK);
    struct craft_digest digest;
    int rv = block == NULL ? -ENOMEM : 0;

    craft_digest_begin(&digest);
    while (rv == 0 && at < snapshot->size) {
        uint64_t left = snapshot->size - at;
        size_t len = left < BLOCK ? (size_t)left : BLOCK;

        rv = read_all(own, handle, block, len, head_len + at);
        if (rv == 0) {
            craft_digest_add(&digest, block, len);
        }
        at += len;
    }
    free(block);
    if (rv == 0 && craft_digest_end(&digest) != snapshot->digest) {
        rv = -EBADMSG;
    }
    return rv;
}

int craft_snapshots_verify(const struct craft_snapshots *own,
                           const craft_snapshot *snapshot)
{
    struct craft_snapshots_file file;
    int rv = craft_snapshots_read_open(own, snapshot, &file);

    if (rv == 0) {
        rv = check_state(own, file.handle, snapshot);
        craft_snapshots_close(own, &file);
    }
    return rv;
}

/* --------------------------------------------------------------- directory */

struct sweep {
    const struct craft_snapshots *own;
    char kept[NAME_MAX_BYTES];
    craft_index before; /* files of a smaller index go; 0: of any */
    craft_index sending;
    int removed;
    int rv;
};

static int is_swept(const struct sweep *sweep, const char *name)
{
    craft_index index = index_of(name);

    if (index == 0) {
        return sweep->before == 0 && strcmp(name, CRAFT_SNAPSHOTS_SAVING) == 0;
    }
    return strcmp(name, sweep->kept) != 0 && index != sweep->sending &&
           (sweep->before == 0 || index < sweep->before);
}

/* Removing what readdir() has given is safe. */
static void sweep_one(void *arg, const char *name)
{
    struct sweep *sweep = arg;
    int rv;

    if (!is_swept(sweep, name)) {
        return;
    }
    rv = unlink_file(sweep->own, name);
    sweep->removed |= rv == 0;
    sweep->rv = sweep->rv == 0 ? rv : sweep->rv;
}

static int sweep_all(struct sweep *sweep)
{
    const struct craft_snapshots *own = sweep->own;
    int rv;

    do {
        rv = own->files->list(own->files_ctx, own->directory, sweep_one, sweep);
    } while (rv == -EINTR);
    if (rv == 0) {
        rv = sweep->rv;
    }
    if (rv == 0 && sweep->removed) {
        rv = sync_directory(own);
    }
    return rv;
}

int craft_snapshots_open(const struct craft_snapshots *own,
                         const craft_snapshot *base)
{
    struct sweep sweep = {.own = own};
    int rv = make_directory(own);

    if (rv == 0 && own->parent != NULL) {
        rv = sync_names(own, own->parent);
    }
    if (base != NULL) {
        name_of(base, sweep.kept);
    }
    return rv == 0 ? sweep_all(&sweep) : rv;
}

int craft_snapshots_prune(const struct craft_snapshots *own,
                          const craft_snapshot *base, craft_index sending)
{
    struct sweep sweep = {.own = own, .before = base->index};

    sweep.sending = sending;
    name_of(base, sweep.kept);
    return sweep_all(&sweep);
}

int craft_snapshots_remove(const struct craft_snapshots *own,
                           const craft_snapshot *snapshot)
{
    char name[NAME_MAX_BYTES];

    name_of(snapshot, name);
    return unlink_file(own, name);
}

/* ----------------------------------------------------------------- writing */

static int begin_file(const struct craft_snapshots *own, const char *part,
                      const craft_snapshot *snapshot,
                      struct craft_snapshots_file *file_out)
{
    int rv;

    memset(file_out, 0, sizeof *file_out);
    file_out->handle = -1;
    if (head_len_of(snapshot) > HEAD_MAX) {
        return -EFBIG;
    }
    /* A new file: whoever still writes to the old one writes to no name. */
    rv = unlink_file(own, part);
    if (rv == 0) {
        file_out->handle =
            open_file(own, part, CRAFT_WAL_OPEN_WRITE | CRAFT_WAL_OPEN_CREATE);
        rv = file_out->handle < 0 ? file_out->handle : 0;
    }
    file_out->head_len = head_len_of(snapshot);
    craft_digest_begin(&file_out->digest);
    return rv;
}

int craft_snapshots_begin(const struct craft_snapshots *own,
                          const craft_snapshot *snapshot,
                          struct craft_snapshots_file *file_out)
{
    int rv = begin_file(own, CRAFT_SNAPSHOTS_SAVING, snapshot, file_out);

    if (rv == 0) {
        file_out->head = head_make(own, snapshot);
        rv = file_out->head == NULL ? -ENOMEM : 0;
    }
    if (rv != 0) {
        craft_snapshots_close(own, file_out);
    }
    return rv;
}

int craft_snapshots_write(const struct craft_snapshots *own,
                          struct craft_snapshots_file *file,
                          const uint8_t *data, size_t data_len)
{
    int rv =
        write_all(own, file->handle, data, data_len, file->head_len + file->at);

    if (rv != 0) {
        return rv;
    }
    craft_digest_add(&file->digest, data, data_len);
    file->at += data_len;
    file->unsynced += data_len;
    /* Little by little: much at once would keep the log's syncs waiting. */
    if (file->unsynced >= own->sync_bytes) {
        file->unsynced = 0;
        rv = sync_file(own, file->handle);
    }
    return rv;
}

int craft_snapshots_seal(const struct craft_snapshots *own,
                         struct craft_snapshots_file *file,
                         craft_snapshot *snapshot)
{
    int rv;

    snapshot->size = file->at;
    snapshot->digest = craft_digest_end(&file->digest);
    head_seal(file->head, snapshot);
    rv = write_all(own, file->handle, file->head, (size_t)file->head_len, 0);
    return rv == 0 ? sync_file(own, file->handle) : rv;
}

int craft_snapshots_publish(const struct craft_snapshots *own,
                            const craft_snapshot *snapshot, const char *part)
{
    char name[NAME_MAX_BYTES];
    struct path from = path_of(own, part);
    struct path to;
    int rv;

    name_of(snapshot, name);
    to = path_of(own, name);
    do {
        rv = own->files->rename(own->files_ctx, from.text, to.text);
    } while (rv == -EINTR);
    return rv == 0 ? sync_directory(own) : rv;
}

/* ---------------------------------------------------------------- arriving */

/* What is left of an earlier attempt; other errors than of memory: nothing. */
static int resume(const struct craft_snapshots *own,
                  const craft_snapshot *snapshot,
                  struct craft_snapshots_file *file)
{
    int64_t size;
    int rv;

    file->handle =
        open_file(own, CRAFT_SNAPSHOTS_ARRIVING, CRAFT_WAL_OPEN_WRITE);
    if (file->handle < 0) {
        return file->handle;
    }
    rv = head_check(own, file->handle, snapshot);
    size = size_of(own, file->handle);
    if (rv == 0 && (size < (int64_t)file->head_len ||
                    (uint64_t)size - file->head_len > snapshot->size)) {
        rv = -EBADMSG;
    }
    if (rv != 0) {
        craft_snapshots_close(own, file);
        return rv;
    }
    file->at = (uint64_t)size - file->head_len;
    return 0;
}

int craft_snapshots_receive(const struct craft_snapshots *own,
                            const craft_snapshot *snapshot,
                            struct craft_snapshots_file *file_out)
{
    int rv;

    memset(file_out, 0, sizeof *file_out);
    file_out->handle = -1;
    file_out->head_len = head_len_of(snapshot);
    if (snapshot->digest == 0) {
        return -EBADMSG; /* of a host that could not have it checked */
    }
    if (craft_snapshots_verify(own, snapshot) == 0) {
        file_out->at = snapshot->size;
        return 0;
    }
    /*
     * All of it, but never finished: its last bytes are asked for again,
     * because it is with them that it is checked.
     */
    rv = resume(own, snapshot, file_out);
    if (rv == 0 && file_out->at == snapshot->size && file_out->at > 0) {
        file_out->at--;
    }
    if (rv == 0) {
        return 0;
    }
    rv = begin_file(own, CRAFT_SNAPSHOTS_ARRIVING, snapshot, file_out);
    if (rv == 0) {
        rv = head_write(own, file_out->handle, snapshot);
    }
    if (rv != 0) {
        craft_snapshots_close(own, file_out);
    }
    return rv;
}

int craft_snapshots_finish(const struct craft_snapshots *own,
                           struct craft_snapshots_file *file,
                           const craft_snapshot *snapshot)
{
    int rv = sync_file(own, file->handle);

    if (rv == 0) {
        rv = check_state(own, file->handle, snapshot);
    }
    craft_snapshots_close(own, file);
    if (rv == 0) {
        return craft_snapshots_publish(own, snapshot, CRAFT_SNAPSHOTS_ARRIVING);
    }
    (void)unlink_file(own, CRAFT_SNAPSHOTS_ARRIVING);
    return rv;
}
