/* Every fact of a node in one number. */
#include "core/node.h"
#include "rig.h"

static uint32_t add(uint32_t sum, uint64_t value)
{
    return craft_crc32c(sum, &value, sizeof value);
}

static uint32_t add_log(uint32_t sum, const struct craft_log *log)
{
    sum = add(sum, log->first);
    sum = add(sum, log->last);
    sum = add(sum, log->truncated_from);
    sum = add(sum, log->base);
    for (craft_index i = log->base + 1; i <= log->last; i++) {
        sum = add(sum, craft_log_term(log, i));
    }
    for (craft_index i = log->first; i <= log->last; i++) {
        const craft_entry *entry = craft_log_entry(log, i);

        sum = add(sum, entry->index);
        sum = add(sum, entry->token);
        sum = add(sum, entry->kind);
        sum = add(sum, craft_log_end(log, i));
        sum = craft_crc32c(sum, entry->data, entry->data_len);
    }
    return sum;
}

static uint32_t add_peers(uint32_t sum, const struct craft_peers *peers)
{
    for (uint32_t i = 0; i < peers->len; i++) {
        const struct craft_peer *peer = &peers->slots[i];

        sum = add(sum, peer->id);
        sum = add(sum, peer->match_index);
        sum = add(sum, peer->next_index);
        sum = add(sum, peer->round);
        sum = add(sum, peer->read_question);
        sum = add(sum, peer->read_round);
        sum = add(sum, peer->read_index);
        sum = add(sum, peer->mark);
        sum = add(sum, peer->older_bytes);
        sum = add(sum, peer->newer_bytes);
        sum = add(sum, peer->older);
        sum = add(sum, peer->newer);
        sum = add(sum, peer->silent_ticks);
        sum = add(sum, peer->promise_ms);
        sum = add(sum, peer->priority);
        sum = add(sum, peer->well_ticks);
        sum = add(sum, peer->role);
        sum = add(sum, peer->progress);
        sum = add(sum, peer->asked);
        sum = add(sum, peer->forward_session);
        sum = add(sum, peer->forward_first);
        sum = add(sum, peer->forward_next);
        sum = add(sum, peer->forward_closed);
        sum = add(sum, peer->forward_low);
        sum = add(sum, peer->forward_high);
        sum = add(sum, peer->forward_reason);
        sum = add(sum, peer->forward_shut);
    }
    sum = add(sum, peers->voters);
    sum = add(sum, peers->voters_len);
    sum = add(sum, peers->self_votes);
    sum = add(sum, peers->want_append);
    sum = add(sum, peers->want_heartbeat);
    sum = add(sum, peers->want_fetch);
    sum = add(sum, peers->want_vote);
    sum = add(sum, peers->refuse_vote);
    sum = add(sum, peers->refuse_append);
    sum = add(sum, peers->answer_pre);
    sum = add(sum, peers->grant_pre);
    sum = add(sum, peers->reading);
    sum = add(sum, peers->answer_read);
    sum = add(sum, peers->open_forward);
    sum = add(sum, peers->shut_forward);
    sum = add(sum, peers->forwarding);
    sum = add(sum, peers->granted);
    sum = add(sum, peers->refused);
    for (uint32_t i = 0; i < peers->strangers_len; i++) {
        sum = add(sum, peers->strangers[i].to);
        sum = add(sum, peers->strangers[i].kind);
        sum = add(sum, peers->strangers[i].granted);
    }
    return sum;
}

static uint32_t add_read_queue(uint32_t sum, const struct craft_reads *reads,
                               const struct craft_read_queue *queue)
{
    for (uint32_t i = 0; i < queue->len; i++) {
        const struct craft_reading *reading =
            &queue->items[(queue->first + i) & (reads->max - 1)];

        sum = add(sum, reading->token);
        sum = add(sum, reading->number);
        sum = add(sum, reading->index);
    }
    return add(sum, queue->len);
}

static uint32_t add_reads(uint32_t sum, const struct craft_reads *reads)
{
    sum = add_read_queue(sum, reads, &reads->waiting);
    sum = add_read_queue(sum, reads, &reads->confirmed);
    sum = add(sum, reads->failed);
    sum = add(sum, reads->next_question);
    sum = add(sum, reads->question);
    return add(sum, reads->ask_again_ticks);
}

static uint32_t add_lease(uint32_t sum, const struct craft_lease *lease)
{
    sum = add(sum, lease->now_ns);
    sum = add(sum, lease->quiet_ns);
    sum = add(sum, lease->start_ns);
    sum = add(sum, lease->round);
    return add(sum, lease->round_ns);
}

