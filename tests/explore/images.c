/* The nodes met so far, each once; numbers begin at 1. */
#include <stdio.h>
#include <stdlib.h>

#include "explore.h"

static struct image *images;
static uint32_t len;
static uint32_t max;
static unsigned char *store; /* their bytes */
static size_t store_len;
static size_t store_max;
static uint32_t *table; /* numbers, by facts; 0 = free */
static uint32_t table_mask;
static uint32_t loaded[SERVERS_MAX]; /* what stands in each arena; 0 = else */

static void *grown(void *ptr, size_t size)
{
    void *made = realloc(ptr, size);

    if (made == NULL) {
        fprintf(stderr, "explore: out of memory: lower the bounds\n");
        exit(1);
    }
    return made;
}

static void table_grow(void)
{
    table_mask = table_mask * 2 + 1;
    table = grown(table, ((size_t)table_mask + 1) * sizeof *table);
    memset(table, 0, ((size_t)table_mask + 1) * sizeof *table);
    for (uint32_t i = 1; i <= len; i++) {
        uint32_t at = (uint32_t)images[i].facts[0] & table_mask;

        while (table[at] != 0) {
            at = (at + 1) & table_mask;
        }
        table[at] = i;
    }
}

void images_init(void)
{
    table_mask = (1u << 15) - 1;
    table_grow();
}

const struct image *image_of(uint32_t number)
{
    return &images[number];
}

uint32_t images_len(void)
{
    return len;
}

craft_node *image_load(uint8_t server, uint32_t number)
{
    const struct image *image = &images[number];
    unsigned char *arena = arena_of(server);
    craft_node *node;

    if (loaded[server] != number) {
        memcpy(arena, store + image->bytes, image->bytes_len);
    }
    loaded[server] = 0; /* it is about to change */
    /* The node is the first thing that it allocates. */
    node = (craft_node *)(void *)(arena + 16);
    return node;
}

static void image_describe(struct image *image, const craft_node *node)
{
    image->bytes_len = 0;
    image->role = (uint8_t)node->standing.role;
    image->term = (uint8_t)node->standing.term;
    image->commit = (uint8_t)node->commit_index;
    image->log_len = (uint8_t)node->log.last;
    image->owes = (node->due & ~(uint32_t)CRAFT_DELIVERY_ENDS) != 0;
    image->halted = node->phase == CRAFT_PHASE_HALTED;
    image->awaits_tick = node->persist.full || node->fetching.failed;
    image->hears = node->standing.leader != 0 &&
                   node->election.elapsed_ticks < node->config.election_ticks;
    image->apply_first = (uint8_t)node->apply.first;
    image->apply_last = (uint8_t)node->apply.last;
    image->evicted = (uint8_t)(node->log.first - 1);
    image->first_of_term = (uint8_t)node->replication.first_of_term;
    memset(image->match, 0, sizeof image->match);
    for (uint32_t i = 0; i < node->peers.len; i++) {
        image->match[node->peers.slots[i].id] =
            (uint8_t)node->peers.slots[i].match_index;
    }
    memset(image->log, 0, sizeof image->log);
    for (craft_index i = 1; i <= node->log.last && i <= LOG_MAX; i++) {
        struct thing evicted = {(uint8_t)term_at(&node->log, i), WHAT_EVICTED};

        image->log[i - 1] = i < node->log.first
                                ? evicted
                                : thing_of(craft_log_entry(&node->log, i));
    }
    for (uint8_t r = 0; r < renamings; r++) {
        image->facts[r] = facts_of(node, r);
    }
}

static void image_bytes(struct image *image, uint8_t server)
{
    uint32_t len_now = (uint32_t)arena_used(server);

    if (len_now > image->bytes_len) { /* new, or others had less */
        if (len_now > store_max - store_len) {
            store_max = store_max * 2 + ((size_t)1 << 22);
            store = grown(store, store_max);
        }
        image->bytes = store_len;
        store_len += len_now;
    }
    image->bytes_len = len_now;
    memcpy(store + image->bytes, arena_of(server), len_now);
}

static uint32_t image_add(uint8_t server, craft_node *node)
{
    const char *broken = craft_check(node);
    struct image *image;

    if (broken != NULL) {
        explore_break(broken);
    }
    refuse_endings(node);
    len++;
    if (len >= max) {
        max = max * 2 + 4096;
        images = grown(images, max * sizeof *images);
    }
    image = &images[len];
    image_describe(image, node);
    image_bytes(image, server);
    return len;
}

/*
 * The time that passed is no fact: a time-out may come at any moment. But how
 * long nobody was heard is one, as far as something follows from it: the draw
 * is the longest, so that this comes before the time-out.
 */
void time_forget(craft_node *node)
{
    uint32_t least = node->config.election_ticks;
    uint32_t part = least / SILENCES;
    bool settled = (node->due & CRAFT_SETTLE_TIME) == 0;

    node->election.timeout_ticks = 2 * least - 1;
    if (settled ||
        node->election.elapsed_ticks < node->election.timeout_ticks) {
        node->election.elapsed_ticks =
            node->election.elapsed_ticks < least ? 0 : least;
    }
    node->transfer.elapsed_ticks =
        node->transfer.elapsed_ticks < 2 * least
            ? node->transfer.elapsed_ticks / part * part
            : 2 * least;
    node->health.disk_ticks = node->health.disk_ticks < least
                                  ? node->health.disk_ticks / part * part
                                  : least;
    for (uint32_t i = 0; i < node->peers.len; i++) {
        uint32_t *silent = &node->peers.slots[i].silent_ticks;

        *silent = *silent < least ? *silent / part * part : least;
    }
}

uint32_t image_store(uint8_t server, craft_node *node)
{
    uint64_t facts;
    uint32_t at;

    time_forget(node);
    facts = facts_of(node, 0);
    at = (uint32_t)facts & table_mask;

    while (table[at] != 0 && images[table[at]].facts[0] != facts) {
        at = (at + 1) & table_mask;
    }
    if (table[at] != 0 && options.check_facts) {
        image_bytes(&images[table[at]], server); /* the newest stands for all */
    }
    if (table[at] == 0) {
        table[at] = image_add(server, node);
        loaded[server] = table[at];
        if (len * 2 > table_mask) {
            table_grow();
        }
        return loaded[server];
    }
    return table[at];
}
