/*
 * The codec and bytes that no correct server sends. Whatever is refused
 * leaves message_out as it was; whatever is accepted lies inside the bytes
 * and encodes to them again. Run under ASan, UBSan and MSan.
 */
#include "test_codec.h"

/*
 * Decode bytes that end where their allocation ends, so that the sanitizer
 * sees the first byte read beyond; room: [room_len], written.
 */
static int decode_at_end(uint8_t *room, size_t room_len, const uint8_t *bytes,
                         size_t len)
{
    uint8_t *data = room + (room_len - len);
    craft_entry entries[RANDOM_ENTRIES_MAX];
    craft_message message;
    craft_message before;
    uint64_t group = 0;
    craft_id to = 0;
    int peeked;
    int rv;

    assert_true(len <= room_len);
    memcpy(data, bytes, len);
    memset(&message, 0xa5, sizeof message);
    before = message;
    rv = craft_message_decode(&message, entries, RANDOM_ENTRIES_MAX, data, len);
    peeked = craft_frame_peek(data, len, &group, &to);
    if (rv == CRAFT_OK) {
        uint8_t again[RANDOM_BYTES_MAX];
        size_t again_len;

        assert_int_equal(peeked, CRAFT_OK);
        assert_int_equal(group, message.group);
        assert_int_equal(to, message.to);
        assert_int_equal(
            craft_message_encode(&message, again, sizeof again, &again_len),
            CRAFT_OK);
        /* Longer only by fields of a later revision. */
        if (craft_load32(data) >> 16 == craft_codec_fixed_len(data[1])) {
            assert_int_equal(again_len, len);
            assert_memory_equal(again, data, len);
        } else {
            assert_true(again_len < len);
        }
    } else if (rv == CRAFT_ERR_ENTRIES) {
        size_t entries_len = message.kind == CRAFT_MESSAGE_APPEND
                                 ? message.as.append.entries_len
                                 : message.as.forward.entries_len;

        assert_true(message.kind == CRAFT_MESSAGE_APPEND ||
                    message.kind == CRAFT_MESSAGE_FORWARD);
        assert_true(entries_len > RANDOM_ENTRIES_MAX);
        assert_true(entries_len <= len / 8);
    } else {
        assert_true(rv == CRAFT_ERR_FORMAT || rv == CRAFT_ERR_VERSION);
        assert_memory_equal(&message, &before, sizeof message);
        assert_true(peeked == rv || peeked == CRAFT_OK);
    }
    return rv;
}

static int decode_exactly(const uint8_t *bytes, size_t len)
{
    uint8_t *room = malloc(len + 1);
    int rv;

    assert_non_null(room);
    rv = decode_at_end(room, len + 1, bytes, len);
    free(room);
    return rv;
}

/* Make both lengths fit len again, so that the checks behind them are met. */
static void mend_body_len(uint8_t *bytes, size_t len)
{
    uint32_t fixed_len = craft_load32(bytes) >> 16;

    craft_store32(bytes + CODEC_AT_BODY_LEN, (uint32_t)len - fixed_len);
}

/*
 * cowsql 424531a8: a message cut short was read beyond its end, or
 * half of it was kept.
 */
static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes((enum golden)which, bytes);

        for (size_t cut = 0; cut < len; cut++) {
            uint8_t part[GOLDEN_BYTES_MAX];

            memcpy(part, bytes, len);
            assert_int_equal(decode_exactly(part, cut), CRAFT_ERR_FORMAT);
            if (cut >= 8) {
                mend_body_len(part, cut);
                assert_int_equal(decode_exactly(part, cut), CRAFT_ERR_FORMAT);
            }
        }
    }
}

static void trailing_bytes_are_refused(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        for (size_t more = 1; more <= 40; more++) {
            uint8_t bytes[GOLDEN_BYTES_MAX] = {0};
            size_t len = golden_bytes((enum golden)which, bytes);

            assert_int_equal(decode_exactly(bytes, len + more),
                             CRAFT_ERR_FORMAT);
            mend_body_len(bytes, len + more);
            assert_int_equal(decode_exactly(bytes, len + more),
                             CRAFT_ERR_FORMAT);
        }
    }
}

/*
 * etcd 15704: corrupted packets passed TCP's checksum. A checksum
 * belongs to the host's frame; what is promised here is that a flipped bit
 * gives an error, or the message that the flipped bytes stand for, never one
 * that says something else than its bytes.
 */
