/*
 * What the files of the judge share among themselves; see judge.h.
 *
 * A log that is not read by index is its last entry: what stands below is
 * found through the entries. Only the disks and what is committed are arrays.
 * Where a function says that it convicts, its caller need not look: nothing is
 * ever judged again after that.
 */
#ifndef CRAFT_SIM_JUDGE_PARTS_H
#define CRAFT_SIM_JUDGE_PARTS_H

#include "base/base.h"
#include "sim/judge.h"

#define LLU(x) ((unsigned long long)(x))

#define CRAFT_JUDGE_RECORDS_MAX 64u /* of craft_config.persist_inflight_max */
#define CRAFT_JUDGE_FIRST_TERM 1u   /* of the entry that founds a group */

/* What a disk holds once a record is written. */
struct craft_judge_stored {
    craft_term term;
    craft_id voted_for;
    craft_index commit_hint;
    const struct craft_judge_entry *tip; /* NULL: no entry */
};

/* A record that is handed out and not ended. */
struct craft_judge_record {
    uint64_t ticket;
    struct craft_judge_stored after;
    const craft_entry *lent; /* [lent_len] */
    size_t lent_len;
    uint64_t lent_tokens;
};

/* An open batch to apply. */
struct craft_judge_batch {
    const craft_entry *lent; /* [lent_len]; NULL: none */
    size_t lent_len;
    uint64_t lent_tokens;
    const struct craft_judge_entry *tip; /* the last of them */
};

struct craft_judge_server {
    craft_id id;
    craft_config config;
    const craft_node *node; /* NULL: down, or a test has none */
    bool up;
    bool ended; /* stopped or halted: it only ends requests */
    uint32_t life;

    struct craft_judge_disk disk; /* what is durable */
    struct craft_judge_record records[CRAFT_JUDGE_RECORDS_MAX];
    size_t records_len;
    uint64_t next_ticket;
    uint64_t next_fetch;

    struct craft_judge_batch batch;
    craft_index applied;    /* where its state machine stands */
    uint32_t tokens_open;   /* of proposals while it led */
    uint32_t forwards_open; /* of those while it did not */
    uint32_t others_open;   /* of transfers and reads */
    /* Tokens of this life: the last with an entry; the last in the term of
     * that name; the last that was refused, and the last when that was told. */
    uint64_t entered;
    uint64_t entered_last;
    craft_term entered_term;
    uint64_t refused;
    uint64_t refused_to;

    craft_term term;         /* the highest that it told */
    craft_index commit_told; /* likewise, to its followers */
    craft_status seen;       /* of the last step */
    size_t log_bytes_most;
    craft_index check_credit; /* entries that craft_check() may walk over */
};

struct craft_judge_term {
    craft_term term;
    uint32_t leader;       /* 0 = none known */
    craft_index committed; /* the last that its leader committed; 0 = none */
    const struct craft_judge_entry *tip; /* the leader's log as it is known */
};

struct craft_judge_token {
    uint32_t server;
    uint32_t life;
    craft_term term;
    const struct craft_judge_entry *entry; /* NULL: not seen yet */
    bool ended;        /* else open, while its server lives */
    bool transfers;    /* leadership, and proposes nothing */
    bool reads;        /* and proposes nothing */
    bool forwarded;    /* proposed where another led */
    bool sent;         /* to the leader */
    int result;        /* once it has ended */
    craft_index index; /* likewise; 0: at none */
    uint32_t target;   /* of a transfer; 0: any other server */
    craft_index floor; /* of a read: what was committed when it was taken */
};

struct craft_judge_chunk {
    struct craft_judge_chunk *next;
    size_t size;
    size_t used;
};

struct craft_judge {
    uint32_t servers_len;
    bool fetch;
    uint64_t (*token_of)(const uint8_t *data, size_t data_len); /* or NULL */
    bool broken;
    char text[256];
    struct craft_judge_server servers[CRAFT_SIM_SERVERS_MAX + 1];

    struct craft_judge_chunk *chunks;   /* newest first */
    struct craft_judge_entry **entries; /* by index, the newest first */
    size_t entries_len;
    size_t entries_max;
    struct craft_judge_term *terms; /* in order */
    size_t terms_len;
    size_t terms_max;
    uint64_t elections;
    struct craft_judge_log committed;
    struct craft_judge_token *tokens; /* token t at [t - 1] */
    size_t tokens_len;
    size_t tokens_max;
};

/* judge.c ------------------------------------------------------------------ */

/* The server, or NULL when nothing is to be judged any more. */
struct craft_judge_server *craft_judge_server_of(struct craft_judge *judge,
                                                 uint32_t server);
/* Likewise when it is down, or has come to its end and acts all the same,
 * which convicts. what: it does. */
struct craft_judge_server *craft_judge_actor(struct craft_judge *judge,
                                             uint32_t server, const char *what);
