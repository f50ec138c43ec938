/*
 * node: the facts of one server, and which consequences read them.
 *
 * struct craft_node holds one sub-struct per duty. Any duty may read all of
 * it; only the duty's own file writes its sub-struct. Role, term and leader
 * belong to engine/role.c. The log, the peers and the stack of configurations
 * are rooms with several writers, each through the room's functions.
 *
 * An input changes facts and says so with craft_changed(): a fact *is* the
 * set of consequences that read it, so nothing is scanned to find work. The
 * engine settles the consequences in one written order and derives the effects
 * from settled facts.
 */
#ifndef CRAFT_CORE_NODE_H
#define CRAFT_CORE_NODE_H

#include "base/memory.h"
#include "base/random.h"
#include "log/log.h"
#include "members/members.h"
#include "peers/peers.h"
#include "quorum/quorum.h"

/* In the order in which they are settled, then in that of delivery. */
enum craft_consequence {
    CRAFT_SETTLE_DURABLE = 1u << 0,
    CRAFT_SETTLE_CONFIGURATION = 1u << 1,
    CRAFT_SETTLE_ELECTION = 1u << 2,
    CRAFT_SETTLE_COMMIT = 1u << 3,
    CRAFT_SETTLE_FORWARD = 1u << 4,
    CRAFT_SETTLE_READS = 1u << 5,
    CRAFT_SETTLE_TRANSFER = 1u << 6,
    CRAFT_SETTLE_HEALTH = 1u << 7,
    CRAFT_SETTLE_TIME = 1u << 8,
    CRAFT_SETTLE_ALL = (1u << 9) - 1u,

    CRAFT_TIDY_MEMORY = 1u << 9, /* between hooks only */

    CRAFT_DERIVE_APPEND = 1u << 16, /* appends and heartbeats of a leader */
    CRAFT_DERIVE_ANSWER = 1u << 17, /* those that promise nothing */
    CRAFT_DERIVE_TELL = 1u << 18,   /* to campaign at once */
    CRAFT_DERIVE_ASK = 1u << 19,  /* reads, commands for the leader; answers */
    CRAFT_DERIVE_PART = 1u << 20, /* of snapshots, and answers to them */
    CRAFT_DERIVE_PERSIST = 1u << 21,
    CRAFT_DERIVE_VOTE = 1u << 22,  /* requests and grants, when durable */
    CRAFT_DERIVE_REPLY = 1u << 23, /* of appends, with the durable match */
    CRAFT_DERIVE_FETCH = 1u << 24,
    CRAFT_DERIVE_CHUNK_READ = 1u << 25,  /* of a snapshot to be sent */
    CRAFT_DERIVE_CHUNK_WRITE = 1u << 26, /* of one that arrives */
    CRAFT_DERIVE_APPLY = 1u << 27,       /* or install */
    CRAFT_DERIVE_DONE = 1u << 28,
    CRAFT_DERIVE_EVENT = 1u << 29,
    CRAFT_DERIVE_WORDS = CRAFT_DERIVE_ANSWER | CRAFT_DERIVE_TELL |
                         CRAFT_DERIVE_ASK | CRAFT_DERIVE_PART,
    CRAFT_DERIVE_STORE =
        CRAFT_DERIVE_FETCH | CRAFT_DERIVE_CHUNK_READ | CRAFT_DERIVE_CHUNK_WRITE,
    CRAFT_DERIVE_LAST = CRAFT_DERIVE_DONE | CRAFT_DERIVE_EVENT,
    CRAFT_DERIVE_ALL = ((1u << 30) - 1u) & ~((1u << 16) - 1u),

    /* None, but stands with them, above all: the delivery loop ends, since the
     * host holds, frees the node, or has pulled an effect. */
    CRAFT_DELIVERY_ENDS = 1u << 30
};

