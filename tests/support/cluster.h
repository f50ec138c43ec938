/*
 * cluster: N nodes in one process, over a network and disks made of memory.
 *
 * Uses include/craft.h alone. A test moves everything itself: it delivers,
 * drops and repeats single messages, ends writes one by one, crashes and
 * restarts servers. Messages outlive crashes, restarts and role changes. The
 * cluster watches all the while and fails at the first thing that must not be:
 *
 *  - what is lent changes before its ending, an allocation inside a delivery;
 *  - a promise leaves (a vote request, a granted vote, an accepted append)
 *    that the server's disk alone does not justify;
 *  - Figure 3.2: election safety, leader append-only, log matching, leader
 *    completeness, state machine safety;
 *  - two votes of a server in one term, across restarts; a term or a commit
 *    index that falls within a life; a token that ends twice;
 *  - records that are not well formed, tickets that are not consecutive;
 *  - craft_check() finds a broken invariant;
 *  - craft_explain() tells what is not so, or foretells another error than the
 *    one that an input gives.
 *
 * Servers are named by position, 1 .. nodes; ids may be anything.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <stdbool.h>

#include "craft.h"

#define CLUSTER_NODES_MAX 7u
#define CLUSTER_LABEL_MAX 24u

/* When a write, a batch to apply or a fetch ends. */
enum cluster_ending {
    CLUSTER_ENDS_INSIDE = 0, /* the hook */
    CLUSTER_ENDS_WHEN_TOLD = 1,
    CLUSTER_ENDS_BY_CHANCE = 2 /* one or the other */
};

/* An entry that exists somewhere: one object per (index, term). */
struct cluster_entry {
    craft_index index;
    craft_term term;
    craft_term prev_term;
    uint64_t token; /* of a command that cluster_propose() made; or 0 */
    uint32_t kind;
    uint8_t *data;
    size_t data_len;
    struct cluster_entry *other; /* of the same index */
};

/* Entry i stands at [i - 1]. */
struct cluster_log {
    struct cluster_entry **entries; /* [len] */
    size_t len;
    size_t max;
};

#define CLUSTER_BLOB_MAX 1024u

/* A snapshot as the node tells of it; its bytes follow from what it is. */
struct cluster_snapshot {
    craft_index index; /* 0: none */
    craft_term term;
    uint64_t size;
    uint64_t digest;
    uint8_t blob[CLUSTER_BLOB_MAX];
    size_t blob_len;
};

/*
 * What a disk holds. Entries that a snapshot stands for stay in the array, for
 * comparison; only those from `first` on are still there to be read.
 */
struct cluster_disk {
    craft_term term;
    craft_id voted_for;
    craft_index commit_hint;
    struct cluster_log log;
    craft_index first; /* 0 or 1: all of them */
    struct cluster_snapshot snapshot;
};

/* A record that is handed out and not ended. */
struct cluster_record {
    uint64_t ticket;
    uint32_t flags;
    craft_term term;
    craft_id voted_for;
    craft_index commit_hint;
    craft_index truncate_from;
    struct cluster_entry **entries; /* [entries_len] */
    size_t entries_len;
    const craft_entry *lent;
    uint64_t lent_sum;
    craft_index keep_from;
    struct cluster_snapshot snapshot;
    const struct cluster_log *committed; /* what a snapshot stands for */
    const craft_snapshot *lent_snapshot;
};

struct cluster_node {
    struct cluster *cluster;
    uint32_t position;
    craft_id id;
    craft_node *node; /* NULL: down, or a puppet */
    bool puppet;
    uint32_t life;

    /* Set by the test. */
    uint32_t persist_ends; /* enum cluster_ending */
    uint32_t apply_ends;
    uint32_t fetch_ends;
    uint32_t allocations_fail; /* per thousand */
    uint32_t refuse_in;        /* that many allocations on, one fails; 0 */
    bool disk_full;            /* records with entries end with NOSPACE */
    uint32_t error_keeps;      /* records that a failing disk has written; 0:
                                  any, by chance; else one more than that */
    bool lazy;                 /* effects wait for cluster_pull() */

    struct cluster_disk disk; /* what is durable */
    struct cluster_disk view; /* when all that is handed out is written */
    struct cluster_record *records;
    size_t records_len;
    size_t records_max;
    uint64_t next_ticket;

    const craft_entry *batch; /* the open apply, or NULL */
    size_t batch_len;
    uint64_t batch_sum;
    craft_index batch_first;
    craft_index batch_last;
    craft_index applied; /* the state machine of this life */
    bool applied_noted;

