/*
 * craft/wal: the durable log of one server, in files.
 *
 * A store is a directory of preallocated segments that hold one stream of
 * records: what the core hands to `persist`, each record all or nothing.
 * Many records are appended, then one craft_wal_sync() makes all of them
 * durable: that is the group commit. docs/wal-format.md has the bytes.
 *
 * What is promised once craft_wal_sync() returned 0: after a crash at any
 * instant, craft_wal_open() gives back every record appended before it. Bytes
 * of records that were never synced may be missing or torn: they are cut off
 * and reported. Damage to records that were synced is refused with the file
 * and the offset, never repaired in silence; docs/wal-format.md says which
 * single case no log can tell from a torn write (the batches after the last
 * craft_wal_mark() when nothing intact follows them).
 *
 * Threads. A craft_wal has
 *   one writer      craft_wal_append, craft_wal_sync, craft_wal_close
 *   any helpers     craft_wal_prepare, craft_wal_mark
 *   any readers     craft_wal_read, craft_wal_read_state, craft_wal_status_get,
 *                   craft_wal_wants, craft_wal_last_report
 * Calls of one writer are never made at the same time; helpers and readers
 * may run in any thread in parallel with the writer and with each other, and
 * wait for each other inside where they must. craft_wal_close() is the last
 * call: nothing else may be running or come after it.
 */
#ifndef CRAFT_WAL_H
#define CRAFT_WAL_H

#include "craft.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a function returns: 0, or one of these. */
enum craft_wal_error {
    CRAFT_WAL_ERR_INVALID = -401,  /* an argument, or a record, out of order */
    CRAFT_WAL_ERR_NOMEM = -402,    /* the allocator refused */
    CRAFT_WAL_ERR_NOSPACE = -403,  /* the disk is full: nothing was written */
    CRAFT_WAL_ERR_BUFFER = -404,   /* the first entry does not fit */
    CRAFT_WAL_ERR_RANGE = -405,    /* no such index in the log */
    CRAFT_WAL_ERR_LOCKED = -406,   /* another process has the store open */
    CRAFT_WAL_ERR_IO = -407,       /* a file call failed: see the report */
    CRAFT_WAL_ERR_FAILED = -408,   /* an earlier write failed: open it anew */
    CRAFT_WAL_ERR_DAMAGED = -409,  /* stored bytes are not what was written */
    CRAFT_WAL_ERR_FOREIGN = -410,  /* a file of another store */
    CRAFT_WAL_ERR_GROUP = -411,    /* a record of another group */
    CRAFT_WAL_ERR_VERSION = -412,  /* a format from the future */
    CRAFT_WAL_ERR_COMPACTED = -413 /* a snapshot stands for this index */
};

/* The largest record, encoded: 128 bytes and the configuration of a snapshot,
 * and 16 to 23 more per entry. */
#define CRAFT_WAL_RECORD_BYTES_MAX ((size_t)1 << 30)
#define CRAFT_WAL_SEGMENT_BYTES_MIN ((uint64_t)4096)
#define CRAFT_WAL_SEGMENT_BYTES_MAX ((uint64_t)1 << 30)

typedef struct craft_wal craft_wal; /* opaque */

/* ------------------------------------------------------------------ files */

enum craft_wal_open_flags {
    CRAFT_WAL_OPEN_WRITE = 1u << 0, /* read and write; otherwise read only */
    CRAFT_WAL_OPEN_CREATE = 1u << 1 /* make it; an existing one is emptied */
};

/*
 * The file calls of a store, so that a test can put its own below it. Each
 * returns 0 or what it says, or a negative errno (-ENOSPC). A call that was
 * interrupted (-EINTR) is made again; reads and writes may be short. Called
 * by the threads that call the store; all paths are the directory, '/' and a
 * plain name.
 */