static void a_flipped_bit_never_makes_an_inconsistent_message(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes((enum golden)which, bytes);

        for (size_t bit = 0; bit < len * 8; bit++) {
            uint8_t mask = (uint8_t)(1u << bit % 8);

            bytes[bit / 8] ^= mask;
            (void)decode_exactly(bytes, len);
            /*
             * Version and lengths: no single flip passes. A kind may turn
             * into one with fewer fields, the rest being skipped.
             */
            if (bit / 8 < 8 && bit / 8 != CODEC_AT_KIND) {
                assert_int_not_equal(decode_exactly(bytes, len), CRAFT_OK);
            }
            bytes[bit / 8] ^= mask;
        }
    }
}

static void garbage_is_refused_or_means_what_it_says(void **state)
{
    uint8_t *room = malloc(RANDOM_BYTES_MAX);
    uint64_t seed = 3;

    (void)state;
    assert_non_null(room);
    for (int i = 0; i < 500000; i++) {
        uint8_t bytes[128];
        size_t len = (size_t)random_below(&seed, sizeof bytes + 1);

        for (size_t at = 0; at < sizeof bytes; at += 8) {
            craft_store64(bytes + at,
                          random_next(&seed) >> random_below(&seed, 64));
        }
        /* Half of them get past the first checks. */
        if (i % 2 == 0 && len >= CODEC_HEADER_LEN) {
            bytes[0] = CODEC_VERSION;
            bytes[1] = (uint8_t)random_below(&seed, 6);
            bytes[2] = (uint8_t)craft_codec_fixed_len(bytes[1]);
            bytes[3] = 0;
            mend_body_len(bytes, len);
        }
        (void)decode_at_end(room, RANDOM_BYTES_MAX, bytes, len);
    }
    free(room);
}

/* Change, remove, insert or repeat bytes; the new length. */
static size_t mutate(uint64_t *seed, uint8_t *bytes, size_t len, size_t max)
{
    size_t at = (size_t)random_below(seed, len);
    size_t span = (size_t)random_below(seed, 33);

    switch (random_below(seed, 6)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << random_below(seed, 8));
        return len;
    case 1:
        bytes[at] = (uint8_t)random_next(seed);
        return len;
    case 2:
        at = at / 8 * 8;
        if (len - at >= 8) {
            craft_store64(bytes + at, random_number(seed, UINT64_MAX));
        }
        return len;
    case 3:
        at = at / 4 * 4;
        if (len - at >= 4) {
            craft_store32(bytes + at, (uint32_t)random_next(seed) >>
                                          random_below(seed, 32));
        }
        return len;
    case 4:
        span = span < len - at ? span : len - at;
        memmove(bytes + at, bytes + at + span, len - at - span);
        return len - span;
    default:
        span = span < max - len ? span : max - len;
        memmove(bytes + at + span, bytes + at, len - at);
        return len + span;
    }
}

static void mutated_messages_are_refused_or_mean_what_they_say(void **state)
{
    uint8_t data[RANDOM_ENTRIES_MAX * RANDOM_DATA_MAX] = {0};
    uint8_t *room = malloc(RANDOM_BYTES_MAX);
    uint64_t seed = 5;
    int accepted = 0;

    (void)state;
    assert_non_null(room);
    for (int i = 0; i < 600000; i++) {
        craft_entry entries[RANDOM_ENTRIES_MAX];
        craft_message message;
        uint8_t bytes[RANDOM_BYTES_MAX];
        size_t len;

        memset(bytes, 0, sizeof bytes);
        random_message(&seed, &message, entries, data);
        assert_int_equal(
            craft_message_encode(&message, bytes, sizeof bytes, &len), 0);
        for (uint64_t n = random_below(&seed, 3) + 1; n > 0 && len > 0; n--) {
            len = mutate(&seed, bytes, len, sizeof bytes);
        }
        if (len >= 8 && random_below(&seed, 2) == 0) {
            mend_body_len(bytes, len);
        }
        accepted += decode_at_end(room, RANDOM_BYTES_MAX, bytes, len) == 0;
    }
    /* The mutations reach the deepest checks: many are still messages. */
    assert_true(accepted > 60000);
    free(room);
}

/* One field of a golden message, set to what must not pass. */
struct wrong {
    enum golden which;
    uint32_t at;
    uint32_t width;
    uint64_t value;
};

