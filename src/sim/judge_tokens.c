/* Requests: each that was accepted ends once, with its true fate. */
#include <string.h>

#include "sim/judge_parts.h"

/* NULL: nothing is judged any more. */
static struct craft_judge_token *token_add(struct craft_judge *judge,
                                           uint32_t server, uint64_t token)
{
    struct craft_judge_server *of = craft_judge_server_of(judge, server);
    void *tokens = judge->tokens;
    struct craft_judge_token *added;

    if (of == NULL) {
        return NULL;
    }
    CRAFT_ASSERT(token == judge->tokens_len + 1);
    if (!craft_judge_grow(judge, &tokens, &judge->tokens_max,
                          judge->tokens_len + 1, sizeof *judge->tokens)) {
        return NULL;
    }
    judge->tokens = tokens;
    added = &judge->tokens[judge->tokens_len];
    memset(added, 0, sizeof *added);
    added->server = server;
    added->life = of->life;
    added->term = craft_judge_look(of).term;
    judge->tokens_len++;
    return added;
}

void craft_judge_propose(struct craft_judge *judge, uint32_t server,
                         uint64_t token)
{
    struct craft_judge_token *added = token_add(judge, server, token);
    struct craft_judge_server *of = &judge->servers[server];

    if (added == NULL) {
        return;
    }
    added->forwarded = craft_judge_look(of).role != CRAFT_ROLE_LEADER;
    if (added->forwarded) {
        of->forwards_open++;
    } else {
        of->tokens_open++;
    }
}

void craft_judge_transfer(struct craft_judge *judge, uint32_t server,
                          uint64_t token, uint32_t target)
{
    struct craft_judge_token *added = token_add(judge, server, token);

    if (added != NULL) {
        added->transfers = true;
        added->target = target;
        judge->servers[server].others_open++;
    }
}

void craft_judge_read(struct craft_judge *judge, uint32_t server,
                      uint64_t token)
{
    struct craft_judge_token *added = token_add(judge, server, token);

    if (added != NULL) {
        added->reads = true;
        added->floor = judge->committed.len;
        judge->servers[server].others_open++;
    }
}

/* The token, if it is open: given to that server in this life, not ended. */
static struct craft_judge_token *token_open(struct craft_judge *judge,
                                            uint32_t server, uint64_t token)
{
    struct craft_judge_token *known;

    if (token == 0 || token > judge->tokens_len) {
        return NULL;
    }
    known = &judge->tokens[token - 1];
    return known->server == server &&
                   known->life == judge->servers[server].life && !known->ended
               ? known
               : NULL;
}

/* craft_entry.token: "the proposer's own, on the proposing server"; one entry
 * for each, of the term in which it was proposed. */
void craft_judge_token_note(struct craft_judge *judge, uint32_t server,
                            const craft_entry *entry,
                            struct craft_judge_entry *known)
{
    struct craft_judge_token *token = entry->token <= judge->tokens_len
                                          ? &judge->tokens[entry->token - 1]
                                          : NULL;

    if (token == NULL || token->server != server ||
        token->life != judge->servers[server].life) {
        craft_judge_convict(judge,
                            "%u: entry %llu@%llu has token %llu, which is not "
                            "of this server",
                            server, LLU(entry->index), LLU(entry->term),
                            LLU(entry->token));
        return;
    }
    if (token->entry == NULL && known->token == 0 && !token->transfers &&
        !token->reads && !token->forwarded && token->term == known->term &&
        known->kind == CRAFT_ENTRY_COMMAND && !token->ended) {
        token->entry = known;
    }
    if (known->token == 0 && token->entry == known) {
        known->token = entry->token;
    }
    if (token->entry != known || token->forwarded) {
        craft_judge_convict(judge,
                            "%u: entry %llu@%llu has token %llu of another "
                            "entry",
                            server, LLU(entry->index), LLU(entry->term),
                            LLU(entry->token));
    }
}

/* ------------------------------------------------------------------- fates */

/* Is it certain that no entry (index, term) is ever applied? */
static bool is_superseded(const struct craft_judge *judge, craft_index index,
                          craft_term term)
{
    const struct craft_judge_log *committed = &judge->committed;

    if (index <= committed->len) {
        return committed->entries[index - 1]->term != term;
    }
    return craft_judge_term_at(craft_judge_log_tip(committed)) > term;
}

