/*
 * log: the replicated log as this server holds it (thesis 3.5, 5.1).
 *
 * It begins behind its base: what stands there and before was compacted. The
 * terms of the base and of all entries behind it are known (runs of equal
 * terms). The newest entries are in memory, first .. last, in one power-of-two
 * array of entries with their data in segments behind it; older ones have been
 * evicted and are fetched from the host when wanted.
 *
 * Invariants:
 *  - base < first <= last + 1; the first run begins at the base, if that is
 *    not 0;
 *  - indexes are consecutive, terms never fall;
 *  - every sum of bytes is a difference of two running ends, so that no
 *    counter can leak;
 *  - a batch that the state machine holds may be evicted: its places in the
 *    array and its segments are kept until it ends;
 *  - memory that may be lent is never moved, overwritten or freed: growth and
 *    a truncation under a lender take a fresh array, segments are never
 *    rewound, and what is given up is retired with the era in which that
 *    happened. A lender that began in a later era cannot hold it.
 *  - craft_log_reserve() is the only thing that may fail. What was reserved
 *    stays so until the next append.
 */
#ifndef CRAFT_LOG_LOG_H
#define CRAFT_LOG_LOG_H

#include "base/memory.h"

/* What an entry costs against a limit in bytes, besides its data. */
#define CRAFT_ENTRY_OVERHEAD 64u

/* A block of memory that may be lent: an array of entries, or a segment. */
struct craft_block {
    struct craft_block *next;
    uint64_t retired_era;
    size_t size;            /* of the whole block */
    size_t used;            /* segments: bytes of space given out */
    craft_index last_index; /* segments: newest live entry within */
};

/* Retired, in order of eras. */
struct craft_blocks {
    struct craft_block *first;
    struct craft_block *last;
};

struct craft_run {
    craft_index first;
    craft_term term;
};

/* How many bytes there were up to an entry that has left memory. */
struct craft_mark {
    craft_index index;
    uint64_t end;
};

#define CRAFT_MARKS_MAX 32u

struct craft_log {
    const craft_allocator *allocator;
    craft_index base;  /* the last entry that was compacted; 0 = none */
    craft_index first; /* oldest in memory; last + 1 when none is */
    craft_index kept;  /* places in the array are taken from here on: those
                          before `first` are lent to an open batch */
    craft_index last;
    craft_term last_term;
    craft_index truncated_from; /* lowest not yet settled; 0 = none */

    craft_entry *entries; /* [mask + 1], entry i at i & mask */
    uint64_t *ends;       /* [mask + 1], running bytes up to entry i */
    uint64_t mask;
    uint64_t base_end;         /* running bytes up to the base, at least */
    uint64_t start;            /* and before entry `first` */
    uint64_t end;              /* and up to entry `last` */
    struct craft_block *array; /* holds entries and ends */
    struct craft_block *fresh; /* reserved for a truncation */

    struct craft_run *runs; /* [runs_len] */
    uint32_t runs_len;
    uint32_t runs_max;

    struct craft_block *oldest; /* segments, in order of use */
    struct craft_block *newest;
    struct craft_block *spare;
    size_t spare_room; /* bytes of segments that may still be kept */

    uint64_t cache_bytes_max; /* more than this is evicted; never: max */
    uint64_t bytes_max;       /* likewise, though it is not applied yet */
    struct craft_mark marks[CRAFT_MARKS_MAX]; /* dense near `first` */
    uint32_t marks_len;

    struct craft_blocks retired;
    struct craft_blocks evicted; /* of those an open batch holds nothing */
    uint64_t era;
};

/* spare_room: bytes of segments kept for reuse. Nothing is evicted at first. */
CRAFT_INTERNAL void craft_log_init(struct craft_log *log,
                                   const craft_allocator *allocator,
                                   size_t spare_room);
CRAFT_INTERNAL void craft_log_free(struct craft_log *log);