static void assert_refused(const struct wrong *wrong, size_t wrong_len)
{
    for (size_t i = 0; i < wrong_len; i++) {
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes(wrong[i].which, bytes);
        int rv;

        if (wrong[i].width == 1) {
            bytes[wrong[i].at] = (uint8_t)wrong[i].value;
        } else if (wrong[i].width == 4) {
            craft_store32(bytes + wrong[i].at, (uint32_t)wrong[i].value);
        } else {
            craft_store64(bytes + wrong[i].at, wrong[i].value);
        }
        rv = decode_exactly(bytes, len);
        if (rv != CRAFT_ERR_FORMAT) {
            fail_msg("golden %d, byte %u = %llx: %d", (int)wrong[i].which,
                     (unsigned)wrong[i].at, (unsigned long long)wrong[i].value,
                     rv);
        }
    }
}

#define ASSERT_REFUSED(wrong)                                                  \
    assert_refused(wrong, sizeof(wrong) / sizeof((wrong)[0]))

/* Where the three entries of GOLDEN_APPEND begin. */
enum {
    ENTRY_1 = 88,
    ENTRY_2 = 112,
    ENTRY_3 = 128
};

/*
 * etcd 5386: a count from the wire sized an allocation. Here the count
 * would decide what the caller allocates after CRAFT_ERR_ENTRIES.
 */
static void a_count_beyond_the_bytes_is_refused_before_any_entry(void **state)
{
    const uint32_t wrong[] = {5, 6, 1u << 28, 1u << 31, UINT32_MAX};
    const uint32_t in_reach[] = {0, 1, 2, 4};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t bytes[GOLDEN_BYTES_MAX];
        craft_message message;
        size_t len = golden_bytes(GOLDEN_APPEND, bytes);

        craft_store32(bytes + CODEC_AT_APPEND_ENTRIES_LEN, wrong[i]);
        /* 64 bytes of entries hold 4 at most; no array is needed to know. */
        assert_int_equal(craft_message_decode(&message, NULL, 0, bytes, len),
                         CRAFT_ERR_FORMAT);
        len = golden_bytes(GOLDEN_HEARTBEAT, bytes);
        craft_store32(bytes + CODEC_AT_APPEND_ENTRIES_LEN, wrong[i]);
        assert_int_equal(craft_message_decode(&message, NULL, 0, bytes, len),
                         CRAFT_ERR_FORMAT);
    }
    for (size_t i = 0; i < sizeof in_reach / sizeof in_reach[0]; i++) {
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes(GOLDEN_APPEND, bytes);

        craft_store32(bytes + CODEC_AT_APPEND_ENTRIES_LEN, in_reach[i]);
        assert_int_equal(decode_exactly(bytes, len), CRAFT_ERR_FORMAT);
    }
}

/* malachite 1592: off + len wrapped and passed the bound. */
static void a_length_beyond_the_bytes_is_refused(void **state)
{
    const struct wrong wrong[] = {
        {GOLDEN_APPEND, CODEC_AT_BODY_LEN, 4, UINT32_MAX},
        {GOLDEN_APPEND, CODEC_AT_BODY_LEN, 4, UINT32_MAX - 87},
        {GOLDEN_APPEND, CODEC_AT_BODY_LEN, 4, 63},
        {GOLDEN_APPEND, CODEC_AT_BODY_LEN, 4, 65},
        {GOLDEN_APPEND, CODEC_AT_BODY_LEN, 4, 0},
        {GOLDEN_APPEND, ENTRY_1 + 12, 4, UINT32_MAX},
        {GOLDEN_APPEND, ENTRY_1 + 12, 4, UINT32_MAX - 7},
        {GOLDEN_APPEND, ENTRY_1 + 12, 4, UINT32_MAX - 6},
        {GOLDEN_APPEND, ENTRY_1 + 12, 4, UINT32_MAX - 22},
        {GOLDEN_APPEND, ENTRY_1 + 12, 4, 1u << 31},
        {GOLDEN_APPEND, ENTRY_3 + 12, 4, 9},
        {GOLDEN_APPEND, ENTRY_3 + 12, 4, UINT32_MAX},
        {GOLDEN_APPEND, ENTRY_3 + 12, 4, 0},
    };

    (void)state;
    ASSERT_REFUSED(wrong);
}

/*
 * etcd d1fb747: a remote server sent what only the local host may say.
 * hashicorp 8353de6: an unknown entry is refused before it can be committed.
 */
