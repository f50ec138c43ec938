/*
 * craft/host.h: a ready-made server around a craft node, for POSIX systems.
 *
 * Gives the core what it asks for: a loop with a clock, TCP links to the other
 * servers, a durable log (craft/wal.h) written on its own thread, and the
 * application's own sockets and timers in the same loop. An application
 * supplies a state machine and calls craft_host_run().
 *
 * Threads: everything here is for the thread that runs the loop, the "loop
 * thread" (before craft_host_run(): the one that opened the host), except for
 * the functions that say "any thread". Every callback is called on the
 * loop thread. Callbacks may call any function of the host and of its node,
 * except craft_host_run(), craft_host_turn() and craft_host_close().
 *
 * See docs/host.md for a turn of the loop, and for the bytes on the links.
 */
#ifndef CRAFT_HOST_H
#define CRAFT_HOST_H

#include "craft.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct craft_host craft_host; /* opaque */

/* What the host adds to enum craft_error; see craft_host_error_text(). */
enum craft_host_error {
    CRAFT_HOST_ERR_SYSTEM = -501,  /* a system call failed */
    CRAFT_HOST_ERR_ADDRESS = -502, /* no "host:port", or not to be bound */
    CRAFT_HOST_ERR_LINK = -503,    /* no connection to that server now */
    CRAFT_HOST_ERR_STORAGE = -504, /* the log cannot be read or written */
    CRAFT_HOST_ERR_FOREIGN = -505  /* a data directory of another server */
};

/* One server of the cluster list. Frozen: stands in arrays. */
typedef struct craft_host_server {
    craft_id id;
    const char *address; /* "host:port"; "[v6]:port"; ":port" is loopback */
} craft_host_server;

enum craft_host_log_level {
    CRAFT_HOST_LOG_ERROR = 0, /* the host cannot go on */
    CRAFT_HOST_LOG_WARN = 1,  /* somebody should look: a refused stranger */
    CRAFT_HOST_LOG_INFO = 2,  /* links, roles, start and stop */
    CRAFT_HOST_LOG_DEBUG = 3
};

enum craft_host_flags {
    /* With an empty log: wait to be added by a leader instead of
     * bootstrapping with the cluster list. */
    CRAFT_HOST_JOIN = 1u << 0
};

/* See craft_host_options_init() for the defaults, here in brackets. Strings
 * and arrays are copied by craft_host_open(). */
typedef struct craft_host_options {
    uint32_t struct_size;
    uint32_t flags;       /* enum craft_host_flags */
    craft_id id;          /* this server; required */
    uint64_t group;       /* told apart on the links and on the disk [0] */
    const char *data_dir; /* made if missing; required */

    /*
     * The cluster list. On the first start it is the bootstrap configuration,
     * so it must be the same on every server; later the log knows who is a
     * member, and an address given here wins over the one in the log.
     */
    const craft_host_server *servers; /* [servers_len] */
    size_t servers_len;

    const char *listen; /* "host:port" [own entry of the cluster list]; port 0
                           picks one, see craft_host_port() */

    uint32_t tick_ms;         /* [10] */
    uint32_t election_ticks;  /* least election timeout [50] */
    uint32_t heartbeat_ticks; /* [5] */
    uint32_t wal_inline;      /* 1: write and sync on the loop thread instead
                                 of a thread of its own; docs/host.md says
                                 when that is faster [0] */
    size_t wal_segment_bytes; /* [the log's own default] */

    /* Instead of the system's, for tests: see craft/wal.h [NULL]. Borrowed
     * until craft_host_close(). The directory is made by the system's. */
    const struct craft_wal_files *wal_files;
    void *wal_files_ctx;

    size_t link_bytes_max;    /* waiting to be sent, per peer [8 MiB] */
    size_t queue_bytes_max;   /* requests of other threads [4 MiB] */
    uint32_t accepted_max;    /* peer connections accepted at once [64] */
    uint32_t clock_drift_ppm; /* not 0: reads by lease, CRAFT_CONFIG_LEASE with
                                 a lease_ms of the least election timeout, if
                                 no server's clock is fast or slow by more [0:
                                 as `core` says] */

    /*
     * Limits of the core, from craft_config_init(); id, group, seed,
     * incarnation and the tick counts in it are ignored. NULL: defaults.
     */
    const craft_config *core;

    craft_index applied_index; /* where a durable state machine stands [0:
                                  it starts empty] */

    /* With `save` and `load` of the machine: snapshots. */
    size_t snapshot_log_bytes;  /* taken when so much was applied since the
                                    last one, with overhead [0: never by
                                    itself: craft_host_snapshot()] */
    size_t snapshot_keep_bytes; /* of the log before it, kept for servers that
                                    are a little behind [4 MiB] */
    size_t snapshot_sync_bytes; /* of a state written between two syncs of its
                                    file [4 MiB] */
    uint32_t snapshot_inline;   /* 1: `save` is called on the loop thread, and
                                    everything waits for it, instead of in a
                                    forked child [0] */
    uint32_t snapshot_reserved;

    /* One line without newline, borrowed for this call; on the loop thread.
     * NULL: silent. */
    void (*log)(void *log_ctx, int level, const char *text);
    void *log_ctx;

    /* Where craft_host_open() says in one line why it failed. */
    char *error; /* [error_size], may be NULL */
    size_t error_size;
} craft_host_options;

