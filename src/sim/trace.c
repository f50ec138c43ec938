/* Lines of text for a reader, and the digest of all that happens. */
#include <stdarg.h>
#include <stdio.h>

#include "sim/sim.h"

#define LINE_MAX 1024u

/* "   1.234567  2  what" */
static size_t line_begin(const struct craft_sim *sim, uint32_t server,
                         char *line)
{
    int len = snprintf(line, LINE_MAX, "%4u.%06u  ",
                       (unsigned)(sim->now_us / 1000000),
                       (unsigned)(sim->now_us % 1000000));

    len += snprintf(line + len, LINE_MAX - (size_t)len,
                    server != 0 ? "%u  " : "   ", server);
    return (size_t)len;
}

void craft_sim_tell(struct craft_sim *sim, uint32_t server, const char *format,
                    ...)
{
    char line[LINE_MAX];
    size_t len;
    va_list args;

    if (sim->trace == NULL) {
        return;
    }
    len = line_begin(sim, server, line);
    va_start(args, format);
    (void)vsnprintf(line + len, sizeof line - len, format, args);
    va_end(args);
    sim->trace(sim->trace_ctx, line);
}

void craft_sim_tell_effect(struct craft_sim_server *server,
                           const craft_effect *effect)
{
    char text[LINE_MAX];

    (void)craft_describe_effect(effect, text, sizeof text);
    craft_sim_tell(server->sim, server->position, "  %s", text);
}

/* ------------------------------------------------------------------ digest */

static void digest_message(struct craft_sim *sim, const craft_message *message)
{
    craft_sim_digest(sim, message->to ^ message->term << 20);
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        craft_sim_digest(sim, message->as.vote.last_index << 20 ^
                                  message->as.vote.last_term);
        break;
    case CRAFT_MESSAGE_APPEND:
        craft_sim_digest(sim, message->as.append.prev_index << 20 ^
                                  message->as.append.commit);
        craft_sim_digest(sim, message->as.append.entries_len);
        break;
    case CRAFT_MESSAGE_APPEND_REPLY:
        craft_sim_digest(sim, message->as.append_reply.match_index << 20 ^
                                  message->as.append_reply.hint_index);
        break;
    case CRAFT_MESSAGE_FORWARD:
        craft_sim_digest(sim, message->as.forward.session << 20 ^
                                  message->as.forward.number);
        craft_sim_digest(sim, message->as.forward.entries_len);
        break;
    case CRAFT_MESSAGE_FORWARD_REPLY:
        craft_sim_digest(sim, message->as.forward_reply.session << 20 ^
                                  message->as.forward_reply.number);
        craft_sim_digest(sim, message->as.forward_reply.verdict << 20 ^
                                  message->as.forward_reply.count);
        break;
    default:
        craft_sim_digest(sim, message->as.vote_reply.granted);
        break;
    }
}

void craft_sim_digest_effect(struct craft_sim_server *server,
                             const craft_effect *effect)
{
    struct craft_sim *sim = server->sim;

    craft_sim_digest(sim, (uint64_t)server->position << 8 | effect->kind);
    switch (effect->kind) {
    case CRAFT_EFFECT_SEND:
        digest_message(sim, effect->message);
        break;
    case CRAFT_EFFECT_PERSIST:
        craft_sim_digest(sim, effect->persist->ticket << 20 ^
                                  effect->persist->first_index);
        craft_sim_digest(sim, effect->persist->term << 20 ^
                                  effect->persist->entries_len);
        break;
    case CRAFT_EFFECT_APPLY:
        craft_sim_digest(sim, effect->entries_len);
        break;
    case CRAFT_EFFECT_DONE:
        craft_sim_digest(sim, effect->token << 4 ^ (uint64_t)effect->result);
        break;
    case CRAFT_EFFECT_FETCH:
        craft_sim_digest(sim, effect->fetch->first);
        break;
    default:
        craft_sim_digest(sim, effect->event->kind);
        break;
    }
}
