#include "wal/format.h"

#include "craft/wal.h"

static const uint8_t header_magic[8] = {'c', 'r', 'a', 'f', 't', 'w', 'a', 'l'};
static const uint8_t mark_magic[8] = {'c', 'r', 'a', 'f', 't', 'm', 'r', 'k'};

uint32_t craft_wal_seed(uint64_t store_id, uint64_t sequence)
{
    uint8_t bytes[16];

    craft_store64(bytes, store_id);
    craft_store64(bytes + 8, sequence);
    return craft_crc32c(0, bytes, sizeof bytes);
}

/* ---------------------------------------------------------------- segment */

void craft_wal_header_encode(struct craft_wal_header *header, uint8_t *data)
{
    memset(data, 0, CRAFT_WAL_HEADER_LEN);
    memcpy(data, header_magic, sizeof header_magic);
    craft_store32(data + 12, CRAFT_WAL_FORMAT_VERSION);
    craft_store64(data + 16, header->store_id);
    craft_store64(data + 24, header->sequence);
    craft_store64(data + 32, header->segment_bytes);
    craft_store32(data + 40, header->prev_end);
    craft_store32(data + 44, header->prev_check);
    header->check = craft_crc32c(0, data + 12, CRAFT_WAL_HEADER_LEN - 12);
    craft_store32(data + 8, header->check);
}

enum craft_wal_header_kind
craft_wal_header_decode(struct craft_wal_header *header, const uint8_t *data)
{
    static const uint8_t zeroes[CRAFT_WAL_HEADER_LEN];

    if (memcmp(data, zeroes, sizeof zeroes) == 0) {
        return CRAFT_WAL_HEADER_EMPTY;
    }
    header->check = craft_load32(data + 8);
    if (memcmp(data, header_magic, sizeof header_magic) != 0 ||
        header->check !=
            craft_crc32c(0, data + 12, CRAFT_WAL_HEADER_LEN - 12)) {
        return CRAFT_WAL_HEADER_BAD;
    }
    if (craft_load32(data + 12) != CRAFT_WAL_FORMAT_VERSION) {
        return CRAFT_WAL_HEADER_NEWER;
    }
    header->store_id = craft_load64(data + 16);
    header->sequence = craft_load64(data + 24);
    header->segment_bytes = craft_load64(data + 32);
    header->prev_end = craft_load32(data + 40);
    header->prev_check = craft_load32(data + 44);
    return CRAFT_WAL_HEADER_VALID;
}

/* ----------------------------------------------------------------- record */

void craft_wal_record_finish(struct craft_wal_record *record, uint32_t salt,
                             uint8_t *data)
{
    record->body_check = craft_crc32c(0, data + CRAFT_WAL_RECORD_LEN,
                                      record->length - CRAFT_WAL_RECORD_LEN);
    craft_store32(data + 4, record->body_check);
    craft_store32(data + 8, record->prev);
    craft_store32(data + 12, record->length);
    craft_store32(data + 16, record->synced);
    craft_store32(data + 20, record->flags);
    craft_store64(data + 24, record->group);
    record->check = craft_crc32c(salt, data + 4, CRAFT_WAL_RECORD_LEN - 4);
    craft_store32(data, record->check);
}

int craft_wal_record_decode(struct craft_wal_record *record, uint32_t salt,
                            const uint8_t *data)
{
    record->length = craft_load32(data + 12);
    if (record->length < CRAFT_WAL_RECORD_LEN || record->length % 8 != 0) {
        return 0;
    }
    record->check = craft_load32(data);
    if (record->check !=
        craft_crc32c(salt, data + 4, CRAFT_WAL_RECORD_LEN - 4)) {
        return 0;
    }
    record->body_check = craft_load32(data + 4);
    record->prev = craft_load32(data + 8);
    record->synced = craft_load32(data + 16);
    record->flags = craft_load32(data + 20);
    record->group = craft_load64(data + 24);
    return 1;
}

int craft_wal_record_body_intact(const struct craft_wal_record *record,
                                 const uint8_t *body)
{
    return record->body_check ==
           craft_crc32c(0, body, record->length - CRAFT_WAL_RECORD_LEN);
}

/* ------------------------------------------------------------------- body */

