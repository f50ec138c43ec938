#include "codec/codec.h"

/*
 * Whether the bytes begin like a message of this version whose two lengths
 * fill them exactly. The fixed part may be longer than the kind's own: a
 * later revision added fields that are safe to skip. Whole words only, so
 * that a field is there or not, never in part.
 */
static int codec_open(const uint8_t *data, size_t data_len)
{
    uint64_t word;
    uint32_t kind;
    uint32_t fixed_len;
    uint32_t known_len;
    uint32_t body_len;

    if (data == NULL || data_len == 0) {
        return CRAFT_ERR_FORMAT;
    }
    /* What follows the first byte is of the version it names. */
    if (data[CODEC_AT_VERSION] > CODEC_VERSION) {
        return CRAFT_ERR_VERSION;
    }
    if (data[CODEC_AT_VERSION] != CODEC_VERSION ||
        data_len < CODEC_HEADER_LEN || data_len > CODEC_MESSAGE_LEN_MAX) {
        return CRAFT_ERR_FORMAT;
    }
    word = craft_load64(data);
    kind = (uint32_t)(word >> 8) & 0xffu;
    fixed_len = (uint32_t)(word >> 16) & 0xffffu;
    body_len = (uint32_t)(word >> 32);
    known_len = craft_codec_fixed_len(kind);
    if (known_len == 0 || fixed_len < known_len || fixed_len % 8 != 0 ||
        fixed_len > data_len || body_len != data_len - fixed_len) {
        return CRAFT_ERR_FORMAT;
    }
    if (body_len != 0 && !codec_has_body(kind)) {
        return CRAFT_ERR_FORMAT;
    }
    return CRAFT_OK;
}

/* A u32 field whose word is filled up with zero. */
static int codec_get_u32(uint32_t *value, const uint8_t *data)
{
    uint64_t word = craft_load64(data);

    *value = (uint32_t)word;
    return word <= UINT32_MAX ? CRAFT_OK : CRAFT_ERR_FORMAT;
}

static void codec_get_header(craft_message *message, const uint8_t *data)
{
    message->struct_size = (uint32_t)sizeof *message;
    message->kind = data[CODEC_AT_KIND];
    message->group = craft_load64(data + CODEC_AT_GROUP);
    message->from = craft_load64(data + CODEC_AT_FROM);
    message->from_incarnation = craft_load64(data + CODEC_AT_FROM_INCARNATION);
    message->to = craft_load64(data + CODEC_AT_TO);
    message->term = craft_load64(data + CODEC_AT_TERM);
    message->round = craft_load64(data + CODEC_AT_ROUND);
}

static int codec_get_vote(craft_vote *vote, const uint8_t *data)
{
    vote->last_index = craft_load64(data + CODEC_AT_VOTE_LAST_INDEX);
    vote->last_term = craft_load64(data + CODEC_AT_VOTE_LAST_TERM);
    return codec_get_u32(&vote->flags, data + CODEC_AT_VOTE_FLAGS);
}

static int codec_get_timeout_now(craft_timeout_now *order, const uint8_t *data)
{
    order->last_index = craft_load64(data + CODEC_AT_TIMEOUT_NOW_LAST_INDEX);
    order->last_term = craft_load64(data + CODEC_AT_TIMEOUT_NOW_LAST_TERM);
    return CRAFT_OK;
}

static int codec_get_read_reply(craft_read_reply *reply, const uint8_t *data)
{
    reply->question = craft_load64(data + CODEC_AT_READ_REPLY_QUESTION);
    reply->index = craft_load64(data + CODEC_AT_READ_REPLY_INDEX);
    return CRAFT_OK;
}

/* The commands themselves come later: see codec_get_commands(). */
static int codec_get_forward(craft_forward *forward, const uint8_t *data,
                             size_t body_len)
{
    uint32_t entries_len;
    int rv = codec_get_u32(&entries_len, data + CODEC_AT_FORWARD_ENTRIES_LEN);

    forward->session = craft_load64(data + CODEC_AT_FORWARD_SESSION);
    forward->number = craft_load64(data + CODEC_AT_FORWARD_NUMBER);
    forward->entries_len = entries_len;
    /* As for an append: only as far as the bytes could hold it. */
    if (entries_len > body_len / CODEC_COMMAND_LEN) {
        return CRAFT_ERR_FORMAT;
    }
    return rv;
}

