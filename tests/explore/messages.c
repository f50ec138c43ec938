/* Messages and entries as the few bytes that a world keeps of them. */
#include "explore.h"

static uint8_t blob[256]; /* the configuration: there is one */
static size_t blob_len;

static uint8_t commands[LOG_MAX + 1][COMMAND_LONG];

const uint8_t *command_of(uint8_t what)
{
    uint8_t *command = commands[what - WHAT_COMMAND];

    if (command[0] == 0) {
        memset(command, 'a' + what - WHAT_COMMAND, COMMAND_LONG);
    }
    return command;
}

size_t command_len(void)
{
    return options.fetch ? COMMAND_LONG : 1;
}

struct thing thing_of(const craft_entry *entry)
{
    struct thing thing = {(uint8_t)entry->term, WHAT_NOOP};

    if (entry->kind == CRAFT_ENTRY_COMMAND) {
        thing.what = (uint8_t)(entry->data[0] - 'a' + WHAT_COMMAND);
    } else if (entry->kind == CRAFT_ENTRY_CONFIGURATION) {
        thing.what = WHAT_CONFIGURATION;
        if (blob_len == 0 && entry->data_len <= sizeof blob) {
            blob_len = entry->data_len;
            memcpy(blob, entry->data, blob_len);
        }
    }
    return thing;
}

void entry_open(craft_entry *entry, craft_index index,
                const struct thing *thing)
{
    memset(entry, 0, sizeof *entry);
    entry->index = index;
    entry->term = thing->term;
    if (thing->what == WHAT_NOOP) {
        entry->kind = CRAFT_ENTRY_NOOP;
    } else if (thing->what == WHAT_CONFIGURATION) {
        entry->kind = CRAFT_ENTRY_CONFIGURATION;
        entry->data = blob;
        entry->data_len = blob_len;
    } else {
        entry->kind = CRAFT_ENTRY_COMMAND;
        entry->data = command_of(thing->what);
        entry->data_len = command_len();
    }
}

static uint64_t first_number[SERVERS_MAX + 1]; /* of each life, by id */

void numbers_begin(craft_id id, uint64_t number)
{
    first_number[id] = number;
}

uint8_t number_of(craft_id id, uint64_t number)
{
    return number == 0 ? 0 : (uint8_t)(number - first_number[id] + 1);
}

static uint64_t number_open(craft_id id, uint8_t number)
{
    return number == 0 ? 0 : first_number[id] + number - 1;
}

static void forward_of(const craft_message *message, struct letter *letter)
{
    const craft_forward *forward = &message->as.forward;

    letter->number[0] = (uint8_t)forward->session;
    letter->number[1] = number_of(message->from, forward->number);
    letter->len = (uint8_t)forward->entries_len;
    for (size_t i = 0; i < forward->entries_len && i < LOG_MAX; i++) {
        letter->things[i] = thing_of(&forward->entries[i]);
    }
}

/* But for the reason, which nothing follows from. */
static void forward_reply_of(const craft_message *message,
                             struct letter *letter)
{
    const craft_forward_reply *reply = &message->as.forward_reply;

    letter->verdict = (uint8_t)reply->verdict;
    letter->number[0] = (uint8_t)reply->session;
    letter->number[1] = number_of(message->to, reply->number);
    letter->number[2] = (uint8_t)reply->index;
    letter->number[3] = number_of(message->to, reply->closed);
    letter->number[4] = (uint8_t)reply->count;
}

static void append_of(const craft_append *append, struct letter *letter)
{
    letter->number[0] = (uint8_t)append->prev_index;
    letter->number[1] = (uint8_t)append->prev_term;
    letter->number[2] = (uint8_t)append->commit;
    letter->len = (uint8_t)append->entries_len;
    for (size_t i = 0; i < append->entries_len && i < LOG_MAX; i++) {
        letter->things[i] = thing_of(&append->entries[i]);
    }
}

