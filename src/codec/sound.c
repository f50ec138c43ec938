/*
 * What both directions refuse. An entry or a number that the core would have
 * to trust later (an index near 2^64, a log position without a term) is
 * stopped here, and once more in the core for hosts without this codec.
 */
#include "codec/codec.h"

CRAFT_INTERNAL uint32_t craft_codec_fixed_len(uint32_t kind)
{
    switch (kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        return CODEC_VOTE_LEN;
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        return CODEC_VOTE_REPLY_LEN;
    case CRAFT_MESSAGE_READ:
        return CODEC_READ_LEN;
    case CRAFT_MESSAGE_READ_REPLY:
        return CODEC_READ_REPLY_LEN;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        return CODEC_TIMEOUT_NOW_LEN;
    case CRAFT_MESSAGE_FORWARD:
        return CODEC_FORWARD_LEN;
    case CRAFT_MESSAGE_FORWARD_REPLY:
        return CODEC_FORWARD_REPLY_LEN;
    case CRAFT_MESSAGE_APPEND:
        return CODEC_APPEND_LEN;
    case CRAFT_MESSAGE_APPEND_REPLY:
        return CODEC_APPEND_REPLY_LEN;
    case CRAFT_MESSAGE_SNAPSHOT:
        return CODEC_SNAPSHOT_LEN;
    case CRAFT_MESSAGE_SNAPSHOT_REPLY:
        return CODEC_SNAPSHOT_REPLY_LEN;
    default:
        return 0;
    }
}

/* A member's id: 0 is nobody. */
static int codec_id_is_sound(craft_id id)
{
    return id != 0 && id < CRAFT_NUMBER_MAX;
}

/*
 * A place in the sender's log: an index with a term of its own, none of a
 * term the sender has not reached; or the beginning, before the first entry.
 */
static int codec_place_is_sound(craft_index index, craft_term term,
                                craft_term term_max)
{
    if (index == 0 || term == 0) {
        return index == 0 && term == 0;
    }
    return index < CRAFT_NUMBER_MAX && term <= term_max;
}

static int codec_vote_is_sound(const craft_message *message)
{
    const craft_vote *vote = &message->as.vote;

    /* Flags change what is asked: one we do not know cannot be skipped. */
    uint32_t known = message->kind == CRAFT_MESSAGE_VOTE
                         ? (uint32_t)CRAFT_VOTE_TRANSFER
                         : 0u;

    return (vote->flags & ~known) == 0 &&
           codec_place_is_sound(vote->last_index, vote->last_term,
                                message->term);
}

static int codec_timeout_now_is_sound(const craft_message *message)
{
    const craft_timeout_now *order = &message->as.timeout_now;

    return order->last_index != 0 &&
           codec_place_is_sound(order->last_index, order->last_term,
                                message->term);
}

static int codec_append_is_sound(const craft_message *message)
{
    const craft_append *append = &message->as.append;

    return codec_place_is_sound(append->prev_index, append->prev_term,
                                message->term) &&
           append->commit < CRAFT_NUMBER_MAX &&
           append->entries_len < CRAFT_NUMBER_MAX - append->prev_index;
}

static int codec_append_reply_is_sound(const craft_message *message)
{
    const craft_append_reply *reply = &message->as.append_reply;

    return reply->rejected <= 1 && reply->match_index < CRAFT_NUMBER_MAX &&
           reply->rejected_index < CRAFT_NUMBER_MAX &&
           codec_place_is_sound(reply->hint_index, reply->hint_term,
                                message->term);
}

static int codec_snapshot_is_sound(const craft_message *message)
{
    const craft_snapshot_part *part = &message->as.snapshot;

    return part->index != 0 && part->index < CRAFT_NUMBER_MAX - 1 &&
           codec_place_is_sound(part->index, part->term, message->term) &&
           part->size < CRAFT_NUMBER_MAX && part->offset <= part->size &&
           part->data_len <= part->size - part->offset &&
           part->data_len <= CODEC_MESSAGE_LEN_MAX &&
           part->configuration_len != 0 &&
           part->configuration_len <= CODEC_MESSAGE_LEN_MAX &&
           part->configuration != NULL &&
           (part->data != NULL || part->data_len == 0);
}

static int codec_snapshot_reply_is_sound(const craft_message *message)
{
    const craft_snapshot_reply *reply = &message->as.snapshot_reply;

    return reply->index != 0 &&
           codec_place_is_sound(reply->index, reply->term, message->term) &&
           reply->offset < CRAFT_NUMBER_MAX &&
           reply->written <= reply->offset && reply->gap <= 1;
}

static int codec_forward_is_sound(const craft_message *message)
{
    const craft_forward *forward = &message->as.forward;

    return forward->session < CRAFT_NUMBER_MAX && forward->number > 0 &&
           forward->number < CRAFT_NUMBER_MAX &&
           forward->entries_len < CRAFT_NUMBER_MAX - forward->number &&
           (forward->session > 0 || forward->entries_len == 0);
}

/* What a verdict does not use is 0: one message has one encoding. */
static int codec_forward_reply_is_sound(const craft_message *message)
{
    const craft_forward_reply *reply = &message->as.forward_reply;
    int taken = reply->verdict == CRAFT_FORWARD_TAKEN;

    return reply->verdict >= CRAFT_FORWARD_OPENED &&
           reply->verdict <= CRAFT_FORWARD_REFUSED &&
           (reply->count > 0) == taken && (reply->index > 0) == taken &&
           (reply->closed == 0 || reply->verdict == CRAFT_FORWARD_OPENED) &&
           (reply->reason == 0 || reply->verdict == CRAFT_FORWARD_REFUSED) &&
           reply->reason <= CRAFT_FORWARD_REASON_MAX && reply->session > 0 &&
           reply->session < CRAFT_NUMBER_MAX && reply->number > 0 &&
           reply->number < CRAFT_NUMBER_MAX - reply->count &&
           reply->index < CRAFT_NUMBER_MAX - reply->count &&
           reply->closed < CRAFT_NUMBER_MAX;
}

CRAFT_INTERNAL int craft_codec_is_sound(const craft_message *message)
{
    CRAFT_ASSERT(craft_codec_fixed_len(message->kind) != 0);

    /* Whoever sends has seen an election: term 0 comes from nobody. */
    if (!codec_id_is_sound(message->from) || !codec_id_is_sound(message->to) ||
        message->from == message->to || message->term == 0 ||
        message->term >= CRAFT_NUMBER_MAX ||
        message->round >= CRAFT_NUMBER_MAX) {
        return 0;
    }
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        return codec_vote_is_sound(message);
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        return message->as.vote_reply.granted <= 1;
    case CRAFT_MESSAGE_READ:
        return message->as.read.question < CRAFT_NUMBER_MAX;
    case CRAFT_MESSAGE_READ_REPLY:
        return message->as.read_reply.question < CRAFT_NUMBER_MAX &&
               message->as.read_reply.index != 0 &&
               message->as.read_reply.index < CRAFT_NUMBER_MAX;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        return codec_timeout_now_is_sound(message);
    case CRAFT_MESSAGE_FORWARD:
        return codec_forward_is_sound(message);
    case CRAFT_MESSAGE_FORWARD_REPLY:
        return codec_forward_reply_is_sound(message);
    case CRAFT_MESSAGE_APPEND:
        return codec_append_is_sound(message);
    case CRAFT_MESSAGE_SNAPSHOT:
        return codec_snapshot_is_sound(message);
    case CRAFT_MESSAGE_SNAPSHOT_REPLY:
        return codec_snapshot_reply_is_sound(message);
    default:
        return codec_append_reply_is_sound(message);
    }
}
