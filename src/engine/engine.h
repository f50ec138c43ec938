/*
 * engine: who calls the duties, and in which order.
 *
 *   role     the only place that changes role, term and leader
 *   step     a message: check, reserve, terms, the one handler
 *   settle   the consequences of changed facts, in one written order
 *   effects  what follows for the host, derived from settled facts, and
 *            handed out through either door
 *
 * Keeps nothing. See core/node.h for the facts.
 */
#ifndef CRAFT_ENGINE_ENGINE_H
#define CRAFT_ENGINE_ENGINE_H

#include "core/node.h"

/* Follow: in a later term, or in this one; leader 0 = not known. */
CRAFT_INTERNAL void craft_role_follow(struct craft_node *node, craft_term term,
                                      craft_id leader);

/* Stand for election: ask first (thesis 9.6), if so configured, or campaign.
 * What winning needs is reserved. */
CRAFT_INTERNAL void craft_role_stand(struct craft_node *node);

/* Campaign in the next term (thesis 3.4), on its own or told to (3.10). */
CRAFT_INTERNAL void craft_role_campaign(struct craft_node *node,
                                        bool handed_over);

/* Lead in this term. */
CRAFT_INTERNAL void craft_role_lead(struct craft_node *node);

/* Take one message. 0 or the reason for which it was refused. */
CRAFT_INTERNAL int craft_step(struct craft_node *node,
                              const craft_message *message);

/* Settle until nothing is left to settle. */
CRAFT_HOT void craft_settle(struct craft_node *node);

/*
 * Both doors: settle and hand out effects to the hooks until nothing is left,
 * or a hook took a hold, as those of a node made without hooks do.
 */
CRAFT_HOT void craft_effects_run(struct craft_node *node);

/* Between hooks: evict, and free what nobody can hold any more. */
CRAFT_INTERNAL void craft_tidy(struct craft_node *node);

#endif
