/*
 * What the tests of the codec share: one golden message of each kind, seeded
 * random messages, comparison field by field.
 */
#ifndef CRAFT_TEST_CODEC_H
#define CRAFT_TEST_CODEC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/codec.h"

enum {
    GOLDEN_BYTES_MAX = 256,
    RANDOM_ENTRIES_MAX = 12,
    RANDOM_DATA_MAX = 40,
    RANDOM_BYTES_MAX = CODEC_APPEND_LEN +
                       RANDOM_ENTRIES_MAX * (CODEC_ENTRY_LEN + RANDOM_DATA_MAX)
};

enum golden {
    GOLDEN_VOTE,
    GOLDEN_VOTE_REPLY,
    GOLDEN_HEARTBEAT,
    GOLDEN_APPEND,
    GOLDEN_APPEND_FIRST,
    GOLDEN_ACCEPTED,
    GOLDEN_REJECTED,
    GOLDEN_PRE_VOTE,
    GOLDEN_PRE_VOTE_REPLY,
    GOLDEN_TIMEOUT_NOW,
    GOLDEN_READ,
    GOLDEN_READ_REPLY,
    GOLDEN_SNAPSHOT,
    GOLDEN_SNAPSHOT_OFFER,
    GOLDEN_SNAPSHOT_REPLY,
    GOLDEN_FORWARD,
    GOLDEN_FORWARD_OPEN,
    GOLDEN_FORWARD_OPENED,
    GOLDEN_FORWARD_TAKEN,
    GOLDEN_FORWARD_REFUSED,
    GOLDEN_COUNT
};

/* As docs/wire-format.md says; written down, not computed by this library. */
static const char *const golden_hex[GOLDEN_COUNT] = {
    [GOLDEN_VOTE] =
        "0101500000000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0a00000000000000 "
        "0400000000000000 0000000000000000",
    [GOLDEN_VOTE_REPLY] =
        "0102400000000000 0700000000000000 0200000000000000 8877665544332211 "
        "0100000000000000 0500000000000000 0900000000000000 0100000000000000",
    [GOLDEN_HEARTBEAT] =
        "0103580000000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0a00000000000000 "
        "0400000000000000 0800000000000000 0000000000000000",
    [GOLDEN_APPEND] =
        "0103580040000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0a00000000000000 "
        "0400000000000000 0800000000000000 0300000000000000 0400000000000000 "
        "0100000005000000 68656c6c6f000000 0500000000000000 0200000000000000 "
        "0500000000000000 0300000008000000 6372616674636667",
    [GOLDEN_APPEND_FIRST] =
        "0103580020000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0000000000000000 "
        "0000000000000000 0000000000000000 0100000000000000 0100000000000000 "
        "0300000009000000 0102030405060708 0900000000000000",
    [GOLDEN_ACCEPTED] =
        "0104680000000000 0700000000000000 0200000000000000 8877665544332211 "
        "0100000000000000 0500000000000000 0900000000000000 00000000f4010000 "
        "0d00000000000000 0000000000000000 0000000000000000 0000000000000000 "
        "0300000000000000",
    [GOLDEN_REJECTED] =
        "0104680000000000 0700000000000000 0200000000000000 8877665544332211 "
        "0100000000000000 0500000000000000 0900000000000000 0100000000000000 "
        "0000000000000000 0a00000000000000 0600000000000000 0300000000000000 "
        "0000000000000000",
    [GOLDEN_PRE_VOTE] =
        "0105500000000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0a00000000000000 "
        "0400000000000000 0000000000000000",
    [GOLDEN_PRE_VOTE_REPLY] =
        "0106400000000000 0700000000000000 0200000000000000 8877665544332211 "
        "0100000000000000 0500000000000000 0900000000000000 0100000000000000",
    [GOLDEN_TIMEOUT_NOW] =
        "0107480000000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0a00000000000000 "
        "0400000000000000",
    [GOLDEN_READ] =
        "0108400000000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 2100000000000000",
    [GOLDEN_READ_REPLY] =
        "0109480000000000 0700000000000000 0200000000000000 8877665544332211 "
        "0100000000000000 0500000000000000 0900000000000000 2100000000000000 "
        "0a00000000000000",
    [GOLDEN_SNAPSHOT] =
        "010a680018000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0a00000000000000 "
        "0400000000000000 0020000000000000 efcdab8967452301 0010000000000000 "
        "0900000005000000 6372616674636667 3100000000000000 7374617465000000",
    [GOLDEN_SNAPSHOT_OFFER] =
        "010a680010000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0a00000000000000 "
        "0400000000000000 0020000000000000 efcdab8967452301 0000000000000000 "
        "0900000000000000 6372616674636667 3100000000000000",
    [GOLDEN_SNAPSHOT_REPLY] =
        "010b600000000000 0700000000000000 0200000000000000 8877665544332211 "
        "0100000000000000 0500000000000000 0900000000000000 0a00000000000000 "
        "0400000000000000 0510000000000000 0010000000000000 0100000000000000",
    [GOLDEN_FORWARD] =
        "010c500020000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0300000000000000 "
        "2100000000000000 0300000000000000 0500000000000000 68656c6c6f000000 "
        "0000000000000000 0000000000000000",
    [GOLDEN_FORWARD_OPEN] =
        "010c500000000000 0700000000000000 0100000000000000 8877665544332211 "
        "0200000000000000 0500000000000000 0900000000000000 0000000000000000 "
        "2100000000000000 0000000000000000",
    [GOLDEN_FORWARD_OPENED] =
        "010d680000000000 0700000000000000 0200000000000000 8877665544332211 "
        "0100000000000000 0500000000000000 0900000000000000 0100000000000000 "
        "0300000000000000 2100000000000000 0000000000000000 2000000000000000 "
        "0000000000000000",
    [GOLDEN_FORWARD_TAKEN] =
        "010d680000000000 0700000000000000 0200000000000000 8877665544332211 "
        "0100000000000000 0500000000000000 0900000000000000 0200000003000000 "
        "0300000000000000 2100000000000000 0a00000000000000 0000000000000000 "
        "0000000000000000",
    [GOLDEN_FORWARD_REFUSED] =
        "010d680000000000 0700000000000000 0200000000000000 8877665544332211 "
        "0100000000000000 0500000000000000 0900000000000000 0300000000000000 "
        "0300000000000000 2100000000000000 0000000000000000 0000000000000000 "
        "ca00000000000000",
};

