/*
 * wake: how another thread, or a signal handler, ends the sleep of the loop.
 *
 * A descriptor that becomes readable: an eventfd on Linux, a pipe elsewhere.
 * It is written only while the loop sleeps: a loop under load is awake, and
 * two system calls for each sync are worth avoiding.
 *
 * Invariant: what was published before craft_wake_raise() is seen by the turn
 * that is running or by the next one, which does not sleep before.
 */
#ifndef CRAFT_HOST_WAKE_H
#define CRAFT_HOST_WAKE_H

#include <stdatomic.h>

struct craft_wake {
    int read_fd;
    int write_fd;
    atomic_int is_asleep;
    atomic_int is_raised; /* since the loop last woke */
};

int craft_wake_open(struct craft_wake *wake); /* 0, or -1 with errno */
void craft_wake_close(struct craft_wake *wake);
void craft_wake_raise(struct craft_wake *wake); /* any thread, handler */
/* The loop, when the descriptor is readable. */
void craft_wake_clear(struct craft_wake *wake);

/* The loop, around its sleep. 0: raised already, do not sleep. */
int craft_wake_sleep(struct craft_wake *wake);
void craft_wake_up(struct craft_wake *wake);

#endif
