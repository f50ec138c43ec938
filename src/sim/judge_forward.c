/*
 * Commands that were offered where another server leads (thesis 6.2): each is
 * sent once, enters logs once or never, and its token ends with what is true.
 * They have no token in the log: the data tells.
 */
#include "sim/judge_parts.h"

static uint64_t token_told(const struct craft_judge *judge, const uint8_t *data,
                           size_t data_len)
{
    return judge->token_of != NULL ? judge->token_of(data, data_len) : 0;
}

/* NULL: no proposal has that one. */
static struct craft_judge_token *proposal_of(const struct craft_judge *judge,
                                             uint64_t token)
{
    struct craft_judge_token *known;

    if (token == 0 || token > judge->tokens_len) {
        return NULL;
    }
    known = &judge->tokens[token - 1];
    return known->transfers || known->reads ? NULL : known;
}

const struct craft_judge_entry *
craft_judge_proposed(const struct craft_judge *judge, uint64_t token)
{
    const struct craft_judge_token *known = proposal_of(judge, token);

    return known != NULL ? known->entry : NULL;
}

/* ----------------------------------------------------------------- entering */

/* By those of this life: "in the order in which they are offered here", and
 * "none is taken before" a refusal of one before it was told. */
static const char *order_fault(const struct craft_judge_server *of,
                               uint64_t token, craft_term term)
{
    if (term == of->entered_term && token < of->entered_last) {
        return "behind one that was offered later";
    }
    if (token > of->refused && token <= of->refused_to) {
        return "which was offered behind one that was refused";
    }
    return NULL;
}

static const char *entering_fault(const struct craft_judge *judge,
                                  uint64_t token,
                                  const struct craft_judge_entry *known)
{
    const struct craft_judge_token *of = proposal_of(judge, token);
    const struct craft_judge_server *server;

    if (of == NULL) {
        return "which nobody proposed";
    }
    server = &judge->servers[of->server];
    if (of->entry != NULL) {
        return "which has an entry";
    }
    if (of->term != known->term) {
        return "which was proposed in another term";
    }
    if (of->ended && of->result == CRAFT_RESULT_REFUSED) {
        return "which was refused";
    }
    if (of->ended && of->index != 0 && of->index != known->index) {
        return "which was said to stand elsewhere";
    }
    return of->life == server->life ? order_fault(server, token, known->term)
                                    : NULL;
}

void craft_judge_command_note(struct craft_judge *judge,
                              const struct craft_judge_entry *known)
{
    struct craft_judge_server *server;
    struct craft_judge_token *of;
    const char *fault;
    uint64_t token;

    token = token_told(judge, known->data, known->data_len);
    if (token == 0) {
        return;
    }
    fault = entering_fault(judge, token, known);
    if (fault != NULL) {
        craft_judge_convict(judge, "entry %llu@%llu is the command %llu, %s",
                            LLU(known->index), LLU(known->term), LLU(token),
                            fault);
        return;
    }
    of = proposal_of(judge, token);
    of->entry = known;
    server = &judge->servers[of->server];
    if (of->life != server->life) {
        return;
    }
    if (token > server->entered) {
        server->entered = token;
    }
    if (known->term >= server->entered_term) {
        server->entered_term = known->term;
        server->entered_last = token;
    }
}

/* ----------------------------------------------------------------- messages */

static const char *sending_fault(struct craft_judge *judge, uint32_t server,
                                 const craft_message *message, uint64_t token)
{
    struct craft_judge_token *of = proposal_of(judge, token);

    if (of == NULL || !of->forwarded || of->server != server ||
        of->life != judge->servers[server].life) {
        return "which was not offered to it";
    }
    if (of->term != message->term) {
        return "which was offered in another term";
    }
    if (of->ended) {
        return "which has ended";
    }
    if (of->sent) {
        return "which it has sent";
    }
    of->sent = true;
    return NULL;
}

void craft_judge_forward(struct craft_judge *judge, uint32_t server,
                         const craft_message *message)
{
    const craft_forward *forward = &message->as.forward;
    const struct craft_judge_term *term =
        craft_judge_term_find(judge, message->term);

    if (term == NULL || term->leader == 0 ||
        term->leader != craft_judge_position(judge, message->to)) {
        craft_judge_convict(judge,
                            "%u forwards to %llu, who does not lead term %llu",
                            server, LLU(message->to), LLU(message->term));
        return;
    }
    for (size_t i = 0; i < forward->entries_len; i++) {
        uint64_t token = token_told(judge, forward->entries[i].data,
                                    forward->entries[i].data_len);
        const char *fault =
            token != 0 ? sending_fault(judge, server, message, token) : NULL;

        if (fault != NULL) {
            craft_judge_convict(judge, "%u forwards the command %llu, %s",
                                server, LLU(token), fault);
            return;
        }
    }
}

void craft_judge_forward_reply(struct craft_judge *judge, uint32_t server,
                               const craft_message *message)
{
    const craft_forward_reply *reply = &message->as.forward_reply;
    craft_index last = craft_judge_look(&judge->servers[server]).last_index;

    craft_judge_lead(judge, server, message->term);
    if (reply->verdict == CRAFT_FORWARD_TAKEN &&
        (reply->index == 0 || reply->count == 0 ||
         reply->index + reply->count - 1 > last)) {
        craft_judge_convict(judge,
                            "%u has taken %u commands from %llu on, its log "
                            "has %llu",
                            server, reply->count, LLU(reply->index), LLU(last));
    }
}

/* ------------------------------------------------------------------- fates */

static const char *refused_fault(const struct craft_judge *judge,
                                 uint64_t token)
{
    const struct craft_judge_token *of = &judge->tokens[token - 1];

    if (of->entry != NULL) {
        return "as refused, which has entered a log";
    }
    return judge->servers[of->server].entered > token
               ? "as refused, behind which another has entered a log"
               : NULL;
}

const char *craft_judge_unentered_fault(const struct craft_judge *judge,
                                        uint64_t token, int result)
{
    const struct craft_judge_token *of = &judge->tokens[token - 1];

    switch (result) {
    case CRAFT_RESULT_REFUSED:
        return refused_fault(judge, token);
    case CRAFT_RESULT_UNKNOWN:
        return judge->token_of != NULL && !of->sent &&
                       !craft_judge_has_ended(&judge->servers[of->server])
                   ? "as unknown, which nobody was sent"
                   : NULL;
    default:
        return "at no index";
    }
}
