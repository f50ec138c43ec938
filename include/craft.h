/*
 * craft: Raft consensus as a library without I/O, clock or thread.
 *
 * A node is a state machine. The host feeds it inputs (ticks, messages,
 * proposals, the endings of slow work) and carries out the effects it asks
 * for (send, persist, apply, fetch), through hooks or one at a time through
 * craft_next_effect(). The same inputs always cause the same effects.
 *
 * Vocabulary and section numbers: D. Ongaro, "Consensus: Bridging Theory and
 * Practice" (2014), here "thesis".
 *
 * Ownership is told by three phrases and no others:
 *   borrowed for this call    valid until the function or hook returns
 *   borrowed until X          valid until X happens
 *   copied                    the callee keeps its own copy
 *
 * A node is used by one thread at a time; different nodes share nothing.
 */
#ifndef CRAFT_H
#define CRAFT_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(CRAFT_SHARED) && defined(CRAFT_BUILDING)
#define CRAFT_API __declspec(dllexport)
#elif defined(_WIN32) && defined(CRAFT_SHARED)
#define CRAFT_API __declspec(dllimport)
#elif defined(__GNUC__)
#define CRAFT_API __attribute__((visibility("default")))
#else
#define CRAFT_API
#endif

#define CRAFT_VERSION_MAJOR 0
#define CRAFT_VERSION_MINOR 1
#define CRAFT_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- basics */

typedef uint64_t craft_id;    /* a server; 0 = none */
typedef uint64_t craft_term;  /* thesis 3.3; 0 = before any election */
typedef uint64_t craft_index; /* place in the log; 0 = none, first is 1 */

/*
 * Terms, indexes and rounds at or beyond this are refused wherever they come
 * from, so that no sum of two of them can wrap. A power of two.
 */
#define CRAFT_NUMBER_MAX ((uint64_t)1 << 62)

/*
 * What a function returns: 0, or one of these. The band tells the severity:
 * -1xx the caller's mistake, -2xx not now, -3xx bad bytes, -9xx the node has
 * come to its end. On any error above -900 the node is unchanged, but for what
 * earlier inputs of the same hold had left to be decided.
 */
enum craft_error {
    CRAFT_OK = 0,
    CRAFT_ERR_INVALID = -101,      /* an argument is out of range */
    CRAFT_ERR_STATE = -102,        /* not allowed in this phase of its life */
    CRAFT_ERR_UNKNOWN_ID = -103,   /* no such server in the configuration */
    CRAFT_ERR_TICKET = -104,       /* no such work is open */
    CRAFT_ERR_CLOCK = -105,        /* time was never told, or runs backwards */
    CRAFT_ERR_NOT_LEADER = -201,   /* only the leader takes this */
    CRAFT_ERR_BUSY = -202,         /* a limit is reached */
    CRAFT_ERR_NOMEM = -203,        /* the allocator refused */
    CRAFT_ERR_NOSPACE = -204,      /* this server's disk is full */
    CRAFT_ERR_NOT_VOTER = -205,    /* this server may not campaign */
    CRAFT_ERR_TRANSFER = -206,     /* leadership is being handed over */
    CRAFT_ERR_TERM = -207,         /* the term is another than expected */
    CRAFT_ERR_LEASE = -208,        /* a leader may hold a lease */
    CRAFT_ERR_FORMAT = -301,       /* bytes that are no message */
    CRAFT_ERR_VERSION = -302,      /* a wire version from the future */
    CRAFT_ERR_ENTRIES = -303,      /* the array for entries is too short */
    CRAFT_ERR_MESSAGE = -304,      /* a message that no correct peer sends */
    CRAFT_ERR_MISADDRESSED = -305, /* another group's or server's message */
    CRAFT_ERR_CORRUPT = -306,      /* stored state that contradicts itself */
    CRAFT_ERR_STOPPED = -901,      /* craft_node_stop() was called */
    CRAFT_ERR_HALTED = -902        /* a write failed: memory is not trusted */
};

/* How a request ended, in `done` (thesis 6.2). */
enum craft_result {
    CRAFT_RESULT_OK = 0,         /* a proposal: this server has applied it; a
                                    transfer: the target leads a later term; a
                                    read: answer it now */
    CRAFT_RESULT_SUPERSEDED = 1, /* it is certain never to be applied */
    CRAFT_RESULT_UNKNOWN = 2,    /* the node stopped or halted first; or the
                                    leader that it was sent to gave no answer */
    CRAFT_RESULT_TIMEOUT = 3,    /* a transfer: somebody else leads */
    CRAFT_RESULT_RETRY = 4,      /* a read: the leader may have changed, or the
                                    node stopped or halted */
    CRAFT_RESULT_REFUSED = 5     /* a proposal of a follower: it entered no log
                                    and never will */
};

/* How slow work ended, in craft_persisted(), craft_applied(), ... */
enum craft_ending {
    CRAFT_ENDING_OK = 0,
    CRAFT_ENDING_NOSPACE = 1, /* persist only: nothing was written */
    CRAFT_ENDING_ERROR = 2    /* unknown what was written: the node halts */
};

enum craft_role {
    CRAFT_ROLE_FOLLOWER = 0,
    CRAFT_ROLE_CANDIDATE = 1,
    CRAFT_ROLE_LEADER = 2,
    CRAFT_ROLE_PRE_CANDIDATE = 3 /* asks whether it could win (thesis 9.6) */
};

enum craft_entry_kind {
    CRAFT_ENTRY_COMMAND = 1,      /* the host's bytes */
    CRAFT_ENTRY_NOOP = 2,         /* starts every leadership (thesis 6.4) */
    CRAFT_ENTRY_CONFIGURATION = 3 /* members, opaque (thesis 4) */
};

enum craft_member_role {
    CRAFT_MEMBER_VOTER = 1,
    CRAFT_MEMBER_LEARNER = 2 /* receives the log, has no vote */
};

/* Frozen: stands in arrays. */
typedef struct craft_entry {
    craft_index index;
    craft_term term;
    uint64_t token;      /* the proposer's own, on the proposing server */
    uint32_t kind;       /* enum craft_entry_kind */
    uint32_t reserved;   /* 0 */
    const uint8_t *data; /* [data_len]; may be NULL when data_len is 0 */
    size_t data_len;
} craft_entry;

/* Frozen: stands in arrays. */
typedef struct craft_member {
    craft_id id;            /* 1 .. CRAFT_NUMBER_MAX - 1 */
    uint64_t incarnation;   /* of the store behind the id; 0 = not told */
    uint32_t role;          /* enum craft_member_role */
    uint32_t priority;      /* 0 = normal */
    uint32_t flags;         /* 0 */
    uint32_t reserved;      /* 0 */
    const uint8_t *address; /* [address_len]; opaque to the core */
    size_t address_len;     /* 0 .. CRAFT_ADDRESS_LEN_MAX */
} craft_member;

#define CRAFT_ADDRESS_LEN_MAX 255u
#define CRAFT_MEMBERS_MAX 64u

typedef struct craft_node craft_node; /* opaque */

/* -------------------------------------------------------------- messages */

enum craft_message_kind {
    CRAFT_MESSAGE_VOTE = 1,         /* RequestVote, Figure 3.1 */
    CRAFT_MESSAGE_VOTE_REPLY = 2,   /* its answer */
    CRAFT_MESSAGE_APPEND = 3,       /* AppendEntries; empty = heartbeat */
    CRAFT_MESSAGE_APPEND_REPLY = 4, /* its answer */
    CRAFT_MESSAGE_PRE_VOTE = 5,     /* would you vote for me? Thesis 9.6 */
    CRAFT_MESSAGE_PRE_VOTE_REPLY = 6,
    CRAFT_MESSAGE_TIMEOUT_NOW = 7, /* campaign at once (thesis 3.10) */
    CRAFT_MESSAGE_READ = 8,        /* what may be read? (thesis 6.4) */
    CRAFT_MESSAGE_READ_REPLY = 9,  /* its answer */
    CRAFT_MESSAGE_SNAPSHOT = 10,   /* a part of a state (thesis 5.1, 5.3) */
    CRAFT_MESSAGE_SNAPSHOT_REPLY = 11,
    CRAFT_MESSAGE_FORWARD = 12, /* commands for the leader (thesis 6.2) */
    CRAFT_MESSAGE_FORWARD_REPLY = 13,
    CRAFT_MESSAGE_KIND_END = 14 /* one past the last kind */
};

enum craft_vote_flags {
    /* The leader wants it: nobody sticks to that one (thesis 3.10, 4.2.3). */
    CRAFT_VOTE_TRANSFER = 1u << 0
};

