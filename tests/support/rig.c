#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "members/members.h"

static uint8_t rig_bytes[1 << 20];

struct rig *rig_new(craft_id id)
{
    struct rig *rig = calloc(1, sizeof *rig);

    assert_non_null(rig);
    rig->text = calloc(1, RIG_TEXT_MAX);
    rig->told = calloc(1, RIG_TEXT_MAX);
    assert_non_null(rig->text);
    assert_non_null(rig->told);
    craft_config_init(&rig->config, sizeof rig->config);
    rig->config.flags = 0; /* what keeps a leader is switched on by its tests */
    rig->config.id = id;
    rig->config.group = 7;
    rig->config.seed = 1;
    rig->config.allocator = test_memory_allocator(&rig->memory);
    return rig;
}

int rig_open(struct rig *rig)
{
    return craft_node_new(&rig->config, NULL, NULL, &rig->node);
}

void rig_found(struct rig *rig, size_t voters)
{
    craft_member members[CRAFT_MEMBERS_MAX];

    memset(members, 0, sizeof members);
    for (size_t i = 0; i < voters; i++) {
        members[i].id = i + 1;
        members[i].role = CRAFT_MEMBER_VOTER;
    }
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_bootstrap(rig->node, members, voters), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
}

void rig_lead(struct rig *rig, size_t voters)
{
    rig_found(rig, voters);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    for (craft_id id = 1; id <= voters; id++) {
        craft_message reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, id,
                                          rig_status(rig).term);

        reply.as.vote_reply.granted = 1;
        if (id != rig->config.id) {
            assert_int_equal(craft_receive(rig->node, &reply), 0);
            rig_run(rig);
        }
    }
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
}

void rig_free(struct rig *rig)
{
    if (rig->node != NULL) {
        assert_null(craft_check(rig->node));
        craft_node_free(rig->node);
    }
    assert_int_equal(rig->memory.blocks, 0);
    for (craft_index i = 0; i <= RIG_ENTRIES_MAX; i++) {
        free(rig->disk[i].data);
    }
    free(rig->text);
    free(rig->told);
    free(rig);
}

/* ------------------------------------------------------------------- disk */

static void disk_write(struct rig *rig, const craft_entry *entry)
{
    struct rig_stored *stored = &rig->disk[entry->index];

    assert_true(entry->index == rig->disk_last + 1);
    assert_true(entry->index <= RIG_ENTRIES_MAX);
    free(stored->data);
    stored->term = entry->term;
    stored->kind = entry->kind;
    stored->data_len = entry->data_len;
    stored->data = malloc(entry->data_len + 1);
    assert_non_null(stored->data);
    if (entry->data_len > 0) {
        memcpy(stored->data, entry->data, entry->data_len);
    }
    rig->disk_last = entry->index;
}

static void disk_record(struct rig *rig, const craft_persist *record)
{
    rig->ticket = record->ticket;
    if ((record->flags & CRAFT_PERSIST_HARD_STATE) != 0) {
        rig->disk_term = record->term;
        rig->disk_voted_for = record->voted_for;
    }
    if ((record->flags & CRAFT_PERSIST_TRUNCATE) != 0) {
        assert_true(record->truncate_from <= rig->disk_last);
        rig->disk_last = record->truncate_from - 1;
    }
    if ((record->flags & CRAFT_PERSIST_SNAPSHOT) != 0 &&
        rig->disk_last < record->snapshot->index) {
        rig->disk_last = record->snapshot->index;
    }
    for (size_t i = 0; i < record->entries_len; i++) {
        disk_write(rig, &record->entries[i]);
    }
}

/* ---------------------------------------------------------------- effects */

static void effect_tell(struct rig *rig)
{
    size_t room = RIG_TEXT_MAX - rig->text_len;

    if (rig->effect.kind == CRAFT_EFFECT_EVENT && !rig->tell_events) {
        return;
    }
    rig->text_len +=
        craft_describe_effect(&rig->effect, rig->text + rig->text_len, room);
    assert_true(rig->text_len < RIG_TEXT_MAX - 1);
    rig->text[rig->text_len] = '\n';
    rig->text_len++;
    rig->text[rig->text_len] = '\0';
}

static void effect_note(struct rig *rig)
{
    const craft_effect *effect = &rig->effect;

    switch (effect->kind) {
    case CRAFT_EFFECT_PERSIST:
        disk_record(rig, effect->persist);
        break;
    case CRAFT_EFFECT_APPLY:
        rig->apply_last = effect->entries[effect->entries_len - 1].index;
        rig->applied += effect->entries_len;
        break;
    case CRAFT_EFFECT_FETCH:
        rig->fetch_ticket = effect->fetch->ticket;
        rig->fetch_first = effect->fetch->first;
        rig->fetch_max = effect->fetch->entries_max;
        break;
    case CRAFT_EFFECT_SNAPSHOT_READ:
        rig->read_ticket = effect->snapshot_read->ticket;
        rig->read_max = effect->snapshot_read->bytes_max;
        break;
    case CRAFT_EFFECT_SNAPSHOT_WRITE:
        rig->write_ticket = effect->snapshot_write->ticket;
        rig->write_end =
            effect->snapshot_write->offset + effect->snapshot_write->data_len;
        break;
    case CRAFT_EFFECT_INSTALL:
        rig->apply_last = effect->snapshot->index;
        break;
    default:
        break;
    }
}

uint32_t rig_pull(struct rig *rig)
{
    int rv;

    rig->effect.struct_size = sizeof rig->effect;
    rig->memory.sealed = true;
    rv = craft_next_effect(rig->node, &rig->effect);
    rig->memory.sealed = false;
    assert_in_range(rv, 0, 1);
    if (rv == 0) {
        return 0;
    }
    effect_tell(rig);
    effect_note(rig);
    return rig->effect.kind;
}

