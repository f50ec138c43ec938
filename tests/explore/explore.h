/*
 * explore: every behaviour of a small cluster, within bounds.
 *
 * The servers are real nodes, made without hooks: what they ask for is pulled.
 * Each has an arena of its own at a fixed address, so that a node is cloned by
 * copying bytes and its pointers stay valid. A world is one server's node,
 * disk, state machine and open work beside another's, and the messages in
 * flight; a step is one input to one server and all effects that follow.
 * Worlds are met breadth first, each once: by a fingerprint of its facts, the
 * least over all renamings of the servers.
 *
 *   arena    the allocator of a node, cloned by copying
 *   facts    a node's facts as a number, under a renaming
 *   images   the nodes met so far, each once
 *   messages what a world keeps of messages and entries
 *   host     a server's disk, its work, its start
 *   world    a world, its root and its fingerprint
 *   steps    the steps that a world allows, and how one is taken
 *   effects  what follows from an input
 *   memo     whether the facts are all of them
 *   refuse   what must change nothing: refused memory, endings out of turn
 *   check    what holds in every world
 *   live     that in time they agree
 *   search   breadth first, and the way to a world
 *   tell     a way in words
 *   script   a way as a scenario
 */
#ifndef CRAFT_TEST_EXPLORE_H
#define CRAFT_TEST_EXPLORE_H

#include "core/node.h"

enum {
    SERVERS_MAX = 4,
    RENAMINGS_MAX = 24,
    LOG_MAX = 7,
    TERMS_MAX = 7,
    OPEN_MAX = 3,       /* tickets of one server */
    BAG_MAX = 8,        /* messages in flight */
    COMMAND_LONG = 400, /* bytes: each fills a segment of the log */
    SILENCES = 2        /* of a leader, until it gives up */
};

/* What is in an entry besides its term. */
enum {
    WHAT_NOTHING = 0,
    WHAT_NOOP = 1,
    WHAT_CONFIGURATION = 2,
    TOKEN_TRANSFER = 10, /* beyond those of commands, which are what they are */
    WHAT_COMMAND = 3,    /* and above: the number of the proposal */
    WHAT_EVICTED = 255   /* it has left memory: the disk tells */
};

/* Everything in a world is bytes, without padding: equal worlds are equal
 * bytes, but for their order of messages. */
struct thing {
    uint8_t term;
    uint8_t what;
};

struct letter {
    uint8_t kind;
    uint8_t from;
    uint8_t to;
    uint8_t term;
    uint8_t round;
    uint8_t number[5]; /* by kind, see letter_of() */
    uint8_t len;
    uint8_t verdict; /* of a forward_reply */
    struct thing things[LOG_MAX];
};

struct disk {
    uint8_t term;
    uint8_t voted_for;
    uint8_t commit_hint;
    uint8_t len;
    struct thing log[LOG_MAX]; /* entry i at i - 1 */
};

struct record {
    uint8_t flags;
    uint8_t term;
    uint8_t voted_for;
    uint8_t commit_hint;
    uint8_t truncate_from;
    uint8_t first;
    uint8_t len;
    uint8_t reserved;
    struct thing things[LOG_MAX];
};

/* Entries wanted back from the disk. */
struct fetch {
    uint8_t first; /* 0 = none are */
    uint8_t max;
    uint8_t len;
    uint8_t reserved;
    struct thing things[LOG_MAX]; /* those of the disk as they were asked for */
};

struct server {
    uint32_t image; /* of its node */
    uint8_t open_len;
    uint8_t machine; /* the last command that its state machine has */
    uint8_t reserved[2];
    struct disk disk;
    struct record open[OPEN_MAX]; /* tickets, oldest first */
    struct fetch fetches[CRAFT_FETCH_COUNT];
};

/* What has happened, as far as it must never be contradicted. */
struct history {
    uint8_t leader_of[TERMS_MAX + 1]; /* [term] */
    uint8_t committed_len;
    uint8_t superseded; /* proposals, a bit each */
    uint8_t ended;      /* the same */
    uint8_t refused;    /* the same: they are in no log */
    struct thing committed[LOG_MAX];
    uint8_t committed_in[LOG_MAX]; /* the term of its leader then */
};

/* What is still allowed. */
struct budget {
    uint8_t term; /* the highest */
    uint8_t proposals;
    uint8_t heartbeats;
    uint8_t crashes;
    uint8_t duplicates;
    uint8_t full_disks;
    uint8_t errors; /* of disks and state machines */
    uint8_t breaks; /* of links */
    uint8_t transfers;
    uint8_t flight; /* messages at once */
    uint8_t open;   /* tickets at once, per server */
};

struct world {
    struct server servers[SERVERS_MAX];
    struct history history;
    struct budget budget;
    uint8_t flight_len;
    struct letter flight[BAG_MAX];
};

