/* The life of a cluster and of its nodes; inputs. */
#include "cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster_parts.h"
#include "test_memory.h"

#define SETTLE_ROUNDS_MAX 20000u

/* --------------------------------------------------------------- judgement */

void cluster_trace(struct cluster *cluster, const char *text)
{
    if (cluster->trace) {
        (void)fprintf(stderr, "%s\n", text);
    }
}

static void cluster_tell(struct cluster *cluster)
{
    char line[256];

    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        if (cluster->nodes[i].node != NULL) {
            craft_status status = cluster_look(&cluster->nodes[i]);

            (void)craft_describe_status(&status, line, sizeof line);
            (void)fprintf(stderr, "  %u: %s\n", i, line);
        }
    }
}

void cluster_fail(struct cluster *cluster, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fprintf(stderr, "cluster, seed %llu: %s\n",
                  (unsigned long long)cluster->options.seed, text);
    cluster_tell(cluster);
    if (cluster->failed != NULL) {
        cluster->failed(cluster, text);
    }
    abort();
}

uint32_t cluster_random(struct cluster *cluster, uint32_t bound)
{
    uint64_t x;

    cluster->random += 0x9e3779b97f4a7c15u;
    x = cluster->random;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return (uint32_t)((x & 0xffffffffu) * bound >> 32);
}

/* ----------------------------------------------------------------- looking */

struct cluster_node *cluster_node(struct cluster *cluster, uint32_t position)
{
    if (position == 0 || position > cluster->options.nodes) {
        cluster_fail(cluster, "there is no server %u", position);
    }
    return &cluster->nodes[position];
}

uint32_t cluster_position(const struct cluster *cluster, craft_id id)
{
    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        if (cluster->nodes[i].id == id) {
            return i;
        }
    }
    return 0;
}

craft_status cluster_look(struct cluster_node *node)
{
    craft_status status;

    memset(&status, 0, sizeof status);
    status.struct_size = sizeof status;
    if (node->node != NULL) {
        (void)craft_node_status(node->node, &status);
    }
    return status;
}

craft_status cluster_status(struct cluster *cluster, uint32_t position)
{
    return cluster_look(cluster_node(cluster, position));
}

craft_peer_status cluster_peer(struct cluster *cluster, uint32_t position,
                               uint32_t peer)
{
    struct cluster_node *node = cluster_node(cluster, position);
    craft_peer_status status;

    memset(&status, 0, sizeof status);
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        status.struct_size = sizeof status;
        if (craft_node_peer(node->node, i, &status) == 0 &&
            status.id == cluster_node(cluster, peer)->id) {
            return status;
        }
    }
    cluster_fail(cluster, "%u has no peer %u", position, peer);
}

uint32_t cluster_leader(struct cluster *cluster)
{
    craft_term term = 0;
    uint32_t leader = 0;

    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        craft_status status = cluster_look(&cluster->nodes[i]);

        if (status.role == CRAFT_ROLE_LEADER && status.term > term &&
            !cluster->nodes[i].halted) {
            term = status.term;
            leader = i;
        }
    }
    return leader;
}

/* ------------------------------------------------------------------ inputs */

struct cluster_input cluster_enter(struct cluster_node *node, bool may_allocate)
{
    const struct cluster_refusal *refusal = node->cluster->options.refusal;
    struct cluster_input input = {node, node->may_allocate, false, 0};

    node->may_allocate = may_allocate;
    node->cluster->depth++;
    if (may_allocate && refusal != NULL && refusal->at > refusal->count &&
        node->node != NULL) {
        input.watched = true;
        input.digest = refusal->digest(node->node);
    }
    return input;
}

/* "On any error above -900 the node is unchanged." */
bool cluster_again(const struct cluster_input *input, int rv)
{
    struct cluster_node *node = input->node;
    struct cluster_refusal *refusal = node->cluster->options.refusal;

    if (rv != CRAFT_ERR_NOMEM || refusal == NULL || !refusal->refused ||
        refusal->told) {
        return false;
    }
    refusal->told = true;
    if (input->watched && refusal->digest(node->node) != input->digest) {
        cluster_fail(node->cluster, "%u changed, for want of memory",
                     node->position);
    }
    return refusal->repeat;
}

