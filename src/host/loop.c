#include "host/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "base/base.h"
#include "host/poller.h"

#define READY_MAX 256
#define NS_PER_MS ((uint64_t)1000000)

struct watch {
    craft_host_io_function *function; /* NULL: not watched */
    void *ctx;
    uint32_t events;
    uint32_t stamp; /* tells watches of one number apart */
};

struct timer {
    uint64_t due_ns;
    uint64_t id; /* 1, 2, ...; never used twice */
    uint64_t period_ns;
    craft_host_timer_function *function;
    void *ctx;
};

struct craft_loop {
    struct craft_poller *poller;
    struct watch *watches; /* [watches_len], by descriptor */
    size_t watches_len;
    uint32_t last_stamp;
    int ready_len;
    struct craft_ready ready[READY_MAX];
    struct timer *timers; /* [timers_len], a heap: the first is due first */
    size_t timers_len;
    size_t timers_max;
    uint64_t last_timer;
    uint64_t now_ns;
};

uint64_t craft_loop_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Linux: what CLOCK_MONOTONIC shows stands still while the machine sleeps, and
 * a leader would wake up with its lease. */
#ifdef CLOCK_BOOTTIME
#define LEASE_CLOCK CLOCK_BOOTTIME
#else
#define LEASE_CLOCK CLOCK_MONOTONIC
#endif

uint64_t craft_loop_lease_clock(void)
{
    struct timespec now;

    (void)clock_gettime(LEASE_CLOCK, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t craft_loop_now(const struct craft_loop *loop)
{
    return loop->now_ns;
}

int craft_loop_new(struct craft_loop **loop_out)
{
    struct craft_loop *loop = calloc(1, sizeof *loop);

    *loop_out = NULL;
    if (loop == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    loop->poller = craft_poller_new();
    if (loop->poller == NULL) {
        free(loop);
        return CRAFT_HOST_ERR_SYSTEM;
    }
    loop->now_ns = craft_loop_clock();
    *loop_out = loop;
    return 0;
}

void craft_loop_free(struct craft_loop *loop)
{
    if (loop != NULL) {
        craft_poller_free(loop->poller);
        free(loop->watches);
        free(loop->timers);
        free(loop);
    }
}

/* ------------------------------------------------------------ descriptors */

static int reserve_watch(struct craft_loop *loop, size_t fd)
{
    size_t len = loop->watches_len == 0 ? 64 : loop->watches_len;
    struct watch *watches;

    if (fd < loop->watches_len) {
        return 0;
    }
    while (len <= fd) {
        len *= 2;
    }
    watches = realloc(loop->watches, len * sizeof *watches);
    if (watches == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    memset(watches + loop->watches_len, 0,
           (len - loop->watches_len) * sizeof *watches);
    loop->watches = watches;
    loop->watches_len = len;
    return 0;
}

int craft_loop_watch(struct craft_loop *loop, int fd, uint32_t events,
                     craft_host_io_function *function, void *ctx)
{
    struct watch *watch;
    int rv = 0;

    if (fd < 0 || function == NULL ||
        (events & ~(uint32_t)(CRAFT_HOST_READ | CRAFT_HOST_WRITE)) != 0) {
        return CRAFT_ERR_INVALID;
    }
    rv = reserve_watch(loop, (size_t)fd);
    if (rv != 0) {
        return rv;
    }
    watch = &loop->watches[fd];
    if (watch->function == NULL) {
        uint32_t stamp = loop->last_stamp + 1;

        rv = craft_poller_add(loop->poller, fd, events, stamp);
        if (rv == 0) {
            loop->last_stamp = stamp;
            watch->stamp = stamp;
        }
    } else if (watch->events != events) {
        rv = craft_poller_change(loop->poller, fd, events, watch->stamp);
    }
    if (rv != 0) {
        return errno == ENOMEM ? CRAFT_ERR_NOMEM : CRAFT_HOST_ERR_SYSTEM;
    }
    watch->function = function;
    watch->ctx = ctx;
    watch->events = events;
    return 0;
}

int craft_loop_unwatch(struct craft_loop *loop, int fd)
{
    if (fd < 0 || (size_t)fd >= loop->watches_len ||
        loop->watches[fd].function == NULL) {
        return CRAFT_ERR_INVALID;
    }
    craft_poller_remove(loop->poller, fd);
    loop->watches[fd].function = NULL;
    return 0;
}

static void dispatch_ready(struct craft_loop *loop)
{
    int ready_len = loop->ready_len;

    loop->ready_len = 0;
    for (int i = 0; i < ready_len; i++) {
        struct craft_ready ready = loop->ready[i];
        struct watch *watch = &loop->watches[ready.fd];
        uint32_t events = watch->events | CRAFT_HOST_ERROR;

        if (watch->function == NULL || watch->stamp != ready.stamp) {
            continue; /* unwatched meanwhile, or another under its number */
        }
        if ((ready.events & events) != 0) {
            watch->function(watch->ctx, ready.fd, ready.events & events);
        }
    }
}

/* ----------------------------------------------------------------- timers */

static int is_before(const struct timer *one, const struct timer *other)
{
    return one->due_ns < other->due_ns ||
           (one->due_ns == other->due_ns && one->id < other->id);
}

static void swap(struct timer *one, struct timer *other)
{
    struct timer kept = *one;

    *one = *other;
    *other = kept;
}

static void sift_up(struct craft_loop *loop, size_t at)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;

        if (!is_before(&loop->timers[at], &loop->timers[parent])) {
            return;
        }
        swap(&loop->timers[at], &loop->timers[parent]);
        at = parent;
    }
}

static void sift_down(struct craft_loop *loop, size_t at)
{
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < loop->timers_len &&
                is_before(&loop->timers[child], &loop->timers[least])) {
                least = child;
            }
        }
        if (least == at) {
            return;
        }
        swap(&loop->timers[at], &loop->timers[least]);
        at = least;
    }
}

