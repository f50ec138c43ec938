#include "log/log.h"

CRAFT_INTERNAL void craft_log_init(struct craft_log *log,
                                   const craft_allocator *allocator,
                                   size_t spare_room)
{
    memset(log, 0, sizeof *log);
    log->allocator = allocator;
    log->first = 1;
    log->spare_room = spare_room;
    log->cache_bytes_max = UINT64_MAX;
}

/* ---------------------------------------------------------- runs of terms */

/* The run that holds index, which is within the log. */
static uint32_t run_of(const struct craft_log *log, craft_index index)
{
    uint32_t low = 0;
    uint32_t high = log->runs_len;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (log->runs[middle].first <= index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

CRAFT_INTERNAL craft_term craft_log_term_slow(const struct craft_log *log,
                                              craft_index index)
{
    CRAFT_ASSERT(index <= log->last);
    if (index == 0) {
        return 0;
    }
    return log->runs[run_of(log, index)].term;
}

CRAFT_INTERNAL craft_index craft_log_last_at_most(const struct craft_log *log,
                                                  craft_index limit,
                                                  craft_term term)
{
    uint32_t run;

    if (limit > log->last) {
        limit = log->last;
    }
    if (limit == 0) {
        return 0;
    }
    run = run_of(log, limit);
    if (log->runs[run].term <= term) {
        return limit;
    }
    while (run > 0 && log->runs[run].term > term) {
        limit = log->runs[run].first - 1;
        run--;
    }
    return log->runs[run].term <= term ? limit : 0;
}

static void runs_append(struct craft_log *log, craft_index index,
                        craft_term term)
{
    CRAFT_ASSERT(term > log->last_term);
    CRAFT_ASSERT(log->runs_len < log->runs_max);
    log->runs[log->runs_len].first = index;
    log->runs[log->runs_len].term = term;
    log->runs_len++;
    log->last_term = term;
}

static void runs_truncate(struct craft_log *log, craft_index from)
{
    while (log->runs_len > 0 && log->runs[log->runs_len - 1].first >= from) {
        log->runs_len--;
    }
    log->last_term = log->runs_len > 0 ? log->runs[log->runs_len - 1].term : 0;
}

/* ------------------------------------------------------ append, truncate */

/* Where the next entry and its data go; what is written back afterwards. */
struct log_cursor {
    craft_index index;
    uint64_t end;
    size_t used;
};

static inline void entry_put(struct craft_log *log, struct log_cursor *cursor,
                             const craft_entry *entry, uint64_t token)
{
    uint64_t at = cursor->index & log->mask;
    craft_entry *slot = &log->entries[at];
    uint8_t *data = (uint8_t *)log->newest + cursor->used;
    size_t data_len = entry->data_len;

    CRAFT_ASSERT(cursor->index - log->first <= log->mask);
    CRAFT_ASSERT(craft_log_space(data_len) <= log->newest->size - cursor->used);
    if (CRAFT_UNLIKELY(entry->term != log->last_term)) {
        runs_append(log, cursor->index, entry->term);
    }
    slot->index = cursor->index;
    slot->term = entry->term;
    slot->token = token;
    slot->kind = entry->kind;
    slot->reserved = 0;
    slot->data = data_len > 0 ? data : NULL;
    slot->data_len = data_len;
    if (data_len > 0) {
        memcpy(data, entry->data, data_len);
    }
    cursor->used += craft_log_space(data_len);
    cursor->end += data_len + CRAFT_ENTRY_OVERHEAD;
    log->ends[at] = cursor->end;
    cursor->index++;
}

static inline void cursor_done(struct craft_log *log,
                               const struct log_cursor *cursor)
{
    log->newest->used = cursor->used;
    log->newest->last_index = cursor->index - 1;
    log->end = cursor->end;
    log->last = cursor->index - 1;
}

CRAFT_INTERNAL void craft_log_append(struct craft_log *log,
                                     const craft_entry *entries,
                                     size_t entries_len)
{
    struct log_cursor cursor = {log->last + 1, log->end, log->newest->used};

    for (size_t i = 0; i < entries_len; i++) {
        entry_put(log, &cursor, &entries[i], 0);
    }
    cursor_done(log, &cursor);
}

CRAFT_INTERNAL void craft_log_append_own(struct craft_log *log, craft_term term,
                                         uint32_t kind,
                                         const craft_command *command)
{
    struct log_cursor cursor = {log->last + 1, log->end, log->newest->used};
    craft_entry entry;

    entry.term = term;
    entry.kind = kind;
    entry.data = command->data;
    entry.data_len = command->data_len;
    entry_put(log, &cursor, &entry, command->token);
    cursor_done(log, &cursor);
}

CRAFT_INTERNAL void craft_log_truncate(struct craft_log *log, craft_index from,
                                       bool lent)
{
    CRAFT_ASSERT(from >= 1 && from <= log->last);
    if (lent) {
        craft_log_use_fresh(log, from - 1);
    }
    runs_truncate(log, from);
    for (struct craft_block *at = log->oldest; at != NULL; at = at->next) {
        if (at->last_index >= from) {
            at->last_index = from - 1;
        }
    }
    log->last = from - 1;
    if (log->truncated_from == 0 || from < log->truncated_from) {
        log->truncated_from = from;
    }
    if (from < log->first) {
        log->first = from; /* nothing of the rest was in memory */
    }
    log->end = craft_log_end(log, log->last);
}

CRAFT_INTERNAL craft_index craft_log_batch_slow(const struct craft_log *log,
                                                craft_index from,
                                                craft_index to,
                                                uint64_t bytes_max)
{
    craft_index wrap = from + (log->mask - (from & log->mask));
    uint64_t limit;
    craft_index low = from;

    CRAFT_ASSERT(from >= log->first && from <= to && to <= log->last);
    limit = craft_log_end(log, from - 1) + bytes_max;
    if (to > wrap) {
        to = wrap;
    }
    if (CRAFT_LIKELY(craft_log_end(log, to) <= limit)) {
        return to;
    }
    while (to - low > 1) {
        craft_index middle = low + (to - low) / 2;

        if (craft_log_end(log, middle) <= limit) {
            low = middle;
        } else {
            to = middle;
        }
    }
    return low;
}