    craft_fetch fetches[2];
    size_t fetches_len;

    uint32_t parts_end; /* enum cluster_ending, of reads and writes of parts */
    craft_snapshot_read part_read;   /* ticket 0: none is open */
    craft_snapshot_write part_write; /* likewise */
    struct cluster_snapshot partial; /* what has arrived in part, on disk */
    uint64_t partial_len;
    struct cluster_snapshot whole; /* the last that has arrived whole */
    craft_index taken;             /* the last image that it made itself */
    craft_index installing;        /* 0: none */
    uint32_t installs;
    uint32_t parts_written;

    /* Seen so far in this life. */
    craft_term seen_term;
    craft_index seen_commit;
    craft_index seen_applied;
    uint32_t seen_role;

    uint64_t now_ns; /* the time that it was told; goes on over crashes */

    uint32_t holds;
    uint32_t hooks_running; /* the life of the node whose hook runs, or 0 */
    bool pumping;
    bool may_allocate;
    bool halted;
    size_t memory;        /* bytes allocated */
    uint64_t allocations; /* that succeeded */
    size_t memory_most;
    uint32_t effects[10];                     /* by enum craft_effect_kind */
    craft_event events[CRAFT_EVENT_KIND_END]; /* the latest */
};

/* A message under way. */
struct cluster_message {
    craft_message message; /* entries: not set */
    struct cluster_entry **entries;
    size_t entries_len;
    uint8_t *part; /* [part_len]: configuration and bytes of a snapshot */
    size_t part_len;
    craft_entry *commands; /* of a forward: a block with their data */
    size_t commands_len;
    uint32_t from; /* positions */
    uint32_t to;
    uint64_t serial;
    char label[CLUSTER_LABEL_MAX]; /* not empty: it arrives only by its name */
};

/* What is known of a term. */
struct cluster_term {
    craft_term term;
    craft_id leader;
    craft_index commit;                    /* the highest that it told */
    craft_id votes[CLUSTER_NODES_MAX + 1]; /* that left, by position */
    craft_term *log; /* the leader's, as it showed it; 0 = not shown */
    size_t log_len;
};

enum cluster_token_state {
    CLUSTER_TOKEN_OPEN = 0,
    CLUSTER_TOKEN_ENDED = 1,
    CLUSTER_TOKEN_LOST = 2 /* its server crashed or was freed */
};

struct cluster_token {
    uint32_t position;
    uint32_t life;
    uint32_t state; /* enum cluster_token_state */
    int result;
    craft_index index;
    craft_id transfer;   /* of a transfer: to whom, 0 = to anyone */
    bool is_transfer;    /* and not a command */
    bool is_read;        /* likewise */
    bool is_forwarded;   /* offered while another server led, perhaps */
    craft_index at;      /* where a server applied it; 0 = nowhere yet */
    craft_index read_at; /* what was committed when the read was taken */
    bool applied;        /* by anyone */
    uint32_t applied_by; /* a bit per position, in the proposer's life */
};

/*
 * One allocation of all fails, whoever asks for it. A call that says so must
 * have changed nothing; with `repeat` it is then made again, as a host would.
 */
struct cluster_refusal {
    uint64_t at;    /* which one, from 1; 0: none */
    uint64_t count; /* so far */
    bool repeat;
    bool refused; /* it has failed */
    bool told;    /* and the call has said so */
    uint32_t (*digest)(const craft_node *node);
};

struct cluster_options {
    uint32_t nodes;
    uint64_t seed;
    uint32_t puppets;  /* bit per position: members that the test plays */
    uint32_t blank;    /* bit per position: members that start empty */
    uint32_t learners; /* bit per position: members without a vote */
    uint32_t passive;  /* bit per position: they never campaign by themselves */
    uint32_t priorities[CLUSTER_NODES_MAX + 1];
    bool pull;     /* effects are pulled instead of hooks called */
    bool no_fetch; /* everything stays in memory */
    bool bytes;    /* messages go through the codec */
    bool own_data; /* commands are any bytes: the token of an entry is the
                          one with which its proposer first shows it */
    bool blind;    /* see below */
    uint32_t persist_ends; /* enum cluster_ending, from the founding on */
    craft_id ids[CLUSTER_NODES_MAX + 1]; /* 0: the position */
    craft_config config;                 /* of each; id and seed are set */
    struct cluster_refusal *refusal;     /* or NULL */
    /* A violation, from the founding on; see below. */
    void (*failed)(struct cluster *cluster, const char *text);
    void *data; /* of whoever made it */
};

