/*
 * How disk, state machine and log reader end their work: inside the hook or
 * later, independently of messages and of each other.
 */
#include <string.h>

#include "sim/sim.h"

#define LATE_ENDINGS 250u /* of 1000 endings that are void, how many are told */

static void schedule(struct craft_sim_server *server, uint32_t kind,
                     uint64_t number, uint64_t delay_us)
{
    struct craft_sim_event event = {.kind = (uint16_t)kind};

    event.time = server->sim->now_us + delay_us;
    event.server = (uint16_t)server->position;
    event.life = server->life;
    event.as.number = number;
    craft_sim_at(server->sim, event);
}

static uint64_t latency(struct craft_random *random, uint32_t mean_us,
                        uint32_t times)
{
    uint64_t us = mean_us / 4 + craft_random_below(random, mean_us * 2);

    return times > 0 ? us * times : us;
}

static void halt(struct craft_sim_server *server)
{
    if (!server->halted) {
        server->halted = true;
        craft_sim_server_revive(server);
    }
}

/* -------------------------------------------------------------------- disk */

/* Where the ticket stands among the open ones; their number: nowhere. */
static size_t ticket_find(const struct craft_sim_server *server,
                          uint64_t ticket)
{
    size_t at = 0;

    while (at < server->tickets_len && server->tickets[at].ticket != ticket) {
        at++;
    }
    return at;
}

/* OK covers the earlier ones, everything else voids the later ones. */
static void tickets_close(struct craft_sim_server *server, size_t at,
                          int ending)
{
    if (ending != CRAFT_ENDING_OK) {
        server->tickets_len = ending == CRAFT_ENDING_ERROR ? 0 : at;
        return;
    }
    server->tickets_len -= at + 1;
    memmove(server->tickets, server->tickets + at + 1,
            server->tickets_len * sizeof server->tickets[0]);
}

static int ending_draw(struct craft_sim_server *server, bool entries)
{
    if (craft_sim_chance(&server->disk, server->mode.disk_error)) {
        return CRAFT_ENDING_ERROR;
    }
    if (craft_sim_chance(&server->disk, entries ? server->mode.disk_full
                                                : server->mode.disk_full / 4)) {
        return CRAFT_ENDING_NOSPACE;
    }
    return CRAFT_ENDING_OK;
}

void craft_sim_persist_ends(struct craft_sim_server *server, uint64_t ticket)
{
    size_t at = ticket_find(server, ticket);
    int ending;

    if (server->halted) {
        return;
    }
    if (at == server->tickets_len) { /* void, or covered by a later one */
        if (craft_sim_chance(&server->disk, LATE_ENDINGS)) {
            ending = (int)craft_random_below(&server->disk, 3);
            craft_sim_server_persisted(server, ticket, ending);
        }
        return;
    }
    if (server->mode.stalled_until > server->sim->now_us) {
        schedule(server, CRAFT_SIM_PERSISTED, ticket,
                 server->mode.stalled_until - server->sim->now_us);
        return;
    }
    ending = ending_draw(server, server->tickets[at].entries);
    tickets_close(server, at, ending);
    if (ending == CRAFT_ENDING_ERROR) {
        halt(server);
    }
    craft_sim_server_persisted(server, ticket, ending);
}

void craft_sim_persist_begins(struct craft_sim_server *server,
                              const craft_persist *persist)
{
    struct craft_sim_ticket *open = &server->tickets[server->tickets_len];

    if (server->tickets_len == CRAFT_SIM_TICKETS_MAX) {
        craft_judge_convict(server->sim->judge,
                            "persist: %u has too many records open",
                            server->position);
        return;
    }
    open->ticket = persist->ticket;
    open->entries = persist->entries_len > 0;
    server->tickets_len++;
    if (server->mode.stalled_until <= server->sim->now_us &&
        craft_sim_chance(&server->disk, server->persist_inside)) {
        craft_sim_persist_ends(server, persist->ticket);
    } else {
        schedule(
            server, CRAFT_SIM_PERSISTED, persist->ticket,
            latency(&server->disk, server->disk_us, server->mode.disk_slow));
    }
}

/* ----------------------------------------------------------- state machine */

void craft_sim_apply_ends(struct craft_sim_server *server)
{
    craft_index index = server->batch_first + server->batch_len - 1;
    int ending = CRAFT_ENDING_OK;

    if (server->batch == NULL || server->halted) {
        return;
    }
    if (craft_sim_chance(&server->work, server->mode.apply_error)) {
        ending = CRAFT_ENDING_ERROR;
        halt(server);
    }
    if (server->mode.apply_slow > 0 || ending == CRAFT_ENDING_ERROR) {
        index -=
            craft_random_below(&server->work, (uint32_t)server->batch_len + 1);
    }
    craft_sim_server_applied(server, index, ending);
}

void craft_sim_apply_begins(struct craft_sim_server *server)
{
    if (server->mode.apply_slow == 0 &&
        craft_sim_chance(&server->work, server->apply_inside)) {
        craft_sim_apply_ends(server);
    } else {
        schedule(
            server, CRAFT_SIM_APPLIED, 0,
            latency(&server->work, server->apply_us, server->mode.apply_slow));
    }
}

/* -------------------------------------------------------------- log reader */

void craft_sim_fetch_ends(struct craft_sim_server *server)
{
    int ending = CRAFT_ENDING_OK;

    if (server->fetches_len == 0 || server->halted) {
        return;
    }
    if (craft_sim_chance(&server->work, server->mode.fetch_error)) {
        ending = CRAFT_ENDING_ERROR;
    }
    craft_sim_server_fetched(server, ending);
}

void craft_sim_fetch_begins(struct craft_sim_server *server)
{
    if (server->fetches_len == 1 &&
        craft_sim_chance(&server->work, server->fetch_inside)) {
        craft_sim_fetch_ends(server);
    } else {
        schedule(server, CRAFT_SIM_FETCHED, 0,
                 latency(&server->work, server->disk_us, 0));
    }
}