typedef struct craft_wal_files {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */
    /* Make a directory: also 0 when it is there already. */
    int (*make_directory)(void *ctx, const char *path);
    /* Make creations, renames and removals in the directory durable. */
    int (*sync_directory)(void *ctx, const char *path);
    /* Name every file of the directory, in any order. */
    int (*list)(void *ctx, const char *path,
                void (*each)(void *arg, const char *name), void *arg);
    /* flags: enum craft_wal_open_flags. Returns a handle, 0 or more. */
    int (*open)(void *ctx, const char *path, uint32_t flags);
    int (*close)(void *ctx, int file);
    /* Bytes of the file. */
    int64_t (*size)(void *ctx, int file);
    /* Bytes read, 0 at the end of the file. */
    int64_t (*read)(void *ctx, int file, void *data, size_t data_len,
                    uint64_t offset);
    /* Bytes written, at least 1. */
    int64_t (*write)(void *ctx, int file, const void *data, size_t data_len,
                     uint64_t offset);
    /* Make the data durable, and the size when metadata is not 0. */
    int (*sync)(void *ctx, int file, int metadata);
    /* Replaces `to` if it is there. */
    int (*rename)(void *ctx, const char *from, const char *to);
    int (*unlink)(void *ctx, const char *path);
    /* Take the lock file, made when missing; -EWOULDBLOCK: somebody has it.
       Returns a handle; closing it gives the lock back. */
    int (*lock)(void *ctx, const char *path);
    /* Fill in bytes that no other store has. */
    int (*random)(void *ctx, void *data, size_t data_len);
} craft_wal_files;

/** The calls of this system; ctx is not used. Never NULL. Since 0.1. */
CRAFT_API const craft_wal_files *craft_wal_files_posix(void);

/* ------------------------------------------------------------ life, report */

/* See craft_wal_options_init() for the defaults, here in brackets. */
/*
 * One record as it stands in the files. Which fields have a meaning is told by
 * flags; the others are 0.
 */
typedef struct craft_wal_item {
    uint32_t struct_size;
    uint32_t flags;    /* enum craft_wal_item_flags */
    uint64_t sequence; /* of its segment */
    uint64_t offset;   /* in the segment */
    uint64_t length;   /* bytes, its header too */
    uint64_t group;
    craft_term term;                /* BEGIN, STATE */
    craft_id voted_for;             /* BEGIN, STATE */
    craft_index commit_hint;        /* BEGIN, STATE */
    craft_index last_index;         /* BEGIN: of the segments before */
    craft_index gone_index;         /* BEGIN: compacted up to here */
    craft_index truncate_from;      /* TRUNCATE */
    craft_index first_index;        /* ENTRIES */
    uint64_t entries_len;           /* ENTRIES */
    craft_term first_term;          /* ENTRIES: of the first */
    craft_term last_term;           /* ENTRIES: of the last */
    const craft_snapshot *snapshot; /* SNAPSHOT */
    craft_index keep_from;          /* COMPACT */
} craft_wal_item;

enum craft_wal_item_flags {
    CRAFT_WAL_ITEM_STATE = 1u << 0,    /* term, voted_for, commit_hint */
    CRAFT_WAL_ITEM_TRUNCATE = 1u << 1, /* entries >= truncate_from go */
    CRAFT_WAL_ITEM_ENTRIES = 1u << 2,  /* entries follow the last one */
    CRAFT_WAL_ITEM_BEGIN = 1u << 3,    /* first of a segment: all so far */
    CRAFT_WAL_ITEM_SEAL = 1u << 4,     /* last of a segment */
    CRAFT_WAL_ITEM_LIFE = 1u << 5,     /* first since the store was opened */
    CRAFT_WAL_ITEM_SNAPSHOT = 1u << 6, /* a new base; with BEGIN: the newest */
    CRAFT_WAL_ITEM_COMPACT = 1u << 7   /* entries < keep_from go */
};

/* Sees every intact record in order while a store is opened; what it is given
 * is borrowed for that call. */
typedef struct craft_wal_visitor {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */
    void *ctx;         /* first argument of both */
    void (*record)(void *ctx, const craft_wal_item *item);
    /* Each entry of that record; NULL: not interested. */
    void (*entry)(void *ctx, const craft_entry *entry);
} craft_wal_visitor;

enum craft_wal_option_flags {
    /* Look and change nothing: no lock is taken, so that another process may
       have the store open and go on writing. What is read is the log as it
       was found by craft_wal_open(). */
    CRAFT_WAL_READ_ONLY = 1u << 0,
    /* With READ_ONLY: also open a damaged store. The report has the error
       that would have been returned, and the store what is intact: up to the
       damage, and, when nothing else is wrong behind it, from the next segment
       on. Entries in between cannot be read. */
    CRAFT_WAL_SALVAGE = 1u << 1
};