/* The one table: what changed, and who has to look at it again. */
enum craft_fact {
    CRAFT_FACT_HARD_STATE = CRAFT_DERIVE_PERSIST,
    CRAFT_FACT_LOG_GREW = CRAFT_DERIVE_PERSIST,
    CRAFT_FACT_TRUNCATED =
        CRAFT_SETTLE_DURABLE | CRAFT_DERIVE_PERSIST | CRAFT_TIDY_MEMORY,
    CRAFT_FACT_CONFIGURATION = CRAFT_SETTLE_CONFIGURATION | CRAFT_SETTLE_COMMIT,
    CRAFT_FACT_PEER_WANTS = CRAFT_DERIVE_APPEND,
    CRAFT_FACT_ANSWER_OWED = CRAFT_DERIVE_ANSWER,
    CRAFT_FACT_VOTE_OWED = CRAFT_DERIVE_VOTE,
    CRAFT_FACT_REPLY_OWED = CRAFT_DERIVE_REPLY,
    CRAFT_FACT_VOTES = CRAFT_SETTLE_ELECTION,
    CRAFT_FACT_MATCH = CRAFT_SETTLE_COMMIT,
    CRAFT_FACT_COMMIT = CRAFT_DERIVE_APPLY | CRAFT_DERIVE_DONE,
    CRAFT_FACT_FORWARD_COMMITTED = CRAFT_SETTLE_FORWARD,
    CRAFT_FACT_FORWARD_OWED = CRAFT_DERIVE_ASK,
    CRAFT_FACT_READS = CRAFT_SETTLE_READS,
    CRAFT_FACT_QUESTION_OWED = CRAFT_DERIVE_ASK,
    CRAFT_FACT_TRANSFER = CRAFT_SETTLE_TRANSFER,
    CRAFT_FACT_TELL_OWED = CRAFT_DERIVE_TELL,
    CRAFT_FACT_REQUEST_ENDED = CRAFT_DERIVE_DONE,
    CRAFT_FACT_APPLIED = CRAFT_DERIVE_APPLY | CRAFT_DERIVE_DONE,
    CRAFT_FACT_CACHE_FULL = CRAFT_TIDY_MEMORY,
    CRAFT_FACT_SNAPSHOT = CRAFT_TIDY_MEMORY | CRAFT_DERIVE_PERSIST,
    CRAFT_FACT_PART_WANTED = CRAFT_DERIVE_PART | CRAFT_DERIVE_CHUNK_READ,
    CRAFT_FACT_PART_ARRIVED = CRAFT_DERIVE_PART | CRAFT_DERIVE_CHUNK_WRITE,
    CRAFT_FACT_RECEIVED = CRAFT_TIDY_MEMORY, /* whole: to be taken over */
    CRAFT_FACT_BEGUN_ANEW = CRAFT_SETTLE_CONFIGURATION | CRAFT_SETTLE_COMMIT |
                            CRAFT_SETTLE_READS | CRAFT_DERIVE_PERSIST |
                            CRAFT_DERIVE_REPLY | CRAFT_DERIVE_APPLY |
                            CRAFT_DERIVE_DONE,
    CRAFT_FACT_FETCH_WANTED = CRAFT_DERIVE_FETCH,
    CRAFT_FACT_FETCHED = CRAFT_DERIVE_APPEND | CRAFT_DERIVE_APPLY,
    CRAFT_FACT_STORAGE = CRAFT_SETTLE_HEALTH,
    CRAFT_FACT_TIME = CRAFT_SETTLE_TIME | CRAFT_TIDY_MEMORY,
    CRAFT_FACT_EVENT = CRAFT_DERIVE_EVENT,
    CRAFT_FACT_ENDED = CRAFT_DERIVE_LAST /* stopped or halted */
};

enum craft_phase {
    CRAFT_PHASE_NEW,
    CRAFT_PHASE_BOOTSTRAPPED,
    CRAFT_PHASE_RESTORING,
    CRAFT_PHASE_STARTED,
    CRAFT_PHASE_STOPPED,
    CRAFT_PHASE_HALTED
};

