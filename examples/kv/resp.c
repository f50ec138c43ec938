#include "resp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARGS_LEN_MAX = 1024 * 1024,
    INTEGER_TEXT_MAX = 20, /* "-9223372036854775808" */
    LENGTH_TEXT_MAX = 32
};

/* ----------------------------------------------------------------- parser */

static enum kv_resp_status fail(struct kv_resp *resp, const char *error)
{
    snprintf(resp->error, sizeof resp->error, "%s", error);
    return KV_RESP_ERROR;
}

static enum kv_resp_status more(struct kv_resp *resp, size_t bytes_min)
{
    resp->bytes_min = bytes_min;
    return KV_RESP_MORE;
}

static void push(struct kv_resp *resp, size_t at, size_t len)
{
    if (resp->spans_len == resp->spans_max) {
        size_t max = resp->spans_max == 0 ? 8 : resp->spans_max * 2;

        resp->spans = kv_realloc(resp->spans, max * sizeof *resp->spans);
        resp->spans_max = max;
    }
    resp->spans[resp->spans_len].at = at;
    resp->spans[resp->spans_len].len = len;
    resp->spans_len++;
}

/* The command ends at resp->at: tell the arguments, be ready for the next. */
static enum kv_resp_status finish(struct kv_resp *resp, const uint8_t *data)
{
    if (resp->spans_len > resp->args_max) {
        resp->args_max = resp->spans_max;
        resp->args =
            kv_realloc(resp->args, resp->args_max * sizeof *resp->args);
    }
    for (size_t i = 0; i < resp->spans_len; i++) {
        resp->args[i].data = data + resp->spans[i].at;
        resp->args[i].len = resp->spans[i].len;
    }
    resp->args_len = resp->spans_len;
    resp->consumed = resp->at;
    resp->spans_len = 0;
    resp->wanted = 0;
    resp->at = 0;
    return KV_RESP_COMMAND;
}

int kv_resp_integer(struct kv_slice text, int64_t *value)
{
    size_t at = 0;
    uint64_t sum = 0;
    uint64_t limit = INT64_MAX;

    if (text.len == 0 || text.len > INTEGER_TEXT_MAX) {
        return -1;
    }
    if (text.data[0] == '-') {
        at = 1;
        limit++;
    }
    if (at == text.len || (text.data[at] == '0' && text.len > 1)) {
        return -1;
    }
    for (; at < text.len; at++) {
        uint64_t digit = (uint64_t)text.data[at] - '0';

        if (digit > 9 || sum > (limit - digit) / 10) {
            return -1;
        }
        sum = sum * 10 + digit;
    }
    if (text.data[0] != '-') {
        *value = (int64_t)sum;
    } else {
        *value = sum > INT64_MAX ? INT64_MIN : -(int64_t)sum;
    }
    return 0;
}

/*
 * Read the number of the line that begins at resp->at with one byte of kind.
 * KV_RESP_COMMAND when the line was complete: resp->at is then behind it.
 */
static enum kv_resp_status length_line(struct kv_resp *resp,
                                       const uint8_t *data, size_t len,
                                       int64_t *number)
{
    const uint8_t *line = data + resp->at;
    size_t left = len - resp->at;
    size_t limit = left < LENGTH_TEXT_MAX ? left : LENGTH_TEXT_MAX;
    const uint8_t *end = memchr(line, '\r', limit);
    struct kv_slice digits;

    if (end == NULL && left < LENGTH_TEXT_MAX) {
        return more(resp, len + 1);
    }
    if (end == NULL) {
        return KV_RESP_ERROR;
    }
    if ((size_t)(end - line) + 2 > left) {
        return more(resp, len + 1);
    }
    digits.data = line + 1;
    digits.len = (size_t)(end - digits.data);
    if (kv_resp_integer(digits, number) != 0) {
        return KV_RESP_ERROR;
    }
    resp->at += (size_t)(end - line) + 2;
    return KV_RESP_COMMAND;
}

