/*
 * frame: what stands around a message on a link, as bytes in and bytes out.
 *
 * A frame is a length, a checksum and a type before the payload; a connection
 * begins with a hello of the one that dialled and the other's welcome. Pure:
 * no socket, no allocation. docs/host.md has the tables.
 *
 * Invariant: nothing of a frame is believed before its length is within the
 * limit and its checksum is right; bytes that are none end the connection,
 * because what follows them cannot be found.
 */
#ifndef CRAFT_HOST_FRAME_H
#define CRAFT_HOST_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "craft.h"

#define CRAFT_LINK_VERSION 1u  /* of hello, welcome and frames */
#define CRAFT_LINK_WIRE_MIN 1u /* craft_message_encode() formats spoken */
#define CRAFT_LINK_WIRE_MAX 1u

#define CRAFT_FRAME_HEAD_LEN 9u
#define CRAFT_HELLO_LEN 72u
#define CRAFT_WELCOME_HEAD_LEN 44u
#define CRAFT_WELCOME_TEXT_MAX 160u
#define CRAFT_GREETING_LEN_MAX 512u /* of any version, now and later */

enum craft_frame_type {
    CRAFT_FRAME_RAFT = 1,       /* craft_message_encode() */
    CRAFT_FRAME_APPLICATION = 2 /* craft_host_send() */
};

/* Why a connection is refused. On the wire: numbers are never reused. */
enum craft_refusal {
    CRAFT_REFUSAL_NONE = 0,
    CRAFT_REFUSAL_VERSION = 1,   /* of the link protocol */
    CRAFT_REFUSAL_WIRE = 2,      /* no common message format */
    CRAFT_REFUSAL_GROUP = 3,     /* another group */
    CRAFT_REFUSAL_ADDRESSEE = 4, /* another server was meant */
    CRAFT_REFUSAL_SELF = 5,      /* it has this server's id */
    CRAFT_REFUSAL_STRANGER = 6,  /* an id that nobody told us of */
    CRAFT_REFUSAL_LINEAGE = 7,   /* another cluster of the same ids */
    CRAFT_REFUSAL_STOPPING = 8   /* this server is about to end */
};

struct craft_hello {
    uint32_t version;
    uint32_t wire_min;
    uint32_t wire_max;
    uint64_t group;
    craft_id from;
    craft_id to;
    uint64_t lineage; /* 0 = not known yet */
    uint64_t process; /* drawn at start: tells a restart of the sender */
};

struct craft_welcome {
    uint32_t version;
    uint32_t code; /* enum craft_refusal */
    uint32_t wire; /* the format to speak */
    craft_id id;   /* of the one that answers */
    uint64_t process;
    char text[CRAFT_WELCOME_TEXT_MAX + 1]; /* why, for people */
};

struct craft_frame {
    uint32_t type;          /* enum craft_frame_type */
    const uint8_t *payload; /* [payload_len], in the bytes parsed */
    size_t payload_len;
};

/*
 * Write the head of a frame whose payload stands behind it already, at
 * bytes + CRAFT_FRAME_HEAD_LEN.
 */
void craft_frame_seal(uint8_t *bytes, uint32_t type, size_t payload_len);

/* Of a sealed one, with its head. */
size_t craft_frame_len(const uint8_t *bytes);

/*
 * The next frame in bytes[len]. Returns the bytes it takes, 0 when more are
 * needed (*wanted says how many in all), CRAFT_ERR_FORMAT for what is none.
 * frame_max bounds type and payload.
 */
int64_t craft_frame_parse(const uint8_t *bytes, size_t len, size_t frame_max,
                          struct craft_frame *frame, size_t *wanted);

/* Writes CRAFT_HELLO_LEN bytes. */
void craft_hello_put(uint8_t *bytes, const struct craft_hello *hello);

/* Returns the bytes taken, 0 for more, CRAFT_ERR_FORMAT. A hello of another
 * version is read as far as its version. */
int64_t craft_hello_parse(const uint8_t *bytes, size_t len,
                          struct craft_hello *hello);

/* Writes at most CRAFT_GREETING_LEN_MAX bytes, returns how many. */
size_t craft_welcome_put(uint8_t *bytes, const struct craft_welcome *welcome);

/* As craft_hello_parse(). */
int64_t craft_welcome_parse(const uint8_t *bytes, size_t len,
                            struct craft_welcome *welcome);

/* What a refusal means, without the particulars. */
const char *craft_refusal_text(uint32_t code);

#endif
