#include "server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "image.h"
#include "op.h"

/*
 * A token names a request of a client of this server: its slot in the upper
 * 16 bits, its serial below. Others are told by those bits: enum kv_token_kind.
 */
enum {
    SLOT_SHIFT = KV_TOKEN_SHIFT,
    REST_MS = 2,
    TEXT_MAX = 160
};

static const char stopping[] = "TIMEOUT the server is stopping: the command "
                               "may or may not have been applied";

uint64_t kv_replica_token(const struct kv_client *client, uint64_t serial)
{
    return (uint64_t)client->slot << SLOT_SHIFT | serial;
}

struct kv_client *kv_replica_find(struct kv_server *server, uint64_t token,
                                  uint32_t state, uint64_t *serial)
{
    uint64_t slot = token >> SLOT_SHIFT;
    struct kv_client *client;
    const struct kv_request *request;

    *serial = token & (((uint64_t)1 << SLOT_SHIFT) - 1);
    if (slot >= server->clients_max || server->clients[slot] == NULL) {
        return NULL;
    }
    client = server->clients[slot];
    request = kv_pipeline_find(&client->pipeline, *serial);
    /* Answered: its deadline has passed, and the client was told so. */
    return request != NULL && request->state == state ? client : NULL;
}

/* ------------------------------------------------------------ into the log */

/* Hand one operation to the route: 0, or why not. In its term or never: what
 * is known of that one later (settle_lost) is known of the operation. */
static int hand_over(struct kv_server *server, struct kv_slice op,
                     uint64_t token)
{
    return craft_propose_at(craft_host_node(server->host), server->route.term,
                            op.data, op.len, token);
}

/* Nothing is handed over now: the clients come back at the next turn. */
static int is_shut(const struct kv_server *server)
{
    const struct kv_route *route = &server->route;

    return route->leader == 0 || route->is_full ||
           craft_host_now_ns(server->host) < route->rest_until_ns;
}

void kv_replica_submit(struct kv_client *client)
{
    struct kv_server *server = client->server;
    struct kv_pipeline *pipeline = &client->pipeline;
    struct kv_route *route = &server->route;
    const struct kv_request *request;
    uint64_t serial = 0;

    while ((request = kv_pipeline_ready(pipeline, route->number, &serial)) !=
           NULL) {
        int rv = CRAFT_ERR_BUSY;

        if (kv_pipeline_may_ask(pipeline, request)) {
            kv_pipeline_asked(pipeline, serial);
            kv_reads_add(client, serial);
            continue;
        }
        if (!is_shut(server)) {
            rv = hand_over(server, kv_pipeline_op(pipeline, request),
                           kv_replica_token(client, serial));
        }
        if (rv == 0) {
            kv_pipeline_opened(pipeline, route->number, route->term);
        } else if (rv == CRAFT_ERR_INVALID) {
            kv_client_fail(client, serial, "ERR command over the limit");
        } else {
            /* Busy, no leader or one about to go, another term, a full disk:
             * its deadline bounds how long it waits. Nobody else may overtake
             * it meanwhile. */
            route->is_full = 1;
            kv_client_note(client);
            return;
        }
    }
}

/* What is handed over now must not be mistaken for what is open: it waits. */
static void leave_route(struct kv_server *server, uint64_t number)
{
    if (number == server->route.number) {
        server->route.number++;
    }
}

/* An open request entered no log, and never will: it is handed over again. */
static void refused(struct kv_client *client, uint64_t serial)
{
    struct kv_server *server = client->server;

    if (client->pipeline.route == server->route.number) {
        server->route.rest_until_ns =
            craft_host_now_ns(server->host) + (uint64_t)REST_MS * 1000000;
    }
    leave_route(server, client->pipeline.route);
    kv_pipeline_refused(&client->pipeline, serial);
    kv_client_note(client);
}

/*
 * An entry of a later term is applied: what was handed to the leader of an
 * earlier one, and is not applied by now, never will be. For the log is the
 * same everywhere up to that entry, and terms do not fall along it (thesis
 * 3.6): an entry of the earlier term would stand before it. So a command that
 * a leader took with it is handed to the next: but only when its token has
 * ended, or that would end later, and be taken for the second one's end.
 *
 * This rests on every entry passing through apply. A state that is installed
 * as a whole may contain a command without showing it: what is open then is
 * answered as unknown before its term is learned, see on_load().
 */
