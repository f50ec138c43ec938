/*
 * The codec between correct servers: golden bytes, round trips, what is
 * written and what is left alone. Hostile bytes: test_codec_hostile.c.
 */
#include "test_codec.h"

static void every_kind_has_its_golden_bytes(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        craft_entry entries[3];
        craft_message message = golden_message((enum golden)which, entries);
        uint8_t want[GOLDEN_BYTES_MAX];
        uint8_t got[GOLDEN_BYTES_MAX];
        size_t want_len = golden_bytes((enum golden)which, want);
        size_t got_len = 0;

        assert_int_equal(craft_message_encoded_len(&message), want_len);
        assert_int_equal(
            craft_message_encode(&message, got, sizeof got, &got_len),
            CRAFT_OK);
        assert_int_equal(got_len, want_len);
        assert_memory_equal(got, want, want_len);
    }
}

static void golden_bytes_decode_to_their_message(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        craft_entry entries[3];
        craft_entry decoded[3];
        craft_message want = golden_message((enum golden)which, entries);
        craft_message got;
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes((enum golden)which, bytes);

        /* Old contents show through wherever a field is not set. */
        memset(&got, 0xa5, sizeof got);
        memset(decoded, 0xa5, sizeof decoded);
        assert_int_equal(craft_message_decode(&got, decoded, 3, bytes, len),
                         CRAFT_OK);
        assert_int_equal(got.struct_size, sizeof got);
        assert_messages_equal(&got, &want);
    }
}

static void every_entry_is_as_long_as_its_padded_data_and_a_header(void **state)
{
    const uint8_t data[24] = {0};

    (void)state;
    for (size_t len = 0; len <= sizeof data; len++) {
        craft_entry entries[3];
        craft_message message = golden_message(GOLDEN_APPEND, entries);

        entries[0].data = data;
        entries[0].data_len = len;
        message.as.append.entries_len = 1;
        assert_int_equal(craft_message_encoded_len(&message),
                         88 + 16 + (len + 7) / 8 * 8);
    }
}

/*
 * cowsql 9d911c1d: padding and unused fields of a reused buffer were
 * sent as they were, which leaks memory and makes equal messages differ.
 */
static void encoding_twice_gives_identical_bytes(void **state)
{
    uint8_t data[RANDOM_ENTRIES_MAX * RANDOM_DATA_MAX];
    uint64_t seed = 7;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)random_next(&seed);
    }
    for (int i = 0; i < 5000; i++) {
        craft_entry entries[RANDOM_ENTRIES_MAX];
        craft_message message;
        uint8_t one[RANDOM_BYTES_MAX];
        uint8_t two[RANDOM_BYTES_MAX];
        size_t one_len;
        size_t two_len;

        memset(one, 0x55, sizeof one);
        memset(two, 0xaa, sizeof two);
        random_message(&seed, &message, entries, data);
        assert_int_equal(
            craft_message_encode(&message, one, sizeof one, &one_len), 0);
        assert_int_equal(
            craft_message_encode(&message, two, sizeof two, &two_len), 0);
        assert_int_equal(one_len, two_len);
        assert_memory_equal(one, two, one_len);
        /* Nothing is written beyond the length that was told. */
        for (size_t at = one_len; at < sizeof one; at++) {
            assert_int_equal(one[at], 0x55);
        }
    }
}

static void random_messages_survive_the_round_trip(void **state)
{
    uint8_t data[RANDOM_ENTRIES_MAX * RANDOM_DATA_MAX];
    uint64_t seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)random_next(&seed);
    }
    for (int i = 0; i < 100000; i++) {
        craft_entry entries[RANDOM_ENTRIES_MAX];
        craft_entry decoded[RANDOM_ENTRIES_MAX];
        craft_message message;
        craft_message got;
        uint8_t bytes[RANDOM_BYTES_MAX];
        size_t len;

        random_message(&seed, &message, entries, data);
        assert_int_equal(
            craft_message_encode(&message, bytes, sizeof bytes, &len), 0);
        assert_int_equal(len, craft_message_encoded_len(&message));
        assert_int_equal(
            craft_message_decode(&got, decoded, RANDOM_ENTRIES_MAX, bytes, len),
            CRAFT_OK);
        assert_messages_equal(&got, &message);
    }
}