static void unknown_kinds_are_refused(void **state)
{
    (void)state;
    for (int kind = 0; kind < 256; kind++) {
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes(GOLDEN_APPEND, bytes);

        bytes[CODEC_AT_KIND] = (uint8_t)kind;
        assert_int_equal(decode_exactly(bytes, len),
                         kind == CRAFT_MESSAGE_APPEND ? CRAFT_OK
                                                      : CRAFT_ERR_FORMAT);
        bytes[CODEC_AT_KIND] = CRAFT_MESSAGE_APPEND;
        bytes[ENTRY_2 + 8] = (uint8_t)kind;
        assert_int_equal(decode_exactly(bytes, len),
                         kind >= 1 && kind <= 3 ? CRAFT_OK : CRAFT_ERR_FORMAT);
        bytes[ENTRY_2 + 8] = 2;
        bytes[ENTRY_2 + 8 + 1] = (uint8_t)kind;
        assert_int_equal(decode_exactly(bytes, len),
                         kind == 0 ? CRAFT_OK : CRAFT_ERR_FORMAT);
    }
}

/* raft f215eff, dragonboat 5d3357f: nobody's message, or one's own. */
static void messages_from_or_to_nobody_are_refused(void **state)
{
    const struct wrong wrong[] = {
        {GOLDEN_VOTE, CODEC_AT_FROM, 8, 0},
        {GOLDEN_VOTE, CODEC_AT_FROM, 8, 2}, /* the addressee */
        {GOLDEN_VOTE, CODEC_AT_FROM, 8, CRAFT_NUMBER_MAX},
        {GOLDEN_VOTE, CODEC_AT_FROM, 8, UINT64_MAX},
        {GOLDEN_VOTE, CODEC_AT_TO, 8, 0},
        {GOLDEN_VOTE, CODEC_AT_TO, 8, 1},
        {GOLDEN_VOTE, CODEC_AT_TO, 8, CRAFT_NUMBER_MAX},
        {GOLDEN_VOTE, CODEC_AT_TO, 8, UINT64_MAX},
    };

    (void)state;
    ASSERT_REFUSED(wrong);
}

/* cowsql d2821a0c: the version was guessed from the length. */
static void the_version_is_the_first_byte_and_decides_first(void **state)
{
    (void)state;
    for (int version = 0; version < 256; version++) {
        uint8_t bytes[GOLDEN_BYTES_MAX];
        uint64_t group = 0;
        craft_id to = 0;
        size_t len = golden_bytes(GOLDEN_VOTE, bytes);
        int want = version == 0   ? CRAFT_ERR_FORMAT
                   : version == 1 ? CRAFT_OK
                                  : CRAFT_ERR_VERSION;

        bytes[0] = (uint8_t)version;
        assert_int_equal(decode_exactly(bytes, len), want);
        assert_int_equal(craft_frame_peek(bytes, len, &group, &to), want);
        /* A later version owes us nothing behind its first byte. */
        if (version > 1) {
            assert_int_equal(decode_exactly(bytes, 1), want);
        }
    }
}

/* Put bytes between the fixed part and the body, as a later revision may. */
static size_t extend(uint8_t *bytes, size_t len, size_t more)
{
    uint32_t fixed_len = craft_load32(bytes) >> 16;
    uint32_t longer = fixed_len + (uint32_t)more;

    memmove(bytes + longer, bytes + fixed_len, len - fixed_len);
    memset(bytes + fixed_len, 0xff, more);
    bytes[2] = (uint8_t)longer;
    bytes[3] = (uint8_t)(longer >> 8);
    return len + more;
}

/*
 * cowsql 50adc61f: unknown trailing fields are skipped, truncated ones refused.
 * Fields are whole words, so a part of one is a fixed part of an odd length.
 */
static void fields_of_a_later_revision_are_skipped(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        for (size_t more = 1; more <= 40; more++) {
            craft_entry entries[3];
            craft_entry decoded[3];
            craft_message want = golden_message((enum golden)which, entries);
            craft_message got;
            uint8_t bytes[GOLDEN_BYTES_MAX];
            size_t len = golden_bytes((enum golden)which, bytes);
            int whole = more % 8 == 0;

            len = extend(bytes, len, more);
            assert_int_equal(decode_exactly(bytes, len),
                             whole ? CRAFT_OK : CRAFT_ERR_FORMAT);
            if (!whole) {
                continue;
            }
            assert_int_equal(craft_message_decode(&got, decoded, 3, bytes, len),
                             CRAFT_OK);
            assert_messages_equal(&got, &want);
            for (size_t cut = 1; cut <= more; cut++) {
                assert_int_equal(decode_exactly(bytes, len - cut),
                                 CRAFT_ERR_FORMAT);
            }
        }
    }
}