static enum kv_resp_status bulk_header(struct kv_resp *resp,
                                       const uint8_t *data, size_t len)
{
    int64_t number = 0;
    enum kv_resp_status status;

    if (resp->at == len) {
        return more(resp, len + 1);
    }
    if (data[resp->at] != '$') {
        snprintf(resp->error, sizeof resp->error, "expected '$', got '%c'",
                 data[resp->at]);
        return KV_RESP_ERROR;
    }
    status = length_line(resp, data, len, &number);
    if (status == KV_RESP_MORE) {
        return status;
    }
    if (status == KV_RESP_ERROR || number < 0) {
        return fail(resp, "invalid bulk length");
    }
    if ((uint64_t)number > resp->bulk_bytes_max) {
        snprintf(resp->error, sizeof resp->error,
                 "bulk length over the limit of %zu", resp->bulk_bytes_max);
        return KV_RESP_ERROR;
    }
    resp->bulk_len = (size_t)number;
    resp->in_bulk = 1;
    return KV_RESP_COMMAND;
}

static enum kv_resp_status multibulk(struct kv_resp *resp, const uint8_t *data,
                                     size_t len)
{
    while (resp->spans_len < resp->wanted) {
        enum kv_resp_status status = KV_RESP_COMMAND;

        if (!resp->in_bulk) {
            status = bulk_header(resp, data, len);
        }
        if (status != KV_RESP_COMMAND) {
            return status;
        }
        if (len - resp->at < resp->bulk_len + 2) {
            return more(resp, resp->at + resp->bulk_len + 2);
        }
        push(resp, resp->at, resp->bulk_len);
        resp->at += resp->bulk_len + 2;
        resp->in_bulk = 0;
    }
    return finish(resp, data);
}

static enum kv_resp_status multibulk_header(struct kv_resp *resp,
                                            const uint8_t *data, size_t len)
{
    int64_t number = 0;
    enum kv_resp_status status = length_line(resp, data, len, &number);

    if (status == KV_RESP_MORE) {
        return status;
    }
    if (status == KV_RESP_ERROR || number > ARGS_LEN_MAX) {
        return fail(resp, "invalid multibulk length");
    }
    if (number <= 0) {
        return finish(resp, data);
    }
    resp->wanted = (size_t)number;
    return multibulk(resp, data, len);
}

/* ---------------------------------------------------------------- inline */

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* One backslash sequence inside double quotes; returns the bytes it took. */
static size_t unescape(const uint8_t *text, size_t len, uint8_t *byte)
{
    static const char names[] = "nrtba";
    static const char bytes[] = "\n\r\t\b\a";
    const char *name;

    if (len >= 4 && text[1] == 'x' && hex_digit(text[2]) >= 0 &&
        hex_digit(text[3]) >= 0) {
        *byte = (uint8_t)(hex_digit(text[2]) * 16 + hex_digit(text[3]));
        return 4;
    }
    name = text[1] != 0 ? strchr(names, text[1]) : NULL;
    *byte = name != NULL ? (uint8_t)bytes[name - names] : text[1];
    return 2;
}

static int is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r') || byte == 0;
}

/*
 * A quoted part, from its opening quote at *at; written to out. Returns the
 * length written, or SIZE_MAX when the quotes do not balance.
 */
static size_t unquote(const uint8_t *line, size_t len, size_t *at, uint8_t *out)
{
    uint8_t quote = line[*at];
    size_t from = *at + 1;
    size_t to = 0;

    while (from < len && line[from] != quote) {
        if (line[from] == '\\' && from + 1 < len && quote == '"') {
            from += unescape(line + from, len - from, &out[to++]);
        } else if (line[from] == '\\' && from + 1 < len &&
                   line[from + 1] == '\'') {
            out[to++] = '\'';
            from += 2;
        } else {
            out[to++] = line[from++];
        }
    }
    if (from >= len || (from + 1 < len && !is_blank(line[from + 1]))) {
        return SIZE_MAX;
    }
    *at = from + 1;
    return to;
}