void letter_of(const craft_message *message, struct letter *letter)
{
    const craft_append_reply *reply = &message->as.append_reply;

    memset(letter, 0, sizeof *letter);
    letter->kind = (uint8_t)message->kind;
    letter->from = (uint8_t)message->from;
    letter->to = (uint8_t)message->to;
    letter->term = (uint8_t)message->term;
    letter->round = (uint8_t)message->round;
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        letter->number[0] = (uint8_t)message->as.vote.last_index;
        letter->number[1] = (uint8_t)message->as.vote.last_term;
        letter->number[2] = (uint8_t)message->as.vote.flags;
        break;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        letter->number[0] = (uint8_t)message->as.timeout_now.last_index;
        letter->number[1] = (uint8_t)message->as.timeout_now.last_term;
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        letter->number[0] = (uint8_t)message->as.vote_reply.granted;
        break;
    case CRAFT_MESSAGE_APPEND:
        append_of(&message->as.append, letter);
        break;
    case CRAFT_MESSAGE_APPEND_REPLY:
        letter->number[0] = (uint8_t)reply->rejected;
        letter->number[1] = (uint8_t)reply->match_index;
        letter->number[2] = (uint8_t)reply->rejected_index;
        letter->number[3] = (uint8_t)reply->hint_index;
        letter->number[4] = (uint8_t)reply->hint_term;
        break;
    case CRAFT_MESSAGE_FORWARD:
        forward_of(message, letter);
        break;
    case CRAFT_MESSAGE_FORWARD_REPLY:
        forward_reply_of(message, letter);
        break;
    default:
        explore_break("explore: a kind of message that it does not know");
        break;
    }
}

static void append_open(const struct letter *letter, craft_append *append,
                        craft_entry *entries)
{
    append->prev_index = letter->number[0];
    append->prev_term = letter->number[1];
    append->commit = letter->number[2];
    append->entries = entries;
    append->entries_len = letter->len;
    for (uint8_t i = 0; i < letter->len; i++) {
        entry_open(&entries[i], append->prev_index + 1 + i, &letter->things[i]);
    }
}

static void forward_open(const struct letter *letter, craft_forward *forward,
                         craft_entry *entries)
{
    forward->session = letter->number[0];
    forward->number = number_open(letter->from, letter->number[1]);
    forward->entries = letter->len > 0 ? entries : NULL;
    forward->entries_len = letter->len;
    for (uint8_t i = 0; i < letter->len; i++) {
        entry_open(&entries[i], 0, &letter->things[i]);
    }
}

static void forward_reply_open(const struct letter *letter,
                               craft_forward_reply *reply)
{
    reply->verdict = letter->verdict;
    reply->session = letter->number[0];
    reply->number = number_open(letter->to, letter->number[1]);
    reply->index = letter->number[2];
    reply->closed = number_open(letter->to, letter->number[3]);
    reply->count = letter->number[4];
}

void letter_open(const struct letter *letter, craft_message *message,
                 craft_entry *entries)
{
    craft_append_reply *reply = &message->as.append_reply;

    memset(message, 0, sizeof *message);
    message->struct_size = (uint32_t)sizeof *message;
    message->kind = letter->kind;
    message->from = letter->from;
    message->to = letter->to;
    message->term = letter->term;
    message->round = letter->round;
    switch (letter->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        message->as.vote.last_index = letter->number[0];
        message->as.vote.last_term = letter->number[1];
        message->as.vote.flags = letter->number[2];
        break;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        message->as.timeout_now.last_index = letter->number[0];
        message->as.timeout_now.last_term = letter->number[1];
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        message->as.vote_reply.granted = letter->number[0];
        break;
    case CRAFT_MESSAGE_APPEND:
        append_open(letter, &message->as.append, entries);
        break;
    case CRAFT_MESSAGE_FORWARD:
        forward_open(letter, &message->as.forward, entries);
        break;
    case CRAFT_MESSAGE_FORWARD_REPLY:
        forward_reply_open(letter, &message->as.forward_reply);
        break;
    default:
        reply->rejected = letter->number[0];
        reply->match_index = letter->number[1];
        reply->rejected_index = letter->number[2];
        reply->hint_index = letter->number[3];
        reply->hint_term = letter->number[4];
        break;
    }
}
