/* One line of text for a struct, for logs and tests. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/explain.h"

/* A line that grows to its whole length, of which `size` bytes are kept. */
struct line {
    char *text;
    size_t size;
    size_t len;
};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
line_add(struct line *line, const char *format, ...)
{
    bool room = line->len < line->size;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(room ? line->text + line->len : NULL,
                    room ? line->size - line->len : 0, format, args);
    va_end(args);
    CRAFT_ASSERT(len >= 0); /* these formats cannot fail */
    line->len += (size_t)len;
}

static struct line line_begin(char *text, size_t size)
{
    struct line line = {text, size, 0};

    if (size > 0) {
        text[0] = '\0';
    }
    return line;
}

#define NAMES_LEN(names) (sizeof(names) / sizeof((names)[0]))

static const char *name_of(const char *const *names, size_t names_len,
                           uint32_t value)
{
    return value < names_len ? names[value] : "?";
}

static const char *const role_names[] = {"follower", "candidate", "leader",
                                         "pre_candidate"};

static const char *const event_names[] = {
    "role",    "leader", "term",     "configuration",  "peer",     "storage",
    "refused", "fetch",  "transfer", "transfer_ended", "snapshot", "forward",
};

#define DATA_SHOWN 24u

/* Printable bytes as they are, up to a few; the rest as a count. */
static void describe_data(struct line *line, const uint8_t *data,
                          size_t data_len)
{
    line_add(line, " \"");
    for (size_t i = 0; i < data_len && i < DATA_SHOWN; i++) {
        bool plain =
            data[i] >= 32 && data[i] < 127 && data[i] != '"' && data[i] != '\\';

        line_add(line, plain ? "%c" : "\\x%02x", data[i]);
    }
    line_add(line, "\"");
    if (data_len > DATA_SHOWN) {
        line_add(line, "+%zu", data_len - DATA_SHOWN);
    }
}

static void describe_entries(struct line *line, const craft_entry *entries,
                             size_t entries_len)
{
    line_add(line, " [");
    for (size_t i = 0; i < entries_len; i++) {
        const craft_entry *entry = &entries[i];

        line_add(line, "%s%" PRIu64 "@%" PRIu64, i > 0 ? " " : "", entry->index,
                 entry->term);
        if (entry->kind == CRAFT_ENTRY_NOOP) {
            line_add(line, " noop");
        } else if (entry->kind == CRAFT_ENTRY_CONFIGURATION) {
            line_add(line, " configuration");
        } else {
            describe_data(line, entry->data, entry->data_len);
        }
    }
    line_add(line, "]");
}

static void describe_forward(struct line *line, const craft_message *message)
{
    const craft_forward *forward = &message->as.forward;

    line_add(line, "forward t%" PRIu64 " session=%" PRIu64 " number=%" PRIu64,
             message->term, forward->session, forward->number);
    if (forward->entries_len == 0) {
        line_add(line, " open");
        return;
    }
    line_add(line, " [");
    for (size_t i = 0; i < forward->entries_len; i++) {
        line_add(line, "%s", i > 0 ? "," : "");
        describe_data(line, forward->entries[i].data,
                      forward->entries[i].data_len);
    }
    line_add(line, " ]");
}

static void describe_forward_reply(struct line *line,
                                   const craft_message *message)
{
    static const char *const names[] = {"?", "opened", "taken", "refused"};
    const craft_forward_reply *reply = &message->as.forward_reply;

    line_add(line, "forward_reply t%" PRIu64 " session=%" PRIu64 " %s=%" PRIu64,
             message->term, reply->session,
             name_of(names, NAMES_LEN(names), reply->verdict), reply->number);
    if (reply->verdict == CRAFT_FORWARD_TAKEN) {
        line_add(line, " count=%" PRIu32 " index=%" PRIu64, reply->count,
                 reply->index);
    } else if (reply->closed != 0) {
        line_add(line, " closed=%" PRIu64, reply->closed);
    } else if (reply->reason != 0) {
        line_add(line, " reason=-%" PRIu32, reply->reason);
    }
}

