/*
 * queue: what is going to happen, by virtual time.
 *
 * A binary heap ordered by (time, serial): what is due at the same time
 * happens in the order in which it was put in, so a run has one order only.
 */
#ifndef CRAFT_SIM_QUEUE_H
#define CRAFT_SIM_QUEUE_H

#include "base/base.h"

enum craft_sim_event_kind {
    CRAFT_SIM_TICK,        /* of a server's clock */
    CRAFT_SIM_MESSAGE,     /* packet arrives */
    CRAFT_SIM_PERSISTED,   /* number: the ticket */
    CRAFT_SIM_APPLIED,     /* some of the batch */
    CRAFT_SIM_FETCHED,     /* the oldest fetch */
    CRAFT_SIM_RELEASE,     /* a hold ends */
    CRAFT_SIM_RESTART,     /* of a server that has halted */
    CRAFT_SIM_CLIENT,      /* a client has waited long enough */
    CRAFT_SIM_FAULT_BEGIN, /* number: which */
    CRAFT_SIM_FAULT_END,   /* number: which */
    CRAFT_SIM_CEASE,       /* all faults end */
    CRAFT_SIM_LOOK         /* whether all agree */
};

struct craft_sim_packet;

struct craft_sim_event {
    uint64_t time; /* us */
    uint64_t serial;
    uint16_t kind;   /* enum craft_sim_event_kind */
    uint16_t server; /* or client; 0: neither */
    uint32_t life;   /* of the server or client that it is about */
    union {
        uint64_t number;
        struct craft_sim_packet *packet;
    } as;
};

struct craft_sim_queue {
    struct craft_sim_event *events;
    size_t len;
    size_t max;
    uint64_t serial;
};

/* Its serial is set. False: out of memory. */
bool craft_sim_queue_put(struct craft_sim_queue *queue,
                         struct craft_sim_event event);
/* False: there is none. */
bool craft_sim_queue_take(struct craft_sim_queue *queue,
                          struct craft_sim_event *event_out);
void craft_sim_queue_free(struct craft_sim_queue *queue);

#endif