/* Of a vote and a pre-vote. */
typedef struct craft_vote {
    craft_index last_index; /* of the candidate's log (thesis 3.6.1) */
    craft_term last_term;
    uint32_t flags; /* enum craft_vote_flags; of a pre-vote 0 */
    uint32_t reserved;
} craft_vote;

/* What the leader's log ends with, and the addressee's must. */
typedef struct craft_timeout_now {
    craft_index last_index;
    craft_term last_term;
} craft_timeout_now;

/* Of the answers to both. */
typedef struct craft_vote_reply {
    uint32_t granted; /* 0 or 1 */
    uint32_t reserved;
} craft_vote_reply;

typedef struct craft_append {
    craft_index prev_index; /* the entry before entries[0] */
    craft_term prev_term;
    craft_index commit; /* the leader's commit index */
    const craft_entry *entries;
    size_t entries_len; /* 0 = heartbeat or probe */
} craft_append;

/*
 * Accepted (rejected == 0): all entries up to match_index are durable on the
 * sender and equal to the leader's; cumulative, so any may be lost.
 * Rejected: the sender has no entry rejected_index with the term asked for;
 * hint names the last entry of its log that may agree (thesis 3.5).
 */
typedef struct craft_append_reply {
    uint32_t rejected;   /* 0 or 1 */
    uint32_t promise_ms; /* it elects no other for so long (thesis 6.4.1) */
    craft_index match_index;
    craft_index rejected_index; /* prev_index of the refused append */
    craft_index hint_index;
    craft_term hint_term;
    uint32_t priority; /* of the sender; 0 also while its disk takes nothing */
    uint32_t reserved; /* 0 */
} craft_append_reply;

/* Asked by a follower of its leader, for all its reads at once. */
typedef struct craft_read_request {
    uint64_t question; /* rises; another in every life of the asker */
} craft_read_request;

typedef struct craft_read_reply {
    uint64_t question; /* the answer is for this one and all before it */
    craft_index index; /* committed when it was asked */
} craft_read_reply;

/*
 * The leader's snapshot, as craft_snapshot has it, and the bytes of its state
 * from offset on. Without bytes it is an offer: the answer tells from where on
 * they are wanted.
 */
typedef struct craft_snapshot_part {
    craft_index index;
    craft_term term;
    uint64_t size;
    uint64_t digest;
    uint64_t offset;
    const uint8_t *configuration; /* [configuration_len] */
    size_t configuration_len;
    const uint8_t *data; /* [data_len]; ends at or before size */
    size_t data_len;
} craft_snapshot_part;

/* That snapshot is covered is told by an append reply. */
typedef struct craft_snapshot_reply {
    craft_index index; /* of which snapshot */
    craft_term term;
    uint64_t offset;  /* the bytes before it have arrived: the next wanted */
    uint64_t written; /* of these, so many were written */
    uint32_t gap;     /* 1: others than the next wanted have come */
    uint32_t reserved;
} craft_snapshot_reply;

/*
 * Commands of a follower, numbered without a gap, in a session that the leader
 * opened for it. Without commands: a question for a new session, in which
 * `number` is the first.
 */
typedef struct craft_forward {
    uint64_t session;           /* of a question: the one before it; 0 = none */
    uint64_t number;            /* of entries[0]; another range in every life */
    const craft_entry *entries; /* COMMAND; only their data is read */
    size_t entries_len;
} craft_forward;

enum craft_forward_verdict {
    CRAFT_FORWARD_OPENED = 1, /* the session that begins with that number */
    CRAFT_FORWARD_TAKEN = 2,  /* count commands from number on are entries from
                                 index on, of the message's term */
    CRAFT_FORWARD_REFUSED = 3 /* from number on none of the session entered the
                                 log, and none will */
};

/* What a reason is at most; the errors of a node that goes on are below. */
#define CRAFT_FORWARD_REASON_MAX 899u

typedef struct craft_forward_reply {
    uint32_t verdict; /* enum craft_forward_verdict */
    uint32_t count;   /* of a TAKEN, else 0 */
    uint64_t session;
    uint64_t number;
    craft_index index; /* of a TAKEN, else 0 */
    uint64_t closed;   /* of an OPENED: as if the session before it had been
                          REFUSED from there on; 0 = not known */
    uint32_t reason;   /* of a REFUSED: the negated enum craft_error; 0 = the
                          numbers had a gap */
    uint32_t reserved;
} craft_forward_reply;

typedef struct craft_message {
    uint32_t struct_size;
    uint32_t kind;             /* enum craft_message_kind */
    uint64_t group;            /* of both ends */
    craft_id from;             /* the sender */
    uint64_t from_incarnation; /* the sender's; 0 = not told */
    craft_id to;               /* the addressee */
    craft_term term;           /* the sender's term */
    uint64_t round;            /* the leader's round, echoed by replies */
    union {
        craft_vote vote;
        craft_vote_reply vote_reply;
        craft_append append;
        craft_append_reply append_reply;
        craft_timeout_now timeout_now;
        craft_read_request read;
        craft_read_reply read_reply;
        craft_snapshot_part snapshot;
        craft_snapshot_reply snapshot_reply;
        craft_forward forward;
        craft_forward_reply forward_reply;
    } as;
} craft_message;

/* -------------------------------------------------------------- snapshots */

/*
 * A state of the state machine that stands for a prefix of the log (thesis
 * 5.1). The bytes of the state are the host's own; it keeps this beside them
 * and hands it back with craft_restore.
 */
typedef struct craft_snapshot {
    uint32_t struct_size;
    uint32_t reserved;            /* 0 */
    craft_index index;            /* the last entry that the state holds */
    craft_term term;              /* of that entry */
    const uint8_t *configuration; /* [configuration_len]; the one in force at
                                     index: opaque, versioned, checksummed;
                                     never empty */
    size_t configuration_len;
    uint64_t size;   /* of the state in bytes; the host's */
    uint64_t digest; /* of the state, the host's: equal on two servers only
                        when the bytes are; 0 = its bytes are comparable with
                        this server's own only */
} craft_snapshot;

/* ------------------------------------------------------- slow work, events */

/* In the order in which a record is applied. */
enum craft_persist_flags {
    /* term, voted_for and commit_hint are these from now on. */
    CRAFT_PERSIST_HARD_STATE = 1u << 0,

    /* Entries at and after truncate_from go; the only flag that discards a
     * tail. */
    CRAFT_PERSIST_TRUNCATE = 1u << 1,

    /*
     * `snapshot` is the one to restore from: its index, term, size, digest and
     * configuration are stored with the record, its state is durable already.
     * It stands for all entries up to its index. Those after it stay, and so,
     * until COMPACT, do those up to it. But a log that ends before it (with no
     * entry, or by the truncation of the same record) begins anew behind it:
     * all its entries go, and the next one is snapshot->index + 1. The index
     * never falls from record to record.
     */
    CRAFT_PERSIST_SNAPSHOT = 1u << 2,

    /* Entries are appended, behind the last one or, when the log has begun
     * anew, behind the snapshot. */
    CRAFT_PERSIST_ENTRIES = 1u << 3,

    /*
     * Entries before keep_from are not asked for again, nor wanted by a
     * restart: the store may drop them, at once, later, or in part, as long as
     * those that it keeps are consecutive up to the last. keep_from is at most
     * one behind the index of the snapshot stored by this record or before it,
     * and never falls.
     */
    CRAFT_PERSIST_COMPACT = 1u << 4,

    /* To be synced before it ends OK. */
    CRAFT_PERSIST_MUST_SYNC = 1u << 5
};

/*
 * One record for the disk: all of it or nothing, applied in the order of the
 * flags above. Records are written in the order of their tickets; OK for a
 * ticket says that it and every earlier one is durable.
 */
typedef struct craft_persist {
    uint32_t struct_size;
    uint32_t flags;  /* enum craft_persist_flags */
    uint64_t ticket; /* 1, 2, ... */
    craft_term term;
    craft_id voted_for; /* 0 = nobody in this term */
    craft_index commit_hint;
    craft_index truncate_from;
    craft_index first_index;    /* entries[0].index */
    const craft_entry *entries; /* borrowed until the ticket ends */
    size_t entries_len;
    const craft_snapshot *snapshot; /* SNAPSHOT: borrowed until the ticket
                                       ends, with its configuration */
    craft_index keep_from;          /* COMPACT: the first entry to be kept */
} craft_persist;

/* Entries that left memory and are wanted back from the host's log. */
typedef struct craft_fetch {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t ticket;
    craft_index first; /* index of the first entry wanted */
    size_t entries_max;
    size_t bytes_max; /* of data; the first entry always fits */
} craft_fetch;