/* Of one node met, besides its bytes. */
struct image {
    uint64_t facts[RENAMINGS_MAX];
    size_t bytes; /* where they stand in the store */
    uint32_t bytes_len;
    uint8_t role;
    uint8_t term;
    uint8_t commit;
    uint8_t log_len;
    uint8_t first_of_term;
    uint8_t apply_first; /* of the batch that is out; 0 = none */
    uint8_t apply_last;
    uint8_t evicted; /* entries that have left memory */
    bool owes;       /* there are effects to pull */
    bool halted;
    bool awaits_tick;               /* to try again */
    bool hears;                     /* a leader, lately */
    uint8_t match[SERVERS_MAX + 1]; /* of a leader, by id */
    struct thing log[LOG_MAX];
};

/* One input to one server. */
enum step_kind {
    STEP_TIMEOUT,
    STEP_HEARTBEAT,
    STEP_PROPOSE,
    STEP_DELIVER,
    STEP_DELIVER_COPY,
    STEP_DROP,
    STEP_TICK,         /* what has failed is tried again */
    STEP_SILENCE,      /* nobody is heard; of a leader: half as long */
    STEP_BREAK,        /* number: the server to which the link broke */
    STEP_TRANSFER,     /* number: the server that is to lead */
    STEP_WRITTEN,      /* number: so many of the open tickets are durable */
    STEP_FULL,         /* number: the ticket that found the disk full */
    STEP_ERROR,        /* number: the ticket whose write failed */
    STEP_APPLIED,      /* number: up to this index */
    STEP_APPLY_ERROR,  /* the same */
    STEP_FETCHED,      /* other: whose; number: so many, as they are now */
    STEP_FETCHED_LATE, /* other: whose; number: so many, as they were */
    STEP_FETCH_ERROR,  /* other: whose */
    STEP_CRASH,        /* number: so many of the open tickets reached the disk;
                   other: up to here the state machine comes back */
    STEP_PULL,         /* lazy, held: the effects that wait */
    STEP_KIND_END
};

struct step {
    uint8_t kind;
    uint8_t server; /* its place, from 0 */
    uint8_t number;
    uint8_t other;
};

struct options {
    uint8_t servers;
    bool symmetry;
    bool lazy;            /* effects wait for a step of their own */
    bool held;            /* and so does settling */
    bool steady;          /* pre-votes and the like, as by default */
    bool forward;         /* who does not lead is offered commands, too */
    bool founding;        /* is not yet on the disks */
    bool check_facts;     /* by the memo */
    bool refuse_memory;   /* to each input, the first time it is met */
    bool promises;        /* are checked as they leave */
    bool small_messages;  /* one entry each */
    bool fetch;           /* what is applied leaves memory */
    bool slow_apply;      /* has an ending of its own */
    bool durable_machine; /* comes back as it was */
    const char *script;   /* a file for the way to what is broken; or NULL */
    uint64_t states_max;
    uint64_t expect; /* states, 0 = not told */
    uint64_t live;   /* look whether they agree in time: in one of so many
                        worlds; 0 = in none */
    struct budget budget;
};

extern struct options options;

/* ------------------------------------------------------------------ arena */

enum {
    ARENA_SIZE = 32768
};

void *arena_of(uint8_t server);
void arena_reset(uint8_t server);
size_t arena_used(uint8_t server);
void *arena_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size);

/* The n-th allocation from now on is refused, once; 0 = none. */
void arena_refuse(uint32_t n);
/* Has it been, since this was last asked? */
bool arena_refused(void);
/* From now on none is. Was one, since arena_refuse()? */
bool arena_relent(void);
/* Nothing may be allocated while this is set. */
extern bool arena_closed;

/* ------------------------------------------------------------------ facts */

uint64_t mix(uint64_t sum, uint64_t value);
uint64_t mix_bytes(uint64_t sum, const void *data, size_t len);

/* Renamings: renaming r makes id i the id renamed[r][i]; the first changes
 * nothing. */
extern uint8_t renamed[RENAMINGS_MAX][SERVERS_MAX + 1];
extern uint8_t renamings;

void renamings_init(void);
craft_term term_at(const struct craft_log *log, craft_index index);
uint64_t facts_of(const craft_node *node, uint8_t renaming);
/* With what that leaves out, without capacity. */
uint64_t facts_exact(const craft_node *node);

/* ----------------------------------------------------------------- images */

void images_init(void);
const struct image *image_of(uint32_t number);
uint32_t images_len(void);

/* The node of this server becomes that of the image. */
craft_node *image_load(uint8_t server, uint32_t number);

/* Of the time that passed only what is a fact stays. */
void time_forget(craft_node *node);

/* The number of the node as it is now. */
uint32_t image_store(uint8_t server, craft_node *node);

