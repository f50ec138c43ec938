/*
 * A file system in memory under the table of file calls of a store.
 *
 * It keeps two states: what a process sees, and what is on the disk. A sync
 * moves the writes of one file, or the names of the directory, from one to the
 * other. A crash takes the disk, plus a choice of what was not synced: any
 * subset, sector by sector of 512 bytes, and name by name.
 *
 * One directory, whatever its path. Not for several threads.
 */
#ifndef MEMORY_FILES_H
#define MEMORY_FILES_H

#include "craft/wal.h"

#define MEMORY_FILES_SECTOR 512u

/* What a power failure leaves of what was not synced. */
enum memory_crash {
    MEMORY_CRASH_NONE,    /* nothing */
    MEMORY_CRASH_ALL,     /* everything */
    MEMORY_CRASH_DATA,    /* all data, no name */
    MEMORY_CRASH_NAMES,   /* all names, no data */
    MEMORY_CRASH_FIRST,   /* the oldest half of the sectors and names */
    MEMORY_CRASH_LAST,    /* the newest half */
    MEMORY_CRASH_SOME,    /* each with chance 1/2 */
    MEMORY_CRASH_MOST,    /* each with chance 7/8 */
    MEMORY_CRASH_FEW,     /* each with chance 1/8 */
    MEMORY_CRASH_GARBAGE, /* each kept, lost, or random bytes */
    MEMORY_CRASH_KIND_END
};

enum memory_call {
    MEMORY_CALL_OPEN,
    MEMORY_CALL_READ,
    MEMORY_CALL_WRITE,
    MEMORY_CALL_SYNC,
    MEMORY_CALL_RENAME,
    MEMORY_CALL_UNLINK,
    MEMORY_CALL_SYNC_DIRECTORY,
    MEMORY_CALL_OTHER,
    MEMORY_CALL_KIND_END
};

typedef struct memory_files memory_files;

/* What goes wrong; all zero: nothing. */
typedef struct memory_faults {
    uint64_t stop_at;    /* this call and all later ones fail: a crash */
    uint64_t fail_at;    /* this call fails once, */
    int fail_error;      /* with this errno; a sync that fails with EIO
                               leaves its writes in the cache, clean */
    uint64_t space_from; /* from this call on, files cannot grow; and */
    uint64_t space_to;   /* from this one on, they can again */
    uint64_t full_from;  /* the same, but no write at all gets through */
    uint64_t full_to;
    uint64_t bytes_max;    /* of all files, also of removed ones that are
                              open; 0: no limit */
    uint32_t short_writes; /* 1: reads and writes do about half */
    uint32_t interrupts;   /* 1: every other call is interrupted */
} memory_faults;

memory_files *memory_files_new(void);
void memory_files_free(memory_files *files);
/* A copy of both states; nothing may be open. */
memory_files *memory_files_clone(const memory_files *files);

const craft_wal_files *memory_files_table(void);

memory_faults *memory_files_faults(memory_files *files);
/* Calls made so far, and of one kind. */
uint64_t memory_files_calls(const memory_files *files);
uint64_t memory_files_calls_of(const memory_files *files,
                               enum memory_call kind);
void memory_files_calls_reset(memory_files *files);

/* The process dies: handles and locks go, everything it wrote stays seen. */
void memory_files_kill(memory_files *files);
/* The power fails. */
void memory_files_crash(memory_files *files, enum memory_crash how,
                        uint64_t seed);
/* All that is seen is on the disk. */
void memory_files_settle(memory_files *files);

/* What is seen of a file, for damage: NULL if it is not there. A change is one
   on the disk too. */
uint8_t *memory_files_data(memory_files *files, const char *name,
                           size_t *len_out);
void memory_files_remove(memory_files *files, const char *name);
void memory_files_put(memory_files *files, const char *name,
                      const uint8_t *data, size_t len);
/* The n-th name, NULL after the last. */
const char *memory_files_name(const memory_files *files, size_t n);

#endif
