/* The command compare: two logs, entry by entry. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wal/program/program.h"

#define ENTRIES_MAX 256u
#define DATA_FIRST ((size_t)1 << 20)

/* Entries of one log, read ahead. */
struct reader {
    struct craft_wal_looked looked;
    craft_wal_batch batch;
    craft_entry entries[ENTRIES_MAX];
    craft_index first; /* of the batch */
};

static int reader_fail(const struct reader *reader, craft_index index,
                       const char *why)
{
    (void)fprintf(stderr, "craft-wal: %s: entry %" PRIu64 ": %s\n",
                  reader->looked.directory, index, why);
    return CRAFT_WAL_EXIT_FAILED;
}

static int reader_grow(struct reader *reader, size_t len)
{
    uint8_t *data = realloc(reader->batch.data, len);

    if (data == NULL) {
        return CRAFT_WAL_ERR_NOMEM;
    }
    reader->batch.data = data;
    reader->batch.data_max = len;
    return 0;
}

/* The entry at an index that the log has; returns an exit code. */
static int reader_get(struct reader *reader, craft_index index,
                      const craft_entry **entry_out)
{
    craft_wal_batch *batch = &reader->batch;
    int rv = 0;

    if (index - reader->first >= batch->entries_len) {
        rv = craft_wal_read(reader->looked.wal, index, batch);
        if (rv == CRAFT_WAL_ERR_BUFFER) {
            rv = reader_grow(reader, batch->data_len);
            if (rv == 0) {
                rv = craft_wal_read(reader->looked.wal, index, batch);
            }
        }
        reader->first = index;
    }
    if (rv == CRAFT_WAL_ERR_IO || rv == CRAFT_WAL_ERR_DAMAGED) {
        (void)craft_wal_last_report(reader->looked.wal, &reader->looked.report);
        return reader_fail(reader, index, reader->looked.report.text);
    }
    if (rv != 0) {
        return reader_fail(reader, index, craft_wal_strerror(rv));
    }
    *entry_out = &batch->entries[index - reader->first];
    return CRAFT_WAL_EXIT_FINE;
}

static int same(const craft_entry *a, const craft_entry *b)
{
    return a->term == b->term && a->kind == b->kind &&
           a->data_len == b->data_len &&
           (a->data_len == 0 || memcmp(a->data, b->data, a->data_len) == 0);
}

static void print_side(const struct reader *reader, const craft_entry *entry)
{
    (void)printf("%s: ", reader->looked.directory);
    craft_wal_entry_print(entry);
    (void)printf("\n");
}

/* What only one of both has. */
static void print_ends(const struct reader *one, const struct reader *other,
                       craft_index first, craft_index last)
{
    craft_index one_last = one->looked.status.last_index;
    craft_index other_last = other->looked.status.last_index;
    const struct reader *longer = one_last > other_last ? one : other;

    if (first > last) {
        (void)printf("no entry is in both\n");
    } else {
        (void)printf("the same from %" PRIu64 " to %" PRIu64 "\n", first, last);
    }
    if (one_last != other_last) {
        (void)printf("longer: %s by %" PRIu64 "\n", longer->looked.directory,
                     one_last > other_last ? one_last - other_last
                                           : other_last - one_last);
    }
}

static int walk(struct reader *one, struct reader *other)
{
    const craft_wal_status *a = &one->looked.status;
    const craft_wal_status *b = &other->looked.status;
    craft_index first =
        a->first_index > b->first_index ? a->first_index : b->first_index;
    craft_index last =
        a->last_index < b->last_index ? a->last_index : b->last_index;

    for (craft_index at = first; at <= last; at++) {
        const craft_entry *left = NULL;
        const craft_entry *right = NULL;

        if (reader_get(one, at, &left) != CRAFT_WAL_EXIT_FINE ||
            reader_get(other, at, &right) != CRAFT_WAL_EXIT_FINE) {
            print_ends(one, other, first, at - 1);
            return CRAFT_WAL_EXIT_FAILED;
        }
        if (!same(left, right)) {
            print_ends(one, other, first, at - 1);
            (void)printf("first difference at %" PRIu64 "\n", at);
            print_side(one, left);
            print_side(other, right);
            return CRAFT_WAL_EXIT_FAILED;
        }
    }
    print_ends(one, other, first, last);
    return CRAFT_WAL_EXIT_FINE;
}

/* A damaged log is compared as far as it is intact. */
static int reader_open(struct reader *reader, const char *directory)
{
    int rv = craft_wal_look_open(&reader->looked, directory, NULL);

    reader->batch.struct_size = sizeof reader->batch;
    reader->batch.entries = reader->entries;
    reader->batch.entries_max = ENTRIES_MAX;
    if (reader->looked.wal == NULL) {
        return rv;
    }
    if (reader_grow(reader, DATA_FIRST) != 0) {
        return reader_fail(reader, 1, "out of memory");
    }
    craft_wal_look_print(&reader->looked);
    return rv;
}

static void reader_close(struct reader *reader)
{
    craft_wal_look_close(&reader->looked);
    free(reader->batch.data);
}

int craft_wal_compare(const char *one, const char *other)
{
    struct reader *readers = calloc(2, sizeof *readers);
    int rv;

    if (readers == NULL) {
        (void)fprintf(stderr, "craft-wal: out of memory\n");
        return CRAFT_WAL_EXIT_FAILED;
    }
    rv = reader_open(&readers[0], one);
    rv |= reader_open(&readers[1], other);
    if (readers[0].batch.data != NULL && readers[1].batch.data != NULL) {
        rv |= walk(&readers[0], &readers[1]);
    }
    reader_close(&readers[0]);
    reader_close(&readers[1]);
    free(readers);
    return rv;
}
