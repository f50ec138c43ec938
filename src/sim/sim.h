/*
 * sim: the world of one run.
 *
 * Owns virtual time, the servers with their nodes, the network between them,
 * the clients, the plan of faults, and the judge, who is told everything
 * before a node or the network is. One event after the other is taken from the
 * queue; each is at most a few inputs to one node, and what these cause.
 *
 *   world.c      the life of a run; which event is whose
 *   shape.c      what is drawn before the first event: limits, ids, hosts
 *   faults.c     the plan, carried out
 *   network.c    messages under way
 *   server.c     a server's life and the inputs to its node
 *   time.c       what its clock shows, and leases
 *   hooks.c      what the node asks of its host
 *   endings.c    how disk, state machine and log reader end their work
 *   client.c     clients, and what they saw
 *   reference.c  the state machine that follows what is committed
 *   end.c        whether all agree, and what clients saw is linearizable
 *   trace.c      lines of text, and the digest of all that happens
 *
 * Servers are named by position, 1 .. servers. Everything that is drawn comes
 * from a stream of its own (stream.h). A run that cannot get memory ends.
 */
#ifndef CRAFT_SIM_SIM_H
#define CRAFT_SIM_SIM_H

#include "base/random.h"
#include "craft/sim.h"
#include "sim/judge.h"
#include "sim/memory.h"
#include "sim/plan.h"
#include "sim/queue.h"
#include "sim/random.h"
#include "sim/stream.h"

#define CRAFT_SIM_TICK_US 10000u
#define CRAFT_SIM_FETCHES_MAX 4u
#define CRAFT_SIM_TICKETS_MAX 64u
#define CRAFT_SIM_BURST_MAX 8u
#define CRAFT_SIM_NAME_LEN 8u /* of the token, before each command's data */

/* ---------------------------------------------------------------- network */

/* A message under way, encoded or as it is; what it points to follows it. */
struct craft_sim_packet {
    struct craft_sim_packet *next; /* of the pool */
    uint32_t size_class;
    uint32_t copies; /* that have not arrived yet */
    uint32_t from;
    uint32_t to;
    uint8_t *bytes; /* [bytes_len]; NULL: as it is */
    size_t bytes_len;
    craft_message message;
};

#define CRAFT_SIM_SIZE_CLASSES 24u

struct craft_sim_link {
    struct craft_random delays;
    struct craft_random noise;
    uint64_t last_us; /* when the last one sent in order arrives */
    /* As the faults of this moment have it. */
    uint32_t loss; /* per thousand, like the next ones */
    uint32_t duplicate;
    uint32_t reorder;
    uint32_t stale;
    uint32_t slow; /* times as long */
    bool cut;
};

struct craft_sim_network {
    struct craft_sim_link links[CRAFT_SIM_SERVERS_MAX + 1]
                               [CRAFT_SIM_SERVERS_MAX + 1];
    uint32_t delay_us;
    uint32_t spread_us;
    bool encode;
    struct craft_sim_packet *pool[CRAFT_SIM_SIZE_CLASSES];
};

/* ---------------------------------------------------------------- servers */

/* What faults do to a server at this moment; all zero: nothing. */
struct craft_sim_mode {
    uint64_t stalled_until;
    uint64_t paused_until;
    uint64_t down_until;
    bool catches_up; /* after a pause all missed ticks come */
    uint32_t disk_slow;
    uint32_t disk_full;
    uint32_t disk_error;
    uint32_t apply_slow;
    uint32_t apply_error;
    uint32_t fetch_error;
    uint32_t memory;
    uint32_t hold;
    uint32_t inside;
    uint32_t clock;  /* per cent of a tick's time */
    uint32_t jitter; /* per cent */
};

struct craft_sim_ticket {
    uint64_t ticket;
    bool entries; /* the record has some */
};

struct craft_sim_server {
    struct craft_sim *sim;
    uint32_t position;
    uint32_t life; /* of the server, counted also when it ends */
    craft_id id;
    craft_node *node; /* NULL: down */
    struct craft_random clock;
    struct craft_random disk;
    struct craft_random work;
    struct craft_random crash;
    struct craft_random host;
    struct craft_random refusals;
    struct craft_random time;
    struct craft_sim_mode mode;