void cluster_leave(struct cluster_input input)
{
    struct cluster_node *node = input.node;

    if (node->cluster->options.pull && node->node != NULL && !node->lazy) {
        cluster_pump(node);
    }
    if (node->node != NULL) {
        craft_status status = cluster_look(node);

        cluster_watch_commit(node, &status);
    }
    node->may_allocate = input.may_allocate;
    node->cluster->depth--;
    if (node->cluster->depth == 0) {
        cluster_check(node->cluster);
        cluster_explained(node);
    }
}

int cluster_tick(struct cluster *cluster, uint32_t position, uint32_t ticks)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input = cluster_enter(node, true);
    int rv;

    if (cluster->trace) {
        (void)fprintf(stderr, "tick %u +%u\n", position, ticks);
    }
    rv = craft_tick(node->node, ticks);
    cluster_leave(input);
    return rv;
}

static uint64_t token_make(struct cluster *cluster, struct cluster_node *node)
{
    size_t max = cluster->tokens_len;
    struct cluster_token *token;

    if ((max & (max - 1)) == 0) {
        cluster->tokens =
            realloc(cluster->tokens, (max > 0 ? max * 2 : 1) * sizeof *token);
        if (cluster->tokens == NULL) {
            abort();
        }
    }
    token = &cluster->tokens[max];
    memset(token, 0, sizeof *token);
    token->position = node->position;
    token->life = node->life;
    token->is_forwarded =
        node->node != NULL &&
        (cluster->options.config.flags & CRAFT_CONFIG_FORWARD) != 0 &&
        cluster_look(node).role != CRAFT_ROLE_LEADER;
    cluster->tokens_len++;
    return cluster->tokens_len;
}

uint64_t cluster_last_token(const struct cluster *cluster)
{
    return cluster->tokens_len;
}

struct cluster_token *cluster_token(struct cluster *cluster, uint64_t token)
{
    if (token == 0 || token > cluster->tokens_len) {
        cluster_fail(cluster, "there is no token %llu",
                     (unsigned long long)token);
    }
    return &cluster->tokens[token - 1];
}

/* What was refused will never be heard of. */
static void token_refused(struct cluster *cluster, uint64_t token)
{
    if (token != 0) {
        cluster->tokens[token - 1].state = CLUSTER_TOKEN_ENDED;
        cluster->tokens[token - 1].result = CRAFT_RESULT_SUPERSEDED;
    }
}

int cluster_propose_sized(struct cluster *cluster, uint32_t position,
                          size_t data_len)
{
    struct cluster_node *node = cluster_node(cluster, position);
    uint8_t *data = malloc(data_len + 1);
    uint64_t token = 0;
    struct cluster_input input;
    craft_explanation told;
    int rv;

    if (data == NULL) {
        abort();
    }
    memset(data, 0x5a, data_len + 1);
    if (data_len >= sizeof token) {
        token = token_make(cluster, node);
        memcpy(data, &token, sizeof token);
    }
    if (cluster->trace) {
        (void)fprintf(stderr, "propose %u %zu bytes token=%llu\n", position,
                      data_len, (unsigned long long)token);
    }
    told = cluster_foretell(node, CRAFT_QUESTION_PROPOSE, data_len);
    input = cluster_enter(node, true);
    do {
        rv = craft_propose(node->node, data_len > 0 ? data : NULL, data_len,
                           token);
    } while (cluster_again(&input, rv));
    if (token != 0) {
        cluster_foretold(node, &told, rv);
    }
    if (rv != 0) {
        token_refused(cluster, token);
    }
    test_memory_poison(data, data_len + 1);
    free(data);
    cluster_leave(input);
    return rv;
}

int cluster_propose(struct cluster *cluster, uint32_t position)
{
    return cluster_propose_sized(cluster, position, 16);
}

#define COMMANDS_MAX 64u