/* Bytes of a snapshot's state that a peer is to get. */
typedef struct craft_snapshot_read {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t ticket;
    const craft_snapshot *snapshot; /* the latest, or the one before it */
    uint64_t offset;
    size_t bytes_max; /* at least one, no more than this or than there are */
} craft_snapshot_read;

enum craft_snapshot_write_flags {
    CRAFT_SNAPSHOT_WRITE_FIRST = 1u << 0, /* no bytes: it begins */
    CRAFT_SNAPSHOT_WRITE_LAST = 1u << 1   /* with these bytes it is whole */
};

/* Bytes of a snapshot's state that have arrived from the leader. */
typedef struct craft_snapshot_write {
    uint32_t struct_size;
    uint32_t flags; /* enum craft_snapshot_write_flags */
    uint64_t ticket;
    const craft_snapshot *snapshot; /* borrowed, with its configuration, until
                                       the ticket ends */
    uint64_t offset;
    const uint8_t *data; /* [data_len], borrowed until the ticket ends */
    size_t data_len;
} craft_snapshot_write;

/* What was read. */
typedef struct craft_chunk {
    uint32_t struct_size;
    uint32_t reserved;
    const uint8_t *data; /* [data_len] */
    size_t data_len;
} craft_chunk;

enum craft_event_kind {
    CRAFT_EVENT_ROLE = 0,          /* value: enum craft_role */
    CRAFT_EVENT_LEADER = 1,        /* id: the leader, 0 = none known */
    CRAFT_EVENT_TERM = 2,          /* term */
    CRAFT_EVENT_CONFIGURATION = 3, /* index: of the one in force */
    CRAFT_EVENT_PEER = 4,     /* id; value: enum craft_progress; leaders only */
    CRAFT_EVENT_STORAGE = 5,  /* value: enum craft_ending of the write */
    CRAFT_EVENT_REFUSED = 6,  /* id: sender; value: the error; an input */
    CRAFT_EVENT_FETCH = 7,    /* value: enum craft_ending of the fetch */
    CRAFT_EVENT_TRANSFER = 8, /* id: to whom leadership is handed over */
    CRAFT_EVENT_TRANSFER_ENDED = 9, /* id: the same; value: enum craft_result */
    CRAFT_EVENT_SNAPSHOT = 10, /* value: enum craft_ending of a failed part */
    CRAFT_EVENT_FORWARD = 11,  /* id: the leader; value: the error for which it
                                refused commands of this follower, 0 = it gave
                                no answer or leads no more */
    CRAFT_EVENT_KIND_END = 12
};

/*
 * Events are levels: of each kind only the latest is kept until delivered,
 * with the number of those that happened since the last delivery.
 */
typedef struct craft_event {
    uint32_t struct_size;
    uint32_t kind; /* enum craft_event_kind */
    uint32_t count;
    int32_t value;
    craft_id id;
    craft_term term;   /* the node's term at that moment */
    craft_index index; /* the node's commit index, or see the kind */
} craft_event;

enum craft_effect_kind {
    CRAFT_EFFECT_SEND = 1,           /* message */
    CRAFT_EFFECT_PERSIST = 2,        /* persist */
    CRAFT_EFFECT_FETCH = 3,          /* fetch */
    CRAFT_EFFECT_APPLY = 4,          /* entries, entries_len */
    CRAFT_EFFECT_DONE = 5,           /* token, result, index */
    CRAFT_EFFECT_EVENT = 6,          /* event */
    CRAFT_EFFECT_SNAPSHOT_READ = 7,  /* snapshot_read */
    CRAFT_EFFECT_SNAPSHOT_WRITE = 8, /* snapshot_write */
    CRAFT_EFFECT_INSTALL = 9         /* snapshot */
};

/* One effect, as pulled; the pointers are borrowed until the next pull. */
typedef struct craft_effect {
    uint32_t struct_size;
    uint32_t kind; /* enum craft_effect_kind */
    const craft_message *message;
    const craft_persist *persist;
    const craft_fetch *fetch;
    const craft_entry *entries;
    size_t entries_len;
    const craft_event *event;
    uint64_t token;
    craft_index index;
    int32_t result;
    uint32_t reserved;
    const craft_snapshot_read *snapshot_read;
    const craft_snapshot_write *snapshot_write;
    const craft_snapshot *snapshot; /* until craft_applied() */
} craft_effect;

/*
 * Hooks. Each returns void: success is told by a call, never by a value. Any
 * function of the same node may be called from inside; what it causes follows
 * when the hook has returned. `host` is the pointer given to craft_node_new().
 */
typedef struct craft_hooks {
    uint32_t struct_size;
    uint32_t reserved;

    /* Required. message and all it points to: borrowed for this call. */
    void (*send)(void *host, const craft_message *message);

    /*
     * Required. Write one record; end it with craft_persisted(). The struct
     * is borrowed for this call, the entries until the ticket ends.
     */
    void (*persist)(void *host, const craft_persist *persist);

    /*
     * Required. Committed COMMAND entries, consecutive batches in log order,
     * each entry once per life of the node, one batch open at a time; end it
     * with craft_applied(). entries: borrowed until then.
     */
    void (*apply)(void *host, const craft_entry *entries, size_t entries_len);

    /*
     * Optional. Read entries back; end it with craft_fetched(). NULL: every
     * entry stays in memory. The struct is borrowed for this call.
     */
    void (*fetch)(void *host, const craft_fetch *fetch);

    /* Optional. The request with this token ended: enum craft_result. */
    void (*done)(void *host, uint64_t token, int result, craft_index index);

    /* Optional. For logs and metrics; borrowed for this call. */
    void (*event)(void *host, const craft_event *event);

    /*
     * Optional: without it this server, as a leader, sends no snapshot. Read a
     * part of a state; end it with craft_snapshot_read_done(). The struct is
     * borrowed for this call, the snapshot until the ticket ends. Its state is
     * to be kept while craft_status.sending_index names it.
     */
    void (*snapshot_read)(void *host, const craft_snapshot_read *read);

    /*
     * Optional, with install: without them snapshots are refused. Write a part
     * of a state beside the one in use; end it with craft_snapshot_written().
     * The struct is borrowed for this call. The first has no bytes: whatever
     * is left of another transfer may go, or it may be resumed, if index,
     * term, size and digest are the same and the digest is not 0.
     */
    void (*snapshot_write)(void *host, const craft_snapshot_write *write);

    /*
     * Optional, see above. The state machine becomes this snapshot, which was
     * written whole and is noted by the store; no apply batch is open. End it
     * with craft_applied() and its index. Borrowed until then.
     */
    void (*install)(void *host, const craft_snapshot *snapshot);
} craft_hooks;

/* ----------------------------------------------------------------- config */

/*
 * realloc(ctx, NULL, 0, n) allocates, realloc(ctx, p, old, 0) frees and
 * returns NULL, NULL otherwise means refused and p is still valid. Memory is
 * aligned for any type. Never called while effects are derived or delivered,
 * except to free.
 */
typedef struct craft_allocator {
    void *(*realloc)(void *ctx, void *ptr, size_t old_size, size_t new_size);
    void *ctx;
} craft_allocator;

/*
 * What keeps a group with one leader while that leader is well. All are on by
 * default; they are meant to be on together, and on every server of a group.
 */
enum craft_config_flags {
    /* Before it campaigns, which raises the term of all, a server asks whether
     * it could win: whose log is behind, or who does not hear a leader that
     * the others hear, disturbs nobody (thesis 9.6). */
    CRAFT_CONFIG_PRE_VOTE = 1u << 0,

    /* Whoever heard from a leader within election_ticks refuses to elect
     * another, and does not take the term of who asks (thesis 4.2.3). */
    CRAFT_CONFIG_STICKY = 1u << 1,

    /* A leader that hears from no majority for election_ticks steps down
     * (thesis 6.2), and so does one whose own disk ends no record for as long,
     * while a majority of the others goes ahead. No server campaigns whose
     * disk is as silent. Without it the two above can keep a leader in office
     * that sends and cannot receive. */
    CRAFT_CONFIG_CHECK_QUORUM = 1u << 2,

    /* Off by default. Whoever heard from a leader elects no other for lease_ms
     * by its own clock, restarts included, whatever else happens but a
     * transfer; so that leader may answer reads alone for a little less
     * (thesis 6.4.1): craft_read_lease(). Rests on clocks, and on nothing of
     * the above. Takes lease_ms and clock_drift_ppm, and craft_clock(). */
    CRAFT_CONFIG_LEASE = 1u << 3,

    /* A proposal that is offered to a follower goes to the leader (thesis
     * 6.2). Without it: CRAFT_ERR_NOT_LEADER. Also of servers that have it off
     * the leader takes what others forward. */
    CRAFT_CONFIG_FORWARD = 1u << 4,