size_t craft_wal_entry_decode(craft_entry *entry, const uint8_t *data)
{
    entry->term = craft_load64(data);
    entry->kind = craft_load32(data + 8);
    entry->data_len = craft_load32(data + 12);
    entry->data = entry->data_len == 0 ? NULL : data + CRAFT_WAL_ENTRY_LEN;
    entry->token = 0;
    entry->reserved = 0;
    return CRAFT_WAL_ENTRY_LEN + craft_wal_pad8(entry->data_len);
}

/* The bytes that summary->entries_len entries fill; SIZE_MAX: they do not
 * fit. Not 0: a body may end before its first entry. */
static size_t entries_decode(struct craft_wal_summary *summary, size_t len)
{
    craft_entry entry;
    size_t at = 0;

    for (uint32_t i = 0; i < summary->entries_len; i++) {
        if (len - at < CRAFT_WAL_ENTRY_LEN ||
            len - at - CRAFT_WAL_ENTRY_LEN <
                craft_load32(summary->entries + at + 12)) {
            return SIZE_MAX;
        }
        at += craft_wal_entry_decode(&entry, summary->entries + at);
        if (i > 0 && entry.term < summary->last_term) {
            return SIZE_MAX;
        }
        summary->first_term = i == 0 ? entry.term : summary->first_term;
        summary->last_term = entry.term;
    }
    return at;
}

static void state_decode(struct craft_wal_state *state, const uint8_t *body)
{
    state->term = craft_load64(body);
    state->voted_for = craft_load64(body + 8);
    state->commit_hint = craft_load64(body + 16);
}

/* The length of the parts before the entries' own bytes. */
static size_t fixed_len(uint32_t flags)
{
    size_t len = 0;

    len += (flags & CRAFT_WAL_RECORD_BEGIN) ? CRAFT_WAL_BEGIN_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_LIFE) ? CRAFT_WAL_LIFE_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_STATE) ? CRAFT_WAL_STATE_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_TRUNCATE) ? CRAFT_WAL_TRUNCATE_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_ENTRIES) ? CRAFT_WAL_ENTRIES_LEN : 0u;
    return len;
}

int craft_wal_summary_decode(struct craft_wal_summary *summary,
                             const struct craft_wal_record *record,
                             const uint8_t *body)
{
    const uint8_t *at = body;
    size_t len = record->length - CRAFT_WAL_RECORD_LEN;

    memset(summary, 0, sizeof *summary);
    summary->flags = record->flags;
    if (record->flags & ~(uint32_t)CRAFT_WAL_RECORD_KNOWN) {
        return CRAFT_WAL_ERR_VERSION;
    }
    if (len < fixed_len(record->flags)) {
        return CRAFT_WAL_ERR_DAMAGED;
    }
    if (record->flags & CRAFT_WAL_RECORD_BEGIN) {
        state_decode(&summary->begin, at);
        summary->begin.last_index = craft_load64(at + 24);
        at += CRAFT_WAL_BEGIN_LEN;
    }
    if (record->flags & CRAFT_WAL_RECORD_LIFE) {
        at += CRAFT_WAL_LIFE_LEN;
    }
    if (record->flags & CRAFT_WAL_RECORD_STATE) {
        state_decode(&summary->begin, at);
        at += CRAFT_WAL_STATE_LEN;
    }
    if (record->flags & CRAFT_WAL_RECORD_TRUNCATE) {
        summary->truncate_from = craft_load64(at);
        at += CRAFT_WAL_TRUNCATE_LEN;
    }
    if (record->flags & CRAFT_WAL_RECORD_ENTRIES) {
        summary->first_index = craft_load64(at);
        summary->entries_len = craft_load32(at + 8);
        at += CRAFT_WAL_ENTRIES_LEN;
        summary->entries = at;
        len -= (size_t)(at - body);
        return entries_decode(summary, len) == len ? 0 : CRAFT_WAL_ERR_DAMAGED;
    }
    return (size_t)(at - body) == len ? 0 : CRAFT_WAL_ERR_DAMAGED;
}

/* The encoded length of the entries; SIZE_MAX if they contradict themselves
 * or are too many. */
