/* What is known of each term: its leader, its log, what it committed. */
#include <string.h>

#include "sim/judge_parts.h"

/* The place of that term in order: where it is, or is to be. */
static size_t term_place(const struct craft_judge *judge, craft_term term)
{
    size_t low = 0;
    size_t high = judge->terms_len;

    if (high > 0 && judge->terms[high - 1].term <= term) {
        return judge->terms[high - 1].term == term ? high - 1 : high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (judge->terms[middle].term < term) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct craft_judge_term *craft_judge_term_find(const struct craft_judge *judge,
                                               craft_term term)
{
    size_t at = term_place(judge, term);

    return at < judge->terms_len && judge->terms[at].term == term
               ? &judge->terms[at]
               : NULL;
}

struct craft_judge_term *craft_judge_term_of(struct craft_judge *judge,
                                             craft_term term)
{
    struct craft_judge_term *known = craft_judge_term_find(judge, term);
    void *terms = judge->terms;
    size_t at;

    if (known != NULL) {
        return known;
    }
    if (!craft_judge_grow(judge, &terms, &judge->terms_max,
                          judge->terms_len + 1, sizeof *judge->terms)) {
        return NULL;
    }
    judge->terms = terms;
    at = term_place(judge, term);
    known = &judge->terms[at];
    memmove(known + 1, known, (judge->terms_len - at) * sizeof *known);
    judge->terms_len++;
    memset(known, 0, sizeof *known);
    known->term = term;
    return known;
}

/* ----------------------------------------------------------------- leaders */

/* How much was committed in the terms before terms[at]. What is committed
 * later is of later terms, so that the nearest such term has the most. */
static craft_index committed_before(const struct craft_judge *judge, size_t at)
{
    while (at > 0 && judge->terms[at - 1].committed == 0) {
        at--;
    }
    return at > 0 ? judge->terms[at - 1].committed : 0;
}

/* "a leader for any given term must contain all of the entries committed in
 * previous terms" (thesis 3.6). */
static void completeness_check(struct craft_judge *judge, size_t at)
{
    const struct craft_judge_term *term = &judge->terms[at];
    craft_index index = committed_before(judge, at);
    const struct craft_judge_entry *entry;

    if (index == 0) {
        return;
    }
    entry = judge->committed.entries[index - 1];
    if (!craft_judge_within(term->tip, entry)) {
        craft_judge_convict(judge,
                            "leader completeness: %u leads term %llu without "
                            "%llu@%llu, which is committed",
                            term->leader, LLU(term->term), LLU(entry->index),
                            LLU(entry->term));
    }
}

/* "at most one leader can be elected in a given term" (Figure 3.2). Its log
 * was durable when it asked for votes, so all of it was handed out. */
void craft_judge_lead(struct craft_judge *judge, uint32_t server,
                      craft_term term)
{
    struct craft_judge_term *known = craft_judge_term_of(judge, term);

    if (known == NULL || known->leader == server) {
        return;
    }
    if (known->leader != 0) {
        craft_judge_convict(judge,
                            "election safety: %u and %u lead in term %llu",
                            known->leader, server, LLU(term));
        return;
    }
    known->leader = server;
    known->tip = craft_judge_view(&judge->servers[server]).tip;
    judge->elections++;
    completeness_check(judge, (size_t)(known - judge->terms));
}

/* "a leader never overwrites or deletes entries in its log; it only appends
 * new entries" (Figure 3.2). */
void craft_judge_show(struct craft_judge *judge, uint32_t server,
                      craft_term term, const struct craft_judge_entry *tip)
{
    struct craft_judge_term *known = craft_judge_term_find(judge, term);
    bool same;

    if (judge->broken || known == NULL || known->leader != server) {
        return;
    }
    if (craft_judge_index(tip) < craft_judge_index(known->tip)) {
        same = craft_judge_within(known->tip, tip);
    } else {
        same = craft_judge_within(tip, known->tip);
        known->tip = tip;
    }
    if (!same) {
        craft_judge_convict(judge,
                            "leader append-only: %u has another log up to "
                            "%llu@%llu in term %llu",
                            server, LLU(craft_judge_index(tip)),
                            LLU(craft_judge_term_at(tip)), LLU(term));
    }
}

/* -------------------------------------------------------------- commitment */

static bool disk_holds(const struct craft_judge *judge, uint32_t server,
                       const struct craft_judge_entry *entry)
{
    const struct craft_judge_log *log;

    if (server == 0) {
        return false;
    }
    log = &judge->servers[server].disk.log;
    return entry->index <= log->len && log->entries[entry->index - 1] == entry;
}

/*
 * Is it durable on a majority of the voters? Once it is, while they are in the
 * leader's term, it can never go from there, however late the leader hears of
 * it. Without a node every server votes.
 */
static bool majority_holds(const struct craft_judge *judge, uint32_t server,
                           const struct craft_judge_entry *entry)
{
    craft_configuration configuration;
    size_t voters = 0;
    size_t holding = 0;

    memset(&configuration, 0, sizeof configuration);
    configuration.struct_size = sizeof configuration;
    if (judge->servers[server].node == NULL) {
        for (uint32_t i = 1; i <= judge->servers_len; i++) {
            voters++;
            holding += disk_holds(judge, i, entry) ? 1u : 0u;
        }
        return 2 * holding > voters;
    }
    (void)craft_node_configuration(judge->servers[server].node, &configuration);
    for (size_t i = 0; i < configuration.members_len; i++) {
        const craft_member *member = &configuration.members[i];

        if (member->role == CRAFT_MEMBER_VOTER) {
            uint32_t position = craft_judge_position(judge, member->id);

            voters++;
            holding += disk_holds(judge, position, entry) ? 1u : 0u;
        }
    }
    return 2 * holding > voters;
}

/* The leaders of later terms that are known by now have it, too. */
static void commit_extend(struct craft_judge *judge, craft_term term,
                          const struct craft_judge_entry *entry)
{
    struct craft_judge_term *known = craft_judge_term_of(judge, term);

    if (known == NULL) {
        return;
    }
    known->committed = entry->index;
    craft_judge_log_follow(judge, &judge->committed, entry);
    for (size_t i = (size_t)(known - judge->terms) + 1;
         i < judge->terms_len && !judge->broken; i++) {
        if (judge->terms[i].leader != 0) {
            completeness_check(judge, i);
        }
    }
}

/* Why must a leader not commit this entry, the one of its term at that index?
 * NULL: it may. */
static const char *commit_fault(const struct craft_judge *judge,
                                uint32_t server,
                                const struct craft_judge_entry *entry)
{
    /* "Only log entries from the leader's current term are committed by
     * counting replicas" (thesis 3.6.2). */
    if (entry == NULL) {
        return "which is no entry of that term";
    }
    if (!craft_judge_within(entry, craft_judge_log_tip(&judge->committed))) {
        return "over what is committed: state machine safety";
    }
    if (!majority_holds(judge, server, entry)) {
        return "which no majority has on its disks";
    }
    return NULL;
}

/* The founders' entry is committed from the beginning, being the same. */
static void commit_founded(struct craft_judge *judge)
{
    const struct craft_judge_entry *first =
        craft_judge_entry_find(judge, 1, CRAFT_JUDGE_FIRST_TERM);

    if (first != NULL) {
        commit_extend(judge, CRAFT_JUDGE_FIRST_TERM, first);
    }
}

/* What it commits again, or late, is what others have committed. */
static void commit_same(struct craft_judge *judge, uint32_t server,
                        craft_term term, craft_index index)
{
    const struct craft_judge_term *known = craft_judge_term_find(judge, term);

    if (index > 0 && known != NULL && known->leader == server &&
        !craft_judge_within(known->tip, judge->committed.entries[index - 1])) {
        craft_judge_convict(judge,
                            "leader %u of term %llu commits %llu, which is not "
                            "what is committed: state machine safety",
                            server, LLU(term), LLU(index));
    }
}

void craft_judge_commit(struct craft_judge *judge, uint32_t server,
                        craft_term term, craft_index index)
{
    const struct craft_judge_entry *entry;
    const char *fault;

    if (judge->committed.len == 0 && index > 0) {
        commit_founded(judge);
    }
    if (judge->broken) {
        return;
    }
    if (index <= judge->committed.len) {
        commit_same(judge, server, term, index);
        return;
    }
    entry = craft_judge_entry_find(judge, index, term);
    fault = commit_fault(judge, server, entry);
    if (fault != NULL) {
        craft_judge_convict(judge, "leader %u of term %llu commits %llu, %s",
                            server, LLU(term), LLU(index), fault);
        return;
    }
    commit_extend(judge, term, entry);
}

/* Also of one that has just yielded, in its own term. */
void craft_judge_commit_learn(struct craft_judge *judge, uint32_t server,
                              const craft_status *status)
{
    const struct craft_judge_term *term =
        craft_judge_term_find(judge, status->term);

    if (term != NULL && term->leader == server) {
        craft_judge_commit(judge, server, status->term, status->commit_index);
    } else if (judge->committed.len == 0 && status->commit_index == 1) {
        commit_founded(judge);
    }
}