/* A token names a request of one server; another has no use for it. */
static void tokens_do_not_leave_their_server(void **state)
{
    craft_entry entries[3];
    craft_message message = golden_message(GOLDEN_APPEND, entries);
    uint8_t want[GOLDEN_BYTES_MAX];
    uint8_t got[GOLDEN_BYTES_MAX];
    size_t want_len = golden_bytes(GOLDEN_APPEND, want);
    size_t got_len;

    (void)state;
    entries[0].token = UINT64_MAX;
    entries[2].token = 1;
    assert_int_equal(craft_message_encode(&message, got, sizeof got, &got_len),
                     CRAFT_OK);
    assert_int_equal(got_len, want_len);
    assert_memory_equal(got, want, want_len);
}

static void decoded_entries_borrow_from_the_bytes(void **state)
{
    craft_entry entries[3];
    craft_message message;
    uint8_t bytes[GOLDEN_BYTES_MAX];
    size_t len = golden_bytes(GOLDEN_APPEND, bytes);

    (void)state;
    assert_int_equal(craft_message_decode(&message, entries, 3, bytes, len),
                     CRAFT_OK);
    assert_ptr_equal(message.as.append.entries, entries);
    assert_ptr_equal(entries[0].data, bytes + 88 + 16);
    assert_ptr_equal(entries[2].data, bytes + 88 + 16 + 8 + 16 + 16);
}

/*
 * canonical 0debe4fe: fields were read through cast pointers, which is
 * undefined at odd addresses. Run under UBSan.
 */
static void every_alignment_encodes_and_decodes_alike(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        craft_entry entries[3];
        craft_entry decoded[3];
        craft_message want = golden_message((enum golden)which, entries);
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes((enum golden)which, bytes);

        for (size_t shift = 0; shift < 8; shift++) {
            _Alignas(8) uint8_t room[GOLDEN_BYTES_MAX + 8];
            craft_message got;
            size_t got_len;

            assert_int_equal(craft_message_encode(&want, room + shift,
                                                  GOLDEN_BYTES_MAX, &got_len),
                             CRAFT_OK);
            assert_int_equal(got_len, len);
            assert_memory_equal(room + shift, bytes, len);
            assert_int_equal(
                craft_message_decode(&got, decoded, 3, room + shift, len),
                CRAFT_OK);
            assert_messages_equal(&got, &want);
        }
    }
}

static void too_short_an_array_is_told_how_long_it_must_be(void **state)
{
    craft_entry entries[3];
    craft_message want = golden_message(GOLDEN_APPEND, entries);
    uint8_t bytes[GOLDEN_BYTES_MAX];
    size_t len = golden_bytes(GOLDEN_APPEND, bytes);

    (void)state;
    for (size_t max = 0; max < 3; max++) {
        craft_entry decoded[3];
        craft_message got;

        memset(&got, 0xa5, sizeof got);
        memset(decoded, 0xa5, sizeof decoded);
        assert_int_equal(craft_message_decode(&got, max > 0 ? decoded : NULL,
                                              max, bytes, len),
                         CRAFT_ERR_ENTRIES);
        assert_int_equal(got.as.append.entries_len, 3);
        assert_null(got.as.append.entries);
        /* The array stays as it was, and so does what lies behind it. */
        for (size_t at = 0; at < sizeof decoded; at++) {
            assert_int_equal(((const uint8_t *)decoded)[at], 0xa5);
        }
        assert_int_equal(craft_message_decode(&got, decoded,
                                              got.as.append.entries_len, bytes,
                                              len),
                         CRAFT_OK);
        assert_messages_equal(&got, &want);
    }
}