static void a_fixed_part_shorter_than_its_kind_is_refused(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes((enum golden)which, bytes);
        uint32_t fixed_len = craft_load32(bytes) >> 16;

        for (uint32_t shorter = 0; shorter < fixed_len; shorter++) {
            bytes[2] = (uint8_t)shorter;
            mend_body_len(bytes, len);
            assert_int_equal(decode_exactly(bytes, len), CRAFT_ERR_FORMAT);
            if (shorter >= 8) {
                mend_body_len(bytes, shorter);
                assert_int_equal(decode_exactly(bytes, shorter),
                                 CRAFT_ERR_FORMAT);
            }
        }
    }
}

/* cowsql c80dedfd: what is reserved or padding hides nothing. */
static void reserved_fields_flags_and_padding_must_be_zero(void **state)
{
    const struct wrong wrong[] = {
        {GOLDEN_VOTE, CODEC_AT_VOTE_FLAGS, 4, 2},
        {GOLDEN_PRE_VOTE, CODEC_AT_VOTE_FLAGS, 4, 1},
        {GOLDEN_TIMEOUT_NOW, CODEC_AT_TIMEOUT_NOW_LAST_INDEX, 8, 0},
        {GOLDEN_READ_REPLY, CODEC_AT_READ_REPLY_INDEX, 8, 0},
        {GOLDEN_READ_REPLY, CODEC_AT_READ_REPLY_INDEX, 8, CRAFT_NUMBER_MAX},
        {GOLDEN_READ_REPLY, CODEC_AT_READ_REPLY_QUESTION, 8, CRAFT_NUMBER_MAX},
        {GOLDEN_READ, CODEC_AT_READ_QUESTION, 8, CRAFT_NUMBER_MAX},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_INDEX, 8, 0},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_INDEX, 8, CRAFT_NUMBER_MAX - 1},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_TERM, 8, 0},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_TERM, 8, 6},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_SIZE, 8, 0x1004},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_SIZE, 8, CRAFT_NUMBER_MAX},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_OFFSET, 8, 0x1ffc},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_OFFSET, 8, UINT64_MAX},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_CONFIGURATION_LEN, 4, 0},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_CONFIGURATION_LEN, 4, 17},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_CONFIGURATION_LEN, 4, UINT32_MAX},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_CONFIGURATION_LEN + 4, 4, 9},
        {GOLDEN_SNAPSHOT, CODEC_AT_SNAPSHOT_CONFIGURATION_LEN + 4, 4,
         UINT32_MAX - 6},
        {GOLDEN_SNAPSHOT, CODEC_SNAPSHOT_LEN + 9, 1, 1},
        {GOLDEN_SNAPSHOT, CODEC_SNAPSHOT_LEN + 23, 1, 0x80},
        {GOLDEN_SNAPSHOT_REPLY, CODEC_AT_SNAPSHOT_REPLY_INDEX, 8, 0},
        {GOLDEN_SNAPSHOT_REPLY, CODEC_AT_SNAPSHOT_REPLY_TERM, 8, 6},
        {GOLDEN_SNAPSHOT_REPLY, CODEC_AT_SNAPSHOT_REPLY_OFFSET, 8, 0xfff},
        {GOLDEN_SNAPSHOT_REPLY, CODEC_AT_SNAPSHOT_REPLY_OFFSET, 8,
         CRAFT_NUMBER_MAX},
        {GOLDEN_SNAPSHOT_REPLY, CODEC_AT_SNAPSHOT_REPLY_WRITTEN, 8, 0x1006},
        {GOLDEN_SNAPSHOT_REPLY, CODEC_AT_SNAPSHOT_REPLY_GAP, 4, 2},
        {GOLDEN_SNAPSHOT_REPLY, CODEC_AT_SNAPSHOT_REPLY_GAP + 4, 4, 1},
        {GOLDEN_VOTE, CODEC_AT_VOTE_FLAGS, 4, 1u << 31},
        {GOLDEN_VOTE, CODEC_AT_VOTE_FLAGS + 4, 4, 1},
        {GOLDEN_VOTE_REPLY, CODEC_AT_VOTE_REPLY_GRANTED, 4, 2},
        {GOLDEN_VOTE_REPLY, CODEC_AT_VOTE_REPLY_GRANTED, 4, 257},
        {GOLDEN_VOTE_REPLY, CODEC_AT_VOTE_REPLY_GRANTED, 4, UINT32_MAX},
        {GOLDEN_VOTE_REPLY, CODEC_AT_VOTE_REPLY_GRANTED + 4, 4, 1u << 31},
        {GOLDEN_REJECTED, CODEC_AT_APPEND_REPLY_REJECTED, 4, 2},
        {GOLDEN_REJECTED, CODEC_AT_APPEND_REPLY_PRIORITY + 4, 4, 1},
        {GOLDEN_REJECTED, CODEC_AT_APPEND_REPLY_REJECTED, 4, UINT32_MAX},
        {GOLDEN_APPEND, CODEC_AT_APPEND_ENTRIES_LEN + 4, 4, 1},
        {GOLDEN_HEARTBEAT, CODEC_AT_APPEND_ENTRIES_LEN + 4, 4, 1},
        {GOLDEN_APPEND, ENTRY_1 + 16 + 5, 1, 1},
        {GOLDEN_APPEND, ENTRY_1 + 16 + 6, 1, 0x80},
        {GOLDEN_APPEND, ENTRY_1 + 16 + 7, 1, 0x80},
        {GOLDEN_APPEND_FIRST, 88 + 16 + 9, 1, 1},
        {GOLDEN_APPEND_FIRST, 88 + 16 + 15, 1, 0x80},
    };

    (void)state;
    ASSERT_REFUSED(wrong);
}

