/* The commands print and verify, and what is said of a log as a whole. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "wal/program/program.h"

/* ------------------------------------------------------------------- open */

/* What damage took, when that is known. */
static void print_range(const struct craft_wal_looked *looked)
{
    const craft_wal_report *report = &looked->report;

    if (!(report->flags & CRAFT_WAL_REPORT_RANGE)) {
        return;
    }
    if (report->last_index < report->index) {
        (void)printf("%s: lost: no entry that is still in the log\n",
                     looked->directory);
    } else {
        (void)printf("%s: lost: entries %" PRIu64 "..%" PRIu64
                     ", nothing else\n",
                     looked->directory, report->index, report->last_index);
    }
}

int craft_wal_look_open(struct craft_wal_looked *looked, const char *directory,
                        const craft_wal_visitor *visitor)
{
    craft_wal_options options;
    int rv;

    memset(looked, 0, sizeof *looked);
    looked->directory = directory;
    looked->report.struct_size = sizeof looked->report;
    looked->status.struct_size = sizeof looked->status;
    looked->state.struct_size = sizeof looked->state;
    craft_wal_options_init(&options, sizeof options);
    options.directory = directory;
    options.flags = CRAFT_WAL_READ_ONLY | CRAFT_WAL_SALVAGE;
    options.visitor = visitor;
    rv = craft_wal_open(&options, &looked->wal, &looked->report);
    if (rv == 0) {
        (void)craft_wal_status_get(looked->wal, &looked->status);
        looked->has_state =
            craft_wal_read_state(looked->wal, &looked->state) == 1;
        rv = looked->report.error;
    }
    if (rv != 0) {
        (void)fprintf(stderr, "craft-wal: %s: %s\n", directory,
                      looked->report.text[0] != '\0' ? looked->report.text
                                                     : craft_wal_strerror(rv));
        print_range(looked);
        return CRAFT_WAL_EXIT_FAILED;
    }
    return CRAFT_WAL_EXIT_FINE;
}

void craft_wal_look_close(struct craft_wal_looked *looked)
{
    (void)craft_wal_close(looked->wal);
}

static void print_snapshot(const craft_snapshot *snapshot)
{
    (void)printf(
        " snapshot %" PRIu64 "@%" PRIu64 " size %" PRIu64 " digest %016" PRIx64
        " configuration %zu bytes crc32c "
        "%08" PRIx32,
        snapshot->index, snapshot->term, snapshot->size, snapshot->digest,
        snapshot->configuration_len,
        craft_crc32c(0, snapshot->configuration, snapshot->configuration_len));
}

void craft_wal_look_print(const struct craft_wal_looked *looked)
{
    const craft_wal_status *status = &looked->status;
    craft_snapshot snapshot = {.struct_size = sizeof snapshot};

    (void)printf("%s: ", looked->directory);
    if (!looked->has_state) {
        (void)printf("empty");
    } else if (status->last_index < status->first_index) {
        (void)printf("no entries");
    } else {
        (void)printf("entries %" PRIu64 "..%" PRIu64, status->first_index,
                     status->last_index);
    }
    if (craft_wal_read_snapshot(looked->wal, &snapshot) == 1) {
        (void)printf(",");
        print_snapshot(&snapshot);
    }
    (void)printf(", term %" PRIu64 " vote %" PRIu64 " commit %" PRIu64
                 ", store %016" PRIx64 " group %" PRIu64 "\n",
                 looked->state.term, looked->state.voted_for,
                 looked->state.commit_hint, status->store_id, status->group);
    if (looked->report.flags & CRAFT_WAL_REPORT_TORN) {
        (void)printf("%s: torn: %s\n", looked->directory, looked->report.text);
    }
}

/* ---------------------------------------------------------------- records */

void craft_wal_entry_print(const craft_entry *entry)
{
    static const char *const kinds[] = {"?", "command", "noop",
                                        "configuration"};
    const char *kind = kinds[entry->kind <= 3 ? entry->kind : 0];

    (void)printf("%" PRIu64 "@%" PRIu64 " %s %zu bytes crc32c %08" PRIx32,
                 entry->index, entry->term, kind, entry->data_len,
                 craft_crc32c(0, entry->data, entry->data_len));
}

