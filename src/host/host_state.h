/*
 * The host: one struct, and who does what with it.
 *
 *   open.c      options, data directory, recovery
 *   host.c      the turn of the loop, start, end
 *   leave.c     what a stop does before the end
 *   effects.c   the hooks of the node
 *   services.c  what applications call
 *
 * All of it belongs to the loop thread, except inbox (which has a lock),
 * stop_asked (atomic) and wake (a descriptor).
 */
#ifndef CRAFT_HOST_STATE_H
#define CRAFT_HOST_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "craft/host.h"
#include "host/disk.h"
#include "host/inbox.h"
#include "host/links.h"
#include "host/log.h"
#include "host/loop.h"
#include "host/wake.h"

#define CRAFT_HOST_TEXT_MAX 400u

enum craft_host_phase {
    CRAFT_HOST_OPENED = 0,
    CRAFT_HOST_RUNNING = 1,
    CRAFT_HOST_ENDED = 2 /* stopped, or failed: see error */
};

struct craft_host {
    craft_host_machine machine;
    void *user;
    struct craft_log log;
    struct craft_host_counters counters;

    craft_id id;
    uint64_t group;
    craft_id pinned[CRAFT_MEMBERS_MAX]; /* with an address from the options */
    size_t pinned_len;

    enum craft_host_phase phase;
    int error;     /* of an ended host: 0 after a stop */
    int is_halted; /* the node was told of a failed write */
    char error_text[CRAFT_HOST_TEXT_MAX];
    atomic_int stop_asked; /* how often */
    int stop_seen;         /* the same, as far as the loop knows */

    craft_node *node;
    struct craft_loop *loop;
    struct craft_links *links;
    struct craft_disk *disk;
    struct craft_inbox inbox;
    struct craft_wake wake;
    int has_inbox;
    int has_more; /* the inbox was left before it was empty */
    uint16_t port;
    size_t frame_max;
    size_t entry_bytes_max;

    uint64_t tick_ns;
    uint64_t ticked_ns;     /* up to here the node has had its ticks */
    uint32_t ticks_at_once; /* after a stall */
    uint64_t refused_ns;    /* of the last line about a refused message */
    uint64_t election_ns;   /* the least election timeout */
    uint64_t leave_ns;      /* the end of a stop's patience; 0 = not leaving */
    int has_handed_over;    /* this stop has asked another server to lead */
    int has_no_heir;        /* it leads, and nobody else could */
    int has_leases;         /* the node needs the time */
    int is_busy;            /* the application wants a stop to wait */
    int storage_told;       /* enum craft_ending of the last line about it */

    /* What a fetch is read into. */
    craft_entry *received; /* [received_max], of the message in hand */
    size_t received_max;
    craft_entry *fetched;
    size_t fetched_max;
    uint8_t *fetched_data;
    size_t fetched_data_max;

    int has_signals;
    atomic_int signals_end;
    pthread_t signals;
};

/* effects.c */
void craft_host_hooks(craft_hooks *hooks);
/* Members of the configuration in force are to be known by the links. */
void craft_host_refresh(struct craft_host *host);
/* Tell the node what became of its records; 1 if there was anything. */
int craft_host_take_news(struct craft_host *host);

/* host.c. Notes and logs why the host failed; returns error. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
int craft_host_fail(struct craft_host *host, int error, const char *format,
                    ...);

/* host.c. A read, by lease where there are leases. */
int craft_host_read_node(struct craft_host *host, uint64_t token);

/*
 * leave.c. One turn of a host that was asked to stop, among its inputs:
 * leadership is handed over, once.
 */
void craft_host_leave(struct craft_host *host);
/* 1: there is nothing left to wait for, or no time. */
int craft_host_has_left(const struct craft_host *host);

/* identity.c: which server a data directory belongs to. */
int craft_host_identify(struct craft_host *host, const char *data_dir);

/* services.c */
void craft_host_end_signals(struct craft_host *host);

#endif