int cluster_propose_many(struct cluster *cluster, uint32_t position,
                         size_t commands)
{
    struct cluster_node *node = cluster_node(cluster, position);
    craft_command list[COMMANDS_MAX];
    uint8_t data[COMMANDS_MAX][16];
    struct cluster_input input;
    int rv;

    memset(data, 0x5b, sizeof data);
    if (commands > COMMANDS_MAX) {
        commands = COMMANDS_MAX;
    }
    for (size_t i = 0; i < commands; i++) {
        list[i].token = token_make(cluster, node);
        memcpy(data[i], &list[i].token, sizeof list[i].token);
        list[i].data = data[i];
        list[i].data_len = sizeof data[i];
    }
    input = cluster_enter(node, true);
    do {
        rv = craft_propose_many(node->node, list, commands);
    } while (cluster_again(&input, rv));
    for (size_t i = 0; rv != 0 && i < commands; i++) {
        token_refused(cluster, list[i].token);
    }
    cluster_leave(input);
    return rv;
}

int cluster_propose_command(struct cluster *cluster, uint32_t position,
                            craft_command *command)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input;
    int rv;

    if (command->token != 0) {
        command->token = token_make(cluster, node);
    }
    input = cluster_enter(node, true);
    do {
        rv = craft_propose(node->node, command->data, command->data_len,
                           command->token);
    } while (cluster_again(&input, rv));
    if (rv != 0) {
        token_refused(cluster, command->token);
    }
    cluster_leave(input);
    return rv;
}

int cluster_propose_commands(struct cluster *cluster, uint32_t position,
                             craft_command *commands, size_t commands_len)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input;
    int rv;

    for (size_t i = 0; i < commands_len; i++) {
        if (commands[i].token != 0) {
            commands[i].token = token_make(cluster, node);
        }
    }
    input = cluster_enter(node, true);
    do {
        rv = craft_propose_many(node->node, commands, commands_len);
    } while (cluster_again(&input, rv));
    for (size_t i = 0; rv != 0 && i < commands_len; i++) {
        token_refused(cluster, commands[i].token);
    }
    cluster_leave(input);
    return rv;
}

int cluster_campaign(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input = cluster_enter(node, true);
    int rv;

    if (cluster->trace) {
        (void)fprintf(stderr, "campaign %u\n", position);
    }
    do {
        rv = craft_campaign(node->node);
    } while (cluster_again(&input, rv));
    cluster_leave(input);
    return rv;
}

int cluster_clock(struct cluster *cluster, uint32_t position, uint64_t now_ns)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input = cluster_enter(node, true);
    int rv;

    if (cluster->trace) {
        (void)fprintf(stderr, "clock %u %llu\n", position,
                      (unsigned long long)now_ns);
    }
    rv = craft_clock(node->node, now_ns);
    if (rv == 0) {
        node->now_ns = now_ns;
    }
    cluster_leave(input);
    return rv;
}

/* Of the log, or by the clock. */
static int read_by(struct cluster *cluster, uint32_t position, bool lease,
                   uint64_t now_ns)
{
    struct cluster_node *node = cluster_node(cluster, position);
    uint64_t token = token_make(cluster, node);
    struct cluster_input input;
    craft_explanation told;
    int rv;

    cluster->tokens[token - 1].is_read = true;
    cluster->tokens[token - 1].read_at = cluster->committed.len;
    if (cluster->trace) {
        (void)fprintf(stderr, "read %u token=%llu\n", position,
                      (unsigned long long)token);
    }
    told = cluster_foretell(node, CRAFT_QUESTION_READ, 0);
    input = cluster_enter(node, true);
    do {
        rv = lease ? craft_read_lease(node->node, token, now_ns)
                   : craft_read(node->node, token);
    } while (cluster_again(&input, rv));
    if (rv != CRAFT_ERR_CLOCK && rv != CRAFT_ERR_INVALID) { /* the host's */
        cluster_foretold(node, &told, rv);
    }
    if (rv != 0) {
        token_refused(cluster, token);
    }
    cluster_leave(input);
    return rv;
}

int cluster_read(struct cluster *cluster, uint32_t position)
{
    return read_by(cluster, position, false, 0);
}

int cluster_read_lease(struct cluster *cluster, uint32_t position,
                       uint64_t now_ns)
{
    return read_by(cluster, position, true, now_ns);
}

