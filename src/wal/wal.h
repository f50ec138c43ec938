/*
 * wal: the durable log of one server, in files.
 *
 * Owns a directory: `lock`, `store` (identity and newest mark), one segment
 * per sequence number, and `next.tmp` while a segment is being made. The
 * stream of records is what the core hands to `persist` (thesis 3.8, 10.2);
 * docs/wal-format.md has the bytes and the reasoning behind them.
 *
 * Invariants.
 * - Bytes below `synced` of the segment in use, and all earlier segments, are
 *   on the disk and never written again; a batch begins on a sector.
 * - A segment takes its first record only when the one before is sealed and
 *   synced, and its own name and zeroes were durable before that.
 * - What readers see (`shared`) is in the files already.
 *
 * Locks, in the order in which they are taken: helper, mark, read; then mutex.
 */
#ifndef CRAFT_WAL_WAL_H
#define CRAFT_WAL_WAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/base.h"
#include "craft/wal.h"
#include "wal/format.h"
#include "wal/index.h"

#define CRAFT_WAL_DIRECTORY_MAX 3840u
#define CRAFT_WAL_PATH_MAX 4096u
#define CRAFT_WAL_NAME_MAX 32u
#define CRAFT_WAL_BATCH_BYTES ((size_t)1 << 20) /* one write, if more fit */
#define CRAFT_WAL_GROUP_RECORDS 64u             /* in one write, at most */
#define CRAFT_WAL_RESERVE_MAX 262144u /* of a segment, for a full disk */
#define CRAFT_WAL_NO_FILE (-1)

/* An open file of the store, and its name for reports. */
struct craft_wal_file {
    int handle; /* CRAFT_WAL_NO_FILE: none */
    char name[CRAFT_WAL_NAME_MAX];
};

/* The segment that takes records; the writer's own. */
struct craft_wal_active {
    struct craft_wal_file file;
    uint64_t sequence;
    uint32_t seed;
    uint32_t size;
    uint32_t end;      /* of the last record */
    uint32_t position; /* of the next one: end, or the sector after it */
    uint32_t synced;   /* 0, or an end; all below is on the disk */
    uint32_t check;    /* of the last record, or of the header */
    uint32_t prev_end; /* for the header, while it is not written */
    uint32_t prev_check;
    int begun;  /* its header is in the file */
    int lived;  /* the record of this life is in the file */
    int sealed; /* it takes no more records */
};

/* A segment ready to follow the one in use. */
struct craft_wal_next {
    struct craft_wal_file file;
    uint32_t size;
};

/* A growing array of bytes. */
struct craft_wal_buffer {
    uint8_t *data;
    size_t len;
    size_t cap;
};

/* A stretch of one segment in memory. */
struct craft_wal_window {
    struct craft_wal_file file;
    uint64_t sequence; /* of that file */
    uint32_t seed;
    uint32_t limit; /* bytes of the file that may be looked at */
    uint32_t start; /* of the stretch in the file */
    struct craft_wal_buffer bytes;
};

/* Where the latest craft_wal_read() stopped. */
struct craft_wal_hint {
    craft_index index; /* 0 = nowhere */
    uint64_t sequence;
    uint32_t offset;
    uint64_t generation;
};

/* What writer, helpers and readers tell each other; under mutex. */
struct craft_wal_shared {
    struct craft_wal_state state;
    struct craft_wal_index index;
    struct craft_wal_buffer base; /* the newest snapshot, as in its record */
    uint64_t oldest;              /* segment that is there */
    uint64_t needed;              /* segments before it are not, durably */
    uint64_t sequence;            /* of the segment in use */
    uint32_t end;                 /* records up to here may be read */
    uint32_t size;                /* of that segment */
    craft_index lost_first;       /* lost to damage; 0 = nothing */
    craft_index lost_last;
    uint64_t generation;           /* rises with every truncation */
    struct craft_wal_mark durable; /* as of the last sync */
    int empty;                     /* nothing was ever appended */
    int prepared;
    uint64_t syncs;
    uint64_t records;
    uint64_t bytes;
    craft_wal_report report; /* of the latest error */
};

