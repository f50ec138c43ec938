/* The memory of the log: the array of entries, the segments, reclamation. */
#include "log/log.h"

#define SLOTS_MIN 2u
#define SEGMENT_MIN 208u
#define SEGMENT_MAX 65536u
#define SEGMENT_SPARE 16u /* a no-op fits behind the entry that asked */
#define RUNS_MIN 2u

static struct craft_block *block_new(struct craft_log *log, size_t size)
{
    struct craft_block *block = craft_memory_alloc(log->allocator, size);

    if (block != NULL) {
        memset(block, 0, sizeof *block);
        block->size = size;
        block->used = sizeof *block;
    }
    return block;
}

static void block_free(struct craft_log *log, struct craft_block *block)
{
    if (block != NULL) {
        craft_memory_free(log->allocator, block, block->size);
    }
}

static void blocks_free(struct craft_log *log, struct craft_block *block)
{
    while (block != NULL) {
        struct craft_block *next = block->next;

        block_free(log, block);
        block = next;
    }
}

CRAFT_INTERNAL void craft_log_free(struct craft_log *log)
{
    block_free(log, log->array);
    block_free(log, log->fresh);
    blocks_free(log, log->oldest);
    blocks_free(log, log->spare);
    blocks_free(log, log->retired.first);
    blocks_free(log, log->evicted.first);
    craft_memory_free(log->allocator, log->runs,
                      log->runs_max * sizeof *log->runs);
}

static void block_retire_to(struct craft_log *log, struct craft_blocks *blocks,
                            struct craft_block *block)
{
    block->next = NULL;
    block->retired_era = log->era;
    log->era++;
    if (blocks->first == NULL) {
        blocks->first = block;
    } else {
        blocks->last->next = block;
    }
    blocks->last = block;
}

static void block_retire(struct craft_log *log, struct craft_block *block)
{
    block_retire_to(log, &log->retired, block);
}

/* A segment that nobody reads any more is kept for reuse, within bounds; an
 * array (last_index 0) is replaced by a larger one and never wanted again. */
static void block_reuse(struct craft_log *log, struct craft_block *block)
{
    if (block->last_index == 0 || block->size > log->spare_room) {
        block_free(log, block);
        return;
    }
    log->spare_room -= block->size;
    block->next = log->spare;
    log->spare = block;
}

/*
 * Behind the segment with the last entry there is nothing but the newest one,
 * which goes on being filled. Else the memory of tails that come and go would
 * be kept until the cache is full, which may be never.
 */
CRAFT_INTERNAL void craft_log_retire_dead(struct craft_log *log)
{
    struct craft_block *keep = log->oldest;

    CRAFT_ASSERT(log->newest != NULL);
    CRAFT_ASSERT(log->newest->last_index == log->last);
    while (keep->last_index < log->last) {
        keep = keep->next;
    }
    while (keep != log->newest && keep->next != log->newest) {
        struct craft_block *dead = keep->next;

        keep->next = dead->next;
        block_retire(log, dead);
    }
}

CRAFT_INTERNAL void craft_log_retire_old(struct craft_log *log, craft_index to)
{
    while (log->oldest != log->newest && log->oldest->last_index <= to) {
        struct craft_block *dead = log->oldest;

        log->oldest = dead->next;
        block_retire(log, dead);
    }
}

static void blocks_reclaim(struct craft_log *log, struct craft_blocks *blocks,
                           uint64_t era)
{
    while (blocks->first != NULL && blocks->first->retired_era < era) {
        struct craft_block *block = blocks->first;

        blocks->first = block->next;
        block_reuse(log, block);
    }
}

CRAFT_INTERNAL void craft_log_reclaim(struct craft_log *log, uint64_t era,
                                      uint64_t evicted_era)
{
    blocks_reclaim(log, &log->retired, era);
    blocks_reclaim(log, &log->evicted, evicted_era);
}

/* ------------------------------------------------------- array of entries */

static struct craft_block *array_new(struct craft_log *log, size_t slots)
{
    size_t slot = sizeof(craft_entry) + sizeof(uint64_t);

    CRAFT_ASSERT(slots <= (SIZE_MAX - sizeof(struct craft_block)) / slot);
    return block_new(log, sizeof(struct craft_block) + slots * slot);
}

/* Put the entries first .. last into the array, and use it from now on. */
static void array_take(struct craft_log *log, struct craft_block *array,
                       size_t slots, craft_index last)
{
    craft_entry *entries = (craft_entry *)(void *)(array + 1);
    uint64_t *ends = (uint64_t *)(void *)(entries + slots);
    uint64_t mask = slots - 1;

    for (craft_index i = log->first; i <= last; i++) {
        entries[i & mask] = log->entries[i & log->mask];
        ends[i & mask] = log->ends[i & log->mask];
    }
    if (log->array != NULL) {
        block_retire(log, log->array);
    }
    log->array = array;
    log->entries = entries;
    log->ends = ends;
    log->mask = mask;
    log->kept = log->first;
}

