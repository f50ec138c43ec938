/*
 * prefer: who is to lead, of those that could as well (thesis 3.10: leadership
 * is transferred when another server is more suitable to lead).
 *
 * Owns node.prefer, and for how long a peer has been well. Elections know no
 * priorities: whoever can lead, leads. A leader that hears a voter of higher
 * priority, which for a whole election timeout has answered and whose disk has
 * kept up, hands over to it (core/transfer.c). After every attempt there is a
 * pause, which doubles while attempts follow each other, so that a server that
 * cannot take the office, or cannot keep it, does not cost the group its rest.
 */
#ifndef CRAFT_CORE_PREFER_H
#define CRAFT_CORE_PREFER_H

#include "core/node.h"

/* A leadership begins. */
CRAFT_INTERNAL void craft_prefer_begin(struct craft_node *node);

/* Ticks passed. */
CRAFT_INTERNAL void craft_prefer_elapse(struct craft_node *node,
                                        uint32_t ticks);

/* To whom leadership is to be handed now; 0 = to nobody. */
CRAFT_INTERNAL craft_id craft_prefer_whom(const struct craft_node *node);

/* That was begun. */
CRAFT_INTERNAL void craft_prefer_tried(struct craft_node *node);

#endif
