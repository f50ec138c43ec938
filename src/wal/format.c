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
    if (craft_load32(data + 12) > CRAFT_WAL_FORMAT_VERSION) {
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

/* The length of the parts before the entries' own bytes, without the
 * snapshot's configuration. */
static size_t fixed_len(uint32_t flags)
{
    size_t len = 0;

    len += (flags & CRAFT_WAL_RECORD_BEGIN) ? CRAFT_WAL_BEGIN_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_LIFE) ? CRAFT_WAL_LIFE_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_STATE) ? CRAFT_WAL_STATE_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_TRUNCATE) ? CRAFT_WAL_TRUNCATE_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_SNAPSHOT) ? CRAFT_WAL_SNAPSHOT_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_COMPACT) ? CRAFT_WAL_COMPACT_LEN : 0u;
    len += (flags & CRAFT_WAL_RECORD_ENTRIES) ? CRAFT_WAL_ENTRIES_LEN : 0u;
    return len;
}

/* A snapshot at data, with len bytes up to the end of the body; its length, or
 * 0 if it does not fit. */
static size_t snapshot_find(struct craft_wal_summary *summary,
                            const uint8_t *data, size_t len)
{
    size_t configuration_len = craft_load32(data + 32);
    size_t whole = CRAFT_WAL_SNAPSHOT_LEN + craft_wal_pad8(configuration_len);

    if (whole > len) {
        return 0;
    }
    summary->begin.base_index = craft_load64(data);
    summary->begin.base_term = craft_load64(data + 8);
    summary->snapshot = data;
    summary->snapshot_len = (uint32_t)whole;
    return whole;
}

/* The parts of fixed length before the snapshot; where they end. */
static const uint8_t *first_parts_decode(struct craft_wal_summary *summary,
                                         const uint8_t *at)
{
    if (summary->flags & CRAFT_WAL_RECORD_BEGIN) {
        state_decode(&summary->begin, at);
        summary->begin.last_index = craft_load64(at + 24);
        summary->begin.last_term = craft_load64(at + 32);
        summary->begin.gone_index = craft_load64(at + 40);
        at += CRAFT_WAL_BEGIN_LEN;
    }
    if (summary->flags & CRAFT_WAL_RECORD_LIFE) {
        at += CRAFT_WAL_LIFE_LEN;
    }
    if (summary->flags & CRAFT_WAL_RECORD_STATE) {
        state_decode(&summary->begin, at);
        at += CRAFT_WAL_STATE_LEN;
    }
    if (summary->flags & CRAFT_WAL_RECORD_TRUNCATE) {
        summary->truncate_from = craft_load64(at);
        at += CRAFT_WAL_TRUNCATE_LEN;
    }
    return at;
}

int craft_wal_summary_decode(struct craft_wal_summary *summary,
                             const struct craft_wal_record *record,
                             const uint8_t *body)
{
    size_t len = record->length - CRAFT_WAL_RECORD_LEN;
    size_t fixed = fixed_len(record->flags);
    const uint8_t *end = body + len;
    const uint8_t *at;

    memset(summary, 0, sizeof *summary);
    summary->flags = record->flags;
    if (record->flags & ~(uint32_t)CRAFT_WAL_RECORD_KNOWN) {
        return CRAFT_WAL_ERR_VERSION;
    }
    if (len < fixed) {
        return CRAFT_WAL_ERR_DAMAGED;
    }
    at = first_parts_decode(summary, body);
    if (record->flags & CRAFT_WAL_RECORD_SNAPSHOT) {
        /* What is fixed behind it must still fit. */
        size_t whole =
            snapshot_find(summary, at, len - fixed + CRAFT_WAL_SNAPSHOT_LEN);

        if (whole == 0) {
            return CRAFT_WAL_ERR_DAMAGED;
        }
        at += whole;
    }
    if (record->flags & CRAFT_WAL_RECORD_COMPACT) {
        summary->keep_from = craft_load64(at);
        at += CRAFT_WAL_COMPACT_LEN;
    }
    if (record->flags & CRAFT_WAL_RECORD_ENTRIES) {
        summary->first_index = craft_load64(at);
        summary->entries_len = craft_load32(at + 8);
        at += CRAFT_WAL_ENTRIES_LEN;
        summary->entries = at;
        len = (size_t)(end - at);
        return entries_decode(summary, len) == len ? 0 : CRAFT_WAL_ERR_DAMAGED;
    }
    return at == end ? 0 : CRAFT_WAL_ERR_DAMAGED;
}

