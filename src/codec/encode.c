#include "codec/codec.h"

/*
 * Bytes of struct craft_message that a kind needs. A message of an earlier
 * header ends where its struct_size says, and is not read beyond.
 */
static size_t codec_struct_size_min(uint32_t kind)
{
    static const size_t payload[CRAFT_MESSAGE_KIND_END] = {
        [CRAFT_MESSAGE_VOTE] = sizeof(craft_vote),
        [CRAFT_MESSAGE_VOTE_REPLY] = sizeof(craft_vote_reply),
        [CRAFT_MESSAGE_APPEND] = sizeof(craft_append),
        [CRAFT_MESSAGE_APPEND_REPLY] = sizeof(craft_append_reply),
        [CRAFT_MESSAGE_TIMEOUT_NOW] = sizeof(craft_timeout_now),
        [CRAFT_MESSAGE_READ] = sizeof(craft_read_request),
        [CRAFT_MESSAGE_READ_REPLY] = sizeof(craft_read_reply),
        [CRAFT_MESSAGE_FORWARD] = sizeof(craft_forward),
        [CRAFT_MESSAGE_FORWARD_REPLY] = sizeof(craft_forward_reply),
        [CRAFT_MESSAGE_PRE_VOTE] = sizeof(craft_vote),
        [CRAFT_MESSAGE_PRE_VOTE_REPLY] = sizeof(craft_vote_reply),
        [CRAFT_MESSAGE_SNAPSHOT] = sizeof(craft_snapshot_part),
        [CRAFT_MESSAGE_SNAPSHOT_REPLY] = sizeof(craft_snapshot_reply),
    };

    CRAFT_ASSERT(kind < CRAFT_MESSAGE_KIND_END);
    return offsetof(craft_message, as) + payload[kind];
}

/*
 * Length of the entries, or UINT64_MAX when a receiver would refuse them, or
 * could not get them as they are: an index that does not follow is not sent,
 * and would silently become another.
 */
static uint64_t codec_measure_entries(const craft_append *append,
                                      craft_term term_max)
{
    const craft_entry *entry = append->entries;
    craft_index index = append->prev_index;
    craft_term term = append->prev_term > 0 ? append->prev_term : 1;
    uint64_t len = 0;

    if (append->entries_len > CODEC_MESSAGE_LEN_MAX / CODEC_ENTRY_LEN ||
        (entry == NULL && append->entries_len > 0)) {
        return UINT64_MAX;
    }
    for (size_t i = 0; i < append->entries_len; i++, entry++) {
        index++;
        if (entry->index != index || entry->term < term ||
            !codec_entry_kind_is_known(entry->kind) ||
            entry->data_len > CODEC_MESSAGE_LEN_MAX ||
            (entry->data == NULL && entry->data_len > 0)) {
            return UINT64_MAX;
        }
        term = entry->term;
        len += CODEC_ENTRY_LEN + codec_padded_len((uint32_t)entry->data_len);
    }
    /* Terms do not fall, so the last one speaks for all. */
    return term <= term_max ? len : UINT64_MAX;
}

/* The same of the commands of a forward. */
static uint64_t codec_measure_commands(const craft_forward *forward)
{
    const craft_entry *entry = forward->entries;
    uint64_t len = 0;

    if (forward->entries_len > CODEC_MESSAGE_LEN_MAX / CODEC_COMMAND_LEN ||
        (entry == NULL && forward->entries_len > 0)) {
        return UINT64_MAX;
    }
    for (size_t i = 0; i < forward->entries_len; i++, entry++) {
        if (entry->kind != CRAFT_ENTRY_COMMAND ||
            entry->data_len > CODEC_MESSAGE_LEN_MAX ||
            (entry->data == NULL && entry->data_len > 0)) {
            return UINT64_MAX;
        }
        len += CODEC_COMMAND_LEN + codec_padded_len((uint32_t)entry->data_len);
    }
    return len;
}

/* Fixed part and body, or 0 for both; the sum stays below 2^32. */
static uint32_t codec_measure(const craft_message *message, uint32_t *body_len)
{
    uint64_t body = 0;
    uint32_t fixed;

    *body_len = 0;
    if (message == NULL) {
        return 0;
    }
    fixed = craft_codec_fixed_len(message->kind);
    if (fixed == 0 ||
        message->struct_size < codec_struct_size_min(message->kind) ||
        !craft_codec_is_sound(message)) {
        return 0;
    }
    if (message->kind == CRAFT_MESSAGE_APPEND) {
        body = codec_measure_entries(&message->as.append, message->term);
    } else if (message->kind == CRAFT_MESSAGE_SNAPSHOT) {
        body = codec_snapshot_body(message->as.snapshot.configuration_len,
                                   message->as.snapshot.data_len);
    } else if (message->kind == CRAFT_MESSAGE_FORWARD) {
        body = codec_measure_commands(&message->as.forward);
    }
    if (body > CODEC_MESSAGE_LEN_MAX - fixed) {
        return 0;
    }
    *body_len = (uint32_t)body;
    return fixed;
}

