/*
 * One node without hooks, its disk and a transcript of its effects, driven
 * call by call. Memory is an allocator that no pull may use: whoever wants
 * memory while effects are derived aborts the test.
 *
 * Effects are told as craft_describe_effect() tells them, a line each; events
 * only when asked for.
 */
#ifndef CRAFT_TEST_RIG_H
#define CRAFT_TEST_RIG_H

#include "craft.h"
#include "test_memory.h"

enum {
    RIG_ENTRIES_MAX = 4096,
    RIG_TEXT_MAX = 1 << 20,
    RIG_OPEN_MAX = 64
};

struct rig_stored {
    craft_term term;
    uint32_t kind;
    uint8_t *data;
    size_t data_len;
};

struct rig {
    struct test_memory memory;
    craft_config config;
    craft_node *node;
    craft_effect effect; /* the last one pulled */

    /* What was handed out to persist is on the disk at once. */
    struct rig_stored disk[RIG_ENTRIES_MAX + 1]; /* [index] */
    craft_index disk_last;
    craft_term disk_term;
    craft_id disk_voted_for;

    bool slow_disk;    /* persists stay open */
    bool slow_machine; /* apply batches stay open */
    bool slow_fetch;   /* fetches stay open */
    bool slow_parts;   /* reads and writes of snapshots stay open */
    bool tell_events;
    uint64_t ticket;       /* the last one seen */
    uint64_t fetch_ticket; /* open; 0 = none */
    uint64_t read_ticket;  /* of a part; the last one seen */
    size_t read_max;
    uint64_t write_ticket; /* likewise */
    uint64_t write_end;    /* the offset behind it */
    craft_index fetch_first;
    size_t fetch_max;
    craft_index apply_last; /* of the last batch */
    size_t applied;         /* entries applied in all */

    char *text; /* [RIG_TEXT_MAX] */
    char *told; /* the same, as told last */
    size_t text_len;
};

/* Defaults for a test, with the allocator; nothing is allocated by a node. */
struct rig *rig_new(craft_id id);

/* craft_node_new() with rig->config. */
int rig_open(struct rig *rig);

/* Open, bootstrap with the voters 1 .. voters, start, run. */
void rig_found(struct rig *rig, size_t voters);

/* The same, then win an election with the votes of all others. */
void rig_lead(struct rig *rig, size_t voters);

/* Free all; whatever the node has not freed is a fault. */
void rig_free(struct rig *rig);

/* Pull one effect: its kind, 0 = none. */
uint32_t rig_pull(struct rig *rig);

/* Pull all, end what is not slow. */
void rig_run(struct rig *rig);

/* End the last ticket seen, or the open fetch from the disk. */
int rig_persisted(struct rig *rig);
int rig_fetched(struct rig *rig);

/* End the last read of a part with so many bytes, or the last write. */
int rig_part_read(struct rig *rig, size_t len);
int rig_part_written(struct rig *rig);

/* What happened since the last call; valid until the next one. */
const char *rig_told(struct rig *rig);

craft_status rig_status(const struct rig *rig);
craft_peer_status rig_peer(const struct rig *rig, uint32_t position);

/* A message to the node, in the term given, of the round 1. */
craft_message rig_message(const struct rig *rig, uint32_t kind, craft_id from,
                          craft_term term);

/* The peer acknowledges up to match, with the round of now. */
int rig_acknowledge(struct rig *rig, craft_id from, craft_index match);

/* Entries first .. first + len - 1 of that term, of len bytes "x" each. */
void rig_entries(craft_entry *entries, size_t len, craft_index first,
                 craft_term term, size_t data_len);

/* An append with those entries. */
int rig_append(struct rig *rig, craft_id from, craft_term term,
               const craft_append *append);

/* The configuration blob of the voters 1 .. voters: its length. */
size_t rig_blob(size_t voters, uint8_t *blob, size_t blob_max);

/* Every fact of the node in one number; capacity, addresses are no facts. */
uint32_t rig_digest(const struct rig *rig);
uint32_t node_digest(const craft_node *node); /* any node; NULL: 0 */

#endif