struct cluster {
    struct cluster_options options;
    struct cluster_node nodes[CLUSTER_NODES_MAX + 1];
    struct cluster_message **network; /* in the order of sending */
    size_t network_len;
    size_t network_max;
    uint64_t serial;
    uint32_t cut[CLUSTER_NODES_MAX + 1]; /* by sender: bit per addressee */

    struct cluster_entry **entries; /* by index; first of a list */
    size_t entries_len;
    struct cluster_term *terms;
    size_t terms_len;
    struct cluster_log committed;
    craft_term *committed_in; /* the term whose leader did */
    size_t committed_in_max;
    struct cluster_token *tokens; /* token t at [t - 1] */
    size_t tokens_len;

    uint64_t random;
    uint32_t depth; /* of inputs running */
    bool trace;
    bool blind; /* what is outside of history may be taken: judge no promise
                   and no history */

    /* Called inside every hook of every node, before it returns. */
    void (*inside)(struct cluster_node *node, uint32_t effect_kind);
    void *inside_data;
    /* Called with every effect of every node, first of all. */
    void (*watch)(struct cluster_node *node, const craft_effect *effect);
    void *watch_data;
    /* A violation; must not return. NULL: print and abort. */
    void (*failed)(struct cluster *cluster, const char *text);
};

/* ------------------------------------------------------------------- life */

void cluster_options_init(struct cluster_options *options, uint32_t nodes);

/* Make, bootstrap and start all but puppets. */
struct cluster *cluster_new(const struct cluster_options *options);
void cluster_free(struct cluster *cluster);

/* Node by position. */
struct cluster_node *cluster_node(struct cluster *cluster, uint32_t position);
uint32_t cluster_position(const struct cluster *cluster, craft_id id);
craft_status cluster_status(struct cluster *cluster, uint32_t position);
craft_peer_status cluster_peer(struct cluster *cluster, uint32_t position,
                               uint32_t peer);
/* The position of the leader of the highest term that is up, or 0. */
uint32_t cluster_leader(struct cluster *cluster);

/*
 * Power off: of the records that are open, the first `survive` are found on
 * the disk again. CLUSTER_ALL for all.
 */
#define CLUSTER_ALL ((size_t)-1)
void cluster_crash(struct cluster *cluster, uint32_t position, size_t survive);
/* The entries come back in batches of that many; applied_index as given. */
void cluster_restart_with(struct cluster *cluster, uint32_t position,
                          size_t batch, craft_index applied);
void cluster_restart(struct cluster *cluster, uint32_t position);
/* The same; what the node says of its disk, down again unless that is 0. */
int cluster_restart_try(struct cluster *cluster, uint32_t position,
                        size_t batch, craft_index applied);
int cluster_stop(struct cluster *cluster, uint32_t position);
/* The disk of a server that is down says this from now on; of its log the
 * first log_len entries are left. */
void cluster_damage(struct cluster *cluster, uint32_t position,
                    const struct cluster_disk *said, size_t log_len);

/* ----------------------------------------------------------------- inputs */

int cluster_tick(struct cluster *cluster, uint32_t position, uint32_t ticks);
/* A command of its own token; see cluster_last_token(). */
int cluster_propose(struct cluster *cluster, uint32_t position);
int cluster_propose_sized(struct cluster *cluster, uint32_t position,
                          size_t data_len);
int cluster_propose_many(struct cluster *cluster, uint32_t position,
                         size_t commands);
/* These, which are given tokens of their own but where that is 0. */
int cluster_propose_command(struct cluster *cluster, uint32_t position,
                            craft_command *command);
int cluster_propose_commands(struct cluster *cluster, uint32_t position,
                             craft_command *commands, size_t commands_len);
uint64_t cluster_last_token(const struct cluster *cluster);
struct cluster_token *cluster_token(struct cluster *cluster, uint64_t token);
int cluster_campaign(struct cluster *cluster, uint32_t position);
/* Take a snapshot at index (0: what is applied) and end it at once. */
int cluster_snapshot(struct cluster *cluster, uint32_t position,
                     craft_index index, size_t keep_bytes);
/* A read, with a token of its own. */
int cluster_read(struct cluster *cluster, uint32_t position);
int cluster_read_lease(struct cluster *cluster, uint32_t position,
                       uint64_t now_ns);
/* Its time is that, by its own clock. */
int cluster_clock(struct cluster *cluster, uint32_t position, uint64_t now_ns);
/* With a token of its own; target: a position, 0 = anyone. */
int cluster_transfer(struct cluster *cluster, uint32_t position,
                     uint32_t target);
