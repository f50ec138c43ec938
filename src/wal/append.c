#include "wal/wal.h"

/* Why a group of records ends where it ends; errors are negative. */
enum group_stop {
    GROUP_ALL = 0,  /* no record is left */
    GROUP_FULL = 1, /* large enough for one write */
    GROUP_ROLL = 2  /* the next record does not fit into the segment */
};

/* Records that go out in one write; nothing of it is published before. */
struct group {
    const craft_persist *records;
    size_t records_len;
    size_t taken;
    uint32_t start; /* of the write, in the segment */
    uint32_t end;
    uint32_t check;
    uint32_t roll_len; /* GROUP_ROLL: bytes of the record that did not fit */
    struct craft_wal_state state;
    int has_base; /* a snapshot: the newest is in base_next */
    uint32_t offsets[CRAFT_WAL_GROUP_RECORDS];
    struct craft_wal_step steps[CRAFT_WAL_GROUP_RECORDS];
};

/* ---------------------------------------------------------------- limits */

/*
 * When the disk is full, no segment follows this one. For then the end of it is
 * kept free: half for votes; the rest, which votes cannot use up, for the
 * snapshots and compactions that make room again.
 */
static uint32_t reserve_of(uint32_t size)
{
    uint32_t reserve = size / 8 & ~(CRAFT_WAL_SECTOR - 1);

    return reserve < CRAFT_WAL_RESERVE_MAX ? reserve : CRAFT_WAL_RESERVE_MAX;
}

/* Where records must end: the last sector is the seal's. */
static uint32_t limit_of(uint32_t size, uint32_t flags)
{
    const uint32_t makes_room =
        CRAFT_WAL_RECORD_SNAPSHOT | CRAFT_WAL_RECORD_COMPACT;
    uint32_t limit = size - CRAFT_WAL_SECTOR;

    if (flags & CRAFT_WAL_RECORD_ENTRIES) {
        limit -= reserve_of(size);
    } else if (!(flags & makes_room)) {
        limit -= reserve_of(size) / 2;
    }
    return limit;
}

/* The size of a segment that takes one record of len bytes. */
static uint32_t size_for(const struct craft_wal *wal, uint32_t len)
{
    uint32_t need = craft_wal_segment_begin_len(wal) + CRAFT_WAL_RECORD_LEN +
                    CRAFT_WAL_LIFE_LEN + len;
    uint32_t reserve;

    if (need <= limit_of(wal->segment_bytes, CRAFT_WAL_RECORD_ENTRIES)) {
        return wal->segment_bytes;
    }
    /* An eighth of the whole is a seventh of the rest. */
    reserve = need / 7 + 4096u;
    if (reserve > CRAFT_WAL_RESERVE_MAX) {
        reserve = CRAFT_WAL_RESERVE_MAX;
    }
    return (need + CRAFT_WAL_SECTOR + reserve + 4095u) & ~4095u;
}

/* Under mutex: it moves what readers look at. */
static int places_grow(struct craft_wal *wal)
{
    struct craft_wal_index *index = &wal->shared.index;
    size_t cap = index->places_cap == 0 ? 256 : index->places_cap * 2;
    struct craft_wal_place *places = craft_wal_realloc(
        wal, index->places, index->places_cap * sizeof *places,
        cap * sizeof *places);

    if (places == NULL) {
        return CRAFT_WAL_ERR_NOMEM;
    }
    index->places = places;
    index->places_cap = cap;
    return 0;
}

int craft_wal_index_reserve(struct craft_wal *wal, size_t more)
{
    const struct craft_wal_index *index = &wal->shared.index;
    int rv = 0;

    /* The writer alone changes it, so the writer may look without the lock. */
    if (index->places_cap - index->places_len < more) {
        (void)pthread_mutex_lock(&wal->mutex);
        rv = places_grow(wal);
        (void)pthread_mutex_unlock(&wal->mutex);
    }
    return rv;
}

/* ----------------------------------------------------------------- groups */

static int record_refused(struct craft_wal *wal,
                          const struct craft_persist *record, const char *why)
{
    struct craft_wal_problem problem = {
        .error = CRAFT_WAL_ERR_INVALID,
        .index = record->first_index,
        .what = why,
        .remedy = "this record was not written",
    };

    return craft_wal_complain(wal, &problem);
}

