/*
 * address: from "host:port" to something a socket takes.
 *
 * Numbers and "localhost" are read at once. Names go to the resolver of the
 * system, which may take many seconds, on a thread of their own: the loop
 * asks now and then whether the answer is there.
 */
#ifndef CRAFT_HOST_ADDRESS_H
#define CRAFT_HOST_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#define CRAFT_HOST_NAME_MAX 255u

/* What stands in the text. */
struct craft_address_parts {
    char host[CRAFT_HOST_NAME_MAX + 1]; /* "" = loopback, "*" = any */
    uint16_t port;
};

struct craft_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } as;
    socklen_t len;
};

struct craft_resolve; /* a question that is under way */

/* 0, or CRAFT_HOST_ERR_ADDRESS: no "host:port". */
int craft_address_split(const char *text, struct craft_address_parts *parts);

/* 0, or CRAFT_HOST_ERR_ADDRESS: the host is a name, or none. */
int craft_address_numeric(const struct craft_address_parts *parts,
                          struct craft_address *address_out);

/* 0, CRAFT_HOST_ERR_ADDRESS; waits for the system's resolver. */
int craft_address_lookup(const struct craft_address_parts *parts,
                         struct craft_address *address_out);

uint16_t craft_address_port(const struct craft_address *address);

/* NULL: no memory, no thread. */
struct craft_resolve *
craft_resolve_start(const struct craft_address_parts *parts);
/* 1 filled in, 0 not yet, CRAFT_HOST_ERR_ADDRESS: no such host. */
int craft_resolve_look(struct craft_resolve *resolve,
                       struct craft_address *address_out);
/* The answer is not wanted any more, or has been read. */
void craft_resolve_drop(struct craft_resolve *resolve);

#endif