typedef struct craft_wal_options {
    uint32_t struct_size;
    uint32_t flags;               /* enum craft_wal_option_flags [0] */
    const char *directory;        /* made if missing; its parent must be there;
                                  required; at most 3840 bytes */
    uint64_t group;               /* stands in every record [0]; read only:
                                     not looked at */
    uint64_t segment_bytes;       /* of one file, preallocated and zero-filled;
                                  a multiple of 4096 [64 MiB]. A record that
                                  does not fit gets a larger file */
    const craft_wal_files *files; /* NULL: craft_wal_files_posix() */
    void *files_ctx;              /* first argument of every file call */
    craft_allocator allocator;    /* realloc NULL: the C library's; called by
                                     several threads */
    const craft_wal_visitor *visitor; /* NULL: nobody looks; borrowed for
                                         craft_wal_open() */
} craft_wal_options;

enum craft_wal_report_flags {
    CRAFT_WAL_REPORT_CREATED = 1u << 0, /* the store is new */
    CRAFT_WAL_REPORT_TORN = 1u << 1,    /* unsynced bytes were cut off */
    /* With SALVAGE: damaged, but entries index .. last_index are all that is
       lost, if any: what is behind them is intact, and so are term and vote.
       Those of them in front of the damage that look intact may have been
       replaced in what is damaged */
    CRAFT_WAL_REPORT_RANGE = 1u << 2
};

/*
 * What was found, for people and programs. text is one line: what, which file
 * and offset, what to do. Fields without meaning for the case are 0 or "".
 */
typedef struct craft_wal_report {
    uint32_t struct_size;   /* set by the caller */
    int32_t error;          /* enum craft_wal_error, or 0 */
    uint32_t flags;         /* enum craft_wal_report_flags */
    int32_t system_error;   /* errno of the file call that failed */
    uint64_t offset;        /* in the file */
    uint64_t bytes;         /* cut off, or missing */
    craft_index index;      /* the first entry concerned: all before are intact;
                             0 = not known */
    craft_index last_index; /* RANGE: index - 1 = no entry is lost */
    char file[64];          /* its name within the directory */
    char text[256];
} craft_wal_report;

/**
 * Fill in the defaults.
 *
 * @param struct_size  sizeof(craft_wal_options) of the caller. Since 0.1.
 */
CRAFT_API void craft_wal_options_init(craft_wal_options *options,
                                      size_t struct_size);

/**
 * Open a store, or make one, and recover what it holds.
 *
 * On return 0 everything that can be read is durable, a torn tail is cut off
 * on the disk too, and the next segment is not made yet: craft_wal_wants().
 *
 * Read only, nothing of that is done. Whoever has the store open may be
 * writing: a torn tail is then what was not synced yet, and what was read may
 * still be lost in a crash. Calls that write return CRAFT_WAL_ERR_INVALID.
 *
 * @param options  borrowed for this call, except the table and its context,
 *                 which are borrowed until craft_wal_close()
 * @param wal_out  the store, to be ended by craft_wal_close(); NULL on errors
 * @param report   struct_size set by the caller; filled in also on success (a
 *                 torn tail); may be NULL
 *
 * @return 0, or
 *   CRAFT_WAL_ERR_INVALID  an option out of range: mend it
 *   CRAFT_WAL_ERR_NOMEM    nothing was changed
 *   CRAFT_WAL_ERR_LOCKED   another process has it open: end that one
 *   CRAFT_WAL_ERR_IO       a file call failed: see report; read only: also if
 *                          there is no store
 *   CRAFT_WAL_ERR_NOSPACE  a new store needs segment_bytes and 8 KiB
 *   CRAFT_WAL_ERR_DAMAGED  what was synced is gone or changed: put the file
 *                          back. An empty directory under the same id is no
 *                          remedy: it has forgotten its votes. Nothing in the
 *                          store was changed
 *   CRAFT_WAL_ERR_FOREIGN, CRAFT_WAL_ERR_GROUP, CRAFT_WAL_ERR_VERSION
 * Cost: reads every segment once. Since 0.1.
 */
CRAFT_API int craft_wal_open(const craft_wal_options *options,
                             craft_wal **wal_out, craft_wal_report *report);

/**
 * Sync, mark and close the store, and free it, whatever is returned. NULL is
 * allowed. After a failure nothing is written any more.
 *
 * @return 0, or CRAFT_WAL_ERR_IO, CRAFT_WAL_ERR_FAILED: records appended
 *         since the last craft_wal_sync() may be missing. Since 0.1.
 */
CRAFT_API int craft_wal_close(craft_wal *wal);

/* ---------------------------------------------------------------- writing */