static inline uint8_t hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The bytes of a golden message, and how many. */
static inline size_t golden_bytes(enum golden which, uint8_t *bytes)
{
    size_t len = 0;

    for (const char *hex = golden_hex[which]; *hex != '\0'; hex++) {
        if (*hex != ' ') {
            bytes[len++] =
                (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
            hex++;
        }
    }
    assert_true(len <= GOLDEN_BYTES_MAX);
    return len;
}

static inline craft_message golden_header(uint32_t kind, craft_id from,
                                          craft_id to)
{
    craft_message message;

    memset(&message, 0, sizeof message);
    message.struct_size = (uint32_t)sizeof message;
    message.kind = kind;
    message.group = 7;
    message.from = from;
    message.from_incarnation = 0x1122334455667788u;
    message.to = to;
    message.term = 5;
    message.round = 9;
    return message;
}

static inline craft_entry make_entry(craft_index index, craft_term term,
                                     uint32_t kind, const void *data,
                                     size_t data_len)
{
    craft_entry entry;

    memset(&entry, 0, sizeof entry);
    entry.index = index;
    entry.term = term;
    entry.kind = kind;
    entry.data = data;
    entry.data_len = data_len;
    return entry;
}

/* Those of a number or two. */
static inline craft_message golden_short(enum golden which)
{
    craft_message message;

    if (which == GOLDEN_TIMEOUT_NOW) {
        message = golden_header(CRAFT_MESSAGE_TIMEOUT_NOW, 1, 2);
        message.as.timeout_now.last_index = 10;
        message.as.timeout_now.last_term = 4;
    } else if (which == GOLDEN_READ) {
        message = golden_header(CRAFT_MESSAGE_READ, 1, 2);
        message.as.read.question = 33;
    } else {
        message = golden_header(CRAFT_MESSAGE_READ_REPLY, 2, 1);
        message.as.read_reply.question = 33;
        message.as.read_reply.index = 10;
    }
    return message;
}

/* Of a snapshot. */
static inline craft_message golden_part(enum golden which)
{
    craft_message message;

    if (which == GOLDEN_SNAPSHOT_REPLY) {
        message = golden_header(CRAFT_MESSAGE_SNAPSHOT_REPLY, 2, 1);
        message.as.snapshot_reply.index = 10;
        message.as.snapshot_reply.term = 4;
        message.as.snapshot_reply.offset = 0x1005;
        message.as.snapshot_reply.written = 0x1000;
        message.as.snapshot_reply.gap = 1;
        return message;
    }
    message = golden_header(CRAFT_MESSAGE_SNAPSHOT, 1, 2);
    message.as.snapshot.index = 10;
    message.as.snapshot.term = 4;
    message.as.snapshot.size = 0x2000;
    message.as.snapshot.digest = 0x0123456789abcdef;
    message.as.snapshot.configuration = (const uint8_t *)"craftcfg1";
    message.as.snapshot.configuration_len = 9;
    if (which == GOLDEN_SNAPSHOT) {
        message.as.snapshot.offset = 0x1000;
        message.as.snapshot.data = (const uint8_t *)"state";
        message.as.snapshot.data_len = 5;
    }
    return message;
}

static inline craft_message golden_forward(enum golden which,
                                           craft_entry *entries)
{
    craft_message message = golden_header(CRAFT_MESSAGE_FORWARD, 1, 2);

    message.as.forward.number = 33;
    if (which == GOLDEN_FORWARD) {
        entries[0] = make_entry(0, 0, CRAFT_ENTRY_COMMAND, "hello", 5);
        entries[1] = make_entry(0, 0, CRAFT_ENTRY_COMMAND, NULL, 0);
        entries[2] = make_entry(0, 0, CRAFT_ENTRY_COMMAND, NULL, 0);
        message.as.forward.session = 3;
        message.as.forward.entries = entries;
        message.as.forward.entries_len = 3;
    }
    return message;
}

static inline craft_message golden_forward_reply(enum golden which)
{
    craft_message message = golden_header(CRAFT_MESSAGE_FORWARD_REPLY, 2, 1);
    craft_forward_reply *reply = &message.as.forward_reply;

    reply->session = 3;
    reply->number = 33;
    if (which == GOLDEN_FORWARD_OPENED) {
        reply->verdict = CRAFT_FORWARD_OPENED;
        reply->closed = 32;
    } else if (which == GOLDEN_FORWARD_TAKEN) {
        reply->verdict = CRAFT_FORWARD_TAKEN;
        reply->count = 3;
        reply->index = 10;
    } else {
        reply->verdict = CRAFT_FORWARD_REFUSED;
        reply->reason = 202;
    }
    return message;
}

static inline craft_message golden_forwarded(enum golden which,
                                             craft_entry *entries)
{
    return which > GOLDEN_FORWARD_OPEN ? golden_forward_reply(which)
                                       : golden_forward(which, entries);
}

/* The message of a golden vector; entries: at least 3. */
static inline craft_message golden_message(enum golden which,
                                           craft_entry *entries)
{
    craft_message message;

    if (which >= GOLDEN_FORWARD) {
        return golden_forwarded(which, entries);
    }
    switch (which) {
    case GOLDEN_VOTE:
    case GOLDEN_PRE_VOTE:
        message = golden_header(which == GOLDEN_VOTE ? CRAFT_MESSAGE_VOTE
                                                     : CRAFT_MESSAGE_PRE_VOTE,
                                1, 2);
        message.as.vote.last_index = 10;
        message.as.vote.last_term = 4;
        return message;
    case GOLDEN_VOTE_REPLY:
    case GOLDEN_PRE_VOTE_REPLY:
        message = golden_header(CRAFT_MESSAGE_VOTE_REPLY, 2, 1);
        message.kind += which == GOLDEN_PRE_VOTE_REPLY ? 4u : 0u;
        message.as.vote_reply.granted = 1;
        return message;
    case GOLDEN_TIMEOUT_NOW:
    case GOLDEN_READ:
    case GOLDEN_READ_REPLY:
        return golden_short(which);
    case GOLDEN_SNAPSHOT:
    case GOLDEN_SNAPSHOT_OFFER:
    case GOLDEN_SNAPSHOT_REPLY:
        return golden_part(which);
    case GOLDEN_ACCEPTED:
        message = golden_header(CRAFT_MESSAGE_APPEND_REPLY, 2, 1);
        message.as.append_reply.promise_ms = 500;
        message.as.append_reply.match_index = 13;
        message.as.append_reply.priority = 3;
        return message;
    case GOLDEN_REJECTED:
        message = golden_header(CRAFT_MESSAGE_APPEND_REPLY, 2, 1);
        message.as.append_reply.rejected = 1;
        message.as.append_reply.rejected_index = 10;
        message.as.append_reply.hint_index = 6;
        message.as.append_reply.hint_term = 3;
        return message;
    case GOLDEN_APPEND_FIRST:
        message = golden_header(CRAFT_MESSAGE_APPEND, 1, 2);
        entries[0] = make_entry(1, 1, CRAFT_ENTRY_CONFIGURATION,
                                "\1\2\3\4\5\6\7\10\11", 9);
        message.as.append.entries = entries;
        message.as.append.entries_len = 1;
        return message;
    default:
        message = golden_header(CRAFT_MESSAGE_APPEND, 1, 2);
        message.as.append.prev_index = 10;
        message.as.append.prev_term = 4;
        message.as.append.commit = 8;
        if (which == GOLDEN_HEARTBEAT) {
            return message;
        }
        entries[0] = make_entry(11, 4, CRAFT_ENTRY_COMMAND, "hello", 5);
        entries[1] = make_entry(12, 5, CRAFT_ENTRY_NOOP, NULL, 0);
        entries[2] =
            make_entry(13, 5, CRAFT_ENTRY_CONFIGURATION, "craftcfg", 8);
        message.as.append.entries = entries;
        message.as.append.entries_len = 3;
        return message;
    }
}

/* splitmix64: the same sequence everywhere. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 .. limit - 1 */
static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return random_next(state) % limit;
}