static void describe_part(struct line *line, const craft_snapshot_part *part,
                          craft_term term)
{
    line_add(line,
             "snapshot t%" PRIu64 " %" PRIu64 "@%" PRIu64 " size=%" PRIu64,
             term, part->index, part->term, part->size);
    if (part->data_len == 0) {
        line_add(line, " offered");
        return;
    }
    line_add(line, " offset=%" PRIu64 " len=%zu", part->offset, part->data_len);
}

static void describe_part_reply(struct line *line,
                                const craft_snapshot_reply *reply,
                                craft_term term)
{
    line_add(line,
             "snapshot_reply t%" PRIu64 " %" PRIu64 "@%" PRIu64
             " offset=%" PRIu64 " written=%" PRIu64 "%s",
             term, reply->index, reply->term, reply->offset, reply->written,
             reply->gap != 0 ? " gap" : "");
}

static void describe_other(struct line *line, const craft_message *message)
{
    if (message->kind == CRAFT_MESSAGE_FORWARD) {
        describe_forward(line, message);
    } else if (message->kind == CRAFT_MESSAGE_FORWARD_REPLY) {
        describe_forward_reply(line, message);
    } else if (message->kind == CRAFT_MESSAGE_SNAPSHOT) {
        describe_part(line, &message->as.snapshot, message->term);
    } else if (message->kind == CRAFT_MESSAGE_SNAPSHOT_REPLY) {
        describe_part_reply(line, &message->as.snapshot_reply, message->term);
    } else {
        line_add(line, "kind %" PRIu32, message->kind);
    }
}

static void describe_payload(struct line *line, const craft_message *message)
{
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        line_add(line, "%svote t%" PRIu64 " last=%" PRIu64 "@%" PRIu64,
                 message->kind == CRAFT_MESSAGE_VOTE ? "" : "pre_",
                 message->term, message->as.vote.last_index,
                 message->as.vote.last_term);
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        line_add(line, "%svote_reply t%" PRIu64 " %s",
                 message->kind == CRAFT_MESSAGE_VOTE_REPLY ? "" : "pre_",
                 message->term,
                 message->as.vote_reply.granted != 0 ? "granted" : "refused");
        break;
    case CRAFT_MESSAGE_READ:
        line_add(line, "read t%" PRIu64 " question=%" PRIu64, message->term,
                 message->as.read.question);
        break;
    case CRAFT_MESSAGE_READ_REPLY:
        line_add(line,
                 "read_reply t%" PRIu64 " question=%" PRIu64 " index=%" PRIu64,
                 message->term, message->as.read_reply.question,
                 message->as.read_reply.index);
        break;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        line_add(line, "timeout_now t%" PRIu64 " last=%" PRIu64 "@%" PRIu64,
                 message->term, message->as.timeout_now.last_index,
                 message->as.timeout_now.last_term);
        break;
    case CRAFT_MESSAGE_APPEND:
        line_add(line,
                 "append t%" PRIu64 " prev=%" PRIu64 "@%" PRIu64
                 " commit=%" PRIu64,
                 message->term, message->as.append.prev_index,
                 message->as.append.prev_term, message->as.append.commit);
        if (message->as.append.entries_len > 0) {
            describe_entries(line, message->as.append.entries,
                             message->as.append.entries_len);
        }
        break;
    case CRAFT_MESSAGE_APPEND_REPLY:
        line_add(line, "append_reply t%" PRIu64, message->term);
        if (message->as.append_reply.rejected != 0) {
            line_add(line, " rejected=%" PRIu64 " hint=%" PRIu64 "@%" PRIu64,
                     message->as.append_reply.rejected_index,
                     message->as.append_reply.hint_index,
                     message->as.append_reply.hint_term);
        } else {
            line_add(line, " match=%" PRIu64,
                     message->as.append_reply.match_index);
        }
        if (message->as.append_reply.promise_ms != 0) {
            line_add(line, " promise=%" PRIu32,
                     message->as.append_reply.promise_ms);
        }
        if (message->as.append_reply.priority != 0) {
            line_add(line, " priority=%" PRIu32,
                     message->as.append_reply.priority);
        }
        break;
    default:
        describe_other(line, message);
        break;
    }
}

