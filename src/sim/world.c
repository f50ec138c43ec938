/* The life of a run; which event is whose. */
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

/* So many times the election timeout it may take until all agree. */
#define LOOKS_MAX 200u

void craft_sim_out_of_memory(struct craft_sim *sim)
{
    sim->no_memory = true;
    craft_judge_convict(sim->judge, "out of memory");
}

void craft_sim_at(struct craft_sim *sim, struct craft_sim_event event)
{
    if (!craft_sim_queue_put(&sim->queue, event)) {
        if (event.kind == CRAFT_SIM_MESSAGE) {
            craft_sim_packet_drop(sim, event.as.packet);
        }
        craft_sim_out_of_memory(sim);
    }
}

/* ------------------------------------------------------------------ events */

static void on_tick(struct craft_sim_server *server)
{
    struct craft_sim *sim = server->sim;
    const struct craft_sim_mode *mode = &server->mode;
    struct craft_sim_event next = {.kind = CRAFT_SIM_TICK};
    uint32_t period = server->tick_us;
    uint32_t ticks = 1;

    if (server->late) {
        ticks = (uint32_t)((sim->now_us - server->ticked_us) / period);
        server->late = false;
    }
    server->ticked_us = sim->now_us;
    if (mode->clock > 0) {
        period = period / 100 * mode->clock;
    }
    if (mode->jitter > 0) {
        uint32_t part = period / 100 * mode->jitter;

        period = period - part + craft_random_below(&server->clock, 2 * part);
    }
    next.time = sim->now_us + period + 1;
    next.server = (uint16_t)server->position;
    next.life = server->life;
    craft_sim_at(sim, next);
    if (!server->halted && ticks > 0) {
        craft_sim_tell(sim, server->position, "tick %u", ticks);
        craft_sim_server_tick(server, ticks);
    }
}

static void on_restart(struct craft_sim_server *server)
{
    if (server->mode.down_until > server->sim->now_us) {
        return; /* another fault keeps it down */
    }
    server->crash_in = 0;
    if (server->halted) {
        craft_sim_server_crash(server);
    }
    if (server->node == NULL) {
        craft_sim_server_start(server);
    }
}

static void tell_arrival(struct craft_sim *sim,
                         const struct craft_sim_packet *packet)
{
    char text[256];

    if (sim->trace == NULL) {
        return;
    }
    if (packet->bytes != NULL) {
        craft_sim_tell(sim, packet->to, "<- %u %zu bytes, kind %u, term %llu",
                       packet->from, packet->bytes_len, packet->message.kind,
                       (unsigned long long)packet->message.term);
        return;
    }
    (void)craft_describe_message(&packet->message, text, sizeof text);
    craft_sim_tell(sim, packet->to, "<- %s", text);
}

static void on_look(struct craft_sim *sim)
{
    struct craft_sim_event event = {.kind = CRAFT_SIM_LOOK};

    if (craft_sim_agrees(sim)) {
        craft_sim_finish(sim);
        sim->state = CRAFT_SIM_PASSED;
        return;
    }
    sim->looks++;
    if (sim->looks > LOOKS_MAX) {
        craft_judge_convict(sim->judge,
                            "liveness: they do not agree after %u election "
                            "timeouts without a fault",
                            LOOKS_MAX);
    }
    event.time =
        sim->now_us + (uint64_t)sim->config.election_ticks * CRAFT_SIM_TICK_US;
    craft_sim_at(sim, event);
}

static void on_server_event(struct craft_sim_server *server,
                            const struct craft_sim_event *event)
{
    switch (event->kind) {
    case CRAFT_SIM_TICK:
        on_tick(server);
        break;
    case CRAFT_SIM_PERSISTED:
        craft_sim_persist_ends(server, event->as.number);
        break;
    case CRAFT_SIM_APPLIED:
        craft_sim_apply_ends(server);
        break;
    case CRAFT_SIM_FETCHED:
        craft_sim_fetch_ends(server);
        break;
    default:
        craft_sim_server_release(server);
        break;
    }
}