/* 1 .. limit - 1, of any magnitude, the ends often. */
static inline uint64_t random_number(uint64_t *state, uint64_t limit)
{
    uint64_t value = random_next(state) >> random_below(state, 64);

    switch (random_below(state, 8)) {
    case 0:
        return 1;
    case 1:
        return limit - 1;
    default:
        return value % (limit - 1) + 1;
    }
}

/* Sometimes 0 for both: the beginning of the log. */
static inline void random_place(uint64_t *state, craft_index *index,
                                craft_term *term, craft_term term_max)
{
    if (random_below(state, 5) == 0) {
        *index = 0;
        *term = 0;
        return;
    }
    *index = random_number(state, CRAFT_NUMBER_MAX - RANDOM_ENTRIES_MAX);
    *term = random_number(state, term_max + 1);
}

static inline void random_append(uint64_t *state, craft_message *message,
                                 craft_entry *entries, const uint8_t *data)
{
    craft_append *append = &message->as.append;
    craft_term term;

    random_place(state, &append->prev_index, &append->prev_term, message->term);
    append->commit = random_number(state, CRAFT_NUMBER_MAX) - 1;
    append->entries_len = (size_t)random_below(state, RANDOM_ENTRIES_MAX + 1);
    append->entries = append->entries_len > 0 ? entries : NULL;
    term = append->prev_term > 0 ? append->prev_term : 1;
    for (size_t i = 0; i < append->entries_len; i++) {
        term += random_below(state, message->term - term + 1) /
                (1 + random_below(state, 9));
        entries[i] = make_entry(
            append->prev_index + 1 + i, term, (uint32_t)random_number(state, 4),
            data, (size_t)random_below(state, RANDOM_DATA_MAX + 1));
        entries[i].token = random_next(state);
        data += entries[i].data_len;
    }
}