static void messages_without_entries_need_no_array(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        craft_message got;
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t len = golden_bytes((enum golden)which, bytes);
        int has_entries = which == GOLDEN_APPEND ||
                          which == GOLDEN_APPEND_FIRST ||
                          which == GOLDEN_FORWARD;

        assert_int_equal(craft_message_decode(&got, NULL, 0, bytes, len),
                         has_entries ? CRAFT_ERR_ENTRIES : CRAFT_OK);
    }
}

static void too_small_a_buffer_is_left_untouched(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        craft_entry entries[3];
        craft_message message = golden_message((enum golden)which, entries);
        size_t len = craft_message_encoded_len(&message);

        for (size_t max = 0; max < len; max++) {
            uint8_t bytes[GOLDEN_BYTES_MAX];
            size_t told = 4711;

            memset(bytes, 0x55, sizeof bytes);
            assert_int_equal(craft_message_encode(&message, bytes, max, &told),
                             CRAFT_ERR_INVALID);
            assert_int_equal(told, 4711);
            for (size_t at = 0; at < sizeof bytes; at++) {
                assert_int_equal(bytes[at], 0x55);
            }
        }
    }
}

static void null_arguments_are_refused(void **state)
{
    craft_entry entries[3];
    craft_message message = golden_message(GOLDEN_APPEND, entries);
    uint8_t bytes[GOLDEN_BYTES_MAX];
    uint64_t group;
    craft_id to;
    size_t len = golden_bytes(GOLDEN_APPEND, bytes);
    size_t told;

    (void)state;
    assert_int_equal(craft_message_encoded_len(NULL), 0);
    assert_int_equal(craft_message_encode(NULL, bytes, sizeof bytes, &told),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_message_encode(&message, NULL, sizeof bytes, &told),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_message_encode(&message, bytes, sizeof bytes, NULL),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_message_decode(NULL, entries, 3, bytes, len),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_message_decode(&message, NULL, 3, bytes, len),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_message_decode(&message, entries, 3, NULL, 0),
                     CRAFT_ERR_FORMAT);
    assert_int_equal(craft_frame_peek(bytes, len, NULL, &to),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_frame_peek(bytes, len, &group, NULL),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_frame_peek(NULL, 0, &group, &to), CRAFT_ERR_FORMAT);
}

static void peek_tells_group_and_addressee(void **state)
{
    (void)state;
    for (int which = 0; which < GOLDEN_COUNT; which++) {
        craft_entry entries[3];
        craft_message message = golden_message((enum golden)which, entries);
        uint8_t bytes[GOLDEN_BYTES_MAX];
        uint64_t group = 0;
        craft_id to = 0;
        size_t len = golden_bytes((enum golden)which, bytes);

        assert_int_equal(craft_frame_peek(bytes, len, &group, &to), CRAFT_OK);
        assert_int_equal(group, message.group);
        assert_int_equal(to, message.to);
    }
}

static void a_message_with_an_entry_of_megabytes_survives(void **state)
{
    const size_t data_len = ((size_t)24 << 20) + 3;
    uint8_t *data = malloc(data_len);
    uint8_t *bytes = malloc(data_len + 1024);
    craft_entry entries[3];
    craft_entry decoded[3];
    craft_message message = golden_message(GOLDEN_APPEND, entries);
    craft_message got;
    size_t len;

    (void)state;
    assert_non_null(data);
    assert_non_null(bytes);
    memset(data, 0xc3, data_len);
    entries[1] = make_entry(12, 5, CRAFT_ENTRY_COMMAND, data, data_len);
    assert_int_equal(
        craft_message_encode(&message, bytes, data_len + 1024, &len), CRAFT_OK);
    assert_int_equal(craft_message_decode(&got, decoded, 3, bytes, len),
                     CRAFT_OK);
    assert_messages_equal(&got, &message);
    free(bytes);
    free(data);
}

