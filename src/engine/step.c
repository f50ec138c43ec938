/* A message: check, reserve, terms, the one handler (Figure 3.1). */
#include "core/answer.h"
#include "core/elect.h"
#include "core/follow.h"
#include "core/forward.h"
#include "core/health.h"
#include "core/lease.h"
#include "core/propose.h"
#include "core/read.h"
#include "core/receiving.h"
#include "core/replicate.h"
#include "core/sending.h"
#include "core/take.h"
#include "core/transfer.h"
#include "engine/engine.h"

typedef void (*handler)(struct craft_node *node, const craft_message *message);

#define ROLES (CRAFT_ROLE_PRE_CANDIDATE + 1)

static void forward_reply(struct craft_node *node, const craft_message *message)
{
    if (craft_forward_on_reply(node, message)) {
        craft_health_tell(node, CRAFT_EVENT_FORWARD,
                          -(int32_t)message->as.forward_reply.reason,
                          message->from);
    }
}

/*
 * The summary of the protocol: what each role does with each message of its
 * own term. Empty cells are late messages, of no consequence.
 */
/* clang-format off */
static const handler handlers[ROLES][CRAFT_MESSAGE_KIND_END] = {
    [CRAFT_ROLE_FOLLOWER] = {
        [CRAFT_MESSAGE_VOTE]           = craft_elect_on_vote,
        [CRAFT_MESSAGE_PRE_VOTE]       = craft_elect_on_pre_vote,
        [CRAFT_MESSAGE_APPEND]         = craft_follow_on_append,
        [CRAFT_MESSAGE_TIMEOUT_NOW]    = craft_transfer_on_timeout_now,
        [CRAFT_MESSAGE_READ_REPLY]     = craft_read_on_reply,
        [CRAFT_MESSAGE_SNAPSHOT]       = craft_receiving_on_part,
        [CRAFT_MESSAGE_FORWARD_REPLY]  = forward_reply,
    },
    [CRAFT_ROLE_PRE_CANDIDATE] = {
        [CRAFT_MESSAGE_VOTE]           = craft_elect_on_vote,
        [CRAFT_MESSAGE_PRE_VOTE]       = craft_elect_on_pre_vote,
        [CRAFT_MESSAGE_PRE_VOTE_REPLY] = craft_elect_on_vote_reply,
    },
    [CRAFT_ROLE_CANDIDATE] = {
        [CRAFT_MESSAGE_VOTE]           = craft_elect_on_vote,
        [CRAFT_MESSAGE_VOTE_REPLY]     = craft_elect_on_vote_reply,
        [CRAFT_MESSAGE_PRE_VOTE]       = craft_elect_on_pre_vote,
    },
    [CRAFT_ROLE_LEADER] = {
        [CRAFT_MESSAGE_VOTE]           = craft_elect_on_vote,
        [CRAFT_MESSAGE_APPEND_REPLY]   = craft_replicate_on_reply,
        [CRAFT_MESSAGE_READ]           = craft_read_on_request,
        [CRAFT_MESSAGE_SNAPSHOT_REPLY] = craft_sending_on_reply,
        [CRAFT_MESSAGE_FORWARD]        = craft_take_on_question,
    },
};
/* clang-format on */

/* What may be asked; a flag from the future cannot be skipped. */
static uint32_t vote_flags(uint32_t kind)
{
    return kind == CRAFT_MESSAGE_VOTE ? (uint32_t)CRAFT_VOTE_TRANSFER : 0u;
}

CRAFT_COLD static int vote_check(const craft_message *message)
{
    const craft_vote *vote = &message->as.vote;
    /* A candidate has nothing of the term it campaigns in. */
    craft_term least =
        vote->last_term + (message->kind == CRAFT_MESSAGE_VOTE ? 1u : 0u);

    if ((vote->flags & ~vote_flags(message->kind)) != 0 ||
        vote->last_index >= CRAFT_NUMBER_MAX ||
        vote->last_term >= CRAFT_NUMBER_MAX || message->term < least ||
        (vote->last_index == 0) != (vote->last_term == 0)) {
        return CRAFT_ERR_MESSAGE;
    }
    return 0;
}

CRAFT_COLD static int timeout_now_check(const craft_message *message)
{
    const craft_timeout_now *order = &message->as.timeout_now;

    return order->last_index >= CRAFT_NUMBER_MAX || order->last_index == 0 ||
                   order->last_term > message->term || order->last_term == 0
               ? CRAFT_ERR_MESSAGE
               : 0;
}

CRAFT_COLD static int read_check(const craft_message *message)
{
    const craft_read_reply *reply = &message->as.read_reply;

    if (message->kind == CRAFT_MESSAGE_READ) {
        return message->as.read.question < CRAFT_NUMBER_MAX ? 0
                                                            : CRAFT_ERR_MESSAGE;
    }
    return reply->index == 0 ||
                   (reply->index | reply->question) >= CRAFT_NUMBER_MAX
               ? CRAFT_ERR_MESSAGE
               : 0;
}