int cluster_transfer(struct cluster *cluster, uint32_t position,
                     uint32_t target)
{
    struct cluster_node *node = cluster_node(cluster, position);
    craft_id id = target != 0 ? cluster_node(cluster, target)->id : 0;
    uint64_t token = token_make(cluster, node);
    struct cluster_input input;
    int rv;

    cluster->tokens[token - 1].is_transfer = true;
    cluster->tokens[token - 1].transfer = id;
    if (cluster->trace) {
        (void)fprintf(stderr, "transfer %u to %u token=%llu\n", position,
                      target, (unsigned long long)token);
    }
    input = cluster_enter(node, true);
    do {
        rv = craft_transfer(node->node, id, token);
    } while (cluster_again(&input, rv));
    if (rv != 0) {
        token_refused(cluster, token);
    }
    cluster_leave(input);
    return rv;
}

int cluster_unreachable(struct cluster *cluster, uint32_t position,
                        uint32_t peer)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input = cluster_enter(node, false);
    int rv =
        craft_peer_unreachable(node->node, cluster_node(cluster, peer)->id);

    cluster_leave(input);
    return rv;
}

void cluster_hold(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);

    if (craft_hold(node->node) == 0) {
        node->holds++;
    }
}

int cluster_release(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input = cluster_enter(node, true);
    int rv;

    if (node->holds > 0) {
        node->holds--;
    }
    rv = craft_release(node->node);
    cluster_leave(input);
    return rv;
}

void cluster_pull(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input = cluster_enter(node, false);

    if (node->node != NULL) {
        cluster_pump(node);
    }
    cluster_leave(input);
}

/* -------------------------------------------------------------------- life */

void cluster_options_init(struct cluster_options *options, uint32_t nodes)
{
    memset(options, 0, sizeof *options);
    options->nodes = nodes;
    options->seed = 1;
    craft_config_init(&options->config, sizeof options->config);
    options->config.flags =
        0; /* what keeps a leader is switched on by its tests */
    options->config.group = 7;
}

/* No cluster without its servers: what the founding is refused, it asks for
 * again. */
static bool founding_again(struct cluster_node *node, int rv)
{
    struct cluster_refusal *refusal = node->cluster->options.refusal;

    if (rv != CRAFT_ERR_NOMEM || refusal == NULL || !refusal->refused ||
        refusal->told) {
        return false;
    }
    refusal->told = true;
    return true;
}

static void node_begin(struct cluster_node *node)
{
    const struct cluster_options *options = &node->cluster->options;
    craft_config config = options->config;
    craft_hooks hooks = cluster_hooks;
    int rv;

    if (options->no_fetch) {
        hooks.fetch = NULL;
    }
    config.id = node->id;
    config.priority = options->priorities[node->position];
    if ((options->passive >> node->position & 1u) != 0) {
        config.flags |= CRAFT_CONFIG_PASSIVE;
    }
    config.seed = options->seed * 1000 + node->position + 100u * node->life;
    config.allocator.realloc = cluster_allocate;
    config.allocator.ctx = node;
    node->life++;
    node->next_ticket = 1;
    node->halted = false;
    node->seen_term = 0;
    node->seen_commit = 0;
    node->seen_applied = 0;
    node->seen_role = CRAFT_ROLE_FOLLOWER;
    node->applied = 0;
    do {
        rv = craft_node_new(&config, options->pull ? NULL : &hooks, node,
                            &node->node);
    } while (founding_again(node, rv));
    if (rv != 0) {
        cluster_fail(node->cluster, "craft_node_new: %s", craft_error_name(rv));
    }
}

static void node_bootstrap(struct cluster_node *node)
{
    const struct cluster *cluster = node->cluster;
    craft_member members[CLUSTER_NODES_MAX];
    size_t len = 0;
    int rv;

    memset(members, 0, sizeof members);
    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        if ((cluster->options.blank >> i & 1u) == 0) {
            members[len].id = cluster->nodes[i].id;
            members[len].role = (cluster->options.learners >> i & 1u) != 0
                                    ? CRAFT_MEMBER_LEARNER
                                    : CRAFT_MEMBER_VOTER;
            len++;
        }
    }
    do {
        rv = craft_node_bootstrap(node->node, members, len);
    } while (founding_again(node, rv));
    if (rv != 0) {
        cluster_fail(node->cluster, "bootstrap: %s", craft_error_name(rv));
    }
}