static size_t slots_for(size_t least)
{
    size_t slots = SLOTS_MIN;

    CRAFT_ASSERT(least <= SIZE_MAX / 128);
    while (slots < least) {
        slots *= 2;
    }
    return slots;
}

static int array_reserve(struct craft_log *log, size_t entries)
{
    size_t held = (size_t)(log->last + 1 - log->first);
    size_t kept = (size_t)(log->last + 1 - log->kept);
    struct craft_block *array;
    size_t slots;

    if (log->array != NULL && entries <= log->mask + 1 - kept) {
        return 0;
    }
    if (entries > SIZE_MAX / 256 - held) {
        return CRAFT_ERR_NOMEM;
    }
    slots = slots_for(held + entries);
    array = array_new(log, slots);
    if (array == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    array_take(log, array, slots, log->last);
    return 0;
}

CRAFT_INTERNAL int craft_log_reserve_fresh(struct craft_log *log,
                                           size_t entries)
{
    size_t slots = slots_for((size_t)(log->last + 1 - log->first) + entries);
    struct craft_block *fresh = array_new(log, slots);

    if (fresh == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    block_free(log, log->fresh);
    log->fresh = fresh;
    return 0;
}

CRAFT_INTERNAL void craft_log_use_fresh(struct craft_log *log, craft_index last)
{
    size_t slot = sizeof(craft_entry) + sizeof(uint64_t);
    size_t slots;

    CRAFT_ASSERT(log->fresh != NULL);
    slots = (log->fresh->size - sizeof(struct craft_block)) / slot;
    array_take(log, log->fresh, slots, last);
    log->fresh = NULL;
}

/* --------------------------------------------------------------- segments */

/* A spare that is large enough, taken off the list; or a new one. */
static struct craft_block *segment_take(struct craft_log *log, size_t space)
{
    struct craft_block **at = &log->spare;
    size_t size = SEGMENT_MIN;

    while (*at != NULL) {
        struct craft_block *block = *at;

        if (space <= block->size - sizeof *block) {
            *at = block->next;
            log->spare_room += block->size;
            block->used = sizeof *block;
            block->last_index = 0;
            return block;
        }
        at = &block->next;
    }
    if (log->newest != NULL) {
        size = log->newest->size < SEGMENT_MAX / 2 ? log->newest->size * 2
                                                   : SEGMENT_MAX;
    }
    if (space > SIZE_MAX - sizeof(struct craft_block) - SEGMENT_SPARE) {
        return NULL;
    }
    if (space > size - sizeof(struct craft_block)) {
        size = space + sizeof(struct craft_block) + SEGMENT_SPARE;
    }
    return block_new(log, size);
}

static int segment_reserve(struct craft_log *log, size_t space)
{
    struct craft_block *segment;

    if (log->newest != NULL && space <= log->newest->size - log->newest->used) {
        return 0;
    }
    segment = segment_take(log, space);
    if (segment == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    segment->next = NULL;
    segment->last_index = log->last;
    if (log->newest == NULL) {
        log->oldest = segment;
    } else {
        log->newest->next = segment;
    }
    log->newest = segment;
    return 0;
}

static int runs_reserve(struct craft_log *log, size_t more)
{
    uint32_t wanted;
    struct craft_run *runs;

    if (log->runs_len + more <= log->runs_max) {
        return 0;
    }
    if (more > UINT32_MAX / 4 - log->runs_len) {
        return CRAFT_ERR_NOMEM;
    }
    wanted = log->runs_max > 0 ? log->runs_max * 2 : RUNS_MIN;
    while (wanted < log->runs_len + more) {
        wanted *= 2;
    }
    runs =
        craft_memory_grow(log->allocator, log->runs,
                          log->runs_max * sizeof *runs, wanted * sizeof *runs);
    if (runs == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    log->runs = runs;
    log->runs_max = wanted;
    return 0;
}

CRAFT_INTERNAL int craft_log_reserve_slow(struct craft_log *log, size_t entries,
                                          size_t space, size_t runs)
{
    int rv = array_reserve(log, entries);

    if (rv == 0) {
        rv = runs_reserve(log, runs);
    }
    if (rv == 0) {
        rv = segment_reserve(log, space);
    }
    return rv;
}

/* ------------------------------------------------------------------ evict */

/*
 * Bytes of what has left memory are remembered at some places only: at every
 * segment near `first`, and at fewer the further back, since whenever there
 * is no room half of them are forgotten.
 */
static void mark_add(struct craft_log *log)
{
    if (log->marks_len == CRAFT_MARKS_MAX) {
        for (uint32_t i = 0; i < CRAFT_MARKS_MAX / 2; i++) {
            log->marks[i] = log->marks[2 * i + 1];
        }
        log->marks_len = CRAFT_MARKS_MAX / 2;
    }
    log->marks[log->marks_len].index = log->first - 1;
    log->marks[log->marks_len].end = log->start;
    log->marks_len++;
}

CRAFT_INTERNAL void craft_log_marks_drop(struct craft_log *log, craft_index to)
{
    uint32_t dead = 0;

    while (dead < log->marks_len && log->marks[dead].index <= to) {
        log->base_end = log->marks[dead].end;
        dead++;
    }
    log->marks_len -= dead;
    memmove(log->marks, log->marks + dead, log->marks_len * sizeof *log->marks);
}

/* Bytes up to `to`, or to a mark behind it. */
static uint64_t tail_end(const struct craft_log *log, craft_index to)
{
    if (to + 1 >= log->first) {
        return craft_log_end(log, to);
    }
    for (uint32_t i = 0; i < log->marks_len; i++) {
        if (log->marks[i].index >= to) {
            return log->marks[i].end;
        }
    }
    return log->start;
}

CRAFT_INTERNAL craft_index craft_log_tail(const struct craft_log *log,
                                          craft_index to, uint64_t bytes_max)
{
    uint64_t end = tail_end(log, to);
    craft_index low = log->first - 1;
    craft_index high = to;

    CRAFT_ASSERT(to >= log->base);
    CRAFT_ASSERT(to <= log->last);
    if (bytes_max == UINT64_MAX || end - log->base_end <= bytes_max) {
        return log->base;
    }
    for (uint32_t i = 0; i < log->marks_len && log->marks[i].index < to; i++) {
        if (end - log->marks[i].end <= bytes_max) {
            return log->marks[i].index;
        }
    }
    if (low >= to || end - craft_log_end(log, low) <= bytes_max) {
        return low < to ? low : to;
    }
    while (high - low > 1) {
        craft_index middle = low + (high - low) / 2;

        if (end - craft_log_end(log, middle) <= bytes_max) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

/* Take the oldest segment off, and its entries. */
static struct craft_block *oldest_take(struct craft_log *log)
{
    struct craft_block *segment = log->oldest;

    if (segment->last_index >= log->first) {
        log->start = craft_log_end(log, segment->last_index);
        log->first = segment->last_index + 1;
        mark_add(log);
    }
    log->oldest = segment->next;
    return segment;
}

CRAFT_INTERNAL void craft_log_evict(struct craft_log *log, craft_index limit)
{
    CRAFT_ASSERT(limit <= log->last);
    while (craft_log_evictable(log, limit)) {
        block_retire_to(log, &log->evicted, oldest_take(log));
    }
}

CRAFT_INTERNAL void craft_log_evict_over(struct craft_log *log,
                                         craft_index limit,
                                         craft_index lent_first,
                                         craft_index lent_last)
{
    CRAFT_ASSERT(limit <= log->last);
    while (craft_log_over(log) && log->oldest != log->newest &&
           log->oldest->last_index <= limit) {
        craft_index first = log->first;
        struct craft_block *segment = oldest_take(log);

        block_retire_to(log,
                        first <= lent_last && lent_first <= segment->last_index
                            ? &log->retired
                            : &log->evicted,
                        segment);
    }
}

CRAFT_INTERNAL const char *craft_log_check(const struct craft_log *log)
{
    craft_term term = 0;
    craft_index newest = 0;

    if (log->base >= log->first || log->first > log->last + 1 ||
        (log->base > 0 &&
         (log->runs_len == 0 || log->runs[0].first != log->base))) {
        return "log: it begins behind its base";
    }
    for (uint32_t i = 0; i < log->runs_len; i++) {
        if (log->runs[i].term <= term || log->runs[i].first > log->last ||
            (i > 0 && log->runs[i].first <= log->runs[i - 1].first)) {
            return "log: runs of terms rise";
        }
        term = log->runs[i].term;
    }
    if (term != log->last_term || (log->last > 0) != (log->runs_len > 0)) {
        return "log: the last run has the last term";
    }
    for (craft_index i = log->first; i <= log->last; i++) {
        const craft_entry *entry = &log->entries[i & log->mask];

        if (entry->index != i || entry->term != craft_log_term(log, i)) {
            return "log: an entry stands at its index with its term";
        }
        if (craft_log_end(log, i) - craft_log_end(log, i - 1) !=
            entry->data_len + CRAFT_ENTRY_OVERHEAD) {
            return "log: running ends add up";
        }
    }
    for (struct craft_block *at = log->oldest; at != NULL; at = at->next) {
        if (at->last_index < newest || at->used > at->size) {
            return "log: segments are in order of their entries";
        }
        newest = at->last_index;
    }
    if (log->end != craft_log_end(log, log->last)) {
        return "log: the end is that of the last entry";
    }
    if (log->first <= log->last && newest != log->last) {
        return "log: the newest segment holds the last entry";
    }
    return NULL;
}
