/* A message: check, reserve, terms, the one handler (Figure 3.1). */
#include "core/elect.h"
#include "core/follow.h"
#include "core/health.h"
#include "core/refuse.h"
#include "core/replicate.h"
#include "engine/engine.h"

typedef void (*handler)(struct craft_node *node, const craft_message *message);

#define ROLES (CRAFT_ROLE_LEADER + 1)

/*
 * The summary of the protocol: what each role does with each message of its
 * own term. Empty cells are late messages, of no consequence.
 */
/* clang-format off */
static const handler handlers[ROLES][CRAFT_MESSAGE_KIND_END] = {
    [CRAFT_ROLE_FOLLOWER] = {
        [CRAFT_MESSAGE_VOTE]         = craft_elect_on_vote,
        [CRAFT_MESSAGE_APPEND]       = craft_follow_on_append,
    },
    [CRAFT_ROLE_CANDIDATE] = {
        [CRAFT_MESSAGE_VOTE]         = craft_elect_on_vote,
        [CRAFT_MESSAGE_VOTE_REPLY]   = craft_elect_on_vote_reply,
    },
    [CRAFT_ROLE_LEADER] = {
        [CRAFT_MESSAGE_VOTE]         = craft_elect_on_vote,
        [CRAFT_MESSAGE_APPEND_REPLY] = craft_replicate_on_reply,
    },
};
/* clang-format on */

static int vote_check(const craft_message *message)
{
    const craft_vote *vote = &message->as.vote;

    if (vote->last_index >= CRAFT_NUMBER_MAX ||
        vote->last_term >= message->term ||
        (vote->last_index == 0) != (vote->last_term == 0)) {
        return CRAFT_ERR_MESSAGE;
    }
    return 0;
}

/*
 * A second leader in the own term cannot be (Figure 3.2, election safety):
 * nothing of it is taken.
 */
static int append_check(struct craft_node *node, const craft_message *message)
{
    if (message->term < node->standing.term) {
        return 0; /* it is only told so */
    }
    if (message->term == node->standing.term && node->standing.leader != 0 &&
        node->standing.leader != message->from) {
        return CRAFT_ERR_MESSAGE;
    }
    return craft_follow_check(node, message);
}

static int message_check(struct craft_node *node, const craft_message *message)
{
    if (CRAFT_UNLIKELY(message->group != node->config.group ||
                       message->to != node->config.id ||
                       message->from == node->config.id)) {
        return CRAFT_ERR_MISADDRESSED;
    }
    if (CRAFT_UNLIKELY(
            message->from == 0 || message->from >= CRAFT_NUMBER_MAX ||
            message->term == 0 || message->term >= CRAFT_NUMBER_MAX ||
            message->round >= CRAFT_NUMBER_MAX)) {
        return CRAFT_ERR_MESSAGE;
    }
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
        return vote_check(message);
    case CRAFT_MESSAGE_VOTE_REPLY:
        return message->as.vote_reply.granted > 1 ? CRAFT_ERR_MESSAGE : 0;
    case CRAFT_MESSAGE_APPEND:
        return append_check(node, message);
    case CRAFT_MESSAGE_APPEND_REPLY:
        return craft_replicate_check(node, message);
    default:
        return CRAFT_ERR_MESSAGE; /* of the future, or local to a node */
    }
}

/*
 * "If RPC request or response contains term T > currentTerm: set currentTerm =
 * T, convert to follower"; "if AppendEntries RPC received from new leader:
 * convert to follower" (Figure 3.1). False: of an old term, and answered.
 */
static bool step_terms(struct craft_node *node, const craft_message *message)
{
    bool append = message->kind == CRAFT_MESSAGE_APPEND;

    if (CRAFT_UNLIKELY(message->term < node->standing.term)) {
        if (append) {
            craft_refuse_append(node, message->from);
        } else if (message->kind == CRAFT_MESSAGE_VOTE) {
            craft_elect_on_old_vote(node, message);
        }
        return false;
    }
    if (append) {
        if (CRAFT_UNLIKELY(message->term > node->standing.term ||
                           node->standing.leader != message->from)) {
            craft_role_follow(node, message->term, message->from);
        }
        craft_elect_heard(node);
    } else if (CRAFT_UNLIKELY(message->term > node->standing.term)) {
        craft_role_follow(node, message->term, 0);
    }
    return true;
}

CRAFT_INTERNAL int craft_step(struct craft_node *node,
                              const craft_message *message)
{
    handler handle;
    int rv = message_check(node, message);

    if (CRAFT_UNLIKELY(rv != 0)) {
        craft_health_tell(node, CRAFT_EVENT_REFUSED, rv, message->from);
        return rv;
    }
    if (message->kind == CRAFT_MESSAGE_APPEND &&
        message->term >= node->standing.term) {
        rv = craft_follow_reserve(node, message);
        if (CRAFT_UNLIKELY(rv != 0)) {
            return rv;
        }
    }
    if (!step_terms(node, message)) {
        return 0;
    }
    handle = handlers[node->standing.role][message->kind];
    if (handle != NULL) {
        handle(node, message);
    }
    return 0;
}