static void on_world_event(struct craft_sim *sim,
                           const struct craft_sim_event *event)
{
    switch (event->kind) {
    case CRAFT_SIM_RESTART:
        on_restart(&sim->servers[event->server]);
        break;
    case CRAFT_SIM_CLIENT:
        if (event->life == sim->clients[event->server].life) {
            craft_sim_client_wakes(sim, event->server);
        }
        break;
    case CRAFT_SIM_FAULT_BEGIN:
        if (!sim->ceased) {
            craft_sim_fault_begin(sim, (size_t)event->as.number);
        }
        break;
    case CRAFT_SIM_FAULT_END:
        craft_sim_faults_renew(sim);
        break;
    case CRAFT_SIM_CEASE:
        craft_sim_faults_cease(sim);
        on_look(sim);
        break;
    default:
        on_look(sim);
        break;
    }
}

/* A paused server takes nothing: it comes when the pause ends, in order. */
static bool defer(struct craft_sim_server *server,
                  const struct craft_sim_event *event)
{
    struct craft_sim_event later = *event;

    if (server->mode.paused_until <= server->sim->now_us) {
        return false;
    }
    server->late = server->late ||
                   (event->kind == CRAFT_SIM_TICK && server->mode.catches_up);
    later.time = server->mode.paused_until;
    craft_sim_at(server->sim, later);
    return true;
}

static void dispatch(struct craft_sim *sim, const struct craft_sim_event *event)
{
    struct craft_sim_server *server;

    if (event->kind > CRAFT_SIM_RELEASE) {
        on_world_event(sim, event);
        return;
    }
    server = &sim->servers[event->server];
    if (event->kind != CRAFT_SIM_MESSAGE &&
        (event->life != server->life || server->node == NULL)) {
        return; /* of an earlier life */
    }
    if (defer(server, event)) {
        return;
    }
    if (event->kind == CRAFT_SIM_MESSAGE) {
        tell_arrival(sim, event->as.packet);
        craft_sim_network_arrive(sim, event->as.packet);
    } else {
        on_server_event(server, event);
    }
}

int craft_sim_step(craft_sim *sim)
{
    struct craft_sim_event event;

    if (sim->state != CRAFT_SIM_RUNNING) {
        return (int)sim->state;
    }
    if (craft_sim_queue_take(&sim->queue, &event)) {
        CRAFT_ASSERT(event.time >= sim->now_us);
        sim->now_us = event.time;
        craft_sim_digest(sim, event.time << 8 ^ event.kind);
        dispatch(sim, &event);
    }
    if (craft_judge_broken(sim->judge) != NULL) {
        sim->state = CRAFT_SIM_FAILED;
        craft_sim_tell(sim, 0, "BROKEN: %s", craft_judge_broken(sim->judge));
    }
    return (int)sim->state;
}

int craft_sim_run(craft_sim *sim)
{
    int state = CRAFT_SIM_RUNNING;

    while (state == CRAFT_SIM_RUNNING) {
        state = craft_sim_step(sim);
    }
    return state;
}

/* -------------------------------------------------------------------- life */

static bool machine_is_whole(const craft_sim_machine *machine)
{
    return machine->name != NULL && machine->open != NULL &&
           machine->close != NULL && machine->apply != NULL &&
           machine->digest != NULL && machine->draw != NULL;
}

static int plan_make(struct craft_sim *sim, const craft_sim_options *options)
{
    int rv;

    if (options->plan == NULL) {
        rv = craft_sim_plan_draw(&sim->plan, sim->seed,
                                 options->profile != NULL ? options->profile
                                                          : "swarm",
                                 options->servers);
    } else {
        rv = craft_sim_plan_read(&sim->plan, options->plan);
        if (rv == 0 && options->servers != 0) {
            sim->plan.servers = options->servers;
        }
        if (rv == 0 && sim->plan.learners >= sim->plan.servers) {
            sim->plan.learners = sim->plan.servers - 1;
        }
    }
    return rv;
}

static void world_begin(struct craft_sim *sim)
{
    (void)craft_sim_faults_schedule(sim);
    craft_sim_clients_init(sim);
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        craft_sim_server_start(&sim->servers[i]);
    }
}

