/*
 * socket: the few calls on TCP sockets, with what differs between systems.
 */
#ifndef CRAFT_HOST_SOCKET_H
#define CRAFT_HOST_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include "host/address.h"

/* All: a descriptor, non-blocking and closed by exec, or -1 with errno. */
int craft_socket_listen(const struct craft_address *address);
int craft_socket_accept(int listen_fd, char *name, size_t name_size);
/* Begins to connect. stall_ms: see craft_links_config. */
int craft_socket_connect(const struct craft_address *address,
                         uint32_t stall_ms);

/* 0 when connected, else the errno of why not. */
int craft_socket_error(int fd);
struct craft_socket_part {
    const uint8_t *data; /* [len]; may be NULL when len is 0 */
    size_t len;
};

#define CRAFT_SOCKET_PARTS_MAX 4u

/* As send() and recv(), without SIGPIPE and EINTR. */
int64_t craft_socket_send(int fd, const uint8_t *data, size_t len);
/* These one behind the other, at most CRAFT_SOCKET_PARTS_MAX. */
int64_t craft_socket_send_parts(int fd, const struct craft_socket_part *parts,
                                size_t parts_len);
int64_t craft_socket_receive(int fd, uint8_t *data, size_t len);
/*
 * For how long the other end's system has acknowledged nothing, though it was
 * sent something, and that again; 1: not again yet; 0: it has acknowledged
 * everything, or that cannot be known here.
 */
uint32_t craft_socket_unheard_ms(int fd);
/* The port that a socket has got, 0: unknown. */
uint16_t craft_socket_port(int fd);
int craft_socket_would_wait(void); /* errno says: not now */

#endif