/* engine/role.c: Figure 3.1, "Rules for Servers". */
struct craft_standing {
    craft_term term;
    craft_id leader; /* of this term, as far as known; 0 = none */
    uint32_t role;   /* enum craft_role */
};

/* core/elect.c: thesis 3.4, 3.6.1. */
struct craft_election {
    craft_id voted_for;     /* in this term; 0 = nobody */
    craft_id grant_owed_to; /* a granted vote that has not left */
    uint32_t elapsed_ticks; /* since a leader was heard or a vote granted */
    uint32_t timeout_ticks; /* this one's draw */
    bool handed_over;       /* the campaign of this term: thesis 3.10 */
};

/* core/replicate.c: the leader's part, thesis 3.5. */
struct craft_replication {
    craft_index first_of_term; /* the no-op: from here on counting commits */
    uint64_t round;            /* rides on every append (thesis 6.4) */
    uint64_t round_ns;         /* the time before it was sent; may be none */
    uint32_t elapsed_ticks;    /* since the last heartbeat */
};

/* What core/follow.c found an append to mean, before anything changes. */
struct craft_append_plan {
    size_t keep;               /* leading entries that the log has already */
    size_t space;              /* of the others, in the log */
    craft_index truncate_from; /* 0 = nothing conflicts */
    uint32_t runs;             /* of terms that they begin, at most */
    bool matches;              /* the log has the entry before them */
    bool configurations;       /* there are some among them */
};

/* core/follow.c: the follower's part, thesis 3.5. Facts of one term. */
struct craft_following {
    craft_index verified;      /* equal to this leader's log up to here */
    craft_index leader_commit; /* the highest heard of in this term */
    craft_index replied_match; /* of the last reply */
    craft_index rejected_index;
    craft_term rejected_term;
    uint64_t round;  /* the highest heard of */
    bool reply_owed; /* even if the match has not moved */
    bool rejection_owed;
    struct craft_append_plan plan;
    struct craft_members *decoded; /* configurations of the plan, in order */
};

/* Of a ticket that was not written: it stands for the ticket before it. */
#define CRAFT_ERA_VOIDED UINT64_MAX

/* What the store holds once a record is written. */
struct craft_stored {
    uint64_t era;         /* when its entries were lent; CRAFT_ERA_VOIDED */
    craft_index last;     /* of the store's log */
    craft_index match;    /* up to here it equals the log in memory */
    craft_index snapshot; /* of the one that is noted; 0 = none */
    craft_index base;     /* up to here the store may have dropped entries */
    craft_term term;
    craft_id voted_for;
};

/* core/persist.c: the one record for the disk; thesis 3.8, 10.2.1. */
struct craft_persistence {
    struct craft_stored durable;  /* after the newest ticket that ended OK */
    struct craft_stored *tickets; /* ring, ticket t at t & mask */
    uint64_t oldest;              /* oldest open ticket; == next when none is */
    uint64_t next;                /* the next ticket to hand out */
    uint32_t mask;
    bool full;  /* NOSPACE: entries wait for a tick */
    bool stuck; /* not even the hard state fits: it waits, too */
    bool retry; /* that tick came */
};

/* core/apply.c: thesis 3.5 "applied". */
struct craft_application {
    craft_index index; /* applied up to here */
    craft_index first; /* the open batch; 0 = none */
    craft_index last;
    uint64_t era;     /* when it was lent */
    bool is_snapshot; /* what is open is no batch: both are its index */
};

struct craft_token {
    uint64_t token;
    craft_index index;
    craft_term term;
    bool hidden; /* by a snapshot: the result was decided before that */
    int32_t result;
};