size_t craft_describe_message(const craft_message *message, char *text,
                              size_t size)
{
    struct line line = line_begin(text, size);

    line_add(&line, "%" PRIu64 " -> %" PRIu64 " ", message->from, message->to);
    describe_payload(&line, message);
    return line.len;
}

static void describe_record(struct line *line, const craft_persist *persist)
{
    line_add(line, "persist #%" PRIu64, persist->ticket);
    if ((persist->flags & CRAFT_PERSIST_HARD_STATE) != 0) {
        line_add(line, " term=%" PRIu64 " vote=%" PRIu64, persist->term,
                 persist->voted_for);
    }
    if ((persist->flags & CRAFT_PERSIST_TRUNCATE) != 0) {
        line_add(line, " truncate=%" PRIu64, persist->truncate_from);
    }
    if ((persist->flags & CRAFT_PERSIST_SNAPSHOT) != 0) {
        line_add(line, " snapshot=%" PRIu64 "@%" PRIu64,
                 persist->snapshot->index, persist->snapshot->term);
    }
    if ((persist->flags & CRAFT_PERSIST_ENTRIES) != 0) {
        describe_entries(line, persist->entries, persist->entries_len);
    }
    if ((persist->flags & CRAFT_PERSIST_COMPACT) != 0) {
        line_add(line, " keep=%" PRIu64, persist->keep_from);
    }
}

size_t craft_describe_persist(const craft_persist *persist, char *text,
                              size_t size)
{
    struct line line = line_begin(text, size);

    describe_record(&line, persist);
    return line.len;
}

static void describe_event_line(struct line *line, const craft_event *event)
{
    line_add(line, "event %s",
             name_of(event_names, NAMES_LEN(event_names), event->kind));
    if (event->kind == CRAFT_EVENT_ROLE) {
        line_add(
            line, " %s",
            name_of(role_names, NAMES_LEN(role_names), (uint32_t)event->value));
    } else if (event->value != 0) {
        line_add(line, " value=%" PRId32, event->value);
    }
    line_add(line, " id=%" PRIu64 " term=%" PRIu64 " index=%" PRIu64, event->id,
             event->term, event->index);
    if (event->count > 1) {
        line_add(line, " count=%" PRIu32, event->count);
    }
}

size_t craft_describe_event(const craft_event *event, char *text, size_t size)
{
    struct line line = line_begin(text, size);

    describe_event_line(&line, event);
    return line.len;
}

static const char *result_name(int32_t result)
{
    static const char *const names[] = {"ok",      "superseded", "unknown",
                                        "timeout", "retry",      "refused"};

    return name_of(names, NAMES_LEN(names), (uint32_t)result);
}

static void describe_write(struct line *line, const craft_snapshot_write *write)
{
    line_add(line,
             "snapshot_write #%" PRIu64 " %" PRIu64 "@%" PRIu64
             " offset=%" PRIu64 " len=%zu%s%s",
             write->ticket, write->snapshot->index, write->snapshot->term,
             write->offset, write->data_len,
             (write->flags & CRAFT_SNAPSHOT_WRITE_FIRST) != 0 ? " first" : "",
             (write->flags & CRAFT_SNAPSHOT_WRITE_LAST) != 0 ? " last" : "");
}