static int codec_get_forward_reply(craft_forward_reply *reply,
                                   const uint8_t *data)
{
    reply->verdict = craft_load32(data + CODEC_AT_FORWARD_REPLY_VERDICT);
    reply->count = craft_load32(data + CODEC_AT_FORWARD_REPLY_VERDICT + 4);
    reply->session = craft_load64(data + CODEC_AT_FORWARD_REPLY_SESSION);
    reply->number = craft_load64(data + CODEC_AT_FORWARD_REPLY_NUMBER);
    reply->index = craft_load64(data + CODEC_AT_FORWARD_REPLY_INDEX);
    reply->closed = craft_load64(data + CODEC_AT_FORWARD_REPLY_CLOSED);
    return codec_get_u32(&reply->reason, data + CODEC_AT_FORWARD_REPLY_REASON);
}

/* The entries themselves come later: see codec_get_entries(). */
static int codec_get_append(craft_append *append, const uint8_t *data,
                            size_t body_len)
{
    uint32_t entries_len;
    int rv = codec_get_u32(&entries_len, data + CODEC_AT_APPEND_ENTRIES_LEN);

    append->prev_index = craft_load64(data + CODEC_AT_APPEND_PREV_INDEX);
    append->prev_term = craft_load64(data + CODEC_AT_APPEND_PREV_TERM);
    append->commit = craft_load64(data + CODEC_AT_APPEND_COMMIT);
    append->entries_len = entries_len;
    /*
     * A count is believed only as far as the bytes could hold it: it decides
     * how much the caller allocates for the second attempt.
     */
    if (entries_len > body_len / CODEC_ENTRY_LEN) {
        return CRAFT_ERR_FORMAT;
    }
    return rv;
}

static int codec_get_append_reply(craft_append_reply *reply,
                                  const uint8_t *data)
{
    uint64_t word = craft_load64(data + CODEC_AT_APPEND_REPLY_REJECTED);

    reply->rejected = (uint32_t)word;
    reply->promise_ms = (uint32_t)(word >> 32);
    reply->match_index = craft_load64(data + CODEC_AT_APPEND_REPLY_MATCH_INDEX);
    reply->rejected_index =
        craft_load64(data + CODEC_AT_APPEND_REPLY_REJECTED_INDEX);
    reply->hint_index = craft_load64(data + CODEC_AT_APPEND_REPLY_HINT_INDEX);
    reply->hint_term = craft_load64(data + CODEC_AT_APPEND_REPLY_HINT_TERM);
    return codec_get_u32(&reply->priority,
                         data + CODEC_AT_APPEND_REPLY_PRIORITY);
}

/* Bytes of the body, whose padding is zero. */
static int codec_padding_is_zero(const uint8_t *data, size_t len)
{
    uint32_t used = (uint32_t)(len % 8u);

    return used == 0 || craft_load64(data + (len - used)) >> (8u * used) == 0;
}

/* The configuration and the bytes of the state fill the body exactly. */
static int codec_get_snapshot(craft_snapshot_part *part, const uint8_t *data,
                              const uint8_t *body, size_t body_len)
{
    uint64_t word = craft_load64(data + CODEC_AT_SNAPSHOT_CONFIGURATION_LEN);

    part->index = craft_load64(data + CODEC_AT_SNAPSHOT_INDEX);
    part->term = craft_load64(data + CODEC_AT_SNAPSHOT_TERM);
    part->size = craft_load64(data + CODEC_AT_SNAPSHOT_SIZE);
    part->digest = craft_load64(data + CODEC_AT_SNAPSHOT_DIGEST);
    part->offset = craft_load64(data + CODEC_AT_SNAPSHOT_OFFSET);
    part->configuration_len = (uint32_t)word;
    part->data_len = (size_t)(word >> 32);
    if (codec_snapshot_body(part->configuration_len, part->data_len) !=
        body_len) {
        return CRAFT_ERR_FORMAT;
    }
    part->configuration = body;
    body += codec_padded_len((uint32_t)part->configuration_len);
    part->data = part->data_len > 0 ? body : NULL;
    return codec_padding_is_zero(part->configuration,
                                 part->configuration_len) &&
                   codec_padding_is_zero(body, part->data_len)
               ? CRAFT_OK
               : CRAFT_ERR_FORMAT;
}