/* Encode one record at the end of the batch. */
static int group_add(struct craft_wal *wal, struct group *group,
                     const craft_persist *persist, uint32_t flags, uint32_t len)
{
    struct craft_wal_buffer *batch = &wal->batch;
    struct craft_wal_record record = {
        .prev = group->check,
        .length = len,
        .synced = wal->active.synced,
        .flags = flags,
        .group = wal->group,
    };
    int rv = craft_wal_buffer_reserve(wal, batch, batch->len + len);
    uint8_t *data;
    size_t body_len;

    if (rv != 0) {
        return rv;
    }
    data = batch->data + batch->len;
    len -= CRAFT_WAL_RECORD_LEN;
    body_len = craft_wal_persist_encode(persist, data + CRAFT_WAL_RECORD_LEN);
    CRAFT_ASSERT(body_len == len);
    craft_wal_record_finish(&record, wal->active.seed ^ group->end, data);
    batch->len += record.length;
    group->offsets[group->taken] = group->end;
    group->end += record.length;
    group->check = record.check;
    return 0;
}

/* The snapshot is the newest once the group is written. */
static int group_base(struct craft_wal *wal, struct group *group,
                      const craft_snapshot *snapshot)
{
    struct craft_wal_buffer *base = &wal->base_next;
    size_t len = craft_wal_snapshot_len(snapshot);
    int rv = craft_wal_buffer_reserve(wal, base, len);

    if (rv == 0) {
        craft_wal_snapshot_encode(snapshot, base->data);
        base->len = len;
        group->has_base = 1;
    }
    return rv;
}

/* Take the next record into the group, or say why not. */
static int group_take(struct craft_wal *wal, struct group *group)
{
    const craft_persist *persist = &group->records[group->taken];
    struct craft_wal_state state = group->state;
    struct craft_wal_summary summary;
    uint32_t len = (uint32_t)craft_wal_persist_len(persist, &summary);
    const char *wrong;
    int rv = 0;

    if (len == 0) {
        return record_refused(wal, persist, "a record that cannot be stored");
    }
    wrong = craft_wal_state_step(&state, &summary, &group->steps[group->taken]);
    if (wrong != NULL) {
        return record_refused(wal, persist, wrong);
    }
    if (summary.flags == 0) {
        group->offsets[group->taken] = group->end;
        return 0;
    }
    if (wal->active.sealed || len > limit_of(wal->active.size, summary.flags) ||
        group->end > limit_of(wal->active.size, summary.flags) - len) {
        group->roll_len = len;
        return GROUP_ROLL;
    }
    if (summary.flags & CRAFT_WAL_RECORD_SNAPSHOT) {
        rv = group_base(wal, group, persist->snapshot);
    }
    if (rv == 0) {
        rv = group_add(wal, group, persist, summary.flags, len);
    }
    if (rv == 0) {
        group->state = state;
    }
    return rv;
}

/* The header and first record of a segment that has none. */
static int group_begin(struct craft_wal *wal, struct group *group)
{
    uint32_t len = craft_wal_segment_begin_len(wal);
    int rv = craft_wal_buffer_reserve(wal, &wal->batch, len);

    if (rv == 0) {
        craft_wal_segment_begin(wal, wal->batch.data, &group->check);
        wal->batch.len = len;
        group->start = 0;
        group->end = len;
    }
    return rv;
}

/*
 * The first record of a life is one that was never there. Otherwise a torn
 * batch could come back: its first record is written once more, just the same,
 * and if the zeroes that recovery put behind it never reached the disk, the
 * rest of the old batch would still follow in the chain.
 */
static int group_live(struct craft_wal *wal, struct group *group)
{
    struct craft_wal_record record = {
        .prev = group->check,
        .length = CRAFT_WAL_RECORD_LEN + CRAFT_WAL_LIFE_LEN,
        .synced = wal->active.synced,
        .flags = CRAFT_WAL_RECORD_LIFE,
        .group = wal->group,
    };
    int rv = craft_wal_buffer_reserve(wal, &wal->batch,
                                      wal->batch.len + record.length);
    uint8_t *data;

    if (rv != 0) {
        return rv;
    }
    data = wal->batch.data + wal->batch.len;
    craft_store64(data + CRAFT_WAL_RECORD_LEN, wal->life);
    craft_wal_record_finish(&record, wal->active.seed ^ group->end, data);
    wal->batch.len += record.length;
    group->end += record.length;
    group->check = record.check;
    return 0;
}

/* Encode records until there is a reason to stop. */
static int group_fill(struct craft_wal *wal, struct group *group)
{
    const struct craft_wal_active *active = &wal->active;
    int rv = 0;

    wal->batch.len = 0;
    group->taken = 0;
    group->start = active->position;
    group->end = active->position;
    group->check = active->check;
    group->has_base = 0;
    if (!active->begun) {
        rv = group_begin(wal, group);
    }
    if (rv == 0 && !active->lived) {
        rv = group_live(wal, group);
    }
    if (rv != 0) {
        return rv;
    }
    while (group->taken < group->records_len) {
        if (group->taken == CRAFT_WAL_GROUP_RECORDS ||
            wal->batch.len >= CRAFT_WAL_BATCH_BYTES) {
            return GROUP_FULL;
        }
        rv = group_take(wal, group);
        if (rv != 0) {
            return rv;
        }
        group->taken++;
    }
    return GROUP_ALL;
}