size_t craft_describe_effect(const craft_effect *effect, char *text,
                             size_t size)
{
    struct line line = line_begin(text, size);

    switch (effect->kind) {
    case CRAFT_EFFECT_SEND:
        line_add(&line, "%" PRIu64 " -> %" PRIu64 " ", effect->message->from,
                 effect->message->to);
        describe_payload(&line, effect->message);
        break;
    case CRAFT_EFFECT_PERSIST:
        describe_record(&line, effect->persist);
        break;
    case CRAFT_EFFECT_FETCH:
        line_add(&line, "fetch #%" PRIu64 " from %" PRIu64 " max %zu",
                 effect->fetch->ticket, effect->fetch->first,
                 effect->fetch->entries_max);
        break;
    case CRAFT_EFFECT_APPLY:
        line_add(&line, "apply");
        describe_entries(&line, effect->entries, effect->entries_len);
        break;
    case CRAFT_EFFECT_DONE:
        line_add(&line, "done token=%" PRIu64 " %s index=%" PRIu64,
                 effect->token, result_name(effect->result), effect->index);
        break;
    case CRAFT_EFFECT_EVENT:
        describe_event_line(&line, effect->event);
        break;
    case CRAFT_EFFECT_SNAPSHOT_READ:
        line_add(&line,
                 "snapshot_read #%" PRIu64 " %" PRIu64 "@%" PRIu64
                 " offset=%" PRIu64 " max %zu",
                 effect->snapshot_read->ticket,
                 effect->snapshot_read->snapshot->index,
                 effect->snapshot_read->snapshot->term,
                 effect->snapshot_read->offset,
                 effect->snapshot_read->bytes_max);
        break;
    case CRAFT_EFFECT_SNAPSHOT_WRITE:
        describe_write(&line, effect->snapshot_write);
        break;
    case CRAFT_EFFECT_INSTALL:
        line_add(&line, "install %" PRIu64 "@%" PRIu64, effect->snapshot->index,
                 effect->snapshot->term);
        break;
    default:
        line_add(&line, "effect %" PRIu32, effect->kind);
        break;
    }
    return line.len;
}

size_t craft_describe_status(const craft_status *status, char *text,
                             size_t size)
{
    struct line line = line_begin(text, size);

    line_add(
        &line, "%" PRIu64 " %s t%" PRIu64 " leader=%" PRIu64 " vote=%" PRIu64,
        status->id, name_of(role_names, NAMES_LEN(role_names), status->role),
        status->term, status->leader, status->voted_for);
    line_add(&line,
             " last=%" PRIu64 "@%" PRIu64 " durable=%" PRIu64 " commit=%" PRIu64
             " applied=%" PRIu64,
             status->last_index, status->last_term, status->durable_index,
             status->commit_index, status->applied_index);
    if ((status->flags & CRAFT_STATUS_HALTED) != 0) {
        line_add(&line, " halted");
    } else if ((status->flags & CRAFT_STATUS_STOPPED) != 0) {
        line_add(&line, " stopped");
    }
    if ((status->flags & CRAFT_STATUS_DISK_FULL) != 0) {
        line_add(&line, " disk full");
    }
    return line.len;
}

/* What is 0 is not spoken of. */
static void describe_number(struct line *line, const char *name, uint64_t value)
{
    if (value != 0) {
        line_add(line, " %s=%" PRIu64, name, value);
    }
}

static void describe_servers(struct line *line,
                             const craft_explanation *explanation)
{
    if (explanation->servers_len == 0) {
        return;
    }
    line_add(line, " servers=");
    for (uint32_t i = 0; i < explanation->servers_len && i < CRAFT_MEMBERS_MAX;
         i++) {
        line_add(line, "%s%" PRIu64, i > 0 ? "," : "", explanation->servers[i]);
    }
}

size_t craft_describe_explanation(const craft_explanation *explanation,
                                  char *text, size_t size)
{
    static const char *const questions[] = {"?",    "leader", "commit",
                                            "peer", "read",   "propose"};
    const char *why = craft_why_text(explanation->code);
    struct line line = line_begin(text, size);

    line_add(&line, "%s",
             name_of(questions, NAMES_LEN(questions), explanation->question));
    if (explanation->subject != 0) {
        line_add(&line, " %" PRIu64, explanation->subject);
    }
    if (why != NULL) {
        line_add(&line, ": %s", why);
    } else {
        line_add(&line, ": cause %" PRIu32, explanation->code);
    }
    describe_number(&line, "id", explanation->id);
    describe_number(&line, "index", explanation->index);
    describe_number(&line, "reached", explanation->reached);
    describe_number(&line, "ticket", explanation->ticket);
    describe_number(&line, "amount", explanation->amount);
    describe_number(&line, "limit", explanation->limit);
    describe_number(&line, "needed", explanation->needed);
    describe_servers(&line, explanation);
    describe_number(&line, "refused", explanation->refused);
    describe_number(&line, "ticks", explanation->ticks);
    describe_number(&line, "silent_ticks", explanation->silent_ticks);
    if (explanation->error != 0) {
        line_add(&line, " error=%s", craft_error_name(explanation->error));
    }
    return line.len;
}
