#include "ops.h"

#include <string.h>

#include "cluster_play.h"

#define DEPTH_MAX 2u
#define LOG_LEN_MAX 600u /* then no more proposals: each step reads it all */

static uint32_t pick(struct fuzz_input *in, const uint32_t *list, uint32_t len)
{
    return list[fuzz_below(in, len)];
}

bool ops_is_up(struct ops *ops, uint32_t position)
{
    const struct cluster_node *node = cluster_node(ops->cluster, position);

    return node->node != NULL && !node->halted;
}

uint32_t ops_position(struct ops *ops)
{
    uint32_t position = 1 + fuzz_below(&ops->in, ops->cluster->options.nodes);

    return cluster_node(ops->cluster, position)->puppet ? 1 : position;
}

/* ------------------------------------------------------------------ options */

struct cluster_options ops_options(struct fuzz_input *in, uint32_t nodes)
{
    struct cluster_options options;
    uint32_t flags = fuzz_word(in);

    cluster_options_init(&options, nodes);
    options.seed = 1 + fuzz_byte(in);
    options.pull = (flags & 1u) == 0;
    options.bytes = (flags & 2u) != 0;
    options.no_fetch = (flags & 4u) != 0;
    for (uint32_t i = 1; i <= CLUSTER_NODES_MAX && (flags & 8u) != 0; i++) {
        options.ids[i] = CRAFT_NUMBER_MAX - 8 + i;
    }
    options.config.entry_bytes_max = 512;
    options.config.message_bytes_max = (flags & 16u) != 0 ? 576 : 4096;
    options.config.inflight_bytes_max = (flags & 32u) != 0 ? 600 : 65536;
    options.config.inflight_max = (flags & 64u) != 0 ? 2 : 16;
    options.config.uncommitted_bytes_max = (flags & 128u) != 0 ? 1024 : 65536;
    options.config.log_cache_bytes_max = (flags & 256u) != 0 ? 0 : 2048;
    options.config.tokens_max = (flags & 512u) != 0 ? 5 : 1000;
    options.config.persist_inflight_max = 1 + (flags >> 10 & 3u);
    options.config.heartbeat_ticks = 1 + (flags >> 12 & 3u);
    if ((flags >> 14 & 1u) != 0) {
        options.config.flags |= CRAFT_CONFIG_FORWARD;
        options.config.forward_bytes_max = (flags & 128u) != 0 ? 600 : 65536;
    }
    return options;
}

/* ------------------------------------------------------------------ network */

static void op_network(struct ops *ops)
{
    struct cluster *cluster = ops->cluster;
    struct cluster_filter any = {0, 0, 0};
    uint32_t how = fuzz_byte(&ops->in);
    size_t at = fuzz_byte(&ops->in);
    struct cluster_message *message;

    if (cluster->network_len == 0) {
        return;
    }
    message = cluster_find(cluster, any, at % cluster->network_len);
    if (message->to == 0 || /* a stranger, who was answered */
        (cluster->cut[message->from] >> message->to & 1u) != 0 ||
        cluster_node(cluster, message->to)->puppet || how % 8 == 7) {
        cluster_drop_message(cluster, message);
    } else {
        (void)cluster_deliver_message(cluster, message, how % 8 == 6);
    }
}

static void op_deliver(struct ops *ops)
{
    struct cluster_filter link = {0, ops_position(ops), 0};

    (void)cluster_deliver(ops->cluster, link);
}

static void op_link(struct ops *ops)
{
    uint32_t how = fuzz_byte(&ops->in);
    uint32_t from = ops_position(ops);

    if (how % 4 == 0) {
        cluster_isolate(ops->cluster, from);
    } else if (how % 4 == 1) {
        cluster_cut(ops->cluster, from, ops_position(ops));
    } else {
        cluster_heal(ops->cluster);
    }
}

/* ------------------------------------------------------------------- inputs */

static void op_tick(struct ops *ops)
{
    static const uint32_t ticks[8] = {1, 1, 1, 2, 10, 20, 0, UINT32_MAX};
    uint32_t position = ops_position(ops);
    uint32_t count = pick(&ops->in, ticks, 8);

    if (ops_is_up(ops, position)) {
        (void)craft_ticks_until_due(cluster_node(ops->cluster, position)->node);
        (void)cluster_tick(ops->cluster, position, count);
    }
}

