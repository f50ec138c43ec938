/* The public inputs: check the arguments, take the input, leave. */
#include "api/delivery.h"
#include "core/apply.h"
#include "core/elect.h"
#include "core/fetch.h"
#include "core/forward.h"
#include "core/health.h"
#include "core/lease.h"
#include "core/persist.h"
#include "core/prefer.h"
#include "core/propose.h"
#include "core/read.h"
#include "core/replicate.h"
#include "core/sending.h"
#include "core/transfer.h"

int craft_tick(craft_node *node, uint32_t ticks)
{
    int rv = craft_enter(node);

    if (rv != 0 || ticks == 0) {
        return rv;
    }
    if (node->standing.role == CRAFT_ROLE_LEADER) {
        craft_replicate_elapse(node, ticks);
        craft_sending_elapse(node, ticks);
    } else {
        craft_elect_elapse(node, ticks);
        if (craft_elect_tick(node)) {
            (void)craft_elect_reserve(node); /* else the next tick tries */
        }
    }
    if (node->transfer.target != 0) {
        craft_transfer_elapse(node, ticks);
    }
    craft_read_elapse(node, ticks);
    craft_forward_elapse(node, ticks);
    craft_health_elapse(node, ticks);
    craft_prefer_elapse(node, ticks);
    craft_changed(node, CRAFT_FACT_TIME);
    return craft_leave(node, 0);
}

int craft_clock(craft_node *node, uint64_t now_ns)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (now_ns >= CRAFT_NUMBER_MAX) {
        return CRAFT_ERR_INVALID;
    }
    return craft_lease_clock(node, now_ns);
}

uint32_t craft_ticks_until_due(const craft_node *node)
{
    uint32_t due;
    uint32_t other;

    if (craft_enter(node) != 0) {
        return UINT32_MAX;
    }
    if (node->persist.full || node->fetching.failed) {
        return 1; /* tried again at the next tick */
    }
    due = node->standing.role == CRAFT_ROLE_LEADER ? craft_replicate_due(node)
                                                   : craft_elect_due(node);
    other = craft_transfer_due(node);
    due = other < due ? other : due;
    other = craft_read_due(node);
    due = other < due ? other : due;
    other = craft_forward_due(node);
    return other < due ? other : due;
}

int craft_receive(craft_node *node, const craft_message *message)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (message == NULL || message->struct_size != sizeof *message) {
        return CRAFT_ERR_INVALID;
    }
    rv = craft_step(node, message);
    return craft_leave(node, rv);
}

/* ---------------------------------------------------------------- proposals */

/* Time comes last; and reads of one hold are to share one round. */
#define SETTLED_AT_RELEASE ((uint32_t)CRAFT_SETTLE_TIME | CRAFT_SETTLE_READS)

static void settle_now(struct craft_node *node)
{
    uint32_t later = node->due & SETTLED_AT_RELEASE;

    node->due &= ~later;
    craft_settle(node);
    node->due |= later;
}

/* What was received in the same hold may have changed who leads. */
static inline void settle_first(struct craft_node *node)
{
    if (CRAFT_UNLIKELY((node->due & CRAFT_SETTLE_ALL & ~SETTLED_AT_RELEASE) !=
                       0)) {
        settle_now(node);
    }
}

/* What commands need together. */
struct commands_sum {
    size_t tokens;
    size_t data_len;
    size_t space; /* in the log's segments */
};

static int commands_add_up(const struct craft_node *node,
                           const craft_command *commands, size_t commands_len,
                           struct commands_sum *sum_out)
{
    size_t data_len = 0;
    size_t space = 0;
    size_t tokens = 0;

    for (size_t i = 0; i < commands_len; i++) {
        if (commands[i].data_len > node->config.entry_bytes_max ||
            (commands[i].data == NULL && commands[i].data_len > 0)) {
            return CRAFT_ERR_INVALID;
        }
        data_len += commands[i].data_len;
        space += craft_log_space(commands[i].data_len);
        tokens += commands[i].token != 0;
        if (space > SIZE_MAX / 4 - (i + 1) * CRAFT_ENTRY_OVERHEAD) {
            return CRAFT_ERR_BUSY;
        }
    }
    sum_out->tokens = tokens;
    sum_out->data_len = data_len;
    sum_out->space = space;
    return 0;
}

