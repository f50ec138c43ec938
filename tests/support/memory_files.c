#include "memory_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 192u
#define HANDLES_MAX 32u
#define LOCK_HANDLE 1000

/* A write that is not on the disk yet, at most one sector of a file. */
struct piece {
    uint64_t offset;
    uint32_t len;
    uint8_t bytes[MEMORY_FILES_SECTOR];
};

struct image {
    uint8_t *data;
    size_t len;
    size_t cap;
};

struct node {
    struct image seen;
    struct image disk;
    struct piece *pieces; /* in the order in which they were written */
    size_t pieces_len;
    size_t pieces_cap;
    int unsynced_len; /* emptied, and that is not on the disk yet */
};

struct name {
    char text[40];
    size_t node;
};

struct names {
    struct name list[NAMES_MAX];
    size_t len;
};

/* A change of names that is not on the disk yet. */
struct change {
    char removed[40]; /* "": none */
    char added[40];   /* "": none */
    size_t node;
};

struct memory_files {
    struct node *nodes;
    size_t nodes_len;
    struct names seen;
    struct names disk;
    struct change changes[256];
    size_t changes_len;
    int directory_seen;
    int directory_disk;
    char directory[256];
    size_t handles[HANDLES_MAX]; /* node + 1, 0 = free */
    int locked;
    uint64_t random;
    uint64_t calls;
    uint64_t calls_of[MEMORY_CALL_KIND_END];
    memory_faults faults;
};

static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void *grow(void *ptr, size_t size)
{
    void *grown = realloc(ptr, size);

    if (grown == NULL) {
        abort();
    }
    return grown;
}

/* ----------------------------------------------------------------- images */

static void image_resize(struct image *image, size_t len)
{
    if (len > image->cap) {
        image->cap = len * 2;
        image->data = grow(image->data, image->cap);
    }
    if (len > image->len) {
        memset(image->data + image->len, 0, len - image->len);
    }
    image->len = len;
}

static void image_write(struct image *image, uint64_t offset,
                        const uint8_t *data, size_t len)
{
    if (offset + len > image->len) {
        image_resize(image, (size_t)offset + len);
    }
    memcpy(image->data + offset, data, len);
}

static void image_copy(struct image *to, const struct image *from)
{
    image_resize(to, 0);
    image_resize(to, from->len);
    if (from->len > 0) {
        memcpy(to->data, from->data, from->len);
    }
}

/* ------------------------------------------------------------------ names */

static struct name *name_find(struct names *names, const char *text)
{
    for (size_t i = 0; i < names->len; i++) {
        if (strcmp(names->list[i].text, text) == 0) {
            return &names->list[i];
        }
    }
    return NULL;
}

static void name_remove(struct names *names, const char *text)
{
    struct name *name = name_find(names, text);

    if (name != NULL) {
        names->len--;
        *name = names->list[names->len];
    }
}

static void name_add(struct names *names, const char *text, size_t node)
{
    struct name *name = name_find(names, text);

    if (name == NULL) {
        if (names->len == NAMES_MAX) {
            abort();
        }
        name = &names->list[names->len];
        names->len++;
        memset(name, 0, sizeof *name);
        strncpy(name->text, text, sizeof name->text - 1);
    }
    name->node = node;
}

static void change_apply(struct names *names, const struct change *change)
{
    if (change->removed[0] != '\0') {
        name_remove(names, change->removed);
    }
    if (change->added[0] != '\0') {
        name_add(names, change->added, change->node);
    }
}

static void change_names(memory_files *files, const char *removed,
                         const char *added, size_t node)
{
    struct change *change = &files->changes[files->changes_len];

    if (files->changes_len == 256) {
        abort();
    }
    memset(change, 0, sizeof *change);
    strncpy(change->removed, removed, sizeof change->removed - 1);
    strncpy(change->added, added, sizeof change->added - 1);
    change->node = node;
    files->changes_len++;
    change_apply(&files->seen, change);
}

/* The plain name at the end of a path. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static size_t node_new(memory_files *files)
{
    files->nodes =
        grow(files->nodes, (files->nodes_len + 1) * sizeof *files->nodes);
    memset(&files->nodes[files->nodes_len], 0, sizeof *files->nodes);
    files->nodes_len++;
    return files->nodes_len - 1;
}

/* ------------------------------------------------------------------ faults */

