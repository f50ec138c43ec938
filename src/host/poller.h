/*
 * poller: which descriptors the system says are ready, and no more.
 *
 * poller_epoll.c on Linux, poller_poll.c elsewhere (or with CRAFT_HOST_POLL,
 * so that a test can have it here too). Level-triggered.
 */
#ifndef CRAFT_HOST_POLLER_H
#define CRAFT_HOST_POLLER_H

#include <stdint.h>

#if defined(__linux__) && !defined(CRAFT_HOST_POLL)
#define CRAFT_POLLER_EPOLL 1
#else
#define CRAFT_POLLER_EPOLL 0
#endif

struct craft_poller;

struct craft_ready {
    int fd;
    uint32_t stamp;  /* as given to craft_poller_add() */
    uint32_t events; /* enum craft_host_io */
};

/* NULL: no memory, no descriptor. */
struct craft_poller *craft_poller_new(void);
void craft_poller_free(struct craft_poller *poller);

/* 0, or -1 with errno. */
int craft_poller_add(struct craft_poller *poller, int fd, uint32_t events,
                     uint32_t stamp);
int craft_poller_change(struct craft_poller *poller, int fd, uint32_t events,
                        uint32_t stamp);
void craft_poller_remove(struct craft_poller *poller, int fd);

/* How many of ready[ready_max] were filled in; -1 with errno. An interrupted
 * wait is 0. timeout_ms -1: for ever. */
int craft_poller_wait(struct craft_poller *poller, struct craft_ready *ready,
                      int ready_max, int timeout_ms);

#endif
