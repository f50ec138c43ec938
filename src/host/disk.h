/*
 * disk: the log of the server, and the threads that keep the loop from
 * waiting for it.
 *
 * Records of one delivery are collected (craft_disk_add) and committed
 * together: handed to the writer thread, which appends all that it finds and
 * syncs once; or, inline, written and synced at once. Either way what became
 * of them is taken by craft_disk_take() and told to the core by the host. A
 * second thread makes the next segment and the marks.
 *
 * Invariants: records reach the log in the order of their tickets. After one
 * that found no space, nothing is written until the loop has taken that
 * ending, because the core has voided every later record and will hand them
 * out anew. After a failed write nothing is written at all.
 */
#ifndef CRAFT_HOST_DISK_H
#define CRAFT_HOST_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "craft/wal.h"
#include "host/log.h"
#include "host/wake.h"

struct craft_disk;

struct craft_disk_config {
    const char *directory;
    uint64_t group;
    size_t segment_bytes; /* 0 = the log's default */
    int is_inline;
    const craft_wal_files *files;
    void *files_ctx;
    struct craft_wake *wake; /* raised when there is something to take */
};

/* What became of records. Tickets: 0 = none. */
struct craft_disk_news {
    uint64_t durable; /* this and all before it */
    uint64_t failed;  /* the first that was not written */
    int ending;       /* of it: enum craft_ending */
};

/* Opens the log; no thread yet. Returns enum craft_wal_error, with a report. */
int craft_disk_open(const struct craft_disk_config *config,
                    struct craft_disk **disk_out, craft_wal_report *report);
craft_wal *craft_disk_wal(const struct craft_disk *disk);

/* 0, or CRAFT_HOST_ERR_SYSTEM: no thread. */
int craft_disk_start(struct craft_disk *disk);

/* The struct is copied, the entries are borrowed until its ticket ends. */
void craft_disk_add(struct craft_disk *disk, const craft_persist *record);
/* 1: there is something to take already. */
int craft_disk_commit(struct craft_disk *disk);
/* 1 filled in, 0 nothing new. */
int craft_disk_take(struct craft_disk *disk, struct craft_disk_news *news);

/* Ends the threads when what was committed is written, closes the log and
 * frees the disk. Returns enum craft_wal_error, 0: all is on the disk. */
int craft_disk_close(struct craft_disk *disk);

#endif
