/*
 * Taking snapshots: when, by whom, and what becomes of the files.
 *
 * The state is written by a forked child, whose memory stands still: the
 * server goes on, and nothing need be copied or locked. A fork in a process of
 * several threads leaves the child with one thread and with locks that may
 * never be opened again, so that it calls nothing but `save`, file calls and
 * _exit(). The parent alone names the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "base/base.h"
#include "host/host_state.h"

#define BUFFER ((size_t)256 * 1024)
/* What an entry takes in the log besides its data, about. */
#define OVERHEAD 32u

/* -------------------------------------------------------------------- sink */

struct craft_host_sink {
    const struct craft_snapshots *files;
    struct craft_snapshots_file *file;
    uint8_t *buffer; /* [BUFFER] */
    size_t len;
    int rv;       /* negative errno of the write that failed */
    pid_t parent; /* 0: no child writes */
};

static int flush(struct craft_host_sink *sink)
{
    /* An orphan writes for nobody. */
    if (sink->rv == 0 && sink->parent != 0 && getppid() != sink->parent) {
        sink->rv = -ESRCH;
    }
    if (sink->rv == 0 && sink->len > 0) {
        sink->rv = craft_snapshots_write(sink->files, sink->file, sink->buffer,
                                         sink->len);
    }
    sink->len = 0;
    return sink->rv;
}

int craft_host_sink_write(craft_host_sink *sink, const void *data,
                          size_t data_len)
{
    const uint8_t *from = data;

    while (data_len > 0 && sink->rv == 0) {
        size_t room = BUFFER - sink->len;
        size_t len = room < data_len ? room : data_len;

        memcpy(sink->buffer + sink->len, from, len);
        sink->len += len;
        from += len;
        data_len -= len;
        if (sink->len == BUFFER) {
            (void)flush(sink);
        }
    }
    return sink->rv == 0 ? 0 : CRAFT_HOST_ERR_STORAGE;
}

/* What the writer has to say. */
struct outcome {
    int rv; /* 0, a negative errno, or what `save` returned */
    uint64_t size;
    uint64_t digest;
};

static struct outcome write_state(struct craft_host *host,
                                  struct craft_host_sink *sink)
{
    struct craft_saving *saving = &host->saving;
    struct outcome outcome;

    memset(&outcome, 0, sizeof outcome);
    outcome.rv = host->machine.save(host->user, sink);
    if (flush(sink) != 0) {
        outcome.rv = sink->rv;
    }
    if (outcome.rv == 0) {
        outcome.rv = craft_snapshots_seal(&saving->files, &saving->file,
                                          &saving->snapshot);
    }
    outcome.size = saving->snapshot.size;
    outcome.digest = saving->snapshot.digest;
    return outcome;
}

/* ------------------------------------------------------------------ ending */

static void forget(struct craft_saving *saving)
{
    free(saving->configuration);
    saving->configuration = NULL;
    memset(&saving->snapshot, 0, sizeof saving->snapshot);
    saving->phase = CRAFT_SAVING_IDLE;
}

static void tell(struct craft_host *host, craft_index index, int error)
{
    if (error == 0) {
        host->counters.snapshots++;
    } else {
        host->counters.snapshots_failed++;
    }
    if (host->machine.saved != NULL) {
        host->machine.saved(host->user, index, error);
    }
}

static void drop(struct craft_host *host, int error)
{
    craft_index index = host->saving.snapshot.index;

    forget(&host->saving);
    tell(host, index, error);
}

/* The state is written, or not. */
static void written(struct craft_host *host, const struct outcome *outcome)
{
    struct craft_saving *saving = &host->saving;
    int rv = outcome->rv;

    saving->snapshot.size = outcome->size;
    saving->snapshot.digest = outcome->digest;
    craft_snapshots_close(&saving->files, &saving->file);
    if (rv == 0) {
        rv = craft_snapshots_publish(&saving->files, &saving->snapshot,
                                     CRAFT_SNAPSHOTS_SAVING);
    }
    if (rv != 0) {
        craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                       "%s: the state up to entry %llu was not written: %s",
                       saving->directory,
                       (unsigned long long)saving->snapshot.index,
                       rv < 0 ? strerror(-rv) : "`save` failed");
        drop(host, CRAFT_HOST_ERR_STORAGE);
        return;
    }
    saving->phase = CRAFT_SAVING_ENDS;
}