    /* Off by default. This server never campaigns by itself: it votes, and
     * leads when craft_campaign() or a transfer made it. Let such servers be
     * fewer than half of the voters; and remember that one whose log nobody
     * else has can deny the others its vote, and will not lead instead. */
    CRAFT_CONFIG_PASSIVE = 1u << 5
};

/* See craft_config_init() for the defaults, which stand here in brackets. */
typedef struct craft_config {
    uint32_t struct_size;
    uint32_t flags;            /* enum craft_config_flags [all but leases] */
    craft_id id;               /* this server; required */
    uint64_t group;            /* told apart on the wire and on disk [0] */
    uint64_t seed;             /* of the node's generator, with the id: draws
                                  election timeouts and the numbers by which a
                                  follower knows its questions and commands to
                                  the leader: give each start of a server
                                  another */
    uint64_t incarnation;      /* of this server's store [0 = not told] */
    uint32_t election_ticks;   /* least election timeout [10]; the draw is
                                  below twice this (thesis 3.4) */
    uint32_t heartbeat_ticks;  /* 1 .. election_ticks - 1 [1] */
    size_t entry_bytes_max;    /* data of one entry [1 MiB] */
    size_t message_bytes_max;  /* data and overhead of the entries of one
                                  append, and of one apply batch; at least
                                  entry_bytes_max + 64 [1 MiB + 4 KiB] */
    size_t inflight_bytes_max; /* sent and not acknowledged, per peer [4 MiB];
                                  what begins within it is sent whole: one
                                  message more */
    uint32_t inflight_max;     /* the same in messages [64] */
    uint32_t members_max;      /* 1 .. CRAFT_MEMBERS_MAX [16] */
    size_t uncommitted_bytes_max;  /* in this leader's log and not yet applied
                                     by it, with overhead [16 MiB]; a follower
                                     whose state machine is slow takes more,
                                     and reads it back from its disk */
    size_t log_cache_bytes_max;    /* applied entries kept in memory, with
                                     overhead [4 MiB], and a segment of at
                                     most 64 KiB, or one entry, more; without
                                     `fetch` everything stays */
    size_t forward_bytes_max;      /* commands of this follower that the leader
                                      has not answered, with overhead [4 MiB] */
    uint32_t tokens_max;           /* proposals open at once, those forwarded,
                                      and reads, each [65536] */
    uint32_t persist_inflight_max; /* tickets open at once, 1 .. 64 [4] */
    uint32_t snapshot_window;      /* parts of a snapshot sent and not written,
                                      per peer, 1 .. 16 [4] */
    size_t snapshot_chunk_bytes;   /* of one part; no more than
                                      message_bytes_max counts [256 KiB] */
    size_t snapshot_pin_bytes_max; /* of the log behind a snapshot that is being
                                      sent, with overhead: so much is kept for
                                      its receivers though a newer one stands
                                      for it [64 MiB] */
    uint32_t lease_ms;             /* with CRAFT_CONFIG_LEASE, required [0]:
                                      about the least election timeout */
    uint32_t clock_drift_ppm;      /* likewise [0]: in a million nanoseconds,
                                      by how many the clock of any server of
                                      the group may be fast or slow, at most;
                                      1 .. 500000 */
    uint32_t priority;             /* a leader of lower priority hands over to
                                      this server when it is well [0 = normal;
                                      0 with CRAFT_CONFIG_PASSIVE] */
    uint32_t reserved;             /* 0 */
    craft_allocator allocator;     /* realloc NULL: the C library's */
} craft_config;

/* What the store held, for craft_node_restore(). */
typedef struct craft_restore {
    uint32_t struct_size;
    uint32_t reserved;
    craft_term term;
    craft_id voted_for;
    craft_index commit_hint;   /* known committed; 0 = not known */
    craft_index applied_index; /* where a durable state machine stands; 0 for
                                  one that starts with the snapshot, or empty */
    const craft_snapshot *snapshot; /* the latest that was stored; NULL = none;
                                       borrowed for this call */
} craft_restore;

/* ------------------------------------------------------------------- life */

/**
 * Fill a config with the defaults; id is left 0 and must be set.
 *
 * @param config       [struct_size] bytes, written
 * @param struct_size  sizeof(craft_config) of the caller
 * Cost: O(1). Since 0.1.
 */
CRAFT_API void craft_config_init(craft_config *config, size_t struct_size);

/**
 * Make a node. It takes no input before craft_node_start().
 *
 * @param config    copied
 * @param hooks     copied; NULL: effects are pulled by craft_next_effect(),
 *                  and CRAFT_EFFECT_FETCH is among them
 * @param host      handed to every hook
 * @param node_out  the node; to be freed by craft_node_free()
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  a limit is out of range or contradicts another (an
 *                      entry over the message size), or a required hook is
 *                      missing: mend the config
 *   CRAFT_ERR_NOMEM    the allocator refused
 * Effects: none. Cost: O(members_max). Since 0.1.
 */
CRAFT_API int craft_node_new(const craft_config *config,
                             const craft_hooks *hooks, void *host,
                             craft_node **node_out);

/**
 * First start of a new group: the same list on each of its voters (thesis 4).
 * Entry 1, of term 1, is the configuration; it is persisted after the start.
 *
 * @param members  [members_len], borrowed for this call; at least one voter;
 *                 ids unique
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  empty, too long, no voter, an id twice or out of range
 *   CRAFT_ERR_STATE    the node was started, restored or bootstrapped before
 *   CRAFT_ERR_NOMEM    node unchanged
 * Effects: none before craft_node_start(). Since 0.1.
 */
CRAFT_API int craft_node_bootstrap(craft_node *node,
                                   const craft_member *members,
                                   size_t members_len);

/**
 * Any later start: what the store held (thesis 3.8). The entries follow
 * through craft_node_restore_entries(), then craft_node_start(). The state
 * machine has loaded the snapshot's state, if there is one, or stands at
 * applied_index.
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  a number out of range
 *   CRAFT_ERR_CORRUPT  a vote without a term, a snapshot of a later term or
 *                      with a configuration that does not decode; without
 *                      `install`, a state machine behind its snapshot
 *   CRAFT_ERR_NOMEM    node unchanged
 *   CRAFT_ERR_STATE    the node was started, restored or bootstrapped before
 * Effects: none. Since 0.1.
 */
CRAFT_API int craft_node_restore(craft_node *node,
                                 const craft_restore *restore);

/**
 * Entries of the store's log, in order from index 1, in any batches. With a
 * snapshot they begin at any index up to one behind the snapshot's: those that
 * it stands for serve peers that are behind. Of the first, when it is one of
 * these, only index and term are kept: the log begins behind it.
 *
 * @param entries  [entries_len], copied
 *
 * @return 0, or
 *   CRAFT_ERR_CORRUPT  a gap, a term that falls or exceeds the restored one
 *                      or differs from the snapshot's at its index, an unknown
 *                      kind, a configuration that does not decode
 *   CRAFT_ERR_STATE    no craft_node_restore() before, or already started
 *   CRAFT_ERR_NOMEM    node unchanged
 * Effects: none. Cost: O(bytes). Since 0.1.
 */
CRAFT_API int craft_node_restore_entries(craft_node *node,
                                         const craft_entry *entries,
                                         size_t entries_len);

/**
 * Begin to take inputs. Started with neither bootstrap nor restore: a joining
 * server, with an empty log and no configuration, which never campaigns.
 *
 * @return 0, or
 *   CRAFT_ERR_STATE    already started
 *   CRAFT_ERR_CORRUPT  commit_hint, applied_index or the snapshot beyond the
 *                      last entry
 * Effects: after bootstrap, a persist. Since 0.1.
 */
CRAFT_API int craft_node_start(craft_node *node);

/**
 * Come to an orderly end: every open token ends with CRAFT_RESULT_UNKNOWN (a
 * read with CRAFT_RESULT_RETRY),
 * nothing more is sent, inputs are refused. The endings still in delivery may
 * be pulled.
 *
 * @return 0, or CRAFT_ERR_STOPPED, CRAFT_ERR_HALTED. Since 0.1.
 */
CRAFT_API int craft_node_stop(craft_node *node);

/**
 * Free the node, silently: no hook is called. NULL is allowed. Inside a hook
 * it takes effect when the delivery ends. Work that is open with the host
 * must not touch what the node lent. Since 0.1.
 */
CRAFT_API void craft_node_free(craft_node *node);