/* What its node says of itself. */
craft_status craft_judge_look(const struct craft_judge_server *of);
uint32_t craft_judge_position(const struct craft_judge *judge, craft_id id);
/* Room for one more; convicts of no memory, and returns false. */
bool craft_judge_grow(struct craft_judge *judge, void **array, size_t *max,
                      size_t wanted, size_t size);

/* judge_history.c ---------------------------------------------------------- */

/* The entry at index of the log that ends with tip, or NULL. O(log n). */
const struct craft_judge_entry *
craft_judge_at(const struct craft_judge_entry *tip, craft_index index);
/* Is entry, which may be NULL, in the log that ends with tip? O(log n). */
bool craft_judge_within(const struct craft_judge_entry *tip,
                        const struct craft_judge_entry *entry);
craft_index craft_judge_index(const struct craft_judge_entry *tip);
craft_term craft_judge_term_at(const struct craft_judge_entry *tip);

/* NULL: unknown. */
const struct craft_judge_entry *
craft_judge_entry_find(const struct craft_judge *judge, craft_index index,
                       craft_term term);
/* Entries in a row that a server handed out, behind prev; their terms rise up
 * to `term`. The last one's object; prev when there is none; convicts. */
const struct craft_judge_entry *
craft_judge_entries_note(struct craft_judge *judge, uint32_t server,
                         const struct craft_judge_entry *prev,
                         const craft_entry *entries, size_t entries_len);
/* Are the entries still those that end with tip, with tokens of this sum? */
bool craft_judge_entries_same(const struct craft_judge_entry *tip,
                              const craft_entry *entries, size_t entries_len,
                              uint64_t tokens);
uint64_t craft_judge_entries_tokens(const craft_entry *entries,
                                    size_t entries_len);

/* Make the array the log that ends with tip. O(what is new). */
void craft_judge_log_follow(struct craft_judge *judge,
                            struct craft_judge_log *log,
                            const struct craft_judge_entry *tip);
const struct craft_judge_entry *
craft_judge_log_tip(const struct craft_judge_log *log);

/* judge_terms.c ------------------------------------------------------------ */

/* NULL: out of memory, which convicts. Until the next call. */
struct craft_judge_term *craft_judge_term_of(struct craft_judge *judge,
                                             craft_term term);
/* NULL: nothing is known of it. */
struct craft_judge_term *craft_judge_term_find(const struct craft_judge *judge,
                                               craft_term term);
void craft_judge_lead(struct craft_judge *judge, uint32_t server,
                      craft_term term);
/* The leader's log of that term reaches tip, at least. */
void craft_judge_show(struct craft_judge *judge, uint32_t server,
                      craft_term term, const struct craft_judge_entry *tip);
/* The leader of that term has committed up to there. */
void craft_judge_commit(struct craft_judge *judge, uint32_t server,
                        craft_term term, craft_index index);
/* What its node has committed by now, if it leads. */
void craft_judge_commit_learn(struct craft_judge *judge, uint32_t server,
                              const craft_status *status);

/* judge_step.c ------------------------------------------------------------- */

/* Every invariant of its node, if it has one. O(entries in memory). */
void craft_judge_check(struct craft_judge *judge, uint32_t server);

/* judge_disk.c ------------------------------------------------------------- */

/* What its disk will hold when all that is handed out is written. */
struct craft_judge_stored craft_judge_view(const struct craft_judge_server *of);
/* Of the open records the first `keep` are durable, the others are not. */
void craft_judge_records_end(struct craft_judge *judge, uint32_t server,
                             size_t keep);

/* judge_tokens.c ----------------------------------------------------------- */

/* An entry with a token was handed out by that server. */
void craft_judge_token_note(struct craft_judge *judge, uint32_t server,
                            const craft_entry *entry,
                            struct craft_judge_entry *known);

bool craft_judge_has_ended(const struct craft_judge_server *of);

/* judge_forward.c ---------------------------------------------------------- */

/* An entry with a command that was not seen before. */
void craft_judge_command_note(struct craft_judge *judge,
                              const struct craft_judge_entry *known);
/* Commands leave for the leader; its answer leaves. */
void craft_judge_forward(struct craft_judge *judge, uint32_t server,
                         const craft_message *message);
void craft_judge_forward_reply(struct craft_judge *judge, uint32_t server,
                               const craft_message *message);
/* What only a forwarded command may end with: refused, or without an answer. */
const char *craft_judge_unentered_fault(const struct craft_judge *judge,
                                        uint64_t token, int result);

/* judge_apply.c ------------------------------------------------------------ */

void craft_judge_batch_end(struct craft_judge *judge, uint32_t server);
/* Its node says that it has applied so much: only its own are left out. */
void craft_judge_passed(struct craft_judge *judge, uint32_t server,
                        craft_index index);

#endif
