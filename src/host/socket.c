#include "host/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/base.h"

#ifdef MSG_NOSIGNAL
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif

#define LISTEN_BACKLOG 128
#define UNSENT_BYTES (128 * 1024)

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* Options that make a link quicker or tidier; it works without. */
static void tune(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
#endif
#ifdef SO_NOSIGPIPE
    set_option(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
}

#ifndef SOCK_CLOEXEC
static int make_quiet(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        int kept = errno;

        (void)close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}
#endif

static int open_stream(const struct craft_address *address)
{
#ifdef SOCK_CLOEXEC
    return socket(address->as.any.sa_family,
                  SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
    int fd = socket(address->as.any.sa_family, SOCK_STREAM, 0);

    return fd < 0 ? -1 : make_quiet(fd);
#endif
}

int craft_socket_listen(const struct craft_address *address)
{
    int fd = open_stream(address);

    if (fd < 0) {
        return -1;
    }
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, &address->as.any, address->len) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        int kept = errno;

        (void)close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

static void write_name(const struct craft_address *address, char *name,
                       size_t name_size)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->as.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address->as.v6.sin6_addr, host, sizeof host);
    } else {
        (void)inet_ntop(AF_INET, &address->as.v4.sin_addr, host, sizeof host);
    }
    (void)snprintf(name, name_size, "%s:%u", host,
                   (unsigned)craft_address_port(address));
}

int craft_socket_accept(int listen_fd, char *name, size_t name_size)
{
    struct craft_address address;
    int fd;

    memset(&address, 0, sizeof address);
    address.len = sizeof address.as;
#ifdef SOCK_CLOEXEC
    fd = accept4(listen_fd, &address.as.any, &address.len,
                 SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    fd = accept(listen_fd, &address.as.any, &address.len);
    fd = fd < 0 ? -1 : make_quiet(fd);
#endif
    if (fd >= 0) {
        tune(fd);
        write_name(&address, name, name_size);
    }
    return fd;
}

int craft_socket_connect(const struct craft_address *address, uint32_t stall_ms)
{
    int fd = open_stream(address);

    if (fd < 0) {
        return -1;
    }
    tune(fd);
#ifdef TCP_NOTSENT_LOWAT
    /* What waits waits here, where what is urgent can overtake it, and not in
     * the system's buffers, which hold seconds of a slow link. */
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
#endif
#ifdef TCP_USER_TIMEOUT
    /* Otherwise a peer that lost its power is written to for a quarter of an
     * hour before the link is given up. */
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)stall_ms);
#else
    (void)stall_ms;
#endif
    if (connect(fd, &address->as.any, address->len) != 0 &&
        errno != EINPROGRESS && errno != EINTR) {
        int kept = errno;

        (void)close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

int craft_socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        return errno;
    }
    return error;
}

int64_t craft_socket_send(int fd, const uint8_t *data, size_t len)
{
    ssize_t sent;

    do {
        sent = send(fd, data, len, SEND_FLAGS);
    } while (sent < 0 && errno == EINTR);
    return (int64_t)sent;
}

int64_t craft_socket_send_parts(int fd, const struct craft_socket_part *parts,
                                size_t parts_len)
{
    struct iovec vector[CRAFT_SOCKET_PARTS_MAX];
    struct msghdr message;
    ssize_t sent;

    CRAFT_ASSERT(parts_len <= CRAFT_SOCKET_PARTS_MAX);
    memset(&message, 0, sizeof message);
    message.msg_iov = vector;
    for (size_t i = 0; i < parts_len; i++) {
        if (parts[i].len > 0) {
            struct iovec *to = &vector[message.msg_iovlen++];

            /* It is only read, but the type does not say so. */
            memcpy(&to->iov_base, &parts[i].data, sizeof to->iov_base);
            to->iov_len = parts[i].len;
        }
    }
    do {
        sent = sendmsg(fd, &message, SEND_FLAGS);
    } while (sent < 0 && errno == EINTR);
    return (int64_t)sent;
}

int64_t craft_socket_receive(int fd, uint8_t *data, size_t len)
{
    ssize_t received;

    do {
        received = recv(fd, data, len, 0);
    } while (received < 0 && errno == EINTR);
    return (int64_t)received;
}

uint32_t craft_socket_unheard_ms(int fd)
{
#if defined(__linux__) && defined(TCP_INFO)
    struct tcp_info info;
    socklen_t len = sizeof info;

    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
        info.tcpi_unacked > 0) {
        return info.tcpi_retransmits > 0 ? info.tcpi_last_ack_recv + 1 : 1;
    }
#else
    (void)fd;
#endif
    return 0;
}

uint16_t craft_socket_port(int fd)
{
    struct craft_address address;

    memset(&address, 0, sizeof address);
    address.len = sizeof address.as;
    if (getsockname(fd, &address.as.any, &address.len) != 0) {
        return 0;
    }
    return craft_address_port(&address);
}

int craft_socket_would_wait(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}