/* ------------------------------------------------------------------- host */

void disk_write(struct disk *disk, const struct record *record);
/* The oldest of the open tickets are on the disk. */
void tickets_write(struct server *server, uint8_t number);
/* The ticket of the open record at this place. */
uint64_t ticket_at(const craft_node *node, uint8_t place);

/* The first start of a group; any other, or the first again. */
craft_node *host_found(const struct world *world, uint8_t server);
craft_node *host_start(const struct world *world, uint8_t server);

/* What it has read of what is wanted: its ticket, and entries [LOG_MAX]. */
uint64_t host_read(const craft_node *node, const struct step *step,
                   const struct server *server, craft_entry *entries);
/* How much of what is wanted the disk has now. */
uint8_t host_has(const struct server *server, const struct fetch *fetch);

/* ------------------------------------------------------------------ world */

void world_root(struct world *world);
uint64_t world_fingerprint(const struct world *world);

/* ------------------------------------------------------------------ steps */

/* Steps that a world allows: their number. */
size_t world_steps(const struct world *world, struct step *array, size_t max);

enum {
    STEPS_MAX = 256
};

/* Take a step. After it, explore_broken() is not NULL if that broke a rule. */
void world_step(struct world *world, const struct step *step);

/* The input alone: what it returned. The node may become another. */
int step_input(struct world *world, const struct step *step, craft_node **node);
/* And the effects that follow in the same step. */
void step_effects(struct world *world, const struct step *step,
                  craft_node *node);

/* --------------------------------------------------------------- messages */

/* The first number of a life of that server; each draws the same. */
void numbers_begin(craft_id id, uint64_t number);
/* Of a command of that server: from 1 on; 0 is none. */
uint8_t number_of(craft_id id, uint64_t number);
void letter_of(const craft_message *message, struct letter *letter);

/* entries: [LOG_MAX], written. */
void letter_open(const struct letter *letter, craft_message *message,
                 craft_entry *entries);
void entry_open(craft_entry *entry, craft_index index,
                const struct thing *thing);
struct thing thing_of(const craft_entry *entry);
/* A command's bytes. */
const uint8_t *command_of(uint8_t what);
size_t command_len(void);

/* ---------------------------------------------------------------- effects */

/* Pull all effects of the server's node into the world. */
void effects_take(struct world *world, uint8_t server, craft_node *node);

/* Their sum since it was last set to 0. */
extern uint64_t effects_sum;

/* ------------------------------------------------------------------- memo */

/* True when that was not met before. */
bool memo_check(uint64_t before, uint64_t after);
void memos_free(void);

/* ----------------------------------------------------------------- refuse */

/* Refuse each allocation of the input in turn: an error changes nothing, and
 * the same once more ends as if nothing had been refused. */
void refuse_memory(const struct world *world, const struct step *step,
                   uint64_t after);
/* Endings of what is not open, and the like, change nothing. */
void refuse_endings(craft_node *node);

/* ------------------------------------------------------------------ check */

/* The first rule broken since the last look, or NULL. */
const char *explore_broken(void);
void explore_break(const char *rule);
void explore_forget(void);

/* A message at the moment it leaves. */
void check_leaving(const struct world *world, uint8_t server,
                   const craft_node *node, const craft_message *message);
/* A server's step from one node to the next. */
void check_change(struct world *world, uint8_t server, uint32_t before);
/* A batch for the state machine. */
void check_apply(const struct world *world, uint8_t server,
                 const craft_node *node, const craft_effect *effect);
/* The end of a request. */
void check_done(struct world *world, uint8_t server, const craft_node *node,
                const craft_effect *effect);
/* A write to a disk. */
void check_disk(const struct disk *before, const struct disk *after);
/* Every world. */
void check_world(const struct world *world);

/* ------------------------------------------------------------------- live */

/* Do they agree in time, from here on without faults? */
void live_check(const struct world *world);
/* How long that took at most, in one line. */
void live_tell(void);

/* ----------------------------------------------------------------- search */

/* Text of what happens in a step is told to stdout while this is set. */
extern bool telling;
void tell_step(const struct world *world, const struct step *step);
void tell_effect(uint8_t server, const craft_effect *effect);
void tell_world(const struct world *world);

/* The way as a scenario, while it is told. */
void script_begin(const char *rule);
/* keep: of records that fail, so many were written after all. */
void script_step(const struct world *world, const struct step *step,
                 uint8_t keep);
void script_end(void);
/* A message has left, and found room at that place, or not. */
void script_sent(const struct letter *letter, uint8_t place, bool kept);
/* The one there is gone, and the last takes its place. */
void script_removed(uint8_t place, uint8_t last);

/* 0 = nothing is broken within the bounds. */
int search(void);

#endif
