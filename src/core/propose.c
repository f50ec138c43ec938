#include "core/propose.h"

#define TOKENS_MIN 8u

/*
 * The limit counts what is not yet applied here, so that a slow state machine
 * pushes back as a slow quorum does. A command is always taken when nothing
 * waits.
 */
static bool over_limit_now(const struct craft_node *node, size_t bytes)
{
    uint64_t waiting = craft_log_bytes_after(&node->log, node->apply.index);

    return waiting > 0 && waiting + bytes > node->config.uncommitted_bytes_max;
}

/* By what was applied when that was last looked up, before it is again. */
static inline bool propose_over_limit(const struct craft_node *node,
                                      size_t bytes)
{
    return CRAFT_UNLIKELY(node->log.end - node->proposals.applied_end + bytes >
                          node->config.uncommitted_bytes_max) &&
           over_limit_now(node, bytes);
}

CRAFT_HOT int craft_propose_check(const struct craft_node *node,
                                  size_t commands, size_t tokens,
                                  size_t data_len)
{
    if (node->standing.role != CRAFT_ROLE_LEADER) {
        return CRAFT_ERR_NOT_LEADER;
    }
    if (CRAFT_UNLIKELY(node->persist.full)) {
        return CRAFT_ERR_NOSPACE;
    }
    /* Those that were refused come again, and are not to be overtaken. */
    if (CRAFT_UNLIKELY((node->transfer.target | node->forward.refused) != 0)) {
        return node->transfer.target != 0 ? CRAFT_ERR_TRANSFER : CRAFT_ERR_BUSY;
    }
    if (commands >= CRAFT_NUMBER_MAX - 1 - node->log.last ||
        tokens > node->config.tokens_max - node->proposals.len ||
        propose_over_limit(node, data_len + commands * CRAFT_ENTRY_OVERHEAD)) {
        return CRAFT_ERR_BUSY;
    }
    return 0;
}

static int tokens_grow(struct craft_node *node, size_t tokens)
{
    struct craft_proposals *proposals = &node->proposals;
    const craft_allocator *allocator = &node->config.allocator;
    size_t size = sizeof *proposals->tokens;
    uint32_t max = proposals->max > 0 ? proposals->max : TOKENS_MIN;
    struct craft_token *grown;

    while (max < proposals->len + tokens) {
        max *= 2; /* at most twice tokens_max: no wrap */
    }
    grown = craft_memory_alloc(allocator, max * size);
    if (grown == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < proposals->len; i++) {
        grown[i] =
            proposals->tokens[(proposals->first + i) & (proposals->max - 1)];
    }
    craft_memory_free(allocator, proposals->tokens, proposals->max * size);
    proposals->tokens = grown;
    proposals->max = max;
    proposals->first = 0;
    return 0;
}

CRAFT_HOT int craft_propose_reserve(struct craft_node *node, size_t commands,
                                    size_t tokens, size_t space)
{
    int rv = 0;

    if (CRAFT_UNLIKELY(!craft_log_reserved(&node->log, commands, space, 1))) {
        rv = craft_log_reserve_slow(&node->log, commands, space, 1);
        /* Looked up now and then, so that a check costs a subtraction. */
        node->proposals.applied_end =
            craft_log_end(&node->log, node->apply.index);
    }
    if (rv == 0 &&
        CRAFT_UNLIKELY(tokens > node->proposals.max - node->proposals.len)) {
        rv = tokens_grow(node, tokens);
    }
    return rv;
}

CRAFT_HOT void craft_propose_append(struct craft_node *node, uint32_t kind,
                                    const craft_command *command)
{
    struct craft_proposals *proposals = &node->proposals;

    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_LEADER);
    craft_log_append_own(&node->log, node->standing.term, kind, command);
    if (command->token != 0) {
        struct craft_token *token;

        CRAFT_ASSERT(proposals->len < proposals->max);
        token = &proposals->tokens[(proposals->first + proposals->len) &
                                   (proposals->max - 1)];
        token->token = command->token;
        token->index = node->log.last;
        token->term = node->standing.term;
        token->hidden = false;
        token->result = CRAFT_RESULT_OK;
        proposals->len++;
    }
    /* Where others vote, this disk decides only while one of them is ahead of
     * it: the answer that tells so makes commit wait for the disk. */
    if (CRAFT_UNLIKELY(node->peers.voters == 0)) {
        craft_when_durable(node, CRAFT_SETTLE_COMMIT);
    }
    node->peers.want_append = node->peers.all;
    craft_changed(node, CRAFT_FACT_LOG_GREW | CRAFT_FACT_PEER_WANTS);
}

CRAFT_INTERNAL void craft_propose_free(struct craft_node *node)
{
    craft_memory_free(&node->config.allocator, node->proposals.tokens,
                      node->proposals.max * sizeof *node->proposals.tokens);
}

/* As craft_fate() says, or said before the log began behind its index. */
static bool token_fate(const struct craft_node *node,
                       const struct craft_token *token, int32_t *result_out)
{
    if (CRAFT_UNLIKELY(token->hidden) && node->phase == CRAFT_PHASE_STARTED) {
        *result_out = token->result;
        return token->result != CRAFT_RESULT_OK ||
               token->index <= node->apply.index;
    }
    return craft_fate(node, token->index, token->term, result_out);
}

CRAFT_INTERNAL void craft_propose_hide(struct craft_node *node,
                                       craft_index index, craft_term term)
{
    struct craft_proposals *proposals = &node->proposals;

    for (uint32_t i = 0; i < proposals->len; i++) {
        struct craft_token *token =
            &proposals->tokens[(proposals->first + i) & (proposals->max - 1)];

        if (!token->hidden && token->index <= index) {
            token->hidden = true;
            token->result =
                craft_fate_hidden(node, token->index, token->term, term);
        }
    }
}

CRAFT_INTERNAL bool craft_propose_derive(struct craft_node *node)
{
    struct craft_proposals *proposals = &node->proposals;
    const struct craft_token *token = &proposals->tokens[proposals->first];
    int32_t result;

    if (proposals->len == 0 || !token_fate(node, token, &result)) {
        node->due &= ~(uint32_t)CRAFT_DERIVE_DONE;
        return false;
    }
    node->out.token = token->token;
    node->out.index = token->index;
    node->out.result = result;
    proposals->first = (proposals->first + 1) & (proposals->max - 1);
    proposals->len--;
    if (proposals->len == 0) {
        node->due &= ~(uint32_t)CRAFT_DERIVE_DONE;
    }
    return true;
}
