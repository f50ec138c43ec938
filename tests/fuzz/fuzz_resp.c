/*
 * The protocol parser of the key-value example: a stream gives the same
 * commands, and the same error, in whatever pieces it arrives.
 *
 * Input: how many lengths of pieces, these, the longest argument, then the
 * stream.
 */
#include <string.h>

#include "fuzz.h"
#include "kv/resp.h"

#define STREAM_MAX 4096u
#define PIECES_MAX 8u

struct pieces {
    uint8_t lens[PIECES_MAX]; /* taken in turn */
    uint32_t count;           /* 0: all at once */
    uint32_t next;
};

/* What was parsed, as text without ambiguity. */
struct told {
    uint8_t *text; /* [max] */
    size_t len;
    size_t max;
};

static void tell(struct told *told, const void *data, size_t len)
{
    if (told->max - told->len < len + sizeof len) {
        told->max = (told->max + len + sizeof len) * 2;
        told->text = realloc(told->text, told->max);
        fuzz_check(told->text != NULL, "there is memory");
    }
    memcpy(told->text + told->len, &len, sizeof len);
    told->len += sizeof len;
    if (len > 0) {
        memcpy(told->text + told->len, data, len);
        told->len += len;
    }
}

static size_t piece_len(struct pieces *pieces, size_t left)
{
    size_t len = left;

    if (pieces->count > 0) {
        len = 1u + pieces->lens[pieces->next % pieces->count];
        pieces->next++;
    }
    return len < left ? len : left;
}

/* The bytes that are there, in memory that ends behind them. */
static enum kv_resp_status parse(struct kv_resp *resp, const uint8_t *data,
                                 size_t len, struct told *told)
{
    uint8_t *bytes = malloc(len > 0 ? len : 1);
    enum kv_resp_status status;

    fuzz_check(bytes != NULL, "there is memory");
    if (len > 0) {
        memcpy(bytes, data, len);
    }
    status = kv_resp_parse(resp, bytes, len);
    if (status == KV_RESP_COMMAND) {
        fuzz_check(resp->consumed > 0 && resp->consumed <= len,
                   "a command takes of the bytes that are there");
        for (size_t i = 0; i < resp->args_len; i++) {
            size_t at = (size_t)(resp->args[i].data - bytes);

            fuzz_check(at <= len && resp->args[i].len <= len - at,
                       "an argument lies inside the bytes");
            tell(told, resp->args[i].data, resp->args[i].len);
        }
        tell(told, &resp->args_len, sizeof resp->args_len);
        tell(told, &resp->consumed, sizeof resp->consumed);
    } else if (status == KV_RESP_ERROR) {
        tell(told, resp->error, strlen(resp->error));
    } else {
        fuzz_check(resp->bytes_min > len, "more is wanted than there is");
    }
    free(bytes);
    return status;
}

static void stream(struct fuzz_input in, size_t bulk_max, struct pieces pieces,
                   struct told *told)
{
    struct kv_resp resp = {.bulk_bytes_max = bulk_max};
    enum kv_resp_status status = KV_RESP_MORE;
    size_t there = 0;
    size_t wanted = 0;

    while (status != KV_RESP_ERROR) {
        status = parse(&resp, in.data, there, told);
        if (status == KV_RESP_COMMAND) {
            fuzz_check(resp.consumed >= wanted,
                       "a command has the bytes announced");
            wanted = 0;
            in.data += resp.consumed;
            in.len -= resp.consumed;
            there -= resp.consumed;
        } else if (status == KV_RESP_MORE) {
            wanted = resp.bytes_min;
            if (there == in.len) {
                break;
            }
            there += piece_len(&pieces, in.len - there);
        }
    }
    tell(told, &in.len, sizeof in.len);
    kv_resp_free(&resp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    struct pieces whole = {.count = 0};
    struct pieces split = {.count = 1 + fuzz_below(&in, PIECES_MAX)};
    struct told first = {NULL, 0, 0};
    struct told second = {NULL, 0, 0};
    size_t bulk_max;

    for (uint32_t i = 0; i < split.count; i++) {
        split.lens[i] = fuzz_byte(&in);
    }
    bulk_max = fuzz_byte(&in);
    if (in.len > STREAM_MAX) {
        in.len = STREAM_MAX;
    }
    stream(in, bulk_max, whole, &first);
    stream(in, bulk_max, split, &second);
    fuzz_check(first.len == second.len &&
                   memcmp(first.text, second.text, first.len) == 0,
               "pieces give what the whole gives");
    free(first.text);
    free(second.text);
    return 0;
}