int craft_sim_new(const craft_sim_options *options, craft_sim **sim_out)
{
    struct craft_sim *sim;
    int rv;

    if (options == NULL || sim_out == NULL ||
        options->struct_size != sizeof *options ||
        options->servers > CRAFT_SIM_SERVERS_MAX || options->sessions > 1 ||
        options->reserved != 0 ||
        (options->machine != NULL && !machine_is_whole(options->machine))) {
        return CRAFT_ERR_INVALID;
    }
    sim = calloc(1, sizeof *sim);
    if (sim == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    sim->seed = options->seed;
    sim->machine =
        options->machine != NULL ? options->machine : craft_sim_machine_kv();
    sim->bare = sim->machine;
    sim->sessions = options->sessions == 1;
    if (sim->sessions) {
        craft_sim_sessions_wrap(sim);
    }
    sim->trace = options->trace;
    sim->trace_ctx = options->trace_ctx;
    rv = plan_make(sim, options);
    if (rv == 0) {
        sim->plan_text = craft_sim_plan_print(&sim->plan);
        rv = sim->plan_text != NULL ? craft_sim_shape(sim) : CRAFT_ERR_NOMEM;
    }
    if (rv != 0) {
        craft_sim_free(sim);
        return rv;
    }
    world_begin(sim);
    *sim_out = sim;
    return 0;
}

static void server_free(struct craft_sim_server *server)
{
    const craft_sim_machine *machine = server->sim->machine;

    craft_node_free(server->node);
    if (server->instance != NULL) {
        machine->close(machine->ctx, server->instance);
    }
}

void craft_sim_free(craft_sim *sim)
{
    struct craft_sim_event event;

    if (sim == NULL) {
        return;
    }
    for (uint32_t i = 1; i <= CRAFT_SIM_SERVERS_MAX; i++) {
        if (sim->servers[i].sim != NULL) {
            server_free(&sim->servers[i]);
        }
    }
    while (craft_sim_queue_take(&sim->queue, &event)) {
        if (event.kind == CRAFT_SIM_MESSAGE) {
            craft_sim_packet_drop(sim, event.as.packet);
        }
    }
    craft_sim_queue_free(&sim->queue);
    craft_sim_network_free(sim);
    craft_sim_reference_free(sim);
    craft_judge_free(sim->judge);
    craft_sim_plan_free(&sim->plan);
    craft_sim_arena_free(&sim->arena);
    free(sim->plan_text);
    free(sim->requests);
    free(sim);
}

/* ----------------------------------------------------------------- looking */

int craft_sim_look(const craft_sim *sim, craft_sim_report *report_out)
{
    if (sim == NULL || report_out == NULL ||
        report_out->struct_size != sizeof *report_out) {
        return CRAFT_ERR_INVALID;
    }
    report_out->state = sim->state;
    report_out->seed = sim->seed;
    report_out->servers = sim->plan.servers;
    report_out->faults = (uint32_t)sim->plan.len;
    report_out->broken = craft_judge_broken(sim->judge);
    report_out->digest = sim->digest;
    report_out->time_us = sim->now_us;
    report_out->steps = sim->steps;
    report_out->messages = sim->messages;
    report_out->crashes = sim->crashes;
    report_out->elections = craft_judge_elections(sim->judge);
    report_out->committed = craft_judge_committed(sim->judge)->len;
    report_out->operations = sim->requests_len;
    report_out->undecided = sim->undecided;
    report_out->answered = 0;
    for (size_t i = 0; i < sim->requests_len; i++) {
        uint32_t state = sim->requests[i].state;

        report_out->answered += state == CRAFT_SIM_OPERATION_ANSWERED ||
                                state == CRAFT_SIM_OPERATION_NEVER;
    }
    return 0;
}

const char *craft_sim_plan(const craft_sim *sim)
{
    return sim->plan_text;
}

const craft_node *craft_sim_node(const craft_sim *sim, uint32_t server)
{
    return server >= 1 && server <= sim->plan.servers
               ? sim->servers[server].node
               : NULL;
}
