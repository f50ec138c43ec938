/*
 * A store opened to be looked at. It may be in use: whoever writes it neither
 * knows nor waits. What looks like damage may then be a batch of which only
 * some was written when it was read, or a file that came or went since the
 * directory was listed. All that is gone in the next look, because what was
 * called synced by then is whole: so only what is wrong in the same place
 * twice is damage.
 */
#include <errno.h>

#include "wal/scan.h"

#define LOOKS_MAX 16

static int not_there(struct craft_wal *wal)
{
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_IO,
        .system_error = ENOENT,
        .what = "there is no store",
        .remedy = "name the directory that has its segments",
    };

    return craft_wal_complain(wal, &problem);
}

static int look(struct craft_wal_scan *scan)
{
    int rv = craft_wal_scan_find(scan);

    if (rv == 0) {
        return scan->has_store ? 0 : not_there(scan->wal);
    }
    return rv == 1 ? craft_wal_scan_log(scan) : rv;
}

static int same_place(const craft_wal_report *a, const craft_wal_report *b)
{
    return strcmp(a->text, b->text) == 0; /* which names the place */
}

/* What was read of a damaged store is a log, too: it begins where its entries
 * do. */
static void begin_where_it_can(struct craft_wal_shared *shared)
{
    struct craft_wal_state *state = &shared->state;

    if (shared->lost_first != 0) {
        return; /* what is missing is known */
    }
    if (shared->index.places_len == 0) {
        state->gone_index = state->last_index;
    } else if (state->gone_index < shared->index.places[0].index - 1) {
        state->gone_index = shared->index.places[0].index - 1;
    }
}

static void adopt(const struct craft_wal_scan *scan)
{
    struct craft_wal_shared *shared = &scan->wal->shared;

    shared->sequence = scan->current.sequence;
    shared->end = scan->current.end;
    shared->size = (uint32_t)scan->current.header.segment_bytes;
    shared->prepared = scan->next.file.handle != CRAFT_WAL_NO_FILE;
    shared->durable.last_index = shared->state.last_index;
    shared->oldest = scan->first;
    begin_where_it_can(shared);
}

/*
 * Damage, but what comes behind it? The report stays the one of the damage.
 * What is intact behind it is part of the log, when that is so to its end.
 */
static void look_behind(struct craft_wal_scan *scan)
{
    struct craft_wal_shared *shared = &scan->wal->shared;
    craft_wal_report report = shared->report;
    uint64_t first = scan->first;

    if (craft_wal_scan_resume(scan) == 1) {
        report.index = scan->lost_first;
        report.last_index = scan->lost_last;
        if (scan->lost_last < scan->lost_first) {
            report.last_index = scan->lost_first - 1;
        }
        report.flags |= CRAFT_WAL_REPORT_RANGE;
        shared->lost_first = report.index;
        shared->lost_last = report.last_index;
    } else {
        craft_wal_scan_again(scan);
        (void)look(scan); /* up to the same damage */
    }
    scan->first = first;
    shared->report = report;
}

int craft_wal_look(struct craft_wal *wal, const craft_wal_visitor *visitor,
                   craft_wal_report *report)
{
    const struct craft_wal_tail *tail;
    struct craft_wal_scan scan;
    craft_wal_report before;
    int looks = 1;
    int rv;

    craft_wal_scan_begin(&scan, wal, visitor);
    rv = look(&scan);
    memset(&before, 0, sizeof before);
    while (rv != 0 && rv != CRAFT_WAL_ERR_NOMEM && looks < LOOKS_MAX &&
           !same_place(&before, &wal->shared.report)) {
        before = wal->shared.report;
        craft_wal_scan_again(&scan);
        rv = look(&scan);
        looks++;
    }
    if (rv == CRAFT_WAL_ERR_DAMAGED && wal->salvage) {
        look_behind(&scan);
    }
    tail = &scan.current_tail;
    if (rv == 0 && tail->dirty_end > 0) {
        craft_wal_scan_report_torn(report, &scan.current, tail,
                                   "follow the last record");
    } else if (rv == 0 && scan.next_tail.dirty_end > 0) {
        craft_wal_scan_report_torn(report, &scan.next, &scan.next_tail,
                                   "follow the last record");
    }
    adopt(&scan);
    craft_wal_scan_end(&scan);
    return rv;
}
