/*
 * links: connections to the other servers, and from them.
 *
 * One connection per direction: a server sends only on those that it dialled
 * and receives only on those that it accepted. So there is no tie to break
 * when two dial each other, and a link that works one way is seen as that.
 *
 * Invariants: what waits for a peer stays within link_bytes_max, and 64 KiB of
 * what is urgent, whether the peer reads or not; what is urgent leaves before
 * it; what an accepted connection may make us hold stays
 * within one frame; a peer has one accepted connection, the newest. Loss is
 * told (craft_links_lost), so that the core starts again from a probe; the
 * core copes with any loss.
 */
#ifndef CRAFT_HOST_LINKS_H
#define CRAFT_HOST_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "craft/host.h"
#include "host/frame.h"
#include "host/log.h"
#include "host/loop.h"

struct craft_links;

struct craft_links_config {
    struct craft_loop *loop;
    const struct craft_log *log;
    struct craft_host_counters *counters;
    craft_id id;
    uint64_t group;
    uint64_t process; /* drawn at start */
    size_t frame_max; /* type and payload */
    size_t link_bytes_max;
    uint32_t accepted_max;
    uint32_t connect_ms; /* to connect */
    uint32_t greet_ms;   /* to greet */
    uint32_t path_ms;    /* a path on which nothing arrives for so long, or no
                            answer, is gone */
    uint32_t stall_ms;   /* and so is a peer that reads nothing for so long */
    void *ctx;
    /* Not 0: these bytes are none; the connection is closed. */
    int (*received)(void *ctx, craft_id from, const struct craft_frame *frame);
    void (*changed)(void *ctx, craft_id peer, int up);
};

int craft_links_new(const struct craft_links_config *config,
                    struct craft_links **links_out);
/* Close every connection and the listening socket, silently. */
void craft_links_shut(struct craft_links *links);
void craft_links_free(struct craft_links *links);

/* Take connections from a listening socket, which is closed in the end. */
int craft_links_listen(struct craft_links *links, int fd);

/*
 * Know a peer, or change its address. Only known peers are dialled, and let
 * in. CRAFT_HOST_ERR_ADDRESS: the text is no address.
 */
int craft_links_know(struct craft_links *links, craft_id peer_id,
                     const char *address);
int craft_links_knows(const struct craft_links *links, craft_id peer);

/* Of the configuration in force; 0 = none yet. */
void craft_links_set_lineage(struct craft_links *links, uint64_t lineage);

/* A message of the core goes out with the next flush, or is dropped: the link
 * is down or full. */
void craft_links_send(struct craft_links *links, const craft_message *message);
/* As craft_host_send(). */
int craft_links_send_bytes(struct craft_links *links, craft_id to,
                           const uint8_t *data, size_t data_len);

/* One write for each link that has something to send. */
void craft_links_flush(struct craft_links *links);

/* Dial, give up what takes too long. Call at every turn. */
void craft_links_tick(struct craft_links *links);
/* When craft_links_tick() has something to do, in ns from now. */
uint64_t craft_links_due(const struct craft_links *links);

/* The next peer whose messages were lost since it was last asked for; 0:
 * none. */
craft_id craft_links_lost(struct craft_links *links);

/* Refuse everybody from now on: this server is about to end. */
void craft_links_stop(struct craft_links *links);
/* Bytes that wait on links which are up. */
size_t craft_links_waiting(const struct craft_links *links);

int craft_links_look(const struct craft_links *links, craft_id peer,
                     craft_host_link_status *link_out);

#endif
