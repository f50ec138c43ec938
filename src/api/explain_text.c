/* The codes of explanations as names and sentences. */
#include "api/explain.h"

struct why_text {
    uint32_t code;
    const char *name;
    const char *text;
};

#define WHY(code, text)                                                        \
    {                                                                          \
        code, #code, text                                                      \
    }

static const struct why_text why_texts[] = {
    WHY(CRAFT_WHY_NOTHING, "nothing stands in the way"),
    WHY(CRAFT_WHY_NOT_STARTED, "the node is not started"),
    WHY(CRAFT_WHY_STOPPED, "the node was stopped"),
    WHY(CRAFT_WHY_HALTED, "the node halted: a write or an apply failed"),
    WHY(CRAFT_WHY_UNSETTLED, "what was taken in this hold is not settled yet"),
    WHY(CRAFT_WHY_DELIVERY, "it goes with the next delivery"),
    WHY(CRAFT_WHY_OTHER, "a cause without a number"),
    WHY(CRAFT_WHY_NO_LEADER, "no leader is known here"),
    WHY(CRAFT_WHY_ASK_LEADER, "only the leader knows or does it"),
    WHY(CRAFT_WHY_OWN_DISK, "this server's disk has not ended the write"),
    WHY(CRAFT_WHY_DISK_FULL, "this server's disk is full"),
    WHY(CRAFT_WHY_NO_MEMORY, "memory is wanted for what winning appends"),
    WHY(CRAFT_WHY_NUMBERS_END, "the end of all numbers is reached"),
    WHY(CRAFT_WHY_FETCH, "entries that left memory are fetched"),
    WHY(CRAFT_WHY_FETCH_FAILED, "a fetch of entries failed and is tried again"),
    WHY(CRAFT_WHY_DISK_SILENT,
        "this server's disk ended nothing for an election timeout"),
    WHY(CRAFT_WHY_INSTALL, "a snapshot is to be installed first"),
    WHY(CRAFT_WHY_LEADS, "this server leads"),
    WHY(CRAFT_WHY_FOLLOWS, "a leader was heard lately"),
    WHY(CRAFT_WHY_NO_CONFIGURATION, "this server has no configuration yet"),
    WHY(CRAFT_WHY_NOT_MEMBER, "this server is not of the configuration"),
    WHY(CRAFT_WHY_LEARNER, "this server is a learner: the others elect"),
    WHY(CRAFT_WHY_TIMER, "the election timeout is not over"),
    WHY(CRAFT_WHY_LEADER_SILENT,
        "the leader is silent, the election timeout not over"),
    WHY(CRAFT_WHY_PRE_VOTES, "too few voters say that it could win"),
    WHY(CRAFT_WHY_VOTES, "too few voters have granted their vote"),
    WHY(CRAFT_WHY_PROMISED, "this server has promised to elect nobody yet"),
    WHY(CRAFT_WHY_COMMITTED, "it is committed"),
    WHY(CRAFT_WHY_BEYOND_LOG, "this server has no such entry"),
    WHY(CRAFT_WHY_UNVERIFIED, "the leader has not compared its log that far"),
    WHY(CRAFT_WHY_NOT_TOLD, "the leader has not told that it is committed"),
    WHY(CRAFT_WHY_VOTERS, "too few voters have it on their disks"),
    WHY(CRAFT_WHY_OLD_TERM, "it commits with the first entry of this term"),
    WHY(CRAFT_WHY_SELF, "it is this server"),
    WHY(CRAFT_WHY_UNKNOWN_PEER, "no such server in the configuration"),
    WHY(CRAFT_WHY_UP_TO_DATE, "it has all of the log"),
    WHY(CRAFT_WHY_IN_FLIGHT, "all is sent and not all acknowledged"),
    WHY(CRAFT_WHY_WINDOW_MESSAGES, "too many messages are not acknowledged"),
    WHY(CRAFT_WHY_WINDOW_BYTES, "too many bytes are not acknowledged"),
    WHY(CRAFT_WHY_PROBING, "it was asked where the logs agree"),
    WHY(CRAFT_WHY_PEER_SILENT, "nothing is heard of it, or its link broke"),
    WHY(CRAFT_WHY_SNAPSHOT,
        "it lacks entries that were compacted and gets a snapshot"),
    WHY(CRAFT_WHY_UNKNOWN_READ, "no read with this token is open"),
    WHY(CRAFT_WHY_FIRST_COMMIT,
        "the leader has committed nothing of its term yet"),
    WHY(CRAFT_WHY_ROUND, "too few voters have answered the round"),
    WHY(CRAFT_WHY_ANSWER, "the leader has not answered"),
    WHY(CRAFT_WHY_QUESTION, "the leader has not answered an earlier question"),
    WHY(CRAFT_WHY_CATCH_UP,
        "this server does not know yet that it is committed"),
    WHY(CRAFT_WHY_APPLY, "the host has not applied it"),
    WHY(CRAFT_WHY_READS_MAX, "too many reads are open"),
    WHY(CRAFT_WHY_TOO_LONG, "the command is too long"),
    WHY(CRAFT_WHY_TRANSFER, "leadership is being handed over"),
    WHY(CRAFT_WHY_UNCOMMITTED, "too many bytes are not committed and applied"),
    WHY(CRAFT_WHY_TOKENS_MAX, "too many proposals are open"),
    WHY(CRAFT_WHY_FORWARDED, "too many bytes wait for the leader's answer"),
    WHY(CRAFT_WHY_REFUSALS, "refusals of earlier ones are to be told first"),
};

static const struct why_text *why_find(uint32_t code)
{
    size_t len = sizeof why_texts / sizeof why_texts[0];

    for (size_t i = 0; i < len; i++) {
        if (why_texts[i].code == code) {
            return &why_texts[i];
        }
    }
    return NULL;
}

CRAFT_INTERNAL const char *craft_why_text(uint32_t code)
{
    const struct why_text *why = why_find(code);

    return why != NULL ? why->text : NULL;
}

const char *craft_why_name(uint32_t code)
{
    const struct why_text *why = why_find(code);

    return why != NULL ? why->name : "CRAFT_WHY_?";
}