/*
 * Write the batch at `start`. When there was no room for it, what was written
 * of it is made zeroes again, durably: left there, its later records would be
 * found by recovery behind those that take its place.
 */
static int batch_write(struct craft_wal *wal, uint32_t start)
{
    const struct craft_wal_file *file = &wal->active.file;
    int rv =
        craft_wal_file_write(wal, file, wal->batch.data, wal->batch.len, start);
    if (rv == 0) {
        return 0;
    }
    if (rv != CRAFT_WAL_ERR_NOSPACE ||
        craft_wal_file_zero(wal, file, start, start + wal->batch.len) != 0 ||
        craft_wal_file_sync(wal, file, 0) != 0) {
        return craft_wal_fail(wal, CRAFT_WAL_ERR_IO);
    }
    return rv;
}

/* Let readers see what was written. */
static void group_publish(struct craft_wal *wal, const struct group *group)
{
    struct craft_wal_shared *shared = &wal->shared;

    (void)pthread_mutex_lock(&wal->mutex);
    for (size_t i = 0; i < group->taken; i++) {
        const struct craft_wal_step *step = &group->steps[i];
        struct craft_wal_place place = {
            .sequence = wal->active.sequence,
            .offset = group->offsets[i],
        };

        craft_wal_index_step(&shared->index, step, &place);
        if (step->restarted || step->flags & CRAFT_WAL_RECORD_TRUNCATE) {
            shared->generation++;
        }
    }
    if (group->has_base) {
        struct craft_wal_buffer base = shared->base;

        shared->base = wal->base_next;
        wal->base_next = base;
    }
    shared->state = group->state;
    shared->end = group->end;
    shared->empty = 0;
    shared->records += group->taken;
    shared->bytes += group->end - group->start;
    (void)pthread_mutex_unlock(&wal->mutex);
}

static int group_write(struct craft_wal *wal, const struct group *group)
{
    int rv;

    if (group->taken == 0 || group->offsets[0] == group->end) {
        return 0; /* nothing but records without meaning */
    }
    rv = batch_write(wal, group->start);
    if (rv != 0) {
        return rv;
    }
    wal->active.begun = 1;
    wal->active.lived = 1;
    wal->active.end = group->end;
    wal->active.position = group->end;
    wal->active.check = group->check;
    group_publish(wal, group);
    return 0;
}

/* ------------------------------------------------------------------- roll */

/* The last record of a segment: all of it is on the disk before the next one
 * takes its first. */
static int segment_seal(struct craft_wal *wal)
{
    struct craft_wal_active *active = &wal->active;
    struct craft_wal_record record = {
        .prev = active->check,
        .length = CRAFT_WAL_RECORD_LEN,
        .synced = active->synced,
        .flags = CRAFT_WAL_RECORD_SEAL,
        .group = wal->group,
    };
    int rv;

    CRAFT_ASSERT(wal->batch.cap >= record.length); /* it had records */
    craft_wal_record_finish(&record, active->seed ^ active->position,
                            wal->batch.data);
    wal->batch.len = record.length;
    rv = batch_write(wal, active->position);
    if (rv != 0) {
        return rv;
    }
    active->end = active->position + record.length;
    active->check = record.check;
    active->sealed = 1;
    return craft_wal_sync(wal);
}

/* The sealed segment makes way for the one prepared; under helper. */
static void segment_switch(struct craft_wal *wal)
{
    struct craft_wal_active *active = &wal->active;

    craft_wal_file_close(wal, &active->file);
    active->file = wal->next.file;
    wal->next.file.handle = CRAFT_WAL_NO_FILE;
    active->sequence++;
    active->seed = craft_wal_seed(wal->store_id, active->sequence);
    active->prev_end = active->end;
    active->prev_check = active->check;
    active->size = wal->next.size;
    active->end = 0;
    active->position = 0;
    active->synced = 0;
    active->begun = 0;
    active->sealed = 0;
    (void)pthread_mutex_lock(&wal->mutex);
    wal->shared.sequence = active->sequence;
    wal->shared.size = active->size;
    wal->shared.end = 0;
    wal->shared.prepared = 0;
    (void)pthread_mutex_unlock(&wal->mutex);
}

/* The segment in use has no record yet, and is too small for its first. */
static int segment_grow(struct craft_wal *wal, uint32_t size)
{
    struct craft_wal_active *active = &wal->active;
    int rv = craft_wal_file_zero(wal, &active->file, active->size, size);

    if (rv == 0) {
        rv = craft_wal_file_sync(wal, &active->file, 1);
        if (rv != 0) {
            return craft_wal_fail(wal, CRAFT_WAL_ERR_IO);
        }
        active->size = size;
    }
    return rv; /* left longer than its header will say: that does no harm */
}