static size_t entries_len(const craft_persist *persist)
{
    size_t len = 0;

    for (size_t i = 0; i < persist->entries_len; i++) {
        const craft_entry *entry = &persist->entries[i];

        if (entry->index != persist->first_index + i ||
            (i > 0 && entry->term < entry[-1].term) ||
            entry->data_len > CRAFT_WAL_RECORD_BYTES_MAX) {
            return SIZE_MAX;
        }
        len += CRAFT_WAL_ENTRY_LEN + craft_wal_pad8(entry->data_len);
        if (len > CRAFT_WAL_RECORD_BYTES_MAX) {
            return SIZE_MAX;
        }
    }
    return len;
}

size_t craft_wal_persist_len(const craft_persist *persist,
                             struct craft_wal_summary *summary)
{
    const uint32_t known = CRAFT_PERSIST_HARD_STATE | CRAFT_PERSIST_TRUNCATE |
                           CRAFT_PERSIST_ENTRIES | CRAFT_PERSIST_MUST_SYNC;
    size_t len = 0;

    memset(summary, 0, sizeof *summary);
    if (persist->flags & ~known) {
        return 0;
    }
    if (persist->flags & CRAFT_PERSIST_HARD_STATE) {
        summary->flags |= CRAFT_WAL_RECORD_STATE;
        summary->begin.term = persist->term;
        summary->begin.voted_for = persist->voted_for;
        summary->begin.commit_hint = persist->commit_hint;
    }
    if (persist->flags & CRAFT_PERSIST_TRUNCATE) {
        summary->flags |= CRAFT_WAL_RECORD_TRUNCATE;
        summary->truncate_from = persist->truncate_from;
    }
    if (persist->flags & CRAFT_PERSIST_ENTRIES) {
        if (persist->entries_len == 0 || persist->entries == NULL) {
            return 0;
        }
        summary->flags |= CRAFT_WAL_RECORD_ENTRIES;
        len = entries_len(persist);
        if (len == SIZE_MAX) {
            return 0;
        }
        summary->first_index = persist->first_index;
        summary->entries_len = (uint32_t)persist->entries_len;
        summary->first_term = persist->entries[0].term;
        summary->last_term = persist->entries[persist->entries_len - 1].term;
    }
    len += CRAFT_WAL_RECORD_LEN + fixed_len(summary->flags);
    return len <= CRAFT_WAL_RECORD_BYTES_MAX ? len : 0;
}

static uint8_t *entry_encode(const craft_entry *entry, uint8_t *at)
{
    size_t padded = craft_wal_pad8(entry->data_len);

    craft_store64(at, entry->term);
    craft_store32(at + 8, entry->kind);
    craft_store32(at + 12, (uint32_t)entry->data_len);
    at += CRAFT_WAL_ENTRY_LEN;
    if (padded != 0) {
        memset(at + padded - 8, 0, 8);
        memcpy(at, entry->data, entry->data_len);
    }
    return at + padded;
}

size_t craft_wal_persist_encode(const craft_persist *persist, uint8_t *body)
{
    uint8_t *at = body;

    if (persist->flags & CRAFT_PERSIST_HARD_STATE) {
        craft_store64(at, persist->term);
        craft_store64(at + 8, persist->voted_for);
        craft_store64(at + 16, persist->commit_hint);
        at += CRAFT_WAL_STATE_LEN;
    }
    if (persist->flags & CRAFT_PERSIST_TRUNCATE) {
        craft_store64(at, persist->truncate_from);
        at += CRAFT_WAL_TRUNCATE_LEN;
    }
    if (persist->flags & CRAFT_PERSIST_ENTRIES) {
        craft_store64(at, persist->first_index);
        craft_store32(at + 8, (uint32_t)persist->entries_len);
        craft_store32(at + 12, 0);
        at += CRAFT_WAL_ENTRIES_LEN;
        for (size_t i = 0; i < persist->entries_len; i++) {
            at = entry_encode(&persist->entries[i], at);
        }
    }
    return (size_t)(at - body);
}

void craft_wal_begin_encode(const struct craft_wal_state *state, uint8_t *body)
{
    memset(body, 0, CRAFT_WAL_BEGIN_LEN);
    craft_store64(body, state->term);
    craft_store64(body + 8, state->voted_for);
    craft_store64(body + 16, state->commit_hint);
    craft_store64(body + 24, state->last_index);
}

