/*
 * health: what the host is told of the node's life, and storage trouble in
 * leadership.
 *
 * Owns node.health: of each kind of event the latest and a count, so that
 * events are bounded; and for how long the disk has ended nothing. Reads the
 * storage's state and the peers' silence: a leader that cannot write, or is
 * not heard, yields to one that can and is.
 */
#ifndef CRAFT_CORE_HEALTH_H
#define CRAFT_CORE_HEALTH_H

#include "core/node.h"

/* Something happened that the host may want to know. */
CRAFT_INTERNAL void craft_health_tell(struct craft_node *node, uint32_t kind,
                                      int32_t value, craft_id id);

/* Must a leader yield because its disk takes nothing? */
CRAFT_INTERNAL bool craft_health_yields(const struct craft_node *node);

/* Has a leader heard from no majority for an election timeout? Thesis 6.2. */
CRAFT_INTERNAL bool craft_health_quorum_lost(const struct craft_node *node);

/* `ticks` units of time passed, for the disk too. */
CRAFT_INTERNAL void craft_health_elapse(struct craft_node *node,
                                        uint32_t ticks);

/*
 * Has a leader's own disk ended nothing for an election timeout, in which a
 * majority of the others went ahead? Then one of those leads better (thesis
 * 10.2.1, 6.2).
 */
CRAFT_INTERNAL bool craft_health_disk_silent(const struct craft_node *node);

/* The next event into the outbox; false when there is none. */
CRAFT_INTERNAL bool craft_health_derive(struct craft_node *node);

#endif