static int node_restore(struct cluster_node *node, size_t batch,
                        craft_index applied)
{
    const struct cluster_disk *disk = &node->disk;
    craft_restore restore;
    craft_entry *entries = calloc(batch, sizeof *entries);
    craft_snapshot snapshot;
    size_t first = disk->first > 1 ? (size_t)disk->first - 1 : 0;
    int rv;

    memset(&restore, 0, sizeof restore);
    restore.struct_size = sizeof restore;
    restore.term = disk->term;
    restore.voted_for = disk->voted_for;
    restore.commit_hint = disk->commit_hint;
    restore.applied_index = applied;
    if (disk->snapshot.index != 0) {
        snapshot = cluster_snapshot_of(&disk->snapshot);
        restore.snapshot = &snapshot;
        node->applied = applied != 0 ? applied : snapshot.index;
    }
    do {
        rv = craft_node_restore(node->node, &restore);
    } while (founding_again(node, rv));
    for (size_t i = first; rv == 0 && i < disk->log.len; i += batch) {
        size_t len = disk->log.len - i < batch ? disk->log.len - i : batch;

        for (size_t k = 0; k < len; k++) {
            const struct cluster_entry *entry = disk->log.entries[i + k];

            entries[k].index = entry->index;
            entries[k].term = entry->term;
            entries[k].kind = entry->kind;
            entries[k].data = entry->data;
            entries[k].data_len = entry->data_len;
        }
        do {
            rv = craft_node_restore_entries(node->node, entries, len);
        } while (founding_again(node, rv));
    }
    free(entries);
    return rv;
}

static int node_revive(struct cluster_node *node, size_t batch,
                       craft_index applied)
{
    struct cluster *cluster = node->cluster;
    uint32_t failing = node->allocations_fail;
    int rv = 0;

    node->allocations_fail = 0;
    node_begin(node);
    node->applied = applied;
    if (node->disk.term != 0 || node->disk.log.len > 0) {
        rv = node_restore(node, batch, applied);
    } else if ((cluster->options.blank >> node->position & 1u) == 0) {
        node_bootstrap(node);
    }
    node->allocations_fail = failing;
    if (rv != 0) {
        return rv;
    }
    do {
        rv = craft_node_start(node->node);
    } while (founding_again(node, rv));
    return rv;
}

int cluster_restart_try(struct cluster *cluster, uint32_t position,
                        size_t batch, craft_index applied)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input;
    int rv;

    if (cluster->trace) {
        (void)fprintf(stderr, "restart %u, applied %llu\n", position,
                      (unsigned long long)applied);
    }
    input = cluster_enter(node, true);
    rv = node_revive(node, batch, applied);
    if (rv != 0) {
        cluster_crash(cluster, position, 0);
    }
    cluster_leave(input);
    return rv;
}

void cluster_restart_with(struct cluster *cluster, uint32_t position,
                          size_t batch, craft_index applied)
{
    int rv = cluster_restart_try(cluster, position, batch, applied);

    if (rv != 0) {
        cluster_fail(cluster, "%u: restart: %s", position,
                     craft_error_name(rv));
    }
}

void cluster_restart(struct cluster *cluster, uint32_t position)
{
    cluster_restart_with(cluster, position, 8, 0);
}

int cluster_stop(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct cluster_input input = cluster_enter(node, false);
    int rv = craft_node_stop(node->node);

    if (rv == 0) {
        node->halted = true;
    }
    cluster_leave(input);
    return rv;
}

static void assertion_failed(const char *expression, const char *file, int line)
{
    (void)fprintf(stderr, "assertion %s, %s:%d\n", expression, file, line);
    abort();
}

