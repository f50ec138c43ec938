/*
 * cables HUB SPACE...: a cable from each network namespace SPACE to HUB, in
 * which every frame is delayed for as long as standard input says.
 *
 * The cable of SPACE i is a pair of TAP devices: `wire` there, `port<i>` in
 * HUB. What goes into one end comes out of the other, after a time drawn
 * anew for each frame from 0 .. the last number of microseconds that was
 * read: frames overtake each other. "ready" is printed once all devices are
 * there; the end of input, or a signal, ends the program and with it them.
 */
#include <stdio.h>

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    SPACES_MAX = 9,
    FRAME_MAX = 2048,
    WAITING_MAX = 4096, /* frames; a cable has no more room than that */
    FRAMES_PER_TURN = 64
};

#define NS_PER_US ((uint64_t)1000)
#define NS_PER_S ((uint64_t)1000000000)

struct frame {
    uint64_t due_ns;
    int fd; /* where it comes out */
    size_t len;
    uint8_t bytes[FRAME_MAX];
};

struct cables {
    struct pollfd ends[2 * SPACES_MAX + 1]; /* 2 i and 2 i + 1, then input */
    size_t len;                             /* ends of cables */
    uint64_t delay_ns;                      /* at most */
    uint64_t random;
    struct frame *heap[WAITING_MAX]; /* [waiting], the first is due first */
    size_t waiting;
    struct frame *spare; /* to be read into */
};

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* xorshift64*: needs to look random, no more. */
static uint64_t draw(struct cables *cables)
{
    cables->random ^= cables->random >> 12;
    cables->random ^= cables->random << 25;
    cables->random ^= cables->random >> 27;
    return cables->random * UINT64_C(0x2545f4914f6cdd1d);
}

/* ---------------------------------------------------------------- devices */

static int fail(const char *what, const char *which)
{
    fprintf(stderr, "cables: %s %s: %s\n", what, which, strerror(errno));
    return -1;
}

static int enter(const char *space)
{
    char path[256];
    int fd;
    int rv;

    (void)snprintf(path, sizeof path, "/run/netns/%s", space);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail("cannot open", path);
    }
    rv = setns(fd, CLONE_NEWNET);
    (void)close(fd);
    return rv == 0 ? 0 : fail("cannot enter", path);
}