static void remove_timer(struct craft_loop *loop, size_t at)
{
    loop->timers_len--;
    if (at < loop->timers_len) {
        loop->timers[at] = loop->timers[loop->timers_len];
        sift_down(loop, at);
        sift_up(loop, at);
    }
}

static int reserve_timer(struct craft_loop *loop)
{
    size_t max = loop->timers_max == 0 ? 16 : loop->timers_max * 2;
    struct timer *timers;

    if (loop->timers_len < loop->timers_max) {
        return 0;
    }
    timers = realloc(loop->timers, max * sizeof *timers);
    if (timers == NULL) {
        return CRAFT_ERR_NOMEM;
    }
    loop->timers = timers;
    loop->timers_max = max;
    return 0;
}

int craft_loop_timer_add(struct craft_loop *loop,
                         const struct craft_loop_timer *wanted,
                         uint64_t *timer_out)
{
    struct timer *timer;

    if (wanted->function == NULL) {
        return CRAFT_ERR_INVALID;
    }
    if (reserve_timer(loop) != 0) {
        return CRAFT_ERR_NOMEM;
    }
    timer = &loop->timers[loop->timers_len];
    loop->timers_len++;
    loop->last_timer++;
    timer->id = loop->last_timer;
    timer->due_ns = craft_loop_clock() + wanted->delay_ms * NS_PER_MS;
    timer->period_ns = wanted->period_ms * NS_PER_MS;
    timer->function = wanted->function;
    timer->ctx = wanted->ctx;
    if (timer_out != NULL) {
        *timer_out = timer->id;
    }
    sift_up(loop, loop->timers_len - 1);
    return 0;
}

int craft_loop_timer_cancel(struct craft_loop *loop, uint64_t timer)
{
    for (size_t i = 0; i < loop->timers_len; i++) {
        if (loop->timers[i].id == timer) {
            remove_timer(loop, i);
            return 0;
        }
    }
    return CRAFT_ERR_INVALID;
}

/*
 * A timer made by one of these functions waits for the next turn, whatever
 * its delay: otherwise two that make each other would keep the loop.
 */
static void dispatch_timers(struct craft_loop *loop)
{
    uint64_t last = loop->last_timer;

    while (loop->timers_len > 0) {
        struct timer due = loop->timers[0];

        if (due.due_ns > loop->now_ns || due.id > last) {
            return;
        }
        if (due.period_ns == 0) {
            remove_timer(loop, 0);
        } else {
            uint64_t next_ns = due.due_ns + due.period_ns;

            /* After a stall the missed calls are one call. */
            if (next_ns <= loop->now_ns) {
                next_ns = loop->now_ns + due.period_ns;
            }
            loop->timers[0].due_ns = next_ns;
            sift_down(loop, 0);
        }
        due.function(due.ctx, due.id);
    }
}

/* ------------------------------------------------------------------- turn */

static int timeout_in_ms(uint64_t timeout_ns)
{
    uint64_t ms;

    if (timeout_ns == UINT64_MAX) {
        return -1;
    }
    ms = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

int craft_loop_wait(struct craft_loop *loop, uint64_t timeout_ns)
{
    int count;

    if (loop->timers_len > 0 && timeout_ns > 0) {
        uint64_t now_ns = craft_loop_clock();
        uint64_t due_ns = loop->timers[0].due_ns;
        uint64_t left_ns = due_ns > now_ns ? due_ns - now_ns : 0;

        timeout_ns = left_ns < timeout_ns ? left_ns : timeout_ns;
    }
    count = craft_poller_wait(loop->poller, loop->ready, READY_MAX,
                              timeout_in_ms(timeout_ns));
    loop->now_ns = craft_loop_clock();
    loop->ready_len = count < 0 ? 0 : count;
    return count < 0 ? CRAFT_HOST_ERR_SYSTEM : 0;
}

void craft_loop_dispatch(struct craft_loop *loop)
{
    dispatch_ready(loop);
    dispatch_timers(loop);
}