/* core/propose.c: requests that wait for their fate, oldest first. */
struct craft_proposals {
    uint64_t applied_end; /* bytes of the log that were applied, at least */
    struct craft_token *tokens; /* ring */
    uint32_t max;               /* power of two, or 0 */
    uint32_t first;
    uint32_t len;
};

/* A command that was offered here while another server led. */
struct craft_forwarded {
    uint64_t token;
    craft_index index; /* where the leader entered it; 0 = not known */
    craft_term term;   /* in which it did */
    uint64_t since;    /* by the duty's clock: when it was offered, or sent */
    uint32_t bytes;    /* with overhead */
    int32_t result;    /* enum craft_result; OK while that is open */
    bool hidden;       /* entered: the result is known, from the log that was */
};

struct craft_forward_queue {
    struct craft_forwarded *items; /* ring */
    uint32_t first;
    uint32_t len;
};

/* Commands that were not sent yet, with their data. */
struct craft_forward_batch {
    craft_entry *entries; /* room for entries_max */
    uint8_t *bytes;       /* room for bytes_max */
    size_t bytes_len;
    size_t bytes_max;
    uint32_t entries_len;
    uint32_t entries_max;
    uint32_t sent; /* of the entries, the first ones */
};

/* core/forward.c: thesis 6.2. */
struct craft_forwarding {
    struct craft_forward_queue waiting; /* for an answer of the leader */
    struct craft_forward_queue entered; /* for their fate */
    uint32_t max;                       /* of either: power of two, or 0 */
    uint32_t refused; /* of the waiting, those that ended so: to be told */
    uint64_t bytes;   /* of the waiting, of those that are open */
    uint64_t clock;   /* ticks that passed while anything waited */

    uint64_t next_number;     /* of the next command to be offered */
    uint64_t unsent_number;   /* none before it is still to be sent */
    uint64_t session;         /* open with the leader; 0 = none is */
    uint64_t session_number;  /* with which it began */
    uint64_t previous;        /* the one before; 0 = none, or it is settled */
    uint64_t asked;           /* for one that begins there; 0 = not asked */
    uint32_t ask_again_ticks; /* until that is given up */
    struct craft_forward_batch filling; /* what is offered goes here */
    struct craft_forward_batch sending; /* messages are made from this */
};

/* Commands of one peer that were entered in a row: it is to be told. */
struct craft_taken_run {
    craft_id to;
    uint64_t session;
    uint64_t number; /* of the first */
    craft_index index;
    uint32_t count;
};

/* core/take.c: the leader's part of the same. */
struct craft_taking {
    struct craft_taken_run *runs; /* ring: answers owed */
    uint32_t runs_first;
    uint32_t runs_len;
    uint32_t runs_max; /* power of two, or 0 */
    uint64_t sessions; /* opened so far in this life */
};

/* One read. */
struct craft_reading {
    uint64_t token;
    uint64_t number;   /* of the round, or of the question, that proves it */
    craft_index index; /* to be applied first; 0 = not known yet */
};

struct craft_read_queue {
    struct craft_reading *items; /* ring */
    uint32_t first;
    uint32_t len;
};

/* core/read.c: thesis 6.4. */
struct craft_reads {
    struct craft_read_queue waiting;   /* for a proof */
    struct craft_read_queue confirmed; /* for the state machine */
    uint32_t max;                      /* of either: power of two, or 0 */
    uint32_t failed;                   /* of the waiting, the first: in vain */
    uint64_t next_question;            /* to the leader */
    uint64_t question;                 /* without an answer; 0 = none is */
    uint32_t ask_again_ticks;          /* until it is given up */
};

#define CRAFT_NO_TIME UINT64_MAX

/* core/lease.c: thesis 6.4.1. Times are the host's; any may be none. */
struct craft_lease {
    uint64_t now_ns;    /* the last one told */
    uint64_t quiet_ns;  /* the first one told after a leader was last heard, or
                           this life began: how long it is quiet, at least */
    uint64_t start_ns;  /* of the lease of this term */
    uint64_t round;     /* the one whose answers are awaited */
    uint64_t round_ns;  /* the time before it was sent */
    uint64_t length_ns; /* constant: of a lease */
};

