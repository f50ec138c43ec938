/* Everything that ever happened, and what may not (Figure 3.2). */
#include <stdlib.h>
#include <string.h>

#include "cluster_parts.h"

#define LLU(x) ((unsigned long long)(x))

/* ---------------------------------------------------------------- entries */

struct cluster_entry *cluster_entry_find(const struct cluster *cluster,
                                         craft_index index, craft_term term)
{
    struct cluster_entry *entry = index > 0 && index <= cluster->entries_len
                                      ? cluster->entries[index - 1]
                                      : NULL;

    while (entry != NULL && entry->term != term) {
        entry = entry->other;
    }
    return entry;
}

static uint64_t token_in(const craft_entry *entry)
{
    uint64_t token = 0;

    if (entry->kind == CRAFT_ENTRY_COMMAND && entry->data_len >= sizeof token) {
        memcpy(&token, entry->data, sizeof token);
    }
    return token;
}

static struct cluster_entry *entry_add(struct cluster *cluster,
                                       const craft_entry *entry,
                                       craft_term prev_term)
{
    struct cluster_entry *added = calloc(1, sizeof *added);
    uint8_t *data = malloc(entry->data_len + 1);
    size_t max = cluster->entries_len;

    if (added == NULL || data == NULL) {
        abort();
    }
    if (entry->index > cluster->entries_len) {
        cluster->entries =
            cluster_grow(cluster->entries, &max, (size_t)entry->index,
                         sizeof(struct cluster_entry *));
        cluster->entries_len = max;
    }
    if (entry->data_len > 0) {
        memcpy(data, entry->data, entry->data_len);
    }
    added->index = entry->index;
    added->term = entry->term;
    added->prev_term = prev_term;
    added->token = cluster->options.own_data ? entry->token : token_in(entry);
    added->kind = entry->kind;
    added->data = data;
    added->data_len = entry->data_len;
    added->other = cluster->entries[entry->index - 1];
    cluster->entries[entry->index - 1] = added;
    return added;
}

static bool entry_is(const struct cluster_entry *known,
                     const craft_entry *entry, craft_term prev_term)
{
    return known->prev_term == prev_term && known->kind == entry->kind &&
           known->data_len == entry->data_len &&
           (entry->data_len == 0 ||
            memcmp(known->data, entry->data, entry->data_len) == 0);
}

/*
 * "If two logs contain an entry with the same index and term, then the logs
 * are identical in all entries up through the given index" (Figure 3.2): one
 * entry for each, with one before it; made by the leader of its term alone.
 */
struct cluster_entry *cluster_entry_note(struct cluster_node *node,
                                         const craft_entry *entry,
                                         craft_term prev_term)
{
    struct cluster *cluster = node->cluster;
    struct cluster_entry *known =
        cluster_entry_find(cluster, entry->index, entry->term);

    if (cluster->blind) {
        return entry_add(cluster, entry, prev_term);
    }
    if (known == NULL) {
        if (entry->index > 1 || entry->term > 1) {
            cluster_note_leader(node, entry->term);
        }
        return entry_add(cluster, entry, prev_term);
    }
    if (!entry_is(known, entry, prev_term)) {
        cluster_fail(cluster, "log matching: %u has another entry %llu@%llu",
                     node->position, LLU(entry->index), LLU(entry->term));
    }
    return known;
}

/* ------------------------------------------------------------------ terms */

struct cluster_term *cluster_term_of(struct cluster *cluster, craft_term term)
{
    size_t max = cluster->terms_len;
    struct cluster_term *found;

    for (size_t i = cluster->terms_len; i > 0; i--) {
        if (cluster->terms[i - 1].term == term) {
            return &cluster->terms[i - 1];
        }
        if (cluster->terms[i - 1].term == 0) {
            max = i - 1;
        }
    }
    if (max == cluster->terms_len) {
        size_t room = cluster->terms_len;

        cluster->terms = cluster_grow(cluster->terms, &room, room + 1,
                                      sizeof *cluster->terms);
        cluster->terms_len = room;
    }
    found = &cluster->terms[max];
    found->term = term;
    return found;
}

void cluster_note_leader(struct cluster_node *node, craft_term term)
{
    struct cluster_term *known = cluster_term_of(node->cluster, term);

    if (known->leader == 0) {
        known->leader = node->id;
    }
    if (known->leader != node->id) {
        cluster_fail(node->cluster,
                     "election safety: %llu and %llu lead in term %llu",
                     LLU(known->leader), LLU(node->id), LLU(term));
    }
}

void cluster_note_vote(struct cluster_node *node, craft_term term,
                       craft_id voted_for)
{
    struct cluster_term *known = cluster_term_of(node->cluster, term);
    craft_id *vote = &known->votes[node->position];

    if (*vote != 0 && *vote != voted_for) {
        cluster_fail(node->cluster, "%u votes for %llu and %llu in term %llu",
                     node->position, LLU(*vote), LLU(voted_for), LLU(term));
    }
    *vote = voted_for;
}

