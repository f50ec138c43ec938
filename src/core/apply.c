#include "core/apply.h"

CRAFT_INTERNAL void craft_apply_restored(struct craft_node *node,
                                         craft_index index)
{
    node->apply.index = index;
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

CRAFT_INTERNAL void craft_apply_settle(struct craft_node *node)
{
    craft_index limit = apply_limit(node);
    craft_index index = node->apply.index;
    const craft_entry *entry = NULL;
    craft_index last;

    if (node->apply.first != 0) {
        return;
    }
    while (index < limit) {
        entry = apply_entry(node, index + 1, &last);
        if (entry == NULL || entry->kind == CRAFT_ENTRY_COMMAND) {
            break;
        }
        index++;
    }
    if (index != node->apply.index) {
        node->apply.index = index;
        craft_changed(node, CRAFT_DERIVE_DONE | CRAFT_TIDY_MEMORY);
    }
    if (index < limit) {
        craft_changed(node,
                      entry != NULL ? CRAFT_DERIVE_APPLY : CRAFT_DERIVE_FETCH);
    }
}

CRAFT_INTERNAL craft_index craft_apply_missing(const struct craft_node *node)
{
    craft_index next = node->apply.index + 1;
    craft_index last;

    if (node->apply.first != 0 || next > apply_limit(node) ||
        apply_entry(node, next, &last) != NULL) {
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
    if (index + 1 < apply->first || index > apply->last) {
        return CRAFT_ERR_INVALID;
    }
    CRAFT_ASSERT(index >= apply->index);
    apply->index = index;
    apply->first = 0;
    craft_changed(node, CRAFT_FACT_APPLIED);
    return 0;
}

CRAFT_INTERNAL bool craft_apply_derive(struct craft_node *node)
{
    craft_index first = node->apply.index + 1;
    craft_index last = apply_limit(node);
    const craft_entry *entries;
    craft_index reach;
    size_t len = 0;

    node->due &= ~(uint32_t)CRAFT_DERIVE_APPLY; /* an ending looks again */
    if (node->apply.first != 0 || first > last) {
        return false;
    }
    entries = apply_entry(node, first, &reach);
    if (entries == NULL || entries->kind != CRAFT_ENTRY_COMMAND) {
        return false;
    }
    if (first >= node->log.first) {
        last = craft_log_batch(&node->log, first, last,
                               node->config.message_bytes_max);
    } else if (last > reach) {
        last = reach;
    }
    while (first + len <= last && entries[len].kind == CRAFT_ENTRY_COMMAND) {
        len++;
    }
    node->apply.first = first;
    node->apply.last = first + len - 1;
    node->apply.era = node->log.era;
    node->out.entries = entries;
    node->out.entries_len = len;
    return true;
}