typedef struct craft_host_sink craft_host_sink;     /* opaque: `save` */
typedef struct craft_host_source craft_host_source; /* opaque: `load` */

/* The application. Each is called on the loop thread. */
typedef struct craft_host_machine {
    uint32_t struct_size;
    uint32_t reserved;

    /*
     * Required. Committed commands, in log order, each once per life of the
     * host, but for those that a loaded state contains. They are applied when
     * this returns. entries: borrowed for this call.
     */
    void (*apply)(void *user, const craft_entry *entries, size_t entries_len);

    /*
     * Optional. A proposal, a read or a transfer ended: enum craft_result. A
     * read is answered here, from the state as it is now. For requests of
     * other threads it may also be a negative enum craft_error: it was
     * refused, and a proposal never entered the log.
     */
    void (*done)(void *user, uint64_t token, int result, craft_index index);

    /* Optional. See craft_event; borrowed for this call. */
    void (*event)(void *user, const craft_event *event);

    /* Optional. From craft_host_send() of another server; borrowed for this
     * call. */
    void (*message)(void *user, craft_id from, const uint8_t *data,
                    size_t data_len);

    /*
     * Optional. The connection on which craft_host_send() reaches a server
     * came up (1) or broke (0): what was sent since it came up may be lost.
     */
    void (*link)(void *user, craft_id peer, int up);

    /*
     * Optional. A delivery is over: `apply`, `done` and the callbacks of this
     * turn have been called. The place to write replies, once per connection
     * however many there are. Called at least once per turn of the loop.
     */
    void (*turn)(void *user);

    /*
     * Optional. craft_host_stop() was called, or a signal came; once, before
     * leadership is handed over. Everything goes on as before until the host
     * has ended: see craft_host_busy().
     */
    void (*stopping)(void *user);

    /*
     * Optional, with `load`: without them the host takes no snapshots and is
     * sent none. Write the state as it is now, with craft_host_sink_write().
     *
     * Called in a forked child, where memory is as it was when all that was
     * applied by then had been applied. No other thread is there, and a lock
     * that one held stays locked: touch the state and the sink, allocate
     * nothing, call nothing that may lock. What is written to memory there is
     * lost. With snapshot_inline: on the loop thread.
     *
     * Returns 0; others: it failed, the snapshot is dropped.
     */
    int (*save)(void *user, craft_host_sink *sink);

    /*
     * Optional, with `save`. Become the state that craft_host_source_read()
     * gives, which some server's `save` wrote, in place of whatever the state
     * is: in craft_host_open(), unless applied_index is that far, and when a
     * leader has sent a snapshot. Its bytes were checked. Nothing of the log
     * up to snapshot->index will be applied: whose commands are open cannot
     * know what became of them. snapshot: borrowed for this call.
     *
     * Returns 0; others: the host cannot be opened, or halts.
     */
    int (*load)(void *user, const craft_snapshot *snapshot,
                craft_host_source *source);

    /*
     * Optional. A snapshot that this server took has ended: error 0: it is
     * durable, and the log begins behind it, or a little before. Others: the
     * state could not be written, or a newer snapshot came in between
     * (CRAFT_ERR_INVALID), or the host stops (CRAFT_ERR_STOPPED).
     */
    void (*saved)(void *user, craft_index index, int error);
} craft_host_machine;

/* ------------------------------------------------------------------- life */

/**
 * Fill options with the defaults; id, data_dir and the cluster list must be
 * set.
 *
 * @param options      [struct_size] bytes, written
 * @param struct_size  sizeof(craft_host_options) of the caller
 * Since 0.1.
 */
CRAFT_API void craft_host_options_init(craft_host_options *options,
                                       size_t struct_size);

