/*
 * The log against an array that does the same without cleverness: random
 * appends, truncations, evictions, compactions, new beginnings, reservations
 * that fail, reclamation; with
 * lenders whose entries are checksummed from the loan to its end. Under ASan
 * a block freed or moved too early is seen at once. The first lender stands for
 * the state machine: what it holds is never truncated, and may be evicted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "log/log.h"
#include "test_memory.h"

#define MODEL_MAX 4000u
#define LENDERS_MAX 6u
#define DATA_MAX 3000u
#define SPARE_MAX ((size_t)32 * 1024)

struct model_entry {
    craft_term term;
    uint64_t serial; /* gives the data */
    size_t data_len;
};

struct lender {
    const craft_entry *entries; /* NULL: free */
    size_t len;
    uint64_t era;
    uint32_t sum;
};

/* Append an entry as a leader does its own, with the token. */
static void append_entry(struct craft_log *log, const craft_entry *entry)
{
    craft_command command = {entry->data, entry->data_len, entry->token};

    craft_log_append_own(log, entry->term, entry->kind, &command);
}

struct model {
    struct test_memory memory;
    craft_allocator allocator;
    struct craft_log log;
    struct craft_random random;
    struct model_entry entries[MODEL_MAX + 1]; /* [index] */
    craft_index base;
    craft_index last;
    uint64_t serial;
    struct lender lenders[LENDERS_MAX];
    uint8_t data[DATA_MAX + 64];
};

static uint32_t below(struct model *model, uint32_t bound)
{
    return craft_random_below(&model->random, bound);
}

static size_t random_data_len(struct model *model)
{
    switch (below(model, 8)) {
    case 0:
        return 0;
    case 1:
        return below(model, DATA_MAX);
    default:
        return below(model, 60);
    }
}

/* A window on fixed noise: cheap, and different for each serial. */
static const uint8_t *data_of(const struct model *model, uint64_t serial)
{
    return model->data + serial % 61;
}

/* ---------------------------------------------------------------- lenders */

static uint32_t entries_sum(const craft_entry *entries, size_t len)
{
    uint32_t sum = craft_crc32c(0, entries, len * sizeof *entries);

    for (size_t i = 0; i < len; i++) {
        sum = craft_crc32c(sum, entries[i].data, entries[i].data_len);
    }
    return sum;
}

static void lend(struct model *model)
{
    struct lender *lender = &model->lenders[below(model, LENDERS_MAX)];
    struct craft_log *log = &model->log;
    craft_index from;
    craft_index to;

    if (lender->entries != NULL || log->first > log->last) {
        return;
    }
    from = log->first + below(model, (uint32_t)(log->last - log->first + 1));
    to = craft_log_batch(log, from, log->last, below(model, 20000));
    lender->entries = craft_log_entry(log, from);
    lender->len = (size_t)(to - from + 1);
    lender->era = log->era;
    lender->sum = entries_sum(lender->entries, lender->len);
}

static void lender_check(const struct lender *lender)
{
    if (lender->entries != NULL) {
        assert_int_equal(entries_sum(lender->entries, lender->len),
                         lender->sum);
    }
}

static void lender_end(struct model *model)
{
    struct lender *lender = &model->lenders[below(model, LENDERS_MAX)];

    lender_check(lender);
    lender->entries = NULL;
}

/* The earliest era of what is out to these and later lenders, UINT64_MAX when
 * nothing is. */
static uint64_t lent_since(const struct model *model, size_t lender)
{
    uint64_t era = UINT64_MAX;

    for (size_t i = lender; i < LENDERS_MAX; i++) {
        if (model->lenders[i].entries != NULL && model->lenders[i].era < era) {
            era = model->lenders[i].era;
        }
    }
    return era;
}

/* ------------------------------------------------------------------- steps */

static void append_one(struct model *model, struct model_entry made)
{
    craft_entry entry;

    memset(&entry, 0, sizeof entry);
    entry.term = made.term;
    entry.token = made.serial;
    entry.kind = CRAFT_ENTRY_COMMAND;
    entry.data = data_of(model, made.serial);
    entry.data_len = made.data_len;
    append_entry(&model->log, &entry);
    model->last++;
    model->entries[model->last] = made;
}

/* Now and then the allocator refuses: then nothing is appended. */
static int reserve(struct model *model, size_t entries, size_t space,
                   bool fresh)
{
    int rv;

    model->memory.fail_at =
        below(model, 10) == 0 ? model->memory.allocations + 1 + below(model, 3)
                              : 0;
    rv = craft_log_reserve(&model->log, entries, space, entries);
    if (rv == 0 && fresh) {
        rv = craft_log_reserve_fresh(&model->log, entries);
    }
    model->memory.fail_at = 0;
    assert_true(rv == 0 || rv == CRAFT_ERR_NOMEM);
    return rv;
}

