#include "core/lease.h"

#define MILLION 1000000u

/*
 * While the leader's clock shows this much, at most length / (1 - d) of real
 * time passes; while a voter's shows its promise, at least promise / (1 + d).
 */
static uint64_t length_of(uint64_t promise_ns, uint64_t drift_ppm)
{
    uint64_t fast = MILLION + drift_ppm;
    uint64_t slow = MILLION - drift_ppm;

    return promise_ns / fast * slow + promise_ns % fast * slow / fast;
}

CRAFT_INTERNAL void craft_lease_init(struct craft_node *node)
{
    struct craft_lease *lease = &node->lease;

    lease->now_ns = CRAFT_NO_TIME;
    lease->quiet_ns = CRAFT_NO_TIME;
    lease->length_ns =
        length_of((uint64_t)craft_lease_promise_ms(node) * MILLION,
                  node->config.clock_drift_ppm);
    craft_lease_reset(node);
}

CRAFT_INTERNAL void craft_lease_reset(struct craft_node *node)
{
    node->lease.start_ns = CRAFT_NO_TIME;
    node->lease.round = 0;
    node->lease.round_ns = CRAFT_NO_TIME;
}

CRAFT_INTERNAL int craft_lease_clock(struct craft_node *node, uint64_t now_ns)
{
    struct craft_lease *lease = &node->lease;

    if (lease->now_ns != CRAFT_NO_TIME && now_ns < lease->now_ns) {
        return CRAFT_ERR_CLOCK;
    }
    lease->now_ns = now_ns;
    if (lease->quiet_ns == CRAFT_NO_TIME) {
        lease->quiet_ns = now_ns;
    }
    return 0;
}

CRAFT_INTERNAL int craft_lease_check(const struct craft_node *node,
                                     uint64_t now_ns)
{
    const struct craft_lease *lease = &node->lease;

    return lease->now_ns == CRAFT_NO_TIME || now_ns < lease->now_ns
               ? CRAFT_ERR_CLOCK
               : 0;
}

/* The latest round that enough have answered who promise enough. */
static uint64_t round_promised(const struct craft_node *node)
{
    return craft_peers_round(&node->peers, node->replication.round,
                             craft_lease_promise_ms(node));
}

static uint64_t start_by(const struct craft_node *node, uint64_t promised)
{
    const struct craft_lease *lease = &node->lease;

    if (promised >= node->replication.round) {
        return node->replication.round_ns;
    }
    return promised >= lease->round ? lease->round_ns : lease->start_ns;
}

/*
 * The beginnings of two rounds are known: of the newest, and of one that was
 * the newest when the answers to the one before it came. So a lease is renewed
 * at least once in two round trips, however many rounds are under way.
 */
CRAFT_INTERNAL void craft_lease_settle(struct craft_node *node)
{
    struct craft_lease *lease = &node->lease;
    uint64_t promised;

    if ((node->config.flags & CRAFT_CONFIG_LEASE) == 0 ||
        node->standing.role != CRAFT_ROLE_LEADER) {
        return;
    }
    promised = round_promised(node);
    lease->start_ns = start_by(node, promised);
    if (promised >= lease->round) {
        lease->round = node->replication.round;
        lease->round_ns = node->replication.round_ns;
    }
}

CRAFT_INTERNAL uint64_t craft_lease_until(const struct craft_node *node)
{
    uint64_t start;

    if ((node->config.flags & CRAFT_CONFIG_LEASE) == 0 ||
        node->standing.role != CRAFT_ROLE_LEADER ||
        node->phase != CRAFT_PHASE_STARTED ||
        node->commit_index < node->replication.first_of_term ||
        node->transfer.target != 0 || craft_transfer_ordered(node)) {
        return 0;
    }
    start = start_by(node, round_promised(node));
    return start == CRAFT_NO_TIME ? 0 : start + node->lease.length_ns;
}
