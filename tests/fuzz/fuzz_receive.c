/*
 * One server of three, in any role, and messages that no correct server
 * sends, between operations (ops.h) that bring it into that role: whatever
 * arrives, craft_check() finds nothing, and what is refused changes nothing.
 *
 * Input: options, then operations, of which every other is a message.
 */
#include <stdlib.h>
#include <string.h>

#include "cluster_play.h"
#include "members/members.h"
#include "ops.h"

#define INPUT_MAX 2048u
#define ENTRIES_MAX 6u
#define BLOB_MAX 512u

/* Small, near a number of the server's own, or at the ends. */
static uint64_t number(struct fuzz_input *in, uint64_t own)
{
    static const uint64_t ends[8] = {CRAFT_NUMBER_MAX - 1, CRAFT_NUMBER_MAX,
                                     CRAFT_NUMBER_MAX - 2, UINT64_MAX,
                                     UINT64_MAX - 1,       (uint64_t)1 << 63,
                                     (uint64_t)1 << 32,    UINT32_MAX};
    uint32_t byte = fuzz_byte(in);

    if (byte < 160) { /* mostly near */
        return own + byte % 8 - 3 < CRAFT_NUMBER_MAX ? own + byte % 8 - 3 : own;
    }
    return byte < 240 ? byte % 16 : ends[byte % 8];
}

static craft_id sender(struct ops *ops)
{
    uint32_t byte = fuzz_byte(&ops->in);
    uint32_t position = byte % 16;

    if (byte < 224) {
        position = 2 + byte % 2;
    }
    return position >= 1 && position <= 3
               ? cluster_node(ops->cluster, position)->id
               : number(&ops->in, 4);
}

/* Some configuration: its length. */
static size_t configuration(struct ops *ops, uint8_t *blob)
{
    craft_member members[5];
    size_t len = 1 + fuzz_below(&ops->in, 5);
    uint32_t first = fuzz_below(&ops->in, 3);

    memset(members, 0, sizeof members);
    for (size_t i = 0; i < len; i++) {
        members[i].id =
            first + i < 3
                ? cluster_node(ops->cluster, (uint32_t)(1 + first + i))->id
                : CRAFT_NUMBER_MAX - 8 + 1 + first + i;
        members[i].role = i > 0 && fuzz_byte(&ops->in) % 4 == 1
                              ? CRAFT_MEMBER_LEARNER
                              : CRAFT_MEMBER_VOTER;
    }
    fuzz_check(craft_members_blob_len(members, len) <= BLOB_MAX,
               "a configuration has room");
    craft_members_found(members, len, blob);
    len = craft_members_blob_len(members, len);
    if (fuzz_byte(&ops->in) % 4 == 1) {
        blob[fuzz_word(&ops->in) % len] ^= fuzz_byte(&ops->in);
    }
    return len;
}

/* The same as a snapshot carries it. */
static size_t carried(struct ops *ops, uint8_t *blob)
{
    uint8_t entry[BLOB_MAX];
    size_t len = configuration(ops, entry);
    size_t size = craft_members_block_size(entry, len, CRAFT_MEMBERS_MAX);
    struct craft_members *members;

    if (size == 0) {
        memcpy(blob, entry, len);
        return len;
    }
    members = malloc(size);
    fuzz_check(members != NULL, "memory for a configuration");
    craft_members_decode(entry, len, size, members);
    members->index = number(&ops->in, 1);
    len = craft_members_carried_len(members);
    craft_members_carry(members, blob);
    free(members);
    if (fuzz_byte(&ops->in) % 8 == 1) {
        blob[fuzz_word(&ops->in) % len] ^= fuzz_byte(&ops->in);
    }
    return len;
}

struct body {
    craft_entry entries[ENTRIES_MAX];
    uint8_t blobs[ENTRIES_MAX][BLOB_MAX];
};

static void entries_make(struct ops *ops, craft_message *message,
                         struct body *body)
{
    craft_append *append = &message->as.append;
    craft_term term = append->prev_term > 0 ? append->prev_term : 1;