static inline void random_part(uint64_t *state, craft_message *message,
                               const uint8_t *data)
{
    craft_snapshot_part *part = &message->as.snapshot;

    part->index = random_number(state, CRAFT_NUMBER_MAX - 1);
    part->term = random_number(state, message->term + 1);
    part->size = random_number(state, CRAFT_NUMBER_MAX);
    part->digest = random_next(state);
    part->configuration = data;
    part->configuration_len = 1 + (size_t)random_below(state, RANDOM_DATA_MAX);
    part->data_len = (size_t)random_below(state, RANDOM_DATA_MAX + 1);
    if (part->data_len > part->size) {
        part->data_len = 0;
    }
    part->offset = random_below(state, part->size - part->data_len + 1);
    part->data = part->data_len > 0 ? data + RANDOM_DATA_MAX : NULL;
}

static inline void random_part_reply(uint64_t *state, craft_message *message)
{
    craft_snapshot_reply *reply = &message->as.snapshot_reply;

    reply->index = random_number(state, CRAFT_NUMBER_MAX);
    reply->term = random_number(state, message->term + 1);
    reply->offset = random_number(state, CRAFT_NUMBER_MAX);
    reply->written = random_below(state, reply->offset + 1);
    reply->gap = (uint32_t)random_below(state, 2);
}

