#include "core/apply.h"

/* Applied up to index: what waits for that, and may leave memory now? */
static inline void apply_advance(struct craft_node *node, craft_index index)
{
    CRAFT_ASSERT(index >= node->apply.index);
    node->apply.index = index;
    if ((node->proposals.len | node->reads.confirmed.len |
         node->forward.entered.len) > 0) {
        craft_changed(node, CRAFT_FACT_APPLIED & ~CRAFT_DERIVE_APPLY);
    }
    if (craft_log_evictable(&node->log, index)) {
        craft_changed(node, CRAFT_FACT_CACHE_FULL);
    }
}

CRAFT_INTERNAL void craft_apply_restored(struct craft_node *node,
                                         craft_index index)
{
    apply_advance(node, index);
}

/* How far may be applied. */
static craft_index apply_limit(const struct craft_node *node)
{
    craft_index durable = node->persist.durable.match;

    return node->commit_index < durable ? node->commit_index : durable;
}

/* The entry, and how far those behind it reach; NULL: it is to be fetched. */
static const craft_entry *apply_entry(const struct craft_node *node,
                                      craft_index index, craft_index *last_out)
{
    if (CRAFT_LIKELY(index >= node->log.first)) {
        *last_out = node->log.last;
        return craft_log_entry(&node->log, index);
    }
    return craft_stretch_held(node, CRAFT_FETCH_APPLY, index, last_out);
}

CRAFT_INTERNAL craft_index craft_apply_missing(const struct craft_node *node)
{
    craft_index next = node->apply.index + 1;
    craft_index last;

    if (node->apply.first != 0 || next > apply_limit(node) ||
        craft_install_due(node) || apply_entry(node, next, &last) != NULL) {
        return 0;
    }
    return next;
}

CRAFT_INTERNAL int craft_apply_ended(struct craft_node *node, craft_index index)
{
    struct craft_application *apply = &node->apply;

    if (apply->first == 0) {
        return CRAFT_ERR_TICKET;
    }
    if (index > apply->last ||
        index + (apply->is_snapshot ? 0u : 1u) < apply->first) {
        return CRAFT_ERR_INVALID;
    }
    apply->first = 0;
    apply->is_snapshot = false;
    if (CRAFT_UNLIKELY(node->receiving.complete)) {
        craft_changed(node, CRAFT_FACT_RECEIVED);
    }
    apply_advance(node, index);
    /* Also what is committed and not durable here yet: it has to be noted
     * that the rest of it follows when a write ends. */
    if (node->apply.index < node->commit_index) {
        craft_changed(node, CRAFT_DERIVE_APPLY);
    }
    return 0;
}

/*
 * Pass over the library's own entries to the first command. NULL when there is
 * none to apply yet; what left memory is asked for.
 */
static const craft_entry *apply_pass(struct craft_node *node, craft_index limit,
                                     craft_index *last_out)
{
    craft_index index = node->apply.index;
    const craft_entry *entry = NULL;

    while (index < limit) {
        entry = apply_entry(node, index + 1, last_out);
        if (entry == NULL) {
            craft_changed(node, CRAFT_FACT_FETCH_WANTED);
            break;
        }
        if (entry->kind == CRAFT_ENTRY_COMMAND) {
            break;
        }
        entry = NULL;
        index++;
    }
    if (index != node->apply.index) {
        apply_advance(node, index);
    }
    if (*last_out > limit) {
        *last_out = limit;
    }
    return entry;
}

/* The first command after what is applied, if it may be applied. */
static inline const craft_entry *
apply_next(struct craft_node *node, craft_index limit, craft_index *last_out)
{
    craft_index next = node->apply.index + 1;

    if (CRAFT_LIKELY(next >= node->log.first)) {
        const craft_entry *entry = craft_log_entry(&node->log, next);

        if (CRAFT_LIKELY(entry->kind == CRAFT_ENTRY_COMMAND)) {
            *last_out = limit;
            return entry;
        }
    }
    return apply_pass(node, limit, last_out);
}

/* How many commands in a row the host is to get, up to the entry `last`. */
static size_t apply_len(const struct craft_node *node,
                        const craft_entry *entries, craft_index last)
{
    craft_index first = entries->index;
    size_t len = 1;

    if (CRAFT_LIKELY(first >= node->log.first)) {
        last = craft_log_batch(&node->log, first, last,
                               node->config.message_bytes_max);
    }
    while (first + len <= last && entries[len].kind == CRAFT_ENTRY_COMMAND) {
        len++;
    }
    return len;
}

CRAFT_INTERNAL bool craft_apply_derive_install(struct craft_node *node)
{
    craft_index index = node->snapshot.latest.index;

    CRAFT_ASSERT(craft_install_due(node));
    node->due &= ~(uint32_t)CRAFT_DERIVE_APPLY; /* an ending looks again */
    if (node->apply.first != 0) {
        return false;
    }
    if (node->persist.durable.snapshot != index) {
        craft_when_durable(node, CRAFT_DERIVE_APPLY);
        return false;
    }
    node->apply.first = index;
    node->apply.last = index;
    node->apply.is_snapshot = true;
    node->apply.era = node->log.era;
    return true;
}

CRAFT_INTERNAL bool craft_apply_derive(struct craft_node *node)
{
    craft_index limit = apply_limit(node);
    const craft_entry *entries;
    craft_index last = 0;
    craft_index first;
    size_t len = 1;

    node->due &= ~(uint32_t)CRAFT_DERIVE_APPLY; /* an ending looks again */
    if (limit < node->commit_index) {
        craft_when_durable(node, CRAFT_DERIVE_APPLY);
    }
    if (node->apply.index >= limit || node->apply.first != 0 ||
        CRAFT_UNLIKELY(node->receiving.complete)) {
        return false; /* or a snapshot is about to take over */
    }
    entries = apply_next(node, limit, &last);
    if (entries == NULL) {
        return false; /* only our own so far, or a fetch */
    }
    first = node->apply.index + 1;
    if (CRAFT_UNLIKELY(last > first)) {
        len = apply_len(node, entries, last);
    }
    node->apply.first = first;
    node->apply.last = first + len - 1;
    node->apply.era = node->log.era;
    node->out.entries = entries;
    node->out.entries_len = len;
    return true;
}