/**
 * Open the log, recover the node from it, bind the listening socket. Nothing
 * is applied, sent or accepted before craft_host_run().
 *
 * @param options   copied
 * @param machine   copied
 * @param user      handed to every function of the machine
 * @param host_out  the host, to be closed by craft_host_close(); NULL on error
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID        an option is missing or contradicts another
 *   CRAFT_ERR_NOMEM          out of memory
 *   CRAFT_ERR_CORRUPT        the log contradicts itself: it says where
 *   CRAFT_HOST_ERR_ADDRESS   an address is none, or cannot be bound
 *   CRAFT_HOST_ERR_STORAGE   the data directory cannot be read or written, or
 *                            another process has it open
 *   CRAFT_HOST_ERR_FOREIGN   the log is of another id or group
 *   CRAFT_HOST_ERR_SYSTEM    no file descriptor, no thread
 * options->error says which input and why. Cost: reads the log. Since 0.1.
 */
CRAFT_API int craft_host_open(const craft_host_options *options,
                              const craft_host_machine *machine, void *user,
                              craft_host **host_out);

/**
 * Run the loop until craft_host_stop(), a handled signal, or a failed disk.
 * On return every token has ended, the log is synced and closed, and the
 * links are closed.
 *
 * @return 0 after a stop, or
 *   CRAFT_ERR_HALTED        a write failed; see craft_host_error_text()
 *   CRAFT_HOST_ERR_SYSTEM   the loop itself failed
 *   CRAFT_ERR_STATE         it ran before
 * Since 0.1.
 */
CRAFT_API int craft_host_run(craft_host *host);

/**
 * One turn of the loop, for programs with a loop of their own and for tests:
 * waits for something to do, at most timeout_ms, and does it.
 *
 * @param timeout_ms  0: only what is ready; negative: until something is
 *
 * @return 0: call again, CRAFT_ERR_STOPPED after a stop (all is ended and
 * closed), or as craft_host_run(). Since 0.1.
 */
CRAFT_API int craft_host_turn(craft_host *host, int timeout_ms);

/**
 * Ask the loop to end, in order. A leader hands its office over first, to the
 * voter whose log is the most complete; then the host waits until every open
 * token has ended, and for craft_host_busy(). All of that has as long as the
 * least election timeout; a second call cuts it short.
 *
 * Any thread; also in a signal handler. Does not wait. Since 0.1.
 */
CRAFT_API void craft_host_stop(craft_host *host);

/**
 * A stop is to wait for the application, because something is under way that
 * the host does not know: a message sent to another server, a reply that has
 * not gone. In force until it is called again; what it says while no stop was
 * asked for costs nothing. Loop thread. Since 0.1.
 *
 * @param busy  1: wait, 0: the host need not wait any more
 */
CRAFT_API void craft_host_busy(craft_host *host, int busy);

/**
 * SIGTERM and SIGINT stop the host as craft_host_stop() does, a second one at
 * once; SIGPIPE is ignored. Blocks the first two in the calling thread: call it
 * before other threads are started, which inherit that. At most one host of a
 * process.
 *
 * @return 0, or CRAFT_HOST_ERR_SYSTEM, CRAFT_ERR_STATE (called before).
 * Since 0.1.
 */
CRAFT_API int craft_host_handle_signals(craft_host *host);

/**
 * Free the host. One that has not been stopped loses its open tokens without
 * a word. NULL is allowed. Since 0.1.
 */
CRAFT_API void craft_host_close(craft_host *host);

/* --------------------------------------------------------------- requests */

/** The node, for craft_node_status() and its inputs. It has hooks: the host's
 * own. Never NULL; started by the first turn. Since 0.1. */
CRAFT_API craft_node *craft_host_node(craft_host *host);

/** craft_propose() on the host's node. Loop thread. Since 0.1. */
CRAFT_API int craft_host_propose(craft_host *host, const uint8_t *data,
                                 size_t data_len, uint64_t token);

/** craft_read() on the host's node, or craft_read_lease() if it has leases:
 * answer in `done`. Loop thread.
 * Since 0.1. */
CRAFT_API int craft_host_read(craft_host *host, uint64_t token);

/** craft_transfer() on the host's node. Loop thread. Since 0.1. */
CRAFT_API int craft_host_transfer(craft_host *host, craft_id target,
                                  uint64_t token);

