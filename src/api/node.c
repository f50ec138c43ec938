/* The life of a node: config, new, bootstrap, restore, start, stop, free. */
#include "api/delivery.h"
#include "core/apply.h"
#include "core/elect.h"
#include "core/fetch.h"
#include "core/forward.h"
#include "core/health.h"
#include "core/lease.h"
#include "core/persist.h"
#include "core/propose.h"
#include "core/read.h"
#include "core/receiving.h"
#include "core/sending.h"
#include "core/snapshot.h"
#include "core/take.h"
#include "core/transfer.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define TOKENS_LIMIT (1u << 28)
#define FLAGS_DEFAULT                                                          \
    (CRAFT_CONFIG_PRE_VOTE | CRAFT_CONFIG_STICKY | CRAFT_CONFIG_CHECK_QUORUM | \
     CRAFT_CONFIG_FORWARD)
#define FLAGS_KNOWN (FLAGS_DEFAULT | CRAFT_CONFIG_LEASE | CRAFT_CONFIG_PASSIVE)
#define DRIFT_PPM_MAX 500000u

void craft_config_init(craft_config *config, size_t struct_size)
{
    craft_config defaults;

    if (config == NULL) {
        return;
    }
    memset(&defaults, 0, sizeof defaults);
    defaults.struct_size = (uint32_t)sizeof defaults;
    defaults.flags = FLAGS_DEFAULT;
    defaults.election_ticks = 10;
    defaults.heartbeat_ticks = 1;
    defaults.entry_bytes_max = MIB;
    defaults.message_bytes_max = MIB + 4 * KIB;
    defaults.inflight_bytes_max = 4 * MIB;
    defaults.inflight_max = 64;
    defaults.members_max = 16;
    defaults.uncommitted_bytes_max = 16 * MIB;
    defaults.log_cache_bytes_max = 4 * MIB;
    defaults.forward_bytes_max = 4 * MIB;
    defaults.tokens_max = 65536;
    defaults.persist_inflight_max = 4;
    defaults.snapshot_window = 4;
    defaults.snapshot_chunk_bytes = 256 * KIB;
    defaults.snapshot_pin_bytes_max = 64 * MIB;
    memcpy(config, &defaults,
           struct_size < sizeof defaults ? struct_size : sizeof defaults);
}

/* How far clocks differ is for the host to say: there is no good default. */
static bool lease_good(const craft_config *config)
{
    return (config->flags & CRAFT_CONFIG_LEASE) == 0 ||
           (config->lease_ms > 0 && config->clock_drift_ppm > 0 &&
            config->clock_drift_ppm <= DRIFT_PPM_MAX);
}

/* Who is not to campaign is not to be preferred either. */
static bool priority_good(const craft_config *config)
{
    return (config->priority == 0 ||
            (config->flags & CRAFT_CONFIG_PASSIVE) == 0) &&
           config->reserved == 0;
}

static bool config_good(const craft_config *config)
{
    size_t entry = config->entry_bytes_max;

    return config->struct_size == sizeof *config &&
           (config->flags & ~(uint32_t)FLAGS_KNOWN) == 0 && config->id > 0 &&
           config->id < CRAFT_NUMBER_MAX && config->election_ticks > 1 &&
           config->election_ticks <= UINT32_MAX / 4 &&
           config->heartbeat_ticks > 0 &&
           config->heartbeat_ticks < config->election_ticks &&
           entry <= UINT32_MAX / 2 &&
           config->message_bytes_max <= UINT32_MAX / 2 &&
           config->message_bytes_max >= entry + CRAFT_ENTRY_OVERHEAD &&
           config->uncommitted_bytes_max >= entry + CRAFT_ENTRY_OVERHEAD &&
           config->inflight_bytes_max > 0 && config->inflight_max > 0 &&
           config->members_max > 0 &&
           config->members_max <= CRAFT_MEMBERS_MAX && config->tokens_max > 0 &&
           config->tokens_max <= TOKENS_LIMIT &&
           config->persist_inflight_max > 0 &&
           config->persist_inflight_max <= 64 && config->snapshot_window > 0 &&
           config->snapshot_window <= CRAFT_ARRIVED_MAX &&
           config->snapshot_chunk_bytes > 0 && lease_good(config) &&
           priority_good(config);
}

static bool hooks_good(const craft_hooks *hooks)
{
    return hooks == NULL ||
           (hooks->struct_size == sizeof *hooks && hooks->send != NULL &&
            hooks->persist != NULL && hooks->apply != NULL);
}

/* ------------------------------------------------------------- new and free */

