/*
 * wal_work fill DIRECTORY     on a small disk: writes until it is full, votes,
 *                             compacts and goes on, several times
 * wal_work churn DIRECTORY    writes and compacts without end; after each sync
 *                             a line "LAST SNAPSHOT TERM" on stdout says what
 *                             is durable from then on
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "craft/wal.h"

#define SEGMENT_BYTES ((uint64_t)1 << 20)
#define ENTRIES 16u
#define ENTRY_BYTES 4000u
#define ROUNDS 5
#define VOTES 20
#define CHURN_COMPACT 40u

static uint8_t data[ENTRY_BYTES];
static uint8_t configuration[200];

static int failed(craft_wal *wal, const char *what, int rv)
{
    craft_wal_report report = {.struct_size = sizeof report};

    (void)craft_wal_last_report(wal, &report);
    fprintf(stderr, "wal_work: %s: %s: %s\n", what, craft_wal_strerror(rv),
            report.text);
    return 1;
}

static craft_wal_status status_of(craft_wal *wal)
{
    craft_wal_status status = {.struct_size = sizeof status};

    (void)craft_wal_status_get(wal, &status);
    return status;
}

static craft_wal *open_store(const char *directory)
{
    craft_wal_options options;
    craft_wal_report report = {.struct_size = sizeof report};
    craft_wal *wal = NULL;

    craft_wal_options_init(&options, sizeof options);
    options.directory = directory;
    options.segment_bytes = SEGMENT_BYTES;
    if (craft_wal_open(&options, &wal, &report) != 0) {
        fprintf(stderr, "wal_work: %s\n", report.text);
    }
    return wal;
}

static int put(craft_wal *wal, const craft_persist *record)
{
    int rv = craft_wal_append(wal, record, 1, NULL);

    return rv == 0 ? craft_wal_sync(wal) : rv;
}

static int put_entries(craft_wal *wal, craft_term term)
{
    craft_entry entries[ENTRIES] = {{.index = 0}};
    craft_persist record = {.flags = CRAFT_PERSIST_ENTRIES,
                            .first_index = status_of(wal).last_index + 1,
                            .entries = entries,
                            .entries_len = ENTRIES};

    for (size_t i = 0; i < ENTRIES; i++) {
        entries[i].index = record.first_index + i;
        entries[i].term = term;
        entries[i].kind = CRAFT_ENTRY_COMMAND;
        entries[i].data = data;
        entries[i].data_len = sizeof data;
    }
    return put(wal, &record);
}

static int put_vote(craft_wal *wal, craft_term term)
{
    craft_persist record = {.flags = CRAFT_PERSIST_HARD_STATE,
                            .term = term,
                            .voted_for = 1,
                            .commit_hint = status_of(wal).last_index};

    return put(wal, &record);
}

/* Of everything but the last entries. All are of term 1. */
static int put_snapshot(craft_wal *wal)
{
    craft_snapshot snapshot = {.struct_size = sizeof snapshot,
                               .index = status_of(wal).last_index - ENTRIES,
                               .term = 1,
                               .configuration = configuration,
                               .configuration_len = sizeof configuration,
                               .size = 1000};
    craft_persist record = {.flags =
                                CRAFT_PERSIST_SNAPSHOT | CRAFT_PERSIST_COMPACT,
                            .snapshot = &snapshot,
                            .keep_from = snapshot.index + 1};

    return put(wal, &record);
}

/* ------------------------------------------------------------------- fill */

static int fill_once(craft_wal *wal, craft_term *term)
{
    int rv = 0;

    while (rv == 0) {
        rv = put_entries(wal, 1);
    }
    if (rv != CRAFT_WAL_ERR_NOSPACE) {
        return failed(wal, "filling the disk", rv);
    }
    for (int i = 0; i < VOTES; i++) {
        (*term)++;
        rv = put_vote(wal, *term);
        if (rv != 0) {
            return failed(wal, "a vote on the full disk", rv);
        }
    }
    rv = put_snapshot(wal);
    if (rv != 0) {
        return failed(wal, "a snapshot on the full disk", rv);
    }
    rv = put_entries(wal, 1);
    return rv == 0 ? 0 : failed(wal, "going on after it", rv);
}

static int fill(const char *directory)
{
    craft_restore state = {.struct_size = sizeof state};
    craft_wal *wal = open_store(directory);
    craft_index last;
    craft_term term = 1;
    int rv = wal == NULL ? 1 : put_vote(wal, term);

    for (int i = 0; rv == 0 && i < ROUNDS; i++) {
        rv = fill_once(wal, &term);
    }
    if (rv != 0) {
        return 1;
    }
    last = status_of(wal).last_index;
    if (craft_wal_close(wal) != 0) {
        return 1;
    }
    wal = open_store(directory);
    if (wal == NULL || craft_wal_read_state(wal, &state) != 1 ||
        state.term != term || state.snapshot == NULL ||
        status_of(wal).last_index != last) {
        fprintf(stderr, "wal_work: another state after opening it again\n");
        return 1;
    }
    printf("full %d times, term %" PRIu64 ", %" PRIu64 " entries\n", ROUNDS,
           term, last);
    return craft_wal_close(wal) == 0 ? 0 : 1;
}

/* ------------------------------------------------------------------ churn */

static void tell(craft_wal *wal, craft_term term)
{
    craft_wal_status status = status_of(wal);

    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", status.last_index,
           status.snapshot_index, term);
    (void)fflush(stdout);
}

static int churn(const char *directory)
{
    craft_restore state = {.struct_size = sizeof state};
    craft_wal *wal = open_store(directory);
    int rv = wal == NULL ? 1 : 0;

    if (rv == 0) {
        (void)craft_wal_read_state(wal, &state);
    }
    for (uint32_t i = 1; rv == 0; i++) {
        rv = put_entries(wal, 1);
        if (rv == 0 && i % CHURN_COMPACT == 0) {
            rv = put_snapshot(wal);
        } else if (rv == 0 && i % 7 == 0) {
            state.term++;
            rv = put_vote(wal, state.term);
        }
        if (rv == 0) {
            tell(wal, state.term);
        }
        if (rv == 0 && craft_wal_wants(wal) & CRAFT_WAL_WANTS_PREPARE) {
            rv = craft_wal_prepare(wal);
        }
    }
    return wal == NULL ? 1 : failed(wal, "churn", rv);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "fill") == 0) {
        return fill(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "churn") == 0) {
        return churn(argv[2]);
    }
    fprintf(stderr, "usage: wal_work fill|churn DIRECTORY\n");
    return 2;
}