/* Count a call; what it must fail with, or 0. */
static int call(memory_files *files, enum memory_call kind)
{
    const memory_faults *faults = &files->faults;
    uint64_t n = ++files->calls;

    files->calls_of[kind]++;
    if (faults->stop_at != 0 && n >= faults->stop_at) {
        return -EIO;
    }
    if (faults->fail_at != 0 && n == faults->fail_at) {
        return -faults->fail_error;
    }
    if (faults->interrupts && n % 2 == 0) {
        return -EINTR;
    }
    return 0;
}

/* -------------------------------------------------------------- the calls */

static struct node *node_of(memory_files *files, int file)
{
    if (file < 0 || (size_t)file >= HANDLES_MAX || files->handles[file] == 0) {
        abort(); /* a call on a handle that is not open */
    }
    return &files->nodes[files->handles[file] - 1];
}

static int memory_make_directory(void *ctx, const char *path)
{
    memory_files *files = ctx;
    int rv = call(files, MEMORY_CALL_OTHER);

    if (rv == 0) {
        files->directory_seen = 1;
        strncpy(files->directory, path, sizeof files->directory - 1);
    }
    return rv == -EINTR ? 0 : rv;
}

static int memory_sync_directory(void *ctx, const char *path)
{
    memory_files *files = ctx;
    int rv = call(files, MEMORY_CALL_SYNC_DIRECTORY);

    if (rv != 0) {
        return rv;
    }
    if (strcmp(path, files->directory) != 0) {
        files->directory_disk = files->directory_seen;
        return 0;
    }
    for (size_t i = 0; i < files->changes_len; i++) {
        change_apply(&files->disk, &files->changes[i]);
    }
    files->changes_len = 0;
    return 0;
}

static int memory_list(void *ctx, const char *path,
                       void (*each)(void *arg, const char *name), void *arg)
{
    memory_files *files = ctx;
    int rv = call(files, MEMORY_CALL_OTHER);

    (void)path;
    if (rv != 0 && rv != -EINTR) {
        return rv;
    }
    each(arg, ".");
    each(arg, "..");
    for (size_t i = files->seen.len; i > 0; i--) {
        each(arg, files->seen.list[i - 1].text);
    }
    return 0;
}

static int memory_open(void *ctx, const char *path, uint32_t flags)
{
    memory_files *files = ctx;
    const char *text = base_name(path);
    struct name *name = name_find(&files->seen, text);
    int rv = call(files, MEMORY_CALL_OPEN);
    size_t node;
    int file = 0;

    if (rv != 0) {
        return rv;
    }
    if (name == NULL && !(flags & CRAFT_WAL_OPEN_CREATE)) {
        return -ENOENT;
    }
    if (name == NULL) {
        node = node_new(files);
        change_names(files, "", text, node);
    } else {
        node = name->node;
        if (flags & CRAFT_WAL_OPEN_CREATE) {
            struct node *emptied = &files->nodes[node];

            image_resize(&emptied->seen, 0);
            emptied->pieces_len = 0;
            emptied->unsynced_len = 1;
        }
    }
    while (files->handles[file] != 0) {
        file++;
        if ((size_t)file == HANDLES_MAX) {
            return -EMFILE;
        }
    }
    files->handles[file] = node + 1;
    return file;
}

static int memory_close(void *ctx, int file)
{
    memory_files *files = ctx;

    if (file == LOCK_HANDLE) {
        files->locked = 0;
        return 0;
    }
    (void)node_of(files, file);
    files->handles[file] = 0;
    return 0;
}

static int64_t memory_size(void *ctx, int file)
{
    memory_files *files = ctx;
    int rv = call(files, MEMORY_CALL_OTHER);

    return rv != 0 ? rv : (int64_t)node_of(files, file)->seen.len;
}

static int64_t memory_read(void *ctx, int file, void *data, size_t data_len,
                           uint64_t offset)
{
    memory_files *files = ctx;
    const struct image *seen = &node_of(files, file)->seen;
    int rv = call(files, MEMORY_CALL_READ);

    if (rv != 0) {
        return rv;
    }
    if (offset >= seen->len) {
        return 0;
    }
    if (data_len > seen->len - offset) {
        data_len = seen->len - (size_t)offset;
    }
    if (files->faults.short_writes && data_len > 1) {
        data_len -= data_len / 2;
    }
    memcpy(data, seen->data + offset, data_len);
    return (int64_t)data_len;
}