    append->entries_len = fuzz_below(&ops->in, ENTRIES_MAX + 1);
    append->entries = append->entries_len > 0 ? body->entries : NULL;
    for (size_t i = 0; i < append->entries_len; i++) {
        craft_entry *entry = &body->entries[i];
        uint32_t how = fuzz_byte(&ops->in);

        term = how % 4 == 1 ? message->term : term;
        entry->index = append->prev_index + 1 + i;
        entry->term = how % 32 == 2 ? number(&ops->in, term) : term;
        entry->kind = how % 8 == 3 ? 3 : 1 + (how / 4) % 2;
        entry->data = body->blobs[i];
        entry->data_len = how / 8 % 32;
        if (entry->kind == CRAFT_ENTRY_CONFIGURATION) {
            entry->data_len = configuration(ops, body->blobs[i]);
        }
        if (how == 255) {
            entry->kind = (uint32_t)number(&ops->in, 4);
            entry->index = number(&ops->in, entry->index);
        }
    }
}

static void part_make(struct ops *ops, craft_message *message,
                      struct body *body, const craft_status *status)
{
    struct fuzz_input *in = &ops->in;
    craft_snapshot_part *part = &message->as.snapshot;

    part->index = number(in, status->last_index + 3);
    part->term = number(in, status->last_term);
    part->size = number(in, 40);
    part->digest = fuzz_byte(in) % 4;
    part->offset = number(in, 20);
    part->configuration = body->blobs[0];
    part->configuration_len = carried(ops, body->blobs[0]);
    part->data_len = fuzz_below(in, 33);
    part->data = part->data_len > 0 ? body->blobs[1] : NULL;
}

/* Numbers of commands begin anywhere: those told last are likely ones. */
static void forward_make(struct ops *ops, craft_message *message,
                         struct body *body)
{
    craft_forward *forward = &message->as.forward;

    forward->session = number(&ops->in, 1);
    forward->number = number(&ops->in, 33);
    forward->entries_len = fuzz_below(&ops->in, ENTRIES_MAX + 1);
    forward->entries = forward->entries_len > 0 ? body->entries : NULL;
    for (size_t i = 0; i < forward->entries_len; i++) {
        uint32_t how = fuzz_byte(&ops->in);

        body->entries[i].kind =
            how == 255 ? CRAFT_ENTRY_CONFIGURATION : CRAFT_ENTRY_COMMAND;
        body->entries[i].data = body->blobs[i];
        body->entries[i].data_len = how % 64;
    }
}

/* Near what server 1 has forwarded last. */
static uint64_t number_forwarded(struct ops *ops)
{
    struct cluster_node *node = cluster_node(ops->cluster, 1);

    return number(&ops->in, *(const uint64_t *)node->cluster->watch_data);
}

static void forward_reply_make(struct ops *ops, craft_message *message,
                               const craft_status *status)
{
    craft_forward_reply *reply = &message->as.forward_reply;

    reply->verdict = fuzz_byte(&ops->in) % 5;
    reply->session = number(&ops->in, 1);
    reply->number = number_forwarded(ops);
    if (reply->verdict == CRAFT_FORWARD_TAKEN) {
        reply->count = fuzz_byte(&ops->in) % 8;
        reply->index = number(&ops->in, status->last_index);
    } else if (reply->verdict == CRAFT_FORWARD_OPENED) {
        reply->closed = number_forwarded(ops);
    } else {
        reply->reason = fuzz_byte(&ops->in) * 4u;
    }
}

static void payload_make(struct ops *ops, craft_message *message,
                         struct body *body, const craft_status *status)
{
    struct fuzz_input *in = &ops->in;

    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        message->as.vote.last_index = number(in, status->last_index);
        message->as.vote.last_term = number(in, status->last_term);
        message->as.vote.flags = fuzz_byte(in) == 1;
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        message->as.vote_reply.granted = fuzz_byte(in) % 8 < 6;
        break;
    case CRAFT_MESSAGE_READ:
        message->as.read.question = number(in, 3);
        break;
    case CRAFT_MESSAGE_READ_REPLY:
        message->as.read_reply.question = number(in, 3);
        message->as.read_reply.index = number(in, status->last_index);
        break;
    case CRAFT_MESSAGE_FORWARD:
        forward_make(ops, message, body);
        break;
    case CRAFT_MESSAGE_FORWARD_REPLY:
        forward_reply_make(ops, message, status);
        break;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        message->as.timeout_now.last_index = number(in, status->last_index);
        message->as.timeout_now.last_term = number(in, status->last_term);
        break;
    case CRAFT_MESSAGE_APPEND:
        message->as.append.prev_index = number(in, status->last_index);
        message->as.append.prev_term = number(in, status->last_term);
        message->as.append.commit = number(in, status->commit_index);
        entries_make(ops, message, body);
        break;
    case CRAFT_MESSAGE_SNAPSHOT:
        part_make(ops, message, body, status);
        break;
    case CRAFT_MESSAGE_SNAPSHOT_REPLY:
        message->as.snapshot_reply.index = number(in, status->snapshot_index);
        message->as.snapshot_reply.term = number(in, status->last_term);
        message->as.snapshot_reply.offset = number(in, 40);
        message->as.snapshot_reply.written = number(in, 40);
        message->as.snapshot_reply.gap = fuzz_byte(in) % 4 == 1;
        break;
    case CRAFT_MESSAGE_APPEND_REPLY:
        message->as.append_reply.rejected = fuzz_byte(in) % 4 == 1;
        message->as.append_reply.match_index = number(in, status->last_index);
        message->as.append_reply.rejected_index =
            number(in, status->last_index);
        message->as.append_reply.priority = message->as.append_reply.rejected;
        message->as.append_reply.hint_index = number(in, status->last_index);
        message->as.append_reply.hint_term = number(in, status->last_term);
        break;
    default:
        break;
    }
}