/* ----------------------------------------------------------------- inputs */
/*
 * Every input returns, besides what stands at each,
 *   CRAFT_ERR_INVALID  a NULL where none is allowed
 *   CRAFT_ERR_STATE    the node is not started: craft_node_start() first
 *   CRAFT_ERR_STOPPED  after craft_node_stop(): free the node
 *   CRAFT_ERR_HALTED   a write failed: free the node, restore a new one
 */

/**
 * `ticks` units of time passed (thesis 3.4). What they cause is settled after
 * everything else that was received in the same hold.
 *
 * @return 0. Effects: a campaign, heartbeats. Since 0.1.
 */
CRAFT_API int craft_tick(craft_node *node, uint32_t ticks);

/**
 * The time, for leases (thesis 6.4.1); taken, and without consequence, while
 * CRAFT_CONFIG_LEASE is off. To be given in every turn of the host's loop,
 * after what the turn has received and before craft_tick(): rarer readings
 * are safe, but shorten leases and lengthen elections.
 *
 * @param now_ns  below CRAFT_NUMBER_MAX, from a clock that never goes back, of
 *                any beginning, that runs on while the machine sleeps and keeps
 *                to clock_drift_ppm; read after every earlier input of this
 *                node, not kept from before
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  now_ns is out of range
 *   CRAFT_ERR_CLOCK    it is less than the last one: no such clock; the node
 *                      elects nobody and answers no lease reads until it has
 *                      come to where it was
 * Effects: none. Cost: O(1). Since 0.1.
 */
CRAFT_API int craft_clock(craft_node *node, uint64_t now_ns);

/**
 * Ticks until craft_tick() causes something: how long the host may sleep.
 *
 * @return 1 .. UINT32_MAX; UINT32_MAX when nothing waits for time. Since 0.1.
 */
CRAFT_API uint32_t craft_ticks_until_due(const craft_node *node);

/**
 * A message arrived. Every field is checked before anything changes.
 *
 * @param message  borrowed for this call, entries copied
 *
 * @return 0 (taken, or harmless: late, duplicated), or
 *   CRAFT_ERR_MISADDRESSED  not for this server and group, or from itself
 *   CRAFT_ERR_MESSAGE       what no correct peer sends; also told by an event
 *   CRAFT_ERR_NOMEM         dropped; the sender repeats it
 * Cost: O(entries + bytes). Since 0.1.
 */
CRAFT_API int craft_receive(craft_node *node, const craft_message *message);

/**
 * The same for an encoded message, decoded by the node.
 *
 * @param data  [data_len], borrowed for this call
 *
 * @return as craft_receive(), or CRAFT_ERR_FORMAT, CRAFT_ERR_VERSION. Since
 * 0.1.
 */
CRAFT_API int craft_receive_bytes(craft_node *node, const uint8_t *data,
                                  size_t data_len);

/**
 * Offer one command for replication (thesis 3.5, 6.2), to any server.
 *
 * On return the command is in this leader's memory; or in that of a follower,
 * on its way to the leader, when CRAFT_CONFIG_FORWARD is on. It is neither
 * durable nor committed: that is known when `done` names the token, or when
 * `apply` delivers the entry. After a step-down the token stays open until
 * commitment decides: a deadline is the host's.
 *
 * Commands enter the log in the order in which they are offered here, each
 * once or never. What a leader says is final for all behind it: from the first
 * one that is refused on, all end with CRAFT_RESULT_REFUSED, in that order,
 * and none is taken before that was told.
 *
 * @param data      [data_len] bytes, copied; may be NULL when data_len is 0
 * @param data_len  0 .. config.entry_bytes_max
 * @param token     the caller's own, handed back once; 0 = not interested
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID     data_len is over the limit: shorten the command
 *   CRAFT_ERR_NOT_LEADER  see craft_status.leader, offer it there; with
 *                         CRAFT_CONFIG_FORWARD: no leader is known, retry
 *   CRAFT_ERR_TRANSFER    this leader is about to go, for an election timeout
 *                         at most: retry then, or at the next leader
 *   CRAFT_ERR_BUSY        over uncommitted_bytes_max, forward_bytes_max or
 *                         tokens_max, or a refusal is still to be told: retry
 *                         after `done` of an earlier token
 *   CRAFT_ERR_NOMEM       node unchanged
 *   CRAFT_ERR_NOSPACE     the disk is full: retry elsewhere or later
 * Effects: one persist and one append per peer at the next delivery, however
 * many commands are offered. Cost: O(data_len). Since 0.1.
 */
CRAFT_API int craft_propose(craft_node *node, const uint8_t *data,
                            size_t data_len, uint64_t token);

/**
 * The same, if the term of this server is that one: for a caller that decided
 * what to propose by what it saw in it, and must not have it entered by a
 * later leadership. Also what is forwarded enters the log in that term only.
 *
 * @param term  as craft_status.term was then
 *
 * @return as craft_propose(), or
 *   CRAFT_ERR_TERM  another term has begun: look again, decide anew
 * Since 0.1.
 */
CRAFT_API int craft_propose_at(craft_node *node, craft_term term,
                               const uint8_t *data, size_t data_len,
                               uint64_t token);

/* One command of craft_propose_many(). Frozen: stands in arrays. */
typedef struct craft_command {
    const uint8_t *data; /* [data_len] */
    size_t data_len;
    uint64_t token;
} craft_command;

/**
 * Offer commands, all or none; consecutive entries in the order given. What a
 * follower forwards may be more than one message has room for: then others may
 * come between, or the leader may refuse the rest.
 *
 * @param commands  [commands_len], copied
 *
 * @return as craft_propose(). Since 0.1.
 */
CRAFT_API int craft_propose_many(craft_node *node,
                                 const craft_command *commands,
                                 size_t commands_len);

/**
 * Campaign now, without waiting for the election timeout (thesis 3.4); with
 * CRAFT_CONFIG_PRE_VOTE it asks first whether it could win.
 *
 * @return 0 (also when it leads or campaigns, where it does nothing), or
 *   CRAFT_ERR_NOT_VOTER  not a voter of the configuration in force
 *   CRAFT_ERR_NOSPACE    the disk is full
 *   CRAFT_ERR_LEASE      a leader was heard within lease_ms: it may answer
 *                        reads alone until then. Or none was yet, and this
 *                        server has just started: who knows?
 *   CRAFT_ERR_BUSY       with CRAFT_CONFIG_CHECK_QUORUM: the disk has ended no
 *                        record for an election timeout; retry when it has
 *   CRAFT_ERR_NOMEM      node unchanged
 * Effects: a persist, vote requests when it is durable. Since 0.1.
 */
CRAFT_API int craft_campaign(craft_node *node);

/**
 * A linearizable read (thesis 6.4): when `done` says CRAFT_RESULT_OK, this
 * server's state machine has everything that was committed when the read was
 * taken; look at it then, before another input. Any server takes reads: a
 * follower or learner asks its leader which index to wait for. Nothing is
 * written; all reads of one hold share one round of messages.
 *
 * @param token  the caller's own, handed back once; not 0. CRAFT_RESULT_OK with
 *               the index, CRAFT_RESULT_RETRY with 0: ask again, here or
 *               elsewhere
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID     the token is 0
 *   CRAFT_ERR_NOT_LEADER  this server knows no leader: retry later
 *   CRAFT_ERR_BUSY        over tokens_max: retry after `done` of an earlier one
 *   CRAFT_ERR_NOMEM       node unchanged
 * Effects: heartbeats to all peers, or a question to the leader. Since 0.1.
 */
CRAFT_API int craft_read(craft_node *node, uint64_t token);

/**
 * The same, and without a message if this server leads and its lease lasts
 * (thesis 6.4.1): a majority has promised, not long ago, to elect nobody else
 * for a while. If not (before the first answers of a term, cut off from a
 * majority, during a transfer and for as long as its order may still arrive,
 * after a pause of the process), it is as craft_read(): nothing else is to be
 * done by the host. craft_status.lease_until_ns tells how long it lasts.
 *
 * @param token   as for craft_read()
 * @param now_ns  the clock of craft_clock(), read *after* the request to read
 *                has arrived: an earlier time proves nothing of that request
 *
 * @return as craft_read(), or
 *   CRAFT_ERR_INVALID  the token is 0, now_ns is out of range, or
 *                      CRAFT_CONFIG_LEASE is off
 *   CRAFT_ERR_CLOCK    craft_clock() was never called, or its last value is
 *                      larger than now_ns
 * Effects: none, or those of craft_read(). Cost: O(voters). Since 0.1.
 */
CRAFT_API int craft_read_lease(craft_node *node, uint64_t token,
                               uint64_t now_ns);