/* --------------------------------------------------------------- snapshots */

size_t craft_wal_snapshot_len(const craft_snapshot *snapshot)
{
    return CRAFT_WAL_SNAPSHOT_LEN + craft_wal_pad8(snapshot->configuration_len);
}

void craft_wal_snapshot_encode(const craft_snapshot *snapshot, uint8_t *data)
{
    size_t padded = craft_wal_pad8(snapshot->configuration_len);

    craft_store64(data, snapshot->index);
    craft_store64(data + 8, snapshot->term);
    craft_store64(data + 16, snapshot->size);
    craft_store64(data + 24, snapshot->digest);
    craft_store32(data + 32, (uint32_t)snapshot->configuration_len);
    craft_store32(data + 36, 0);
    data += CRAFT_WAL_SNAPSHOT_LEN;
    if (padded != 0) {
        memset(data + padded - 8, 0, 8);
        memcpy(data, snapshot->configuration, snapshot->configuration_len);
    }
}

void craft_wal_snapshot_decode(craft_snapshot *snapshot, const uint8_t *data)
{
    memset(snapshot, 0, sizeof *snapshot);
    snapshot->struct_size = sizeof *snapshot;
    snapshot->index = craft_load64(data);
    snapshot->term = craft_load64(data + 8);
    snapshot->size = craft_load64(data + 16);
    snapshot->digest = craft_load64(data + 24);
    snapshot->configuration_len = craft_load32(data + 32);
    snapshot->configuration =
        snapshot->configuration_len == 0 ? NULL : data + CRAFT_WAL_SNAPSHOT_LEN;
}

/* ----------------------------------------------------------------- persist */

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

/* The snapshot's part of the summary; its length, SIZE_MAX if it contradicts
 * itself. */
static size_t snapshot_summarize(const craft_snapshot *snapshot,
                                 struct craft_wal_summary *summary)
{
    if (snapshot == NULL || snapshot->struct_size < sizeof *snapshot ||
        snapshot->configuration_len > CRAFT_WAL_RECORD_BYTES_MAX ||
        (snapshot->configuration == NULL && snapshot->configuration_len > 0)) {
        return SIZE_MAX;
    }
    summary->begin.base_index = snapshot->index;
    summary->begin.base_term = snapshot->term;
    summary->snapshot_len = (uint32_t)craft_wal_snapshot_len(snapshot);
    return craft_wal_pad8(snapshot->configuration_len);
}

static size_t entries_summarize(const craft_persist *persist,
                                struct craft_wal_summary *summary)
{
    if (persist->entries_len == 0 || persist->entries == NULL) {
        return SIZE_MAX;
    }
    summary->first_index = persist->first_index;
    summary->entries_len = (uint32_t)persist->entries_len;
    summary->first_term = persist->entries[0].term;
    summary->last_term = persist->entries[persist->entries_len - 1].term;
    return entries_len(persist);
}

/* The flags of a record for those of persist. */
static uint32_t record_flags(uint32_t flags)
{
    uint32_t all = 0;

    all |= flags & CRAFT_PERSIST_HARD_STATE ? CRAFT_WAL_RECORD_STATE : 0u;
    all |= flags & CRAFT_PERSIST_TRUNCATE ? CRAFT_WAL_RECORD_TRUNCATE : 0u;
    all |= flags & CRAFT_PERSIST_SNAPSHOT ? CRAFT_WAL_RECORD_SNAPSHOT : 0u;
    all |= flags & CRAFT_PERSIST_ENTRIES ? CRAFT_WAL_RECORD_ENTRIES : 0u;
    all |= flags & CRAFT_PERSIST_COMPACT ? CRAFT_WAL_RECORD_COMPACT : 0u;
    return all;
}

size_t craft_wal_persist_len(const craft_persist *persist,
                             struct craft_wal_summary *summary)
{
    const uint32_t known = CRAFT_PERSIST_HARD_STATE | CRAFT_PERSIST_TRUNCATE |
                           CRAFT_PERSIST_SNAPSHOT | CRAFT_PERSIST_ENTRIES |
                           CRAFT_PERSIST_COMPACT | CRAFT_PERSIST_MUST_SYNC;
    size_t snapshot = 0;
    size_t entries = 0;
    size_t fixed;

