#include "core/follow.h"

CRAFT_INTERNAL void craft_follow_reset(struct craft_node *node)
{
    struct craft_following *following = &node->following;

    following->verified = 0;
    following->leader_commit = 0;
    following->replied_match = 0;
    following->rejected_index = 0;
    following->round = 0;
    following->reply_owed = false;
    following->rejection_owed = false;
}

/* ------------------------------------------------------------------- check */

/*
 * Are the entries consecutive, of terms that do not fall, and whole? Sums up
 * what they need, if none of them is held already.
 */
static inline bool entries_well_formed(const craft_message *message,
                                       struct craft_append_plan *plan)
{
    const craft_append *append = &message->as.append;
    const craft_entry *entry = append->entries;
    craft_index index = append->prev_index;
    craft_index last = index + append->entries_len;
    craft_term term = append->prev_term;
    uint64_t space = 0;

    plan->runs = 0;
    plan->configurations = false;
    for (; index != last; entry++) {
        index++;
        if (CRAFT_UNLIKELY(entry->index != index ||
                           entry->kind - CRAFT_ENTRY_COMMAND >
                               CRAFT_ENTRY_CONFIGURATION -
                                   CRAFT_ENTRY_COMMAND ||
                           entry->data_len > UINT32_MAX ||
                           (entry->data == NULL && entry->data_len > 0))) {
            return false;
        }
        if (CRAFT_UNLIKELY(entry->term != term)) {
            if (entry->term < term) {
                return false;
            }
            term = entry->term;
            plan->runs++;
        }
        if (CRAFT_UNLIKELY(entry->kind == CRAFT_ENTRY_CONFIGURATION)) {
            plan->configurations = true;
        }
        space += craft_log_space(entry->data_len);
    }
    plan->space = (size_t)space;
    return term <= message->term && space <= SIZE_MAX / 4;
}

/* A bound is a power of two, so that one comparison serves several numbers.
 * The terms rise from prev_term to one that is compared with the message's. */
static inline bool append_well_formed(const craft_message *message,
                                      struct craft_append_plan *plan)
{
    const craft_append *append = &message->as.append;
    craft_index prev = append->prev_index;

    if (CRAFT_UNLIKELY(prev == 0 || append->prev_term == 0) &&
        (prev | append->prev_term) != 0) {
        return false;
    }
    if (CRAFT_UNLIKELY(append->entries == NULL) && append->entries_len != 0) {
        return false;
    }
    return append->entries_len < UINT32_MAX / 2 &&
           (prev | append->commit | (prev + append->entries_len)) <
               CRAFT_NUMBER_MAX &&
           entries_well_formed(message, plan);
}

/*
 * Leading entries that the log holds already (thesis 3.5: by index and term,
 * so that a late duplicate truncates nothing). Those before its base are
 * committed, so they are the same in every log (Figure 3.2).
 */
static size_t entries_held(const struct craft_node *node,
                           const craft_append *append)
{
    craft_index base = node->log.base;
    size_t i = 0;

    if (CRAFT_UNLIKELY(append->prev_index + 1 < base)) {
        i = base - 1 - append->prev_index < append->entries_len
                ? (size_t)(base - 1 - append->prev_index)
                : append->entries_len;
    }
    while (i < append->entries_len &&
           append->entries[i].index <= node->log.last &&
           append->entries[i].term ==
               craft_log_term(&node->log, append->entries[i].index)) {
        i++;
    }
    return i;
}

/* Do the configurations among the new entries decode? */
CRAFT_COLD static bool configurations_good(const struct craft_node *node,
                                           const craft_append *append)
{
    for (size_t i = node->following.plan.keep; i < append->entries_len; i++) {
        const craft_entry *entry = &append->entries[i];

        if (entry->kind == CRAFT_ENTRY_CONFIGURATION &&
            craft_members_block_size(entry->data, entry->data_len,
                                     node->config.members_max) == 0) {
            return false;
        }
    }
    return true;
}

static inline bool append_matches(const struct craft_log *log,
                                  const craft_append *append)
{
    if (CRAFT_LIKELY(append->prev_index == log->last)) {
        return append->prev_term == log->last_term;
    }
    if (CRAFT_UNLIKELY(append->prev_index < log->base)) {
        return true; /* committed: the same in every log */
    }
    return append->prev_index < log->last &&
           append->prev_term == craft_log_term(log, append->prev_index);
}

/* It begins within the log: which entries are new, and does one conflict? */
CRAFT_COLD static int overlap_check(struct craft_node *node,
                                    const craft_message *message)
{
    const craft_append *append = &message->as.append;
    struct craft_append_plan *plan = &node->following.plan;

    plan->keep = entries_held(node, append);
    if (plan->keep < append->entries_len &&
        append->entries[plan->keep].index <= node->log.last) {
        plan->truncate_from = append->entries[plan->keep].index;
        if (plan->truncate_from <= node->commit_index ||
            (message->term == node->standing.term &&
             plan->truncate_from <= node->following.verified)) {
            return CRAFT_ERR_MESSAGE; /* leaders only append */
        }
    }
    return 0;
}

