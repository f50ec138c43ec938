#include "host/frame.h"

#include "base/base.h"

/* Eight bytes each, so that a stray client is told apart by the first. */
static const uint8_t hello_magic[8] = {'c', 'r', 'a',  'f',
                                       't', '?', '\r', '\n'};
static const uint8_t welcome_magic[8] = {'c', 'r', 'a',  'f',
                                         't', '!', '\r', '\n'};

/* ----------------------------------------------------------------- frames */

void craft_frame_seal(uint8_t *bytes, uint32_t type, size_t payload_len)
{
    CRAFT_ASSERT(payload_len < UINT32_MAX);
    bytes[8] = (uint8_t)type;
    craft_store32(bytes, (uint32_t)payload_len + 1u);
    craft_store32(bytes + 4, craft_crc32c(0, bytes + 8, payload_len + 1));
}

size_t craft_frame_len(const uint8_t *bytes)
{
    return CRAFT_FRAME_HEAD_LEN - 1 + (size_t)craft_load32(bytes);
}

int64_t craft_frame_parse(const uint8_t *bytes, size_t len, size_t frame_max,
                          struct craft_frame *frame, size_t *wanted)
{
    size_t body;

    *wanted = CRAFT_FRAME_HEAD_LEN;
    if (len < 4) {
        return 0;
    }
    body = craft_load32(bytes);
    if (body == 0 || body > frame_max) {
        return CRAFT_ERR_FORMAT; /* before a byte of it is waited for */
    }
    *wanted = 8 + body;
    if (len < *wanted) {
        return 0;
    }
    if (craft_crc32c(0, bytes + 8, body) != craft_load32(bytes + 4)) {
        return CRAFT_ERR_FORMAT;
    }
    frame->type = bytes[8];
    if (frame->type != CRAFT_FRAME_RAFT &&
        frame->type != CRAFT_FRAME_APPLICATION) {
        return CRAFT_ERR_FORMAT;
    }
    frame->payload = bytes + CRAFT_FRAME_HEAD_LEN;
    frame->payload_len = body - 1;
    return (int64_t)*wanted;
}

/* -------------------------------------------------------------- greetings */

/*
 * What hello and welcome of every version share: magic[8], length of all
 * (u32), version (u32), ..., CRC32C of all before it (u32). So a server can
 * refuse a version from the future with a reason, not as garbage.
 */
static int64_t parse_greeting(const uint8_t *bytes, size_t len,
                              const uint8_t *magic, size_t len_min)
{
    size_t seen = len < 8 ? len : 8;
    size_t total;

    if (memcmp(bytes, magic, seen) != 0) {
        return CRAFT_ERR_FORMAT;
    }
    if (len < 16) {
        return 0;
    }
    total = craft_load32(bytes + 8);
    if (total < 20 || total > CRAFT_GREETING_LEN_MAX) {
        return CRAFT_ERR_FORMAT;
    }
    if (craft_load32(bytes + 12) == CRAFT_LINK_VERSION && total < len_min) {
        return CRAFT_ERR_FORMAT;
    }
    if (len < total) {
        return 0;
    }
    if (craft_crc32c(0, bytes, total - 4) != craft_load32(bytes + total - 4)) {
        return CRAFT_ERR_FORMAT;
    }
    return (int64_t)total;
}

static void seal_greeting(uint8_t *bytes, const uint8_t *magic, size_t total)
{
    memcpy(bytes, magic, 8);
    craft_store32(bytes + 8, (uint32_t)total);
    craft_store32(bytes + total - 4, craft_crc32c(0, bytes, total - 4));
}

void craft_hello_put(uint8_t *bytes, const struct craft_hello *hello)
{
    craft_store32(bytes + 12, hello->version);
    craft_store32(bytes + 16, hello->wire_min);
    craft_store32(bytes + 20, hello->wire_max);
    craft_store64(bytes + 24, hello->group);
    craft_store64(bytes + 32, hello->from);
    craft_store64(bytes + 40, hello->to);
    craft_store64(bytes + 48, hello->lineage);
    craft_store64(bytes + 56, hello->process);
    craft_store32(bytes + 64, 0);
    seal_greeting(bytes, hello_magic, CRAFT_HELLO_LEN);
}

