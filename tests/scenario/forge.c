/* Messages from peers that are not real, and what no peer sends. */
#include <stdlib.h>
#include <string.h>

#include "table.h"

/* ---------------------------------------------------------------- entries */

#define FILLER_MAX 4096u

/* INDEX@TERM, then :"data", :bytes=K of the filler, :noop, :KIND or nothing. */
static bool entry_read(char *text, const uint8_t *filler, craft_entry *entry)
{
    char *what = strchr(text, ':');
    char *term = strchr(text, '@');
    uint64_t bytes = 0;

    memset(entry, 0, sizeof *entry);
    entry->kind = CRAFT_ENTRY_COMMAND;
    if (what != NULL) {
        *what = '\0';
        what++;
    }
    if (term == NULL) {
        return false;
    }
    *term = '\0';
    if (!number_read(text, &entry->index) ||
        !number_read(term + 1, &entry->term)) {
        return false;
    }
    if (what == NULL) {
        return true;
    }
    if (strcmp(what, "noop") == 0) {
        entry->kind = CRAFT_ENTRY_NOOP;
        return true;
    }
    if (*what == '"') {
        entry->data_len = string_read(what);
        entry->data = (const uint8_t *)what;
        return entry->data_len != SIZE_MAX;
    }
    if (strncmp(what, "bytes=", 6) == 0) {
        entry->data = filler;
        return number_read(what + 6, &bytes) &&
               (entry->data_len = (size_t)bytes) <= FILLER_MAX;
    }
    /* Any kind, with nothing in it. */
    entry->kind = (uint32_t)strtoul(what, &what, 10);
    return *what == '\0';
}

craft_entry *forge_entries(struct words *words, const char *key,
                           size_t *entries_len)
{
    struct word *word = words_key(words, key);
    size_t size = WORD_ITEMS_MAX * sizeof(craft_entry);
    craft_entry *entries = calloc(1, size + FILLER_MAX);
    uint8_t *filler = (uint8_t *)(entries + WORD_ITEMS_MAX);
    char *items[WORD_ITEMS_MAX];
    size_t len;

    if (entries == NULL) {
        abort();
    }
    memset(filler, 'z', FILLER_MAX);
    *entries_len = 0;
    if (word == NULL) {
        return entries;
    }
    len = word_items(words, word, items);
    for (size_t i = 0; i < len; i++) {
        if (!entry_read(items[i], filler, &entries[i])) {
            words_fault(words, "not an INDEX@TERM[:\"DATA\"|:noop]", items[i]);
        }
    }
    *entries_len = len;
    return entries;
}

/* ---------------------------------------------------------------- payloads */

static void take_vote(struct words *words, craft_message *message)
{
    craft_vote *vote = &message->as.vote;

    (void)words_place(words, "last", &vote->last_index, &vote->last_term);
    vote->flags = (uint32_t)words_number(words, "flags", 0);
}

static void take_vote_reply(struct words *words, craft_message *message)
{
    message->as.vote_reply.granted =
        (uint32_t)words_number(words, "granted", 0);
    if (words_flag(words, "granted")) {
        message->as.vote_reply.granted = 1;
    }
    (void)words_flag(words, "refused");
}

static void take_timeout_now(struct words *words, craft_message *message)
{
    craft_timeout_now *order = &message->as.timeout_now;

    (void)words_place(words, "last", &order->last_index, &order->last_term);
}

static void take_read(struct words *words, craft_message *message)
{
    message->as.read.question = words_number(words, "question", 1);
}

/* The question is set when the addressee is known. */
static void take_read_reply(struct words *words, craft_message *message)
{
    message->as.read_reply.index = words_number(words, "index", 0);
}

static void take_append(struct words *words, craft_message *message)
{
    craft_append *append = &message->as.append;

    (void)words_place(words, "prev", &append->prev_index, &append->prev_term);
    append->commit = words_number(words, "commit", 0);
    append->entries = forge_entries(words, "entries", &append->entries_len);
}

static void take_append_reply(struct words *words, craft_message *message)
{
    craft_append_reply *reply = &message->as.append_reply;
    uint64_t rejected = words_number(words, "rejected", UINT64_MAX);

    reply->match_index = words_number(words, "match", 0);
    reply->promise_ms = (uint32_t)words_number(words, "promise", 0);
    reply->priority = (uint32_t)words_number(words, "priority", 0);
    (void)words_place(words, "hint", &reply->hint_index, &reply->hint_term);
    if (rejected != UINT64_MAX) {
        reply->rejected = 1;
        reply->rejected_index = rejected;
    }
}

struct payload {
    const char *name;
    uint32_t kind;
    void (*take)(struct words *words, craft_message *message);
};