/* Another server leads: the commands are to go there, all or none. */
CRAFT_COLD static int forward(struct craft_node *node,
                              const craft_command *commands,
                              size_t commands_len, size_t data_len)
{
    int rv = craft_forward_check(node, commands_len, data_len);

    if (rv == 0) {
        rv = craft_forward_reserve(node, commands_len, data_len);
    }
    for (size_t i = 0; rv == 0 && i < commands_len; i++) {
        craft_forward_take(node, &commands[i]);
    }
    return rv;
}

int craft_propose_many(craft_node *node, const craft_command *commands,
                       size_t commands_len)
{
    struct commands_sum sum = {0, 0, 0};
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (commands == NULL && commands_len > 0) {
        return CRAFT_ERR_INVALID;
    }
    rv = commands_add_up(node, commands, commands_len, &sum);
    if (rv != 0 || commands_len == 0) {
        return rv;
    }
    settle_first(node);
    rv = craft_propose_check(node, commands_len, sum.tokens, sum.data_len);
    if (rv == 0) {
        rv = craft_propose_reserve(node, commands_len, sum.tokens, sum.space);
    }
    if (rv == 0) {
        for (size_t i = 0; i < commands_len; i++) {
            craft_propose_append(node, CRAFT_ENTRY_COMMAND, &commands[i]);
        }
    } else if (rv == CRAFT_ERR_NOT_LEADER) {
        rv = forward(node, commands, commands_len, sum.data_len);
    }
    return craft_leave(node, rv);
}

int craft_propose(craft_node *node, const uint8_t *data, size_t data_len,
                  uint64_t token)
{
    craft_command command;
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (data_len > node->config.entry_bytes_max ||
        (data == NULL && data_len > 0)) {
        return CRAFT_ERR_INVALID;
    }
    settle_first(node);
    command.data = data;
    command.data_len = data_len;
    command.token = token;
    rv = craft_propose_check(node, 1, token != 0, data_len);
    if (rv == 0) {
        rv = craft_propose_reserve(node, 1, token != 0,
                                   craft_log_space(data_len));
    }
    if (rv == 0) {
        craft_propose_append(node, CRAFT_ENTRY_COMMAND, &command);
    } else if (rv == CRAFT_ERR_NOT_LEADER) {
        rv = forward(node, &command, 1, data_len);
    }
    return craft_leave(node, rv);
}

int craft_propose_at(craft_node *node, craft_term term, const uint8_t *data,
                     size_t data_len, uint64_t token)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    settle_first(node);
    if (node->standing.term != term &&
        (node->standing.role == CRAFT_ROLE_LEADER ||
         (node->config.flags & CRAFT_CONFIG_FORWARD) != 0)) {
        return craft_leave(node, CRAFT_ERR_TERM);
    }
    return craft_propose(node, data, data_len, token);
}

int craft_campaign(craft_node *node)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    settle_first(node);
    if (node->standing.role == CRAFT_ROLE_FOLLOWER) {
        rv = craft_elect_may_campaign(node);
        if (rv == 0 && craft_lease_promised(node)) {
            rv = CRAFT_ERR_LEASE;
        }
        if (rv == 0) {
            rv = craft_elect_reserve(node);
        }
        if (rv == 0) {
            craft_role_stand(node);
        }
    }
    return craft_leave(node, rv);
}

/* Of a leader with a lease that lasts beyond now, or of anyone. */
static int read_taken(struct craft_node *node, uint64_t token, uint64_t now_ns)
{
    int rv;

    settle_first(node);
    rv = craft_read_check(node);
    if (rv == 0) {
        rv = craft_read_reserve(node);
    }
    if (rv == 0 && now_ns < craft_lease_until(node)) {
        craft_read_take_proven(node, token);
    } else if (rv == 0) {
        craft_read_take(node, token);
    }
    return craft_leave(node, rv);
}