/* Room in a segment for an entry with that much data: more than 0, so that
 * empty entries fill one, too. */
static inline size_t craft_log_space(size_t data_len)
{
    return (data_len + 8u) & ~(size_t)7u;
}

/* Is that room there already? */
static inline bool craft_log_reserved(const struct craft_log *log,
                                      size_t entries, size_t space, size_t runs)
{
    return log->newest != NULL &&
           space <= log->newest->size - log->newest->used &&
           entries <= log->mask + 1 - (log->last + 1 - log->kept) &&
           log->runs_len + runs <= log->runs_max;
}

/*
 * Make room for so many entries that need so much space together and begin so
 * many runs of terms at most. 0, or CRAFT_ERR_NOMEM with nothing changed but
 * capacity.
 */
CRAFT_INTERNAL int craft_log_reserve_slow(struct craft_log *log, size_t entries,
                                          size_t space, size_t runs);

static inline int craft_log_reserve(struct craft_log *log, size_t entries,
                                    size_t space, size_t runs)
{
    if (CRAFT_LIKELY(craft_log_reserved(log, entries, space, runs))) {
        return 0;
    }
    return craft_log_reserve_slow(log, entries, space, runs);
}

/* Make ready for a truncation while something is lent. 0, CRAFT_ERR_NOMEM. */
CRAFT_INTERNAL int craft_log_reserve_fresh(struct craft_log *log,
                                           size_t entries);

/* After a truncation: retire the segments that hold no entry any more. */
CRAFT_INTERNAL void craft_log_retire_dead(struct craft_log *log);

/* After a compaction: those that hold none behind `to`, but the newest. */
CRAFT_INTERNAL void craft_log_retire_old(struct craft_log *log, craft_index to);

/* Forget how many bytes there were before `to`, which becomes the base. */
CRAFT_INTERNAL void craft_log_marks_drop(struct craft_log *log, craft_index to);

/* Put the entries up to `last` into the fresh array; retire the one in use. */
CRAFT_INTERNAL void craft_log_use_fresh(struct craft_log *log,
                                        craft_index last);

/*
 * Append within what was reserved, from index last + 1 on; data is copied into
 * at most so much space. Their tokens are another server's: they are not kept.
 */
CRAFT_INTERNAL void craft_log_append(struct craft_log *log,
                                     const craft_entry *entries,
                                     size_t entries_len, size_t space);

/* Append one entry of this server's own, with its token. */
CRAFT_HOT void craft_log_append_own(struct craft_log *log, craft_term term,
                                    uint32_t kind,
                                    const craft_command *command);

/*
 * Entries at and after `from` go; 1 <= from <= last. With lent, the array
 * reserved by craft_log_reserve_fresh() takes the place of the lent one.
 */
CRAFT_INTERNAL void craft_log_truncate(struct craft_log *log, craft_index from,
                                       bool lent);

/*
 * The log is empty and begins behind this entry, which is known to be right
 * wherever it conflicts with what was held. Room for one run and, when entries
 * are lent, a fresh array are reserved.
 */
CRAFT_INTERNAL void craft_log_begin(struct craft_log *log, craft_index index,
                                    craft_term term, bool lent);

/*
 * Entries up to `to` are given up; base <= to <= last. None of them is lent.
 */
CRAFT_INTERNAL void craft_log_compact(struct craft_log *log, craft_index to);

/*
 * The lowest index such that the entries behind it, up to `to`, have no more
 * bytes than that, with overhead; by what is known of those that have left
 * memory, it may keep some less. base <= to <= last.
 */
CRAFT_INTERNAL craft_index craft_log_tail(const struct craft_log *log,
                                          craft_index to, uint64_t bytes_max);

/* Term of the entry; 0 for index 0. base <= index <= last. */
CRAFT_INTERNAL craft_term craft_log_term_slow(const struct craft_log *log,
                                              craft_index index);