/**
 * Append records to the stream. They are in the files, and can be read, when
 * this returns; they are durable after the next craft_wal_sync().
 *
 * Each record is all or nothing, also across a crash. Those before
 * *appended_len stay appended whatever is returned; of the others nothing is.
 * A record with no flag but MUST_SYNC is taken and writes nothing.
 *
 * @param records       [records_len], borrowed for this call, with their
 *                      entries; ticket is not looked at
 * @param appended_len  how many were appended; may be NULL
 *
 * @return 0, or
 *   CRAFT_WAL_ERR_INVALID  a record that does not follow: a gap, a falling
 *                          term, a second vote in one term, a truncation or
 *                          compaction that the snapshots do not allow, an
 *                          unknown flag, over CRAFT_WAL_RECORD_BYTES_MAX
 *   CRAFT_WAL_ERR_NOMEM    the batch buffer could not grow
 *   CRAFT_WAL_ERR_NOSPACE  no room for this record and its successors: sync
 *                          those that were appended, retry the rest later.
 *                          Each segment has a reserve, an eighth of it and
 *                          at most 256 KiB, for records without entries:
 *                          half of it for votes, the rest for SNAPSHOT and
 *                          COMPACT, which make room again
 *   CRAFT_WAL_ERR_IO       a write failed: the store is failed from now on
 *   CRAFT_WAL_ERR_FAILED   it failed earlier: close it, open it anew
 * Cost: one write per call, while the segment lasts. At the end of a segment:
 * one more sync, and craft_wal_prepare() if nobody called it. Since 0.1.
 */
CRAFT_API int craft_wal_append(craft_wal *wal, const craft_persist *records,
                               size_t records_len, size_t *appended_len);

/**
 * Make everything appended durable (one fdatasync, or none if there is
 * nothing to do).
 *
 * @return 0, or
 *   CRAFT_WAL_ERR_IO      it is unknown what is on the disk: the store is
 *                         failed from now on, because a second sync would
 *                         report success for pages that are lost
 *   CRAFT_WAL_ERR_FAILED  it failed earlier: close it, open it anew
 * Since 0.1.
 */
CRAFT_API int craft_wal_sync(craft_wal *wal);

/* ------------------------------------------------------------- background */

enum craft_wal_wants_flags {
    CRAFT_WAL_WANTS_PREPARE = 1u << 0, /* craft_wal_prepare() has work */
    CRAFT_WAL_WANTS_MARK = 1u << 1     /* craft_wal_mark() has work */
};

/**
 * Which background work there is: enum craft_wal_wants_flags. For a look
 * after every sync. Cost: one atomic load. Since 0.1.
 */
CRAFT_API uint32_t craft_wal_wants(const craft_wal *wal);

/**
 * Remove the segments that a compaction, once durable, made unnecessary; then
 * make the next segment, zero-filled and durable under its final name, so
 * that the writer never waits for more than data at the end of a segment.
 * Without it the writer does this itself.
 *
 * @return 0 (also when there is nothing to do), or
 *   CRAFT_WAL_ERR_NOSPACE  try again later; the segment in use goes on
 *   CRAFT_WAL_ERR_IO       try again later
 *   CRAFT_WAL_ERR_FAILED   close it, open it anew
 * Cost: writes segment_bytes. Since 0.1.
 */
CRAFT_API int craft_wal_prepare(craft_wal *wal);

/**
 * Note durably, outside the log, how far it is synced. Whatever is missing or
 * changed below the newest mark is refused by craft_wal_open() with
 * certainty. Idle moments, or about once a second, are enough; a close does
 * it too.
 *
 * @return 0 (also when there is nothing to do), or
 *   CRAFT_WAL_ERR_IO, CRAFT_WAL_ERR_NOSPACE  the older mark holds
 *   CRAFT_WAL_ERR_FAILED                     close it, open it anew
 * Cost: one write and one fdatasync of another file. Since 0.1.
 */
CRAFT_API int craft_wal_mark(craft_wal *wal);

/* ---------------------------------------------------------------- reading */

/**
 * The hard state and the newest snapshot as last appended; after
 * craft_wal_open(), what is durable. applied_index is 0: it belongs to the
 * state machine. Entries follow from craft_wal_status.first_index on.
 *
 * @param restore_out  struct_size set by the caller; its snapshot is borrowed
 *                     until the next call of this, or a SNAPSHOT is appended
 *
 * @return 1 filled in: the store holds something; 0 filled in with zeroes:
 *         nothing was ever appended, so the server may be bootstrapped or
 *         join; or CRAFT_WAL_ERR_INVALID. Since 0.1.
 */
CRAFT_API int craft_wal_read_state(craft_wal *wal, craft_restore *restore_out);

