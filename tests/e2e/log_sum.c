/*
 * log_sum DIRECTORY: the last index of a stopped server's log and a checksum
 * over its entries, to compare the logs of servers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "craft/wal.h"

#define ENTRIES_MAX 1024
#define DATA_MAX ((size_t)4 << 20)

static craft_entry entries[ENTRIES_MAX];
static uint8_t data[DATA_MAX];

static uint32_t add_entry(uint32_t sum, const craft_entry *entry)
{
    uint64_t head[3] = {craft_le64(entry->index), craft_le64(entry->term),
                        craft_le64(entry->kind)};

    sum = craft_crc32c(sum, head, sizeof head);
    return craft_crc32c(sum, entry->data, entry->data_len);
}

/* The index after the last one read; 0: the log does not read. */
static craft_index add_batch(craft_wal *wal, craft_index first, uint32_t *sum)
{
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = entries,
                             .entries_max = ENTRIES_MAX,
                             .data = data,
                             .data_max = DATA_MAX};

    if (craft_wal_read(wal, first, &batch) != 0) {
        return 0;
    }
    for (size_t i = 0; i < batch.entries_len; i++) {
        *sum = add_entry(*sum, &entries[i]);
    }
    return first + batch.entries_len;
}

static int sum_log(craft_wal *wal, const char *directory)
{
    craft_wal_status status = {.struct_size = sizeof status};
    craft_index next = 1;
    uint32_t sum = 0;

    (void)craft_wal_status_get(wal, &status);
    while (next != 0 && next <= status.last_index) {
        next = add_batch(wal, next, &sum);
    }
    if (next == 0) {
        fprintf(stderr, "log_sum: the log in %s does not read\n", directory);
        return 1;
    }
    printf("%" PRIu64 " %08" PRIx32 "\n", status.last_index, sum);
    return 0;
}

int main(int argc, char **argv)
{
    craft_wal_options options;
    craft_wal_report report = {.struct_size = sizeof report};
    craft_wal *wal = NULL;
    int rv;

    if (argc != 2) {
        fprintf(stderr, "usage: log_sum DIRECTORY\n");
        return 2;
    }
    craft_wal_options_init(&options, sizeof options);
    options.directory = argv[1];
    rv = craft_wal_open(&options, &wal, &report);
    if (rv != 0) {
        fprintf(stderr, "log_sum: %s: %s\n", argv[1], craft_wal_strerror(rv));
        return 1;
    }
    rv = sum_log(wal, argv[1]);
    (void)craft_wal_close(wal);
    return rv;
}