static int levels_init(struct craft_node *node)
{
    size_t size = CRAFT_EVENT_KIND_END * sizeof *node->health.levels;

    node->health.levels = craft_memory_alloc(&node->config.allocator, size);
    if (node->health.levels == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    memset(node->health.levels, 0, size);
    return 0;
}

static int parts_init(struct craft_node *node)
{
    int rv = craft_persist_init(node);

    if (rv == 0 && node->hooks.fetch != NULL) {
        node->log.cache_bytes_max = node->config.log_cache_bytes_max;
        node->log.bytes_max = node->log.spare_room;
        rv = craft_fetch_init(node);
    }
    if (rv == 0 && node->hooks.event != NULL) {
        rv = levels_init(node);
    }
    return rv;
}

static void node_init(struct craft_node *node, const craft_config *config,
                      const craft_hooks *hooks, void *host)
{
    size_t spare = config->log_cache_bytes_max;

    memset(node, 0, sizeof *node);
    node->config = *config;
    craft_memory_init(&node->config.allocator);
    craft_delivery_init(node, hooks, host);
    /* What bursts need between two rounds of eviction is kept for the next. */
    spare = spare > SIZE_MAX - config->uncommitted_bytes_max
                ? SIZE_MAX
                : spare + config->uncommitted_bytes_max;
    craft_log_init(&node->log, &node->config.allocator, spare);
    craft_random_init(&node->random, config->seed, config->id);
    craft_elect_redraw(node);
    craft_read_init(node);
    node->sending.next_ticket = 1;
    node->receiving.next_ticket = 1;
    craft_forward_init(node);
    craft_lease_init(node);
    node->out.message.struct_size = (uint32_t)sizeof(craft_message);
    node->out.message.group = config->group;
    node->out.message.from = config->id;
    node->out.message.from_incarnation = config->incarnation;
}

int craft_node_new(const craft_config *config, const craft_hooks *hooks,
                   void *host, craft_node **node_out)
{
    craft_allocator allocator;
    struct craft_node *node;

    if (config == NULL || node_out == NULL || !config_good(config) ||
        !hooks_good(hooks)) {
        return CRAFT_ERR_INVALID;
    }
    allocator = config->allocator;
    craft_memory_init(&allocator);
    node = craft_memory_alloc(&allocator, sizeof *node);
    if (node == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    node_init(node, config, hooks, host);
    if (parts_init(node) != 0) {
        craft_node_destroy(node);
        return CRAFT_ERR_NOMEM;
    }
    *node_out = node;
    return 0;
}

CRAFT_INTERNAL void craft_node_destroy(struct craft_node *node)
{
    craft_allocator allocator = node->config.allocator;

    craft_log_free(&node->log);
    craft_peers_free(&node->peers, &allocator);
    craft_members_pop(&node->configuration, 0, &allocator);
    craft_members_pop(&node->following.decoded, 0, &allocator);
    if (node->persist.tickets != NULL) {
        craft_persist_free(node);
    }
    craft_propose_free(node);
    craft_read_free(node);
    craft_forward_free(node);
    craft_take_free(node);
    craft_fetch_free(node);
    craft_snapshot_free(node);
    craft_sending_free(node);
    craft_receiving_free(node);
    if (node->health.levels != NULL) {
        craft_memory_free(&allocator, node->health.levels,
                          CRAFT_EVENT_KIND_END * sizeof *node->health.levels);
    }
    craft_memory_free(&allocator, node->scratch,
                      node->scratch_max * sizeof *node->scratch);
    craft_memory_free(&allocator, node, sizeof *node);
}

void craft_node_free(craft_node *node)
{
    if (node == NULL) {
        return;
    }
    if ((node->delivery.holds & CRAFT_HOLDS_RUNNING) != 0) {
        node->delivery.holds |= CRAFT_HOLDS_FREE;
        node->due |= CRAFT_DELIVERY_ENDS;
        return;
    }
    craft_node_destroy(node);
}

/* ---------------------------------------------------------------- beginning */

/* Room for one entry that may be a configuration, which is then decoded. */
static int entry_reserve(struct craft_node *node, const craft_entry *entry,
                         struct craft_members **members_out)
{
    const craft_allocator *allocator = &node->config.allocator;
    size_t size;
    int rv =
        craft_log_reserve(&node->log, 1, craft_log_space(entry->data_len), 1);

    *members_out = NULL;
    if (rv != 0 || entry->kind != CRAFT_ENTRY_CONFIGURATION ||
        entry->index <= node->snapshot.latest.index) {
        return rv; /* the snapshot has the one that counts */
    }
    size = craft_members_block_size(entry->data, entry->data_len,
                                    node->config.members_max);
    if (size == 0) {
        return CRAFT_ERR_CORRUPT;
    }
    *members_out = craft_memory_alloc(allocator, size);
    if (*members_out == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    craft_members_decode(entry->data, entry->data_len, size, *members_out);
    (*members_out)->index = entry->index;
    rv = craft_peers_reserve(&node->peers, allocator, *members_out,
                             node->config.id);
    if (rv != 0) {
        craft_memory_free(allocator, *members_out, size);
        *members_out = NULL;
    }
    return rv;
}

static int entry_add(struct craft_node *node, const craft_entry *entry)
{
    struct craft_members *members;
    int rv = entry_reserve(node, entry, &members);

    if (rv != 0) {
        return rv;
    }
    craft_log_append(&node->log, entry, 1, craft_log_space(entry->data_len));
    if (members != NULL) {
        craft_members_push(&node->configuration, members);
    }
    return 0;
}

int craft_node_bootstrap(craft_node *node, const craft_member *members,
                         size_t members_len)
{
    craft_entry entry;
    uint8_t *blob;
    size_t blob_len;
    int rv;

    if (node == NULL || members == NULL ||
        !craft_members_legal(members, members_len, node->config.members_max)) {
        return CRAFT_ERR_INVALID;
    }
    if (node->phase != CRAFT_PHASE_NEW) {
        return CRAFT_ERR_STATE;
    }
    blob_len = craft_members_blob_len(members, members_len);
    blob = craft_memory_alloc(&node->config.allocator, blob_len);
    if (blob == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    craft_members_found(members, members_len, blob);
    memset(&entry, 0, sizeof entry);
    entry.index = 1;
    entry.term = 1;
    entry.kind = CRAFT_ENTRY_CONFIGURATION;
    entry.data = blob;
    entry.data_len = blob_len;
    rv = entry_add(node, &entry);
    craft_memory_free(&node->config.allocator, blob, blob_len);
    if (rv == 0) {
        node->standing.term = 1;
        node->phase = CRAFT_PHASE_BOOTSTRAPPED;
    }
    return rv;
}

/* Where the state machine stands. */
static craft_index restored_applied(const craft_restore *restore)
{
    if (restore->applied_index != 0 || restore->snapshot == NULL) {
        return restore->applied_index;
    }
    return restore->snapshot->index;
}

int craft_node_restore(craft_node *node, const craft_restore *restore)
{
    craft_index applied;

    if (node == NULL || restore == NULL ||
        restore->struct_size != sizeof *restore ||
        restore->term >= CRAFT_NUMBER_MAX ||
        restore->voted_for >= CRAFT_NUMBER_MAX ||
        restore->commit_hint >= CRAFT_NUMBER_MAX ||
        restore->applied_index >= CRAFT_NUMBER_MAX ||
        (restore->snapshot != NULL &&
         restore->snapshot->struct_size != sizeof *restore->snapshot)) {
        return CRAFT_ERR_INVALID;
    }
    if (node->phase != CRAFT_PHASE_NEW) {
        return CRAFT_ERR_STATE;
    }
    applied = restored_applied(restore);
    if ((restore->term == 0 && restore->voted_for != 0) ||
        (restore->snapshot != NULL && applied < restore->snapshot->index &&
         node->hooks.install == NULL)) {
        return CRAFT_ERR_CORRUPT;
    }
    node->standing.term = restore->term;
    if (restore->snapshot != NULL) {
        int rv = craft_snapshot_restore(node, restore->snapshot);

        if (rv != 0) {
            node->standing.term = 0;
            return rv;
        }
    }
    craft_elect_restored(node, restore->voted_for);
    node->commit_index =
        restore->commit_hint > applied ? restore->commit_hint : applied;
    if (node->commit_index < node->snapshot.latest.index) {
        node->commit_index = node->snapshot.latest.index;
    }
    craft_apply_restored(node, applied);
    node->phase = CRAFT_PHASE_RESTORING;
    return 0;
}

/* At the snapshot's index its entry stands, and before it none of a later
 * term. */
static bool restored_below(const struct craft_node *node,
                           const craft_entry *entry)
{
    const craft_snapshot *latest = &node->snapshot.latest;

    return entry->index == latest->index
               ? entry->term == latest->term
               : entry->index > latest->index || entry->term <= latest->term;
}

/* May it be the first of entries that the store still has, although the
 * snapshot stands for them? */
static bool restored_tail(const struct craft_node *node,
                          const craft_entry *entry)
{
    return entry->index > 0 && entry->index <= node->snapshot.latest.index &&
           !node->snapshot.tail_given &&
           node->log.last == node->snapshot.latest.index;
}

static bool restored_fits(const struct craft_node *node,
                          const craft_entry *entry)
{
    bool next = entry->index == node->log.last + 1 &&
                entry->term >= node->log.last_term;

    return (next || restored_tail(node, entry)) &&
           restored_below(node, entry) && entry->index < CRAFT_NUMBER_MAX - 1 &&
           entry->term > 0 && entry->term <= node->standing.term &&
           entry->kind >= CRAFT_ENTRY_COMMAND &&
           entry->kind <= CRAFT_ENTRY_CONFIGURATION &&
           entry->data_len <= UINT32_MAX &&
           (entry->data != NULL || entry->data_len == 0);
}

/* Take back the entries after `last`: the batch is taken whole or not. */
static void restore_undo(struct craft_node *node, craft_index last,
                         bool tail_given)
{
    if (node->snapshot.tail_given && !tail_given) {
        craft_snapshot_restore_undo(node);
        craft_members_pop(&node->configuration, node->snapshot.latest.index + 1,
                          &node->config.allocator);
    } else if (node->log.last > last) {
        craft_log_truncate(&node->log, last + 1, false);
        node->log.truncated_from = 0; /* nothing was built upon it yet */
        craft_members_pop(&node->configuration, last + 1,
                          &node->config.allocator);
    }
}

static int restored_take(struct craft_node *node, const craft_entry *entry)
{
    if (!restored_fits(node, entry)) {
        return CRAFT_ERR_CORRUPT;
    }
    if (entry->index <= node->log.last) {
        craft_snapshot_restore_tail(node, entry);
        return 0;
    }
    return entry_add(node, entry);
}

int craft_node_restore_entries(craft_node *node, const craft_entry *entries,
                               size_t entries_len)
{
    craft_index last;
    bool tail_given;

    if (node == NULL || (entries == NULL && entries_len > 0)) {
        return CRAFT_ERR_INVALID;
    }
    if (node->phase != CRAFT_PHASE_RESTORING) {
        return CRAFT_ERR_STATE;
    }
    last = node->log.last;
    tail_given = node->snapshot.tail_given;
    for (size_t i = 0; i < entries_len; i++) {
        int rv = restored_take(node, &entries[i]);

        if (rv != 0) {
            restore_undo(node, last, tail_given);
            return rv;
        }
    }
    /* All of it is on the disk, so all of it can be fetched again. */
    craft_log_evict(&node->log, node->log.last);
    craft_log_keep(&node->log, 0);
    craft_log_reclaim(&node->log, UINT64_MAX, UINT64_MAX);
    return 0;
}

int craft_node_start(craft_node *node)
{
    if (node == NULL) {
        return CRAFT_ERR_INVALID;
    }
    if (node->phase >= CRAFT_PHASE_STARTED) {
        return CRAFT_ERR_STATE;
    }
    if (node->commit_index > node->log.last) {
        return CRAFT_ERR_CORRUPT; /* so it is at least the snapshot's */
    }
    if (node->phase == CRAFT_PHASE_RESTORING) {
        craft_persist_restored(node);
        craft_apply_restored(node, node->apply.index);
    }
    if (node->phase == CRAFT_PHASE_BOOTSTRAPPED) {
        node->commit_index = 1; /* the same on every server that has it */
    }
    node->phase = CRAFT_PHASE_STARTED;
    craft_changed(node, CRAFT_FACT_LOG_GREW | CRAFT_FACT_COMMIT);
    if (node->configuration != NULL) {
        craft_changed(node, CRAFT_FACT_CONFIGURATION);
    }
    return craft_leave(node, 0);
}

CRAFT_INTERNAL void craft_node_end(struct craft_node *node, uint32_t phase)
{
    node->phase = phase;
    node->due &= CRAFT_DELIVERY_ENDS;
    craft_changed(node, CRAFT_FACT_ENDED);
    if (craft_transfer_cut(node)) {
        craft_health_tell(node, CRAFT_EVENT_TRANSFER_ENDED,
                          CRAFT_RESULT_UNKNOWN, node->transfer.ended_target);
    }
}

int craft_node_stop(craft_node *node)
{
    int rv;

    if (node == NULL) {
        return CRAFT_ERR_INVALID;
    }
    if (node->phase < CRAFT_PHASE_STARTED) {
        node->phase = CRAFT_PHASE_STOPPED;
        return 0;
    }
    rv = craft_enter(node);
    if (rv != 0) {
        return rv;
    }
    craft_node_end(node, CRAFT_PHASE_STOPPED);
    return craft_leave(node, 0);
}