static int message_check(const struct craft_node *node,
                         const craft_message *message)
{
    if (CRAFT_UNLIKELY(message->group != node->config.group ||
                       message->to != node->config.id ||
                       message->from == node->config.id)) {
        return CRAFT_ERR_MISADDRESSED;
    }
    if (CRAFT_UNLIKELY(message->from == 0 || message->term == 0 ||
                       (message->from | message->term | message->round) >=
                           CRAFT_NUMBER_MAX)) {
        return CRAFT_ERR_MESSAGE;
    }
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE:
        return vote_check(message);
    case CRAFT_MESSAGE_VOTE_REPLY:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        return message->as.vote_reply.granted > 1 ? CRAFT_ERR_MESSAGE : 0;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        return timeout_now_check(message);
    case CRAFT_MESSAGE_READ:
    case CRAFT_MESSAGE_READ_REPLY:
        return read_check(message);
    case CRAFT_MESSAGE_FORWARD:
        return craft_take_check(message);
    case CRAFT_MESSAGE_FORWARD_REPLY:
        return craft_forward_check_reply(message);
    case CRAFT_MESSAGE_APPEND:
    case CRAFT_MESSAGE_SNAPSHOT:
        return 0; /* step_append(), step_part() */
    case CRAFT_MESSAGE_SNAPSHOT_REPLY:
        return craft_sending_check(message);
    case CRAFT_MESSAGE_APPEND_REPLY:
        return craft_replicate_check(node, message);
    default:
        return CRAFT_ERR_MESSAGE; /* of the future, or local to a node */
    }
}

/*
 * Understand an append and take room for it, while nothing has changed. A
 * second leader in the own term cannot be (Figure 3.2, election safety):
 * nothing of it is taken.
 */
static inline int append_prepare(struct craft_node *node,
                                 const craft_message *message)
{
    int rv;

    if (CRAFT_UNLIKELY(node->standing.leader != message->from &&
                       node->standing.leader != 0 &&
                       message->term == node->standing.term)) {
        return CRAFT_ERR_MESSAGE;
    }
    rv = craft_follow_check(node, message);
    return rv != 0 ? rv : craft_follow_reserve(node, message);
}

CRAFT_COLD static int step_refuse(struct craft_node *node,
                                  const craft_message *message, int rv)
{
    if (rv != CRAFT_ERR_NOMEM) {
        craft_health_tell(node, CRAFT_EVENT_REFUSED, rv, message->from);
    }
    return rv;
}

/* "Reply false if term < currentTerm" (Figure 3.1): its sender learns it. */
CRAFT_COLD static int step_old(struct craft_node *node,
                               const craft_message *message)
{
    if (message->kind == CRAFT_MESSAGE_APPEND ||
        message->kind == CRAFT_MESSAGE_SNAPSHOT) {
        craft_answer_old_append(node, message->from);
    } else if (message->kind == CRAFT_MESSAGE_VOTE ||
               message->kind == CRAFT_MESSAGE_PRE_VOTE) {
        craft_elect_on_old_vote(node, message);
    }
    return 0;
}

/*
 * "If RPC request or response contains term T > currentTerm: set currentTerm =
 * T, convert to follower"; "if AppendEntries RPC received from new leader:
 * convert to follower" (Figure 3.1).
 */
CRAFT_APART static int step_append(struct craft_node *node,
                                   const craft_message *message)
{
    int rv = append_prepare(node, message);

    if (CRAFT_UNLIKELY(rv != 0)) {
        return step_refuse(node, message, rv);
    }
    if (CRAFT_UNLIKELY(node->standing.leader != message->from ||
                       message->term > node->standing.term)) {
        craft_role_follow(node, message->term, message->from);
    }
    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_FOLLOWER);
    craft_elect_heard(node);
    craft_lease_heard(node);
    handlers[CRAFT_ROLE_FOLLOWER][CRAFT_MESSAGE_APPEND](node, message);
    return 0;
}

/* Can the host take a snapshot at all? */
static bool parts_wanted(const struct craft_node *node)
{
    return node->hooks.install != NULL && node->hooks.snapshot_write != NULL;
}

/* Understand a part of a snapshot and take room for it, as of an append. */
static int part_prepare(struct craft_node *node, const craft_message *message)
{
    int rv;

    if (node->standing.leader != message->from && node->standing.leader != 0 &&
        message->term == node->standing.term) {
        return CRAFT_ERR_MESSAGE;
    }
    rv = craft_receiving_check(node, message);
    if (rv == 0 && parts_wanted(node)) {
        rv = craft_receiving_reserve(node, message);
    }
    return rv;
}