struct cluster *cluster_new(const struct cluster_options *options)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);

    if (cluster == NULL || options->nodes > CLUSTER_NODES_MAX) {
        abort();
    }
    craft_set_assert_handler(assertion_failed);
    cluster->options = *options;
    cluster->failed = options->failed;
    cluster->blind = options->blind;
    cluster->random = options->seed;
    for (uint32_t i = 1; i <= options->nodes; i++) {
        struct cluster_node *node = &cluster->nodes[i];

        node->cluster = cluster;
        node->position = i;
        node->id = options->ids[i] != 0 ? options->ids[i] : i;
        node->puppet = (options->puppets >> i & 1u) != 0;
        node->persist_ends = options->persist_ends;
    }
    for (uint32_t i = 1; i <= options->nodes; i++) {
        if (!cluster->nodes[i].puppet) {
            cluster_restart(cluster, i);
        }
    }
    return cluster;
}

static void entries_free(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->entries_len; i++) {
        struct cluster_entry *entry = cluster->entries[i];

        while (entry != NULL) {
            struct cluster_entry *other = entry->other;

            free(entry->data);
            free(entry);
            entry = other;
        }
    }
    free(cluster->entries);
}

void cluster_free(struct cluster *cluster)
{
    struct cluster_filter all = {0, 0, 0};

    for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
        struct cluster_node *node = &cluster->nodes[i];

        cluster_crash(cluster, i, 0);
        if (node->memory != 0) {
            cluster_fail(cluster, "%u leaks %zu bytes", i, node->memory);
        }
        cluster_disk_free(&node->disk);
        cluster_disk_free(&node->view);
        free(node->records);
    }
    (void)cluster_drop(cluster, all);
    entries_free(cluster);
    for (size_t i = 0; i < cluster->terms_len; i++) {
        free(cluster->terms[i].log);
    }
    free(cluster->terms);
    free(cluster->network);
    free(cluster->committed.entries);
    free(cluster->committed_in);
    free(cluster->tokens);
    free(cluster);
}

/* ------------------------------------------------------------- convenience */

static bool node_end_all(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);
    bool moved = false;

    if (node->node == NULL || node->halted) {
        return false;
    }
    moved |= cluster_persist_all(cluster, position);
    moved |= cluster_apply_all(cluster, position);
    moved |= cluster_fetch_one(cluster, position, CRAFT_ENDING_OK);
    moved |= cluster_part_read(cluster, position, CRAFT_ENDING_OK);
    moved |= cluster_part_written(cluster, position, CRAFT_ENDING_OK);
    return moved;
}

void cluster_settle(struct cluster *cluster)
{
    struct cluster_filter all = {0, 0, 0};
    bool moved = true;

    for (uint32_t round = 0; moved; round++) {
        moved = cluster_deliver(cluster, all) > 0;
        for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
            moved |= node_end_all(cluster, i);
        }
        if (round > SETTLE_ROUNDS_MAX) {
            cluster_fail(cluster, "it does not settle");
        }
    }
}

/* Where there are leases, a tick is a part of one: with the ticks of a least
 * election timeout it is over. */
static void clock_run(struct cluster *cluster, uint32_t position)
{
    const craft_config *config = &cluster->options.config;
    uint64_t lease_ns = (uint64_t)config->lease_ms * 1000000u;

    if ((config->flags & CRAFT_CONFIG_LEASE) != 0) {
        (void)cluster_clock(cluster, position,
                            cluster->nodes[position].now_ns +
                                lease_ns / config->election_ticks);
    }
}

void cluster_run(struct cluster *cluster, uint32_t rounds)
{
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 1; i <= cluster->options.nodes; i++) {
            if (cluster->nodes[i].node != NULL && !cluster->nodes[i].halted) {
                clock_run(cluster, i);
                (void)cluster_tick(cluster, i, 1);
            }
        }
        cluster_settle(cluster);
    }
}

void cluster_elect(struct cluster *cluster, uint32_t position)
{
    int rv = cluster_campaign(cluster, position);

    cluster_settle(cluster);
    if (rv != 0 || cluster_leader(cluster) != position) {
        cluster_fail(cluster, "%u is not elected: %s", position,
                     craft_error_name(rv));
    }
}
