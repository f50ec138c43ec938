/*
 * codec: messages as bytes and back, wire format 1 (docs/wire-format.md).
 *
 * Owns the layout of every message on the wire and what is refused there.
 * Keeps no state, allocates nothing, is never included by the core: a host
 * that carries messages in its own form leaves this room out.
 *
 * Invariants:
 *   - One message has one encoding: every byte of it is written, so encoding
 *     twice gives the same bytes, and decoding what was encoded gives the
 *     same message, tokens aside: they never leave their server.
 *   - Both directions refuse by the same rules, so that nothing is encoded
 *     that a receiver would drop.
 *   - What is decoded lies inside the bytes given. A length is compared with
 *     what is left (len > end - off), because off + len wraps.
 */
#ifndef CRAFT_CODEC_CODEC_H
#define CRAFT_CODEC_CODEC_H

#include "base/base.h"

/* The first byte. A receiver refuses any other before it reads the second. */
#define CODEC_VERSION 1u

/* Whole messages stay below this, so that a u32 can frame them. */
#define CODEC_MESSAGE_LEN_MAX UINT32_MAX

/* clang-format off */

/* Where fields stand. All of them are little-endian. */
enum codec_offset {
    /* every kind */
    CODEC_AT_VERSION = 0,           /* u8 */
    CODEC_AT_KIND = 1,              /* u8, enum craft_message_kind */
    CODEC_AT_FIXED_LEN = 2,         /* u16, of all before the body */
    CODEC_AT_BODY_LEN = 4,          /* u32, of all after the fixed part */
    CODEC_AT_GROUP = 8,             /* u64, as all fields with no remark */
    CODEC_AT_FROM = 16,
    CODEC_AT_FROM_INCARNATION = 24,
    CODEC_AT_TO = 32,
    CODEC_AT_TERM = 40,
    CODEC_AT_ROUND = 48,
    CODEC_HEADER_LEN = 56,

    CODEC_AT_VOTE_LAST_INDEX = 56,
    CODEC_AT_VOTE_LAST_TERM = 64,
    CODEC_AT_VOTE_FLAGS = 72,       /* u32, then u32 zero */
    CODEC_VOTE_LEN = 80,

    CODEC_AT_VOTE_REPLY_GRANTED = 56, /* u32, then u32 zero */
    CODEC_VOTE_REPLY_LEN = 64,

    CODEC_AT_APPEND_PREV_INDEX = 56,
    CODEC_AT_APPEND_PREV_TERM = 64,
    CODEC_AT_APPEND_COMMIT = 72,
    CODEC_AT_APPEND_ENTRIES_LEN = 80, /* u32, then u32 zero */
    CODEC_APPEND_LEN = 88,

    CODEC_AT_APPEND_REPLY_REJECTED = 56, /* u32, then u32 promise_ms */
    CODEC_AT_APPEND_REPLY_MATCH_INDEX = 64,
    CODEC_AT_APPEND_REPLY_REJECTED_INDEX = 72,
    CODEC_AT_APPEND_REPLY_HINT_INDEX = 80,
    CODEC_AT_APPEND_REPLY_HINT_TERM = 88,
    CODEC_AT_APPEND_REPLY_PRIORITY = 96, /* u32, then u32 zero */
    CODEC_APPEND_REPLY_LEN = 104,

    CODEC_AT_TIMEOUT_NOW_LAST_INDEX = 56,
    CODEC_AT_TIMEOUT_NOW_LAST_TERM = 64,
    CODEC_TIMEOUT_NOW_LEN = 72,

    CODEC_AT_READ_QUESTION = 56,
    CODEC_READ_LEN = 64,

    CODEC_AT_READ_REPLY_QUESTION = 56,
    CODEC_AT_READ_REPLY_INDEX = 64,
    CODEC_READ_REPLY_LEN = 72,