/**
 * Hand leadership over to another voter (thesis 3.10): before this server is
 * stopped, or because the other one is better placed.
 *
 * Proposals are refused with CRAFT_ERR_TRANSFER from now on. When the target
 * holds all of the log it is told to campaign, which it does at once. That the
 * target cannot be reached ends in CRAFT_RESULT_TIMEOUT after an election
 * timeout, and this server leads on.
 *
 * @param target  its id; 0 = the voter whose log is the most complete
 * @param token   the caller's own, handed back once: CRAFT_RESULT_OK when the
 *                target was seen leading, CRAFT_RESULT_TIMEOUT when another
 *                was, or nobody in time, CRAFT_RESULT_UNKNOWN when the node
 *                stopped or halted; also after it has stepped down. 0 = not
 *                interested
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID     the target is this server
 *   CRAFT_ERR_NOT_LEADER  nothing to hand over
 *   CRAFT_ERR_UNKNOWN_ID  the target is not in the configuration
 *   CRAFT_ERR_NOT_VOTER   the target has no vote; or, with 0, no other voter
 *                         was heard for an election timeout
 *   CRAFT_ERR_BUSY        a transfer has not ended yet
 * Effects: appends to the target, then the order to campaign. Since 0.1.
 */
CRAFT_API int craft_transfer(craft_node *node, craft_id target, uint64_t token);

/**
 * Describe a snapshot of the state machine (thesis 5.1), so that it can be
 * written: which entry it ends with, and the configuration of then. Nothing is
 * pinned: the group goes on meanwhile, and the state may be written by another
 * thread or process, as long as it is that of index.
 *
 * @param index         where the state machine stood when its image was taken;
 *                      0 = where it stands: all that is applied
 * @param snapshot_out  struct_size set by the caller; filled in, size and
 *                      digest with 0; its configuration is borrowed until the
 *                      next craft_snapshot_begin()
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  index is not applied yet, or not beyond the latest
 *                      snapshot: there is nothing new
 *   CRAFT_ERR_BUSY     index is 0 while an apply batch is open
 *   CRAFT_ERR_STATE    no configuration is known
 *   CRAFT_ERR_NOMEM    node unchanged
 * Effects: none. Cost: O(members). Since 0.1.
 */
CRAFT_API int craft_snapshot_begin(craft_node *node, craft_index index,
                                   craft_snapshot *snapshot_out);

/**
 * The snapshot is durable: note it, and give up what it stands for (thesis
 * 5.1.3), but for a tail that lets peers which are a little behind catch up by
 * appends.
 *
 * @param snapshot    as craft_snapshot_begin() described it, with size and
 *                    digest; copied
 * @param keep_bytes  of the entries up to its index, so many bytes with
 *                    overhead are kept, at most; SIZE_MAX: all of them
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  not beyond the latest snapshot, or not what was
 *                      described: drop it
 *   CRAFT_ERR_BUSY     the latest snapshot is not noted by the store yet:
 *                      retry when a persist has ended
 *   CRAFT_ERR_NOMEM    node unchanged
 * Effects: a persist with SNAPSHOT, and COMPACT when anything may go. Cost:
 * O(members + open tokens). Since 0.1.
 */
CRAFT_API int craft_snapshot_end(craft_node *node,
                                 const craft_snapshot *snapshot,
                                 size_t keep_bytes);

/**
 * The link to a peer broke: what was under way is presumed lost, and sending
 * begins again with a probe at the next heartbeat (thesis 10.2).
 *
 * @return 0, or CRAFT_ERR_UNKNOWN_ID. Since 0.1.
 */
CRAFT_API int craft_peer_unreachable(craft_node *node, craft_id id);

/* ---------------------------------------------------------------- endings */

/**
 * A persist record ended.
 *
 * @param ticket  of that record; OK covers all earlier ones too. A ticket
 *                that was voided is ignored.
 * @param ending  CRAFT_ENDING_OK: durable. CRAFT_ENDING_NOSPACE: nothing of
 *                it nor of any later one is written; handed out again under
 *                new tickets. CRAFT_ENDING_ERROR: the node halts.
 *
 * @return 0, or
 *   CRAFT_ERR_TICKET   never handed out
 *   CRAFT_ERR_INVALID  no such ending
 * Since 0.1.
 */
CRAFT_API int craft_persisted(craft_node *node, uint64_t ticket, int ending);

/**
 * The open apply batch, or `install`, ended.
 *
 * @param index   the snapshot's, or the last entry applied; smaller than the
 *                batch's last: the rest is handed out again; all of it, when
 *                index is the one before the batch
 * @param ending  CRAFT_ENDING_OK, or CRAFT_ENDING_ERROR: the node halts
 *
 * @return 0, or
 *   CRAFT_ERR_TICKET   no batch is open
 *   CRAFT_ERR_INVALID  index neither of the batch nor the one before it, no
 *                      such ending
 * Since 0.1.
 */
CRAFT_API int craft_applied(craft_node *node, craft_index index, int ending);

/**
 * Entries wanted by `fetch` are here.
 *
 * @param ticket   of the fetch
 * @param entries  [entries_len], copied; consecutive from fetch.first, at
 *                 least one when the ending is OK; fewer than wanted is fine
 * @param ending   CRAFT_ENDING_OK, or CRAFT_ENDING_ERROR: asked again at the
 *                 next heartbeat, with an event
 *
 * @return 0, or
 *   CRAFT_ERR_TICKET   not open
 *   CRAFT_ERR_CORRUPT  not the entries of this log: the fetch stays open
 *   CRAFT_ERR_NOMEM    the fetch stays open: end it again later
 * Since 0.1.
 */
CRAFT_API int craft_fetched(craft_node *node, uint64_t ticket,
                            const craft_entry *entries, size_t entries_len,
                            int ending);

/**
 * A part of a snapshot was read, for `snapshot_read`.
 *
 * @param chunk   struct_size set by the caller; copied; of 1 .. bytes_max
 *                bytes; not looked at unless the ending is OK
 * @param ending  CRAFT_ENDING_OK, or CRAFT_ENDING_ERROR: the latest snapshot
 *                is tried, at the next heartbeat, with an event
 *
 * @return 0, or
 *   CRAFT_ERR_TICKET   not open
 *   CRAFT_ERR_INVALID  no bytes, or too many: the read stays open
 *   CRAFT_ERR_NOMEM    the read stays open: end it again later
 * Since 0.1.
 */
CRAFT_API int craft_snapshot_read_done(craft_node *node, uint64_t ticket,
                                       const craft_chunk *chunk, int ending);

/**
 * A part of a snapshot was written, for `snapshot_write`.
 *
 * The last one (CRAFT_SNAPSHOT_WRITE_LAST) ends OK only when the whole state
 * is durable and was found to have its digest: nothing else checks it before it
 * takes the place of the state machine.
 *
 * @param offset  all bytes before it are written: that of the part and its
 *                length; of the first, from where on the rest is wanted, which
 *                may be `size`: a host that got the state by other ways needs
 *                no part at all
 * @param ending  CRAFT_ENDING_OK; others: this transfer has failed and begins
 *                anew, with an event
 *
 * @return 0, or
 *   CRAFT_ERR_TICKET   not open
 *   CRAFT_ERR_INVALID  another offset: the write stays open
 * Since 0.1.
 */
CRAFT_API int craft_snapshot_written(craft_node *node, uint64_t ticket,
                                     uint64_t offset, int ending);

/* --------------------------------------------------------------- delivery */

/**
 * Postpone delivery until the matching craft_release(); holds nest. Inputs
 * still take effect at once. 64 proposals under one hold cause one persist
 * and one append per peer.
 *
 * @return 0. Since 0.1.
 */
CRAFT_API int craft_hold(craft_node *node);

/**
 * End a hold; the outermost one settles and delivers.
 *
 * @return 0, or CRAFT_ERR_STATE (no hold). Since 0.1.
 */
CRAFT_API int craft_release(craft_node *node);

/**
 * Pull the next effect, in the order in which hooks would be called. For
 * nodes made without hooks.
 *
 * @param effect  struct_size set by the caller; filled in
 *
 * @return 1 filled in, 0 none (also while held), or
 *   CRAFT_ERR_STATE    the node has hooks, or is not started
 *   CRAFT_ERR_INVALID  a struct_size from the future
 * Since 0.1.
 */
CRAFT_API int craft_next_effect(craft_node *node, craft_effect *effect);

/* ------------------------------------------------------------------- look */

enum craft_status_flags {
    CRAFT_STATUS_STARTED = 1u << 0,
    CRAFT_STATUS_STOPPED = 1u << 1,
    CRAFT_STATUS_HALTED = 1u << 2,
    CRAFT_STATUS_DISK_FULL = 1u << 3,
    CRAFT_STATUS_VOTER = 1u << 4 /* in the configuration in force */
};