struct craft_wal {
    const craft_wal_files *files;
    void *files_ctx;
    craft_allocator allocator;
    char directory[CRAFT_WAL_DIRECTORY_MAX + 1];
    uint64_t group;
    uint64_t store_id;
    uint64_t life;           /* drawn when the store was opened */
    craft_snapshot restored; /* what craft_wal_read_state() lends */
    uint32_t segment_bytes;
    int salvage;   /* read only, and what is intact of a damaged store */
    int read_only; /* no lock, no writing: the files may be another's */
    int lock_handle;
    atomic_int failed; /* 0, or the error that made it so */
    atomic_uint wants; /* enum craft_wal_wants_flags */

    struct craft_wal_active active;
    struct craft_wal_buffer batch;
    struct craft_wal_buffer base_next; /* the writer's, for shared.base */
    craft_index needed_for;            /* gone_index of shared.needed */

    pthread_mutex_t helper; /* makes and takes `next`, removes segments */
    struct craft_wal_next next;

    pthread_mutex_t mark_mutex;
    struct craft_wal_file store_file;
    uint32_t mark_slot; /* that holds the newest mark */
    struct craft_wal_mark mark;

    pthread_mutex_t read_mutex;
    struct craft_wal_window window;
    struct craft_wal_hint hint;

    pthread_mutex_t mutex;
    struct craft_wal_shared shared;
};

/* What goes into a report. */
struct craft_wal_problem {
    int error;        /* enum craft_wal_error */
    int system_error; /* errno, or 0 */
    const char *file; /* name within the directory; NULL: the directory */
    uint64_t offset;
    uint64_t bytes;
    craft_index index;
    const char *what;
    const char *remedy;
};

/* ------------------------------------------------- memory, reports (wal.c) */

void *craft_wal_realloc(struct craft_wal *wal, void *ptr, size_t old_size,
                        size_t new_size);
/* Room for len bytes in all; 0, or CRAFT_WAL_ERR_NOMEM, nothing changed. */
int craft_wal_buffer_reserve(struct craft_wal *wal,
                             struct craft_wal_buffer *buffer, size_t len);
void craft_wal_buffer_free(struct craft_wal *wal,
                           struct craft_wal_buffer *buffer);
/* Record the report; returns problem->error. */
int craft_wal_complain(struct craft_wal *wal,
                       const struct craft_wal_problem *problem);
/* The store takes no more records from now on; returns error. */
int craft_wal_fail(struct craft_wal *wal, int error);

/* ------------------------------------------------------ file calls (file.c) */
/*
 * Each makes interrupted and short calls whole, and complains by itself:
 * returns 0, or CRAFT_WAL_ERR_NOSPACE, CRAFT_WAL_ERR_IO.
 */

void craft_wal_segment_name(char name[CRAFT_WAL_NAME_MAX], uint64_t sequence);
/* The sequence of a segment's name, 0 for any other name. */
uint64_t craft_wal_segment_sequence(const char *name);

int craft_wal_file_open(struct craft_wal *wal, struct craft_wal_file *file,
                        const char *name, uint32_t flags);
void craft_wal_file_close(struct craft_wal *wal, struct craft_wal_file *file);
int craft_wal_file_size(struct craft_wal *wal,
                        const struct craft_wal_file *file, uint64_t *size_out);
/* What lies beyond the end of the file is read as zeroes. */
int craft_wal_file_read(struct craft_wal *wal,
                        const struct craft_wal_file *file, uint8_t *data,
                        size_t len, uint64_t offset);
int craft_wal_file_write(struct craft_wal *wal,
                         const struct craft_wal_file *file, const uint8_t *data,
                         size_t len, uint64_t offset);