CRAFT_HOT int craft_follow_check(struct craft_node *node,
                                 const craft_message *message)
{
    const craft_append *append = &message->as.append;
    struct craft_append_plan *plan = &node->following.plan;

    if (!append_well_formed(message, plan)) {
        return CRAFT_ERR_MESSAGE;
    }
    plan->truncate_from = 0;
    plan->keep = 0;
    plan->matches = append_matches(&node->log, append);
    if (CRAFT_UNLIKELY(!plan->matches)) {
        /* Every leader has what is committed (Figure 3.2, leader
         * completeness): who contradicts it is none. */
        return append->prev_index <= node->commit_index ? CRAFT_ERR_MESSAGE : 0;
    }
    if (CRAFT_UNLIKELY(append->prev_index < node->log.last) &&
        overlap_check(node, message) != 0) {
        return CRAFT_ERR_MESSAGE;
    }
    if (CRAFT_UNLIKELY(plan->configurations) &&
        !configurations_good(node, append)) {
        return CRAFT_ERR_MESSAGE;
    }
    return 0;
}

/* ----------------------------------------------------------------- reserve */

CRAFT_COLD static void decoded_free(struct craft_node *node)
{
    craft_members_pop(&node->following.decoded, 0, &node->config.allocator);
}

/* Decode the configurations among the new entries; newest on top. */
CRAFT_COLD static int decoded_reserve(struct craft_node *node,
                                      const craft_append *append)
{
    const craft_allocator *allocator = &node->config.allocator;

    for (size_t i = node->following.plan.keep; i < append->entries_len; i++) {
        const craft_entry *entry = &append->entries[i];
        struct craft_members *members;
        size_t size;

        if (CRAFT_LIKELY(entry->kind != CRAFT_ENTRY_CONFIGURATION)) {
            continue;
        }
        size = craft_members_block_size(entry->data, entry->data_len,
                                        node->config.members_max);
        members = craft_memory_alloc(allocator, size);
        if (members == NULL) {
            return CRAFT_ERR_NOMEM;
        }
        craft_members_decode(entry->data, entry->data_len, size, members);
        members->index = entry->index;
        craft_members_push(&node->following.decoded, members);
        if (craft_peers_reserve(&node->peers, allocator, members,
                                node->config.id) != 0) {
            return CRAFT_ERR_NOMEM;
        }
    }
    return 0;
}

CRAFT_HOT int craft_follow_reserve(struct craft_node *node,
                                   const craft_message *message)
{
    const craft_append *append = &message->as.append;
    const struct craft_append_plan *plan = &node->following.plan;
    size_t entries = append->entries_len - plan->keep;
    int rv;

    if (CRAFT_UNLIKELY(node->following.decoded != NULL)) {
        decoded_free(node);
    }
    if (!plan->matches || entries == 0) {
        return 0;
    }
    rv = craft_log_reserve(&node->log, entries, plan->space, plan->runs);
    if (rv == 0 && plan->truncate_from != 0 && craft_node_lends(node)) {
        rv = craft_log_reserve_fresh(&node->log, entries);
    }
    if (rv == 0 && CRAFT_UNLIKELY(plan->configurations)) {
        rv = decoded_reserve(node, append);
        if (rv != 0) {
            decoded_free(node);
        }
    }
    return rv;
}

/* ----------------------------------------------------------------- happen */

CRAFT_COLD static void log_truncate(struct craft_node *node, craft_index from)
{
    CRAFT_ASSERT(from > node->commit_index);
    craft_log_truncate(&node->log, from, craft_node_lends(node));
    craft_changed(node, CRAFT_FACT_TRUNCATED);
    if (node->configuration != NULL && node->configuration->index >= from) {
        craft_members_pop(&node->configuration, from, &node->config.allocator);
        craft_changed(node, CRAFT_FACT_CONFIGURATION);
    }
}

/* The decoded configurations go on top of the stack, oldest first. */
CRAFT_COLD static void configurations_take(struct craft_node *node)
{
    struct craft_members *turned = NULL;

    while (node->following.decoded != NULL) {
        struct craft_members *members = node->following.decoded;

        node->following.decoded = members->below;
        members->below = turned;
        turned = members;
    }
    while (turned != NULL) {
        struct craft_members *members = turned;

        turned = members->below;
        craft_members_push(&node->configuration, members);
        craft_changed(node, CRAFT_FACT_CONFIGURATION);
    }
}

/* The entries from plan.keep on; returns the index verified by this append. */
static inline craft_index entries_take(struct craft_node *node,
                                       const craft_append *append)
{
    const struct craft_append_plan *plan = &node->following.plan;
    size_t i = plan->keep;

    if (CRAFT_UNLIKELY(node->persist.full && !node->persist.retry)) {
        return append->prev_index + i; /* nothing more fits on the disk */
    }
    if (i < append->entries_len) {
        if (CRAFT_UNLIKELY(plan->truncate_from != 0)) {
            log_truncate(node, plan->truncate_from);
        }
        craft_log_append(&node->log, &append->entries[i],
                         append->entries_len - i, plan->space);
        i = append->entries_len;
        craft_changed(node, CRAFT_FACT_LOG_GREW);
        if (craft_log_over(&node->log)) {
            craft_changed(node, CRAFT_FACT_CACHE_FULL);
        }
    }
    if (CRAFT_UNLIKELY(node->following.decoded != NULL)) {
        configurations_take(node);
    }
    return append->prev_index + i;
}