static void settle_lost(struct kv_client *client)
{
    struct kv_pipeline *pipeline = &client->pipeline;

    if (pipeline->lost > 0 &&
        pipeline->sent_term < client->server->applied_term) {
        kv_pipeline_refused_lost(pipeline);
        kv_client_note(client);
    }
}

static void learn_applied_term(struct kv_server *server, craft_term term)
{
    if (term <= server->applied_term) {
        return;
    }
    server->applied_term = term;
    for (uint32_t i = 0; i < server->clients_max; i++) {
        if (server->clients[i] != NULL) {
            settle_lost(server->clients[i]);
        }
    }
    server->route.number++;
}

void kv_replica_turn(struct kv_server *server)
{
    struct kv_route *route = &server->route;
    craft_status status = {.struct_size = sizeof status};

    route->is_full = 0;
    (void)craft_node_status(craft_host_node(server->host), &status);
    /* The entry that begins a term is not handed to us. */
    if (status.applied_index == status.last_index) {
        learn_applied_term(server, status.last_term);
    }
    if (status.leader == route->leader && status.term == route->term) {
        return;
    }
    route->leader = status.leader;
    route->term = status.term;
    route->number++;
    route->rest_until_ns = 0;
}

/* What is said to a request that is not answered in time, by its state. */
struct reasons {
    const char *waiting;
    const char *open;
    const char *asked;
};

static const char *reason(const struct reasons *reasons, uint32_t state)
{
    if (state == KV_REQUEST_ASKED) {
        return reasons->asked;
    }
    return state == KV_REQUEST_OPEN ? reasons->open : reasons->waiting;
}

/* Fail what has been due before now_ns. */
static void fail_overdue(struct kv_client *client, uint64_t now_ns,
                         const struct reasons *reasons)
{
    const struct kv_request *request;
    uint64_t serial = 0;

    while ((request = kv_pipeline_overdue(&client->pipeline, now_ns,
                                          &serial)) != NULL) {
        kv_client_fail(client, serial, reason(reasons, request->state));
    }
}

void kv_replica_deadlines(struct kv_server *server)
{
    uint64_t now_ns = craft_host_now_ns(server->host);
    char waiting[TEXT_MAX];
    char open[TEXT_MAX];
    char asked[TEXT_MAX];
    const struct reasons reasons = {waiting, open, asked};

    snprintf(waiting, sizeof waiting,
             "TIMEOUT no leader took the command within %" PRIu32 " ms: "
             "it was not applied",
             server->options->timeout_ms);
    snprintf(open, sizeof open,
             "TIMEOUT no agreement within %" PRIu32 " ms: "
             "the command may or may not have been applied",
             server->options->timeout_ms);
    snprintf(asked, sizeof asked,
             "TIMEOUT no leader confirmed the read within %" PRIu32 " ms",
             server->options->timeout_ms);
    for (uint32_t i = 0; i < server->clients_max; i++) {
        if (server->clients[i] != NULL) {
            fail_overdue(server->clients[i], now_ns, &reasons);
        }
    }
    kv_reads_prune(server);
}

void kv_replica_stopped(struct kv_server *server)
{
    static const struct reasons reasons = {
        "TIMEOUT the server is stopping: the command was not applied",
        stopping,
        "TIMEOUT the server is stopping: nothing was read",
    };

    for (uint32_t i = 0; i < server->clients_max; i++) {
        if (server->clients[i] != NULL) {
            fail_overdue(server->clients[i], UINT64_MAX - 1, &reasons);
        }
    }
}

/* -------------------------------------------------------------- snapshots */

static int on_save(void *user, craft_host_sink *sink)
{
    const struct kv_server *server = user;

    return kv_image_save(&server->store, sink);
}

/* What is open may be in the state that came: nobody can tell. */
static void fail_open(struct kv_server *server)
{
    static const struct reasons reasons = {
        "TIMEOUT a snapshot took the place of the log: the command was not "
        "applied",
        "TIMEOUT a snapshot took the place of the log: the command may or may "
        "not have been applied",
        "TIMEOUT a snapshot took the place of the log: nothing was read",
    };

    for (uint32_t i = 0; i < server->clients_max; i++) {
        struct kv_client *client = server->clients[i];

        if (client != NULL && client->pipeline.open > 0) {
            fail_overdue(client, UINT64_MAX - 1, &reasons);
        }
    }
}