/* ------------------------------------------------------------------ state */

static const char *hard_state_check(const struct craft_wal_state *state,
                                    const struct craft_wal_state *next)
{
    if (next->term < state->term) {
        return "the term falls";
    }
    if (next->term >= CRAFT_NUMBER_MAX) {
        return "the term is out of range";
    }
    if (next->term == state->term && state->voted_for != 0 &&
        next->voted_for != state->voted_for) {
        return "a second vote in one term";
    }
    return NULL;
}

const char *craft_wal_state_check(const struct craft_wal_state *state,
                                  const struct craft_wal_summary *summary)
{
    craft_index last = state->last_index;
    const char *wrong = NULL;

    if (summary->flags & CRAFT_WAL_RECORD_BEGIN &&
        (summary->begin.term != state->term ||
         summary->begin.voted_for != state->voted_for ||
         summary->begin.commit_hint != state->commit_hint ||
         summary->begin.last_index != state->last_index)) {
        return "it begins with another state than it should";
    }
    if (summary->flags & CRAFT_WAL_RECORD_STATE) {
        wrong = hard_state_check(state, &summary->begin);
    }
    if (summary->flags & CRAFT_WAL_RECORD_TRUNCATE) {
        if (summary->truncate_from == 0) {
            wrong = "a truncation from nowhere";
        } else if (summary->truncate_from <= last) {
            last = summary->truncate_from - 1;
        }
    }
    if (summary->flags & CRAFT_WAL_RECORD_ENTRIES) {
        if (summary->first_index != last + 1 || summary->entries_len == 0) {
            wrong = "entries do not follow the last one";
        } else if (summary->entries_len >= CRAFT_NUMBER_MAX - last) {
            wrong = "the index is out of range";
        } else if (last == state->last_index &&
                   summary->first_term < state->last_term) {
            wrong = "the term of an entry falls";
        }
    }
    return wrong;
}

void craft_wal_state_apply(struct craft_wal_state *state,
                           const struct craft_wal_summary *summary)
{
    if (summary->flags & CRAFT_WAL_RECORD_STATE) {
        state->term = summary->begin.term;
        state->voted_for = summary->begin.voted_for;
        state->commit_hint = summary->begin.commit_hint;
    }
    if (summary->flags & CRAFT_WAL_RECORD_TRUNCATE &&
        summary->truncate_from <= state->last_index) {
        state->last_index = summary->truncate_from - 1;
        state->last_term = 0;
    }
    if (summary->flags & CRAFT_WAL_RECORD_ENTRIES) {
        state->last_index += summary->entries_len;
        state->last_term = summary->last_term;
    }
}

/* ------------------------------------------------------------------- mark */

void craft_wal_mark_encode(const struct craft_wal_mark *mark, uint8_t *data)
{
    memset(data, 0, CRAFT_WAL_MARK_LEN);
    memcpy(data, mark_magic, sizeof mark_magic);
    craft_store32(data + 12, CRAFT_WAL_FORMAT_VERSION);
    craft_store64(data + 16, mark->store_id);
    craft_store64(data + 24, mark->number);
    craft_store64(data + 32, mark->sequence);
    craft_store32(data + 40, mark->offset);
    craft_store32(data + 44, mark->check);
    craft_store64(data + 48, mark->last_index);
    craft_store32(data + 8,
                  craft_crc32c(0, data + 12, CRAFT_WAL_MARK_LEN - 12));
}

int craft_wal_mark_decode(struct craft_wal_mark *mark, const uint8_t *data)
{
    if (memcmp(data, mark_magic, sizeof mark_magic) != 0 ||
        craft_load32(data + 8) !=
            craft_crc32c(0, data + 12, CRAFT_WAL_MARK_LEN - 12) ||
        craft_load32(data + 12) != CRAFT_WAL_FORMAT_VERSION) {
        return 0;
    }
    mark->store_id = craft_load64(data + 16);
    mark->number = craft_load64(data + 24);
    mark->sequence = craft_load64(data + 32);
    mark->offset = craft_load32(data + 40);
    mark->check = craft_load32(data + 44);
    mark->last_index = craft_load64(data + 48);
    return 1;
}