/**
 * Offer one command from any thread. It is proposed at the next turn of the
 * loop, and while the node says CRAFT_ERR_BUSY or CRAFT_ERR_TRANSFER it waits
 * in the queue, as does what stands behind it.
 *
 * @param data   [data_len], copied; may be NULL when data_len is 0
 * @param token  not 0: `done` tells its end, exactly once, on the loop thread
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  data_len is over entry_bytes_max
 *   CRAFT_ERR_BUSY     the queue is full (queue_bytes_max): retry later
 *   CRAFT_ERR_STOPPED  the host has stopped or halted
 * Any thread. Cost: O(data_len) and a lock. Since 0.1.
 */
CRAFT_API int craft_host_propose_threadsafe(craft_host *host,
                                            const uint8_t *data,
                                            size_t data_len, uint64_t token);

/**
 * A linearizable read from any thread: craft_host_read() at the next turn of
 * the loop. All that are queued by then share one round of messages.
 *
 * @param token  not 0: `done` tells its end, exactly once, on the loop thread,
 *               which is where it is answered; CRAFT_RESULT_RETRY and negative
 *               errors: nothing was confirmed, ask again
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  the token is 0
 *   CRAFT_ERR_BUSY     the queue is full (queue_bytes_max): retry later
 *   CRAFT_ERR_STOPPED  the host has stopped or halted
 * Any thread. Cost: a lock. Since 0.1.
 */
CRAFT_API int craft_host_read_threadsafe(craft_host *host, uint64_t token);

/**
 * Hand leadership over, from any thread: craft_transfer() at the next turn of
 * the loop.
 *
 * @param target  its id; 0 = the voter whose log is the most complete
 * @param token   not 0: `done` tells its end, exactly once, on the loop
 *                thread; a negative error says why nothing was begun
 *
 * @return as craft_host_read_threadsafe(). Any thread. Since 0.1.
 */
CRAFT_API int craft_host_transfer_threadsafe(craft_host *host, craft_id target,
                                             uint64_t token);

/**
 * Have a function called on the loop thread, in order with what other calls
 * of this thread have queued.
 *
 * @return 0: it will be called, at the latest while the host stops; or
 * CRAFT_ERR_BUSY, CRAFT_ERR_STOPPED as above. Any thread. Since 0.1.
 */
CRAFT_API int craft_host_call_threadsafe(craft_host *host,
                                         void (*function)(void *ctx),
                                         void *ctx);

/* -------------------------------------------------------------- snapshots */

/**
 * Take a snapshot of the state as it is now. Its end is told by `saved`.
 *
 * @return 0: begun, or
 *   CRAFT_ERR_INVALID      nothing was applied since the last one
 *   CRAFT_ERR_STATE        the machine has no `save`, no configuration is
 *                          known, or the host does not run
 *   CRAFT_ERR_BUSY         one is being taken, or an apply is under way
 *   CRAFT_ERR_NOMEM
 *   CRAFT_HOST_ERR_STORAGE its file cannot be made
 *   CRAFT_HOST_ERR_SYSTEM  no child could be forked
 * Loop thread, not within `apply`. Cost: a fork. Since 0.1.
 */
CRAFT_API int craft_host_snapshot(craft_host *host);

/**
 * Write the next bytes of the state. Buffered. Within `save`.
 *
 * @return 0, or CRAFT_HOST_ERR_STORAGE, now and from now on. Since 0.1.
 */
CRAFT_API int craft_host_sink_write(craft_host_sink *sink, const void *data,
                                    size_t data_len);

/**
 * Read the next bytes of the state, exactly so many. Within `load`.
 *
 * @return 0, or CRAFT_HOST_ERR_STORAGE: a file cannot be read, or there are
 *         not so many. Since 0.1.
 */
CRAFT_API int craft_host_source_read(craft_host_source *source, void *data,
                                     size_t data_len);

/** How many bytes of the state are left to be read. Since 0.1. */
CRAFT_API uint64_t craft_host_source_left(const craft_host_source *source);

/* ------------------------------------------------------ the loop's services */

enum craft_host_io {
    CRAFT_HOST_READ = 1u << 0,  /* readable, or closed by the other end */
    CRAFT_HOST_WRITE = 1u << 1, /* writable */
    CRAFT_HOST_ERROR = 1u << 2  /* told always, asked for never */
};

typedef void craft_host_io_function(void *ctx, int fd, uint32_t events);
typedef void craft_host_timer_function(void *ctx, uint64_t timer);

/**
 * Have a file descriptor of the application watched, level-triggered. On a
 * descriptor already watched it changes all three of events, function, ctx.
 *
 * @param fd      open, non-blocking; unwatch it before closing it
 * @param events  READ, WRITE, both, or 0: errors only
 *
 * @return 0, or CRAFT_ERR_INVALID, CRAFT_ERR_NOMEM, CRAFT_HOST_ERR_SYSTEM.
 * Cost: one system call when events change. Since 0.1.
 */
