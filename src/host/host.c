/* The turn of the loop, and how it begins and ends. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "host/host_state.h"

#define NS_PER_MS ((uint64_t)1000000)
#define ITEMS_PER_TURN 65536
#define LINGER_MS 200u

/* The first failure is the one that is told: later ones follow from it. */
int craft_host_fail(struct craft_host *host, int error, const char *format, ...)
{
    if (host->error == 0) {
        va_list arguments;

        host->error = error;
        va_start(arguments, format);
        (void)vsnprintf(host->error_text, sizeof host->error_text, format,
                        arguments);
        va_end(arguments);
        craft_log_line(&host->log, CRAFT_HOST_LOG_ERROR, "%s",
                       host->error_text);
    }
    return error;
}

/* ------------------------------------------------------------------ inputs */

static void tell_lost(struct craft_host *host)
{
    craft_id peer = craft_links_lost(host->links);

    while (peer != 0) {
        /* An id outside the configuration has nothing under way. */
        (void)craft_peer_unreachable(host->node, peer);
        peer = craft_links_lost(host->links);
    }
}

static void tell_done(struct craft_host *host, uint64_t token, int result)
{
    if (token != 0 && host->machine.done != NULL) {
        host->machine.done(host->user, token, result, 0);
    }
}

/*
 * Read anew each time: a lease is judged by the time after a request came, a
 * promise counts from the time after a message did. A process may be stopped
 * anywhere in a turn.
 */
int craft_host_read_node(struct craft_host *host, uint64_t token)
{
    return host->has_leases
               ? craft_read_lease(host->node, token, craft_loop_lease_clock())
               : craft_read(host->node, token);
}

static void tell_time(struct craft_host *host)
{
    if (host->has_leases) {
        (void)craft_clock(host->node, craft_loop_lease_clock());
    }
}

static int offer(struct craft_host *host, const struct craft_inbox_item *item)
{
    switch (item->kind) {
    case CRAFT_INBOX_CALL:
        item->function(item->ctx);
        return 0;
    case CRAFT_INBOX_READ:
        return craft_host_read_node(host, item->token);
    case CRAFT_INBOX_TRANSFER:
        return craft_transfer(host->node, item->target, item->token);
    default:
        return craft_propose(host->node, item->data, item->data_len,
                             item->token);
    }
}

/* Will this pass by itself? Another transfer is no reason to wait for. */
static int is_not_yet(const struct craft_inbox_item *item, int rv)
{
    return (rv == CRAFT_ERR_BUSY && item->kind != CRAFT_INBOX_TRANSFER) ||
           rv == CRAFT_ERR_TRANSFER || rv == CRAFT_ERR_NOMEM;
}

/* 0: the item is dealt with; CRAFT_ERR_BUSY: it has to wait. */
static int take_item(struct craft_host *host,
                     const struct craft_inbox_item *item)
{
    int rv = offer(host, item);

    if (is_not_yet(item, rv)) {
        return CRAFT_ERR_BUSY;
    }
    if (rv != 0) {
        tell_done(host, item->token, rv);
    }
    return 0;
}

/*
 * While the node is busy the rest waits: what makes it free again, a commit, a
 * step-down, the end of a transfer, comes with a turn of the loop. The bound is
 * for functions that queue themselves again.
 */
static void drain_inbox(struct craft_host *host)
{
    struct craft_inbox_item item;

    host->has_more = 0;
    for (int i = 0; i < ITEMS_PER_TURN; i++) {
        if (!craft_inbox_front(&host->inbox, &item)) {
            return;
        }
        if (take_item(host, &item) != 0) {
            return;
        }
        craft_inbox_next(&host->inbox, &item);
    }
    host->has_more = 1;
}

/*
 * The ticks that have passed, but after a stall no more than half an election
 * timeout: what the others sent meanwhile may still be on its way here.
 */