static void op_propose(struct ops *ops)
{
    static const uint32_t sizes[8] = {0, 3, 8, 24, 200, 505, 512, 513};
    uint32_t position = ops_position(ops);
    uint32_t how = fuzz_byte(&ops->in);

    if (how % 3 != 0 && cluster_leader(ops->cluster) != 0) {
        position = cluster_leader(ops->cluster);
    }
    if (!ops_is_up(ops, position) ||
        cluster_status(ops->cluster, position).last_index > LOG_LEN_MAX) {
        return;
    }
    if (how % 4 == 1) {
        (void)cluster_propose_many(ops->cluster, position, how / 4 % 9);
    } else {
        (void)cluster_propose_sized(ops->cluster, position, sizes[how / 4 % 8]);
    }
}

static void op_campaign(struct ops *ops)
{
    uint32_t position = ops_position(ops);

    if (ops_is_up(ops, position)) {
        (void)cluster_campaign(ops->cluster, position);
    }
}

static void op_unreachable(struct ops *ops)
{
    uint32_t position = ops_position(ops);
    uint32_t peer = 1 + fuzz_below(&ops->in, ops->cluster->options.nodes);

    if (ops_is_up(ops, position)) {
        (void)cluster_unreachable(ops->cluster, position, peer);
    }
}

static void op_hold(struct ops *ops)
{
    uint32_t position = ops_position(ops);

    if (!ops_is_up(ops, position)) {
        return;
    }
    if (cluster_node(ops->cluster, position)->holds < 2 &&
        fuzz_byte(&ops->in) % 2 == 0) {
        cluster_hold(ops->cluster, position);
    } else {
        cluster_release(ops->cluster, position);
    }
}

/* ------------------------------------------------------------------ endings */

static void op_persisted(struct ops *ops)
{
    static const uint32_t endings[8] = {0, 0, 0, 0, 0, 1, 1, 2};
    uint32_t position = ops_position(ops);
    struct cluster_node *node = cluster_node(ops->cluster, position);
    uint32_t at = fuzz_byte(&ops->in);
    int ending = (int)pick(&ops->in, endings, 8);

    if (!ops_is_up(ops, position)) {
        return;
    }
    if (at < 128 && node->records_len > 0) {
        at = at % (uint32_t)node->records_len;
        (void)cluster_persisted(ops->cluster, position,
                                node->records[at].ticket, ending);
    } else if (node->next_ticket > 1) { /* a late one */
        uint64_t ticket = 1 + at % (node->next_ticket - 1);

        if (node->records_len == 0 || ticket < node->records[0].ticket) {
            (void)cluster_persisted(ops->cluster, position, ticket,
                                    CRAFT_ENDING_OK);
        }
    }
}

static void op_applied(struct ops *ops)
{
    uint32_t position = ops_position(ops);
    struct cluster_node *node = cluster_node(ops->cluster, position);
    uint32_t at = fuzz_byte(&ops->in);
    int ending = at == 255 ? CRAFT_ENDING_ERROR : CRAFT_ENDING_OK;

    if (ops_is_up(ops, position) && node->batch != NULL) {
        (void)cluster_applied(
            ops->cluster, position,
            node->batch_first - 1 + at % (node->batch_len + 3), ending);
    }
}

static void op_fetched(struct ops *ops)
{
    uint32_t position = ops_position(ops);
    int ending =
        fuzz_byte(&ops->in) % 4 == 0 ? CRAFT_ENDING_ERROR : CRAFT_ENDING_OK;

    if (ops_is_up(ops, position)) {
        (void)cluster_fetch_one(ops->cluster, position, ending);
    }
}

/* -------------------------------------------------------- a host's mistakes */

/* Tickets, indexes and endings that cannot be: an error, nothing changes. */
static int mistake(struct ops *ops, struct cluster_node *node)
{
    static const uint8_t junk[4] = {1, 3, 0, 0};
    craft_entry entry = {.index = 1, .term = CRAFT_NUMBER_MAX - 1, .kind = 1};
    craft_node *it = node->node;

    switch (fuzz_below(&ops->in, 16)) {
    case 0:
        return craft_persisted(it, 0, CRAFT_ENDING_OK);
    case 1:
        return craft_persisted(it, node->next_ticket, CRAFT_ENDING_OK);
    case 2:
        return craft_persisted(it, UINT64_MAX, CRAFT_ENDING_ERROR);
    case 3:
        return craft_persisted(it, node->next_ticket - 1, 3);
    case 4:
        return craft_applied(it, UINT64_MAX, CRAFT_ENDING_OK);
    case 5:
        return craft_applied(it, node->batch_last, CRAFT_ENDING_NOSPACE);
    case 6:
        return craft_fetched(it, UINT64_MAX, NULL, 0, CRAFT_ENDING_OK);
    case 7: /* not of this log */
        entry.index = node->fetches_len > 0 ? node->fetches[0].first : 1;
        return craft_fetched(
            it, node->fetches_len > 0 ? node->fetches[0].ticket : 0, &entry, 1,
            CRAFT_ENDING_OK);
    case 8:
        return craft_fetched(it, 0, &entry, 1, CRAFT_ENDING_OK);
    case 9:
        return craft_receive(it, NULL);
    case 10:
        return craft_receive_bytes(it, junk, sizeof junk);
    case 11:
        return craft_peer_unreachable(it, CRAFT_NUMBER_MAX);
    case 12:
        return craft_node_start(it);
    case 13:
        return craft_node_restore_entries(it, &entry, 1);
    case 14:
        return craft_propose(it, NULL, 1, 1);
    default:
        return craft_propose_many(it, NULL, 1);
    }
}