/* core/transfer.c: thesis 3.10. */
struct craft_transferring {
    craft_id target; /* of the request that is open; 0 = none is */
    craft_term term; /* in which it began */
    uint64_t token;
    uint32_t elapsed_ticks;
    uint32_t tell_in_ticks; /* the target was told, and is told again then */
    bool tell;              /* now */
    craft_term told_in;     /* this server was told, in that term; 0 = not */
    craft_id ordered_to;    /* whom it told last, as leader */
    craft_term ordered_in;
    craft_index ordered_at; /* with that end of the log; the largest there is:
                               others too */
    craft_id ended_target;
    uint64_t ended_token; /* to be handed back; 0 = none */
    int32_t ended_result;
};

/* core/prefer.c: hand-overs to who is to lead instead. */
struct craft_preference {
    uint64_t since_ticks; /* the last attempt, while it is remembered */
    uint64_t pause_ticks; /* after it; 0 = none is remembered */
    craft_index mark;     /* the end of the log at the last look */
    uint32_t look_ticks;  /* since then */
};

/* One stretch of entries read back from the host. */
struct craft_stretch {
    uint64_t ticket;      /* asked for and open; 0 = not */
    craft_index first;    /* asked for, or held; 0 = neither */
    craft_index last;     /* likewise */
    craft_entry *entries; /* the buffer: entries, then their data */
    size_t size;          /* of the buffer */
};

enum {
    CRAFT_FETCH_PEERS = 0,
    CRAFT_FETCH_APPLY = 1,
    CRAFT_FETCH_COUNT = 2
};

/* core/fetch.c: entries that left memory. */
struct craft_fetching {
    struct craft_stretch *stretches; /* [CRAFT_FETCH_COUNT]; NULL: no fetch */
    uint64_t next_ticket;
    bool failed; /* a tick asks again */
};

/* core/health.c: events, levels per kind. */
struct craft_level {
    craft_id id;
    craft_term term;
    craft_index index;
    int32_t value;
    uint32_t count;
};

struct craft_health {
    struct craft_level *levels; /* [CRAFT_EVENT_KIND_END]; NULL: no interest */
    uint32_t pending;           /* a bit per kind */
    uint32_t disk_ticks;        /* that this one is known to hold up */
    uint64_t disk_ticket;       /* the oldest, at the last tick; 0 = none */
};

/* Bytes of the node's own. */
struct craft_blob {
    uint8_t *bytes; /* [len] */
    size_t len;
};

/* core/snapshot.c: thesis 5.1. */
struct craft_snapshotting {
    craft_snapshot latest;           /* index 0: there is none */
    struct craft_blob configuration; /* that it carries */
    struct craft_blob described;     /* by the last craft_snapshot_begin() */
    struct craft_blob retired;       /* a hook that is running may hold it */
    craft_snapshot older;            /* is still sent to peers; index 0: none */
    struct craft_blob older_configuration;
    craft_index compact_to; /* the log's base, when nobody holds it */
    bool tail_given; /* by the store: entries that the snapshot stands for */
};

/* core/sending.c: thesis 5.3, the leader's part. */
struct craft_sending {
    craft_index index; /* of the snapshot that all peers get; 0 = none */
    uint64_t ticket;   /* of the read that is open; 0 = none */
    uint64_t next_ticket;
    craft_index read_index; /* of the snapshot that it reads, or read: */
    craft_snapshot reading; /* lent to the host while the ticket is open */
    craft_id to;            /* for which peer */
    uint64_t offset;        /* from where on */
    size_t bytes_max;       /* and how much, at most */
    uint32_t turn;          /* the slot that is looked at first */
    uint8_t *data;          /* [data_max]; the bytes that were read */
    size_t data_max;
    size_t data_len; /* 0 = none */
};