/* It is durable: the log may begin behind it. */
static void end(struct craft_host *host)
{
    struct craft_saving *saving = &host->saving;
    int rv =
        craft_snapshot_end(host->node, &saving->snapshot, saving->keep_bytes);

    if (rv == CRAFT_ERR_BUSY || rv == CRAFT_ERR_NOMEM) {
        return; /* at a later turn */
    }
    if (rv == 0) {
        saving->phase = CRAFT_SAVING_NOTED;
        return;
    }
    /* A newer one has come meanwhile: not the same bytes under one name. */
    if (saving->snapshot.index != saving->base.index &&
        saving->snapshot.index != saving->next.index) {
        (void)craft_snapshots_remove(&saving->files, &saving->snapshot);
    }
    drop(host, rv);
}

/* ------------------------------------------------------------------- child */

/* It must not keep the sockets and the lock of the log from a parent that is
 * started anew. */
static void close_others(int one, int other)
{
    int low = one < other ? one : other;
    int high = one < other ? other : one;
    int limit = (int)sysconf(_SC_OPEN_MAX);

#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)high + 1, ~0u, 0u) == 0) {
        limit = high;
    }
#endif
    for (int fd = STDERR_FILENO + 1; fd < limit; fd++) {
        if (fd != low && fd != high) {
            (void)close(fd);
        }
    }
}

CRAFT_NORETURN static void run_child(struct craft_host *host,
                                     struct craft_host_sink *sink, int pipe)
{
    struct outcome outcome;

    close_others(host->saving.file.handle, pipe);
    outcome = write_state(host, sink);
    _exit(write(pipe, &outcome, sizeof outcome) < 0 ? 1 : 0);
}

static void reap(struct craft_saving *saving)
{
    while (waitpid(saving->child, NULL, 0) < 0 && errno == EINTR) {
    }
    saving->child = 0;
}

/* The child has said how it went, or it has died. */
static void on_child(void *ctx, int fd, uint32_t events)
{
    struct craft_host *host = ctx;
    struct outcome outcome;
    ssize_t len = read(fd, &outcome, sizeof outcome);

    (void)events;
    if (len < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (len != (ssize_t)sizeof outcome) {
        memset(&outcome, 0, sizeof outcome);
        outcome.rv = -ECHILD;
    }
    (void)craft_loop_unwatch(host->loop, fd);
    (void)close(fd);
    reap(&host->saving);
    written(host, &outcome);
}

/* Both ends not handed on to other programs. */
static int make_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        return -1;
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return 0;
}

static int start_child(struct craft_host *host, struct craft_host_sink *sink)
{
    struct craft_saving *saving = &host->saving;
    int ends[2];
    pid_t child;

    if (make_pipe(ends) != 0) {
        return CRAFT_HOST_ERR_SYSTEM;
    }
    sink->parent = getpid();
    child = fork();
    if (child == 0) {
        run_child(host, sink, ends[1]);
    }
    (void)close(ends[1]);
    if (child < 0 || craft_loop_watch(host->loop, ends[0], CRAFT_HOST_READ,
                                      on_child, host) != 0) {
        (void)close(ends[0]);
        if (child > 0) {
            saving->child = child;
            (void)kill(child, SIGKILL);
            reap(saving);
        }
        return CRAFT_HOST_ERR_SYSTEM;
    }
    craft_snapshots_close(&saving->files, &saving->file);
    saving->child = child;
    saving->pipe = ends[0];
    saving->phase = CRAFT_SAVING_WRITES;
    return 0;
}

/* ------------------------------------------------------------------- begin */

