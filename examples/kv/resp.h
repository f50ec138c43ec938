/*
 * resp: the protocol of Redis, version 2, and its inline commands.
 *
 * The parser cuts a command into arguments where it lies in the connection's
 * input; nothing is copied. It keeps its place, so that a command that comes
 * in many pieces is looked at once. The writer appends replies to a buffer.
 */
#ifndef KV_RESP_H
#define KV_RESP_H

#include "buffer.h"

enum {
    KV_RESP_LINE_MAX = 64 * 1024, /* an inline command, a length */
    KV_RESP_ERROR_MAX = 64
};

enum kv_resp_status {
    KV_RESP_MORE,    /* the command is not complete yet */
    KV_RESP_COMMAND, /* args are filled; none of them for an empty line */
    KV_RESP_ERROR    /* error says why; the stream cannot be read further */
};

struct kv_resp_span {
    size_t at; /* from the beginning of the command */
    size_t len;
};

/* All zero, but for bulk_bytes_max, is a parser at its beginning. */
struct kv_resp {
    size_t bulk_bytes_max; /* longest argument taken */

    /* after KV_RESP_COMMAND, until the input changes */
    struct kv_slice *args; /* [args_len] */
    size_t args_len;
    size_t consumed; /* bytes of the command */

    /* after KV_RESP_MORE: the command has at least so many bytes */
    size_t bytes_min;

    /* after KV_RESP_ERROR: as Redis words it */
    char error[KV_RESP_ERROR_MAX];

    /* where it stands */
    struct kv_resp_span *spans; /* [spans_max] */
    size_t spans_len;
    size_t spans_max;
    size_t args_max;
    size_t wanted;   /* arguments announced; 0 = none yet */
    size_t at;       /* first byte not looked at */
    size_t bulk_len; /* of the argument whose length has been read */
    int in_bulk;
};

/*
 * Look for one command at the beginning of data. Inline commands are
 * unquoted in place. After KV_RESP_COMMAND the caller consumes `consumed`
 * bytes; after KV_RESP_MORE it calls again with the same bytes and more.
 */
enum kv_resp_status kv_resp_parse(struct kv_resp *resp, uint8_t *data,
                                  size_t len);

void kv_resp_free(struct kv_resp *resp);

/*
 * An integer as Redis reads it: decimal digits, perhaps with '-', in the
 * range of int64_t, no blanks, no leading zeros. Returns 0, or -1.
 */
int kv_resp_integer(struct kv_slice text, int64_t *value);

void kv_reply_simple(struct kv_buffer *out, const char *text);
/* text as it is sent, without '-': "ERR syntax error". */
void kv_reply_error(struct kv_buffer *out, const char *text);
void kv_reply_integer(struct kv_buffer *out, int64_t value);
void kv_reply_bulk(struct kv_buffer *out, const void *data, size_t len);
void kv_reply_text(struct kv_buffer *out, const char *text);
void kv_reply_nil(struct kv_buffer *out);
void kv_reply_array(struct kv_buffer *out, size_t len);

#endif