static void codec_put_header(uint8_t *data, const craft_message *message,
                             uint32_t fixed_len, uint32_t body_len)
{
    /* Version, kind and both lengths are one word. */
    craft_store64(data + CODEC_AT_VERSION,
                  CODEC_VERSION | (uint64_t)message->kind << 8 |
                      (uint64_t)fixed_len << 16 | (uint64_t)body_len << 32);
    craft_store64(data + CODEC_AT_GROUP, message->group);
    craft_store64(data + CODEC_AT_FROM, message->from);
    craft_store64(data + CODEC_AT_FROM_INCARNATION, message->from_incarnation);
    craft_store64(data + CODEC_AT_TO, message->to);
    craft_store64(data + CODEC_AT_TERM, message->term);
    craft_store64(data + CODEC_AT_ROUND, message->round);
}

static void codec_put_vote(uint8_t *data, const craft_vote *vote)
{
    craft_store64(data + CODEC_AT_VOTE_LAST_INDEX, vote->last_index);
    craft_store64(data + CODEC_AT_VOTE_LAST_TERM, vote->last_term);
    craft_store64(data + CODEC_AT_VOTE_FLAGS, vote->flags);
}

static void codec_put_vote_reply(uint8_t *data, const craft_vote_reply *reply)
{
    craft_store64(data + CODEC_AT_VOTE_REPLY_GRANTED, reply->granted);
}

static void codec_put_timeout_now(uint8_t *data, const craft_timeout_now *order)
{
    craft_store64(data + CODEC_AT_TIMEOUT_NOW_LAST_INDEX, order->last_index);
    craft_store64(data + CODEC_AT_TIMEOUT_NOW_LAST_TERM, order->last_term);
}

static void codec_put_read_reply(uint8_t *data, const craft_read_reply *reply)
{
    craft_store64(data + CODEC_AT_READ_REPLY_QUESTION, reply->question);
    craft_store64(data + CODEC_AT_READ_REPLY_INDEX, reply->index);
}

static void codec_put_entries(uint8_t *data, const craft_append *append)
{
    const craft_entry *entry = append->entries;
    const craft_entry *end = entry + append->entries_len;

    for (; entry < end; entry++) {
        uint32_t data_len = (uint32_t)entry->data_len;
        size_t padded = (size_t)codec_padded_len(data_len);

        /*
         * The last word of the data first, for its padding; without data it
         * is the word with the kind. What is to stay is written over it.
         */
        craft_store64(data + CODEC_ENTRY_LEN + padded - 8, 0);
        craft_store64(data + CODEC_AT_ENTRY_TERM, entry->term);
        craft_store64(data + CODEC_AT_ENTRY_KIND,
                      entry->kind | (uint64_t)data_len << 32);
        data += CODEC_ENTRY_LEN;
        if (data_len > 0) {
            memcpy(data, entry->data, data_len);
        }
        data += padded;
    }
}

static void codec_put_append(uint8_t *data, const craft_append *append)
{
    craft_store64(data + CODEC_AT_APPEND_PREV_INDEX, append->prev_index);
    craft_store64(data + CODEC_AT_APPEND_PREV_TERM, append->prev_term);
    craft_store64(data + CODEC_AT_APPEND_COMMIT, append->commit);
    craft_store64(data + CODEC_AT_APPEND_ENTRIES_LEN, append->entries_len);
    if (append->entries_len > 0) {
        codec_put_entries(data + CODEC_APPEND_LEN, append);
    }
}

static void codec_put_forward(uint8_t *data, const craft_forward *forward)
{
    craft_store64(data + CODEC_AT_FORWARD_SESSION, forward->session);
    craft_store64(data + CODEC_AT_FORWARD_NUMBER, forward->number);
    craft_store64(data + CODEC_AT_FORWARD_ENTRIES_LEN, forward->entries_len);
    data += CODEC_FORWARD_LEN;
    for (size_t i = 0; i < forward->entries_len; i++) {
        const craft_entry *entry = &forward->entries[i];
        size_t padded = (size_t)codec_padded_len((uint32_t)entry->data_len);

        /* The last word first, for its padding, as in codec_put_entries(). */
        craft_store64(data + CODEC_COMMAND_LEN + padded - 8, 0);
        craft_store64(data + CODEC_AT_COMMAND_DATA_LEN, entry->data_len);
        data += CODEC_COMMAND_LEN;
        if (entry->data_len > 0) {
            memcpy(data, entry->data, entry->data_len);
        }
        data += padded;
    }
}

static void codec_put_forward_reply(uint8_t *data,
                                    const craft_forward_reply *reply)
{
    craft_store64(data + CODEC_AT_FORWARD_REPLY_VERDICT,
                  reply->verdict | (uint64_t)reply->count << 32);
    craft_store64(data + CODEC_AT_FORWARD_REPLY_SESSION, reply->session);
    craft_store64(data + CODEC_AT_FORWARD_REPLY_NUMBER, reply->number);
    craft_store64(data + CODEC_AT_FORWARD_REPLY_INDEX, reply->index);
    craft_store64(data + CODEC_AT_FORWARD_REPLY_CLOSED, reply->closed);
    craft_store64(data + CODEC_AT_FORWARD_REPLY_REASON, reply->reason);
}

