/* A world: its root, its steps, its fingerprint. */
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

/* The oldest of the open tickets are on the disk. */
static void tickets_write(struct server *server, uint8_t number)
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

/* The ticket of the open record at this place: voided ones are passed over. */
static uint64_t ticket_at(const craft_node *node, uint8_t place)
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

/* ---------------------------------------------------------------- servers */

static craft_node *node_new(const struct world *world, uint8_t server)
{
    craft_config config;
    craft_node *node = NULL;

    arena_reset(server);
    craft_config_init(&config, sizeof config);
    config.flags = 0; /* what keeps a leader is switched on by its tests */
    config.id = server + 1u;
    config.members_max = SERVERS_MAX;
    config.tokens_max = 8;
    config.persist_inflight_max = world->budget.open;
    config.allocator.realloc = arena_realloc;
    config.allocator.ctx = arena_of(server);
    if (options.small_messages) {
        config.entry_bytes_max = 1;
        config.message_bytes_max = CRAFT_ENTRY_OVERHEAD + 1;
    }
    if (craft_node_new(&config, NULL, NULL, &node) != 0) {
        explore_break("start: a node can be made");
    }
    return node;
}

/* The first start of a group. */
static craft_node *server_found(const struct world *world, uint8_t server)
{
    craft_member members[SERVERS_MAX];
    craft_node *node = node_new(world, server);

    memset(members, 0, sizeof members);
    for (uint8_t i = 0; i < options.servers; i++) {
        members[i].id = i + 1u;
        members[i].role = CRAFT_MEMBER_VOTER;
    }
    if (craft_node_bootstrap(node, members, options.servers) != 0 ||
        craft_node_start(node) != 0) {
        explore_break("start: a group is founded");
    }
    return node;
}

/* A server that comes back with what its disk held. */
static craft_node *server_restart(const struct world *world, uint8_t server)
{
    const struct disk *disk = &world->servers[server].disk;
    craft_node *node = node_new(world, server);
    craft_entry entries[LOG_MAX];
    craft_restore restore;

    memset(&restore, 0, sizeof restore);
    restore.struct_size = (uint32_t)sizeof restore;
    restore.term = disk->term;
    restore.voted_for = disk->voted_for;
    restore.commit_hint = disk->commit_hint;
    for (uint8_t i = 0; i < disk->len; i++) {
        entry_open(&entries[i], i + 1u, &disk->log[i]);
    }
    if (craft_node_restore(node, &restore) != 0 ||
        craft_node_restore_entries(node, entries, disk->len) != 0 ||
        craft_node_start(node) != 0) {
        explore_break("start: a server comes back from its disk");
    }
    return node;
}

/* As a host does: what has an empty store begins anew. */
static craft_node *server_start(const struct world *world, uint8_t server)
{
    const struct disk *disk = &world->servers[server].disk;

    return disk->term == 0 && disk->len == 0 ? server_found(world, server)
                                             : server_restart(world, server);
}

