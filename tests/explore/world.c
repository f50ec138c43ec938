/* A world: its root, its fingerprint. */
#include "explore.h"

static void server_first(struct world *world, uint8_t server)
{
    craft_node *node = host_found(world, server);

    effects_take(world, server, node);
    if (!options.founding) {
        tickets_write(&world->servers[server], world->servers[server].open_len);
        (void)craft_persisted(node, node->persist.next - 1, CRAFT_ENDING_OK);
        effects_take(world, server, node);
    }
    if (options.held && craft_hold(node) != 0) {
        explore_break("start: a node begins");
    }
    world->servers[server].image = image_store(server, node);
}

void world_root(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->budget = options.budget;
    for (uint8_t i = 0; i < options.servers; i++) {
        server_first(world, i);
    }
    world->history.committed_len = 1;
    world->history.committed[0] = image_of(world->servers[0].image)->log[0];
    world->history.committed_in[0] = 1;
}

/* ------------------------------------------------------------ fingerprint */

static uint64_t mix_server(uint64_t sum, const struct server *server,
                           uint8_t renaming)
{
    struct disk disk = server->disk;

    disk.voted_for = renamed[renaming][disk.voted_for];
    sum = mix(sum, image_of(server->image)->facts[renaming]);
    sum = mix_bytes(sum, &disk, sizeof disk);
    for (uint8_t i = 0; i < server->open_len; i++) {
        struct record record = server->open[i];

        record.voted_for = renamed[renaming][record.voted_for];
        sum = mix_bytes(sum, &record, sizeof record);
    }
    if (options.fetch) {
        sum = mix_bytes(sum, server->fetches, sizeof server->fetches);
    }
    return mix(sum, (uint64_t)server->machine << 8 | server->open_len);
}

static uint64_t mix_flight(uint64_t sum, const struct world *world,
                           const uint8_t *names)
{
    uint64_t flight = 0;

    for (uint8_t i = 0; i < world->flight_len; i++) {
        struct letter letter = world->flight[i];

        letter.from = names[letter.from];
        letter.to = names[letter.to];
        flight += mix_bytes(1, &letter, sizeof letter); /* in any order */
    }
    return mix(sum, flight);
}

static uint64_t fingerprint(const struct world *world, uint8_t renaming)
{
    const uint8_t *names = renamed[renaming];
    struct history history = world->history;
    uint64_t sum = 1;

    for (uint8_t name = 1; name <= options.servers; name++) {
        for (uint8_t i = 0; i < options.servers; i++) {
            if (names[i + 1] == name) {
                sum = mix_server(sum, &world->servers[i], renaming);
            }
        }
    }
    for (size_t i = 0; i <= TERMS_MAX; i++) {
        history.leader_of[i] = names[history.leader_of[i]];
    }
    sum = mix_bytes(sum, &history, sizeof history);
    sum = mix_bytes(sum, &world->budget, sizeof world->budget);
    return mix_flight(sum, world, names);
}

uint64_t world_fingerprint(const struct world *world)
{
    uint64_t least = fingerprint(world, 0);

    for (uint8_t r = 1; r < renamings; r++) {
        uint64_t sum = fingerprint(world, r);

        if (sum < least) {
            least = sum;
        }
    }
    return least;
}