static int codec_get_snapshot_reply(craft_snapshot_reply *reply,
                                    const uint8_t *data)
{
    reply->index = craft_load64(data + CODEC_AT_SNAPSHOT_REPLY_INDEX);
    reply->term = craft_load64(data + CODEC_AT_SNAPSHOT_REPLY_TERM);
    reply->offset = craft_load64(data + CODEC_AT_SNAPSHOT_REPLY_OFFSET);
    reply->written = craft_load64(data + CODEC_AT_SNAPSHOT_REPLY_WRITTEN);
    return codec_get_u32(&reply->gap, data + CODEC_AT_SNAPSHOT_REPLY_GAP);
}

/* All but the entries, of bytes that codec_open() has accepted. */
static int codec_get_fixed(craft_message *message, const uint8_t *data,
                           size_t data_len, size_t body_len)
{
    int rv;

    codec_get_header(message, data);
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        rv = codec_get_vote(&message->as.vote, data);
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        rv = codec_get_u32(&message->as.vote_reply.granted,
                           data + CODEC_AT_VOTE_REPLY_GRANTED);
        break;
    case CRAFT_MESSAGE_READ:
        message->as.read.question = craft_load64(data + CODEC_AT_READ_QUESTION);
        rv = CRAFT_OK;
        break;
    case CRAFT_MESSAGE_READ_REPLY:
        rv = codec_get_read_reply(&message->as.read_reply, data);
        break;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        rv = codec_get_timeout_now(&message->as.timeout_now, data);
        break;
    case CRAFT_MESSAGE_FORWARD:
        rv = codec_get_forward(&message->as.forward, data, body_len);
        break;
    case CRAFT_MESSAGE_FORWARD_REPLY:
        rv = codec_get_forward_reply(&message->as.forward_reply, data);
        break;
    case CRAFT_MESSAGE_APPEND:
        rv = codec_get_append(&message->as.append, data, body_len);
        break;
    case CRAFT_MESSAGE_SNAPSHOT:
        rv = codec_get_snapshot(&message->as.snapshot, data,
                                data + (data_len - body_len), body_len);
        break;
    case CRAFT_MESSAGE_SNAPSHOT_REPLY:
        rv = codec_get_snapshot_reply(&message->as.snapshot_reply, data);
        break;
    default:
        rv = codec_get_append_reply(&message->as.append_reply, data);
        break;
    }
    if (rv == CRAFT_OK && !craft_codec_is_sound(message)) {
        rv = CRAFT_ERR_FORMAT;
    }
    return rv;
}

/*
 * The bytes that data takes of the `left` ones with its padding, or UINT64_MAX
 * when it does not fit or the padding is not zero: hidden bytes would be
 * stored and sent on.
 */
static inline uint64_t codec_data_extent(const uint8_t *data, size_t left,
                                         uint32_t data_len)
{
    uint64_t padded = codec_padded_len(data_len);
    uint32_t used = data_len % 8u;

    if (padded > left) {
        return UINT64_MAX;
    }
    /* The last word holds `used` bytes of data below the padding. */
    if (used != 0 && craft_load64(data + padded - 8) >> (8u * used) != 0) {
        return UINT64_MAX;
    }
    return padded;
}

/* Entries that fill the body exactly, in terms that do not fall. */
static int codec_get_entries(const craft_message *message, craft_entry *entry,
                             const uint8_t *data, size_t left)
{
    const craft_append *append = &message->as.append;
    craft_term term = append->prev_term > 0 ? append->prev_term : 1;
    craft_index index = append->prev_index;
    craft_index last_index = index + append->entries_len;

    while (index < last_index) {
        uint64_t word;
        uint64_t extent;

        if (left < CODEC_ENTRY_LEN) {
            return CRAFT_ERR_FORMAT;
        }
        word = craft_load64(data + CODEC_AT_ENTRY_KIND);
        entry->index = ++index;
        entry->term = craft_load64(data + CODEC_AT_ENTRY_TERM);
        entry->token = 0;
        entry->kind = (uint32_t)word;
        entry->reserved = 0;
        entry->data = data + CODEC_ENTRY_LEN;
        entry->data_len = (size_t)(word >> 32);
        data += CODEC_ENTRY_LEN;
        left -= CODEC_ENTRY_LEN;
        extent = codec_data_extent(data, left, (uint32_t)(word >> 32));
        if (extent == UINT64_MAX || entry->term < term ||
            !codec_entry_kind_is_known(entry->kind)) {
            return CRAFT_ERR_FORMAT;
        }
        term = entry->term;
        data += extent;
        left -= (size_t)extent;
        entry++;
    }
    /* Terms do not fall, so the last one speaks for all. */
    return left == 0 && term <= message->term ? CRAFT_OK : CRAFT_ERR_FORMAT;
}

