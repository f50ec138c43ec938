/* Figure 3.1, "Rules for Servers"; thesis 3.3, 3.4. */
#include "core/elect.h"
#include "core/follow.h"
#include "core/forward.h"
#include "core/health.h"
#include "core/lease.h"
#include "core/prefer.h"
#include "core/propose.h"
#include "core/read.h"
#include "core/receiving.h"
#include "core/replicate.h"
#include "core/sending.h"
#include "core/take.h"
#include "engine/engine.h"

static void role_set(struct craft_node *node, uint32_t role)
{
    if (node->standing.role == role) {
        return;
    }
    if (node->standing.role == CRAFT_ROLE_LEADER) {
        craft_sending_reset(node);
    }
    node->standing.role = role;
    craft_health_tell(node, CRAFT_EVENT_ROLE, (int32_t)role, 0);
}

/* What went to the leader that was: it leads no more, or not in this term. */
static void forward_reset(struct craft_node *node)
{
    craft_take_reset(node);
    if (craft_forward_reset(node)) {
        craft_health_tell(node, CRAFT_EVENT_FORWARD, 0, node->standing.leader);
    }
}

static void leader_set(struct craft_node *node, craft_id leader)
{
    if (node->standing.leader == leader) {
        return;
    }
    forward_reset(node);
    node->standing.leader = leader;
    if (leader != 0) {
        /* Else those that never campaign keep the longest of all draws. */
        craft_elect_redraw(node);
    }
    craft_read_reset(node);
    if (node->transfer.target != 0) {
        craft_changed(node, CRAFT_FACT_TRANSFER);
    }
    craft_health_tell(node, CRAFT_EVENT_LEADER, 0, leader);
}

/* A new term voids the vote and every promise of the old one. */
static void term_set(struct craft_node *node, craft_term term)
{
    CRAFT_ASSERT(term > node->standing.term);
    CRAFT_ASSERT(term < CRAFT_NUMBER_MAX);
    forward_reset(node);
    node->standing.term = term;
    craft_elect_reset(node);
    craft_follow_reset(node);
    craft_read_reset(node);
    craft_peers_clear(&node->peers);
    craft_health_tell(node, CRAFT_EVENT_TERM, 0, 0);
}

/*
 * The election clock goes on when a follower meets a higher term: otherwise a
 * candidate that cannot win would keep the one that can from trying.
 */
CRAFT_INTERNAL void craft_role_follow(struct craft_node *node, craft_term term,
                                      craft_id leader)
{
    CRAFT_ASSERT(term >= node->standing.term);
    if (node->standing.role != CRAFT_ROLE_FOLLOWER) {
        role_set(node, CRAFT_ROLE_FOLLOWER);
        craft_elect_redraw(node);
        craft_peers_clear(&node->peers);
    }
    if (term > node->standing.term) {
        term_set(node, term);
    }
    leader_set(node, leader);
}

/* No term, no vote: what it asks for must not be felt by a group that is well
 * (thesis 9.6). */
static void pre_campaign(struct craft_node *node)
{
    role_set(node, CRAFT_ROLE_PRE_CANDIDATE);
    leader_set(node, 0);
    craft_peers_clear(&node->peers);
    craft_elect_redraw(node);
    craft_elect_ask(node);
}

CRAFT_INTERNAL void craft_role_stand(struct craft_node *node)
{
    CRAFT_ASSERT(node->standing.role != CRAFT_ROLE_LEADER);
    if ((node->config.flags & CRAFT_CONFIG_PRE_VOTE) != 0) {
        pre_campaign(node);
    } else {
        craft_role_campaign(node, false);
    }
}

CRAFT_INTERNAL void craft_role_campaign(struct craft_node *node,
                                        bool handed_over)
{
    CRAFT_ASSERT(node->standing.role != CRAFT_ROLE_LEADER);
    term_set(node, node->standing.term + 1);
    role_set(node, CRAFT_ROLE_CANDIDATE);
    leader_set(node, 0);
    craft_elect_redraw(node);
    craft_elect_begin(node, handed_over);
}

CRAFT_INTERNAL void craft_role_lead(struct craft_node *node)
{
    static const craft_command nothing = {NULL, 0, 0};

    CRAFT_ASSERT(node->standing.role == CRAFT_ROLE_CANDIDATE);
    role_set(node, CRAFT_ROLE_LEADER);
    leader_set(node, node->config.id);
    craft_peers_clear(&node->peers);
    craft_lease_reset(node);
    craft_replicate_begin(node);
    craft_prefer_begin(node);
    craft_propose_append(node, CRAFT_ENTRY_NOOP, &nothing);
}