/* Go on in the next segment, with room for a record of len bytes. */
static int segment_roll(struct craft_wal *wal, uint32_t len)
{
    struct craft_wal_active *active = &wal->active;
    int rv = 0;

    if (!active->begun) {
        return segment_grow(wal, size_for(wal, len));
    }
    /* See craft_wal_prepare(): no file may follow before. */
    if (active->synced == 0) {
        rv = craft_wal_sync(wal);
    }
    if (rv != 0) {
        return rv;
    }
    (void)pthread_mutex_lock(&wal->helper);
    if (wal->next.file.handle == CRAFT_WAL_NO_FILE) {
        /* There is no helper, or no space: this may make some. */
        (void)craft_wal_segments_drop(wal);
    }
    rv = craft_wal_segment_ensure_next(wal, active->sequence,
                                       size_for(wal, len));
    if (rv == 0 && !active->sealed) {
        rv = segment_seal(wal);
    }
    if (rv == 0) {
        segment_switch(wal);
    }
    (void)pthread_mutex_unlock(&wal->helper);
    return rv;
}

/* ----------------------------------------------------------------- public */

static int append(struct craft_wal *wal, const craft_persist *records,
                  size_t records_len, size_t *appended_len)
{
    struct group group = {.state = wal->shared.state};
    int stop;

    do {
        int rv;

        if (atomic_load(&wal->failed) != 0) {
            return CRAFT_WAL_ERR_FAILED;
        }
        group.records = records + *appended_len;
        group.records_len = records_len - *appended_len;
        rv = craft_wal_index_reserve(wal, CRAFT_WAL_GROUP_RECORDS);
        if (rv != 0) {
            return rv;
        }
        stop = group_fill(wal, &group);
        rv = group_write(wal, &group);
        if (rv != 0) {
            return rv;
        }
        *appended_len += group.taken;
        if (stop == GROUP_ROLL) {
            stop = segment_roll(wal, group.roll_len);
            if (stop == 0) {
                stop = GROUP_FULL;
            }
        }
    } while (stop > 0);
    return stop;
}

int craft_wal_append(craft_wal *wal, const craft_persist *records,
                     size_t records_len, size_t *appended_len)
{
    size_t appended = 0;
    int rv;

    if (wal == NULL || wal->read_only || (records == NULL && records_len > 0)) {
        rv = CRAFT_WAL_ERR_INVALID;
    } else {
        rv = append(wal, records, records_len, &appended);
    }
    if (appended_len != NULL) {
        *appended_len = appended;
    }
    return rv;
}

/* Each segment begins with all there was before it but the entries. So what is
 * needed begins with that of the first entry; only a compaction changes it. */
void craft_wal_needed_find(struct craft_wal *wal)
{
    struct craft_wal_shared *shared = &wal->shared;
    const struct craft_wal_state *state = &shared->state;
    craft_index limit;

    if (state->gone_index == wal->needed_for) {
        return;
    }
    wal->needed_for = state->gone_index;
    shared->needed = wal->active.sequence;
    if (state->gone_index < state->last_index) {
        shared->needed =
            craft_wal_index_find(&shared->index, state->gone_index + 1, &limit)
                ->sequence;
    }
}

int craft_wal_sync(craft_wal *wal)
{
    struct craft_wal_active *active;
    struct craft_wal_shared *shared;
    unsigned wants = CRAFT_WAL_WANTS_MARK;

    if (wal == NULL || wal->read_only) {
        return CRAFT_WAL_ERR_INVALID;
    }
    if (atomic_load(&wal->failed) != 0) {
        return CRAFT_WAL_ERR_FAILED;
    }
    active = &wal->active;
    if (active->end == active->synced) {
        return 0;
    }
    if (craft_wal_file_sync(wal, &active->file, 0) != 0) {
        return craft_wal_fail(wal, CRAFT_WAL_ERR_IO);
    }
    active->synced = active->end;
    active->position = craft_wal_align(active->end);
    shared = &wal->shared;
    (void)pthread_mutex_lock(&wal->mutex);
    shared->durable.sequence = active->sequence;
    shared->durable.offset = active->end;
    shared->durable.check = active->check;
    shared->durable.last_index = shared->state.last_index;
    shared->syncs++;
    craft_wal_needed_find(wal);
    if (!shared->prepared || shared->oldest < shared->needed) {
        wants |= CRAFT_WAL_WANTS_PREPARE;
    }
    (void)pthread_mutex_unlock(&wal->mutex);
    (void)atomic_fetch_or(&wal->wants, wants);
    return 0;
}