static void a_message_of_a_hundred_thousand_entries_survives(void **state)
{
    const size_t entries_len = 100000;
    craft_entry *entries = malloc(entries_len * sizeof *entries);
    craft_entry *decoded = malloc(entries_len * sizeof *decoded);
    uint8_t *bytes = malloc(entries_len * 32);
    craft_message message = golden_header(CRAFT_MESSAGE_APPEND, 1, 2);
    craft_message got;
    size_t len;

    (void)state;
    assert_non_null(entries);
    assert_non_null(decoded);
    assert_non_null(bytes);
    for (size_t i = 0; i < entries_len; i++) {
        entries[i] = make_entry(i + 1, 1 + i / 50000, CRAFT_ENTRY_COMMAND,
                                "0123456", i % 8);
    }
    message.as.append.entries = entries;
    message.as.append.entries_len = entries_len;
    assert_int_equal(
        craft_message_encode(&message, bytes, entries_len * 32, &len),
        CRAFT_OK);
    assert_int_equal(
        craft_message_decode(&got, decoded, entries_len, bytes, len), CRAFT_OK);
    assert_messages_equal(&got, &message);
    free(bytes);
    free(decoded);
    free(entries);
}

/*
 * canonical aa6d3ee: lengths that do not fit in 32 bits were cut down on the
 * way. Only the length is asked for: the data that it claims does not exist.
 */
static void messages_of_four_gibibytes_cannot_be_encoded(void **state)
{
#if SIZE_MAX > UINT32_MAX
    craft_entry entries[3];
    craft_message message = golden_message(GOLDEN_APPEND, entries);
    uint8_t bytes[GOLDEN_BYTES_MAX];
    size_t told;

    message.as.append.entries_len = 2;
    entries[1] = make_entry(12, 5, CRAFT_ENTRY_COMMAND, "", 0);
    for (uint64_t over = 0; over <= 1; over++) {
        /* The longest that fits, all counted, is 2^32 - 8. */
        entries[0].data_len = ((uint64_t)1 << 32) - 8 - 88 - 32 + over;
        assert_int_equal(craft_message_encoded_len(&message),
                         over ? 0 : ((uint64_t)1 << 32) - 8);
    }
    entries[0].data_len = (uint64_t)1 << 31;
    entries[1].data_len = (uint64_t)1 << 31;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    entries[1].data_len = 0;
    entries[0].data_len = ((uint64_t)1 << 32) + 8;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    entries[0].data_len = SIZE_MAX;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    assert_int_equal(craft_message_encode(&message, bytes, SIZE_MAX, &told),
                     CRAFT_ERR_INVALID);
    /* So many entries that their headers alone would wrap. */
    message.as.append.entries_len = SIZE_MAX / 16 + 2;
    assert_int_equal(craft_message_encoded_len(&message), 0);
#endif
    (void)state;
}

/*
 * NuRaft d5e66a0: 999 was sent through one byte and arrived as 231.
 * hashicorp/raft 8353de6: an unknown entry was refused only after it
 * had been committed.
 */
static void kinds_that_do_not_fit_are_refused_not_cut_down(void **state)
{
    const uint32_t wrong[] = {0, 5, 256 + 1, 65536 + 3, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        craft_entry entries[3];
        craft_message message = golden_message(GOLDEN_APPEND, entries);
        uint8_t bytes[GOLDEN_BYTES_MAX];
        size_t told;

        entries[1].kind = wrong[i];
        assert_int_equal(craft_message_encoded_len(&message), 0);
        assert_int_equal(
            craft_message_encode(&message, bytes, sizeof bytes, &told),
            CRAFT_ERR_INVALID);
        entries[1].kind = CRAFT_ENTRY_NOOP;
        message.kind = wrong[i];
        assert_int_equal(craft_message_encoded_len(&message), 0);
        assert_int_equal(
            craft_message_encode(&message, bytes, sizeof bytes, &told),
            CRAFT_ERR_INVALID);
    }
}