/* ------------------------------------------------------ the leader's log */

/* Must the leader of that term have what is committed there? (thesis 3.6) */
bool cluster_must_have(const struct cluster *cluster, craft_term term,
                       craft_index index)
{
    return index <= cluster->committed.len &&
           cluster->committed_in[index - 1] <= term;
}

static void shown_set(struct cluster_node *node, craft_term term,
                      craft_index index, craft_term entry_term)
{
    struct cluster *cluster = node->cluster;
    struct cluster_term *known = cluster_term_of(cluster, term);

    if (index > known->log_len) {
        size_t max = known->log_len;

        known->log =
            cluster_grow(known->log, &max, (size_t)index, sizeof *known->log);
        known->log_len = max;
    }
    if (known->log[index - 1] != 0 && known->log[index - 1] != entry_term) {
        cluster_fail(cluster, "leader append-only: %u shows %llu@%llu anew",
                     node->position, LLU(index), LLU(entry_term));
    }
    known->log[index - 1] = entry_term;
    if (cluster_must_have(cluster, term, index) &&
        cluster->committed.entries[index - 1]->term != entry_term) {
        cluster_fail(cluster,
                     "leader completeness: %u has %llu@%llu, %llu@%llu is "
                     "committed",
                     node->position, LLU(index), LLU(entry_term), LLU(index),
                     LLU(cluster->committed.entries[index - 1]->term));
    }
}

/* The entry at index in the log of the leader of that term, if known. */
static struct cluster_entry *shown_entry(struct cluster *cluster,
                                         craft_term term, craft_index index)
{
    const struct cluster_term *known = cluster_term_of(cluster, term);
    craft_index at = index;
    struct cluster_entry *entry;

    while (at <= known->log_len && known->log[at - 1] == 0) {
        at++;
    }
    if (at > known->log_len) {
        return NULL;
    }
    entry = cluster_entry_find(cluster, at, known->log[at - 1]);
    while (entry != NULL && at > index) {
        at--;
        entry = cluster_entry_find(cluster, at, entry->prev_term);
    }
    return entry;
}

void cluster_note_append(struct cluster_node *node,
                         const craft_message *message)
{
    const craft_append *append = &message->as.append;
    craft_term prev_term = append->prev_term;
    struct cluster_term *known;

    cluster_note_leader(node, message->term);
    if (append->prev_index > 0) {
        shown_set(node, message->term, append->prev_index, append->prev_term);
    }
    for (size_t i = 0; i < append->entries_len; i++) {
        const craft_entry *entry = &append->entries[i];

        if (entry->index != append->prev_index + 1 + i ||
            entry->term < prev_term || entry->term > message->term) {
            cluster_fail(node->cluster, "%u sends entries out of order",
                         node->position);
        }
        (void)cluster_entry_note(node, entry, prev_term);
        shown_set(node, message->term, entry->index, entry->term);
        prev_term = entry->term;
    }
    known = cluster_term_of(node->cluster, message->term);
    if (append->commit > known->commit) {
        known->commit = append->commit;
    }
    cluster_note_commit(node, message->term, known->commit);
}

/* A leader that sends a snapshot shows the entry that it ends with. */
void cluster_note_part(struct cluster_node *node, const craft_message *message)
{
    const craft_snapshot_part *part = &message->as.snapshot;
    const struct cluster_log *committed = &node->cluster->committed;

    cluster_note_leader(node, message->term);
    if (part->index > committed->len ||
        committed->entries[part->index - 1]->term != part->term) {
        cluster_fail(node->cluster, "%u sends a snapshot of %llu@%llu",
                     node->position, LLU(part->index), LLU(part->term));
    }
    shown_set(node, message->term, part->index, part->term);
}

/* ------------------------------------------------------------- commitment */

void cluster_committed_add(struct cluster *cluster, struct cluster_entry *entry,
                           craft_term term)
{
    size_t len = cluster->committed.len;

    cluster_log_set(&cluster->committed, entry->index, entry);
    cluster->committed_in =
        cluster_grow(cluster->committed_in, &cluster->committed_in_max,
                     cluster->committed.len, sizeof *cluster->committed_in);
    for (size_t i = len; i < cluster->committed.len; i++) {
        cluster->committed_in[i] = term;
    }
}

static void committed_extend(struct cluster_node *node,
                             struct cluster_entry *entry, craft_term term)
{
    struct cluster *cluster = node->cluster;
    struct cluster_log *committed = &cluster->committed;
    size_t len = committed->len;
    craft_index top = entry->index;

    cluster_committed_add(cluster, entry, term);
    for (craft_index i = top - 1; i > len; i--) {
        entry = cluster_entry_find(cluster, i, entry->prev_term);
        if (entry == NULL) {
            cluster_fail(cluster, "%u commits %llu, never seen", node->position,
                         LLU(i));
        }
        committed->entries[i - 1] = entry;
    }
    if (len > 0 && committed->entries[len]->prev_term !=
                       committed->entries[len - 1]->term) {
        cluster_fail(cluster, "leader completeness: %u commits over %zu@%llu",
                     node->position, len,
                     LLU(committed->entries[len - 1]->term));
    }
}