/* What it stands for, with a configuration of our own. */
static int describe(struct craft_host *host)
{
    struct craft_saving *saving = &host->saving;
    craft_snapshot *snapshot = &saving->snapshot;
    int rv;

    memset(snapshot, 0, sizeof *snapshot);
    snapshot->struct_size = sizeof *snapshot;
    rv = craft_snapshot_begin(host->node, 0, snapshot);
    if (rv != 0) {
        return rv;
    }
    saving->configuration = malloc(snapshot->configuration_len);
    if (saving->configuration == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    memcpy(saving->configuration, snapshot->configuration,
           snapshot->configuration_len);
    snapshot->configuration = saving->configuration;
    return 0;
}

static int write_or_fork(struct craft_host *host)
{
    struct craft_saving *saving = &host->saving;
    struct craft_host_sink sink = {.files = &saving->files,
                                   .file = &saving->file};
    int rv = 0;

    sink.buffer = malloc(BUFFER);
    if (sink.buffer == NULL) {
        rv = CRAFT_ERR_NOMEM;
    } else if (saving->is_inline) {
        struct outcome outcome = write_state(host, &sink);

        written(host, &outcome);
    } else {
        rv = start_child(host, &sink);
    }
    free(sink.buffer);
    return rv;
}

int craft_host_snapshot(craft_host *host)
{
    struct craft_saving *saving = &host->saving;
    int rv;

    if (!saving->is_on || host->phase != CRAFT_HOST_RUNNING) {
        return CRAFT_ERR_STATE;
    }
    if (saving->phase != CRAFT_SAVING_IDLE) {
        return CRAFT_ERR_BUSY;
    }
    rv = describe(host);
    if (rv == 0 && craft_snapshots_begin(&saving->files, &saving->snapshot,
                                         &saving->file) != 0) {
        rv = CRAFT_HOST_ERR_STORAGE;
    }
    if (rv == 0) {
        saving->log_bytes = 0;
        rv = write_or_fork(host);
    }
    if (rv != 0) {
        craft_snapshots_close(&saving->files, &saving->file);
        forget(saving);
    }
    return rv;
}

/* ------------------------------------------------------ the log's records */

void craft_host_saving_record(struct craft_host *host,
                              const craft_persist *persist)
{
    struct craft_saving *saving = &host->saving;

    if (saving->is_on && (persist->flags & CRAFT_PERSIST_SNAPSHOT) != 0) {
        saving->next.index = persist->snapshot->index;
        saving->next.digest = persist->snapshot->digest;
        saving->next_ticket = persist->ticket;
    }
}

/* Files older than the log's own, but for one that is still being sent. */
static void prune(struct craft_host *host)
{
    struct craft_saving *saving = &host->saving;
    craft_status status;
    int rv;

    memset(&status, 0, sizeof status);
    status.struct_size = sizeof status;
    (void)craft_node_status(host->node, &status);
    if (saving->pruned_behind != 0 &&
        status.sending_index == saving->pruned_behind) {
        return;
    }
    rv = craft_snapshots_prune(&saving->files, &saving->base,
                               status.sending_index);
    if (rv != 0) {
        craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                       "%s: old snapshots cannot be removed: %s",
                       saving->directory, strerror(-rv));
    }
    craft_carrier_let_go(saving->carrier);
    saving->is_prune_due =
        status.sending_index != 0 && status.sending_index < saving->base.index;
    saving->pruned_behind = saving->is_prune_due ? status.sending_index : 0;
}

/* Its record, if it is this one or a later one, will be handed out anew. */
void craft_host_saving_voided(struct craft_host *host, uint64_t ticket)
{
    if (host->saving.next_ticket >= ticket) {
        host->saving.next_ticket = 0;
    }
}

void craft_host_saving_applied(struct craft_host *host,
                               const craft_entry *entries, size_t entries_len)
{
    for (size_t i = 0; i < entries_len; i++) {
        host->saving.log_bytes += entries[i].data_len + OVERHEAD;
    }
}

void craft_host_saving_durable(struct craft_host *host, uint64_t ticket)
{
    struct craft_saving *saving = &host->saving;

    if (saving->next_ticket == 0 || ticket < saving->next_ticket) {
        return;
    }
    saving->base = saving->next;
    saving->next_ticket = 0;
    saving->is_prune_due = 1;
    saving->pruned_behind = 0;
    if (saving->phase == CRAFT_SAVING_NOTED &&
        saving->base.index >= saving->snapshot.index) {
        craft_index index = saving->snapshot.index;

        craft_log_line(&host->log, CRAFT_HOST_LOG_INFO,
                       "snapshot of entry %llu, %llu bytes",
                       (unsigned long long)index,
                       (unsigned long long)saving->snapshot.size);
        forget(saving);
        tell(host, index, 0);
    }
}

/* -------------------------------------------------------------------- turn */

void craft_host_saving_turn(struct craft_host *host)
{
    struct craft_saving *saving = &host->saving;
    int rv;

    if (!saving->is_on) {
        return;
    }
    if (saving->phase == CRAFT_SAVING_ENDS) {
        end(host);
    }
    if (saving->is_prune_due) {
        prune(host);
    }
    if (saving->log_bytes_max == 0 || saving->phase != CRAFT_SAVING_IDLE ||
        saving->log_bytes < saving->log_bytes_max || host->stop_seen > 0) {
        return;
    }
    saving->log_bytes = 0; /* if it fails: not at every turn */
    rv = craft_host_snapshot(host);
    if (rv != 0 && rv != CRAFT_ERR_INVALID) {
        craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                       "a snapshot cannot be taken now: %d", rv);
    }
}

void craft_host_saving_end(struct craft_host *host, int error)
{
    struct craft_saving *saving = &host->saving;

    if (saving->phase == CRAFT_SAVING_WRITES) {
        (void)kill(saving->child, SIGKILL);
        reap(saving);
        (void)craft_loop_unwatch(host->loop, saving->pipe);
        (void)close(saving->pipe);
    }
    if (saving->phase != CRAFT_SAVING_IDLE && error != 0) {
        drop(host, error);
    }
    forget(saving);
}