static inline void random_forward(uint64_t *state, craft_forward *forward,
                                  craft_entry *entries, const uint8_t *data)
{
    forward->session = random_number(state, CRAFT_NUMBER_MAX);
    forward->number = random_number(state, CRAFT_NUMBER_MAX / 2);
    forward->entries_len = (size_t)random_below(state, RANDOM_ENTRIES_MAX + 1);
    forward->entries = forward->entries_len > 0 ? entries : NULL;
    for (size_t i = 0; i < forward->entries_len; i++) {
        entries[i] =
            make_entry(0, 0, CRAFT_ENTRY_COMMAND, data,
                       (size_t)random_below(state, RANDOM_DATA_MAX + 1));
        entries[i].token = random_next(state);
        data += entries[i].data_len;
    }
}

static inline void random_forward_reply(uint64_t *state,
                                        craft_forward_reply *reply)
{
    reply->verdict = (uint32_t)random_number(state, 4);
    reply->session = random_number(state, CRAFT_NUMBER_MAX);
    reply->number = random_number(state, CRAFT_NUMBER_MAX / 2);
    if (reply->verdict == CRAFT_FORWARD_TAKEN) {
        reply->count = (uint32_t)random_number(state, UINT32_MAX);
        reply->index = random_number(state, CRAFT_NUMBER_MAX / 2);
    } else if (reply->verdict == CRAFT_FORWARD_OPENED) {
        reply->closed = random_below(state, CRAFT_NUMBER_MAX);
    } else {
        reply->reason =
            (uint32_t)random_below(state, CRAFT_FORWARD_REASON_MAX + 1);
    }
}

/*
 * A message that a correct server may send. entries: RANDOM_ENTRIES_MAX;
 * data: RANDOM_ENTRIES_MAX * RANDOM_DATA_MAX bytes for them to point into.
 */