/* Space goes back when neither a name nor a handle is left. */
static uint64_t used_bytes(const memory_files *files)
{
    uint64_t used = 0;

    for (size_t i = 0; i < files->nodes_len; i++) {
        int is_used = 0;

        for (size_t j = 0; j < files->seen.len; j++) {
            is_used |= files->seen.list[j].node == i;
        }
        for (size_t j = 0; j < HANDLES_MAX; j++) {
            is_used |= files->handles[j] == i + 1;
        }
        used += is_used ? files->nodes[i].seen.len : 0;
    }
    return used;
}

/* How much of a write gets through on a full disk. */
static size_t room(const memory_files *files, const struct node *node,
                   uint64_t offset, size_t len)
{
    const memory_faults *faults = &files->faults;
    uint64_t n = files->calls;

    if (faults->full_from != 0 && n >= faults->full_from &&
        (faults->full_to == 0 || n < faults->full_to)) {
        return n == faults->full_from ? len / 2 : 0;
    }
    if (faults->space_from != 0 && n >= faults->space_from &&
        (faults->space_to == 0 || n < faults->space_to) &&
        offset + len > node->seen.len) {
        return offset >= node->seen.len ? 0 : node->seen.len - (size_t)offset;
    }
    if (faults->bytes_max != 0 && offset + len > node->seen.len) {
        uint64_t used = used_bytes(files);
        uint64_t left = used < faults->bytes_max ? faults->bytes_max - used : 0;

        left += node->seen.len;
        if (offset >= left) {
            return 0;
        }
        return len < left - offset ? len : (size_t)(left - offset);
    }
    return len;
}

static void piece_add(struct node *node, uint64_t offset, const uint8_t *data,
                      uint32_t len)
{
    struct piece *piece;

    if (node->pieces_len == node->pieces_cap) {
        node->pieces_cap = node->pieces_cap * 2 + 16;
        node->pieces =
            grow(node->pieces, node->pieces_cap * sizeof *node->pieces);
    }
    piece = &node->pieces[node->pieces_len];
    piece->offset = offset;
    piece->len = len;
    memcpy(piece->bytes, data, len);
    node->pieces_len++;
}

static int64_t memory_write(void *ctx, int file, const void *data,
                            size_t data_len, uint64_t offset)
{
    memory_files *files = ctx;
    struct node *node = node_of(files, file);
    const uint8_t *bytes = data;
    int rv = call(files, MEMORY_CALL_WRITE);
    size_t done = 0;

    if (rv != 0) {
        return rv;
    }
    if (files->faults.short_writes && data_len > 1) {
        data_len -= data_len / 2;
    }
    data_len = room(files, node, offset, data_len);
    if (data_len == 0) {
        return -ENOSPC;
    }
    image_write(&node->seen, offset, bytes, data_len);
    while (done < data_len) {
        uint64_t at = offset + done;
        size_t len = MEMORY_FILES_SECTOR - at % MEMORY_FILES_SECTOR;

        len = len < data_len - done ? len : data_len - done;
        piece_add(node, at, bytes + done, (uint32_t)len);
        done += len;
    }
    return (int64_t)data_len;
}

static void node_sync(struct node *node)
{
    if (node->unsynced_len) {
        image_resize(&node->disk, 0);
        node->unsynced_len = 0;
    }
    for (size_t i = 0; i < node->pieces_len; i++) {
        const struct piece *piece = &node->pieces[i];

        image_write(&node->disk, piece->offset, piece->bytes, piece->len);
    }
    node->pieces_len = 0;
}

static int memory_sync(void *ctx, int file, int metadata)
{
    memory_files *files = ctx;
    struct node *node = node_of(files, file);
    int rv = call(files, MEMORY_CALL_SYNC);

    (void)metadata;
    if (rv == 0) {
        node_sync(node);
    } else if (rv != -EINTR && files->faults.stop_at == 0) {
        node->pieces_len = 0; /* clean pages that are not on the disk */
    }
    return rv;
}

