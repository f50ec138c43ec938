/* What leaves a server: does its disk alone justify it? */
#include "sim/judge_parts.h"

/* Fields that every message has. */
static const char *address_fault(const struct craft_judge_server *of,
                                 const craft_message *message)
{
    if (message->from != of->id) {
        return "in the name of another";
    }
    if (message->to == of->id || message->to == 0) {
        return "to itself or nobody";
    }
    if (message->group != of->config.group) {
        return "of another group";
    }
    if (message->term < of->term) {
        return "of a term that it has left";
    }
    return NULL;
}

/* ------------------------------------------------------------------ votes */

/* "each server will vote for at most one candidate in a given term" (thesis
 * 3.4), across crashes: as no record changes a vote, no two can leave. */
static void vote_justify(struct craft_judge *judge, uint32_t server,
                         const craft_message *message, craft_id voted_for)
{
    const struct craft_judge_disk *disk = &judge->servers[server].disk;

    if (disk->term != message->term || disk->voted_for != voted_for) {
        craft_judge_convict(judge,
                            "%u: a vote of term %llu for %llu leaves, its disk "
                            "has term %llu and %llu",
                            server, LLU(message->term), LLU(voted_for),
                            LLU(disk->term), LLU(disk->voted_for));
    }
}

/* Otherwise: crash, come back with the shorter log and the old term, campaign
 * again, and count the grants that the longer log had earned. */
static void candidacy_justify(struct craft_judge *judge, uint32_t server,
                              const craft_message *message)
{
    const struct craft_judge_server *of = &judge->servers[server];
    const struct craft_judge_entry *tip = craft_judge_log_tip(&of->disk.log);
    const craft_vote *vote = &message->as.vote;

    vote_justify(judge, server, message, of->id);
    if (vote->last_index != craft_judge_index(tip) ||
        vote->last_term != craft_judge_term_at(tip)) {
        craft_judge_convict(judge,
                            "%u advertises a log up to %llu@%llu, its disk has "
                            "%llu@%llu",
                            server, LLU(vote->last_index), LLU(vote->last_term),
                            LLU(craft_judge_index(tip)),
                            LLU(craft_judge_term_at(tip)));
    }
}

/* ---------------------------------------------------------------- appends */

/* A leader shows its log in order: what stands before its entries is its own,
 * and has been seen. */
static void append_judge(struct craft_judge *judge, uint32_t server,
                         const craft_message *message)
{
    struct craft_judge_server *of = &judge->servers[server];
    const craft_append *append = &message->as.append;
    const struct craft_judge_entry *tip =
        craft_judge_entry_find(judge, append->prev_index, append->prev_term);

    craft_judge_lead(judge, server, message->term);
    if (craft_judge_index(tip) != append->prev_index ||
        craft_judge_term_at(tip) != append->prev_term) {
        craft_judge_convict(judge, "%u builds on %llu@%llu, which nobody has",
                            server, LLU(append->prev_index),
                            LLU(append->prev_term));
        return;
    }
    tip = craft_judge_entries_note(judge, server, tip, append->entries,
                                   append->entries_len);
    craft_judge_show(judge, server, message->term, tip);
    craft_judge_commit(judge, server, message->term, append->commit);
    if (append->commit > of->commit_told) {
        of->commit_told = append->commit;
    }
}

/*
 * All entries up to the match are durable here, equal to those of the leader
 * of this term, and so is the term. Otherwise: crash, come back in the old
 * term, let its leader replace what was acknowledged.
 */
static void match_justify(struct craft_judge *judge, uint32_t server,
                          const craft_message *message)
{
    const struct craft_judge_disk *disk = &judge->servers[server].disk;
    craft_index match = message->as.append_reply.match_index;
    const struct craft_judge_term *term;
    const struct craft_judge_entry *shown;

    if (match == 0) {
        return;
    }
    if (disk->term != message->term) {
        craft_judge_convict(judge,
                            "%u accepts %llu in term %llu, its disk has term "
                            "%llu",
                            server, LLU(match), LLU(message->term),
                            LLU(disk->term));
        return;
    }
    term = craft_judge_term_find(judge, message->term);
    shown = term != NULL ? craft_judge_at(term->tip, match) : NULL;
    if (shown == NULL) {
        craft_judge_convict(judge,
                            "%u accepts %llu, which the leader of term %llu "
                            "never showed",
                            server, LLU(match), LLU(message->term));
        return;
    }
    if (match > disk->log.len || disk->log.entries[match - 1] != shown) {
        craft_judge_convict(judge,
                            "%u accepts %llu@%llu, its disk has %zu entries "
                            "without it",
                            server, LLU(match), LLU(shown->term),
                            disk->log.len);
    }
}

/* Only the leader of that term may have another campaign at once, and only when
 * its log is the one that the order tells of (thesis 3.10). */
static void order_judge(struct craft_judge *judge, uint32_t server,
                        const craft_message *message)
{
    const craft_timeout_now *order = &message->as.timeout_now;
    const struct craft_judge_entry *tip =
        craft_judge_entry_find(judge, order->last_index, order->last_term);

    craft_judge_lead(judge, server, message->term);
    if (tip == NULL) {
        craft_judge_convict(judge,
                            "%u tells %llu to campaign with a log up to "
                            "%llu@%llu, which nobody has",
                            server, LLU(message->to), LLU(order->last_index),
                            LLU(order->last_term));
        return;
    }
    craft_judge_show(judge, server, message->term, tip);
}

void craft_judge_send(struct craft_judge *judge, uint32_t server,
                      const craft_message *message)
{
    struct craft_judge_server *of =
        craft_judge_actor(judge, server, "sends a message");
    const char *fault;

    if (of == NULL) {
        return;
    }
    fault = address_fault(of, message);
    if (fault != NULL) {
        craft_judge_convict(judge, "%u sends a message %s: to %llu, term %llu",
                            server, fault, LLU(message->to),
                            LLU(message->term));
        return;
    }
    of->term = message->term;
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
        candidacy_justify(judge, server, message);
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
        if (message->as.vote_reply.granted != 0) {
            vote_justify(judge, server, message, message->to);
        }
        break;
    case CRAFT_MESSAGE_APPEND:
        append_judge(judge, server, message);
        break;
    case CRAFT_MESSAGE_APPEND_REPLY:
        if (message->as.append_reply.rejected == 0) {
            match_justify(judge, server, message);
        }
        break;
    case CRAFT_MESSAGE_PRE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
        break; /* they promise nothing */
    case CRAFT_MESSAGE_READ:
    case CRAFT_MESSAGE_READ_REPLY:
        break; /* nothing that a disk must hold */
    case CRAFT_MESSAGE_FORWARD:
        craft_judge_forward(judge, server, message);
        break;
    case CRAFT_MESSAGE_FORWARD_REPLY:
        craft_judge_forward_reply(judge, server, message);
        break;
    case CRAFT_MESSAGE_TIMEOUT_NOW:
        order_judge(judge, server, message);
        break;
    default:
        craft_judge_convict(judge, "%u sends a message of kind %u", server,
                            message->kind);
        break;
    }
}