static inline void random_message(uint64_t *state, craft_message *message,
                                  craft_entry *entries, const uint8_t *data)
{
    craft_append_reply *reply = &message->as.append_reply;

    *message = golden_header(
        (uint32_t)random_number(state, CRAFT_MESSAGE_KIND_END), 1, 2);
    message->group = random_next(state);
    message->from_incarnation = random_next(state);
    message->from = random_number(state, CRAFT_NUMBER_MAX - 1);
    message->to = message->from + 1;
    message->term = random_number(state, CRAFT_NUMBER_MAX);
    message->round = random_number(state, CRAFT_NUMBER_MAX) - 1;
    switch (message->kind) {
    case CRAFT_MESSAGE_READ:
        message->as.read.question = random_number(state, CRAFT_NUMBER_MAX);
        break;
    case CRAFT_MESSAGE_READ_REPLY:
        message->as.read_reply.question =
            random_number(state, CRAFT_NUMBER_MAX);
        message->as.read_reply.index = random_number(state, CRAFT_NUMBER_MAX);
        break;
    case CRAFT_MESSAGE_FORWARD:
        random_forward(state, &message->as.forward, entries, data);
        break;
    case CRAFT_MESSAGE_FORWARD_REPLY:
        random_forward_reply(state, &message->as.forward_reply);
        break;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        message->as.timeout_now.last_index = random_number(state, 1000);
        message->as.timeout_now.last_term =
            random_number(state, message->term + 1);
        break;
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        random_place(state, &message->as.vote.last_index,
                     &message->as.vote.last_term, message->term);
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        message->as.vote_reply.granted = (uint32_t)random_below(state, 2);
        break;
    case CRAFT_MESSAGE_APPEND:
        random_append(state, message, entries, data);
        break;
    case CRAFT_MESSAGE_SNAPSHOT:
        random_part(state, message, data);
        break;
    case CRAFT_MESSAGE_SNAPSHOT_REPLY:
        random_part_reply(state, message);
        break;
    default:
        reply->rejected = (uint32_t)random_below(state, 2);
        reply->priority = (uint32_t)random_next(state);
        reply->match_index = random_number(state, CRAFT_NUMBER_MAX) - 1;
        reply->rejected_index = random_number(state, CRAFT_NUMBER_MAX) - 1;
        random_place(state, &reply->hint_index, &reply->hint_term,
                     message->term);
        break;
    }
}

static inline void assert_entries_equal(const craft_entry *got,
                                        const craft_entry *want, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(got[i].index, want[i].index);
        assert_int_equal(got[i].term, want[i].term);
        assert_int_equal(got[i].token, 0);
        assert_int_equal(got[i].kind, want[i].kind);
        assert_int_equal(got[i].reserved, 0);
        assert_int_equal(got[i].data_len, want[i].data_len);
        if (want[i].data_len > 0) {
            assert_memory_equal(got[i].data, want[i].data, want[i].data_len);
        }
    }
}

/* Equal in all that travels; what does not must be zero. */
static inline void assert_messages_equal(const craft_message *got,
                                         const craft_message *want)
{
    craft_message a = *got;
    craft_message b = *want;

    if (want->kind == CRAFT_MESSAGE_APPEND) {
        assert_int_equal(got->as.append.entries_len,
                         want->as.append.entries_len);
        assert_int_equal(got->as.append.entries == NULL,
                         got->as.append.entries_len == 0);
        assert_entries_equal(got->as.append.entries, want->as.append.entries,
                             want->as.append.entries_len);
        a.as.append.entries = NULL;
        b.as.append.entries = NULL;
    }
    if (want->kind == CRAFT_MESSAGE_SNAPSHOT) {
        const craft_snapshot_part *part = &got->as.snapshot;

        assert_int_equal(part->configuration_len,
                         want->as.snapshot.configuration_len);
        assert_memory_equal(part->configuration,
                            want->as.snapshot.configuration,
                            part->configuration_len);
        assert_int_equal(part->data_len, want->as.snapshot.data_len);
        assert_int_equal(part->data == NULL, part->data_len == 0);
        if (part->data_len > 0) {
            assert_memory_equal(part->data, want->as.snapshot.data,
                                part->data_len);
        }
        a.as.snapshot.configuration = NULL;
        b.as.snapshot.configuration = NULL;
        a.as.snapshot.data = NULL;
        b.as.snapshot.data = NULL;
    }
    if (want->kind == CRAFT_MESSAGE_FORWARD) {
        assert_int_equal(got->as.forward.entries_len,
                         want->as.forward.entries_len);
        assert_int_equal(got->as.forward.entries == NULL,
                         got->as.forward.entries_len == 0);
        assert_entries_equal(got->as.forward.entries, want->as.forward.entries,
                             want->as.forward.entries_len);
        a.as.forward.entries = NULL;
        b.as.forward.entries = NULL;
    }
    /* Every other byte is a field, on every target: there is no padding. */
    assert_memory_equal(&a, &b, sizeof a);
}

#endif