static uint32_t add_forward_queue(uint32_t sum,
                                  const struct craft_forwarding *forward,
                                  const struct craft_forward_queue *queue)
{
    for (uint32_t i = 0; i < queue->len; i++) {
        const struct craft_forwarded *item =
            &queue->items[(queue->first + i) & (forward->max - 1)];

        sum = add(sum, item->token);
        sum = add(sum, item->index);
        sum = add(sum, item->term);
        sum = add(sum, item->since);
        sum = add(sum, item->bytes);
        sum = add(sum, item->hidden);
        sum = add(sum, (uint64_t)(int64_t)item->result);
    }
    return add(sum, queue->len);
}

static uint32_t add_forward_batch(uint32_t sum,
                                  const struct craft_forward_batch *batch)
{
    for (uint32_t i = 0; i < batch->entries_len; i++) {
        sum = add(sum, batch->entries[i].data_len);
    }
    sum = add(sum, batch->sent);
    return batch->bytes_len > 0
               ? craft_crc32c(sum, batch->bytes, batch->bytes_len)
               : sum;
}

static uint32_t add_forward(uint32_t sum,
                            const struct craft_forwarding *forward)
{
    sum = add_forward_queue(sum, forward, &forward->waiting);
    sum = add_forward_queue(sum, forward, &forward->entered);
    sum = add_forward_batch(sum, &forward->filling);
    sum = add_forward_batch(sum, &forward->sending);
    sum = add(sum, forward->refused);
    sum = add(sum, forward->bytes);
    sum = add(sum, forward->clock);
    sum = add(sum, forward->next_number);
    sum = add(sum, forward->unsent_number);
    sum = add(sum, forward->session);
    sum = add(sum, forward->session_number);
    sum = add(sum, forward->previous);
    sum = add(sum, forward->asked);
    return add(sum, forward->ask_again_ticks);
}

static uint32_t add_taking(uint32_t sum, const struct craft_taking *taking)
{
    for (uint32_t i = 0; i < taking->runs_len; i++) {
        const struct craft_taken_run *run =
            &taking->runs[(taking->runs_first + i) & (taking->runs_max - 1)];

        sum = add(sum, run->to);
        sum = add(sum, run->session);
        sum = add(sum, run->number);
        sum = add(sum, run->index);
        sum = add(sum, run->count);
    }
    return add(sum, taking->sessions);
}

static uint32_t add_transfer(uint32_t sum,
                             const struct craft_transferring *transfer)
{
    sum = add(sum, transfer->target);
    sum = add(sum, transfer->term);
    sum = add(sum, transfer->token);
    sum = add(sum, transfer->elapsed_ticks);
    sum = add(sum, transfer->tell_in_ticks);
    sum = add(sum, transfer->tell);
    sum = add(sum, transfer->told_in);
    sum = add(sum, transfer->ordered_to);
    sum = add(sum, transfer->ordered_in);
    sum = add(sum, transfer->ordered_at);
    sum = add(sum, transfer->ended_target);
    sum = add(sum, transfer->ended_token);
    return add(sum, (uint64_t)(int64_t)transfer->ended_result);
}

static uint32_t add_configuration(uint32_t sum,
                                  const struct craft_members *members)
{
    while (members != NULL) {
        sum = add(sum, members->index);
        sum = add(sum, members->lineage);
        for (uint32_t i = 0; i < members->len; i++) {
            sum = add(sum, members->member[i].id);
            sum = add(sum, members->member[i].role);
        }
        members = members->below;
    }
    return sum;
}

static uint32_t add_stored(uint32_t sum, const struct craft_stored *stored)
{
    sum = add(sum, stored->last);
    sum = add(sum, stored->match);
    sum = add(sum, stored->snapshot);
    sum = add(sum, stored->base);
    sum = add(sum, stored->term);
    sum = add(sum, stored->voted_for);
    return add(sum, stored->era == CRAFT_ERA_VOIDED);
}

static uint32_t add_persistence(uint32_t sum,
                                const struct craft_persistence *persist)
{
    sum = add_stored(sum, &persist->durable);
    for (uint64_t t = persist->oldest; t != persist->next; t++) {
        sum = add_stored(sum, &persist->tickets[t & persist->mask]);
    }
    sum = add(sum, persist->oldest);
    sum = add(sum, persist->next);
    sum = add(sum, persist->full);
    sum = add(sum, persist->stuck);
    return add(sum, persist->retry);
}