typedef struct craft_status {
    uint32_t struct_size; /* set by the caller */
    uint32_t flags;       /* enum craft_status_flags */
    craft_id id;
    uint64_t group;
    uint32_t role; /* enum craft_role */
    uint32_t peers_len;
    craft_term term;
    craft_id voted_for;
    craft_id leader;         /* 0 = none known */
    craft_index first_index; /* first entry still in memory */
    craft_index last_index;
    craft_term last_term;
    craft_index durable_index; /* up to here on this server's disk */
    craft_index commit_index;
    craft_index applied_index;
    craft_index configuration_index; /* 0 = none */
    uint64_t round;
    size_t log_bytes;         /* entries in memory, with overhead */
    size_t uncommitted_bytes; /* not yet applied, with overhead */
    uint32_t tokens_open;
    uint32_t persists_open;
    uint32_t reads_open;
    uint32_t forwards_open;   /* proposals that went to a leader */
    craft_id transfer_target; /* leadership is being handed to it; 0 = none */
    uint64_t lease_until_ns;  /* before that time this server answers reads
                                 alone, if nothing happens; 0 = it does not */
    craft_index base_index;   /* entries up to here were compacted; 0 = none */
    craft_index snapshot_index; /* of the latest snapshot; 0 = none */
    craft_index sending_index;  /* of the one that is sent to peers; 0 = none */
    craft_index receiving_index; /* of the one that arrives; 0 = none */
} craft_status;

/**
 * Where the node stands.
 *
 * @param status_out  struct_size set by the caller; that much is written
 * @return 0, or CRAFT_ERR_INVALID. Cost: O(1). Since 0.1.
 */
CRAFT_API int craft_node_status(const craft_node *node,
                                craft_status *status_out);

enum craft_progress {
    CRAFT_PROGRESS_PROBE = 0,     /* one append per heartbeat or answer */
    CRAFT_PROGRESS_REPLICATE = 1, /* pipelined (thesis 10.2.2) */
    CRAFT_PROGRESS_SNAPSHOT = 2   /* lacks entries that were compacted: it is
                                     sent a snapshot */
};

typedef struct craft_peer_status {
    uint32_t struct_size; /* set by the caller */
    uint32_t role;        /* enum craft_member_role */
    craft_id id;
    uint32_t progress;     /* enum craft_progress; meaningful on a leader */
    uint32_t silent_ticks; /* since the peer was last heard */
    craft_index match_index;
    craft_index next_index;
    uint64_t round;    /* last one it answered */
    uint32_t inflight; /* messages sent and not acknowledged, at most */
    uint32_t
        priority; /* as it told last; 0 also while its disk takes nothing */
    size_t inflight_bytes;     /* the same in bytes */
    uint64_t snapshot_written; /* bytes of the snapshot that it has written */
} craft_peer_status;

/**
 * How far a peer is, as this leader knows.
 *
 * @param position  0 .. craft_status.peers_len - 1, in order of ids; the own
 *                  id is not among them
 * @return 0, or CRAFT_ERR_INVALID. Cost: O(1). Since 0.1.
 */
CRAFT_API int craft_node_peer(const craft_node *node, uint32_t position,
                              craft_peer_status *peer_out);

typedef struct craft_configuration {
    uint32_t struct_size; /* set by the caller */
    uint32_t reserved;
    craft_index index;           /* of its entry; 0 = none in force */
    uint64_t lineage;            /* hash of the bootstrap list: tells clusters
                                    apart */
    const craft_member *members; /* in order of ids */
    size_t members_len;
} craft_configuration;

/**
 * The configuration in force: the latest in the log, committed or not (thesis
 * 4.1).
 *
 * @param configuration_out  what it points to is borrowed until the next
 *                           input
 * @return 0, or CRAFT_ERR_INVALID. Cost: O(1). Since 0.1.
 */
CRAFT_API int craft_node_configuration(const craft_node *node,
                                       craft_configuration *configuration_out);

/* What craft_explain() answers. */
enum craft_question {
    CRAFT_QUESTION_LEADER = 1,  /* why is there no leader? Subject 0 */
    CRAFT_QUESTION_COMMIT = 2,  /* why is it not committed? An index */
    CRAFT_QUESTION_PEER = 3,    /* why is nothing sent to it? An id */
    CRAFT_QUESTION_READ = 4,    /* why does it wait? The token of a read; 0:
                                   would craft_read() take one now? */
    CRAFT_QUESTION_PROPOSE = 5, /* would craft_propose() take a command now,
                                   with a token? Bytes of its data */
    CRAFT_QUESTION_END = 6      /* one past the last question */
};

/*
 * The first cause, in the order in which the node itself looks: when it is out
 * of the way, the next one is seen. Numbers and names never change their
 * meaning; later versions add to them.
 */
enum craft_why {
    CRAFT_WHY_NOTHING = 0,     /* it would be taken */
    CRAFT_WHY_NOT_STARTED = 1, /* craft_node_start() comes first */
    CRAFT_WHY_STOPPED = 2,
    CRAFT_WHY_HALTED = 3,
    CRAFT_WHY_UNSETTLED = 4, /* what was taken in this hold, or hook, is yet to
                                be settled: ask after it */
    CRAFT_WHY_DELIVERY = 5,  /* nothing stands in its way but that it is yet to
                                be delivered: end the hold, pull the effects */
    CRAFT_WHY_OTHER = 6,     /* a cause that has no number */

    /* Of several questions. */
    CRAFT_WHY_NO_LEADER = 20,    /* none is known here */
    CRAFT_WHY_ASK_LEADER = 21,   /* only the leader knows, or does: id */
    CRAFT_WHY_OWN_DISK = 22,     /* this server's disk alone is waited for:
                                    ticket, 0 = none is out; index, reached */
    CRAFT_WHY_DISK_FULL = 23,    /* this server's */
    CRAFT_WHY_NO_MEMORY = 24,    /* for what winning appends; a tick asks the
                                    allocator: ticks */
    CRAFT_WHY_NUMBERS_END = 25,  /* CRAFT_NUMBER_MAX is reached */
    CRAFT_WHY_FETCH = 26,        /* index left memory and is fetched: ticket,
                                    0 = another fetch comes first */
    CRAFT_WHY_FETCH_FAILED = 27, /* that failed, a tick asks again: index */
    CRAFT_WHY_DISK_SILENT = 28,  /* this server's ended nothing for an election
                                    timeout: ticket */
    CRAFT_WHY_INSTALL = 29,      /* the state machine is to become the snapshot
                                    of index first */

    /* CRAFT_QUESTION_LEADER */
    CRAFT_WHY_LEADS = 101,            /* this server does */
    CRAFT_WHY_FOLLOWS = 102,          /* id leads, and was heard of; ticks until
                                         this server would campaign, or 0 */
    CRAFT_WHY_NO_CONFIGURATION = 103, /* it never had any: it is to join */
    CRAFT_WHY_NOT_MEMBER = 104,       /* of the configuration in force */
    CRAFT_WHY_LEARNER = 105,          /* no vote: it waits for the others */
    CRAFT_WHY_TIMER = 106,         /* the election timeout is not over: ticks;
                                      id: whom it voted for in this term */
    CRAFT_WHY_LEADER_SILENT = 107, /* id led, and is silent for the least
                                      election timeout: ticks */
    CRAFT_WHY_PRE_VOTES = 108,     /* asked whether it could win: needed of
                                      servers; refused; ticks */
    CRAFT_WHY_VOTES = 109,         /* the same of votes */
    CRAFT_WHY_PROMISED = 110,      /* for lease_ms by its clock this server
                                      elects nobody, itself neither */

    /* CRAFT_QUESTION_COMMIT */
    CRAFT_WHY_COMMITTED = 201,  /* it is */
    CRAFT_WHY_BEYOND_LOG = 202, /* no such entry here: reached */
    CRAFT_WHY_UNVERIFIED = 203, /* the leader, id, has not compared its log with
                                   this one that far: reached */
    CRAFT_WHY_NOT_TOLD = 204,   /* id has told a lower commit: reached */
    CRAFT_WHY_VOTERS = 205,     /* not durable at a majority: needed of servers
                                   have index, reached is what a majority has;
                                   ticket, if this server is one of them */
    CRAFT_WHY_OLD_TERM = 206,   /* durable at a majority, and of an earlier
                                   term: commits with index, which is of this
                                   one (thesis 3.6.2), as in VOTERS */

