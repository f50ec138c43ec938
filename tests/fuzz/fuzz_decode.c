/*
 * Arbitrary bytes through the codec: what decodes encodes to the same bytes,
 * lies inside them and can be described; what does not leaves the message as
 * it was.
 *
 * Input: a byte of flags, then the bytes to decode. With flag 1 the lengths
 * of the header are made to fit first, so that the checks behind are met.
 */
#include <string.h>

#include "codec/codec.h"
#include "fuzz.h"

#define LEN_MAX 65536u
#define FEW_ENTRIES 2u

/* The array for entries has exactly the length that was asked for. */
static int decode(craft_message *message, craft_entry **entries,
                  const uint8_t *data, size_t len)
{
    int rv;

    *entries = malloc(FEW_ENTRIES * sizeof **entries);
    fuzz_check(*entries != NULL, "there is memory");
    rv = craft_message_decode(message, *entries, FEW_ENTRIES, data, len);
    if (rv == CRAFT_ERR_ENTRIES) {
        size_t wanted = message->as.append.entries_len;

        fuzz_check(wanted > FEW_ENTRIES && wanted <= len / 16,
                   "the entries wanted fit into the bytes");
        free(*entries);
        *entries = malloc(wanted * sizeof **entries);
        fuzz_check(*entries != NULL, "there is memory");
        rv = craft_message_decode(message, *entries, wanted, data, len);
        fuzz_check(rv != CRAFT_ERR_ENTRIES, "what is wanted is enough");
    }
    return rv;
}

static void describe(const craft_message *message)
{
    size_t len = craft_describe_message(message, NULL, 0);
    char *text = fuzz_alloc(len);
    char one = 'x';

    fuzz_check(craft_describe_message(message, text, len + 1) == len,
               "a description has the length told");
    fuzz_check(strlen(text) == len, "a description is that long");
    (void)craft_describe_message(message, &one, 1);
    fuzz_check(one == '\0', "a description ends inside its buffer");
    free(text);
}

static void encode_again(const craft_message *message, const uint8_t *data,
                         size_t len)
{
    size_t again_len = craft_message_encoded_len(message);
    uint8_t *again = malloc(again_len);
    size_t written = 0;
    size_t skipped =
        (craft_load32(data) >> 16) - craft_codec_fixed_len(message->kind);

    fuzz_check(again_len > 0 && again != NULL, "it can be encoded");
    fuzz_check(craft_message_encode(message, again, again_len, &written) == 0 &&
                   written == again_len,
               "it is encoded in the length told");
    fuzz_check(again_len + skipped == len, "it has the same length");
    if (skipped == 0) { /* no fields of a later revision */
        fuzz_check(memcmp(again, data, len) == 0, "it has the same bytes");
    }
    fuzz_check(craft_message_encode(message, again, again_len - 1, &written) ==
                   CRAFT_ERR_INVALID,
               "one byte less is not enough");
    free(again);
}

static void entries_check(const craft_message *message, const uint8_t *data,
                          size_t len)
{
    if (message->kind != CRAFT_MESSAGE_APPEND) {
        return;
    }
    for (size_t i = 0; i < message->as.append.entries_len; i++) {
        const craft_entry *entry = &message->as.append.entries[i];
        size_t at = (size_t)(entry->data - data);

        fuzz_check(entry->index == message->as.append.prev_index + 1 + i,
                   "entries are consecutive");
        fuzz_check(at <= len && entry->data_len <= len - at,
                   "an entry lies inside the bytes");
    }
}

static void bytes_try(const uint8_t *data, size_t len)
{
    craft_message message;
    craft_message before;
    craft_entry *entries;
    uint64_t group = 0;
    craft_id to = 0;
    int peeked = craft_frame_peek(data, len, &group, &to);
    int rv;

    memset(&message, 0xa5, sizeof message);
    before = message;
    rv = decode(&message, &entries, data, len);
    if (rv == CRAFT_OK) {
        fuzz_check(peeked == CRAFT_OK && group == message.group &&
                       to == message.to,
                   "a peek tells what decoding tells");
        entries_check(&message, data, len);
        encode_again(&message, data, len);
        describe(&message);
        fuzz_check(craft_frame_peek(data, len - 1, &group, &to) != CRAFT_OK,
                   "a part is no message");
    } else {
        fuzz_check(rv == CRAFT_ERR_FORMAT || rv == CRAFT_ERR_VERSION,
                   "the error is one of bytes");
        fuzz_check(peeked == rv || peeked == CRAFT_OK, "a peek agrees");
    }
    if (rv != CRAFT_OK && peeked != CRAFT_OK) {
        fuzz_check(memcmp(&message, &before, sizeof message) == 0,
                   "nothing is written on an error");
    }
    free(entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    uint8_t flags = fuzz_byte(&in);
    uint8_t *bytes;

    if (in.len > LEN_MAX) {
        return 0;
    }
    bytes = malloc(in.len > 0 ? in.len : 1);
    fuzz_check(bytes != NULL, "there is memory");
    if (in.len > 0) {
        memcpy(bytes, in.data, in.len);
    }
    if ((flags & 1u) != 0 && in.len >= 8) {
        uint32_t fixed_len = craft_codec_fixed_len(bytes[1]);

        if ((flags & 2u) != 0) {
            fixed_len += 8; /* of a later revision */
        }
        bytes[0] = CODEC_VERSION;
        bytes[2] = (uint8_t)fixed_len;
        bytes[3] = (uint8_t)(fixed_len >> 8);
        craft_store32(bytes + CODEC_AT_BODY_LEN, (uint32_t)in.len - fixed_len);
    }
    bytes_try(bytes, in.len);
    free(bytes);
    return 0;
}