static int memory_rename(void *ctx, const char *from, const char *to)
{
    memory_files *files = ctx;
    struct name *name = name_find(&files->seen, base_name(from));
    int rv = call(files, MEMORY_CALL_RENAME);

    if (rv != 0) {
        return rv;
    }
    if (name == NULL) {
        return -ENOENT;
    }
    change_names(files, base_name(from), base_name(to), name->node);
    return 0;
}

static int memory_unlink(void *ctx, const char *path)
{
    memory_files *files = ctx;
    int rv = call(files, MEMORY_CALL_UNLINK);

    if (rv != 0) {
        return rv;
    }
    if (name_find(&files->seen, base_name(path)) == NULL) {
        return -ENOENT;
    }
    change_names(files, base_name(path), "", 0);
    return 0;
}

static int memory_lock(void *ctx, const char *path)
{
    memory_files *files = ctx;
    int rv = call(files, MEMORY_CALL_OTHER);

    (void)path;
    if (rv != 0 && rv != -EINTR) {
        return rv;
    }
    if (files->locked) {
        return -EWOULDBLOCK;
    }
    files->locked = 1;
    return LOCK_HANDLE;
}

static int memory_random(void *ctx, void *data, size_t data_len)
{
    memory_files *files = ctx;
    uint8_t *bytes = data;

    for (size_t i = 0; i < data_len; i++) {
        bytes[i] = (uint8_t)mix(&files->random);
    }
    return 0;
}

const craft_wal_files *memory_files_table(void)
{
    static const craft_wal_files table = {
        .struct_size = sizeof(craft_wal_files),
        .make_directory = memory_make_directory,
        .sync_directory = memory_sync_directory,
        .list = memory_list,
        .open = memory_open,
        .close = memory_close,
        .size = memory_size,
        .read = memory_read,
        .write = memory_write,
        .sync = memory_sync,
        .rename = memory_rename,
        .unlink = memory_unlink,
        .lock = memory_lock,
        .random = memory_random,
    };

    return &table;
}

/* ------------------------------------------------------------------- life */

memory_files *memory_files_new(void)
{
    memory_files *files = grow(NULL, sizeof *files);

    memset(files, 0, sizeof *files);
    files->random = 1;
    return files;
}

void memory_files_free(memory_files *files)
{
    if (files == NULL) {
        return;
    }
    for (size_t i = 0; i < files->nodes_len; i++) {
        free(files->nodes[i].seen.data);
        free(files->nodes[i].disk.data);
        free(files->nodes[i].pieces);
    }
    free(files->nodes);
    free(files);
}

memory_files *memory_files_clone(const memory_files *files)
{
    memory_files *copy = memory_files_new();

    *copy = *files;
    copy->nodes = NULL;
    copy->nodes_len = 0;
    for (size_t i = 0; i < files->nodes_len; i++) {
        const struct node *from = &files->nodes[i];
        size_t at = node_new(copy); /* which moves the array */
        struct node *to = &copy->nodes[at];

        image_copy(&to->seen, &from->seen);
        image_copy(&to->disk, &from->disk);
        for (size_t j = 0; j < from->pieces_len; j++) {
            piece_add(to, from->pieces[j].offset, from->pieces[j].bytes,
                      from->pieces[j].len);
        }
        to->unsynced_len = from->unsynced_len;
    }
    return copy;
}

memory_faults *memory_files_faults(memory_files *files)
{
    return &files->faults;
}

uint64_t memory_files_calls(const memory_files *files)
{
    return files->calls;
}

uint64_t memory_files_calls_of(const memory_files *files, enum memory_call kind)
{
    return files->calls_of[kind];
}

void memory_files_calls_reset(memory_files *files)
{
    files->calls = 0;
    memset(files->calls_of, 0, sizeof files->calls_of);
}

void memory_files_kill(memory_files *files)
{
    memset(files->handles, 0, sizeof files->handles);
    memset(&files->faults, 0, sizeof files->faults);
    files->locked = 0;
}

/* ------------------------------------------------------------------ crashes */