/**
 * The newest snapshot, as last appended.
 *
 * @param snapshot_out  struct_size set by the caller; its configuration is
 *                      borrowed until another snapshot is appended
 *
 * @return 1 filled in; 0: there is none; or CRAFT_WAL_ERR_INVALID. Since 0.1.
 */
CRAFT_API int craft_wal_read_snapshot(craft_wal *wal,
                                      craft_snapshot *snapshot_out);

/* Where craft_wal_read() puts entries. */
typedef struct craft_wal_batch {
    uint32_t struct_size; /* set by the caller */
    uint32_t reserved;
    craft_entry *entries; /* [entries_max], written */
    size_t entries_max;   /* at least 1 */
    uint8_t *data;        /* [data_max], written; may be NULL when it is 0 */
    size_t data_max;
    size_t entries_len; /* out: how many were read */
    size_t data_len;    /* out: bytes of data in use; after
                           CRAFT_WAL_ERR_BUFFER: bytes the first entry needs */
} craft_wal_batch;

/**
 * Read consecutive entries, from `first` on, as many as are there and fit.
 * entries[].data points into batch->data; tokens are 0. The checksum of every
 * record is verified.
 *
 * Entries that were appended and not yet synced are read too. While the
 * writer truncates, a call gives entries of the log before or after it, not a
 * mixture; which of both is for the caller to see by the terms.
 *
 * @return 0 with batch->entries_len >= 1, or with entries_len 0
 *   CRAFT_WAL_ERR_INVALID  no room for entries
 *   CRAFT_WAL_ERR_RANGE    `first` is 0 or beyond the last entry
 *   CRAFT_WAL_ERR_COMPACTED  `first` is before craft_wal_status.first_index
 *   CRAFT_WAL_ERR_BUFFER   the first entry needs batch->data_len bytes
 *   CRAFT_WAL_ERR_NOMEM
 *   CRAFT_WAL_ERR_IO       a file call failed; craft_wal_last_report()
 *   CRAFT_WAL_ERR_DAMAGED  stored bytes have changed; craft_wal_last_report()
 * Cost: O(bytes) and up to 64 KiB, or the size of one record, more; calls in
 * parallel wait for each other. Since 0.1.
 */
CRAFT_API int craft_wal_read(craft_wal *wal, craft_index first,
                             craft_wal_batch *batch);

enum craft_wal_status_flags {
    CRAFT_WAL_STATUS_FAILED = 1u << 0,   /* open it anew */
    CRAFT_WAL_STATUS_PREPARED = 1u << 1, /* the next segment is ready */
    CRAFT_WAL_STATUS_EMPTY = 1u << 2     /* nothing was ever appended */
};

typedef struct craft_wal_status {
    uint32_t struct_size; /* set by the caller */
    uint32_t flags;       /* enum craft_wal_status_flags */
    uint64_t store_id;    /* drawn when the store was made, never 0: an
                             incarnation for craft_config */
    uint64_t group;
    craft_index first_index;    /* that can be read: 1, or behind what was
                                  compacted; last_index + 1 = no entries */
    craft_index last_index;     /* 0 = there never were entries */
    craft_index durable_index;  /* last_index as of the last sync */
    uint64_t sequence;          /* of the segment in use: 1, 2, ... */
    uint64_t segment_offset;    /* where the next record goes in it */
    uint64_t segment_bytes;     /* its size */
    uint64_t syncs;             /* since the store was opened */
    uint64_t records;           /* appended since then */
    uint64_t bytes;             /* appended since then */
    craft_index snapshot_index; /* of the newest snapshot; 0 = none */
    uint64_t oldest_sequence;   /* of the segments that are there */
} craft_wal_status;

/**
 * Where the store stands.
 *
 * @param status_out  struct_size set by the caller; that much is written
 * @return 0, or CRAFT_WAL_ERR_INVALID. Cost: O(1). Since 0.1.
 */
CRAFT_API int craft_wal_status_get(craft_wal *wal,
                                   craft_wal_status *status_out);

/**
 * The report of the latest error of any call on this store; error 0 if there
 * was none.
 *
 * @param report  struct_size set by the caller. Since 0.1.
 * @return 0, or CRAFT_WAL_ERR_INVALID.
 */
CRAFT_API int craft_wal_last_report(craft_wal *wal, craft_wal_report *report);

/** What an error means, in a sentence; never NULL. Since 0.1. */
CRAFT_API const char *craft_wal_strerror(int error);

#ifdef __cplusplus
}
#endif

#endif
