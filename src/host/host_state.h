/*
 * The host: one struct, and who does what with it.
 *
 *   open.c      options, data directory, recovery
 *   host.c      the turn of the loop, start, end
 *   leave.c     what a stop does before the end
 *   effects.c   the hooks of the node
 *   saving.c    taking snapshots
 *   loading.c   states of the disk, and of other servers
 *   services.c  what applications call
 *
 * All of it belongs to the loop thread, except inbox (which has a lock),
 * stop_asked (atomic) and wake (a descriptor).
 */
#ifndef CRAFT_HOST_STATE_H
#define CRAFT_HOST_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "craft/host.h"
#include "host/carry.h"
#include "host/disk.h"
#include "host/inbox.h"
#include "host/links.h"
#include "host/log.h"
#include "host/loop.h"
#include "host/snapshots.h"
#include "host/wake.h"

#define CRAFT_HOST_TEXT_MAX 400u
#define CRAFT_HOST_PATH_BYTES 4096u

enum craft_host_phase {
    CRAFT_HOST_OPENED = 0,
    CRAFT_HOST_RUNNING = 1,
    CRAFT_HOST_ENDED = 2 /* stopped, or failed: see error */
};

enum craft_saving_phase {
    CRAFT_SAVING_IDLE = 0,
    CRAFT_SAVING_WRITES = 1, /* a child writes */
    CRAFT_SAVING_ENDS = 2,   /* its file is durable, the node to be told */
    CRAFT_SAVING_NOTED = 3   /* the record is on its way to the log */
};

/* Snapshots: of all that is zero, none. */
struct craft_saving {
    int is_on; /* the machine has `save` and `load` */
    char directory[CRAFT_HOST_PATH_BYTES];
    struct craft_snapshots files;
    struct craft_carrier *carrier;
    int is_inline;
    size_t log_bytes_max; /* 0 = only when asked */
    size_t keep_bytes;
    uint64_t log_bytes; /* applied since the last one was begun */

    /* By index and digest: those of which the log tells. */
    craft_snapshot base;       /* durable; index 0 = none */
    craft_snapshot next;       /* of the record under way */
    uint64_t next_ticket;      /* 0 = none */
    int is_prune_due;          /* an older one was still being sent */
    craft_index pruned_behind; /* sending_index when it was last looked at */

    enum craft_saving_phase phase;
    craft_snapshot snapshot; /* the one that is being taken */
    uint8_t *configuration;  /* of it; NULL: none is */
    struct craft_snapshots_file file;
    pid_t child; /* 0 = none */
    int pipe;    /* on which it tells its end */
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

    struct craft_saving saving;

    int has_signals;
    atomic_int signals_end;
    pthread_t signals;
};

/* effects.c */
void craft_host_hooks(struct craft_host *host, craft_hooks *hooks);
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

/* loading.c. The directory of snapshots, and the state to begin with: that of
 * the log's newest one (NULL: none), unless the machine stands there. */
int craft_host_load(struct craft_host *host, const craft_snapshot *base,
                    craft_index applied_index);
/* Hooks, if the machine has `save` and `load`. */
void craft_host_snapshot_hooks(struct craft_host *host, craft_hooks *hooks);
/* Endings of parts that were read and written. */
void craft_host_take_carried(struct craft_host *host);

/* saving.c. A record goes to the log; records up to a ticket are durable. */
void craft_host_saving_record(struct craft_host *host,
                              const craft_persist *persist);
void craft_host_saving_durable(struct craft_host *host, uint64_t ticket);
void craft_host_saving_voided(struct craft_host *host, uint64_t ticket);
void craft_host_saving_applied(struct craft_host *host,
                               const craft_entry *entries, size_t entries_len);
/* Once per turn: what is due. */
void craft_host_saving_turn(struct craft_host *host);
/* Give up what is under way; told to the machine unless it is 0. */
void craft_host_saving_end(struct craft_host *host, int error);

/* services.c */
void craft_host_end_signals(struct craft_host *host);

#endif