/* Does the n-th of `all` unsynced things survive? */
static int survives(enum memory_crash how, int is_name, size_t n, size_t all,
                    uint64_t *random)
{
    switch (how) {
    case MEMORY_CRASH_ALL:
        return 1;
    case MEMORY_CRASH_DATA:
        return !is_name;
    case MEMORY_CRASH_NAMES:
        return is_name;
    case MEMORY_CRASH_FIRST:
        return n < all / 2;
    case MEMORY_CRASH_LAST:
        return n >= all / 2;
    case MEMORY_CRASH_SOME:
    case MEMORY_CRASH_GARBAGE:
        return (mix(random) & 1) != 0;
    case MEMORY_CRASH_MOST:
        return (mix(random) & 7) != 0;
    case MEMORY_CRASH_FEW:
        return (mix(random) & 7) == 0;
    default:
        return 0;
    }
}

/* A device that dies while it writes a sector may leave anything in it; one
   that is written with what it holds keeps that. */
static void piece_garbage(struct node *node, struct piece *piece,
                          uint64_t *random)
{
    if (piece->offset + piece->len > node->disk.len ||
        memcmp(node->disk.data + piece->offset, piece->bytes, piece->len) ==
            0) {
        return;
    }
    for (uint32_t i = 0; i < piece->len; i++) {
        piece->bytes[i] = (uint8_t)mix(random);
    }
}

static void node_crash(struct node *node, enum memory_crash how,
                       uint64_t *random)
{
    size_t kept = 0;

    for (size_t i = 0; i < node->pieces_len; i++) {
        struct piece *piece = &node->pieces[i];

        if (!survives(how, 0, i, node->pieces_len, random)) {
            if (how != MEMORY_CRASH_GARBAGE || (mix(random) & 1) == 0) {
                continue;
            }
            piece_garbage(node, piece, random);
        }
        node->pieces[kept] = *piece;
        kept++;
    }
    node->pieces_len = kept;
    if (node->unsynced_len && !survives(how, 0, 0, 2, random)) {
        node->unsynced_len = 0;
    }
    node_sync(node);
    image_copy(&node->seen, &node->disk);
}

void memory_files_crash(memory_files *files, enum memory_crash how,
                        uint64_t seed)
{
    uint64_t random = seed * 2 + 1;

    memory_files_kill(files);
    for (size_t i = 0; i < files->nodes_len; i++) {
        node_crash(&files->nodes[i], how, &random);
    }
    for (size_t i = 0; i < files->changes_len; i++) {
        if (survives(how, 1, i, files->changes_len, &random)) {
            change_apply(&files->disk, &files->changes[i]);
        }
    }
    files->changes_len = 0;
    if (!files->directory_disk && how != MEMORY_CRASH_ALL &&
        how != MEMORY_CRASH_NAMES) {
        files->disk.len = 0;
        files->directory_seen = 0;
    }
    files->seen = files->disk;
    files->random += 1000; /* another life draws other numbers */
}

void memory_files_settle(memory_files *files)
{
    for (size_t i = 0; i < files->nodes_len; i++) {
        image_copy(&files->nodes[i].disk, &files->nodes[i].seen);
        files->nodes[i].pieces_len = 0;
        files->nodes[i].unsynced_len = 0;
    }
    files->disk = files->seen;
    files->changes_len = 0;
    files->directory_disk = files->directory_seen;
}

/* ------------------------------------------------------------------ damage */

uint8_t *memory_files_data(memory_files *files, const char *name,
                           size_t *len_out)
{
    struct name *found = name_find(&files->seen, name);

    if (found == NULL) {
        return NULL;
    }
    memory_files_settle(files);
    *len_out = files->nodes[found->node].seen.len;
    return files->nodes[found->node].seen.data;
}

void memory_files_remove(memory_files *files, const char *name)
{
    name_remove(&files->seen, name);
    memory_files_settle(files);
}

void memory_files_put(memory_files *files, const char *name,
                      const uint8_t *data, size_t len)
{
    size_t node = node_new(files);

    name_remove(&files->seen, name);
    name_add(&files->seen, name, node);
    if (len > 0) {
        image_write(&files->nodes[node].seen, 0, data, len);
    }
    memory_files_settle(files);
}

const char *memory_files_name(const memory_files *files, size_t n)
{
    return n < files->seen.len ? files->seen.list[n].text : NULL;
}
