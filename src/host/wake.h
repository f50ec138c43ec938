/*
 * wake: a descriptor that another thread, or a signal handler, makes
 * readable. An eventfd on Linux, a pipe elsewhere.
 */
#ifndef CRAFT_HOST_WAKE_H
#define CRAFT_HOST_WAKE_H

struct craft_wake {
    int read_fd;
    int write_fd;
};

int craft_wake_open(struct craft_wake *wake); /* 0, or -1 with errno */
void craft_wake_close(struct craft_wake *wake);
void craft_wake_raise(const struct craft_wake *wake); /* any thread, handler */
void craft_wake_clear(const struct craft_wake *wake);

#endif
