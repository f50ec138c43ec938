#include "host/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "craft/host.h"

/* ------------------------------------------------------------------- text */

static int split_port(const char *text, uint16_t *port_out)
{
    uint32_t port = 0;
    size_t len = 0;

    while (text[len] >= '0' && text[len] <= '9' && len < 6) {
        port = port * 10 + (uint32_t)(text[len] - '0');
        len++;
    }
    if (len == 0 || text[len] != '\0' || port > 65535) {
        return CRAFT_HOST_ERR_ADDRESS;
    }
    *port_out = (uint16_t)port;
    return 0;
}

int craft_address_split(const char *text, struct craft_address_parts *parts)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t host_len;

    memset(parts, 0, sizeof *parts);
    if (colon == NULL) {
        return CRAFT_HOST_ERR_ADDRESS;
    }
    host_len = (size_t)(colon - text);
    if (host_len >= 2 && text[0] == '[' && colon[-1] == ']') {
        host = text + 1;
        host_len -= 2;
    } else if (memchr(text, ':', host_len) != NULL) {
        return CRAFT_HOST_ERR_ADDRESS; /* IPv6 without brackets: ambiguous */
    }
    if (host_len > CRAFT_HOST_NAME_MAX) {
        return CRAFT_HOST_ERR_ADDRESS;
    }
    memcpy(parts->host, host, host_len);
    return split_port(colon + 1, &parts->port);
}

/* ---------------------------------------------------------------- numbers */

int craft_address_numeric(const struct craft_address_parts *parts,
                          struct craft_address *address_out)
{
    const char *host = parts->host;

    memset(address_out, 0, sizeof *address_out);
    if (host[0] == '\0' || strcmp(host, "localhost") == 0) {
        host = "127.0.0.1";
    } else if (strcmp(host, "*") == 0) {
        host = "0.0.0.0";
    }
    if (inet_pton(AF_INET, host, &address_out->as.v4.sin_addr) == 1) {
        address_out->as.v4.sin_family = AF_INET;
        address_out->as.v4.sin_port = htons(parts->port);
        address_out->len = sizeof address_out->as.v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &address_out->as.v6.sin6_addr) == 1) {
        address_out->as.v6.sin6_family = AF_INET6;
        address_out->as.v6.sin6_port = htons(parts->port);
        address_out->len = sizeof address_out->as.v6;
        return 0;
    }
    return CRAFT_HOST_ERR_ADDRESS;
}

uint16_t craft_address_port(const struct craft_address *address)
{
    if (address->as.any.sa_family == AF_INET6) {
        return ntohs(address->as.v6.sin6_port);
    }
    return ntohs(address->as.v4.sin_port);
}

/* ------------------------------------------------------------------ names */

int craft_address_lookup(const struct craft_address_parts *parts,
                         struct craft_address *address_out)
{
    struct addrinfo hints = {0};
    struct addrinfo *found = NULL;
    int rv = CRAFT_HOST_ERR_ADDRESS;

    if (craft_address_numeric(parts, address_out) == 0) {
        return 0;
    }
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(parts->host, NULL, &hints, &found) != 0 || found == NULL) {
        return CRAFT_HOST_ERR_ADDRESS;
    }
    if (found->ai_addrlen <= sizeof address_out->as) {
        memcpy(&address_out->as, found->ai_addr, found->ai_addrlen);
        address_out->len = found->ai_addrlen;
        if (found->ai_family == AF_INET6) {
            address_out->as.v6.sin6_port = htons(parts->port);
        } else {
            address_out->as.v4.sin_port = htons(parts->port);
        }
        rv = 0;
    }
    freeaddrinfo(found);
    return rv;
}

/*
 * Shared by the thread and the one that asked; the one that lets go last
 * frees it. So a host can stop while the system's resolver still waits.
 */
struct craft_resolve {
    atomic_int holders;
    atomic_int ended;
    int result;
    struct craft_address_parts parts;
    struct craft_address address;
};

void craft_resolve_drop(struct craft_resolve *resolve)
{
    if (resolve != NULL && atomic_fetch_sub(&resolve->holders, 1) == 1) {
        free(resolve);
    }
}

static void *resolve_run(void *ctx)
{
    struct craft_resolve *resolve = ctx;

    resolve->result = craft_address_lookup(&resolve->parts, &resolve->address);
    atomic_store(&resolve->ended, 1);
    craft_resolve_drop(resolve);
    return NULL;
}

struct craft_resolve *
craft_resolve_start(const struct craft_address_parts *parts)
{
    struct craft_resolve *resolve = calloc(1, sizeof *resolve);
    sigset_t all;
    sigset_t kept;
    pthread_t thread;
    int rv;

    if (resolve == NULL) {
        return NULL;
    }
    resolve->parts = *parts;
    atomic_init(&resolve->holders, 2);
    atomic_init(&resolve->ended, 0);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &kept);
    rv = pthread_create(&thread, NULL, resolve_run, resolve);
    (void)pthread_sigmask(SIG_SETMASK, &kept, NULL);
    if (rv != 0) {
        free(resolve);
        return NULL;
    }
    (void)pthread_detach(thread);
    return resolve;
}

int craft_resolve_look(struct craft_resolve *resolve,
                       struct craft_address *address_out)
{
    if (atomic_load(&resolve->ended) == 0) {
        return 0;
    }
    if (resolve->result != 0) {
        return resolve->result;
    }
    *address_out = resolve->address;
    return 1;
}
