#include "core/persist.h"

CRAFT_INTERNAL int craft_persist_init(struct craft_node *node)
{
    size_t max = 1;

    while (max < node->config.persist_inflight_max) {
        max *= 2;
    }
    node->persist.tickets = craft_memory_alloc(
        &node->config.allocator, max * sizeof *node->persist.tickets);
    if (node->persist.tickets == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    node->persist.mask = (uint32_t)(max - 1);
    node->persist.oldest = 1;
    node->persist.next = 1;
    return 0;
}

CRAFT_INTERNAL void craft_persist_free(struct craft_node *node)
{
    size_t max = (size_t)node->persist.mask + 1;

    craft_memory_free(&node->config.allocator, node->persist.tickets,
                      max * sizeof *node->persist.tickets);
}

CRAFT_INTERNAL void craft_persist_restored(struct craft_node *node)
{
    node->persist.durable.last = node->log.last;
    node->persist.durable.match = node->log.last;
    node->persist.durable.snapshot = node->snapshot.latest.index;
    node->persist.durable.base = node->log.base;
    node->persist.durable.term = node->standing.term;
    node->persist.durable.voted_for = node->election.voted_for;
}

CRAFT_INTERNAL void craft_persist_begun(struct craft_node *node,
                                        craft_index same)
{
    struct craft_persistence *persist = &node->persist;

    CRAFT_ASSERT(persist->oldest == persist->next);
    if (persist->durable.match > same) {
        persist->durable.match = same;
    }
}

/*
 * Truncated is not durable, whatever a late ending says. Before anything new
 * is handed out, so that only tickets of the old entries are concerned.
 */
CRAFT_INTERNAL void craft_persist_settle(struct craft_node *node)
{
    struct craft_persistence *persist = &node->persist;
    craft_index from = node->log.truncated_from;

    CRAFT_ASSERT(from != 0);
    node->log.truncated_from = 0;
    if (persist->durable.match >= from) {
        persist->durable.match = from - 1;
    }
    for (uint64_t t = persist->oldest; t != persist->next; t++) {
        struct craft_stored *stored = &persist->tickets[t & persist->mask];

        if (stored->match >= from) {
            stored->match = from - 1;
        }
    }
}

static void persist_pass_voided(struct craft_persistence *persist)
{
    while (persist->oldest != persist->next &&
           persist->tickets[persist->oldest & persist->mask].era ==
               CRAFT_ERA_VOIDED) {
        persist->oldest++;
    }
}

/* The durable state moved on: who waited for that looks again. */
static void persist_moved(struct craft_node *node)
{
    craft_changed(node, node->when_durable);
    node->when_durable = 0;
}

CRAFT_INTERNAL int craft_persist_ended(struct craft_node *node, uint64_t ticket)
{
    struct craft_persistence *persist = &node->persist;

    const struct craft_stored *stored =
        &persist->tickets[ticket & persist->mask];

    if (CRAFT_UNLIKELY(ticket < persist->oldest || ticket >= persist->next ||
                       stored->era == CRAFT_ERA_VOIDED)) {
        /* Covered by a later one, or voided: nothing new. */
        return ticket == 0 || ticket >= persist->next ? CRAFT_ERR_TICKET : 0;
    }
    persist->durable = *stored;
    persist->oldest = ticket + 1;
    if (CRAFT_UNLIKELY(persist->oldest != persist->next)) {
        persist_pass_voided(persist);
    }
    if (CRAFT_UNLIKELY(persist->full) &&
        persist->durable.match == node->log.last) {
        persist->full = false; /* so no tick asks again: ask now */
        persist->stuck = false;
        craft_changed(node, CRAFT_FACT_HARD_STATE);
    }
    persist_moved(node);
    return 0;
}

CRAFT_INTERNAL bool craft_persist_open(const struct craft_node *node,
                                       uint64_t ticket)
{
    const struct craft_persistence *persist = &node->persist;

    return ticket >= persist->oldest && ticket < persist->next &&
           persist->tickets[ticket & persist->mask].era != CRAFT_ERA_VOIDED;
}

CRAFT_INTERNAL void craft_persist_voided(struct craft_node *node,
                                         uint64_t ticket)
{
    struct craft_persistence *persist = &node->persist;
    struct craft_stored before;

    CRAFT_ASSERT(craft_persist_open(node, ticket));
    /*
     * Earlier tickets stay open. The voided keep their numbers, so that an
     * ending of one that comes late cannot end a new ticket.
     */
    before = ticket == persist->oldest
                 ? persist->durable
                 : persist->tickets[(ticket - 1) & persist->mask];
    before.era = CRAFT_ERA_VOIDED;
    persist->stuck =
        persist->tickets[ticket & persist->mask].match == before.match;
    for (uint64_t t = ticket; t != persist->next; t++) {
        persist->tickets[t & persist->mask] = before;
    }
    persist_pass_voided(persist);
    persist->full = true;
    persist->retry = false;
    persist_moved(node);
    craft_changed(node, CRAFT_FACT_HARD_STATE | CRAFT_FACT_STORAGE);
}

CRAFT_INTERNAL void craft_persist_retry(struct craft_node *node)
{
    if (node->persist.full) {
        node->persist.stuck = false;
        node->persist.retry = true;
        craft_changed(node, CRAFT_FACT_LOG_GREW);
    }
}

/*
 * The hard state, if the store is to have another. Not before the first entry:
 * a store with a term and no log is that of a server that never had one, which
 * after a crash would neither found its group again nor campaign.
 */
static uint32_t persist_hard_state(const struct craft_node *node,
                                   const struct craft_stored *newest,
                                   craft_index last)
{
    if (CRAFT_LIKELY(newest->term == node->standing.term &&
                     newest->voted_for == node->election.voted_for) ||
        node->persist.stuck || (last == 0 && node->log.last > 0)) {
        return 0;
    }
    return CRAFT_PERSIST_HARD_STATE;
}

/*
 * The latest snapshot, if the store has not noted it, and what it may drop for
 * that: the base in memory, so that nothing it drops is ever asked for. Also
 * when the disk is full: it is what makes room.
 */
static uint32_t persist_snapshot(struct craft_node *node,
                                 const struct craft_stored *newest)
{
    craft_persist *record = &node->out.persist;
    uint32_t flags = 0;

    record->snapshot = NULL;
    record->keep_from = 0;
    if (node->persist.stuck) {
        return 0;
    }
    if (newest->snapshot < node->snapshot.latest.index) {
        record->snapshot = &node->snapshot.latest;
        flags = CRAFT_PERSIST_SNAPSHOT;
    }
    if (newest->base < node->log.base) {
        record->keep_from = node->log.base + 1;
        flags |= CRAFT_PERSIST_COMPACT;
    }
    return flags;
}

/* Up to where the store is to get entries with the next record. */
static craft_index persist_reach(const struct craft_node *node,
                                 const struct craft_stored *newest)
{
    if (newest->match >= node->log.last ||
        CRAFT_UNLIKELY(node->persist.full && !node->persist.retry)) {
        return newest->match;
    }
    return craft_log_batch(&node->log, newest->match + 1, node->log.last,
                           UINT64_MAX / 2);
}

/* Entries up to `last`; what the store's log will end with. */
static inline craft_index record_entries(struct craft_node *node,
                                         const struct craft_stored *newest,
                                         craft_index last)
{
    craft_persist *record = &node->out.persist;
    craft_index first = newest->match + 1;

    record->flags |= CRAFT_PERSIST_ENTRIES;
    record->first_index = first;
    record->entries = craft_log_entry(&node->log, first);
    record->entries_len = (size_t)(last - newest->match);
    record->truncate_from = 0;
    if (CRAFT_UNLIKELY(newest->last > newest->match)) {
        record->truncate_from = first;
        record->flags |= CRAFT_PERSIST_TRUNCATE;
    }
    return last;
}

static craft_index record_no_entries(craft_persist *record,
                                     const struct craft_stored *newest)
{
    record->first_index = 0;
    record->entries = NULL;
    record->entries_len = 0;
    record->truncate_from = 0;
    return newest->last;
}

/*
 * The log in memory began anew behind the leader's snapshot: so does the
 * store's, with the record that notes it. A tail that conflicts goes with that
 * record, since a store with both would have nobody's log (openraft 674e78aa).
 * Returns from where on, 0 = nowhere.
 */
CRAFT_COLD static craft_index store_begins(const struct craft_node *node,
                                           struct craft_stored *newest)
{
    craft_index base = node->log.base;
    craft_index from = newest->last >= base ? base : 0;

    newest->match = base;
    newest->last = base;
    return from;
}

/* What the store will hold once the record is written. */
static inline void ticket_take(struct craft_node *node,
                               const struct craft_stored *newest,
                               craft_index match, craft_index last)
{
    struct craft_persistence *persist = &node->persist;
    const craft_persist *record = &node->out.persist;
    struct craft_stored *stored =
        &persist->tickets[persist->next & persist->mask];

    stored->last = last;
    stored->match = match;
    stored->snapshot =
        node->persist.stuck ? newest->snapshot : node->snapshot.latest.index;
    stored->base = node->persist.stuck ? newest->base : node->log.base;
    stored->term = record->term;
    stored->voted_for = record->voted_for;
    stored->era = node->log.era;
    persist->next++;
    if (CRAFT_LIKELY(match == node->log.last) || persist->full) {
        persist->retry = false;
        node->due &= ~(uint32_t)CRAFT_DERIVE_PERSIST;
    }
}

/* All tickets are out: their endings look again. */
CRAFT_COLD static bool persist_wait(struct craft_node *node)
{
    craft_when_durable(node, CRAFT_DERIVE_PERSIST);
    node->due &= ~(uint32_t)CRAFT_DERIVE_PERSIST;
    return false;
}

CRAFT_INTERNAL bool craft_persist_derive(struct craft_node *node)
{
    struct craft_persistence *persist = &node->persist;
    const struct craft_stored *newest = &persist->durable;
    craft_persist *record = &node->out.persist;
    struct craft_stored begun;
    craft_index truncate_from = 0;
    craft_index match;
    craft_index last;

    CRAFT_ASSERT(node->log.truncated_from == 0);
    if (CRAFT_UNLIKELY(node->receiving.complete) &&
        craft_takeover_waits(node)) {
        return persist_wait(node);
    }
    if (CRAFT_UNLIKELY(persist->oldest != persist->next)) {
        newest = &persist->tickets[(persist->next - 1) & persist->mask];
        if (CRAFT_UNLIKELY(persist->next - persist->oldest >=
                           node->config.persist_inflight_max)) {
            return persist_wait(node);
        }
    }
    record->flags = CRAFT_PERSIST_MUST_SYNC;
    if (CRAFT_UNLIKELY(newest->snapshot < node->snapshot.latest.index ||
                       newest->base < node->log.base)) {
        record->flags |= persist_snapshot(node, newest);
        if (newest->match < node->log.base && !persist->stuck) {
            begun = *newest;
            truncate_from = store_begins(node, &begun);
            newest = &begun;
        }
    }
    match = persist_reach(node, newest);
    record->flags |= persist_hard_state(node, newest, match);
    last = CRAFT_LIKELY(match > newest->match)
               ? record_entries(node, newest, match)
               : record_no_entries(record, newest);
    if (CRAFT_UNLIKELY(truncate_from != 0)) {
        record->truncate_from = truncate_from;
        record->flags |= CRAFT_PERSIST_TRUNCATE;
    }
    if (CRAFT_UNLIKELY(record->flags == CRAFT_PERSIST_MUST_SYNC)) {
        node->due &= ~(uint32_t)CRAFT_DERIVE_PERSIST;
        return false;
    }
    record->struct_size = (uint32_t)sizeof *record;
    record->ticket = persist->next;
    record->term = node->standing.term;
    record->voted_for = node->election.voted_for;
    /* No store may say that more is committed than it holds: a leader commits
     * ahead of its disk, and one range may go out as two records. */
    record->commit_hint =
        node->commit_index < match ? node->commit_index : match;
    ticket_take(node, newest, match, last);
    return true;
}