/* Whoever sends its snapshot leads in that term; for the rest see core/. */
CRAFT_COLD static int step_part(struct craft_node *node,
                                const craft_message *message)
{
    const craft_snapshot_part *part = &message->as.snapshot;
    int rv = part_prepare(node, message);

    if (rv != 0) {
        return step_refuse(node, message, rv);
    }
    if (node->standing.leader != message->from ||
        message->term > node->standing.term) {
        craft_role_follow(node, message->term, message->from);
    }
    craft_elect_heard(node);
    craft_lease_heard(node);
    if (craft_receiving_covered(node, part->index, part->term)) {
        craft_follow_vouch(node, part->index); /* late, or not needed */
    } else if (parts_wanted(node)) {
        handlers[CRAFT_ROLE_FOLLOWER][CRAFT_MESSAGE_SNAPSHOT](node, message);
    } else {
        craft_health_tell(node, CRAFT_EVENT_REFUSED, CRAFT_ERR_STATE,
                          message->from);
    }
    return 0;
}

/* May this leader take them? Never more than it bears at once. */
static int commands_check(struct craft_node *node, const craft_forward *forward,
                          size_t *space_out)
{
    size_t len = forward->entries_len;
    size_t most = node->config.uncommitted_bytes_max;
    size_t bytes = 0;

    *space_out = 0;
    for (size_t i = 0; i < len; i++) {
        size_t data_len = forward->entries[i].data_len;

        if (data_len > node->config.entry_bytes_max) {
            return CRAFT_ERR_INVALID;
        }
        if (data_len + CRAFT_ENTRY_OVERHEAD > most - bytes) {
            return CRAFT_ERR_BUSY;
        }
        bytes += data_len + CRAFT_ENTRY_OVERHEAD;
        *space_out += craft_log_space(data_len);
    }
    return craft_propose_check(node, len, 0,
                               bytes - len * CRAFT_ENTRY_OVERHEAD);
}

/* Commands of a follower, all or none: those that are next in its session are
 * entered like the leader's own. */
static int step_commands(struct craft_node *node, const craft_message *message)
{
    const craft_forward *forward = &message->as.forward;
    size_t space = 0;
    int rv;

    if (!craft_take_is_next(node, message)) {
        craft_take_on_stray(node, message);
        return 0;
    }
    rv = commands_check(node, forward, &space);
    if (rv != 0) {
        craft_take_refuse(node, message, rv);
        return 0;
    }
    rv = craft_take_reserve(node);
    if (rv == 0) {
        rv = craft_propose_reserve(node, forward->entries_len, 0, space);
    }
    if (rv != 0) {
        return rv; /* lost: what comes next will miss it */
    }
    craft_take_note(node, message, node->log.last + 1);
    for (size_t i = 0; i < forward->entries_len; i++) {
        craft_command command = {forward->entries[i].data,
                                 forward->entries[i].data_len, 0};

        craft_propose_append(node, CRAFT_ENTRY_COMMAND, &command);
    }
    return 0;
}

static int message_handle(struct craft_node *node, const craft_message *message)
{
    handler handle = handlers[node->standing.role][message->kind];

    if (handle != NULL) {
        handle(node, message);
    }
    return 0;
}

/* Neither votes nor of the log. */
CRAFT_APART static int step_request(struct craft_node *node,
                                    const craft_message *message)
{
    if (message->kind == CRAFT_MESSAGE_TIMEOUT_NOW &&
        craft_elect_reserve(node) != 0) {
        return CRAFT_ERR_NOMEM; /* it is told again */
    }
    if (CRAFT_UNLIKELY(message->term > node->standing.term)) {
        craft_role_follow(node, message->term, 0);
    }
    if (message->kind == CRAFT_MESSAGE_FORWARD &&
        node->standing.role == CRAFT_ROLE_LEADER &&
        message->as.forward.entries_len > 0) {
        return step_commands(node, message);
    }
    return message_handle(node, message);
}

CRAFT_INTERNAL int craft_step(struct craft_node *node,
                              const craft_message *message)
{
    int rv = message_check(node, message);

    if (CRAFT_UNLIKELY(rv != 0)) {
        return step_refuse(node, message, rv);
    }
    if (CRAFT_UNLIKELY(message->term < node->standing.term)) {
        return step_old(node, message);
    }
    if (message->kind == CRAFT_MESSAGE_APPEND) {
        return step_append(node, message);
    }
    if (CRAFT_UNLIKELY(message->kind == CRAFT_MESSAGE_SNAPSHOT)) {
        return step_part(node, message);
    }
    if (CRAFT_UNLIKELY(message->kind >= CRAFT_MESSAGE_TIMEOUT_NOW)) {
        return step_request(node, message);
    }
    if (CRAFT_UNLIKELY(craft_elect_sticks(node, message))) {
        craft_elect_on_unwanted(node, message);
        return 0;
    }
    if (CRAFT_UNLIKELY(message->term > node->standing.term)) {
        craft_role_follow(node, message->term, 0);
    }
    return message_handle(node, message);
}