    CODEC_AT_SNAPSHOT_INDEX = 56,
    CODEC_AT_SNAPSHOT_TERM = 64,
    CODEC_AT_SNAPSHOT_SIZE = 72,
    CODEC_AT_SNAPSHOT_DIGEST = 80,
    CODEC_AT_SNAPSHOT_OFFSET = 88,
    CODEC_AT_SNAPSHOT_CONFIGURATION_LEN = 96, /* u32, then u32 data_len */
    CODEC_SNAPSHOT_LEN = 104,   /* then the configuration, then the data */

    CODEC_AT_SNAPSHOT_REPLY_INDEX = 56,
    CODEC_AT_SNAPSHOT_REPLY_TERM = 64,
    CODEC_AT_SNAPSHOT_REPLY_OFFSET = 72,
    CODEC_AT_SNAPSHOT_REPLY_WRITTEN = 80,
    CODEC_AT_SNAPSHOT_REPLY_GAP = 88,   /* u32, then u32 zero */
    CODEC_SNAPSHOT_REPLY_LEN = 96,
    CODEC_AT_FORWARD_SESSION = 56,
    CODEC_AT_FORWARD_NUMBER = 64,
    CODEC_AT_FORWARD_ENTRIES_LEN = 72, /* u32, then u32 zero */
    CODEC_FORWARD_LEN = 80,

    CODEC_AT_FORWARD_REPLY_VERDICT = 56, /* u32, then u32 count */
    CODEC_AT_FORWARD_REPLY_SESSION = 64,
    CODEC_AT_FORWARD_REPLY_NUMBER = 72,
    CODEC_AT_FORWARD_REPLY_INDEX = 80,
    CODEC_AT_FORWARD_REPLY_CLOSED = 88,
    CODEC_AT_FORWARD_REPLY_REASON = 96, /* u32, then u32 zero */
    CODEC_FORWARD_REPLY_LEN = 104,

    /* a command in the body of a forward, from its own beginning */
    CODEC_AT_COMMAND_DATA_LEN = 0,  /* u32, then u32 zero */
    CODEC_COMMAND_LEN = 8,          /* then data, zeroes to a multiple of 8 */

    /* an entry in the body of an append, from its own beginning */
    CODEC_AT_ENTRY_TERM = 0,
    CODEC_AT_ENTRY_KIND = 8,        /* u32, then u32 data_len */
    CODEC_ENTRY_LEN = 16            /* then data, zeroes to a multiple of 8 */
};

/* clang-format on */

/* The length of the fixed part this version writes, 0 for an unknown kind. */
CRAFT_INTERNAL uint32_t craft_codec_fixed_len(uint32_t kind);

/*
 * 1 when all but the entries of the message is what a correct server may
 * send. The kind is known. Looks at numbers only, not at what this server
 * knows: that is the core's check.
 */
CRAFT_INTERNAL int craft_codec_is_sound(const craft_message *message);

/* Data of an entry with its padding; 64 bits hold it for any data_len. */
static inline uint64_t codec_padded_len(uint32_t data_len)
{
    return ((uint64_t)data_len + 7u) & ~(uint64_t)7u;
}

/* The body of a part of a snapshot. */
static inline uint64_t codec_snapshot_body(size_t configuration_len,
                                           size_t data_len)
{
    return codec_padded_len((uint32_t)configuration_len) +
           codec_padded_len((uint32_t)data_len);
}

/* Kinds with a body, of what that consists, and how many of it. */
static inline int codec_has_body(uint32_t kind)
{
    return kind == CRAFT_MESSAGE_APPEND || kind == CRAFT_MESSAGE_FORWARD ||
           kind == CRAFT_MESSAGE_SNAPSHOT;
}

/* Known kinds are consecutive, so one comparison tells. */
static inline int codec_entry_kind_is_known(uint32_t kind)
{
    return kind - CRAFT_ENTRY_COMMAND <=
           (uint32_t)(CRAFT_ENTRY_CONFIGURATION - CRAFT_ENTRY_COMMAND);
}

#endif