    uint32_t priority;
    bool passive;  /* it never campaigns by itself */
    bool forwards; /* what it is offered, to the leader */

    /* What kind of host it is. */
    bool pulls;        /* craft_next_effect() instead of hooks */
    bool fetches_back; /* it has a fetch hook */
    bool durable;      /* the state machine outlives crashes */
    uint32_t tick_us;
    uint32_t disk_us;
    uint32_t apply_us;
    uint32_t persist_inside; /* per thousand that end inside their hook */
    uint32_t apply_inside;
    uint32_t fetch_inside;

    bool halted;    /* or stopped */
    bool allocates; /* may do so now */
    bool in_hook;
    bool late;         /* its ticks have waited for the end of a pause */
    uint32_t crash_in; /* effects from now; 0: not */
    uint32_t depth;    /* of inputs in inputs */
    uint32_t holds;
    uint64_t ticked_us; /* when it ticked last */
    uint64_t shown_ns;  /* by its clock, at shown_us */
    uint64_t shown_us;
    uint32_t rate_ppm; /* of its clock since then; 0: not begun */
    uint32_t tells;    /* when its host tells the time; see time.c */
    size_t memory;     /* of the node, bytes */

    struct craft_sim_ticket tickets[CRAFT_SIM_TICKETS_MAX]; /* open, rising */
    size_t tickets_len;
    craft_fetch fetches[CRAFT_SIM_FETCHES_MAX];
    size_t fetches_len;
    const craft_entry *batch; /* lent by the node */
    size_t batch_len;
    craft_index batch_first;

    void *instance; /* of the state machine */
    craft_index applied;
};

/* ---------------------------------------------------------------- clients */

enum craft_sim_operation_state {
    CRAFT_SIM_OPERATION_OPEN,
    CRAFT_SIM_OPERATION_ANSWERED,
    CRAFT_SIM_OPERATION_NEVER,   /* it is certain that it did not happen */
    CRAFT_SIM_OPERATION_UNKNOWN, /* nobody will tell */
    CRAFT_SIM_OPERATION_READ,    /* judged when it ends */
    CRAFT_SIM_OPERATION_TRANSFER /* of leadership: no operation on the state */
};

struct craft_sim_request {
    craft_sim_operation operation;
    craft_index index; /* where it was proposed; 0: at another server */
    size_t first;      /* of which it is a copy; itself */
    craft_index floor; /* what was answered before it began stands below */
    uint32_t state;    /* enum craft_sim_operation_state */
    uint32_t client;
    uint32_t server; /* that took it, and in which life */
    uint32_t life;
};

struct craft_sim_client {
    struct craft_random random;
    craft_sim_random commands;
    uint32_t position;
    uint32_t life;   /* counts its waits: the event of an earlier one is void */
    uint32_t server; /* that it believes leads */
    uint32_t open;   /* operations that it waits for */
    uint32_t think_us;
    uint32_t patience_us;

    /* With sessions: what it repeats until it is answered. */
    uint64_t number; /* of its newest command */
    uint64_t first_open;
    size_t pending[CRAFT_SIM_BURST_MAX]; /* requests, the first copies */
    uint32_t pending_len;
    bool repeats;  /* in the request that is being made */
    uint32_t made; /* requests that made commands */
    size_t newest; /* request: of the commands that it made last, the first */
    size_t old;    /* likewise, those before, of which it has the replies */
};

/* --------------------------------------------------------------- reference */

struct craft_sim_answer {
    const uint8_t *reply;
    size_t reply_len;
    uint64_t digest; /* of the state after it; see reference.c */
    uint64_t when;   /* the step in which it was first applied */
};

struct craft_sim_reference {
    void *instance;
    craft_index index;
    struct craft_sim_answer *answers; /* of entry i at [i - 1] */
    size_t max;
};

/* ------------------------------------------------------------------- world */

