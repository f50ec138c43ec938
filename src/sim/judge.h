/*
 * judge: sees everything that a cluster does, and says when it must not.
 *
 * Owns the history of one run: every entry that ever existed, what each term's
 * leader showed, what is committed, what each server's disk holds and what it
 * was asked to write, which requests are open. It is told each effect and each
 * ending before the node or the network is; it looks at nodes, never gives them
 * an input, and has no opinion on what should happen next.
 *
 * What it convicts of:
 *  - Figure 3.2: election safety, leader append-only, log matching, leader
 *    completeness, state machine safety;
 *  - two votes of a server in one term, across restarts; a term, commit or
 *    applied index that falls;
 *  - a promise that leaves (vote request, granted vote, accepted append) and
 *    that a copy of that server's disk at this moment does not justify alone;
 *  - commitment by counting of an entry of another term (thesis 3.6.2), or of
 *    one that no majority of the voters has on its disks;
 *  - records that are not well formed, tickets that are not consecutive, more
 *    open than configured; what is lent changes before its ending;
 *  - commands applied twice, out of order, before they are durable here, or
 *    left out; a token that ends twice, never, or with the wrong fate;
 *  - a forwarded command that is sent twice, enters logs twice, in another
 *    order or after it was refused (thesis 6.2);
 *  - more memory than the limits of the configuration explain;
 *  - craft_check() finds a broken invariant: looked for after every step, but
 *    while many entries are in memory after one step in (entries / 64), and
 *    before a crash and at convergence.
 *
 * An entry is one object for each (index, term), and knows the one before it:
 * two logs that hold the same object are the same up to there, which is log
 * matching; so a log is its last entry. All checks are O(1), O(what is new) or
 * O(log n), craft_check() amortised.
 *
 * The first broken property is kept; after it every function does nothing.
 * Servers are named by position, 1 .. servers.
 */
#ifndef CRAFT_SIM_JUDGE_H
#define CRAFT_SIM_JUDGE_H

#include <stdbool.h>

#include "craft.h"
#include "craft/sim.h"

/* An entry that exists somewhere. */
struct craft_judge_entry {
    craft_index index;
    craft_term term;
    const struct craft_judge_entry *prev; /* NULL at index 1 */
    const struct craft_judge_entry *jump; /* some earlier one; at 1 itself */
    struct craft_judge_entry *other;      /* of the same index */
    uint64_t token;                       /* once it was seen with one */
    const uint8_t *data;                  /* [data_len] */
    size_t data_len;
    uint32_t kind;
};

/* Entry i stands at [i - 1]. */
struct craft_judge_log {
    const struct craft_judge_entry **entries; /* [len] */
    size_t len;
    size_t max;
};

/* What a disk holds, for a restart. */
struct craft_judge_disk {
    craft_term term;
    craft_id voted_for;
    craft_index commit_hint;
    struct craft_judge_log log;
};

struct craft_judge; /* opaque */

struct craft_judge_options {
    uint32_t servers;           /* 1 .. CRAFT_SIM_SERVERS_MAX */
    const craft_id *ids;        /* [servers], copied */
    const craft_config *config; /* [servers], as their nodes are made; copied;
                                   only limits and the group are read */
    bool fetch; /* entries may leave memory: the nodes' hosts can fetch */
    /* The token under which a command was proposed, by its data: what is
     * forwarded has none in the log. 0: it does not tell. May be NULL. */
    uint64_t (*token_of)(const uint8_t *data, size_t data_len);
};

/* NULL: out of memory. */
struct craft_judge *craft_judge_new(const struct craft_judge_options *options);
void craft_judge_free(struct craft_judge *judge);

/* NULL, or the property that is broken and by whom, in a line. */
const char *craft_judge_broken(const struct craft_judge *judge);
/* Convict, of something that only the caller can see; the first stays. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void craft_judge_convict(struct craft_judge *judge, const char *format, ...);

/* ------------------------------------------------------------------- lives */

/*
 * A life of the server begins, with this node, bootstrapped, or restored from
 * craft_judge_disk(); to be told before craft_node_start(), which delivers.
 * applied: where its state machine stands.
 */
void craft_judge_start(struct craft_judge *judge, uint32_t server,
                       const craft_node *node, craft_index applied);

/*
 * It ends; to be told before the node is freed. Of the records that are open,
 * the first `survive` are found on the disk again; its open tokens are lost
 * (their outcome stays unknown).
 */
void craft_judge_crash(struct craft_judge *judge, uint32_t server,
                       size_t survive);

/* Records that are open. */
size_t craft_judge_records(const struct craft_judge *judge, uint32_t server);

/* What is durable; borrowed until the next call that is about this server. */
const struct craft_judge_disk *craft_judge_disk(const struct craft_judge *judge,
                                                uint32_t server);

/* ----------------------------------------------------------------- effects */

void craft_judge_send(struct craft_judge *judge, uint32_t server,
                      const craft_message *message);
void craft_judge_persist(struct craft_judge *judge, uint32_t server,
                         const craft_persist *persist);
void craft_judge_apply(struct craft_judge *judge, uint32_t server,
                       const craft_entry *entries, size_t entries_len);
void craft_judge_fetch(struct craft_judge *judge, uint32_t server,
                       const craft_fetch *fetch);
void craft_judge_done(struct craft_judge *judge, uint32_t server,
                      uint64_t token, int result, craft_index index);

/* ----------------------------------------------------------------- endings */

/* As craft_persisted() will be told; with CRAFT_ENDING_ERROR the first
 * `survive` open records are on the disk. */
void craft_judge_persisted(struct craft_judge *judge, uint32_t server,
                           uint64_t ticket, int ending, size_t survive);

/* As craft_applied() will be told. */
void craft_judge_applied(struct craft_judge *judge, uint32_t server,
                         craft_index index, int ending);

/* ---------------------------------------------------------------- requests */

/* A proposal was accepted under this token: 1, 2, ... over all servers. To be
 * told before any effect of it: hold the node while it is offered. Where its
 * server does not lead it is forwarded. */
void craft_judge_propose(struct craft_judge *judge, uint32_t server,
                         uint64_t token);

/* Likewise a transfer, once it was accepted and before any effect of it. To
 * the target, by position; 0: to whoever is best placed. */
void craft_judge_transfer(struct craft_judge *judge, uint32_t server,
                          uint64_t token, uint32_t target);
/* Likewise a read. */
void craft_judge_read(struct craft_judge *judge, uint32_t server,
                      uint64_t token);

/* -------------------------------------------------------------------- steps */

/* After every input of that server, when all that it caused was told and no
 * other is running: what its node says of itself. memory: the bytes that it
 * has allocated. */
void craft_judge_step(struct craft_judge *judge, uint32_t server,
                      size_t memory);
/* The same of what a node would say: for tests without one. */
void craft_judge_step_status(struct craft_judge *judge, uint32_t server,
                             const craft_status *status, size_t memory);

/* At the end of a run in which all is well and nothing is under way: all that
 * are up stand at the same place, and every token of this life has ended. */
void craft_judge_converged(struct craft_judge *judge);

/* ------------------------------------------------------------------ looking */

/* What is committed, as far as any leader said; entry i at [i - 1]. */
const struct craft_judge_log *
craft_judge_committed(const struct craft_judge *judge);
/* The one with the command of that token; NULL: nobody has shown it. */
const struct craft_judge_entry *
craft_judge_proposed(const struct craft_judge *judge, uint64_t token);
uint64_t craft_judge_elections(const struct craft_judge *judge);

#endif