static void tick(struct craft_host *host)
{
    uint64_t now = craft_loop_now(host->loop);
    uint64_t ticks = (now - host->ticked_ns) / host->tick_ns;

    if (now < host->ticked_ns || ticks == 0) {
        return;
    }
    host->ticked_ns += ticks * host->tick_ns;
    if (ticks > host->ticks_at_once) {
        craft_log_line(&host->log, CRAFT_HOST_LOG_WARN,
                       "the loop stood still for %llu ms",
                       (unsigned long long)(ticks * host->tick_ns / NS_PER_MS));
        ticks = host->ticks_at_once;
    }
    (void)craft_tick(host->node, (uint32_t)ticks);
}

/* ---------------------------------------------------------------- delivery */

/*
 * What leaves for the other servers leaves before the own sync, so that their
 * disks and ours work at the same time (thesis 10.2.1). Inline, the endings
 * are there at once and cause the next round: commits, replies, new records.
 */
static void finish_delivery(struct craft_host *host)
{
    do {
        if (host->machine.turn != NULL) {
            host->machine.turn(host->user);
        }
        craft_links_flush(host->links);
        if (!craft_disk_commit(host->disk)) {
            return;
        }
        (void)craft_hold(host->node);
        (void)craft_host_take_news(host);
        (void)craft_release(host->node);
    } while (!host->is_halted);
}

/* ------------------------------------------------------------ start and end */

static int start(struct craft_host *host)
{
    int rv = craft_disk_start(host->disk);

    if (rv == 0 && host->saving.is_on) {
        rv = craft_carrier_start(host->saving.carrier);
    }
    if (rv != 0) {
        return craft_host_fail(host, rv, "cannot start the disk's threads");
    }
    host->phase = CRAFT_HOST_RUNNING;
    host->ticked_ns = craft_loop_clock();
    rv = craft_node_start(host->node);
    if (rv != 0) {
        return craft_host_fail(host, rv, "cannot start the node: %s",
                               craft_strerror(rv));
    }
    tell_time(host);
    craft_host_refresh(host);
    craft_log_line(&host->log, CRAFT_HOST_LOG_INFO,
                   "server %llu: listening on port %u",
                   (unsigned long long)host->id, (unsigned)host->port);
    finish_delivery(host);
    return 0;
}

/* Every request that was taken in ends, and every call is made. */
static void empty_inbox(struct craft_host *host)
{
    struct craft_inbox_item item;

    craft_inbox_close(&host->inbox);
    while (craft_inbox_front(&host->inbox, &item)) {
        if (item.kind == CRAFT_INBOX_CALL) {
            item.function(item.ctx);
        } else {
            tell_done(host, item.token,
                      host->is_halted ? CRAFT_ERR_HALTED : CRAFT_ERR_STOPPED);
        }
        craft_inbox_next(&host->inbox, &item);
    }
}

/* Last words get a moment to leave, ours and the application's. */
static void linger(struct craft_host *host)
{
    uint64_t until = craft_loop_clock() + LINGER_MS * NS_PER_MS;

    if (host->machine.turn != NULL) {
        host->machine.turn(host->user);
    }
    craft_links_flush(host->links);
    while (craft_links_waiting(host->links) > 0 && craft_loop_clock() < until) {
        if (craft_loop_wait(host->loop, 10 * NS_PER_MS) != 0) {
            return;
        }
        craft_loop_dispatch(host->loop);
        craft_links_flush(host->links);
    }
}

static void close_disk(struct craft_host *host)
{
    int rv = craft_disk_close(host->disk);

    host->disk = NULL;
    if (rv != 0) {
        (void)craft_host_fail(host, CRAFT_HOST_ERR_STORAGE,
                              "the log could not be closed: %s",
                              craft_wal_strerror(rv));
    }
}

static int end(struct craft_host *host)
{
    craft_links_stop(host->links);
    craft_host_saving_end(host, CRAFT_ERR_STOPPED);
    (void)craft_node_stop(host->node);
    empty_inbox(host);
    linger(host);
    host->phase = CRAFT_HOST_ENDED;
    craft_links_shut(host->links);
    close_disk(host);
    craft_log_line(&host->log, CRAFT_HOST_LOG_INFO, "server %llu: ended",
                   (unsigned long long)host->id);
    return host->error != 0 ? host->error : CRAFT_ERR_STOPPED;
}