static void fields_of_forwards_are_what_their_verdict_uses(void **state)
{
    const struct wrong wrong[] = {
        {GOLDEN_FORWARD, CODEC_AT_FORWARD_SESSION, 8, 0},
        {GOLDEN_FORWARD, CODEC_AT_FORWARD_NUMBER, 8, 0},
        {GOLDEN_FORWARD, CODEC_AT_FORWARD_ENTRIES_LEN, 4, 2},
        {GOLDEN_FORWARD, CODEC_AT_FORWARD_ENTRIES_LEN, 4, 4},
        {GOLDEN_FORWARD, CODEC_AT_FORWARD_ENTRIES_LEN, 4, UINT32_MAX},
        {GOLDEN_FORWARD, CODEC_AT_FORWARD_ENTRIES_LEN + 4, 4, 1},
        {GOLDEN_FORWARD, CODEC_FORWARD_LEN, 4, 9},
        {GOLDEN_FORWARD, CODEC_FORWARD_LEN, 4, UINT32_MAX},
        {GOLDEN_FORWARD, CODEC_FORWARD_LEN, 4, UINT32_MAX - 6},
        {GOLDEN_FORWARD, CODEC_FORWARD_LEN + 4, 4, 1},
        {GOLDEN_FORWARD, CODEC_FORWARD_LEN + 8 + 5, 1, 1},
        {GOLDEN_FORWARD, CODEC_FORWARD_LEN + 8 + 7, 1, 0x80},
        {GOLDEN_FORWARD, CODEC_FORWARD_LEN + 16, 4, 16},
        {GOLDEN_FORWARD_OPEN, CODEC_AT_FORWARD_NUMBER, 8, 0},
        {GOLDEN_FORWARD_OPEN, CODEC_AT_FORWARD_ENTRIES_LEN, 4, 1},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_VERDICT, 4, 0},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_VERDICT, 4, 1},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_VERDICT, 4, 3},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_VERDICT, 4, 4},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_VERDICT + 4, 4, 0},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_SESSION, 8, 0},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_NUMBER, 8, 0},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_NUMBER, 8,
         CRAFT_NUMBER_MAX - 3},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_INDEX, 8, 0},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_INDEX, 8,
         CRAFT_NUMBER_MAX - 3},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_CLOSED, 8, 1},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_REASON, 4, 1},
        {GOLDEN_FORWARD_OPENED, CODEC_AT_FORWARD_REPLY_VERDICT + 4, 4, 1},
        {GOLDEN_FORWARD_OPENED, CODEC_AT_FORWARD_REPLY_INDEX, 8, 1},
        {GOLDEN_FORWARD_OPENED, CODEC_AT_FORWARD_REPLY_REASON, 4, 1},
        {GOLDEN_FORWARD_REFUSED, CODEC_AT_FORWARD_REPLY_INDEX, 8, 1},
        {GOLDEN_FORWARD_REFUSED, CODEC_AT_FORWARD_REPLY_CLOSED, 8, 1},
        {GOLDEN_FORWARD_REFUSED, CODEC_AT_FORWARD_REPLY_REASON, 4, 900},
        {GOLDEN_FORWARD_REFUSED, CODEC_AT_FORWARD_REPLY_REASON + 4, 4, 1},
    };

    (void)state;
    ASSERT_REFUSED(wrong);
}