    /* CRAFT_QUESTION_PEER */
    CRAFT_WHY_SELF = 301,            /* it is this server */
    CRAFT_WHY_UNKNOWN_PEER = 302,    /* not in the configuration in force */
    CRAFT_WHY_UP_TO_DATE = 303,      /* it has all; ticks until a heartbeat */
    CRAFT_WHY_IN_FLIGHT = 304,       /* all is sent: amount of messages are not
                                        acknowledged; index, reached */
    CRAFT_WHY_WINDOW_MESSAGES = 305, /* amount are sent and not acknowledged,
                                        limit may be; index is next */
    CRAFT_WHY_WINDOW_BYTES = 306,    /* the same in bytes */
    CRAFT_WHY_PROBING = 307,         /* whether it has index was asked, and is
                                        again after ticks */
    CRAFT_WHY_PEER_SILENT = 308,     /* nothing is heard of it, or its link
                                        broke: heartbeats alone, the next after
                                        ticks, until it answers; index */
    CRAFT_WHY_SNAPSHOT = 309,        /* it lacks entries that were compacted and
                                        is sent the snapshot of index: amount of
                                        limit bytes are written; index 0: this
                                        server sends none */

    /* CRAFT_QUESTION_READ */
    CRAFT_WHY_UNKNOWN_READ = 401, /* no such token: it ended, or never was */
    CRAFT_WHY_FIRST_COMMIT = 402, /* the leader has committed nothing of its own
                                     term yet: index; ask about its commit */
    CRAFT_WHY_ROUND = 403,        /* needed of servers have not answered round
                                     index; reached is what a majority has */
    CRAFT_WHY_ANSWER = 404,       /* id, the leader, was asked, and is again
                                     in ticks */
    CRAFT_WHY_QUESTION = 405,     /* an earlier question is to be answered
                                     first by id; given up in ticks */
    CRAFT_WHY_CATCH_UP = 406,     /* index is not known to be committed here:
                                     reached; id leads */
    CRAFT_WHY_APPLY = 407,        /* up to index is to be applied, the host has
                                     reached + 1 and on in hand */
    CRAFT_WHY_READS_MAX = 408,    /* amount are open, limit may be */

    /* CRAFT_QUESTION_PROPOSE */
    CRAFT_WHY_TOO_LONG = 501,    /* amount is over limit, entry_bytes_max */
    CRAFT_WHY_TRANSFER = 502,    /* leadership goes to id, for ticks at most */
    CRAFT_WHY_UNCOMMITTED = 503, /* amount of bytes are not applied, limit may
                                    be: uncommitted_bytes_max */
    CRAFT_WHY_TOKENS_MAX = 504,  /* amount are open, limit may be */
    CRAFT_WHY_FORWARDED = 505, /* amount of bytes have no answer of the leader,
                                    id, limit may be: forward_bytes_max */
    CRAFT_WHY_REFUSALS = 506   /* amount of refusals are to be told first */
};

/* An answer. What a code does not speak of is 0. */
typedef struct craft_explanation {
    uint32_t struct_size; /* set by the caller */
    uint32_t question;    /* enum craft_question, as asked */
    uint64_t subject;     /* as asked */
    uint32_t code;        /* enum craft_why */
    int32_t error;        /* what the input would return, of those that ask */
    craft_id id;
    craft_index index;   /* what is to be reached */
    craft_index reached; /* how far it is */
    uint64_t ticket;     /* that the host has not ended */
    uint64_t amount;
    uint64_t limit;
    uint32_t ticks;        /* until time alone changes it; 0 = it does not */
    uint32_t silent_ticks; /* of a peer, since it was last heard */
    uint32_t needed;       /* so many of servers are enough */
    uint32_t refused;      /* so many of them, the first, said no */
    uint32_t servers_len;
    uint32_t reserved;
    craft_id servers[CRAFT_MEMBERS_MAX]; /* [servers_len], voters that are
                                            waited for, this one among them */
} craft_explanation;

/**
 * Why is nothing happening? The first thing that stands in the way, by the
 * same rules by which the node acts. Changes nothing, needs no memory; may be
 * asked at any time, of a node in any phase, and from inside hooks.
 *
 * @param question         enum craft_question
 * @param subject          see there
 * @param explanation_out  struct_size set by the caller; that much is written
 *
 * @return 0, or CRAFT_ERR_INVALID: no such question; an index or an id that is
 *         0; a subject of CRAFT_QUESTION_LEADER
 * Cost: O(members); CRAFT_QUESTION_READ: and the reads that are open. Since
 * 0.1.
 */
CRAFT_API int craft_explain(const craft_node *node, uint32_t question,
                            uint64_t subject,
                            craft_explanation *explanation_out);

/** The name of a code, "CRAFT_WHY_VOTERS"; never NULL. Since 0.1. */
CRAFT_API const char *craft_why_name(uint32_t code);

/**
 * Describe in one line of text, for logs and tests. At most size bytes are
 * written, always with a final NUL when size is not 0.
 *
 * @param text  [size], may be NULL when size is 0
 * @return the length of the whole line, as snprintf(). Since 0.1.
 */
CRAFT_API size_t craft_describe_message(const craft_message *message,
                                        char *text, size_t size);
/** Describe a persist record; see craft_describe_message(). Since 0.1. */
CRAFT_API size_t craft_describe_persist(const craft_persist *persist,
                                        char *text, size_t size);
/** Describe an event; see craft_describe_message(). Since 0.1. */
CRAFT_API size_t craft_describe_event(const craft_event *event, char *text,
                                      size_t size);
/** Describe a pulled effect; see craft_describe_message(). Since 0.1. */
CRAFT_API size_t craft_describe_effect(const craft_effect *effect, char *text,
                                       size_t size);
/** Describe a status; see craft_describe_message(). Since 0.1. */
CRAFT_API size_t craft_describe_status(const craft_status *status, char *text,
                                       size_t size);

/** Describe an answer; see craft_describe_message(). Since 0.1. */
CRAFT_API size_t craft_describe_explanation(
    const craft_explanation *explanation, char *text, size_t size);

/** What an error means, in a sentence; never NULL. Since 0.1. */
CRAFT_API const char *craft_strerror(int error);
/** The name of an error, "CRAFT_ERR_BUSY"; never NULL. Since 0.1. */
CRAFT_API const char *craft_error_name(int error);
/** "major.minor.patch" of the library in use. Since 0.1. */
CRAFT_API const char *craft_version(void);

/**
 * Check every invariant of the node, slowly; for tests, after every step.
 *
 * @return NULL, or the invariant that is broken. Cost: O(everything). Since
 * 0.1.
 */
CRAFT_API const char *craft_check(const craft_node *node);

/**
 * Called when an assertion of the library fails, that is: at a bug of ours.
 * The default prints it and aborts. The handler must not return.
 *
 * @param handler  NULL: the default; for the whole process. Set it before the
 *                 first node is made. Since 0.1.
 */
CRAFT_API void craft_set_assert_handler(void (*handler)(const char *expression,
                                                        const char *file,
                                                        int line));

/* ------------------------------------------------------------------ codec */

/**
 * Bytes that craft_message_encode() will write. Since 0.1.
 *
 * @return the length, or 0 for a message that cannot be encoded.
 */
CRAFT_API size_t craft_message_encoded_len(const craft_message *message);

/**
 * Encode a message in wire format 1 (docs/wire-format.md).
 *
 * @param data      [data_max], written
 * @param data_len  the length written
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  an unknown kind, or data_max is below the encoded
 *                      length
 * Since 0.1.
 */
CRAFT_API int craft_message_encode(const craft_message *message, uint8_t *data,
                                   size_t data_max, size_t *data_len);

/**
 * Decode one message that fills data exactly. Checks framing; meaning is
 * checked by craft_receive(); a checksum belongs to the host's frame.
 *
 * @param message_out  points into data and entries: borrowed until either
 *                     goes
 * @param entries      [entries_max], written; may be NULL when entries_max is
 *                     0
 *
 * @return 0, or
 *   CRAFT_ERR_FORMAT   not a message: drop it
 *   CRAFT_ERR_VERSION  of a later version: drop it
 *   CRAFT_ERR_ENTRIES  entries_max is too small: entries_len in
 *                      message_out->as.append, or as.forward for that kind,
 *                      says how many, to be called again
 * Cost: O(entries). Since 0.1.
 */
CRAFT_API int craft_message_decode(craft_message *message_out,
                                   craft_entry *entries, size_t entries_max,
                                   const uint8_t *data, size_t data_len);

/**
 * Whom encoded bytes are for, without decoding them: for hosts of many
 * groups.
 *
 * @return 0, or CRAFT_ERR_FORMAT, CRAFT_ERR_VERSION. Cost: O(1). Since 0.1.
 */
CRAFT_API int craft_frame_peek(const uint8_t *data, size_t data_len,
                               uint64_t *group_out, craft_id *to_out);

#ifdef __cplusplus
}
#endif

#endif