static void op_mistake(struct ops *ops)
{
    uint32_t position = ops_position(ops);
    uint64_t count = ops->count;
    struct play_state before;
    struct play_state after;

    /* In a hook or a hold a proposal settles what came before it. */
    if (!ops_is_up(ops, position) || ops->depth > 0 ||
        cluster_node(ops->cluster, position)->holds > 0) {
        return;
    }
    before = play_look(ops->cluster, position);
    fuzz_check(mistake(ops, cluster_node(ops->cluster, position)) < 0,
               "a mistake is an error");
    after = play_look(ops->cluster, position);
    fuzz_check(ops->count != count || play_differs(&before, &after) == NULL,
               "a mistake changes nothing");
}

/* --------------------------------------------------------------------- life */

static void op_life(struct ops *ops)
{
    uint32_t position = ops_position(ops);
    struct cluster_node *node = cluster_node(ops->cluster, position);
    uint32_t how = fuzz_byte(&ops->in);

    if (node->node == NULL) {
        craft_index applied = node->applied;

        if (applied > node->disk.log.len || (how & 1u) != 0) {
            applied = 0;
        }
        cluster_restart_with(ops->cluster, position, 1 + how / 2 % 8, applied);
    } else if (!node->halted && how % 16 == 0) {
        (void)cluster_stop(ops->cluster, position);
    } else {
        cluster_crash(ops->cluster, position, how / 16);
    }
}

/* How its host behaves from now on. */
static void op_host(struct ops *ops)
{
    static const uint32_t refusals[4] = {0, 50, 300, 1000};
    struct cluster_node *node = cluster_node(ops->cluster, ops_position(ops));
    uint32_t modes = fuzz_byte(&ops->in);

    node->persist_ends =
        modes & 1u ? CLUSTER_ENDS_WHEN_TOLD : CLUSTER_ENDS_INSIDE;
    node->apply_ends =
        modes & 2u ? CLUSTER_ENDS_WHEN_TOLD : CLUSTER_ENDS_INSIDE;
    node->fetch_ends =
        modes & 4u ? CLUSTER_ENDS_WHEN_TOLD : CLUSTER_ENDS_INSIDE;
    node->disk_full = (modes & 8u) != 0;
    node->allocations_fail = refusals[modes >> 4 & 3u];
}

static void op_settle(struct ops *ops)
{
    if (ops->depth == 0) {
        cluster_settle(ops->cluster);
    }
}

static void op_run(struct ops *ops)
{
    if (ops->depth == 0) {
        cluster_run(ops->cluster, 1 + fuzz_below(&ops->in, 4));
    }
}

/* -------------------------------------------------------------------- steps */

typedef void op(struct ops *ops);

static op *const ops_list[] = {
    op_network,   op_network, op_network, op_deliver,     op_tick,
    op_tick,      op_propose, op_propose, op_campaign,    op_persisted,
    op_persisted, op_applied, op_fetched, op_unreachable, op_hold,
    op_life,      op_host,    op_link,    op_mistake,     op_settle,
    op_run,
};

void ops_step(struct ops *ops)
{
    uint32_t count = sizeof ops_list / sizeof ops_list[0];

    ops->count++;
    ops_list[fuzz_below(&ops->in, count)](ops);
}

/* Operations inside of hooks, of any server. */
static void inside(struct cluster_node *node, uint32_t kind)
{
    struct ops *ops = node->cluster->inside_data;

    (void)kind;
    if (ops->depth >= DEPTH_MAX || ops->in.len == 0 ||
        fuzz_byte(&ops->in) % 4 != 1) {
        return;
    }
    ops->depth++;
    ops_step(ops);
    ops->depth--;
}

void ops_begin(struct ops *ops)
{
    ops->cluster->inside_data = ops;
    if (fuzz_byte(&ops->in) % 4 == 1) {
        ops->cluster->inside = inside;
    }
}
