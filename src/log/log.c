#include "log/log.h"

CRAFT_INTERNAL void craft_log_init(struct craft_log *log,
                                   const craft_allocator *allocator,
                                   size_t spare_room)
{
    memset(log, 0, sizeof *log);
    log->allocator = allocator;
    log->first = 1;
    log->kept = 1;
    log->spare_room = spare_room;
    log->cache_bytes_max = UINT64_MAX;
    log->bytes_max = UINT64_MAX;
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
    CRAFT_ASSERT(index >= log->base);
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
    if (limit == 0 || limit < log->base) {
        return limit;
    }
    run = run_of(log, limit);
    if (log->runs[run].term <= term) {
        return limit;
    }
    while (run > 0 && log->runs[run].term > term) {
        limit = log->runs[run].first - 1;
        run--;
    }
    return log->runs[run].term <= term ? limit : log->runs[0].first - 1;
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

/* Of what stands before `base` nothing is known any more. */
static void runs_compact(struct craft_log *log, craft_index base)
{
    uint32_t run = run_of(log, base);

    log->runs_len -= run;
    memmove(log->runs, log->runs + run, log->runs_len * sizeof *log->runs);
    log->runs[0].first = base;
}

/* ------------------------------------------------------ append, truncate */

/*
 * Where the next entry and its data go; written back when all are in. Bounds
 * are asserted once for all: what was reserved is enough, and no more is used.
 */
struct log_cursor {
    craft_entry *entries;
    uint64_t *ends;
    uint64_t mask;
    craft_index index;
    uint64_t end;
    uint8_t *data;
};

static inline struct log_cursor cursor_begin(const struct craft_log *log,
                                             size_t entries, size_t space)
{
    struct craft_block *segment = log->newest;
    struct log_cursor cursor = {log->entries,  log->ends, log->mask,
                                log->last + 1, log->end,  NULL};

    CRAFT_ASSERT(log->last + entries - log->kept <= log->mask);
    CRAFT_ASSERT(space <= segment->size - segment->used);
    cursor.data = (uint8_t *)segment + segment->used;
    return cursor;
}

static inline void cursor_put(struct log_cursor *cursor,
                              const craft_entry *entry)
{
    uint64_t at = cursor->index & cursor->mask;
    craft_entry *slot = &cursor->entries[at];
    size_t data_len = entry->data_len;

    slot->index = cursor->index;
    slot->term = entry->term;
    slot->token = 0;
    slot->kind = entry->kind;
    slot->reserved = 0;
    slot->data = cursor->data;
    slot->data_len = data_len;
    cursor->data += craft_log_space(data_len);
    cursor->end += data_len + CRAFT_ENTRY_OVERHEAD;
    cursor->ends[at] = cursor->end;
    cursor->index++;
}

static inline void cursor_done(struct craft_log *log,
                               const struct log_cursor *cursor, size_t space)
{
    struct craft_block *segment = log->newest;
    size_t used = (size_t)(cursor->data - (uint8_t *)segment);

    CRAFT_ASSERT(used - segment->used <= space);
    segment->used = used;
    segment->last_index = cursor->index - 1;
    log->end = cursor->end;
    log->last = cursor->index - 1;
}

static void append_batch(struct craft_log *log, const craft_entry *entries,
                         size_t entries_len, size_t space)
{
    struct log_cursor cursor = cursor_begin(log, entries_len, space);
    craft_term term = log->last_term;
    uint8_t *data;

    for (size_t i = 0; i < entries_len; i++) {
        if (CRAFT_UNLIKELY(entries[i].term != term)) {
            term = entries[i].term;
            runs_append(log, cursor.index, term);
        }
        cursor_put(&cursor, &entries[i]);
    }
    data = (uint8_t *)log->newest + log->newest->used;
    cursor_done(log, &cursor, space);
    for (size_t i = 0; i < entries_len; i++) {
        if (entries[i].data_len > 0) {
            memcpy(data, entries[i].data, entries[i].data_len);
        }
        data += craft_log_space(entries[i].data_len);
    }
}

/* One alone, which is not worth a cursor. */
static inline void append_one(struct craft_log *log, craft_term term,
                              uint32_t kind, const craft_command *command)
{
    struct craft_block *segment = log->newest;
    craft_index index = log->last + 1;
    craft_entry *slot = &log->entries[index & log->mask];
    size_t data_len = command->data_len;
    uint8_t *data = (uint8_t *)segment + segment->used;

    CRAFT_ASSERT(index - log->kept <= log->mask);
    CRAFT_ASSERT(craft_log_space(data_len) <= segment->size - segment->used);
    if (CRAFT_UNLIKELY(term != log->last_term)) {
        runs_append(log, index, term);
    }
    slot->index = index;
    slot->term = term;
    slot->token = command->token;
    slot->kind = kind;
    slot->reserved = 0;
    slot->data = data;
    slot->data_len = data_len;
    segment->used += craft_log_space(data_len);
    segment->last_index = index;
    log->last = index;
    log->end += data_len + CRAFT_ENTRY_OVERHEAD;
    log->ends[index & log->mask] = log->end;
    if (data_len > 0) {
        memcpy(data, command->data, data_len);
    }
}

CRAFT_INTERNAL void craft_log_append(struct craft_log *log,
                                     const craft_entry *entries,
                                     size_t entries_len, size_t space)
{
    if (entries_len == 1) {
        craft_command command = {entries->data, entries->data_len, 0};

        append_one(log, entries->term, entries->kind, &command);
        return;
    }
    append_batch(log, entries, entries_len, space);
}

CRAFT_HOT void craft_log_append_own(struct craft_log *log, craft_term term,
                                    uint32_t kind, const craft_command *command)
{
    append_one(log, term, kind, command);
}

CRAFT_INTERNAL void craft_log_truncate(struct craft_log *log, craft_index from,
                                       bool lent)
{
    CRAFT_ASSERT(from > log->base);
    CRAFT_ASSERT(from <= log->last);
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
    if (log->kept > log->first) {
        log->kept = log->first;
    }
    log->end = craft_log_end(log, log->last);
    craft_log_retire_dead(log);
}

CRAFT_INTERNAL void craft_log_begin(struct craft_log *log, craft_index index,
                                    craft_term term, bool lent)
{
    CRAFT_ASSERT(index > 0);
    CRAFT_ASSERT(log->runs_max > 0);
    log->first = log->last + 1;
    if (lent) {
        craft_log_use_fresh(log, log->last); /* none of them */
    }
    log->base = index;
    log->first = index + 1;
    log->kept = index + 1;
    log->last = index;
    log->last_term = term;
    log->runs[0].first = index;
    log->runs[0].term = term;
    log->runs_len = 1;
    log->start = log->end;
    log->base_end = log->end;
    log->marks_len = 0;
    craft_log_retire_old(log, UINT64_MAX);
    log->newest->last_index = index;
}

CRAFT_INTERNAL void craft_log_compact(struct craft_log *log, craft_index to)
{
    CRAFT_ASSERT(to >= log->base);
    CRAFT_ASSERT(to <= log->last);
    if (to == log->base) {
        return;
    }
    runs_compact(log, to);
    craft_log_marks_drop(log, to);
    log->base = to;
    if (to >= log->first) {
        log->start = craft_log_end(log, to);
        log->base_end = log->start;
        log->first = to + 1;
        craft_log_retire_old(log, to);
    }
}

CRAFT_INTERNAL craft_index craft_log_batch_slow(const struct craft_log *log,
                                                craft_index from,
                                                craft_index to,
                                                uint64_t bytes_max)
{
    craft_index wrap = from + (log->mask - (from & log->mask));
    uint64_t limit;
    craft_index low = from;

    CRAFT_ASSERT(from >= log->first);
    CRAFT_ASSERT(from <= to);
    CRAFT_ASSERT(to <= log->last);
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