/* Of the newest entries, how many may be truncated. */
static uint32_t loose_len(const struct model *model)
{
    const struct lender *batch = &model->lenders[0];
    craft_index held = model->base;

    if (batch->entries != NULL && held < batch->entries[batch->len - 1].index) {
        held = batch->entries[batch->len - 1].index;
    }
    return (uint32_t)(model->last - held);
}

/* Some entries, after a truncation or not, as a follower takes them. */
static void extend(struct model *model, bool truncate)
{
    struct model_entry made[20];
    size_t len = 1 + below(model, 20);
    craft_term term = model->log.last_term + truncate;
    bool lent = truncate && lent_since(model, 0) != UINT64_MAX;
    uint32_t loose = loose_len(model);
    size_t space = 0;

    if (model->last + len > MODEL_MAX || (truncate && loose == 0)) {
        return;
    }
    term += term == 0;
    for (size_t i = 0; i < len; i++) {
        term += below(model, 6) == 0;
        made[i].term = term;
        made[i].serial = ++model->serial;
        made[i].data_len = random_data_len(model);
        space += craft_log_space(made[i].data_len);
    }
    if (reserve(model, len, space, lent) != 0) {
        return;
    }
    if (truncate) {
        uint32_t most = loose < 30 ? loose : 30;

        model->last -= 1 + below(model, most);
        craft_log_truncate(&model->log, model->last + 1, lent);
        assert_true(model->log.truncated_from <= model->last + 1);
        model->log.truncated_from = 0;
    }
    for (size_t i = 0; i < len; i++) {
        append_one(model, made[i]);
    }
}

/* What is given up gives its place in the array to what comes next: not what
 * these and later lenders hold. */
static craft_index below_lent(const struct model *model, craft_index limit,
                              size_t lender_first)
{
    for (size_t i = lender_first; i < LENDERS_MAX; i++) {
        const struct lender *lender = &model->lenders[i];

        if (lender->entries != NULL && limit >= lender->entries->index) {
            limit = lender->entries->index - 1;
        }
    }
    return limit;
}

/* Up to limit, although the state machine may hold some of it. */
static void evict_over(struct model *model, craft_index limit)
{
    const struct lender *batch = &model->lenders[0];
    craft_index first = 0;
    craft_index last = 0;

    if (batch->entries != NULL) {
        first = batch->entries->index;
        last = first + batch->len - 1;
    }
    model->log.bytes_max = below(model, 40000);
    craft_log_evict_over(&model->log, limit, first, last);
    craft_log_keep(&model->log, first);
}

static void evict_applied(struct model *model, craft_index limit)
{
    const struct lender *batch = &model->lenders[0];

    model->log.cache_bytes_max = below(model, 40000);
    craft_log_evict(&model->log, limit);
    craft_log_keep(&model->log,
                   batch->entries != NULL ? batch->entries->index : 0);
}

static void evict(struct model *model)
{
    uint32_t held = (uint32_t)(model->log.last + 1 - model->log.first);
    craft_index limit = model->log.last - below(model, held + 1);

    if (below(model, 2) == 0) {
        evict_over(model, below_lent(model, limit, 1));
    } else {
        evict_applied(model, below_lent(model, limit, 0));
    }
}

static uint64_t bytes_between(const struct model *model, craft_index after,
                              craft_index to)
{
    uint64_t bytes = 0;

    for (craft_index i = after + 1; i <= to; i++) {
        bytes += model->entries[i].data_len + CRAFT_ENTRY_OVERHEAD;
    }
    return bytes;
}

/* A tail is never longer than it may be; in memory it is as long as that. */
static void assert_tail(struct model *model, craft_index to)
{
    uint64_t most = below(model, 60000);
    craft_index from = craft_log_tail(&model->log, to, most);

    assert_in_range(from, model->base, to);
    assert_true(bytes_between(model, from, to) <= most);
    if (from > model->base && from >= model->log.first) {
        assert_true(bytes_between(model, from - 1, to) > most);
    }
    assert_int_equal(craft_log_tail(&model->log, to, UINT64_MAX), model->base);
    assert_in_range(craft_log_tail(&model->log, to, 0), to, to);
}