/* A device of that name, in the namespace that was entered. */
static int make_end(const char *name)
{
    struct ifreq request;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return fail("cannot open", "/dev/net/tun");
    }
    memset(&request, 0, sizeof request);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    (void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) != 0) {
        (void)fail("cannot make device", name);
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int make_cables(struct cables *cables, char **spaces, int spaces_len)
{
    for (int i = 0; i < spaces_len; i++) {
        if (enter(spaces[i]) != 0) {
            return -1;
        }
        cables->ends[2 * i].fd = make_end("wire");
    }
    return 0;
}

static int make_ports(struct cables *cables, const char *hub, int spaces_len)
{
    char name[16];

    if (enter(hub) != 0) {
        return -1;
    }
    for (int i = 0; i < spaces_len; i++) {
        (void)snprintf(name, sizeof name, "port%d", i + 1);
        cables->ends[2 * i + 1].fd = make_end(name);
    }
    cables->len = 2 * (size_t)spaces_len;
    for (size_t i = 0; i < cables->len; i++) {
        if (cables->ends[i].fd < 0) {
            return -1;
        }
        cables->ends[i].events = POLLIN;
    }
    cables->ends[cables->len].fd = STDIN_FILENO;
    cables->ends[cables->len].events = POLLIN;
    return 0;
}

/* ---------------------------------------------------------------- the heap */

static void swap(struct cables *cables, size_t one, size_t other)
{
    struct frame *kept = cables->heap[one];

    cables->heap[one] = cables->heap[other];
    cables->heap[other] = kept;
}

static int is_before(const struct cables *cables, size_t one, size_t other)
{
    return cables->heap[one]->due_ns < cables->heap[other]->due_ns;
}

static void put(struct cables *cables, struct frame *frame)
{
    size_t at = cables->waiting;

    cables->heap[at] = frame;
    cables->waiting++;
    while (at > 0 && is_before(cables, at, (at - 1) / 2)) {
        swap(cables, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static struct frame *take(struct cables *cables)
{
    struct frame *first = cables->heap[0];
    size_t at = 0;
    size_t least = 0;

    cables->waiting--;
    cables->heap[0] = cables->heap[cables->waiting];
    do {
        at = least;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < cables->waiting && is_before(cables, child, least)) {
                least = child;
            }
        }
        swap(cables, at, least);
    } while (least != at);
    return first;
}

/* ----------------------------------------------------------------- frames */

/* A device that is full loses frames, as they do. */
static void send_frame(const struct frame *frame)
{
    ssize_t written = write(frame->fd, frame->bytes, frame->len);

    (void)written;
}

static void send_due(struct cables *cables, uint64_t now)
{
    while (cables->waiting > 0 && cables->heap[0]->due_ns <= now) {
        struct frame *frame = take(cables);

        send_frame(frame);
        free(frame);
    }
}

/* 0: there is none. */
static int move_frame(struct cables *cables, size_t end, uint64_t now)
{
    struct frame *frame = cables->spare;
    ssize_t len = read(cables->ends[end].fd, frame->bytes, FRAME_MAX);

    if (len <= 0) {
        return 0;
    }
    frame->len = (size_t)len;
    frame->fd = cables->ends[end ^ 1u].fd;
    if (cables->delay_ns == 0) {
        send_frame(frame);
        return 1;
    }
    frame->due_ns = now + draw(cables) % cables->delay_ns;
    if (cables->waiting < WAITING_MAX) {
        struct frame *spare = malloc(sizeof *spare);

        if (spare != NULL) {
            put(cables, frame);
            cables->spare = spare;
        }
    }
    return 1;
}

/* 0: standard input has ended. */
static int take_order(struct cables *cables)
{
    char text[64];
    ssize_t len = read(STDIN_FILENO, text, sizeof text - 1);

    if (len > 0) {
        text[len] = '\0';
        cables->delay_ns = strtoull(text, NULL, 10) * NS_PER_US;
    }
    return len > 0;
}

static void wait_for_event(struct cables *cables)
{
    struct timespec wait = {0, 0};
    uint64_t now = now_ns();

    if (cables->waiting > 0 && cables->heap[0]->due_ns > now) {
        wait.tv_nsec = (long)((cables->heap[0]->due_ns - now) % NS_PER_S);
    }
    (void)ppoll(cables->ends, (nfds_t)cables->len + 1,
                cables->waiting > 0 ? &wait : NULL, NULL);
}

static void run(struct cables *cables)
{
    for (;;) {
        uint64_t now;

        wait_for_event(cables);
        now = now_ns();
        send_due(cables, now);
        for (size_t i = 0; i < cables->len; i++) {
            int more = (cables->ends[i].revents & POLLIN) != 0;

            for (int k = 0; k < FRAMES_PER_TURN && more; k++) {
                more = move_frame(cables, i, now);
            }
        }
        if (cables->ends[cables->len].revents != 0 && !take_order(cables)) {
            return;
        }
    }
}

int main(int argc, char **argv)
{
    struct cables *cables = calloc(1, sizeof *cables);

    if (argc < 3 || argc - 2 > SPACES_MAX) {
        fprintf(stderr, "usage: cables HUB SPACE...   (at most %d)\n",
                SPACES_MAX);
        free(cables);
        return 2;
    }
    if (cables != NULL) {
        cables->spare = malloc(sizeof *cables->spare);
        cables->random = now_ns() | 1;
    }
    if (cables == NULL || cables->spare == NULL ||
        make_cables(cables, argv + 2, argc - 2) != 0 ||
        make_ports(cables, argv[1], argc - 2) != 0) {
        return 1;
    }
    printf("ready\n");
    (void)fflush(stdout);
    run(cables);
    while (cables->waiting > 0) {
        free(take(cables));
    }
    free(cables->spare);
    free(cables);
    return 0;
}

#else

int main(void)
{
    fprintf(stderr, "cables: needs the network namespaces of Linux\n");
    return 1;
}

#endif
