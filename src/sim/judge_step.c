/* After each input: what a node says of itself, and what it has in memory. */
#include <string.h>

#include "sim/judge_parts.h"

#define ENTRY_BYTES ((size_t)64) /* of an entry, besides its data */
#define ENTRY_ROOM ((size_t)8)   /* and of the room for its data, at least */
#define SEGMENT_BYTES ((size_t)65536) /* of that room is given up at a time */
#define FIXED_BYTES ((size_t)32768)   /* a node with its peers, a small log */
#define FORWARD_BYTES ((size_t)4096)  /* a request with all of its commands */
#define CHECK_ENTRIES 64u             /* that a step may walk over */

/* ------------------------------------------------------------------ memory */

/*
 * What is applied leaves memory when it is more than the cache is to hold; but
 * in segments, of which the oldest and the newest may be large. A batch that
 * ends under a hold waits for the release.
 */
static void log_bytes_check(struct craft_judge *judge, uint32_t server,
                            const craft_status *status)
{
    struct craft_judge_server *of = &judge->servers[server];
    size_t batches = 2 * of->config.message_bytes_max;
    craft_index applied = status->applied_index + 1;
    size_t kept = 0;
    size_t entries = 0;

    if (status->log_bytes > of->log_bytes_most) {
        of->log_bytes_most = status->log_bytes;
    }
    if (applied > status->first_index) {
        kept = status->log_bytes - status->uncommitted_bytes;
        entries = (size_t)(applied - status->first_index);
    }
    if (judge->fetch && kept > of->config.log_cache_bytes_max + batches &&
        kept - entries * (ENTRY_BYTES - ENTRY_ROOM) > SEGMENT_BYTES + batches) {
        craft_judge_convict(judge,
                            "%u keeps %zu bytes of its log in memory that it "
                            "has applied: %zu entries",
                            server, kept, entries);
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t forward_most(const struct craft_judge_server *of, size_t tokens)
{
    size_t bytes = of->config.forward_bytes_max;

    if ((of->config.flags & CRAFT_CONFIG_FORWARD) == 0) {
        bytes = 0;
    }
    return 4 * (smaller(bytes, tokens * of->config.entry_bytes_max) +
                FORWARD_BYTES + ENTRY_BYTES * tokens);
}

/*
 * The largest log so far, as often as it may be in memory at once: arrays of
 * powers of two, in use, lent and made ready; what is lent to a slow disk; what
 * is kept for reuse. Messages to decode, two stretches that were fetched; a
 * table of tokens, a run for each term; the node itself. What is forwarded is
 * filled while it is sent, in arrays of powers of two; the last one in when
 * nothing waits may be over the limit; on the leader an answer for each.
 */
static size_t memory_most(const struct craft_judge *judge,
                          const struct craft_judge_server *of,
                          const craft_status *status)
{
    size_t messages = 2 * of->config.message_bytes_max;
    size_t tokens = smaller(of->config.tokens_max, judge->tokens_len + 8);
    size_t runs =
        (size_t)(status->term < status->last_index ? status->term
                                                   : status->last_index);

    return FIXED_BYTES + 8 * of->log_bytes_most +
           messages * (judge->fetch ? 3 : 1) + ENTRY_BYTES * (tokens + runs) +
           forward_most(of, tokens);
}

static void memory_check(struct craft_judge *judge, uint32_t server,
                         const craft_status *status, size_t memory)
{
    const struct craft_judge_server *of = &judge->servers[server];
    size_t most;

    log_bytes_check(judge, server, status);
    most = memory_most(judge, of, status);
    if (memory > most) {
        craft_judge_convict(judge,
                            "%u has %zu bytes of memory, %zu are explained by "
                            "at most %zu of log",
                            server, memory, most, of->log_bytes_most);
    }
}

/* ------------------------------------------------------------------- steps */

static const char *rising_fault(const struct craft_judge_server *of,
                                const craft_status *status)
{
    const craft_status *seen = &of->seen;

    if (status->term < of->term || status->term < seen->term) {
        return "term falls";
    }
    if (status->term == seen->term && seen->voted_for != 0 &&
        status->voted_for != seen->voted_for) {
        return "vote changes within a term";
    }
    if (status->commit_index < seen->commit_index ||
        status->commit_index < of->commit_told) {
        return "commit index falls";
    }
    if (status->applied_index < seen->applied_index) {
        return "applied index falls";
    }
    return NULL;
}

static const char *standing_fault(const struct craft_judge *judge,
                                  const struct craft_judge_server *of,
                                  const craft_status *status)
{
    const struct craft_judge_log *committed = &judge->committed;
    const struct craft_judge_log *log = &of->disk.log;
    craft_index common = status->commit_index < status->durable_index
                             ? status->commit_index
                             : status->durable_index;

    if (status->durable_index > log->len) {
        return "what it calls durable is not on its disk";
    }
    if (status->commit_index > committed->len &&
        (status->commit_index > 1 || committed->len > 0)) {
        return "no leader has committed so much";
    }
    if (common > 0 && common <= committed->len &&
        log->entries[common - 1] != committed->entries[common - 1]) {
        return "state machine safety: its log below its commit index is not "
               "what is committed";
    }
    if (status->applied_index > common) {
        return "it has applied what is not committed and durable here";
    }
    if (of->batch.lent != NULL &&
        status->applied_index >= of->batch.tip->index) {
        return "it calls a batch applied that has not ended";
    }
    if (status->tokens_open != of->tokens_open ||
        status->forwards_open != of->forwards_open) {
        return "it has lost a request, or forgotten its end";
    }
    if (status->persists_open < of->records_len ||
        status->persists_open > of->config.persist_inflight_max) {
        return "it has lost a record";
    }
    return NULL;
}

static void tell_fault(struct craft_judge *judge, uint32_t server,
                       const craft_status *status, const char *fault)
{
    const struct craft_judge_server *of = &judge->servers[server];

    craft_judge_convict(
        judge,
        "%u: %s: term %llu, log %llu, durable %llu of %zu, "
        "commit %llu, applied %llu, %u + %u tokens",
        server, fault, LLU(status->term), LLU(status->last_index),
        LLU(status->durable_index), of->disk.log.len, LLU(status->commit_index),
        LLU(status->applied_index), status->tokens_open, status->forwards_open);
}

static void going_step(struct craft_judge *judge, uint32_t server,
                       const craft_status *status)
{
    struct craft_judge_server *of = &judge->servers[server];
    const char *fault = rising_fault(of, status);

    if (fault == NULL && status->role == CRAFT_ROLE_LEADER) {
        craft_judge_lead(judge, server, status->term);
    }
    if (fault == NULL) {
        craft_judge_commit_learn(judge, server, status);
        fault = judge->broken ? NULL : standing_fault(judge, of, status);
    }
    if (fault != NULL) {
        tell_fault(judge, server, status, fault);
    }
    if (!judge->broken) {
        craft_index passed = status->applied_index < judge->committed.len
                                 ? status->applied_index
                                 : judge->committed.len;

        craft_judge_passed(judge, server, passed);
        of->term = status->term;
        of->seen = *status;
    }
}

void craft_judge_step_status(struct craft_judge *judge, uint32_t server,
                             const craft_status *status, size_t memory)
{
    struct craft_judge_server *of = craft_judge_server_of(judge, server);
    bool ended =
        (status->flags & (CRAFT_STATUS_STOPPED | CRAFT_STATUS_HALTED)) != 0;

    if (of == NULL || !of->up) {
        return;
    }
    if (of->ended && !ended) {
        craft_judge_convict(judge, "%u goes on after a failed write", server);
        return;
    }
    of->ended = ended;
    if (ended) {
        of->seen = *status;
    } else {
        going_step(judge, server, status);
    }
    memory_check(judge, server, status, memory);
}

void craft_judge_check(struct craft_judge *judge, uint32_t server)
{
    const struct craft_judge_server *of = craft_judge_server_of(judge, server);
    const char *broken;

    if (of == NULL || of->node == NULL) {
        return;
    }
    broken = craft_check(of->node);
    if (broken != NULL) {
        craft_judge_convict(judge, "%u: craft_check: %s", server, broken);
    }
}

void craft_judge_step(struct craft_judge *judge, uint32_t server, size_t memory)
{
    struct craft_judge_server *of = craft_judge_server_of(judge, server);
    craft_status status;

    if (of == NULL || of->node == NULL) {
        return;
    }
    status = craft_judge_look(of);
    /* It walks over all that is in memory: each step pays for a part. */
    of->check_credit += CHECK_ENTRIES;
    if (of->check_credit >= status.last_index + 1 - status.first_index) {
        of->check_credit = 0;
        craft_judge_check(judge, server);
    }
    craft_judge_step_status(judge, server, &status, memory);
}

/* ------------------------------------------------------------------- fetch */

void craft_judge_fetch(struct craft_judge *judge, uint32_t server,
                       const craft_fetch *fetch)
{
    struct craft_judge_server *of =
        craft_judge_actor(judge, server, "fetches entries");

    if (of == NULL) {
        return;
    }
    if (!judge->fetch || fetch->ticket != of->next_fetch ||
        fetch->entries_max == 0 || fetch->first == 0 ||
        fetch->first > of->disk.log.len) {
        craft_judge_convict(judge,
                            "%u fetches %zu entries from %llu with ticket "
                            "%llu, its disk has %zu",
                            server, fetch->entries_max, LLU(fetch->first),
                            LLU(fetch->ticket), of->disk.log.len);
        return;
    }
    of->next_fetch++;
}

/* --------------------------------------------------------------- agreement */

static bool stands_with(const struct craft_judge *judge,
                        const struct craft_judge_server *of,
                        const craft_status *leader)
{
    craft_status status = craft_judge_look(of);

    return status.term == leader->term && status.leader == leader->id &&
           status.commit_index == judge->committed.len &&
           status.last_index == judge->committed.len &&
           status.applied_index == judge->committed.len &&
           of->applied == judge->committed.len &&
           craft_judge_log_tip(&of->disk.log) ==
               craft_judge_log_tip(&judge->committed) &&
           of->tokens_open == 0 && of->forwards_open == 0 &&
           of->others_open == 0 && of->records_len == 0 &&
           of->batch.lent == NULL;
}

/* Who is a member and has not ended; the others nobody waits for. */
static bool takes_part(const struct craft_judge_server *of)
{
    return of->up && !of->ended &&
           craft_judge_look(of).configuration_index != 0;
}

void craft_judge_converged(struct craft_judge *judge)
{
    craft_status leader;
    uint32_t leaders = 0;

    memset(&leader, 0, sizeof leader);
    for (uint32_t i = 1; i <= judge->servers_len && !judge->broken; i++) {
        craft_status status = craft_judge_look(&judge->servers[i]);

        if (takes_part(&judge->servers[i]) &&
            status.role == CRAFT_ROLE_LEADER) {
            leaders++;
            leader = status;
        }
    }
    for (uint32_t i = 1; i <= judge->servers_len; i++) {
        craft_judge_check(judge, i);
    }
    if (leaders != 1) {
        craft_judge_convict(judge, "it does not converge: %u leaders", leaders);
    }
    for (uint32_t i = 1; i <= judge->servers_len && !judge->broken; i++) {
        const struct craft_judge_server *of = &judge->servers[i];

        if (takes_part(of) && !stands_with(judge, of, &leader)) {
            craft_status status = craft_judge_look(of);

            tell_fault(judge, i, &status, "it does not converge");
        }
    }
}