/* Nothing at or near the end of 64 bits gets as far as a sum. */
static void numbers_at_their_maximum_are_refused(void **state)
{
    const struct {
        enum golden which;
        uint32_t at;
    } numbers[] = {
        {GOLDEN_HEARTBEAT, CODEC_AT_TERM},
        {GOLDEN_HEARTBEAT, CODEC_AT_ROUND},
        {GOLDEN_FORWARD, CODEC_AT_FORWARD_SESSION},
        {GOLDEN_FORWARD, CODEC_AT_FORWARD_NUMBER},
        {GOLDEN_FORWARD_OPENED, CODEC_AT_FORWARD_REPLY_SESSION},
        {GOLDEN_FORWARD_OPENED, CODEC_AT_FORWARD_REPLY_NUMBER},
        {GOLDEN_FORWARD_OPENED, CODEC_AT_FORWARD_REPLY_CLOSED},
        {GOLDEN_FORWARD_TAKEN, CODEC_AT_FORWARD_REPLY_INDEX},
        {GOLDEN_HEARTBEAT, CODEC_AT_APPEND_PREV_INDEX},
        {GOLDEN_HEARTBEAT, CODEC_AT_APPEND_PREV_TERM},
        {GOLDEN_HEARTBEAT, CODEC_AT_APPEND_COMMIT},
        {GOLDEN_APPEND, CODEC_AT_APPEND_PREV_INDEX},
        {GOLDEN_APPEND, ENTRY_3},
        {GOLDEN_VOTE, CODEC_AT_VOTE_LAST_INDEX},
        {GOLDEN_VOTE, CODEC_AT_VOTE_LAST_TERM},
        {GOLDEN_ACCEPTED, CODEC_AT_APPEND_REPLY_MATCH_INDEX},
        {GOLDEN_REJECTED, CODEC_AT_APPEND_REPLY_REJECTED_INDEX},
        {GOLDEN_REJECTED, CODEC_AT_APPEND_REPLY_HINT_INDEX},
        {GOLDEN_REJECTED, CODEC_AT_APPEND_REPLY_HINT_TERM},
    };
    const uint64_t values[] = {CRAFT_NUMBER_MAX, CRAFT_NUMBER_MAX + 1,
                               (uint64_t)1 << 63, UINT64_MAX - 1, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            const struct wrong wrong = {numbers[i].which, numbers[i].at, 8,
                                        values[k]};

            assert_refused(&wrong, 1);
        }
    }
}

/* The last index is below the maximum too, not only the first. */
static void the_last_index_stays_below_the_maximum(void **state)
{
    (void)state;
    for (uint64_t below = 1; below <= 6; below++) {
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes(GOLDEN_APPEND, bytes);

        craft_store64(bytes + CODEC_AT_APPEND_PREV_INDEX,
                      CRAFT_NUMBER_MAX - below);
        assert_int_equal(decode_exactly(bytes, len),
                         below > 3 ? CRAFT_OK : CRAFT_ERR_FORMAT);
    }
}

/* Appends, and log positions, that no log can have. */
static void impossible_positions_and_terms_are_refused(void **state)
{
    const struct wrong wrong[] = {
        {GOLDEN_HEARTBEAT, CODEC_AT_TERM, 8, 0},
        {GOLDEN_HEARTBEAT, CODEC_AT_TERM, 8, 3}, /* prev of term 4 */
        {GOLDEN_HEARTBEAT, CODEC_AT_APPEND_PREV_INDEX, 8, 0},
        {GOLDEN_HEARTBEAT, CODEC_AT_APPEND_PREV_TERM, 8, 0},
        {GOLDEN_HEARTBEAT, CODEC_AT_APPEND_PREV_TERM, 8, 6},
        {GOLDEN_APPEND, ENTRY_1, 8, 0},
        {GOLDEN_APPEND, ENTRY_1, 8, 3}, /* below prev */
        {GOLDEN_APPEND, ENTRY_2, 8, 3}, /* below the entry before */
        {GOLDEN_APPEND, ENTRY_1, 8, 6}, /* above the message */
        {GOLDEN_APPEND, ENTRY_3, 8, 4},
        {GOLDEN_APPEND, ENTRY_3, 8, 6},
        {GOLDEN_APPEND, CODEC_AT_TERM, 8, 4},
        {GOLDEN_APPEND_FIRST, 88, 8, 0},
        {GOLDEN_APPEND_FIRST, 88, 8, 6},
        {GOLDEN_APPEND_FIRST, CODEC_AT_APPEND_PREV_TERM, 8, 1},
        {GOLDEN_APPEND_FIRST, CODEC_AT_APPEND_PREV_INDEX, 8, 1},
        {GOLDEN_VOTE, CODEC_AT_TERM, 8, 0},
        {GOLDEN_VOTE, CODEC_AT_TERM, 8, 3},
        {GOLDEN_VOTE, CODEC_AT_VOTE_LAST_INDEX, 8, 0},
        {GOLDEN_VOTE, CODEC_AT_VOTE_LAST_TERM, 8, 0},
        {GOLDEN_VOTE_REPLY, CODEC_AT_TERM, 8, 0},
        {GOLDEN_REJECTED, CODEC_AT_TERM, 8, 0},
        {GOLDEN_REJECTED, CODEC_AT_APPEND_REPLY_HINT_INDEX, 8, 0},
        {GOLDEN_REJECTED, CODEC_AT_APPEND_REPLY_HINT_TERM, 8, 0},
        {GOLDEN_REJECTED, CODEC_AT_APPEND_REPLY_HINT_TERM, 8, 6},
    };

    (void)state;
    ASSERT_REFUSED(wrong);
}

