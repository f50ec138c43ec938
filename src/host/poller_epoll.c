#include "host/poller.h"

#if CRAFT_POLLER_EPOLL

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/base.h"
#include "craft/host.h"

#define EVENTS_MAX 256

struct craft_poller {
    int fd;
    struct epoll_event events[EVENTS_MAX];
};

struct craft_poller *craft_poller_new(void)
{
    struct craft_poller *poller = calloc(1, sizeof *poller);

    if (poller == NULL) {
        return NULL;
    }
    poller->fd = epoll_create1(EPOLL_CLOEXEC);
    if (poller->fd < 0) {
        free(poller);
        return NULL;
    }
    return poller;
}

void craft_poller_free(struct craft_poller *poller)
{
    if (poller != NULL) {
        (void)close(poller->fd);
        free(poller);
    }
}

static int control(struct craft_poller *poller, int operation,
                   const struct craft_ready *watch)
{
    struct epoll_event event = {0};

    if ((watch->events & CRAFT_HOST_READ) != 0) {
        event.events |= EPOLLIN | EPOLLRDHUP;
    }
    if ((watch->events & CRAFT_HOST_WRITE) != 0) {
        event.events |= EPOLLOUT;
    }
    event.data.u64 = (uint64_t)watch->stamp << 32 | (uint32_t)watch->fd;
    return epoll_ctl(poller->fd, operation, watch->fd, &event);
}

int craft_poller_add(struct craft_poller *poller, int fd, uint32_t events,
                     uint32_t stamp)
{
    struct craft_ready watch = {fd, stamp, events};

    return control(poller, EPOLL_CTL_ADD, &watch);
}

int craft_poller_change(struct craft_poller *poller, int fd, uint32_t events,
                        uint32_t stamp)
{
    struct craft_ready watch = {fd, stamp, events};

    return control(poller, EPOLL_CTL_MOD, &watch);
}

void craft_poller_remove(struct craft_poller *poller, int fd)
{
    (void)epoll_ctl(poller->fd, EPOLL_CTL_DEL, fd, NULL);
}

int craft_poller_wait(struct craft_poller *poller, struct craft_ready *ready,
                      int ready_max, int timeout_ms)
{
    int max = ready_max < EVENTS_MAX ? ready_max : EVENTS_MAX;
    int count = epoll_wait(poller->fd, poller->events, max, timeout_ms);

    if (count < 0) {
        return errno == EINTR ? 0 : -1;
    }
    for (int i = 0; i < count; i++) {
        uint32_t bits = poller->events[i].events;
        uint64_t data = poller->events[i].data.u64;

        ready[i].fd = (int)(uint32_t)data;
        ready[i].stamp = (uint32_t)(data >> 32);
        ready[i].events = 0;
        if ((bits & (EPOLLIN | EPOLLRDHUP)) != 0) {
            ready[i].events |= CRAFT_HOST_READ;
        }
        if ((bits & EPOLLOUT) != 0) {
            ready[i].events |= CRAFT_HOST_WRITE;
        }
        if ((bits & (EPOLLERR | EPOLLHUP)) != 0) {
            ready[i].events |= CRAFT_HOST_ERROR;
        }
    }
    return count;
}

#else
typedef int craft_poller_epoll_not_here;
#endif