static int on_load(void *user, const craft_snapshot *snapshot,
                   craft_host_source *source)
{
    struct kv_server *server = user;

    fail_open(server);
    if (kv_image_load(&server->store, source) != 0) {
        return -1;
    }
    learn_applied_term(server, snapshot->term);
    return 0;
}

static void on_saved(void *user, craft_index index, int error)
{
    (void)index;
    kv_raft_saved(user, error);
}

/* ---------------------------------------------------------- out of the log */

/* Carry out an operation whose reply goes to nobody here. */
static void run_unheard(struct kv_server *server, struct kv_slice op, int code)
{
    if (kv_op_only_reads(code)) {
        return;
    }
    kv_buffer_clear(&server->scratch);
    kv_op_run(&server->store, op, &server->scratch);
}

int kv_replica_run(struct kv_client *client, uint64_t serial,
                   struct kv_slice op)
{
    if (kv_buffer_len(&client->out) > KV_OUT_BYTES_MAX) {
        kv_client_close(client);
        return -1;
    }
    kv_op_run(&client->server->store, op,
              kv_pipeline_reply(&client->pipeline, serial, &client->out));
    kv_pipeline_answered(&client->pipeline, serial, &client->out);
    kv_client_note(client);
    return 0;
}

static void apply_one(struct kv_server *server, const craft_entry *entry)
{
    struct kv_slice op = {entry->data, entry->data_len};
    struct kv_op_origin origin;
    struct kv_client *client = NULL;
    uint64_t serial = 0;
    int code = kv_op_check(op);

    if (code == KV_OP_ERR_LATER) {
        /* To pass over it would make this store another than the others. */
        fprintf(stderr,
                "craft-kv: server %llu: entry %llu of the log is of a later "
                "craft-kv: start this server with that one\n",
                (unsigned long long)server->options->id,
                (unsigned long long)entry->index);
        exit(1);
    }
    if (code < 0) {
        return; /* as on every other server */
    }
    server->store.index = entry->index;
    origin = kv_op_origin(op);
    if (origin.life == server->life) {
        client =
            kv_replica_find(server, origin.token, KV_REQUEST_OPEN, &serial);
    }
    if (client != NULL && kv_replica_run(client, serial, op) == 0) {
        return;
    }
    run_unheard(server, op, code);
}

static void on_apply(void *user, const craft_entry *entries, size_t entries_len)
{
    for (size_t i = 0; i < entries_len; i++) {
        apply_one(user, &entries[i]);
        learn_applied_term(user, entries[i].term);
    }
}

/*
 * How a proposal of a client here ended. A reply was made when it was applied,
 * before this. Where nobody knows, it is not handed over again: if it entered
 * the log it comes back from there, and is told by its origin.
 */
static void proposal_ended(struct kv_server *server, uint64_t token, int result)
{
    uint64_t serial;
    struct kv_client *client =
        kv_replica_find(server, token, KV_REQUEST_OPEN, &serial);

    if (client == NULL || result == CRAFT_RESULT_OK) {
        return;
    }
    if (result != CRAFT_RESULT_UNKNOWN) {
        refused(client, serial);
        return;
    }
    leave_route(server, client->pipeline.route);
    kv_pipeline_lost(&client->pipeline, serial);
    settle_lost(client);
}

static void on_done(void *user, uint64_t token, int result, craft_index index)
{
    (void)index;
    switch (token >> KV_TOKEN_SHIFT) {
    case KV_TOKEN_READS:
        kv_reads_done(user, token, result);
        break;
    case KV_TOKEN_TRANSFER:
        kv_raft_transferred(user, result);
        break;
    default:
        proposal_ended(user, token, result);
        break;
    }
}

/* A leader has come or gone: waiting commands need not wait for a turn. */
static void on_event(void *user, const craft_event *event)
{
    (void)event;
    kv_replica_turn(user);
}

void kv_replica_machine(craft_host_machine *machine)
{
    *machine = (craft_host_machine){.struct_size = sizeof *machine};
    machine->apply = on_apply;
    machine->done = on_done;
    machine->event = on_event;
    machine->save = on_save;
    machine->load = on_load;
    machine->saved = on_saved;
}