int craft_read(craft_node *node, uint64_t token)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    return token == 0 ? CRAFT_ERR_INVALID
                      : read_taken(node, token, CRAFT_NO_TIME);
}

int craft_read_lease(craft_node *node, uint64_t token, uint64_t now_ns)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (token == 0 || now_ns >= CRAFT_NUMBER_MAX ||
        (node->config.flags & CRAFT_CONFIG_LEASE) == 0) {
        return CRAFT_ERR_INVALID;
    }
    rv = craft_lease_check(node, now_ns);
    return rv != 0 ? rv : read_taken(node, token, now_ns);
}

int craft_transfer(craft_node *node, craft_id target, uint64_t token)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (target == node->config.id || target >= CRAFT_NUMBER_MAX) {
        return CRAFT_ERR_INVALID;
    }
    settle_first(node);
    rv = craft_transfer_begin(node, target, token);
    if (rv == 0) {
        craft_health_tell(node, CRAFT_EVENT_TRANSFER, 0, node->transfer.target);
    }
    return craft_leave(node, rv);
}

int craft_peer_unreachable(craft_node *node, craft_id id)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (id == node->standing.leader) {
        craft_forward_unreachable(node);
    }
    return craft_leave(node, craft_replicate_unreachable(node, id));
}

/* ------------------------------------------------------------------ endings */

/* What memory holds may differ from the disk: nothing more is said. */
CRAFT_COLD static void node_halt(struct craft_node *node)
{
    craft_node_end(node, CRAFT_PHASE_HALTED);
    craft_health_tell(node, CRAFT_EVENT_STORAGE, CRAFT_ENDING_ERROR, 0);
}

/* An ending of what ended before, or was voided, says nothing new. */
CRAFT_COLD static int persist_failed(struct craft_node *node, uint64_t ticket,
                                     int ending)
{
    if (ending != CRAFT_ENDING_NOSPACE && ending != CRAFT_ENDING_ERROR) {
        return CRAFT_ERR_INVALID;
    }
    if (ticket == 0 || ticket >= node->persist.next) {
        return CRAFT_ERR_TICKET;
    }
    if (!craft_persist_open(node, ticket)) {
        return 0;
    }
    if (ending == CRAFT_ENDING_ERROR) {
        node_halt(node);
        return 0;
    }
    craft_persist_voided(node, ticket);
    craft_health_tell(node, CRAFT_EVENT_STORAGE, ending, 0);
    return 0;
}

int craft_persisted(craft_node *node, uint64_t ticket, int ending)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    rv = CRAFT_LIKELY(ending == CRAFT_ENDING_OK)
             ? craft_persist_ended(node, ticket)
             : persist_failed(node, ticket, ending);
    return craft_leave(node, rv);
}

CRAFT_COLD static int apply_failed(struct craft_node *node, craft_index index,
                                   int ending)
{
    int rv;

    if (ending != CRAFT_ENDING_ERROR) {
        return CRAFT_ERR_INVALID;
    }
    rv = craft_apply_ended(node, index);
    if (rv == 0) {
        node_halt(node);
    }
    return craft_leave(node, rv);
}

int craft_applied(craft_node *node, craft_index index, int ending)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (CRAFT_UNLIKELY(ending != CRAFT_ENDING_OK)) {
        return apply_failed(node, index, ending);
    }
    return craft_leave(node, craft_apply_ended(node, index));
}

int craft_fetched(craft_node *node, uint64_t ticket, const craft_entry *entries,
                  size_t entries_len, int ending)
{
    int rv = craft_enter(node);

    if (rv != 0) {
        return rv;
    }
    if (ending == CRAFT_ENDING_OK) {
        rv = craft_fetch_ended(node, ticket, entries, entries_len);
    } else if (ending == CRAFT_ENDING_ERROR) {
        rv = craft_fetch_failed(node, ticket);
        if (rv == 0) {
            craft_health_tell(node, CRAFT_EVENT_FETCH, ending, 0);
        }
    } else {
        return CRAFT_ERR_INVALID;
    }
    return craft_leave(node, rv);
}