static inline craft_term craft_log_term(const struct craft_log *log,
                                        craft_index index)
{
    if (CRAFT_LIKELY(log->runs_len > 0 &&
                     index >= log->runs[log->runs_len - 1].first)) {
        CRAFT_ASSERT(index <= log->last);
        return log->last_term;
    }
    return craft_log_term_slow(log, index);
}

/*
 * The last index <= limit whose term is <= term, as far as terms are known: a
 * limit below the base is itself the answer, and base - 1 the one when all are
 * of later terms. 0 when there is none.
 */
CRAFT_INTERNAL craft_index craft_log_last_at_most(const struct craft_log *log,
                                                  craft_index limit,
                                                  craft_term term);

/* The entry, which is in memory. */
static inline const craft_entry *craft_log_entry(const struct craft_log *log,
                                                 craft_index index)
{
    CRAFT_ASSERT(index >= log->first);
    CRAFT_ASSERT(index <= log->last);
    return &log->entries[index & log->mask];
}

/* Running bytes up to and including index; first - 1 <= index <= last. */
static inline uint64_t craft_log_end(const struct craft_log *log,
                                     craft_index index)
{
    return index < log->first ? log->start : log->ends[index & log->mask];
}

/* Bytes, with overhead, of the entries after `index` that are in memory. */
static inline uint64_t craft_log_bytes_after(const struct craft_log *log,
                                             craft_index index)
{
    return log->end - craft_log_end(log, index);
}

/*
 * How far a batch that begins at `from` may go: at most to `to`, contiguous in
 * the array, within bytes_max, but one entry at least. first <= from <= to.
 */
CRAFT_INTERNAL craft_index craft_log_batch_slow(const struct craft_log *log,
                                                craft_index from,
                                                craft_index to,
                                                uint64_t bytes_max);

static inline craft_index craft_log_batch(const struct craft_log *log,
                                          craft_index from, craft_index to,
                                          uint64_t bytes_max)
{
    return from == to ? to : craft_log_batch_slow(log, from, to, bytes_max);
}

/* Is more held than the cache is to hold, and can it go, up to limit? */
static inline bool craft_log_evictable(const struct craft_log *log,
                                       craft_index limit)
{
    return CRAFT_UNLIKELY(log->end - log->start > log->cache_bytes_max) &&
           log->oldest != log->newest && log->oldest->last_index <= limit;
}

/*
 * Evict whole segments up to limit while that is so. Of the entries up to limit
 * none is lent: their places in the array are used again.
 */
CRAFT_INTERNAL void craft_log_evict(struct craft_log *log, craft_index limit);

/* Is more held than what is applied and what is not may be together? */
static inline bool craft_log_over(const struct craft_log *log)
{
    return CRAFT_UNLIKELY(log->end - log->start > log->bytes_max);
}

/*
 * Evict whole segments up to limit while that is so, although the state machine
 * lacks their entries. Of those up to limit only lent_first .. lent_last may be
 * lent, to it, and are none of the log's if they are before its first; 0, 0:
 * none.
 */
CRAFT_INTERNAL void craft_log_evict_over(struct craft_log *log,
                                         craft_index limit,
                                         craft_index lent_first,
                                         craft_index lent_last);

/*
 * After that: the places of a batch that is lent from lent_first on are not
 * used again, but for one that is before those kept, and has left the array.
 * 0: none is.
 */
static inline void craft_log_keep(struct craft_log *log, craft_index lent_first)
{
    log->kept = lent_first < log->kept || lent_first > log->first ? log->first
                                                                  : lent_first;
}

/*
 * Free or reuse what was retired before era; of what an open batch holds
 * nothing, what was retired before evicted_era. UINT64_MAX: all of it.
 */
CRAFT_INTERNAL void craft_log_reclaim(struct craft_log *log, uint64_t era,
                                      uint64_t evicted_era);

/* NULL, or the broken invariant. */
CRAFT_INTERNAL const char *craft_log_check(const struct craft_log *log);

#endif