    memset(summary, 0, sizeof *summary);
    if (persist->flags & ~known) {
        return 0;
    }
    summary->flags = record_flags(persist->flags);
    if (persist->flags & CRAFT_PERSIST_HARD_STATE) {
        summary->begin.term = persist->term;
        summary->begin.voted_for = persist->voted_for;
        summary->begin.commit_hint = persist->commit_hint;
    }
    if (persist->flags & CRAFT_PERSIST_TRUNCATE) {
        summary->truncate_from = persist->truncate_from;
    }
    if (persist->flags & CRAFT_PERSIST_SNAPSHOT) {
        snapshot = snapshot_summarize(persist->snapshot, summary);
    }
    if (persist->flags & CRAFT_PERSIST_COMPACT) {
        summary->keep_from = persist->keep_from;
    }
    if (persist->flags & CRAFT_PERSIST_ENTRIES) {
        entries = entries_summarize(persist, summary);
    }
    fixed = CRAFT_WAL_RECORD_LEN + fixed_len(summary->flags);
    if (snapshot > CRAFT_WAL_RECORD_BYTES_MAX ||
        entries > CRAFT_WAL_RECORD_BYTES_MAX - snapshot ||
        fixed > CRAFT_WAL_RECORD_BYTES_MAX - snapshot - entries) {
        return 0;
    }
    return fixed + snapshot + entries;
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
    if (persist->flags & CRAFT_PERSIST_SNAPSHOT) {
        craft_wal_snapshot_encode(persist->snapshot, at);
        at += craft_wal_snapshot_len(persist->snapshot);
    }
    if (persist->flags & CRAFT_PERSIST_COMPACT) {
        craft_store64(at, persist->keep_from);
        at += CRAFT_WAL_COMPACT_LEN;
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
    craft_store64(body, state->term);
    craft_store64(body + 8, state->voted_for);
    craft_store64(body + 16, state->commit_hint);
    craft_store64(body + 24, state->last_index);
    craft_store64(body + 32, state->last_term);
    craft_store64(body + 40, state->gone_index);
}

/* ------------------------------------------------------------------ state */

/* A segment begins with the state so far. The term of the last entry is left
 * out where it was not known, and by version 1. */
static const char *begin_check(const struct craft_wal_state *state,
                               const struct craft_wal_summary *summary)
{
    const uint32_t flags = CRAFT_WAL_RECORD_BEGIN | CRAFT_WAL_RECORD_SNAPSHOT;
    const struct craft_wal_state *begin = &summary->begin;

    if (summary->flags & ~flags) {
        return "a segment does not begin with a state alone";
    }
    if (begin->term != state->term || begin->voted_for != state->voted_for ||
        begin->commit_hint != state->commit_hint ||
        begin->last_index != state->last_index ||
        (begin->last_term != 0 && begin->last_term != state->last_term) ||
        begin->gone_index != state->gone_index ||
        begin->base_index != state->base_index ||
        begin->base_term != state->base_term) {
        return "it begins with another state than it should";
    }
    return NULL;
}

const char *craft_wal_state_begin(struct craft_wal_state *state,
                                  const struct craft_wal_summary *summary)
{
    const uint32_t flags = CRAFT_WAL_RECORD_BEGIN | CRAFT_WAL_RECORD_SNAPSHOT;
    const struct craft_wal_state *begin = &summary->begin;

    if ((summary->flags | flags) != flags ||
        !(summary->flags & CRAFT_WAL_RECORD_BEGIN)) {
        return "a segment does not begin with a state";
    }
    if (begin->term >= CRAFT_NUMBER_MAX ||
        begin->last_index >= CRAFT_NUMBER_MAX ||
        begin->last_index < begin->base_index ||
        begin->base_index < begin->gone_index) {
        return "a segment begins with a state that contradicts itself";
    }
    *state = *begin;
    return NULL;
}

static const char *hard_state_step(struct craft_wal_state *state,
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
    state->term = next->term;
    state->voted_for = next->voted_for;
    state->commit_hint = next->commit_hint;
    return NULL;
}

static const char *truncate_step(struct craft_wal_state *state,
                                 craft_index from)
{
    if (from == 0) {
        return "a truncation from nowhere";
    }
    if (from <= state->last_index) {
        state->last_index = from - 1;
        state->last_term = 0;
    }
    return NULL;
}

/* A log that ends before the snapshot begins anew behind it. */
static const char *snapshot_step(struct craft_wal_state *state,
                                 const struct craft_wal_state *next)
{
    if (next->base_index == 0 || next->base_index >= CRAFT_NUMBER_MAX ||
        next->base_term == 0 || next->base_term >= CRAFT_NUMBER_MAX) {
        return "a snapshot of nothing";
    }
    if (next->base_index < state->base_index ||
        next->base_term < state->base_term) {
        return "a snapshot older than the one before";
    }
    if (next->base_index == state->base_index &&
        next->base_term != state->base_term) {
        return "two snapshots of one index differ in the term";
    }
    state->base_index = next->base_index;
    state->base_term = next->base_term;
    if (state->last_index < state->base_index) {
        state->last_index = state->base_index;
        state->last_term = state->base_term;
        state->gone_index = state->base_index;
    }
    return NULL;
}

static const char *entries_step(struct craft_wal_state *state,
                                const struct craft_wal_summary *summary)
{
    if (summary->first_index != state->last_index + 1 ||
        summary->entries_len == 0) {
        return "entries do not follow the last one";
    }
    if (summary->entries_len >= CRAFT_NUMBER_MAX - state->last_index) {
        return "the index is out of range";
    }
    if (summary->first_term < state->last_term) {
        return "the term of an entry falls";
    }
    state->last_index += summary->entries_len;
    state->last_term = summary->last_term;
    return NULL;
}

static const char *compact_step(struct craft_wal_state *state,
                                craft_index keep_from)
{
    if (keep_from == 0) {
        return "a compaction up to nowhere";
    }
    if (keep_from - 1 > state->base_index) {
        return "a compaction of what no snapshot holds";
    }
    if (keep_from - 1 > state->gone_index) {
        state->gone_index = keep_from - 1;
    }
    return NULL;
}

/* The parts of a record, in the order in which they take effect. */
static const char *parts_step(struct craft_wal_state *state,
                              const struct craft_wal_summary *summary,
                              uint32_t *restarted)
{
    craft_index gone = state->gone_index;
    const char *wrong = NULL;

    if (summary->flags & CRAFT_WAL_RECORD_STATE) {
        wrong = hard_state_step(state, &summary->begin);
    }
    if (wrong == NULL && summary->flags & CRAFT_WAL_RECORD_TRUNCATE) {
        wrong = truncate_step(state, summary->truncate_from);
    }
    if (wrong == NULL && summary->flags & CRAFT_WAL_RECORD_SNAPSHOT) {
        wrong = snapshot_step(state, &summary->begin);
    }
    if (wrong == NULL && state->last_index < state->base_index) {
        wrong = "a truncation of what a snapshot holds";
    }
    *restarted = state->gone_index > gone;
    if (wrong == NULL && summary->flags & CRAFT_WAL_RECORD_ENTRIES) {
        wrong = entries_step(state, summary);
    }
    if (wrong == NULL && summary->flags & CRAFT_WAL_RECORD_COMPACT) {
        wrong = compact_step(state, summary->keep_from);
    }
    return wrong;
}

const char *craft_wal_state_step(struct craft_wal_state *state,
                                 const struct craft_wal_summary *summary,
                                 struct craft_wal_step *step)
{
    struct craft_wal_state next = *state;
    uint32_t restarted = 0;
    const char *wrong = summary->flags & CRAFT_WAL_RECORD_BEGIN
                            ? begin_check(state, summary)
                            : parts_step(&next, summary, &restarted);

    if (wrong != NULL) {
        return wrong;
    }
    *state = next;
    if (step != NULL) {
        step->flags = summary->flags;
        step->restarted = restarted;
        step->truncate_from = summary->truncate_from;
        step->first_index = summary->first_index;
        step->gone_index = next.gone_index;
        step->last_index = next.last_index;
    }
    return NULL;
}

/* ------------------------------------------------------------------- mark */

void craft_wal_mark_encode(const struct craft_wal_mark *mark, uint8_t *data)
{
    memset(data, 0, CRAFT_WAL_MARK_LEN);
    memcpy(data, mark_magic, sizeof mark_magic);
    craft_store32(data + 12, CRAFT_WAL_MARK_VERSION);
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
        craft_load32(data + 12) != CRAFT_WAL_MARK_VERSION) {
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
