/*
 * replicate: the log as this leader sends it (thesis 3.5, 10.2; Figure 3.1,
 * "Leaders").
 *
 * Owns node.replication and, while this server leads, the progress in the
 * peers' slots. "Peer 3 wants an append" is a bit; the message is built at
 * delivery from the log as it is then.
 *
 * A probing peer gets one small append at a time, from where the logs may
 * agree; a heartbeat repeats the question, without entries as long as nothing
 * is heard. A replicating one gets entries as they come, within windows of
 * messages and bytes; a heartbeat stands behind the last entry sent, so that a
 * lost one is noticed. One that lacks entries which were compacted is asked for
 * the base at every heartbeat.
 */
#ifndef CRAFT_CORE_REPLICATE_H
#define CRAFT_CORE_REPLICATE_H

#include "core/node.h"

/* A leadership begins; the no-op is the next entry. */
CRAFT_INTERNAL void craft_replicate_begin(struct craft_node *node);

/* A round of appends begins: heartbeats for all. */
CRAFT_INTERNAL void craft_replicate_round(struct craft_node *node);

/* Ticks passed: heartbeats when it is time, which is told. */
CRAFT_INTERNAL bool craft_replicate_tick(struct craft_node *node);
CRAFT_INTERNAL void craft_replicate_elapse(struct craft_node *node,
                                           uint32_t ticks);
CRAFT_INTERNAL uint32_t craft_replicate_due(const struct craft_node *node);

/* A reply that no correct peer sends: 0, or CRAFT_ERR_MESSAGE. */
CRAFT_INTERNAL int craft_replicate_check(const struct craft_node *node,
                                         const craft_message *message);

CRAFT_INTERNAL void craft_replicate_on_reply(struct craft_node *node,
                                             const craft_message *message);

/* The log was compacted: which peers lack what has gone? */
CRAFT_INTERNAL void craft_replicate_compacted(struct craft_node *node);

/* The link to a peer broke. 0, or CRAFT_ERR_UNKNOWN_ID. */
CRAFT_INTERNAL int craft_replicate_unreachable(struct craft_node *node,
                                               craft_id id);

/* May entries be sent to the peer now? */
static inline bool craft_replicate_has_room(const struct craft_node *node,
                                            const struct craft_peer *peer)
{
    if (CRAFT_UNLIKELY(peer->progress != CRAFT_PROGRESS_REPLICATE)) {
        return peer->progress == CRAFT_PROGRESS_PROBE &&
               peer->asked == CRAFT_ASKED_NOT;
    }
    return craft_peer_inflight(peer) < node->config.inflight_max &&
           craft_peer_inflight_bytes(peer) < node->config.inflight_bytes_max;
}

/* The next append into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_replicate_derive(struct craft_node *node);

#endif