int rig_persisted(struct rig *rig)
{
    int rv;

    rig->memory.sealed = true;
    rv = craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_OK);
    rig->memory.sealed = false;
    return rv;
}

int rig_fetched(struct rig *rig)
{
    craft_entry entries[64];
    size_t len = 0;
    int rv;

    memset(entries, 0, sizeof entries);
    while (len < 64 && len < rig->fetch_max &&
           rig->fetch_first + len <= rig->disk_last) {
        const struct rig_stored *stored = &rig->disk[rig->fetch_first + len];

        entries[len].index = rig->fetch_first + len;
        entries[len].term = stored->term;
        entries[len].kind = stored->kind;
        entries[len].data = stored->data;
        entries[len].data_len = stored->data_len;
        len++;
    }
    rv = craft_fetched(rig->node, rig->fetch_ticket, entries, len,
                       CRAFT_ENDING_OK);
    if (rv == 0) {
        rig->fetch_ticket = 0;
    }
    return rv;
}

int rig_part_read(struct rig *rig, size_t len)
{
    craft_chunk chunk = {sizeof chunk, 0, rig_bytes, len};

    return craft_snapshot_read_done(rig->node, rig->read_ticket, &chunk,
                                    CRAFT_ENDING_OK);
}

int rig_part_written(struct rig *rig)
{
    int rv;

    rig->memory.sealed = true;
    rv = craft_snapshot_written(rig->node, rig->write_ticket, rig->write_end,
                                CRAFT_ENDING_OK);
    rig->memory.sealed = false;
    return rv;
}

static void effect_end(struct rig *rig, uint32_t kind)
{
    if (kind == CRAFT_EFFECT_PERSIST && !rig->slow_disk) {
        assert_int_equal(rig_persisted(rig), 0);
    } else if (kind == CRAFT_EFFECT_SNAPSHOT_READ && !rig->slow_parts) {
        assert_int_equal(rig_part_read(rig, rig->read_max), 0);
    } else if (kind == CRAFT_EFFECT_SNAPSHOT_WRITE && !rig->slow_parts) {
        assert_int_equal(rig_part_written(rig), 0);
    } else if ((kind == CRAFT_EFFECT_APPLY || kind == CRAFT_EFFECT_INSTALL) &&
               !rig->slow_machine) {
        rig->memory.sealed = true;
        assert_int_equal(
            craft_applied(rig->node, rig->apply_last, CRAFT_ENDING_OK), 0);
        rig->memory.sealed = false;
    } else if (kind == CRAFT_EFFECT_FETCH && !rig->slow_fetch) {
        assert_int_equal(rig_fetched(rig), 0);
    }
}

void rig_run(struct rig *rig)
{
    uint32_t kind = rig_pull(rig);

    while (kind != 0) {
        effect_end(rig, kind);
        assert_null(craft_check(rig->node));
        kind = rig_pull(rig);
    }
    assert_null(craft_check(rig->node));
}

const char *rig_told(struct rig *rig)
{
    memcpy(rig->told, rig->text, rig->text_len + 1);
    rig->text_len = 0;
    rig->text[0] = '\0';
    return rig->told;
}

/* ------------------------------------------------------------------- look */

craft_status rig_status(const struct rig *rig)
{
    craft_status status;

    status.struct_size = sizeof status;
    assert_int_equal(craft_node_status(rig->node, &status), 0);
    return status;
}

craft_peer_status rig_peer(const struct rig *rig, uint32_t position)
{
    craft_peer_status peer;

    peer.struct_size = sizeof peer;
    assert_int_equal(craft_node_peer(rig->node, position, &peer), 0);
    return peer;
}

/* --------------------------------------------------------------- messages */

craft_message rig_message(const struct rig *rig, uint32_t kind, craft_id from,
                          craft_term term)
{
    craft_message message;

    memset(&message, 0, sizeof message);
    message.struct_size = sizeof message;
    message.kind = kind;
    message.group = rig->config.group;
    message.from = from;
    message.to = rig->config.id;
    message.term = term;
    message.round = 1;
    return message;
}

int rig_acknowledge(struct rig *rig, craft_id from, craft_index match)
{
    craft_message reply = rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, from,
                                      rig_status(rig).term);

    reply.round = rig_status(rig).round;
    reply.as.append_reply.match_index = match;
    return craft_receive(rig->node, &reply);
}

void rig_entries(craft_entry *entries, size_t len, craft_index first,
                 craft_term term, size_t data_len)
{
    assert_true(data_len <= sizeof rig_bytes);
    memset(rig_bytes, 'x', data_len);
    memset(entries, 0, len * sizeof *entries);
    for (size_t i = 0; i < len; i++) {
        entries[i].index = first + i;
        entries[i].term = term;
        entries[i].kind = CRAFT_ENTRY_COMMAND;
        entries[i].data = data_len > 0 ? rig_bytes : NULL;
        entries[i].data_len = data_len;
    }
}

int rig_append(struct rig *rig, craft_id from, craft_term term,
               const craft_append *append)
{
    craft_message message = rig_message(rig, CRAFT_MESSAGE_APPEND, from, term);

    message.as.append = *append;
    return craft_receive(rig->node, &message);
}

size_t rig_blob(size_t voters, uint8_t *blob, size_t blob_max)
{
    craft_member members[CRAFT_MEMBERS_MAX];
    size_t len;

    memset(members, 0, sizeof members);
    for (size_t i = 0; i < voters; i++) {
        members[i].id = i + 1;
        members[i].role = CRAFT_MEMBER_VOTER;
    }
    len = craft_members_blob_len(members, voters);
    assert_true(len <= blob_max);
    craft_members_found(members, voters, blob);
    return len;
}