int craft_wal_file_zero(struct craft_wal *wal,
                        const struct craft_wal_file *file, uint64_t from,
                        uint64_t to);
int craft_wal_file_sync(struct craft_wal *wal,
                        const struct craft_wal_file *file, int metadata);
/* Also renames the open file. */
int craft_wal_file_rename(struct craft_wal *wal, struct craft_wal_file *file,
                          const char *name);
/* 0 also if it is not there. */
int craft_wal_file_remove(struct craft_wal *wal, const char *name);
/* Makes names durable. */
int craft_wal_directory_sync(struct craft_wal *wal, const char *path);

/* ---------------------------------------------------- segments (segment.c) */

/*
 * The segment after `sequence` is there and has `size` bytes; the caller holds
 * `helper`. An error leaves no half of it behind.
 */
int craft_wal_segment_ensure_next(struct craft_wal *wal, uint64_t sequence,
                                  uint32_t size);
/*
 * The first bytes of the segment in use, and writing them: its header, and the
 * state and newest snapshot so far, so that no older segment is needed to know
 * them. *check_out is that of the record.
 */
uint32_t craft_wal_segment_begin_len(const struct craft_wal *wal);
void craft_wal_segment_begin(const struct craft_wal *wal, uint8_t *data,
                             uint32_t *check_out);

/*
 * Remove the segments that nothing needs any more; the caller holds `helper`.
 * Not durably: one that comes back after a crash is removed again.
 */
int craft_wal_segments_drop(struct craft_wal *wal);

/* Draw a number that no other store and no other life has, not 0. */
int craft_wal_draw(struct craft_wal *wal, uint64_t *number_out);

/* Make the names in the directory durable, and that of a new directory. */
int craft_wal_names_sync(struct craft_wal *wal);

/* Make the identity and the first segment of a new store. */
int craft_wal_store_create(struct craft_wal *wal);
/* Open the identity of an existing store and read its newest mark; *found_out
 * 0: there is none. */
int craft_wal_store_load(struct craft_wal *wal, int *found_out);

/* ------------------------------------------------------- windows (window.c) */

/* Look at another file, which stays the caller's to close. */
void craft_wal_window_set(struct craft_wal *wal,
                          struct craft_wal_window *window,
                          const struct craft_wal_file *file, uint64_t sequence);
/*
 * Bytes [offset, offset + len) of the file, all within the limit; borrowed
 * until the next call on the window.
 */
int craft_wal_window_bytes(struct craft_wal *wal,
                           struct craft_wal_window *window, uint32_t offset,
                           uint32_t len, const uint8_t **data_out);
/* A record found in a window. */
struct craft_wal_found {
    uint32_t offset;
    struct craft_wal_record record;
    const uint8_t *body; /* borrowed until the next call on the window */
};
/*
 * The record after an end at `offset`: there, or on the next sector. Both its
 * checks are right; its place in the chain is for the caller to look at.
 * 1: found; 0: none; or an error.
 */
int craft_wal_window_record(struct craft_wal *wal,
                            struct craft_wal_window *window, uint32_t offset,
                            struct craft_wal_found *found);

/* ----------------------------------------------------- recovery (recover.c) */

/* Read and check everything, then cut off a torn tail. visitor may be NULL. */
int craft_wal_recover(struct craft_wal *wal, const craft_wal_visitor *visitor,
                      craft_wal_report *report);

/* ----------------------------------------------------------- look (look.c) */

/* Read and check everything, and leave it alone. On an error what is intact
 * before it can be read. */
int craft_wal_look(struct craft_wal *wal, const craft_wal_visitor *visitor,
                   craft_wal_report *report);

/* -------------------------------------------------------- append (append.c) */

/* Everything is durable: which segments are still needed? Under mutex. */
void craft_wal_needed_find(struct craft_wal *wal);
/* Room in the index for more marks; 0, or CRAFT_WAL_ERR_NOMEM. */
int craft_wal_index_reserve(struct craft_wal *wal, size_t more);

#endif