static const struct payload payloads[] = {
    {"vote", CRAFT_MESSAGE_VOTE, take_vote},
    {"vote_reply", CRAFT_MESSAGE_VOTE_REPLY, take_vote_reply},
    {"pre_vote", CRAFT_MESSAGE_PRE_VOTE, take_vote},
    {"pre_vote_reply", CRAFT_MESSAGE_PRE_VOTE_REPLY, take_vote_reply},
    {"timeout_now", CRAFT_MESSAGE_TIMEOUT_NOW, take_timeout_now},
    {"read", CRAFT_MESSAGE_READ, take_read},
    {"read_reply", CRAFT_MESSAGE_READ_REPLY, take_read_reply},
    {"append", CRAFT_MESSAGE_APPEND, take_append},
    {"append_reply", CRAFT_MESSAGE_APPEND_REPLY, take_append_reply},
};

static void take_payload(struct words *words, craft_message *message)
{
    const struct word *name = words_next(words);

    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        if (name != NULL && strcmp(payloads[i].name, name->value) == 0) {
            message->kind = payloads[i].kind;
            payloads[i].take(words, message);
            return;
        }
    }
    words_fault(words, "no kind of message", name != NULL ? name->value : "");
}

/* -------------------------------------------------------------------- recv */

/* The sender's position, or 0 for one outside of the cluster. */
static uint32_t take_from(struct story *story, struct words *words,
                          const struct cluster_node *node,
                          craft_message *message)
{
    const struct word *from = words_key(words, "from");
    uint32_t position = 0;

    message->from = words_number(words, "from-id", 0);
    if (from != NULL && story_position(story, from->value, &position)) {
        message->from = story->cluster->nodes[position].id;
        message->round = story->rounds[node->position][position];
    } else if (from != NULL || message->from == 0) {
        words_fault(words, "there is no server",
                    from != NULL ? from->value : "from=");
    }
    return position;
}

static void take_header(struct words *words, craft_message *message)
{
    message->round = words_number(words, "round", message->round);
    message->term = words_number(words, "term", 0);
    message->group = words_number(words, "group", message->group);
    message->to = words_number(words, "to-id", message->to);
    message->from_incarnation = words_number(words, "incarnation", 0);
    message->kind = (uint32_t)words_number(words, "kind", message->kind);
    message->struct_size =
        (uint32_t)words_number(words, "struct-size", message->struct_size);
}

static void tell_received(struct story *story, uint32_t to, uint32_t from,
                          const craft_message *message)
{
    char line[2048];

    (void)craft_describe_message(message, line, sizeof line);
    if (from == 0) {
        story_tell(story, "%u <- id %llu %s", to,
                   (unsigned long long)message->from, tell_payload(line));
    } else {
        story_tell(story, "%u <- %u %s", to, from, tell_payload(line));
    }
}

/* Entries that no message may leave behind: the array, not their data. */
static void entries_free(const craft_entry *entries)
{
    union {
        const craft_entry *given;
        craft_entry *own;
    } array = {.given = entries};

    free(array.own);
}

void forge_recv(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    craft_message message;
    bool hostile = words_flag(words, "hostile");
    const craft_entry *entries = NULL;
    uint32_t from;

    memset(&message, 0, sizeof message);
    message.struct_size = sizeof message;
    message.group = story->cluster->options.config.group;
    message.to = node->id;
    from = take_from(story, words, node, &message);
    take_payload(words, &message);
    if (message.kind == CRAFT_MESSAGE_APPEND) {
        entries = message.as.append.entries;
    }
    if (message.kind == CRAFT_MESSAGE_READ_REPLY) {
        message.as.read_reply.question =
            words_number(words, "question", story->questions[node->position]);
    }
    take_header(words, &message);
    if (!hostile && (from == 0 || !story->cluster->nodes[from].puppet)) {
        words_fault(words, "not a puppet, add `hostile`", "from");
    }
    if (story_ready(story, words)) {
        tell_received(story, node->position, from, &message);
        story_result(story, node->position,
                     hostile ? cluster_inject_hostile(story->cluster,
                                                      node->position, &message)
                             : cluster_inject(story->cluster, &message));
    }
    entries_free(entries);
}

/* ------------------------------------------------------------------- bytes */

/* "\x01.." or hex digits. */
static size_t bytes_read(struct words *words, const struct word *word,
                         uint8_t *bytes, size_t max)
{
    size_t len = word->value_len / 2;

    if (word->quoted) {
        len = word->value_len < max ? word->value_len : max;
        memcpy(bytes, word->value, len);
        return len;
    }
    for (size_t i = 0; i < len && i < max; i++) {
        char pair[3] = {word->value[2 * i], word->value[2 * i + 1], '\0'};
        char *end = NULL;

        bytes[i] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2) {
            words_fault(words, "not hex digits", pair);
        }
    }
    return len < max ? len : max;
}

void forge_bytes(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    const struct word *word = words_next(words);
    uint8_t bytes[4096];
    size_t len = 0;

    if (word == NULL) {
        words_fault(words, "which bytes", "recv-bytes");
    } else {
        len = bytes_read(words, word, bytes, sizeof bytes);
    }
    if (story_ready(story, words)) {
        story_result(
            story, node->position,
            cluster_inject_bytes(story->cluster, node->position, bytes, len));
    }
}
