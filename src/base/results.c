#include "base/base.h"

struct result_text {
    int error;
    const char *name;
    const char *text;
};

static const struct result_text result_texts[] = {
    {CRAFT_OK, "CRAFT_OK", "success"},
    {CRAFT_ERR_INVALID, "CRAFT_ERR_INVALID", "an argument is out of range"},
    {CRAFT_ERR_STATE, "CRAFT_ERR_STATE",
     "not allowed in this phase of the node's life"},
    {CRAFT_ERR_UNKNOWN_ID, "CRAFT_ERR_UNKNOWN_ID",
     "no such server in the configuration"},
    {CRAFT_ERR_TICKET, "CRAFT_ERR_TICKET", "no such work is open"},
    {CRAFT_ERR_CLOCK, "CRAFT_ERR_CLOCK",
     "time was never told, or it runs backwards"},
    {CRAFT_ERR_NOT_LEADER, "CRAFT_ERR_NOT_LEADER",
     "this server is not the leader"},
    {CRAFT_ERR_BUSY, "CRAFT_ERR_BUSY",
     "a limit is reached: retry when earlier requests have ended"},
    {CRAFT_ERR_NOMEM, "CRAFT_ERR_NOMEM", "the allocator refused"},
    {CRAFT_ERR_NOSPACE, "CRAFT_ERR_NOSPACE", "the disk of this server is full"},
    {CRAFT_ERR_NOT_VOTER, "CRAFT_ERR_NOT_VOTER",
     "this server is no voter and may not campaign"},
    {CRAFT_ERR_TRANSFER, "CRAFT_ERR_TRANSFER",
     "leadership is being handed over: retry at the next leader"},
    {CRAFT_ERR_TERM, "CRAFT_ERR_TERM",
     "the term is another than the one expected"},
    {CRAFT_ERR_LEASE, "CRAFT_ERR_LEASE",
     "a leader was heard that may hold a lease: no other is elected now"},
    {CRAFT_ERR_FORMAT, "CRAFT_ERR_FORMAT", "the bytes are no message"},
    {CRAFT_ERR_VERSION, "CRAFT_ERR_VERSION",
     "the message is of a later version"},
    {CRAFT_ERR_ENTRIES, "CRAFT_ERR_ENTRIES",
     "the array for entries is too short"},
    {CRAFT_ERR_MESSAGE, "CRAFT_ERR_MESSAGE",
     "no correct peer sends this message"},
    {CRAFT_ERR_MISADDRESSED, "CRAFT_ERR_MISADDRESSED",
     "the message is not for this server and group"},
    {CRAFT_ERR_CORRUPT, "CRAFT_ERR_CORRUPT",
     "the stored state contradicts itself"},
    {CRAFT_ERR_STOPPED, "CRAFT_ERR_STOPPED", "the node was stopped"},
    {CRAFT_ERR_HALTED, "CRAFT_ERR_HALTED",
     "the node halted: a write or an apply failed"},
};

static const struct result_text *result_find(int error)
{
    static const struct result_text unknown = {0, "CRAFT_ERR_?",
                                               "an unknown error"};
    size_t len = sizeof result_texts / sizeof result_texts[0];

    for (size_t i = 0; i < len; i++) {
        if (result_texts[i].error == error) {
            return &result_texts[i];
        }
    }
    return &unknown;
}

const char *craft_strerror(int error)
{
    return result_find(error)->text;
}

const char *craft_error_name(int error)
{
    return result_find(error)->name;
}