/* What is refused on arrival is not sent either: the same rules both ways. */
static void what_would_be_refused_is_not_encoded(void **state)
{
    craft_entry entries[3];
    craft_message message;

    (void)state;
    message = golden_message(GOLDEN_VOTE, entries);
    message.as.vote.flags = CRAFT_VOTE_TRANSFER << 1;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message = golden_message(GOLDEN_VOTE, entries);
    message.to = message.from;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message = golden_message(GOLDEN_VOTE, entries);
    message.term = 0;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message = golden_message(GOLDEN_VOTE_REPLY, entries);
    message.as.vote_reply.granted = 2;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message = golden_message(GOLDEN_REJECTED, entries);
    message.as.append_reply.rejected = 2;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message = golden_message(GOLDEN_APPEND, entries);
    entries[0].term = 3;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message = golden_message(GOLDEN_APPEND_FIRST, entries);
    entries[0].term = 0;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message = golden_message(GOLDEN_APPEND, entries);
    message.term = 4;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message = golden_message(GOLDEN_APPEND, entries);
    message.as.append.prev_index = CRAFT_NUMBER_MAX - 3;
    for (size_t i = 0; i < 3; i++) {
        entries[i].index = CRAFT_NUMBER_MAX - 2 + i;
    }
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message.as.append.entries_len = 2;
    assert_int_not_equal(craft_message_encoded_len(&message), 0);
}

/* Lengths are 32 bits in the message: no more bytes than that are one. */
static void more_bytes_than_a_message_may_have_are_refused(void **state)
{
    uint8_t bytes[GOLDEN_BYTES_MAX];
    craft_message message;
    size_t len = golden_bytes(GOLDEN_HEARTBEAT, bytes);

    (void)state;
    if (SIZE_MAX == UINT32_MAX) {
        skip();
    }
    assert_int_equal(craft_message_decode(&message, NULL, 0, bytes, len), 0);
    /* Told without a look beyond the beginning. */
    assert_int_equal(craft_message_decode(&message, NULL, 0, bytes,
                                          (size_t)((uint64_t)UINT32_MAX + len)),
                     CRAFT_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(a_flipped_bit_never_makes_an_inconsistent_message),
        cmocka_unit_test(garbage_is_refused_or_means_what_it_says),
        cmocka_unit_test(mutated_messages_are_refused_or_mean_what_they_say),
        cmocka_unit_test(a_count_beyond_the_bytes_is_refused_before_any_entry),
        cmocka_unit_test(a_length_beyond_the_bytes_is_refused),
        cmocka_unit_test(unknown_kinds_are_refused),
        cmocka_unit_test(messages_from_or_to_nobody_are_refused),
        cmocka_unit_test(the_version_is_the_first_byte_and_decides_first),
        cmocka_unit_test(fields_of_a_later_revision_are_skipped),
        cmocka_unit_test(a_fixed_part_shorter_than_its_kind_is_refused),
        cmocka_unit_test(reserved_fields_flags_and_padding_must_be_zero),
        cmocka_unit_test(fields_of_forwards_are_what_their_verdict_uses),
        cmocka_unit_test(numbers_at_their_maximum_are_refused),
        cmocka_unit_test(the_last_index_stays_below_the_maximum),
        cmocka_unit_test(impossible_positions_and_terms_are_refused),
        cmocka_unit_test(what_would_be_refused_is_not_encoded),
        cmocka_unit_test(more_bytes_than_a_message_may_have_are_refused),
    };

    return cmocka_run_group_tests_name("codec, hostile bytes", tests, NULL,
                                       NULL);
}