/* -------------------------------------------------------------------- turn */

static uint64_t least_of(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

static uint64_t left_until(uint64_t at_ns, uint64_t now_ns)
{
    return at_ns > now_ns ? at_ns - now_ns : 0;
}

static uint64_t time_to_sleep(const struct craft_host *host, int timeout_ms)
{
    uint64_t least =
        timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * NS_PER_MS;
    uint64_t due = craft_links_due(host->links);
    uint64_t ticks = craft_ticks_until_due(host->node);
    uint64_t now = craft_loop_clock();

    if (host->has_more || atomic_load(&host->stop_asked) != host->stop_seen) {
        return 0;
    }
    if (host->leave_ns != 0) {
        least = least_of(least, left_until(host->leave_ns, now));
    }
    if (ticks != UINT32_MAX) {
        uint64_t at = host->ticked_ns + ticks * host->tick_ns;

        least = least_of(least, left_until(at, now));
    }
    return least_of(least, due);
}

static int sleep_until_due(struct craft_host *host, int timeout_ms)
{
    uint64_t timeout_ns = time_to_sleep(host, timeout_ms);
    int rv;

    if (!craft_wake_sleep(&host->wake)) {
        timeout_ns = 0;
    }
    rv = craft_loop_wait(host->loop, timeout_ns);
    craft_wake_up(&host->wake);
    return rv;
}

static void handle_all(struct craft_host *host)
{
    (void)craft_hold(host->node);
    tell_lost(host);
    craft_loop_dispatch(host->loop);
    craft_links_tick(host->links);
    (void)craft_host_take_news(host);
    craft_host_take_carried(host);
    drain_inbox(host);
    tell_time(host);
    tick(host);
    host->stop_seen = atomic_load(&host->stop_asked);
    if (host->stop_seen > 0) {
        craft_host_leave(host);
    }
    (void)craft_release(host->node);
}

int craft_host_turn(craft_host *host, int timeout_ms)
{
    int rv = 0;

    if (host == NULL) {
        return CRAFT_ERR_INVALID;
    }
    if (host->phase == CRAFT_HOST_ENDED) {
        return host->error != 0 ? host->error : CRAFT_ERR_STOPPED;
    }
    if (host->phase == CRAFT_HOST_OPENED) {
        rv = start(host);
    }
    if (rv == 0) {
        rv = sleep_until_due(host, timeout_ms);
        if (rv != 0) {
            (void)craft_host_fail(host, rv, "the loop cannot wait: %s",
                                  strerror(errno));
        }
    }
    if (rv == 0) {
        host->counters.turns++;
        handle_all(host);
        finish_delivery(host);
        craft_host_saving_turn(host);
    }
    if (rv != 0 || host->is_halted ||
        (host->stop_seen > 0 && craft_host_has_left(host))) {
        return end(host);
    }
    return 0;
}

int craft_host_run(craft_host *host)
{
    int rv;

    if (host == NULL) {
        return CRAFT_ERR_INVALID;
    }
    if (host->phase == CRAFT_HOST_ENDED) {
        return CRAFT_ERR_STATE;
    }
    do {
        rv = craft_host_turn(host, -1);
    } while (rv == 0);
    return rv == CRAFT_ERR_STOPPED ? 0 : rv;
}

void craft_host_close(craft_host *host)
{
    if (host == NULL) {
        return;
    }
    craft_host_end_signals(host);
    craft_links_free(host->links);
    /* The threads read what the node lent: they end before it. */
    craft_host_saving_end(host, 0);
    craft_carrier_free(host->saving.carrier);
    (void)craft_disk_close(host->disk);
    craft_node_free(host->node);
    if (host->has_inbox) {
        craft_inbox_free(&host->inbox);
    }
    craft_loop_free(host->loop);
    craft_wake_close(&host->wake);
    free(host->received);
    free(host->fetched);
    free(host->fetched_data);
    free(host);
}