/* Words, perhaps quoted: what a person types into a plain connection. */
static enum kv_resp_status inline_command(struct kv_resp *resp, uint8_t *data,
                                          size_t len)
{
    size_t limit = len < KV_RESP_LINE_MAX ? len : KV_RESP_LINE_MAX;
    uint8_t *newline = memchr(data + resp->at, '\n', limit - resp->at);
    size_t end;
    size_t at = 0;

    if (newline == NULL) {
        resp->at = limit;
        return len < KV_RESP_LINE_MAX ? more(resp, len + 1)
                                      : fail(resp, "too big inline request");
    }
    end = (size_t)(newline - data);
    while (at < end) {
        size_t start = at;
        size_t word = 0;

        if (is_blank(data[at])) {
            at++;
            continue;
        }
        while (at < end && !is_blank(data[at])) {
            size_t part = 1;

            if (data[at] == '"' || data[at] == '\'') {
                part = unquote(data, end, &at, data + start + word);
            } else {
                data[start + word] = data[at++];
            }
            if (part == SIZE_MAX) {
                return fail(resp, "unbalanced quotes in request");
            }
            word += part;
        }
        push(resp, start, word);
    }
    resp->at = end + 1;
    return finish(resp, data);
}

enum kv_resp_status kv_resp_parse(struct kv_resp *resp, uint8_t *data,
                                  size_t len)
{
    if (len == 0) {
        return more(resp, 1);
    }
    if (resp->wanted > 0) {
        return multibulk(resp, data, len);
    }
    return data[0] == '*' ? multibulk_header(resp, data, len)
                          : inline_command(resp, data, len);
}

void kv_resp_free(struct kv_resp *resp)
{
    free(resp->spans);
    free(resp->args);
    resp->spans = NULL;
    resp->args = NULL;
}

/* ----------------------------------------------------------------- writer */

/* "<kind><value>\r\n", by hand: it is in the path of every reply. */
static void number_line(struct kv_buffer *out, char kind, int64_t value)
{
    uint8_t text[LENGTH_TEXT_MAX];
    size_t at = sizeof text;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    text[--at] = '\n';
    text[--at] = '\r';
    do {
        text[--at] = (uint8_t)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        text[--at] = '-';
    }
    text[--at] = (uint8_t)kind;
    kv_buffer_append(out, text + at, sizeof text - at);
}

void kv_reply_simple(struct kv_buffer *out, const char *text)
{
    kv_buffer_append(out, "+", 1);
    kv_buffer_append(out, text, strlen(text));
    kv_buffer_append(out, "\r\n", 2);
}

void kv_reply_error(struct kv_buffer *out, const char *text)
{
    size_t len = strlen(text);
    uint8_t *to;

    kv_buffer_append(out, "-", 1);
    to = kv_buffer_room(out, len);
    for (size_t i = 0; i < len; i++) {
        /* It may quote the client's bytes: a line break ends the reply. */
        char byte = text[i];

        to[i] = byte == '\r' || byte == '\n' ? ' ' : (uint8_t)byte;
    }
    kv_buffer_grown(out, len);
    kv_buffer_append(out, "\r\n", 2);
}

void kv_reply_integer(struct kv_buffer *out, int64_t value)
{
    number_line(out, ':', value);
}

void kv_reply_bulk(struct kv_buffer *out, const void *data, size_t len)
{
    number_line(out, '$', (int64_t)len);
    kv_buffer_append(out, data, len);
    kv_buffer_append(out, "\r\n", 2);
}

void kv_reply_text(struct kv_buffer *out, const char *text)
{
    kv_reply_bulk(out, text, strlen(text));
}

void kv_reply_nil(struct kv_buffer *out)
{
    kv_buffer_append(out, "$-1\r\n", 5);
}

void kv_reply_array(struct kv_buffer *out, size_t len)
{
    number_line(out, '*', (int64_t)len);
}