#define CRAFT_ARRIVED_MAX 16u /* of craft_config.snapshot_window */

/* core/receiving.c: the follower's. */
struct craft_receiving {
    craft_snapshot incoming;         /* index 0: none */
    struct craft_blob configuration; /* that it carries, and decoded: */
    struct craft_members *members;
    craft_id from;     /* whose bytes they are */
    uint64_t received; /* so many have arrived in a row */
    uint64_t written;
    uint64_t ticket; /* of the write that is open; 0 = none */
    uint64_t next_ticket;
    struct craft_blob arrived[CRAFT_ARRIVED_MAX]; /* ring */
    uint32_t first;
    uint32_t len;
    bool begun;    /* the host has said from where on */
    bool complete; /* all is written and durable: it waits to be taken over */
    bool reply_owed;
    bool gap;
    struct craft_blob staged; /* of the message that is being taken */
    struct craft_blob staged_configuration;
    struct craft_members *staged_members;
};

/* What the effect in delivery points to. */
struct craft_outbox {
    craft_message message; /* its constant fields are set once */
    union {
        craft_persist persist;
        craft_fetch fetch;
        craft_event event;
        craft_snapshot_read snapshot_read;
        craft_snapshot_write snapshot_write;
        struct {
            const craft_entry *entries;
            size_t entries_len;
        };
        struct {
            uint64_t token;
            craft_index index;
            int32_t result;
        };
    };
};

/*
 * Beside the holds that the host took: the delivery loop is on the stack; and
 * the node is to be freed when it ends.
 */
#define CRAFT_HOLDS_RUNNING ((uint32_t)1 << 31)
#define CRAFT_HOLDS_FREE ((uint32_t)1 << 30)
#define CRAFT_HOLDS_MAX (CRAFT_HOLDS_FREE - 1u)

/* api: who is inside, and what is postponed. */
struct craft_delivery {
    void *host;           /* of the hooks; made without: the node */
    craft_effect *pulled; /* to fill in: such a node delivers one at a time */

    uint32_t holds; /* while any: also CRAFT_DELIVERY_ENDS in node.due */
    bool pull;      /* made without hooks */
    bool lent;      /* a pulled effect is out */
};

struct craft_node {
    uint32_t due;          /* enum craft_consequence */
    uint32_t when_durable; /* those that look again when a write has ended */
    uint32_t phase;        /* enum craft_phase */
    struct craft_standing standing;
    struct craft_delivery delivery;
    struct craft_log log;
    struct craft_peers peers;
    struct craft_members *configuration; /* the stack; top is in force */
    craft_index commit_index;            /* see craft_commit_raise() */
    struct craft_persistence persist;
    struct craft_application apply;
    struct craft_proposals proposals;
    struct craft_replication replication;
    struct craft_following following;
    struct craft_election election;
    struct craft_reads reads;
    struct craft_forwarding forward;
    struct craft_taking taking;
    struct craft_lease lease;
    struct craft_transferring transfer;
    struct craft_preference prefer;
    struct craft_fetching fetching;
    struct craft_snapshotting snapshot;
    struct craft_sending sending;
    struct craft_receiving receiving;
    struct craft_health health;
    struct craft_random random;
    craft_hooks hooks;
    craft_config config;
    craft_entry *scratch; /* craft_receive_bytes() */
    size_t scratch_max;
    struct craft_outbox out;
};

/*
 * Of a fact that changes with every entry, callers pass on only the
 * consequences that can find something: the rest would be most of the cost.
 */
static inline void craft_changed(struct craft_node *node, uint32_t fact)
{
    node->due |= fact;
}

/* The consequence found that the disk is not there yet: look again then. */
static inline void craft_when_durable(struct craft_node *node,
                                      uint32_t consequences)
{
    node->when_durable |= consequences;
}