/* "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of
 * last new entry)" (Figure 3.1): of the last entry *verified*. Recorded with
 * the append, since the next one in the same hold may not truncate it. */
static inline void commit_follow(struct craft_node *node)
{
    craft_index commit = node->following.leader_commit;

    if (commit > node->following.verified) {
        commit = node->following.verified;
    }
    if (commit > node->commit_index) {
        craft_commit_raise(node, commit);
    }
}

CRAFT_HOT void craft_follow_on_append(struct craft_node *node,
                                      const craft_message *message)
{
    const craft_append *append = &message->as.append;
    struct craft_following *following = &node->following;
    craft_index verified;

    CRAFT_ASSERT(node->standing.leader == message->from);
    /*
     * New entries are answered when they are durable. Whatever else is to be
     * told (presence, a duplicate, a new round) is told at once.
     */
    if (message->round > following->round) {
        following->round = message->round;
        following->reply_owed = true;
    }
    craft_changed(node, CRAFT_FACT_REPLY_OWED);
    if (CRAFT_UNLIKELY(!following->plan.matches)) {
        following->rejection_owed = true;
        following->rejected_index = append->prev_index;
        following->rejected_term = append->prev_term;
        return;
    }
    if (following->plan.keep == append->entries_len || node->persist.full) {
        following->reply_owed = true;
    }
    verified = entries_take(node, append);
    if (verified > following->verified) {
        following->verified = verified;
    }
    if (append->commit > following->leader_commit) {
        following->leader_commit = append->commit;
    }
    commit_follow(node);
}

CRAFT_INTERNAL void craft_follow_vouch(struct craft_node *node,
                                       craft_index index)
{
    struct craft_following *following = &node->following;

    CRAFT_ASSERT(index <= node->log.last);
    if (index > following->verified) {
        following->verified = index;
        commit_follow(node);
    }
    following->reply_owed = true;
    craft_changed(node, CRAFT_FACT_REPLY_OWED);
}

/* ----------------------------------------------------------------- effects */

/* The last entry that may agree: before the one refused, of no later term than
 * that had, but not below what is committed (thesis 3.5, fast backup). */
CRAFT_COLD static void rejection_fill(struct craft_node *node,
                                      craft_append_reply *reply)
{
    craft_index rejected = node->following.rejected_index;
    craft_index hint = craft_log_last_at_most(&node->log, rejected - 1,
                                              node->following.rejected_term);

    if (hint < node->commit_index) {
        hint = node->commit_index;
    }
    reply->rejected = 1;
    reply->match_index = 0;
    reply->rejected_index = rejected;
    reply->hint_index = hint;
    reply->hint_term = craft_log_term(&node->log, hint);
}

/*
 * What may be promised to the leader of this term: what is durable, once the
 * term is. Otherwise: crash, come back in the old term, let its leader replace
 * what was acknowledged, and the new one, which counts it, never asks again.
 */
static inline craft_index match_durable(const struct craft_node *node)
{
    const struct craft_stored *durable = &node->persist.durable;

    return CRAFT_LIKELY(durable->term == node->standing.term) ? durable->match
                                                              : 0;
}

CRAFT_INTERNAL bool craft_follow_derive(struct craft_node *node)
{
    struct craft_following *following = &node->following;
    craft_index match = match_durable(node);
    craft_append_reply *reply;

    if (match > following->verified) {
        match = following->verified;
    }
    if (match < following->verified) {
        craft_when_durable(node, CRAFT_DERIVE_REPLY);
    }
    if ((match <= following->replied_match && !following->reply_owed &&
         !following->rejection_owed) ||
        node->standing.leader == 0) {
        /* Who asked whether it could win follows nobody, in the same term. */
        node->due &= ~(uint32_t)CRAFT_DERIVE_REPLY;
        return false;
    }
    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_FOLLOWER);
    reply = &craft_message_begin(node, CRAFT_MESSAGE_APPEND_REPLY,
                                 node->standing.leader)
                 ->as.append_reply;
    node->out.message.round = following->round;
    reply->promise_ms = craft_lease_promise_ms(node);
    reply->priority = craft_priority_now(node);
    reply->reserved = 0;
    if (CRAFT_UNLIKELY(following->rejection_owed)) {
        following->rejection_owed = false;
        following->reply_owed = false; /* it tells presence and round, too */
        rejection_fill(node, reply);
        return true;
    }
    following->reply_owed = false;
    following->replied_match = match;
    reply->rejected = 0;
    reply->match_index = match;
    reply->rejected_index = 0;
    reply->hint_index = 0;
    reply->hint_term = 0;
    node->due &= ~(uint32_t)CRAFT_DERIVE_REPLY;
    return true;
}