struct craft_sim {
    uint64_t seed;
    uint64_t now_us;
    uint64_t digest;
    const craft_sim_machine *machine; /* of the servers */
    const craft_sim_machine *bare;    /* each command of a client once */
    craft_sim_machine wrapped;        /* the one behind sessions */
    bool sessions;
    craft_config config; /* of every server, but for id, seed and allocator */
    void (*trace)(void *ctx, const char *line);
    void *trace_ctx;

    struct craft_judge *judge;
    struct craft_sim_queue queue;
    struct craft_sim_network network;
    struct craft_sim_server servers[CRAFT_SIM_SERVERS_MAX + 1];
    struct craft_sim_client clients[CRAFT_SIM_CLIENTS_MAX + 1];
    struct craft_sim_reference reference;
    struct craft_sim_plan plan;
    char *plan_text;
    uint32_t restore_batch;

    struct craft_sim_request *requests; /* of token i at [i - 1] */
    size_t requests_len;
    size_t requests_max;
    uint64_t commands; /* drawn */
    uint32_t asking;   /* the client whose request is being made */
    craft_index answered_index;
    size_t leases_judged;         /* when so much was committed */
    struct craft_sim_arena arena; /* commands, replies */

    bool ceased; /* no more faults, no new requests */
    bool no_memory;
    uint32_t state; /* enum craft_sim_state */
    uint64_t looks;
    uint64_t steps;
    uint64_t messages;
    uint64_t crashes;
    uint64_t undecided;
};

/* shape.c */
int craft_sim_shape(struct craft_sim *sim);

/* sessions.c */
#define CRAFT_SIM_SESSION_HEAD CRAFT_SIM_SESSION_LEN /* before a command */
#define CRAFT_SIM_SESSION_DONE 0u /* byte in front of a reply */

/* The machine of the servers gets sessions; sim->bare stays what it was. */
void craft_sim_sessions_wrap(struct craft_sim *sim);
/* What stands in front of the client's next command. */
void craft_sim_sessions_head(struct craft_sim_client *client, uint8_t *command);
/* This copy is answered: the request that this answers, or NULL: none, it was
 * before. */
struct craft_sim_request *
craft_sim_sessions_answered(struct craft_sim *sim,
                            const struct craft_sim_request *request,
                            const struct craft_sim_answer *answer);

/* world.c */
/* Schedule; the run ends when there is no memory for it. */
void craft_sim_at(struct craft_sim *sim, struct craft_sim_event event);
void craft_sim_out_of_memory(struct craft_sim *sim);

/* faults.c */
bool craft_sim_faults_schedule(struct craft_sim *sim);
void craft_sim_fault_begin(struct craft_sim *sim, size_t at);
void craft_sim_faults_renew(struct craft_sim *sim);
void craft_sim_faults_cease(struct craft_sim *sim);

/* network.c */
void craft_sim_network_init(struct craft_sim *sim);
void craft_sim_network_send(struct craft_sim *sim,
                            const craft_message *message);
void craft_sim_network_arrive(struct craft_sim *sim,
                              struct craft_sim_packet *packet);
/* After its event: one copy less. */
void craft_sim_packet_drop(struct craft_sim *sim,
                           struct craft_sim_packet *packet);
void craft_sim_network_free(struct craft_sim *sim);
uint32_t craft_sim_position(const struct craft_sim *sim, craft_id id);

/* server.c: inputs. Each tells the judge, and does nothing when down. */
void craft_sim_server_start(struct craft_sim_server *server);
void craft_sim_server_crash(struct craft_sim_server *server);
void craft_sim_server_stop(struct craft_sim_server *server);
/* Down or halted for other reasons than the plan: again in a while. */
void craft_sim_server_revive(struct craft_sim_server *server);
void craft_sim_server_tick(struct craft_sim_server *server, uint32_t ticks);
void craft_sim_server_receive(struct craft_sim_server *server,
                              const struct craft_sim_packet *packet);