CRAFT_API int craft_host_watch(craft_host *host, int fd, uint32_t events,
                               craft_host_io_function *function, void *ctx);

/**
 * Stop watching. After this the function is not called again, also not for
 * what this turn has already seen.
 *
 * @return 0, or CRAFT_ERR_INVALID (not watched). Since 0.1.
 */
CRAFT_API int craft_host_unwatch(craft_host *host, int fd);

/**
 * Call a function after delay_ms, and then every period_ms.
 *
 * @param period_ms  0: once
 * @param timer_out  names it for craft_host_timer_cancel(); may be NULL
 *
 * @return 0, or CRAFT_ERR_NOMEM, CRAFT_ERR_INVALID. Since 0.1.
 */
CRAFT_API int craft_host_timer(craft_host *host, uint32_t delay_ms,
                               uint32_t period_ms,
                               craft_host_timer_function *function, void *ctx,
                               uint64_t *timer_out);

/** Cancel a timer, also from inside its function.
 * @return 0, or CRAFT_ERR_INVALID: ended or never made. Since 0.1. */
CRAFT_API int craft_host_timer_cancel(craft_host *host, uint64_t timer);

/** The loop's monotonic clock in nanoseconds, read once per turn. Since 0.1. */
CRAFT_API uint64_t craft_host_now_ns(const craft_host *host);

/**
 * Send a message of the application to another server, whose `message` is
 * called with it. Best effort: in order while the link is up, lost when it
 * breaks; `link` tells that.
 *
 * @param data  [data_len], copied; data_len 0 .. craft_host_send_max()
 *
 * @return 0, or
 *   CRAFT_ERR_UNKNOWN_ID  no such server
 *   CRAFT_ERR_INVALID     too long, or to this server itself
 *   CRAFT_HOST_ERR_LINK   the link is down: retry when `link` says up
 *   CRAFT_ERR_BUSY        link_bytes_max are waiting: retry later
 * Since 0.1.
 */
CRAFT_API int craft_host_send(craft_host *host, craft_id to,
                              const uint8_t *data, size_t data_len);

/** The longest message that craft_host_send() takes: at least
 * entry_bytes_max + 64. Since 0.1. */
CRAFT_API size_t craft_host_send_max(const craft_host *host);

/* ------------------------------------------------------------------- look */

/** The port of the listening socket. Since 0.1. */
CRAFT_API uint16_t craft_host_port(const craft_host *host);

/** One line: why craft_host_run() failed; "" when it did not. Since 0.1. */
CRAFT_API const char *craft_host_error_text(const craft_host *host);

typedef struct craft_host_link_status {
    uint32_t struct_size; /* set by the caller */
    uint32_t up;          /* 1: our connection to it is open */
    uint32_t accepted;    /* 1: its connection to us is open */
    uint32_t attempts;    /* dialled since it was last up */
    size_t waiting_bytes; /* to be sent */
    uint64_t dropped;     /* messages dropped because it was full */
    const char *reason;   /* why it last broke or was refused; borrowed until
                             the next turn; "" = nothing to tell */
} craft_host_link_status;

/**
 * How the link to a server is.
 *
 * @return 0, or CRAFT_ERR_UNKNOWN_ID, CRAFT_ERR_INVALID. Since 0.1.
 */
CRAFT_API int craft_host_link_look(const craft_host *host, craft_id peer,
                                   craft_host_link_status *link_out);

/* Counters since the host was opened, for measurements. */
typedef struct craft_host_counters {
    uint32_t struct_size; /* set by the caller */
    uint32_t reserved;
    uint64_t turns;   /* of the loop */
    uint64_t syncs;   /* of the log */
    uint64_t records; /* written to the log */
    uint64_t sent;    /* frames, and bytes with framing */
    uint64_t sent_bytes;
    uint64_t writes; /* system calls that sent them */
    uint64_t received;
    uint64_t received_bytes;
    uint64_t refused;             /* handshakes refused by this server */
    uint64_t broken;              /* connections closed for bad bytes */
    uint64_t snapshots;           /* taken by this server */
    uint64_t snapshots_failed;    /* begun, and dropped */
    uint64_t snapshots_installed; /* that other servers sent */
} craft_host_counters;

/** @return 0, or CRAFT_ERR_INVALID. Since 0.1. */
CRAFT_API int craft_host_count(const craft_host *host,
                               craft_host_counters *counters_out);

#ifdef __cplusplus
}
#endif

#endif