static void codec_put_append_reply(uint8_t *data,
                                   const craft_append_reply *reply)
{
    craft_store64(data + CODEC_AT_APPEND_REPLY_REJECTED,
                  reply->rejected | (uint64_t)reply->promise_ms << 32);
    craft_store64(data + CODEC_AT_APPEND_REPLY_MATCH_INDEX, reply->match_index);
    craft_store64(data + CODEC_AT_APPEND_REPLY_REJECTED_INDEX,
                  reply->rejected_index);
    craft_store64(data + CODEC_AT_APPEND_REPLY_HINT_INDEX, reply->hint_index);
    craft_store64(data + CODEC_AT_APPEND_REPLY_HINT_TERM, reply->hint_term);
    craft_store64(data + CODEC_AT_APPEND_REPLY_PRIORITY, reply->priority);
}

static void codec_put_bytes(uint8_t *data, const uint8_t *bytes, size_t len)
{
    size_t padded = (size_t)codec_padded_len((uint32_t)len);

    if (len > 0) {
        craft_store64(data + padded - 8, 0);
        memcpy(data, bytes, len);
    }
}

static void codec_put_snapshot(uint8_t *data, const craft_snapshot_part *part)
{
    uint32_t blob_len = (uint32_t)part->configuration_len;

    craft_store64(data + CODEC_AT_SNAPSHOT_INDEX, part->index);
    craft_store64(data + CODEC_AT_SNAPSHOT_TERM, part->term);
    craft_store64(data + CODEC_AT_SNAPSHOT_SIZE, part->size);
    craft_store64(data + CODEC_AT_SNAPSHOT_DIGEST, part->digest);
    craft_store64(data + CODEC_AT_SNAPSHOT_OFFSET, part->offset);
    craft_store64(data + CODEC_AT_SNAPSHOT_CONFIGURATION_LEN,
                  blob_len | (uint64_t)part->data_len << 32);
    data += CODEC_SNAPSHOT_LEN;
    codec_put_bytes(data, part->configuration, blob_len);
    codec_put_bytes(data + codec_padded_len(blob_len), part->data,
                    part->data_len);
}

static void codec_put_snapshot_reply(uint8_t *data,
                                     const craft_snapshot_reply *reply)
{
    craft_store64(data + CODEC_AT_SNAPSHOT_REPLY_INDEX, reply->index);
    craft_store64(data + CODEC_AT_SNAPSHOT_REPLY_TERM, reply->term);
    craft_store64(data + CODEC_AT_SNAPSHOT_REPLY_OFFSET, reply->offset);
    craft_store64(data + CODEC_AT_SNAPSHOT_REPLY_WRITTEN, reply->written);
    craft_store64(data + CODEC_AT_SNAPSHOT_REPLY_GAP, reply->gap);
}

size_t craft_message_encoded_len(const craft_message *message)
{
    uint32_t body_len;
    uint32_t fixed_len = codec_measure(message, &body_len);

    return (size_t)fixed_len + body_len;
}

int craft_message_encode(const craft_message *message, uint8_t *data,
                         size_t data_max, size_t *data_len)
{
    uint32_t body_len;
    uint32_t fixed_len = codec_measure(message, &body_len);
    size_t len = (size_t)fixed_len + body_len;

    if (len == 0 || len > data_max || data == NULL || data_len == NULL) {
        return CRAFT_ERR_INVALID;
    }
    codec_put_header(data, message, fixed_len, body_len);
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        codec_put_vote(data, &message->as.vote);
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        codec_put_vote_reply(data, &message->as.vote_reply);
        break;
    case CRAFT_MESSAGE_READ:
        craft_store64(data + CODEC_AT_READ_QUESTION, message->as.read.question);
        break;
    case CRAFT_MESSAGE_READ_REPLY:
        codec_put_read_reply(data, &message->as.read_reply);
        break;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        codec_put_timeout_now(data, &message->as.timeout_now);
        break;
    case CRAFT_MESSAGE_FORWARD:
        codec_put_forward(data, &message->as.forward);
        break;
    case CRAFT_MESSAGE_FORWARD_REPLY:
        codec_put_forward_reply(data, &message->as.forward_reply);
        break;
    case CRAFT_MESSAGE_APPEND:
        codec_put_append(data, &message->as.append);
        break;
    case CRAFT_MESSAGE_SNAPSHOT:
        codec_put_snapshot(data, &message->as.snapshot);
        break;
    case CRAFT_MESSAGE_SNAPSHOT_REPLY:
        codec_put_snapshot_reply(data, &message->as.snapshot_reply);
        break;
    default:
        codec_put_append_reply(data, &message->as.append_reply);
        break;
    }
    *data_len = len;
    return CRAFT_OK;
}