int cluster_unreachable(struct cluster *cluster, uint32_t position,
                        uint32_t peer);
void cluster_hold(struct cluster *cluster, uint32_t position);
int cluster_release(struct cluster *cluster, uint32_t position);
/* All effects of a node without hooks. */
void cluster_pull(struct cluster *cluster, uint32_t position);

/* ---------------------------------------------------------------- network */

/* Which messages: 0 stands for any. */
struct cluster_filter {
    uint32_t from;
    uint32_t to;
    uint32_t kind;
};

size_t cluster_count(const struct cluster *cluster,
                     struct cluster_filter filter);
/* The oldest (at 0) and later ones, or NULL. */
struct cluster_message *cluster_find(struct cluster *cluster,
                                     struct cluster_filter filter, size_t at);
/* The oldest; false when there is none. */
bool cluster_deliver_one(struct cluster *cluster, struct cluster_filter filter);
/* Those now under way, in order; how many. */
size_t cluster_deliver(struct cluster *cluster, struct cluster_filter filter);
/* This one; stays under way with keep. Its result. */
int cluster_deliver_message(struct cluster *cluster,
                            struct cluster_message *message, bool keep);
size_t cluster_drop(struct cluster *cluster, struct cluster_filter filter);
void cluster_drop_message(struct cluster *cluster,
                          struct cluster_message *message);
/* One more copy of it, as the latest, without its name. */
struct cluster_message *
cluster_copy_message(struct cluster *cluster,
                     const struct cluster_message *message);
/* It becomes the latest. */
void cluster_delay_message(struct cluster *cluster,
                           struct cluster_message *message);
/* As craft_describe_message(), with its entries. */
void cluster_describe(const struct cluster_message *message, char *text,
                      size_t size);
/* One more copy of the oldest, as the latest. */
bool cluster_duplicate(struct cluster *cluster, struct cluster_filter filter);
/* Messages sent over a cut link are lost, those under way wait. */
void cluster_cut(struct cluster *cluster, uint32_t from, uint32_t to);
void cluster_isolate(struct cluster *cluster, uint32_t position);
void cluster_heal(struct cluster *cluster);

/* A message that a puppet sends: it counts as history. */
int cluster_inject(struct cluster *cluster, const craft_message *message);
/* The same, outside of history: what no correct server sends. */
int cluster_inject_hostile(struct cluster *cluster, uint32_t to,
                           const craft_message *message);
/* Any bytes. */
int cluster_inject_bytes(struct cluster *cluster, uint32_t to,
                         const uint8_t *data, size_t data_len);

/* ---------------------------------------------------------------- endings */

int cluster_persisted(struct cluster *cluster, uint32_t position,
                      uint64_t ticket, int ending);
/* The oldest open record; false when there is none. */
bool cluster_persist_one(struct cluster *cluster, uint32_t position,
                         int ending);
/* All open records, with one ending. */
bool cluster_persist_all(struct cluster *cluster, uint32_t position);
int cluster_applied(struct cluster *cluster, uint32_t position,
                    craft_index index, int ending);
bool cluster_apply_all(struct cluster *cluster, uint32_t position);
/* The open read or write of a part of a snapshot; false: none is. */
bool cluster_part_read(struct cluster *cluster, uint32_t position, int ending);
bool cluster_part_written(struct cluster *cluster, uint32_t position,
                          int ending);
/* The oldest open fetch; with ending OK from the disk. */
bool cluster_fetch_one(struct cluster *cluster, uint32_t position, int ending);
/* The same with these entries, whatever they are; its result. */
int cluster_fetched(struct cluster *cluster, uint32_t position,
                    const craft_entry *entries, size_t entries_len);

/* ------------------------------------------------------------ convenience */

/* Deliver and end everything until nothing is left; no ticks. */
void cluster_settle(struct cluster *cluster);
/* A tick for all that are up, then settle; rounds times. */
void cluster_run(struct cluster *cluster, uint32_t rounds);
/*
 * No more faults: everything ends, links and disks are well, who is down is
 * restarted. With ticks alone all must agree within some elections.
 */
void cluster_converge(struct cluster *cluster);
/* Campaign and settle: this one leads afterwards. */
void cluster_elect(struct cluster *cluster, uint32_t position);
/* Bounded draw, of the cluster's own generator. */
uint32_t cluster_random(struct cluster *cluster, uint32_t bound);

/* -------------------------------------------------------------- judgement */

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3), noreturn))
#endif
void cluster_fail(struct cluster *cluster, const char *format, ...);
void cluster_check(struct cluster *cluster);

#endif