static uint32_t kind_of(uint32_t how)
{
    if (how < 200) {
        return 1 + how % 9;
    }
    return how < 234 ? CRAFT_MESSAGE_FORWARD + how % 2 : how % 16;
}

static craft_message message_make(struct ops *ops, struct body *body)
{
    craft_status status = cluster_status(ops->cluster, 1);
    uint32_t how = fuzz_byte(&ops->in);
    craft_message message;

    memset(&message, 0, sizeof message);
    memset(body, 0, sizeof *body);
    message.struct_size = sizeof message;
    message.kind = kind_of(how);
    message.group = how == 250 ? 8 : 7;
    message.from = sender(ops);
    message.to = how == 251 ? message.from : status.id;
    message.term = number(&ops->in, status.term);
    message.round = number(&ops->in, status.round);
    payload_make(ops, &message, body, &status);
    return message;
}

/* As a struct or as bytes. */
static int message_give(struct ops *ops, const craft_message *message)
{
    size_t len = craft_message_encoded_len(message);
    uint8_t *bytes;
    int rv;

    if (len == 0 || !ops->cluster->options.bytes) {
        return cluster_inject_hostile(ops->cluster, 1, message);
    }
    bytes = fuzz_alloc(len);
    rv = craft_message_encode(message, bytes, len, &len);
    fuzz_check(rv == 0, "what has a length can be encoded");
    rv = cluster_inject_bytes(ops->cluster, 1, bytes, len);
    free(bytes);
    return rv;
}

static void message_step(struct ops *ops)
{
    bool held = cluster_node(ops->cluster, 1)->holds > 0;
    struct play_state before = play_look(ops->cluster, 1);
    struct play_state after;
    struct body body;
    uint64_t count = ops->count;
    craft_message message = message_make(ops, &body);
    int rv = message_give(ops, &message);
    const char *differs;

    after = play_look(ops->cluster, 1);
    differs = play_differs(&before, &after);
    fuzz_check(rv == 0 || held || ops->count != count || differs == NULL,
               "what is refused changes nothing");
    fuzz_check(after.status.term < CRAFT_NUMBER_MAX &&
                   after.status.last_index < CRAFT_NUMBER_MAX &&
                   after.status.commit_index <= after.status.last_index,
               "numbers stay in their range");
    fuzz_check(rv > -900 || ops->count != count,
               "a server that is up has come to no end");
}

static void forward_watch(struct cluster_node *node, const craft_effect *effect)
{
    uint64_t *number = node->cluster->watch_data;

    if (effect->kind == CRAFT_EFFECT_SEND &&
        effect->message->kind == CRAFT_MESSAGE_FORWARD) {
        *number = effect->message->as.forward.number;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ops ops = {{data, len < INPUT_MAX ? len : INPUT_MAX}, NULL, 0, 0};
    struct cluster_options options = ops_options(&ops.in, 3);
    struct cluster_filter all = {0, 0, 0};
    uint64_t forwarded = 1;

    options.puppets = 1u << 2 | 1u << 3;
    ops.cluster = cluster_new(&options);
    ops.cluster->trace = getenv("CRAFT_TRACE") != NULL;
    ops.cluster->blind = true;
    ops.cluster->watch = forward_watch;
    ops.cluster->watch_data = &forwarded;
    ops_begin(&ops);
    while (ops.in.len > 0) {
        uint32_t how = fuzz_byte(&ops.in);

        if (how < 96) {
            ops_step(&ops);
        } else if (ops_is_up(&ops, 1)) {
            message_step(&ops);
        }
        (void)cluster_drop(ops.cluster, all);
    }
    cluster_free(ops.cluster);
    return 0;
}