static void server_first(struct world *world, uint8_t server)
{
    craft_node *node = server_found(world, server);

    effects_take(world, server, node);
    if (!options.founding) {
        tickets_write(&world->servers[server], world->servers[server].open_len);
        (void)craft_persisted(node, node->persist.next - 1, CRAFT_ENDING_OK);
        effects_take(world, server, node);
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

/* ------------------------------------------------------------------ steps */

struct steps {
    struct step *steps;
    size_t len;
    size_t max;
};

static void add(struct steps *steps, uint8_t kind, uint8_t server,
                uint8_t number)
{
    if (steps->len < steps->max) {
        struct step step = {kind, server, number, 0};

        steps->steps[steps->len] = step;
        steps->len++;
    }
}

static void server_steps(const struct world *world, uint8_t place,
                         struct steps *steps)
{
    const struct server *server = &world->servers[place];
    const struct image *image = image_of(server->image);
    const struct budget *budget = &world->budget;

    if (image->role == CRAFT_ROLE_LEADER) {
        if (budget->heartbeats > 0) {
            add(steps, STEP_HEARTBEAT, place, 0);
        }
        if (budget->proposals > 0) {
            add(steps, STEP_PROPOSE, place, 0);
        }
    } else if (image->term < budget->term) {
        add(steps, STEP_TIMEOUT, place, 0);
    }
    if (image->owes) {
        add(steps, STEP_PULL, place, 0);
    }
    for (uint8_t i = 1; i <= server->open_len; i++) {
        add(steps, STEP_WRITTEN, place, i);
        if (budget->full_disks > 0) {
            add(steps, STEP_FULL, place, (uint8_t)(i - 1));
        }
    }
    for (uint8_t i = 0; budget->crashes > 0 && i <= server->open_len; i++) {
        add(steps, STEP_CRASH, place, i);
    }
}

/*
 * A message that is never delivered is as good as lost, but for the room that
 * it takes: so one is dropped only where others may want its place.
 */
size_t world_steps(const struct world *world, struct step *array, size_t max)
{
    struct steps steps = {array, 0, max};

    for (uint8_t i = 0; i < options.servers; i++) {
        server_steps(world, i, &steps);
    }
    for (uint8_t i = 0; i < world->flight_len; i++) {
        uint8_t to = (uint8_t)(world->flight[i].to - 1);

        add(&steps, STEP_DELIVER, to, i);
        if (world->budget.duplicates > 0) {
            add(&steps, STEP_DELIVER_COPY, to, i);
        }
        if (world->flight_len + options.servers > world->budget.flight) {
            add(&steps, STEP_DROP, to, i);
        }
    }
    return steps.len;
}

static void letter_remove(struct world *world, uint8_t place)
{
    world->flight_len--;
    world->flight[place] = world->flight[world->flight_len];
    memset(&world->flight[world->flight_len], 0, sizeof world->flight[0]);
}

static void step_deliver(struct world *world, const struct step *step,
                         craft_node *node)
{
    struct letter letter = world->flight[step->number];
    craft_entry entries[LOG_MAX];
    craft_message message;

    if (step->kind == STEP_DELIVER) {
        letter_remove(world, step->number);
    } else {
        world->budget.duplicates--;
    }
    letter_open(&letter, &message, entries);
    if (craft_receive(node, &message) != 0) {
        explore_break("step: a server takes what a correct one has sent");
    }
}

static void step_propose(struct world *world, craft_node *node)
{
    uint8_t what = (uint8_t)(WHAT_COMMAND + options.budget.proposals -
                             world->budget.proposals);

    if (craft_propose(node, &what, 1, what) == 0) {
        world->budget.proposals--;
    }
}

static void step_full(struct world *world, const struct step *step,
                      craft_node *node)
{
    struct server *server = &world->servers[step->server];

    world->budget.full_disks--;
    (void)craft_persisted(node, ticket_at(node, step->number),
                          CRAFT_ENDING_NOSPACE);
    memset(&server->open[step->number], 0,
           (size_t)(OPEN_MAX - step->number) * sizeof server->open[0]);
    server->open_len = step->number;
}

static void step_written(struct world *world, const struct step *step,
                         craft_node *node)
{
    uint64_t ticket = ticket_at(node, (uint8_t)(step->number - 1));

    tickets_write(&world->servers[step->server], step->number);
    (void)craft_persisted(node, ticket, CRAFT_ENDING_OK);
}

static craft_node *step_crash(struct world *world, const struct step *step)
{
    struct server *server = &world->servers[step->server];

    world->budget.crashes--;
    tickets_write(server, step->number);
    server->open_len = 0;
    memset(server->open, 0, sizeof server->open);
    return server_start(world, step->server);
}

/* The input alone; the node may become another. */
static craft_node *step_input(struct world *world, const struct step *step,
                              craft_node *node)
{
    switch (step->kind) {
    case STEP_HEARTBEAT:
        world->budget.heartbeats--;
        (void)craft_tick(node, craft_ticks_until_due(node));
        break;
    case STEP_TIMEOUT:
        (void)craft_tick(node, node->election.timeout_ticks);
        break;
    case STEP_PROPOSE:
        step_propose(world, node);
        break;
    case STEP_WRITTEN:
        step_written(world, step, node);
        break;
    case STEP_FULL:
        step_full(world, step, node);
        break;
    case STEP_CRASH:
        node = step_crash(world, step);
        break;
    case STEP_PULL:
        break;
    default:
        step_deliver(world, step, node);
        break;
    }
    return node;
}

/* Facts and input, as a number. */
static uint64_t step_sum(const struct world *world, const struct step *step)
{
    const struct server *server = &world->servers[step->server];
    uint64_t sum = mix(step->kind, image_of(server->image)->facts[0]);

    if (step->kind == STEP_DELIVER || step->kind == STEP_DELIVER_COPY) {
        return mix_bytes(sum, &world->flight[step->number],
                         sizeof world->flight[0]);
    }
    sum = mix(sum, step->number);
    return step->kind == STEP_PROPOSE ? mix(sum, world->budget.proposals) : sum;
}

void world_step(struct world *world, const struct step *step)
{
    struct server *server = &world->servers[step->server];
    uint32_t before = server->image;
    uint64_t sum = 0;
    craft_node *node;

    if (step->kind == STEP_DROP) {
        letter_remove(world, step->number);
        return;
    }
    if (options.check_facts) {
        sum = step_sum(world, step);
        effects_sum = 0;
    }
    node = image_load(step->server, before);
    node = step_input(world, step, node);
    if (!options.lazy || step->kind == STEP_PULL) {
        effects_take(world, step->server, node);
    }
    server->image = image_store(step->server, node);
    if (options.check_facts && step->kind != STEP_CRASH) {
        memo_check(sum, mix(effects_sum, image_of(server->image)->facts[0]));
    }
    check_change(world, step->server, step->kind == STEP_CRASH ? 0 : before);
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
    return mix(sum, server->open_len);
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