static uint32_t add_requests(uint32_t sum, const struct craft_node *node)
{
    const struct craft_proposals *proposals = &node->proposals;

    for (uint32_t i = 0; i < proposals->len; i++) {
        const struct craft_token *token =
            &proposals->tokens[(proposals->first + i) & (proposals->max - 1)];

        sum = add(sum, token->token);
        sum = add(sum, token->index);
        sum = add(sum, token->term);
        sum = add(sum, token->hidden);
        sum = add(sum, (uint64_t)(int64_t)token->result);
    }
    sum = add(sum, node->apply.index);
    sum = add(sum, node->apply.first);
    sum = add(sum, node->apply.last);
    for (size_t i = 0; node->fetching.stretches != NULL && i < 2; i++) {
        const struct craft_stretch *stretch = &node->fetching.stretches[i];

        sum = add(sum, stretch->ticket);
        sum = add(sum, stretch->first);
        sum = add(sum, stretch->last);
    }
    sum = add(sum, node->fetching.next_ticket);
    return add(sum, node->fetching.failed);
}

static uint32_t add_snapshot(uint32_t sum,
                             const struct craft_snapshotting *snapshot)
{
    sum = add(sum, snapshot->latest.index);
    sum = add(sum, snapshot->latest.term);
    sum = add(sum, snapshot->latest.size);
    sum = add(sum, snapshot->latest.digest);
    if (snapshot->configuration.len > 0) {
        sum = craft_crc32c(sum, snapshot->configuration.bytes,
                           snapshot->configuration.len);
    }
    return add(sum, snapshot->compact_to);
}

static uint32_t add_standing(uint32_t sum, const struct craft_node *node)
{
    const struct craft_following *following = &node->following;

    sum = add(sum, node->standing.term);
    sum = add(sum, node->standing.leader);
    sum = add(sum, node->standing.role);
    sum = add(sum, node->election.voted_for);
    sum = add(sum, node->election.grant_owed_to);
    sum = add(sum, node->election.elapsed_ticks);
    sum = add(sum, node->election.timeout_ticks);
    sum = add(sum, node->election.handed_over);
    sum = add(sum, node->replication.first_of_term);
    sum = add(sum, node->replication.round);
    sum = add(sum, node->replication.round_ns);
    sum = add(sum, node->replication.elapsed_ticks);
    sum = add(sum, following->verified);
    sum = add(sum, following->leader_commit);
    sum = add(sum, following->replied_match);
    sum = add(sum, following->rejected_index);
    sum = add(sum, following->rejected_term);
    sum = add(sum, following->round);
    sum = add(sum, following->reply_owed);
    return add(sum, following->rejection_owed);
}

static uint32_t add_health(uint32_t sum, const struct craft_health *health)
{
    sum = add(sum, health->pending);
    sum = add(sum, health->disk_ticks);
    sum = add(sum, health->disk_ticket);
    for (size_t i = 0; health->levels != NULL && i < CRAFT_EVENT_KIND_END;
         i++) {
        sum = add(sum, health->levels[i].id);
        sum = add(sum, health->levels[i].term);
        sum = add(sum, health->levels[i].index);
        sum = add(sum, (uint64_t)health->levels[i].value);
        sum = add(sum, health->levels[i].count);
    }
    return sum;
}

uint32_t rig_digest(const struct rig *rig)
{
    return node_digest(rig->node);
}

uint32_t node_digest(const craft_node *node)
{
    uint32_t sum = 0;

    if (node == NULL) {
        return 0;
    }
    sum = add(sum, node->due & CRAFT_DERIVE_ALL);
    sum = add(sum, node->phase);
    sum = add(sum, node->delivery.holds);
    sum = add(sum, node->commit_index);
    sum = add(sum, node->random.state);
    sum = add_standing(sum, node);
    sum = add_log(sum, &node->log);
    sum = add_peers(sum, &node->peers);
    sum = add_transfer(sum, &node->transfer);
    sum = add(sum, node->prefer.since_ticks);
    sum = add(sum, node->prefer.pause_ticks);
    sum = add(sum, node->prefer.mark);
    sum = add(sum, node->prefer.look_ticks);
    sum = add_reads(sum, &node->reads);
    sum = add_lease(sum, &node->lease);
    sum = add_forward(sum, &node->forward);
    sum = add_taking(sum, &node->taking);
    sum = add_configuration(sum, node->configuration);
    sum = add_persistence(sum, &node->persist);
    sum = add_requests(sum, node);
    sum = add_snapshot(sum, &node->snapshot);
    return add_health(sum, &node->health);
}
