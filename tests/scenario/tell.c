/* What happens, as lines of text. */
#include <stdio.h>
#include <string.h>

#include "story.h"

#define LINE_MAX_BYTES 2048u

struct story *story_of(struct cluster *cluster)
{
    return cluster->options.data;
}

const char *tell_error(int error)
{
    const char *name = error != 0 ? craft_error_name(error) : "ok";
    const char *prefix = "CRAFT_ERR_";

    return strncmp(name, prefix, strlen(prefix)) == 0 ? name + strlen(prefix)
                                                      : name;
}

const char *tell_role(uint32_t role)
{
    static const char *const names[] = {"follower", "candidate", "leader",
                                        "pre_candidate"};

    return role < sizeof names / sizeof names[0] ? names[role] : "?";
}

const char *tell_ending(int ending)
{
    static const char *const names[] = {"ok", "nospace", "error"};

    return ending >= 0 && ending <= CRAFT_ENDING_ERROR ? names[ending] : "?";
}

void tell_bytes(const uint8_t *bytes, size_t len, char *text, size_t size)
{
    craft_entry entry = {
        .kind = CRAFT_ENTRY_COMMAND, .data = bytes, .data_len = len};
    craft_effect effect = {
        .kind = CRAFT_EFFECT_APPLY, .entries = &entry, .entries_len = 1};
    char line[256];
    char *end;

    /* apply [0@0 "..."] */
    (void)craft_describe_effect(&effect, line, sizeof line);
    end = strrchr(line, ']');
    if (end != NULL) {
        *end = '\0';
    }
    (void)snprintf(text, size, "%s", line + strlen("apply [0@0 "));
}

const char *tell_payload(char *line)
{
    static const struct {
        const char *begin;
        size_t kept;
    } drawn[] = {{" question=", 0}, {" number=", 0},  {" opened=", 7},
                 {" taken=", 6},    {" refused=", 8}, {" closed=", 7}};
    char *at;

    for (size_t i = 0; i < sizeof drawn / sizeof drawn[0]; i++) {
        at = strstr(line, drawn[i].begin);
        if (at != NULL) {
            size_t len = strcspn(at + 1, " ") + 1;

            at += drawn[i].kept;
            len -= drawn[i].kept;
            memmove(at, at + len, strlen(at + len) + 1);
        }
    }
    at = strstr(line, " -> ");
    at = at != NULL ? strchr(at + 4, ' ') : NULL;
    return at != NULL ? at + 1 : line;
}

void tell_kind(uint32_t kind, char *text, size_t size)
{
    craft_message message = {.kind = kind};
    char line[LINE_MAX_BYTES];
    const char *name;

    (void)craft_describe_message(&message, line, sizeof line);
    name = tell_payload(line);
    (void)snprintf(text, size, "%.*s", (int)strcspn(name, " "), name);
}

void tell_message(const struct story *story,
                  const struct cluster_message *message, char *text,
                  size_t size)
{
    char line[LINE_MAX_BYTES];

    (void)story;
    cluster_describe(message, line, sizeof line);
    (void)snprintf(text, size, "%s", tell_payload(line));
}

/* ----------------------------------------------------------------- effects */

static void tell_send(struct story *story, uint32_t from,
                      const craft_message *message)
{
    uint32_t to = cluster_position(story->cluster, message->to);
    bool cut = (story->cluster->cut[from] >> to & 1u) != 0;
    char line[LINE_MAX_BYTES];

    (void)craft_describe_message(message, line, sizeof line);
    if (to == 0) {
        story_tell(story, "%u -> id %llu %s", from,
                   (unsigned long long)message->to, tell_payload(line));
        return;
    }
    story->rounds[from][to] = message->round;
    if (message->kind == CRAFT_MESSAGE_READ) {
        story->questions[from] = message->as.read.question;
    }
    story_tell(story, "%u -> %u %s%s", from, to, tell_payload(line),
               cut ? " (cut)" : "");
}

static void tell_event(struct story *story, uint32_t position,
                       const craft_event *event)
{
    uint32_t other = cluster_position(story->cluster, event->id);

    if (event->kind == CRAFT_EVENT_REFUSED) {
        story_tell(story, "%u event: refused %s from %u", position,
                   tell_error(event->value), other);
    } else if (event->kind == CRAFT_EVENT_SNAPSHOT) {
        story_tell(story, "%u event: snapshot %s", position,
                   tell_ending(event->value));
    } else if (event->kind == CRAFT_EVENT_STORAGE ||
               event->kind == CRAFT_EVENT_FETCH) {
        story_tell(story, "%u event: %s %s", position,
                   event->kind == CRAFT_EVENT_FETCH ? "fetch" : "storage",
                   tell_ending(event->value));
    } else if (event->kind == CRAFT_EVENT_FORWARD) {
        story_tell(story, "%u event: forwarded to %u in vain: %s", position,
                   other, event->value != 0 ? tell_error(event->value) : "-");
    } else if (event->kind == CRAFT_EVENT_TRANSFER) {
        story_tell(story, "%u event: hands over to %u", position, other);
    } else if (event->kind == CRAFT_EVENT_TRANSFER_ENDED) {
        story_tell(story, "%u event: hand-over to %u %s", position, other,
                   tell_result(event->value));
    }
}

static const char *stalled(uint32_t mode)
{
    return mode == CLUSTER_ENDS_WHEN_TOLD ? " (open)" : "";
}

const char *tell_result(int result)
{
    static const char *const names[] = {"ok",      "superseded", "unknown",
                                        "timeout", "retry",      "refused"};

    return result >= 0 && (size_t)result < sizeof names / sizeof names[0]
               ? names[result]
               : "?";
}

static void tell_done(struct story *story, uint32_t position,
                      const craft_effect *effect)
{
    uint64_t token = effect->token;

    story_tell(story, "%u done %s %s, index %llu", position,
               token > 0 && token <= story->commands_len
                   ? story->commands[token - 1]
                   : "?",
               tell_result(effect->result), (unsigned long long)effect->index);
}

void tell_effect(struct cluster_node *node, const craft_effect *effect)
{
    struct story *story = story_of(node->cluster);
    uint32_t position = node->position;
    char line[LINE_MAX_BYTES];

    /* A founding tells nothing. */
    if (story->cluster == NULL) {
        return;
    }
    story_look(story, position);
    switch (effect->kind) {
    case CRAFT_EFFECT_SEND:
        tell_send(story, position, effect->message);
        break;
    case CRAFT_EFFECT_DONE:
        tell_done(story, position, effect);
        break;
    case CRAFT_EFFECT_EVENT:
        tell_event(story, position, effect->event);
        break;
    case CRAFT_EFFECT_PERSIST:
        (void)craft_describe_effect(effect, line, sizeof line);
        story_tell(story, "%u %s%s", position, line,
                   node->disk_full && effect->persist->entries_len > 0
                       ? " (full)"
                       : stalled(node->persist_ends));
        break;
    case CRAFT_EFFECT_SNAPSHOT_READ:
    case CRAFT_EFFECT_SNAPSHOT_WRITE:
        (void)craft_describe_effect(effect, line, sizeof line);
        story_tell(story, "%u %s%s", position, line, stalled(node->parts_end));
        break;
    default:
        (void)craft_describe_effect(effect, line, sizeof line);
        story_tell(story, "%u %s%s", position, line,
                   stalled(effect->kind == CRAFT_EFFECT_FETCH
                               ? node->fetch_ends
                               : node->apply_ends));
        break;
    }
}