/* Was anything forwarded whose end is not told? */
static inline bool craft_forward_waits(const struct craft_node *node)
{
    return (node->forward.waiting.len | node->forward.entered.len) != 0;
}

/*
 * Raise the commit index (thesis 3.5): a leader by counting (core/commit.c), a
 * follower by hearing (core/follow.c). It never goes back.
 */
static inline void craft_commit_raise(struct craft_node *node,
                                      craft_index index)
{
    CRAFT_ASSERT(index > node->commit_index);
    CRAFT_ASSERT(index <= node->log.last);
    node->commit_index = index;
    craft_changed(node, (node->proposals.len | node->forward.entered.len) > 0
                            ? CRAFT_FACT_COMMIT
                            : CRAFT_FACT_COMMIT & ~CRAFT_DERIVE_DONE);
}

/*
 * A round of appends begins. What is sent from now on is later than any time
 * told so far: the lease that its answers prove begins then, not at a time
 * that is told, or at which the answers come, after it (thesis 6.4.1).
 */
static inline void craft_round_begin(struct craft_node *node)
{
    node->replication.round++;
    node->replication.round_ns = node->lease.now_ns;
}

/* How long this server elects no other once it has heard from a leader. */
static inline uint32_t craft_lease_promise_ms(const struct craft_node *node)
{
    return (node->config.flags & CRAFT_CONFIG_LEASE) != 0
               ? node->config.lease_ms
               : 0;
}

/*
 * Is it bound by such a promise? It holds whatever the term has become, and
 * from the beginning of a life: what was promised before is not known. Without
 * a time told since then no time has passed.
 */
static inline bool craft_lease_promised(const struct craft_node *node)
{
    const struct craft_lease *lease = &node->lease;
    uint64_t length = (uint64_t)craft_lease_promise_ms(node) * 1000000u;

    return length > 0 && (lease->quiet_ns == CRAFT_NO_TIME ||
                          lease->now_ns - lease->quiet_ns < length);
}

/*
 * May an order of this leader to campaign (thesis 3.10) still move somebody?
 * One whose log ends where the order says, and no other. Whoever was seen to
 * have more, in this term, has not obeyed and never will.
 */
static inline bool craft_transfer_ordered(const struct craft_node *node)
{
    const struct craft_transferring *transfer = &node->transfer;
    uint32_t slot = craft_peers_find(&node->peers, transfer->ordered_to);

    return transfer->ordered_in == node->standing.term &&
           (slot == node->peers.len ||
            node->peers.slots[slot].match_index <= transfer->ordered_at);
}

/*
 * What became of a command that a leader entered: OK when i is applied here
 * and term(i) == t; SUPERSEDED when i <= commit and term(i) != t, or
 * term(commit) > t; otherwise open. By commitment, never by truncation,
 * because a truncated entry can return.
 */
static inline bool craft_fate(const struct craft_node *node, craft_index index,
                              craft_term term, int32_t *result_out)
{
    if (CRAFT_UNLIKELY(node->phase != CRAFT_PHASE_STARTED)) {
        *result_out = CRAFT_RESULT_UNKNOWN;
        return true;
    }
    if (index <= node->commit_index &&
        craft_log_term(&node->log, index) == term) {
        *result_out = CRAFT_RESULT_OK;
        return index <= node->apply.index;
    }
    *result_out = CRAFT_RESULT_SUPERSEDED;
    return index <= node->commit_index ||
           craft_log_term(&node->log, node->commit_index) > term;
}

/* The same when a snapshot takes the place of the log up to the index. "UNKNOWN
 * = a snapshot of that term or later hides it": of an earlier one it would
 * stand above the snapshot, if anywhere. */
static inline int32_t craft_fate_hidden(const struct craft_node *node,
                                        craft_index index, craft_term term,
                                        craft_term snapshot_term)
{
    if (index > node->commit_index) {
        return term > snapshot_term ? CRAFT_RESULT_SUPERSEDED
                                    : CRAFT_RESULT_UNKNOWN;
    }
    return craft_log_term(&node->log, index) == term ? CRAFT_RESULT_OK
                                                     : CRAFT_RESULT_SUPERSEDED;
}