bool craft_judge_has_ended(const struct craft_judge_server *of)
{
    return of->ended || (craft_judge_look(of).flags &
                         (CRAFT_STATUS_STOPPED | CRAFT_STATUS_HALTED)) != 0;
}

/* Has the target led, or with 0 any other server, since it was asked to? */
static bool is_transferred(const struct craft_judge *judge,
                           const struct craft_judge_token *token)
{
    for (size_t i = judge->terms_len;
         i > 0 && judge->terms[i - 1].term > token->term; i--) {
        uint32_t leader = judge->terms[i - 1].leader;

        if (leader != 0 && leader != token->server &&
            (token->target == 0 || token->target == leader)) {
            return true;
        }
    }
    return false;
}

static const char *transfer_fault(const struct craft_judge *judge,
                                  const struct craft_judge_server *of,
                                  const struct craft_judge_token *token,
                                  int result)
{
    switch (result) {
    case CRAFT_RESULT_OK:
        return is_transferred(judge, token) ? NULL
                                            : "as handed over, which it is not";
    case CRAFT_RESULT_TIMEOUT:
        return NULL;
    case CRAFT_RESULT_UNKNOWN:
        return craft_judge_has_ended(of) ? NULL
                                         : "as unknown, while it goes on";
    default:
        return "with no such result";
    }
}

/* "this server's state machine has everything that was committed when the read
 * was taken" (thesis 6.4), by whatever leader had told of it. */
static const char *read_fault(const struct craft_judge_server *of,
                              const struct craft_judge_token *token, int result)
{
    switch (result) {
    case CRAFT_RESULT_OK:
        return craft_judge_look(of).applied_index < token->floor
                   ? "as readable, before what was committed is applied"
                   : NULL;
    case CRAFT_RESULT_RETRY:
        return NULL;
    default:
        return "with no such result";
    }
}

static const char *fate_fault(const struct craft_judge *judge,
                              const struct craft_judge_server *of,
                              const struct craft_judge_token *token, int result,
                              craft_index index)
{
    const struct craft_judge_entry *entry = token->entry;
    const struct craft_judge_log *committed = &judge->committed;

    if (index == 0 || (entry != NULL && index != entry->index)) {
        return "at an index that is not its own";
    }
    switch (result) {
    case CRAFT_RESULT_OK:
        return entry == NULL || index > of->applied ||
                       committed->entries[index - 1] != entry
                   ? "as applied, which it is not here"
                   : NULL;
    case CRAFT_RESULT_SUPERSEDED:
        return is_superseded(judge, index, token->term)
                   ? NULL
                   : "as superseded, which is not certain";
    case CRAFT_RESULT_UNKNOWN:
        return craft_judge_has_ended(of) ? NULL
                                         : "as unknown, while it goes on";
    default:
        return "with no such result";
    }
}

void craft_judge_done(struct craft_judge *judge, uint32_t server,
                      uint64_t token, int result, craft_index index)
{
    struct craft_judge_server *of = craft_judge_server_of(judge, server);
    struct craft_judge_token *known;
    const char *fault;

    if (of == NULL) {
        return;
    }
    known = of->up ? token_open(judge, server, token) : NULL;
    if (known == NULL) {
        craft_judge_convict(judge, "%u ends token %llu, which is not open",
                            server, LLU(token));
        return;
    }
    if (result == CRAFT_RESULT_SUPERSEDED) {
        craft_status status = craft_judge_look(of);

        craft_judge_commit_learn(judge, server, &status);
    }
    fault = known->transfers ? transfer_fault(judge, of, known, result)
            : known->reads   ? read_fault(of, known, result)
            : known->forwarded && index == 0
                ? craft_judge_unentered_fault(judge, token, result)
                : fate_fault(judge, of, known, result, index);
    if (fault != NULL) {
        craft_judge_convict(judge, "%u ends token %llu at %llu %s", server,
                            LLU(token), LLU(index), fault);
        return;
    }
    known->ended = true;
    known->result = result;
    known->index = index;
    if (result == CRAFT_RESULT_REFUSED) {
        of->refused = token;
        of->refused_to = judge->tokens_len;
    }
    if (known->transfers || known->reads) {
        of->others_open--;
    } else if (known->forwarded) {
        of->forwards_open--;
    } else {
        of->tokens_open--;
    }
}