/* Commands that fill the body exactly. */
static int codec_get_commands(const craft_message *message, craft_entry *entry,
                              const uint8_t *data, size_t left)
{
    for (size_t i = 0; i < message->as.forward.entries_len; i++, entry++) {
        uint64_t extent;
        uint32_t data_len;

        if (left < CODEC_COMMAND_LEN ||
            codec_get_u32(&data_len, data + CODEC_AT_COMMAND_DATA_LEN) != 0) {
            return CRAFT_ERR_FORMAT;
        }
        data += CODEC_COMMAND_LEN;
        left -= CODEC_COMMAND_LEN;
        memset(entry, 0, sizeof *entry);
        entry->kind = CRAFT_ENTRY_COMMAND;
        entry->data = data;
        entry->data_len = data_len;
        extent = codec_data_extent(data, left, data_len);
        if (extent == UINT64_MAX) {
            return CRAFT_ERR_FORMAT;
        }
        data += extent;
        left -= (size_t)extent;
    }
    return left == 0 ? CRAFT_OK : CRAFT_ERR_FORMAT;
}

/* What fills the body; message->kind says where the array is put. */
static int codec_get_body(craft_message *message, craft_entry *entries,
                          const uint8_t *body, size_t body_len)
{
    int rv;

    if (message->kind == CRAFT_MESSAGE_APPEND) {
        rv = codec_get_entries(message, entries, body, body_len);
        if (message->as.append.entries_len > 0) {
            message->as.append.entries = entries;
        }
        return rv;
    }
    rv = codec_get_commands(message, entries, body, body_len);
    if (message->as.forward.entries_len > 0) {
        message->as.forward.entries = entries;
    }
    return rv;
}

int craft_message_decode(craft_message *message_out, craft_entry *entries,
                         size_t entries_max, const uint8_t *data,
                         size_t data_len)
{
    craft_message message;
    size_t body_len;
    int rv;

    if (message_out == NULL || (entries == NULL && entries_max > 0)) {
        return CRAFT_ERR_INVALID;
    }
    rv = codec_open(data, data_len);
    if (rv != CRAFT_OK) {
        return rv;
    }
    /* The whole union, so that no field of another kind is left open. */
    memset(&message, 0, sizeof message);
    body_len = craft_load32(data + CODEC_AT_BODY_LEN);
    rv = codec_get_fixed(&message, data, data_len, body_len);
    if (rv != CRAFT_OK) {
        return rv;
    }
    if (message.kind == CRAFT_MESSAGE_APPEND ||
        message.kind == CRAFT_MESSAGE_FORWARD) {
        size_t entries_len = message.kind == CRAFT_MESSAGE_APPEND
                                 ? message.as.append.entries_len
                                 : message.as.forward.entries_len;

        if (entries_len > entries_max) {
            *message_out = message;
            return CRAFT_ERR_ENTRIES;
        }
        rv = codec_get_body(&message, entries, data + (data_len - body_len),
                            body_len);
    }
    if (rv == CRAFT_OK) {
        *message_out = message;
    }
    return rv;
}

int craft_frame_peek(const uint8_t *data, size_t data_len, uint64_t *group_out,
                     craft_id *to_out)
{
    int rv;

    if (group_out == NULL || to_out == NULL) {
        return CRAFT_ERR_INVALID;
    }
    rv = codec_open(data, data_len);
    if (rv != CRAFT_OK) {
        return rv;
    }
    *group_out = craft_load64(data + CODEC_AT_GROUP);
    *to_out = craft_load64(data + CODEC_AT_TO);
    return CRAFT_OK;
}