struct printer {
    const struct craft_wal_wish *wish;
    int is_wanted; /* the record of the entries that follow */
};

/* Whether the record holds or removes an entry that is wanted. */
static int is_wanted(const struct craft_wal_wish *wish,
                     const craft_wal_item *item)
{
    if (!wish->is_range) {
        return 1;
    }
    if (item->flags & CRAFT_WAL_ITEM_TRUNCATE &&
        item->truncate_from <= wish->to) {
        return 1;
    }
    if (item->flags & CRAFT_WAL_ITEM_COMPACT && item->keep_from > wish->from) {
        return 1;
    }
    return item->flags & CRAFT_WAL_ITEM_ENTRIES &&
           item->first_index <= wish->to &&
           item->first_index + item->entries_len > wish->from;
}

static void print_state(const char *what, const craft_wal_item *item)
{
    (void)printf(" %s term %" PRIu64 " vote %" PRIu64 " commit %" PRIu64, what,
                 item->term, item->voted_for, item->commit_hint);
}

static void print_record(void *ctx, const craft_wal_item *item)
{
    struct printer *printer = ctx;

    printer->is_wanted = is_wanted(printer->wish, item);
    if (!printer->is_wanted) {
        return;
    }
    (void)printf("%016" PRIx64 ".wal:%" PRIu64 " %" PRIu64 " bytes:",
                 item->sequence, item->offset, item->length);
    if (item->flags & CRAFT_WAL_ITEM_BEGIN) {
        print_state("begin", item);
        (void)printf(" last %" PRIu64, item->last_index);
        if (item->gone_index > 0) {
            (void)printf(" first %" PRIu64, item->gone_index + 1);
        }
    }
    if (item->flags & CRAFT_WAL_ITEM_LIFE) {
        (void)printf(" life");
    }
    if (item->flags & CRAFT_WAL_ITEM_STATE) {
        print_state("state", item);
    }
    if (item->flags & CRAFT_WAL_ITEM_TRUNCATE) {
        (void)printf(" truncate %" PRIu64, item->truncate_from);
    }
    if (item->flags & CRAFT_WAL_ITEM_SNAPSHOT) {
        print_snapshot(item->snapshot);
    }
    if (item->flags & CRAFT_WAL_ITEM_COMPACT) {
        (void)printf(" compact %" PRIu64, item->keep_from);
    }
    if (item->flags & CRAFT_WAL_ITEM_ENTRIES) {
        (void)printf(
            " entries %" PRIu64 "..%" PRIu64 " terms %" PRIu64 "..%" PRIu64,
            item->first_index, item->first_index + item->entries_len - 1,
            item->first_term, item->last_term);
    }
    (void)printf("%s\n", item->flags & CRAFT_WAL_ITEM_SEAL ? " seal" : "");
}

static void print_entry(void *ctx, const craft_entry *entry)
{
    const struct printer *printer = ctx;

    if (printer->is_wanted && entry->index >= printer->wish->from &&
        entry->index <= printer->wish->to) {
        (void)printf("    ");
        craft_wal_entry_print(entry);
        (void)printf("\n");
    }
}

int craft_wal_print(const char *directory, const struct craft_wal_wish *wish)
{
    struct printer printer = {.wish = wish};
    craft_wal_visitor visitor = {
        .struct_size = sizeof visitor,
        .ctx = &printer,
        .record = print_record,
        .entry = wish->entries ? print_entry : NULL,
    };
    struct craft_wal_looked looked;
    int rv = craft_wal_look_open(&looked, directory, &visitor);

    if (rv == CRAFT_WAL_EXIT_FINE) {
        craft_wal_look_print(&looked);
    }
    craft_wal_look_close(&looked);
    return rv;
}

int craft_wal_verify(const char *directory)
{
    struct craft_wal_looked looked;
    int rv = craft_wal_look_open(&looked, directory, NULL);

    if (rv == CRAFT_WAL_EXIT_FINE) {
        craft_wal_look_print(&looked);
        (void)printf("%s: fine\n", directory);
    }
    craft_wal_look_close(&looked);
    return rv;
}
