/*
 * craft-wal: what the logs of servers hold. Reads and never writes: of a
 * server that runs, of one that is damaged, of a copy.
 */
#ifndef CRAFT_WAL_PROGRAM_H
#define CRAFT_WAL_PROGRAM_H

#include "craft/wal.h"

#define CRAFT_WAL_EXIT_FINE 0
#define CRAFT_WAL_EXIT_FAILED 1
#define CRAFT_WAL_EXIT_USAGE 2

/* A store that was opened to be looked at. */
struct craft_wal_looked {
    const char *directory;
    craft_wal *wal;
    craft_wal_report report;
    craft_wal_status status;
    craft_restore state;
    int has_state;
};

/* What to print of a store. */
struct craft_wal_wish {
    craft_index from; /* entries, */
    craft_index to;   /* up to this one */
    int is_range;     /* otherwise everything */
    int entries;      /* a line for each, too */
};

/*
 * Open the intact part of a store; a line on stderr says what is wrong with
 * it. Returns an exit code; the store is open unless looked->wal is NULL.
 */
int craft_wal_look_open(struct craft_wal_looked *looked, const char *directory,
                        const craft_wal_visitor *visitor);
void craft_wal_look_close(struct craft_wal_looked *looked);
/* One line about the log as a whole, and one if its end is torn. */
void craft_wal_look_print(const struct craft_wal_looked *looked);

/* "5@2 command 3 bytes crc32c 01234567", without the end of a line. */
void craft_wal_entry_print(const craft_entry *entry);

/* The commands; each returns an exit code. */
int craft_wal_print(const char *directory, const struct craft_wal_wish *wish);
int craft_wal_verify(const char *directory);
int craft_wal_compare(const char *one, const char *other);

#endif