static void compact(struct model *model)
{
    uint32_t held = (uint32_t)(model->last - model->base);
    craft_index to = model->last - below(model, held + 1);

    assert_tail(model, to);
    to = below_lent(model, to, 0);
    if (to > model->base) {
        craft_log_compact(&model->log, to);
        model->base = to;
    }
}

/* Anywhere behind what the state machine holds: as a snapshot from another
 * server may. */
static void begin_anew(struct model *model)
{
    const struct lender *batch = &model->lenders[0];
    bool lent = lent_since(model, 0) != UINT64_MAX;
    craft_index index = 1 + below(model, 50);

    if (batch->entries != NULL) {
        index += batch->entries->index + batch->len;
    }
    if (reserve(model, 1, craft_log_space(0), lent) != 0) {
        return;
    }
    model->base = index;
    model->last = index;
    model->entries[index].term = model->log.last_term + 1;
    craft_log_begin(&model->log, index, model->entries[index].term, lent);
}

/* Begin again at the end of the array of the model. */
static void shorten(struct model *model)
{
    if (model->last >= MODEL_MAX - 100) {
        lender_check(&model->lenders[0]);
        model->lenders[0].entries = NULL;
        begin_anew(model);
    }
}

static void step(struct model *model)
{
    switch (below(model, 12)) {
    case 0:
    case 1:
    case 2:
        extend(model, false);
        break;
    case 3:
        extend(model, true);
        break;
    case 4:
    case 5:
        lend(model);
        break;
    case 6:
    case 7:
        lender_end(model);
        break;
    case 8:
        evict(model);
        break;
    case 9:
        if (below(model, 4) == 0) {
            compact(model);
        }
        break;
    case 10:
        if (below(model, 50) == 0) {
            begin_anew(model);
        }
        break;
    default:
        craft_log_reclaim(&model->log, lent_since(model, 0),
                          lent_since(model, 1));
        break;
    }
    shorten(model);
}

/* ----------------------------------------------------------------- compare */

static void assert_entry_equal(const struct model *model, craft_index index)
{
    const struct model_entry *want = &model->entries[index];
    const craft_entry *got = craft_log_entry(&model->log, index);

    assert_int_equal(got->index, index);
    assert_int_equal(got->term, want->term);
    assert_int_equal(got->token, want->serial);
    assert_int_equal(got->data_len, want->data_len);
    if (want->data_len > 0) {
        assert_memory_equal(got->data, data_of(model, want->serial),
                            want->data_len);
    }
}

static void assert_equal(struct model *model)
{
    uint64_t total = 0;
    craft_index limit = below(model, (uint32_t)model->last + 3);
    craft_term term = below(model, (uint32_t)model->log.last_term + 3);
    craft_index want = limit < model->last ? limit : model->last;

    assert_null(craft_log_check(&model->log));
    assert_int_equal(model->log.last, model->last);
    assert_int_equal(model->log.base, model->base);
    for (craft_index i = model->base + (model->base == 0); i <= model->last;
         i++) {
        assert_int_equal(craft_log_term(&model->log, i),
                         model->entries[i].term);
    }
    for (craft_index i = model->log.first; i <= model->last; i++) {
        assert_entry_equal(model, i);
        total += model->entries[i].data_len + CRAFT_ENTRY_OVERHEAD;
    }
    assert_int_equal(craft_log_bytes_after(&model->log, model->log.first - 1),
                     total);
    /* Below the base no term is known: it is the answer that says so. */
    while (want > 0 && want >= model->base &&
           model->entries[want].term > term) {
        want--;
    }
    assert_int_equal(craft_log_last_at_most(&model->log, limit, term), want);
}

static void run(uint64_t seed, int steps)
{
    struct model *model = calloc(1, sizeof *model);

    assert_non_null(model);
    model->allocator = test_memory_allocator(&model->memory);
    craft_log_init(&model->log, &model->allocator, SPARE_MAX);
    craft_random_init(&model->random, seed, 1);
    for (size_t i = 0; i < sizeof model->data; i++) {
        model->data[i] = (uint8_t)below(model, 256);
    }
    for (int i = 0; i < steps; i++) {
        step(model);
        if (i % 16 == 0) {
            assert_equal(model);
        }
        for (size_t k = 0; k < LENDERS_MAX; k++) {
            lender_check(&model->lenders[k]);
        }
        assert_true(model->log.spare_room <= SPARE_MAX);
    }
    assert_equal(model);
    craft_log_free(&model->log);
    assert_int_equal(model->memory.blocks, 0);
    free(model);
}

static void the_log_equals_its_model_and_lends_what_does_not_move(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run(seed, 3000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_equals_its_model_and_lends_what_does_not_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