/* The limits of all, its own priority. */
craft_config craft_sim_server_config(const struct craft_sim_server *server);
void craft_sim_server_campaign(struct craft_sim_server *server);
void craft_sim_server_unreachable(struct craft_sim_server *server,
                                  uint32_t peer);
void craft_sim_server_hold(struct craft_sim_server *server);
void craft_sim_server_release(struct craft_sim_server *server);
/* Takes commands under the tokens that follow the last one; what was refused
 * has used none. The node's answer. */
int craft_sim_server_propose(struct craft_sim_server *server,
                             craft_command *commands, size_t commands_len);
/* The same for a transfer of leadership, to a server or, 0, to any. */
int craft_sim_server_transfer(struct craft_sim_server *server, uint32_t target);
/* The same for a read. */
int craft_sim_server_read(struct craft_sim_server *server);
void craft_sim_server_persisted(struct craft_sim_server *server,
                                uint64_t ticket, int ending);
void craft_sim_server_applied(struct craft_sim_server *server,
                              craft_index index, int ending);
void craft_sim_server_fetched(struct craft_sim_server *server, int ending);
craft_status craft_sim_server_status(const struct craft_sim_server *server);
bool craft_sim_server_is_up(const struct craft_sim_server *server);

/* time.c */
void craft_sim_lease_draw(struct craft_sim *sim);
/* A life begins. */
void craft_sim_clock_begin(struct craft_sim_server *server);
uint64_t craft_sim_server_time(const struct craft_sim_server *server);
bool craft_sim_clock_is_told(struct craft_sim_server *server, bool at_tick);
bool craft_sim_reads_by_lease(struct craft_sim_server *server);
void craft_sim_leases_judge(struct craft_sim_server *server);

/* hooks.c */
extern const craft_hooks craft_sim_hooks;
/* Pull effects until there is none, or the server has crashed. */
void craft_sim_server_pull(struct craft_sim_server *server);

/* endings.c: events. */
void craft_sim_persist_ends(struct craft_sim_server *server, uint64_t ticket);
void craft_sim_persist_begins(struct craft_sim_server *server,
                              const craft_persist *persist);
void craft_sim_apply_ends(struct craft_sim_server *server);
void craft_sim_apply_begins(struct craft_sim_server *server);
void craft_sim_fetch_ends(struct craft_sim_server *server);
void craft_sim_fetch_begins(struct craft_sim_server *server);

/* client.c */
/* The commands of the client that is asking are accepted, before any effect
 * of that. */
void craft_sim_client_accepted(struct craft_sim_server *server,
                               size_t commands_len, uint32_t state);
void craft_sim_clients_init(struct craft_sim *sim);
void craft_sim_client_wakes(struct craft_sim *sim, uint32_t position);
void craft_sim_client_done(struct craft_sim_server *server, uint64_t token,
                           int result, craft_index index);
/* That life of the server is over: nobody will tell any more. */
void craft_sim_clients_lose(struct craft_sim_server *server);

/* The token by which an entry's command is named. */
uint64_t craft_sim_token_of(const uint8_t *data, size_t data_len);

/* reference.c */
bool craft_sim_reference_init(struct craft_sim *sim);
/* The server's state machine takes entries up to index. */
void craft_sim_machine_take(struct craft_sim_server *server,
                            const craft_entry *entry);
void craft_sim_reference_free(struct craft_sim *sim);

/* end.c */
bool craft_sim_agrees(struct craft_sim *sim);
void craft_sim_finish(struct craft_sim *sim);

/* trace.c */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
/* Server 0: of none. Only while there is somebody to read it. */
void craft_sim_tell(struct craft_sim *sim, uint32_t server,
                    const char *format, ...);
void craft_sim_tell_effect(struct craft_sim_server *server,
                           const craft_effect *effect);
void craft_sim_digest_effect(struct craft_sim_server *server,
                             const craft_effect *effect);

static inline void craft_sim_digest(struct craft_sim *sim, uint64_t value)
{
    uint64_t x = (sim->digest ^ value) * 0xff51afd7ed558ccdu;

    sim->digest = x ^ (x >> 29);
}

#endif
