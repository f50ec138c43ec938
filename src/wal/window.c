#include "wal/wal.h"

#define WINDOW_BYTES 65536u

void craft_wal_window_set(struct craft_wal *wal,
                          struct craft_wal_window *window,
                          const struct craft_wal_file *file, uint64_t sequence)
{
    window->file = *file;
    window->sequence = sequence;
    window->seed = craft_wal_seed(wal->store_id, sequence);
    window->limit = 0;
    window->start = 0;
    window->bytes.len = 0;
}

int craft_wal_window_bytes(struct craft_wal *wal,
                           struct craft_wal_window *window, uint32_t offset,
                           uint32_t len, const uint8_t **data_out)
{
    struct craft_wal_buffer *bytes = &window->bytes;
    uint32_t want = len < WINDOW_BYTES ? WINDOW_BYTES : len;
    int rv;

    CRAFT_ASSERT(offset <= window->limit);
    CRAFT_ASSERT(len <= window->limit - offset);
    if (offset >= window->start &&
        (size_t)(offset - window->start) + len <= bytes->len) {
        *data_out = bytes->data + (offset - window->start);
        return 0;
    }
    if (want > window->limit - offset) {
        want = window->limit - offset;
    }
    bytes->len = 0;
    rv = craft_wal_buffer_reserve(wal, bytes, want);
    if (rv == 0) {
        rv = craft_wal_file_read(wal, &window->file, bytes->data, want, offset);
    }
    if (rv != 0) {
        return rv;
    }
    window->start = offset;
    bytes->len = want;
    *data_out = bytes->data;
    return 0;
}

/* 1: there is an intact record exactly at offset; 0: there is none. */
static int record_at(struct craft_wal *wal, struct craft_wal_window *window,
                     uint32_t offset, struct craft_wal_found *found)
{
    struct craft_wal_record *record = &found->record;
    const uint8_t *data;
    int rv;

    if (offset > window->limit ||
        window->limit - offset < CRAFT_WAL_RECORD_LEN) {
        return 0;
    }
    rv = craft_wal_window_bytes(wal, window, offset, CRAFT_WAL_RECORD_LEN,
                                &data);
    if (rv != 0) {
        return rv;
    }
    if (!craft_wal_record_decode(record, window->seed ^ offset, data) ||
        record->length > window->limit - offset || record->synced > offset) {
        return 0;
    }
    rv = craft_wal_window_bytes(wal, window, offset, record->length, &data);
    if (rv != 0) {
        return rv;
    }
    found->offset = offset;
    found->body = data + CRAFT_WAL_RECORD_LEN;
    return craft_wal_record_body_intact(record, found->body);
}

int craft_wal_window_record(struct craft_wal *wal,
                            struct craft_wal_window *window, uint32_t offset,
                            struct craft_wal_found *found)
{
    int rv = record_at(wal, window, offset, found);

    if (rv == 0 && offset % CRAFT_WAL_SECTOR != 0) {
        rv = record_at(wal, window, craft_wal_align(offset), found);
    }
    return rv;
}
