/* What applications call: argument checks, and the room that does it. */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/base.h"
#include "host/host_state.h"

/* --------------------------------------------------------------- any thread */

void craft_host_stop(craft_host *host)
{
    if (host != NULL) {
        atomic_fetch_add(&host->stop_asked, 1);
        craft_wake_raise(&host->wake);
    }
}

int craft_host_propose_threadsafe(craft_host *host, const uint8_t *data,
                                  size_t data_len, uint64_t token)
{
    struct craft_inbox_item item = {
        .data = data, .data_len = data_len, .token = token};

    if (host == NULL || token == 0 || (data == NULL && data_len > 0) ||
        data_len > host->entry_bytes_max) {
        return CRAFT_ERR_INVALID;
    }
    return craft_inbox_put(&host->inbox, &item);
}

int craft_host_read_threadsafe(craft_host *host, uint64_t token)
{
    struct craft_inbox_item item = {.kind = CRAFT_INBOX_READ, .token = token};

    if (host == NULL || token == 0) {
        return CRAFT_ERR_INVALID;
    }
    return craft_inbox_put(&host->inbox, &item);
}

int craft_host_transfer_threadsafe(craft_host *host, craft_id target,
                                   uint64_t token)
{
    struct craft_inbox_item item = {
        .kind = CRAFT_INBOX_TRANSFER, .token = token, .target = target};

    if (host == NULL || token == 0) {
        return CRAFT_ERR_INVALID;
    }
    return craft_inbox_put(&host->inbox, &item);
}

int craft_host_call_threadsafe(craft_host *host, void (*function)(void *ctx),
                               void *ctx)
{
    struct craft_inbox_item item = {
        .kind = CRAFT_INBOX_CALL, .function = function, .ctx = ctx};

    if (host == NULL || function == NULL) {
        return CRAFT_ERR_INVALID;
    }
    return craft_inbox_put(&host->inbox, &item);
}

/* ------------------------------------------------------------------ signals */

/*
 * A thread that waits for them: signalfd is not everywhere, and a handler
 * would need a global to find the host.
 */
static void *signals_run(void *ctx)
{
    struct craft_host *host = ctx;
    sigset_t set;
    int signal_number = 0;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    while (atomic_load(&host->signals_end) == 0) {
        if (sigwait(&set, &signal_number) == 0 &&
            atomic_load(&host->signals_end) == 0) {
            craft_host_stop(host);
        }
    }
    return NULL;
}

int craft_host_handle_signals(craft_host *host)
{
    struct sigaction ignore;
    sigset_t set;
    sigset_t all;
    sigset_t kept;

    if (host == NULL || host->has_signals) {
        return CRAFT_ERR_STATE;
    }
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigfillset(&all);
    if (sigaction(SIGPIPE, &ignore, NULL) != 0 ||
        pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
        pthread_sigmask(SIG_SETMASK, &all, &kept) != 0) {
        return CRAFT_HOST_ERR_SYSTEM;
    }
    host->has_signals =
        pthread_create(&host->signals, NULL, signals_run, host) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return host->has_signals ? 0 : CRAFT_HOST_ERR_SYSTEM;
}

void craft_host_end_signals(struct craft_host *host)
{
    if (host->has_signals) {
        atomic_store(&host->signals_end, 1);
        (void)pthread_kill(host->signals, SIGINT);
        (void)pthread_join(host->signals, NULL);
        host->has_signals = 0;
    }
}

/* -------------------------------------------------------------- loop thread */

craft_node *craft_host_node(craft_host *host)
{
    return host->node;
}

int craft_host_propose(craft_host *host, const uint8_t *data, size_t data_len,
                       uint64_t token)
{
    if (host == NULL) {
        return CRAFT_ERR_INVALID;
    }
    return craft_propose(host->node, data, data_len, token);
}

int craft_host_read(craft_host *host, uint64_t token)
{
    return host == NULL ? CRAFT_ERR_INVALID : craft_host_read_node(host, token);
}

int craft_host_transfer(craft_host *host, craft_id target, uint64_t token)
{
    return host == NULL ? CRAFT_ERR_INVALID
                        : craft_transfer(host->node, target, token);
}

void craft_host_busy(craft_host *host, int busy)
{
    if (host != NULL) {
        host->is_busy = busy != 0;
    }
}

int craft_host_watch(craft_host *host, int fd, uint32_t events,
                     craft_host_io_function *function, void *ctx)
{
    if (host == NULL) {
        return CRAFT_ERR_INVALID;
    }
    return craft_loop_watch(host->loop, fd, events, function, ctx);
}

int craft_host_unwatch(craft_host *host, int fd)
{
    return host == NULL ? CRAFT_ERR_INVALID
                        : craft_loop_unwatch(host->loop, fd);
}

int craft_host_timer(craft_host *host, uint32_t delay_ms, uint32_t period_ms,
                     craft_host_timer_function *function, void *ctx,
                     uint64_t *timer_out)
{
    struct craft_loop_timer wanted = {delay_ms, period_ms, function, ctx};

    if (host == NULL) {
        return CRAFT_ERR_INVALID;
    }
    return craft_loop_timer_add(host->loop, &wanted, timer_out);
}

int craft_host_timer_cancel(craft_host *host, uint64_t timer)
{
    return host == NULL ? CRAFT_ERR_INVALID
                        : craft_loop_timer_cancel(host->loop, timer);
}

uint64_t craft_host_now_ns(const craft_host *host)
{
    return craft_loop_now(host->loop);
}

int craft_host_send(craft_host *host, craft_id to, const uint8_t *data,
                    size_t data_len)
{
    if (host == NULL) {
        return CRAFT_ERR_INVALID;
    }
    return craft_links_send_bytes(host->links, to, data, data_len);
}

size_t craft_host_send_max(const craft_host *host)
{
    return host->frame_max - 1;
}

/* --------------------------------------------------------------------- look */

uint16_t craft_host_port(const craft_host *host)
{
    return host->port;
}

const char *craft_host_error_text(const craft_host *host)
{
    return host == NULL ? "" : host->error_text;
}

int craft_host_link_look(const craft_host *host, craft_id peer,
                         craft_host_link_status *link_out)
{
    if (host == NULL || link_out == NULL) {
        return CRAFT_ERR_INVALID;
    }
    return craft_links_look(host->links, peer, link_out);
}

int craft_host_count(const craft_host *host, craft_host_counters *counters_out)
{
    craft_wal_status status;

    if (host == NULL || counters_out == NULL ||
        counters_out->struct_size < sizeof *counters_out) {
        return CRAFT_ERR_INVALID;
    }
    *counters_out = host->counters;
    counters_out->struct_size = sizeof *counters_out;
    memset(&status, 0, sizeof status);
    status.struct_size = sizeof status;
    if (host->disk != NULL &&
        craft_wal_status_get(craft_disk_wal(host->disk), &status) == 0) {
        counters_out->syncs = status.syncs;
        counters_out->records = status.records;
    }
    return 0;
}
