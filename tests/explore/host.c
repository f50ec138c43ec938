/* A server's host: its disk, the work that is open, how it starts. */
#include "explore.h"

/* ------------------------------------------------------------------- disk */

void disk_write(struct disk *disk, const struct record *record)
{
    struct disk before = *disk;

    if ((record->flags & CRAFT_PERSIST_HARD_STATE) != 0) {
        disk->term = record->term;
        disk->voted_for = record->voted_for;
        disk->commit_hint = record->commit_hint;
    }
    if ((record->flags & CRAFT_PERSIST_TRUNCATE) != 0) {
        while (disk->len >= record->truncate_from) {
            disk->len--;
            disk->log[disk->len].term = 0;
            disk->log[disk->len].what = WHAT_NOTHING;
        }
    }
    if ((record->flags & CRAFT_PERSIST_ENTRIES) != 0) {
        if (record->first != disk->len + 1) {
            explore_break("disk: entries follow what is there");
            return;
        }
        memcpy(&disk->log[disk->len], record->things,
               record->len * sizeof record->things[0]);
        disk->len = (uint8_t)(disk->len + record->len);
    }
    check_disk(&before, disk);
}

void tickets_write(struct server *server, uint8_t number)
{
    for (uint8_t i = 0; i < number; i++) {
        disk_write(&server->disk, &server->open[i]);
    }
    server->open_len = (uint8_t)(server->open_len - number);
    memmove(&server->open[0], &server->open[number],
            server->open_len * sizeof server->open[0]);
    memset(&server->open[server->open_len], 0,
           (size_t)(OPEN_MAX - server->open_len) * sizeof server->open[0]);
}

/* Voided ones are passed over. */
uint64_t ticket_at(const craft_node *node, uint8_t place)
{
    const struct craft_persistence *persist = &node->persist;
    uint64_t ticket = persist->oldest;
    uint8_t seen = 0;

    while (ticket != persist->next) {
        if (persist->tickets[ticket & persist->mask].era != CRAFT_ERA_VOIDED) {
            if (seen == place) {
                break;
            }
            seen++;
        }
        ticket++;
    }
    return ticket;
}

/* ------------------------------------------------------------------- fetch */

uint8_t host_has(const struct server *server, const struct fetch *fetch)
{
    uint8_t has;

    if (fetch->first == 0 || fetch->first > server->disk.len) {
        return 0;
    }
    has = (uint8_t)(server->disk.len + 1 - fetch->first);
    return has < fetch->max ? has : fetch->max;
}

uint64_t host_read(const craft_node *node, const struct step *step,
                   const struct server *server, craft_entry *entries)
{
    const struct fetch *fetch = &server->fetches[step->other];
    const struct thing *things = step->kind == STEP_FETCHED_LATE
                                     ? fetch->things
                                     : &server->disk.log[fetch->first - 1];

    for (uint8_t i = 0; i < step->number; i++) {
        entry_open(&entries[i], (craft_index)fetch->first + i, &things[i]);
    }
    return node->fetching.stretches[step->other].ticket;
}

/* ------------------------------------------------------------------- start */

static void config_fill(craft_config *config, const struct world *world,
                        uint8_t server)
{
    size_t entry = command_len();

    craft_config_init(config, sizeof *config);
    if (!options.steady) {
        config->flags = 0;
    }
    config->flags &= ~(uint32_t)CRAFT_CONFIG_FORWARD;
    config->flags |= options.forward ? CRAFT_CONFIG_FORWARD : 0u;
    config->id = server + 1u;
    config->members_max = SERVERS_MAX;
    config->tokens_max = 8;
    config->persist_inflight_max = world->budget.open;
    config->allocator.realloc = arena_realloc;
    config->allocator.ctx = arena_of(server);
    if (options.fetch) {
        config->log_cache_bytes_max = 0;
    }
    if (options.small_messages) {
        config->entry_bytes_max = entry;
        config->message_bytes_max = CRAFT_ENTRY_OVERHEAD + entry;
    }
}

/* What memory was refused for is tried again. */
static bool again(int rv)
{
    return rv == CRAFT_ERR_NOMEM && arena_refused();
}

static craft_node *node_new(const struct world *world, uint8_t server)
{
    craft_config config;
    craft_node *node = NULL;
    int rv;

    do {
        arena_reset(server);
        config_fill(&config, world, server);
        rv = craft_node_new(&config, NULL, NULL, &node);
    } while (again(rv));
    if (rv != 0) {
        explore_break("start: a node can be made");
    } else {
        numbers_begin(server + 1u, node->forward.next_number);
    }
    return node;
}

craft_node *host_found(const struct world *world, uint8_t server)
{
    craft_member members[SERVERS_MAX];
    craft_node *node = node_new(world, server);
    int rv;

    memset(members, 0, sizeof members);
    for (uint8_t i = 0; i < options.servers; i++) {
        members[i].id = i + 1u;
        members[i].role = CRAFT_MEMBER_VOTER;
    }
    do {
        rv = craft_node_bootstrap(node, members, options.servers);
    } while (again(rv));
    if (rv != 0 || craft_node_start(node) != 0) {
        explore_break("start: a group is founded");
    }
    return node;
}

/* A server that comes back with what its disk held. */
static craft_node *host_restart(const struct world *world, uint8_t server)
{
    const struct disk *disk = &world->servers[server].disk;
    craft_node *node = node_new(world, server);
    craft_entry entries[LOG_MAX];
    craft_restore restore;
    uint64_t facts;
    int rv;

    memset(&restore, 0, sizeof restore);
    restore.struct_size = (uint32_t)sizeof restore;
    restore.term = disk->term;
    restore.voted_for = disk->voted_for;
    restore.commit_hint = disk->commit_hint;
    restore.applied_index = world->servers[server].machine;
    for (uint8_t i = 0; i < disk->len; i++) {
        entry_open(&entries[i], i + 1u, &disk->log[i]);
    }
    rv = craft_node_restore(node, &restore);
    facts = facts_exact(node);
    while (rv == 0) {
        rv = craft_node_restore_entries(node, entries, disk->len);
        if (!again(rv)) {
            break;
        }
        rv = 0;
        if (facts_exact(node) != facts) {
            explore_break("memory: an error changes nothing");
        }
    }
    if (rv != 0 || craft_node_start(node) != 0) {
        explore_break("start: a server comes back from its disk");
    }
    return node;
}

/* As a host does: what has an empty store begins anew. */
craft_node *host_start(const struct world *world, uint8_t server)
{
    const struct disk *disk = &world->servers[server].disk;

    return disk->term == 0 && disk->len == 0 ? host_found(world, server)
                                             : host_restart(world, server);
}
