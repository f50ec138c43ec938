/*
 * snapshots: the files of states, in a directory of their own.
 *
 * A file has a head (magic, the craft_snapshot with its configuration, a
 * checksum of all that), then the bytes of the state. It is written under
 * another name, synced, and renamed: under its own name, which tells index
 * and digest, it is whole and durable. A state that arrives is written under
 * a name that lasts, so that a restart goes on with it.
 *
 * Invariants: a file under its own name is never written to. The one that the
 * log's newest SNAPSHOT record tells of is never removed: the record follows
 * the file, and the removal of an older one follows the record.
 *
 * Errors are negative errnos; -EBADMSG: not what was written. Nothing is
 * shared: several threads may call, for different files.
 */
#ifndef CRAFT_HOST_SNAPSHOTS_H
#define CRAFT_HOST_SNAPSHOTS_H

#include <stddef.h>
#include <stdint.h>

#include "craft/wal.h"

#define CRAFT_SNAPSHOTS_SAVING "saving.part"
#define CRAFT_SNAPSHOTS_ARRIVING "arriving.part"

struct craft_snapshots {
    const craft_wal_files *files;
    void *files_ctx;
    const char *directory;
    const char *parent; /* of it, synced when it is made; NULL: nothing is */
    uint64_t group;
    size_t sync_bytes; /* written between two syncs, at most */
};

/* Of bytes in order, in parts of any length. */
struct craft_digest {
    uint64_t hash;
    uint64_t len;
    uint8_t tail[8];
};

void craft_digest_begin(struct craft_digest *digest);
void craft_digest_add(struct craft_digest *digest, const uint8_t *data,
                      size_t data_len);
/* Never 0. */
uint64_t craft_digest_end(const struct craft_digest *digest);

/* A file that is open: written, or read; to be closed. Handle -1: none. */
struct craft_snapshots_file {
    int handle;
    uint64_t head_len;
    uint64_t at;       /* bytes of the state read or written */
    uint64_t unsynced; /* of those */
    uint64_t size;     /* of the state, when reading */
    uint8_t *head;     /* [head_len], of craft_snapshots_begin() */
    struct craft_digest digest;
};

/*
 * Make the directory, and remove what no record tells of: all files but that
 * of `base` (NULL: none) and the one that arrives.
 */
int craft_snapshots_open(const struct craft_snapshots *own,
                         const craft_snapshot *base);
/* Is this one there, and every byte what was written? */
int craft_snapshots_verify(const struct craft_snapshots *own,
                           const craft_snapshot *snapshot);
/* Remove finished files that are older than `base`, except that of index
 * `sending`. */
int craft_snapshots_prune(const struct craft_snapshots *own,
                          const craft_snapshot *base, craft_index sending);
int craft_snapshots_remove(const struct craft_snapshots *own,
                           const craft_snapshot *snapshot);

/* ---- writing: begin, write ..., seal; then publish, perhaps elsewhere */

int craft_snapshots_begin(const struct craft_snapshots *own,
                          const craft_snapshot *snapshot,
                          struct craft_snapshots_file *file_out);
int craft_snapshots_write(const struct craft_snapshots *own,
                          struct craft_snapshots_file *file,
                          const uint8_t *data, size_t data_len);
/* The head and everything is on the disk; snapshot's size and digest are set.
 * Allocates nothing, as write: a forked child may call both. */
int craft_snapshots_seal(const struct craft_snapshots *own,
                         struct craft_snapshots_file *file,
                         craft_snapshot *snapshot);
/* It gets its name, durably. */
int craft_snapshots_publish(const struct craft_snapshots *own,
                            const craft_snapshot *snapshot, const char *part);

/* ---- arriving: receive, write ..., finish */

/* Begin, or go on with what is left of the same one: *file_out says from
 * where. A finished file of the same one: no file, and its size. */
int craft_snapshots_receive(const struct craft_snapshots *own,
                            const craft_snapshot *snapshot,
                            struct craft_snapshots_file *file_out);
/* Synced, checked as a whole, and named. One that is not what it should be is
 * removed. The file is closed, whatever is returned. */
int craft_snapshots_finish(const struct craft_snapshots *own,
                           struct craft_snapshots_file *file,
                           const craft_snapshot *snapshot);

/* ---- reading */

int craft_snapshots_read_open(const struct craft_snapshots *own,
                              const craft_snapshot *snapshot,
                              struct craft_snapshots_file *file_out);
/* Exactly that much of the state, from there on. */
int craft_snapshots_read(const struct craft_snapshots *own,
                         const struct craft_snapshots_file *file,
                         uint64_t offset, uint8_t *data, size_t data_len);
void craft_snapshots_close(const struct craft_snapshots *own,
                           struct craft_snapshots_file *file);

#endif
