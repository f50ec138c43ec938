/*
 * loop: which descriptors are ready and which timers are due.
 *
 * Waiting and calling are two steps, so that the host can take the hold on
 * its node between them. epoll on Linux, poll elsewhere.
 *
 * Invariant: after craft_loop_unwatch() a descriptor's function is not called
 * again, also not for what the last wait has seen; one that is closed and
 * opened anew under the same number is another watch.
 */
#ifndef CRAFT_HOST_LOOP_H
#define CRAFT_HOST_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "craft/host.h"

struct craft_loop;

int craft_loop_new(struct craft_loop **loop_out);
void craft_loop_free(struct craft_loop *loop);

int craft_loop_watch(struct craft_loop *loop, int fd, uint32_t events,
                     craft_host_io_function *function, void *ctx);
int craft_loop_unwatch(struct craft_loop *loop, int fd);

struct craft_loop_timer {
    uint32_t delay_ms;
    uint32_t period_ms; /* 0: once */
    craft_host_timer_function *function;
    void *ctx;
};

int craft_loop_timer_add(struct craft_loop *loop,
                         const struct craft_loop_timer *wanted,
                         uint64_t *timer_out);
int craft_loop_timer_cancel(struct craft_loop *loop, uint64_t timer);

/* Wait until a descriptor is ready, or a timer due, or timeout_ns is over. 0,
 * or CRAFT_HOST_ERR_SYSTEM. */
int craft_loop_wait(struct craft_loop *loop, uint64_t timeout_ns);

/* Call the functions of what is ready, then those of timers that are due. */
void craft_loop_dispatch(struct craft_loop *loop);

/* CLOCK_MONOTONIC; the first is the value at the last wait. */
uint64_t craft_loop_now(const struct craft_loop *loop);
uint64_t craft_loop_clock(void);

/* The same for leases: it runs on while the machine sleeps. */
uint64_t craft_loop_lease_clock(void);

#endif
