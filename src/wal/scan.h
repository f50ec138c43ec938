/*
 * wal/scan: read a store in order, believe nothing, and tell a torn tail from
 * damage. Writes nothing.
 *
 * A crash may leave any of the bytes written since the last sync, and no
 * others, in any state. So what is wrong is torn only if it lies behind the
 * last record, in a place that nothing intact calls synced: neither the mark,
 * nor the header of a following segment, nor any later record (each says up to
 * where its segment was synced when it was written). Anything else is damage.
 *
 * What was read is left in wal->shared (state, index) and, as segments and
 * tails, in the scan, for whoever goes on from there.
 */
#ifndef CRAFT_WAL_SCAN_H
#define CRAFT_WAL_SCAN_H

#include "wal/wal.h"

#define CRAFT_WAL_RESTORE_FILE                                                 \
    "restore the file from a copy; never start this id empty"

/* A segment as found on the disk. */
struct craft_wal_segment {
    struct craft_wal_file file;
    uint64_t sequence;
    uint32_t size; /* of the file, at most UINT32_MAX */
    enum craft_wal_header_kind kind;
    struct craft_wal_header header;
    /* What walking through it gave. */
    uint32_t end;
    uint32_t check;
    uint32_t synced;
    int sealed;
    int records; /* there was one, if only the first */
};

/* What lies behind the last record of a segment. */
struct craft_wal_tail {
    uint32_t dirty;     /* the first word that is not 0 */
    uint32_t dirty_end; /* after the last one; 0: none */
    uint32_t witness;   /* a record that calls this synced; 0: none */
};

struct craft_wal_scan {
    struct craft_wal *wal;
    const craft_wal_visitor *visitor; /* may be NULL */
    uint64_t *sequences;              /* found, in order */
    size_t sequences_len;
    uint64_t first; /* from here on they follow each other; what is before
                       was left by a crash when it was no longer needed */
    size_t sequences_cap;
    int has_store;
    int nomem;
    int mark_seen;
    struct craft_wal_segment before;  /* the one before `current`: not open */
    struct craft_wal_segment current; /* the last that was begun */
    struct craft_wal_segment next;    /* CRAFT_WAL_NO_FILE: not there */
    /* Entries that damage has taken, if lost_first <= lost_last. */
    craft_index lost_first;
    craft_index lost_last;
    struct craft_wal_tail current_tail;
    struct craft_wal_tail next_tail;
    struct craft_wal_window window;
    /* Records up to here were shown to the visitor. */
    uint64_t visited_sequence;
    uint32_t visited_end;
};

/* Ready for craft_wal_scan_find(), also once more. */
void craft_wal_scan_begin(struct craft_wal_scan *scan, struct craft_wal *wal,
                          const craft_wal_visitor *visitor);
/* List the files and load the identity. 1: there is a store; 0: there is none,
 * or one that was never finished; or an error. */
int craft_wal_scan_find(struct craft_wal_scan *scan);
/* Read and judge the log of a store that was found. */
int craft_wal_scan_log(struct craft_wal_scan *scan);
/*
 * Behind damage: go on with the next segment, which begins with all of the
 * state but entries. 1: it is intact, and so is the rest: nothing but entries
 * is lost; 0: there is none; or an error.
 */
int craft_wal_scan_resume(struct craft_wal_scan *scan);
/* Forget what was read, to find it once more; what was shown stays shown. */
void craft_wal_scan_again(struct craft_wal_scan *scan);
void craft_wal_scan_end(struct craft_wal_scan *scan);

/* A record with right checks, in its place: what does it say? (take.c) */
int craft_wal_scan_take(struct craft_wal_scan *scan,
                        const struct craft_wal_found *found);

/* Both complain. Bytes of the segment are not what was written; */
int craft_wal_scan_damaged(struct craft_wal_scan *scan,
                           const struct craft_wal_segment *segment,
                           uint64_t offset, const char *what);
/* or they are intact and of another store, group or version. */
int craft_wal_scan_refused(struct craft_wal_scan *scan,
                           const struct craft_wal_segment *segment,
                           uint64_t offset, int error);

/* Note in the report what is, or was, behind the last record of a segment. */
void craft_wal_scan_report_torn(craft_wal_report *report,
                                const struct craft_wal_segment *segment,
                                const struct craft_wal_tail *tail,
                                const char *what);

#endif