/*
 * The leader of a term commits up to there. "Only log entries from the
 * leader's current term are committed by counting replicas" (thesis 3.6.2).
 * Of a puppet, only what it has shown counts.
 */
void cluster_note_commit(struct cluster_node *node, craft_term term,
                         craft_index commit)
{
    struct cluster *cluster = node->cluster;
    struct cluster_entry *entry;

    if (commit <= cluster->committed.len) {
        return;
    }
    entry = cluster_entry_find(cluster, commit, term);
    if (node->puppet) {
        const struct cluster_term *known = cluster_term_of(cluster, term);

        commit = commit < known->log_len ? commit : known->log_len;
        while (commit > cluster->committed.len && known->log[commit - 1] == 0) {
            commit--;
        }
        entry =
            commit > cluster->committed.len
                ? cluster_entry_find(cluster, commit, known->log[commit - 1])
                : NULL;
        if (entry == NULL) {
            return;
        }
    }
    if (entry == NULL && commit == 1) {
        entry = cluster_entry_find(cluster, 1, 1); /* the bootstrap */
    }
    if (entry == NULL) {
        cluster_fail(cluster,
                     "leader %u of term %llu commits %llu by counting, which "
                     "is no entry of that term",
                     node->position, LLU(term), LLU(commit));
    }
    committed_extend(node, entry, term);
}

/* "a leader for any given term must contain all of the entries committed in
 * previous terms" (thesis 3.6); and its log was durable when it asked. */
void cluster_note_elected(struct cluster_node *node)
{
    const struct cluster_log *committed = &node->cluster->committed;
    craft_status status = cluster_look(node);

    for (craft_index i = 1; i <= committed->len; i++) {
        if (cluster_must_have(node->cluster, status.term - 1, i) &&
            cluster_log_term(&node->view.log, i) !=
                committed->entries[i - 1]->term) {
            cluster_fail(node->cluster,
                         "leader completeness: %u is elected without %llu@%llu",
                         node->position, LLU(i),
                         LLU(committed->entries[i - 1]->term));
        }
    }
}

/* --------------------------------------------------------------- promises */

static void vote_justify(struct cluster_node *node,
                         const craft_message *message, craft_id voted_for)
{
    const struct cluster_disk *disk = &node->disk;

    if (disk->term != message->term || disk->voted_for != voted_for) {
        cluster_fail(node->cluster,
                     "%u: a vote of term %llu for %llu leaves, the disk has "
                     "term %llu and %llu",
                     node->position, LLU(message->term), LLU(voted_for),
                     LLU(disk->term), LLU(disk->voted_for));
    }
    cluster_note_vote(node, message->term, voted_for);
}

static void match_justify(struct cluster_node *node,
                          const craft_message *message)
{
    craft_index match = message->as.append_reply.match_index;
    const struct cluster_log *log = &node->disk.log;
    const struct cluster_entry *shown;

    if (match == 0) {
        return;
    }
    shown = shown_entry(node->cluster, message->term, match);
    if (shown == NULL) {
        cluster_fail(node->cluster,
                     "%u accepts %llu, which the leader of term %llu never "
                     "showed",
                     node->position, LLU(match), LLU(message->term));
    }
    if (match > log->len || log->entries[match - 1] != shown) {
        cluster_fail(node->cluster,
                     "%u accepts %llu@%llu, the disk has %llu@%llu of %zu",
                     node->position, LLU(match), LLU(shown->term), LLU(match),
                     LLU(cluster_log_term(log, match)), log->len);
    }
}

/* Does the disk alone justify what this message promises? */
void cluster_justify(struct cluster_node *node, const craft_message *message)
{
    const struct cluster_log *log = &node->disk.log;

    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
        vote_justify(node, message, node->id);
        if (message->as.vote.last_index != log->len ||
            message->as.vote.last_term != cluster_log_term(log, log->len)) {
            cluster_fail(
                node->cluster,
                "%u advertises a log up to %llu@%llu, the disk has %zu",
                node->position, LLU(message->as.vote.last_index),
                LLU(message->as.vote.last_term), log->len);
        }
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
        if (message->as.vote_reply.granted != 0) {
            vote_justify(node, message, message->to);
        }
        break;
    case CRAFT_MESSAGE_APPEND:
        cluster_note_append(node, message);
        break;
    case CRAFT_MESSAGE_SNAPSHOT:
        cluster_note_part(node, message);
        break;
    case CRAFT_MESSAGE_APPEND_REPLY:
        if (message->as.append_reply.rejected == 0) {
            match_justify(node, message);
        }
        break;
    default:
        break; /* a pre-vote promises nothing */
    }
}