/* The message to fill in, addressed; its payload is the caller's. */
static inline craft_message *craft_message_begin(struct craft_node *node,
                                                 uint32_t kind, craft_id to)
{
    craft_message *message = &node->out.message;

    CRAFT_ASSERT(to != node->config.id);
    message->kind = kind;
    message->to = to;
    message->term = node->standing.term;
    message->round = 0;
    return message;
}

/* What is held of the log from index on; NULL when nothing is. */
static inline const craft_entry *
craft_stretch_held(const struct craft_node *node, uint32_t which,
                   craft_index index, craft_index *last_out)
{
    const struct craft_stretch *stretch;

    if (node->fetching.stretches == NULL) {
        return NULL;
    }
    stretch = &node->fetching.stretches[which];
    /* A truncation since then is seen by the term of the last entry. */
    if (stretch->ticket != 0 || stretch->first == 0 || index < stretch->first ||
        index > stretch->last || stretch->last > node->log.last ||
        stretch->entries[stretch->last - stretch->first].term !=
            craft_log_term(&node->log, stretch->last)) {
        return NULL;
    }
    *last_out = stretch->last;
    return &stretch->entries[index - stretch->first];
}

/*
 * Has the disk ended nothing for an election timeout, of what is open? Slow is
 * not silent: with every ending the time begins anew (core/health.c). Such a
 * server could not make a vote durable, not even its own.
 */
static inline bool craft_disk_silent(const struct craft_node *node)
{
    const struct craft_health *health = &node->health;

    return health->disk_ticket != 0 &&
           health->disk_ticket == node->persist.oldest &&
           health->disk_ticks >= node->config.election_ticks &&
           (node->config.flags & CRAFT_CONFIG_CHECK_QUORUM) != 0;
}

/* The snapshot of that index, if this server still has it. */
static inline const craft_snapshot *
craft_snapshot_kept(const struct craft_node *node, craft_index index)
{
    if (index == 0) {
        return NULL;
    }
    if (index == node->snapshot.latest.index) {
        return &node->snapshot.latest;
    }
    return index == node->snapshot.older.index ? &node->snapshot.older : NULL;
}

/* Does the state machine still have to become the latest snapshot? */
static inline bool craft_install_due(const struct craft_node *node)
{
    return CRAFT_UNLIKELY(node->apply.index < node->snapshot.latest.index);
}

/*
 * Has a snapshot arrived that takes over as soon as the records that are out
 * have ended? It asks for nothing but what was given out before.
 */
static inline bool craft_takeover_waits(const struct craft_node *node)
{
    return node->receiving.complete &&
           node->standing.role != CRAFT_ROLE_LEADER && node->apply.first == 0 &&
           node->persist.durable.snapshot == node->snapshot.latest.index &&
           node->snapshot.retired.bytes == NULL &&
           (node->snapshot.older.index == 0 || node->sending.ticket == 0);
}

/*
 * How much this server is to lead, as it stands: not more than others while its
 * disk takes nothing, or it would be handed an office that it cannot keep.
 */
static inline uint32_t craft_priority_now(const struct craft_node *node)
{
    if (CRAFT_LIKELY(node->config.priority == 0)) {
        return 0;
    }
    return node->persist.full || craft_disk_silent(node) ||
                   craft_install_due(node)
               ? 0
               : node->config.priority;
}

/* Is anything lent that a truncation could overwrite? */
static inline bool craft_node_lends(const struct craft_node *node)
{
    return node->persist.oldest != node->persist.next ||
           node->apply.first != 0 || node->delivery.lent ||
           (node->delivery.holds & CRAFT_HOLDS_RUNNING) != 0;
}

#endif