int64_t craft_hello_parse(const uint8_t *bytes, size_t len,
                          struct craft_hello *hello)
{
    int64_t taken = parse_greeting(bytes, len, hello_magic, CRAFT_HELLO_LEN);

    memset(hello, 0, sizeof *hello);
    if (taken <= 0) {
        return taken;
    }
    hello->version = craft_load32(bytes + 12);
    if (hello->version != CRAFT_LINK_VERSION) {
        return taken;
    }
    hello->wire_min = craft_load32(bytes + 16);
    hello->wire_max = craft_load32(bytes + 20);
    hello->group = craft_load64(bytes + 24);
    hello->from = craft_load64(bytes + 32);
    hello->to = craft_load64(bytes + 40);
    hello->lineage = craft_load64(bytes + 48);
    hello->process = craft_load64(bytes + 56);
    return taken;
}

size_t craft_welcome_put(uint8_t *bytes, const struct craft_welcome *welcome)
{
    size_t text_len = strlen(welcome->text);
    size_t total = CRAFT_WELCOME_HEAD_LEN + text_len + 4;

    CRAFT_ASSERT(text_len <= CRAFT_WELCOME_TEXT_MAX);
    craft_store32(bytes + 12, welcome->version);
    craft_store32(bytes + 16, welcome->code);
    craft_store32(bytes + 20, welcome->wire);
    craft_store64(bytes + 24, welcome->id);
    craft_store64(bytes + 32, welcome->process);
    craft_store32(bytes + 40, (uint32_t)text_len);
    memcpy(bytes + CRAFT_WELCOME_HEAD_LEN, welcome->text, text_len);
    seal_greeting(bytes, welcome_magic, total);
    return total;
}

/* The text goes to a log: what does not print becomes a point. */
static void copy_text(char *to, const uint8_t *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int prints = from[i] >= 0x20 && from[i] < 0x7f;

        to[i] = prints ? (char)from[i] : '.';
    }
    to[len] = '\0';
}

int64_t craft_welcome_parse(const uint8_t *bytes, size_t len,
                            struct craft_welcome *welcome)
{
    int64_t taken =
        parse_greeting(bytes, len, welcome_magic, CRAFT_WELCOME_HEAD_LEN + 4);
    size_t text_len;

    memset(welcome, 0, sizeof *welcome);
    if (taken <= 0) {
        return taken;
    }
    welcome->version = craft_load32(bytes + 12);
    if (welcome->version != CRAFT_LINK_VERSION) {
        welcome->code = CRAFT_REFUSAL_VERSION;
        return taken;
    }
    welcome->code = craft_load32(bytes + 16);
    welcome->wire = craft_load32(bytes + 20);
    welcome->id = craft_load64(bytes + 24);
    welcome->process = craft_load64(bytes + 32);
    text_len = craft_load32(bytes + 40);
    if (text_len > CRAFT_WELCOME_TEXT_MAX ||
        text_len > (size_t)taken - CRAFT_WELCOME_HEAD_LEN - 4) {
        return CRAFT_ERR_FORMAT;
    }
    copy_text(welcome->text, bytes + CRAFT_WELCOME_HEAD_LEN, text_len);
    return taken;
}

const char *craft_refusal_text(uint32_t code)
{
    switch (code) {
    case CRAFT_REFUSAL_NONE:
        return "accepted";
    case CRAFT_REFUSAL_VERSION:
        return "another version of the link protocol";
    case CRAFT_REFUSAL_WIRE:
        return "no common message format";
    case CRAFT_REFUSAL_GROUP:
        return "another group";
    case CRAFT_REFUSAL_ADDRESSEE:
        return "another server was meant";
    case CRAFT_REFUSAL_SELF:
        return "it has the id of this server";
    case CRAFT_REFUSAL_STRANGER:
        return "no server of this cluster";
    case CRAFT_REFUSAL_LINEAGE:
        return "bootstrapped with another cluster list";
    case CRAFT_REFUSAL_STOPPING:
        return "this server is stopping";
    default:
        return "refused";
    }
}