/*
 * The index is not sent: an entry out of place would arrive as another one.
 */
static void entries_out_of_place_are_not_encoded(void **state)
{
    const craft_index wrong[] = {0, 11, 13, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        craft_entry entries[3];
        craft_message message = golden_message(GOLDEN_APPEND, entries);

        entries[1].index = wrong[i];
        assert_int_equal(craft_message_encoded_len(&message), 0);
    }
}

static void entries_that_point_nowhere_are_not_encoded(void **state)
{
    craft_entry entries[3];
    craft_message message = golden_message(GOLDEN_APPEND, entries);

    (void)state;
    entries[0].data = NULL;
    assert_int_equal(craft_message_encoded_len(&message), 0);
    message = golden_message(GOLDEN_APPEND, entries);
    message.as.append.entries = NULL;
    assert_int_equal(craft_message_encoded_len(&message), 0);
}

/*
 * A struct of an earlier header ends before the fields of later ones: what it
 * has room for is encoded, the rest is not read. Run under ASan.
 */
static void a_message_is_not_read_beyond_its_size(void **state)
{
    const size_t size = offsetof(craft_message, as) + sizeof(craft_vote_reply);
    craft_entry entries[3];
    craft_message whole = golden_message(GOLDEN_VOTE_REPLY, entries);
    void *part = malloc(size);
    uint8_t want[GOLDEN_BYTES_MAX];
    uint8_t got[GOLDEN_BYTES_MAX];
    size_t want_len = golden_bytes(GOLDEN_VOTE_REPLY, want);
    size_t got_len;

    (void)state;
    assert_non_null(part);
    whole.struct_size = (uint32_t)size;
    memcpy(part, &whole, size);
    assert_int_equal(craft_message_encode(part, got, sizeof got, &got_len),
                     CRAFT_OK);
    assert_int_equal(got_len, want_len);
    assert_memory_equal(got, want, want_len);
    whole.kind = CRAFT_MESSAGE_APPEND_REPLY;
    memcpy(part, &whole, size);
    assert_int_equal(craft_message_encoded_len(part), 0);
    whole.kind = CRAFT_MESSAGE_VOTE_REPLY;
    whole.struct_size = 0;
    memcpy(part, &whole, size);
    assert_int_equal(craft_message_encoded_len(part), 0);
    free(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_its_golden_bytes),
        cmocka_unit_test(golden_bytes_decode_to_their_message),
        cmocka_unit_test(
            every_entry_is_as_long_as_its_padded_data_and_a_header),
        cmocka_unit_test(encoding_twice_gives_identical_bytes),
        cmocka_unit_test(random_messages_survive_the_round_trip),
        cmocka_unit_test(tokens_do_not_leave_their_server),
        cmocka_unit_test(decoded_entries_borrow_from_the_bytes),
        cmocka_unit_test(every_alignment_encodes_and_decodes_alike),
        cmocka_unit_test(too_short_an_array_is_told_how_long_it_must_be),
        cmocka_unit_test(messages_without_entries_need_no_array),
        cmocka_unit_test(too_small_a_buffer_is_left_untouched),
        cmocka_unit_test(null_arguments_are_refused),
        cmocka_unit_test(peek_tells_group_and_addressee),
        cmocka_unit_test(a_message_with_an_entry_of_megabytes_survives),
        cmocka_unit_test(a_message_of_a_hundred_thousand_entries_survives),
        cmocka_unit_test(messages_of_four_gibibytes_cannot_be_encoded),
        cmocka_unit_test(kinds_that_do_not_fit_are_refused_not_cut_down),
        cmocka_unit_test(entries_out_of_place_are_not_encoded),
        cmocka_unit_test(entries_that_point_nowhere_are_not_encoded),
        cmocka_unit_test(a_message_is_not_read_beyond_its_size),
    };

    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
