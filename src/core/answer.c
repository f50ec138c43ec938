#include "core/answer.h"

CRAFT_INTERNAL void craft_answer_old_append(struct craft_node *node,
                                            craft_id from)
{
    struct craft_answer owed = {from, CRAFT_MESSAGE_APPEND_REPLY, false};

    craft_peers_answer(&node->peers, owed);
    craft_changed(node, CRAFT_FACT_ANSWER_OWED);
}

CRAFT_INTERNAL bool craft_answer_derive(struct craft_node *node)
{
    struct craft_answer owed = craft_peers_next_answer(&node->peers);
    craft_message *message;

    if (owed.to == 0) {
        node->due &= ~(uint32_t)CRAFT_DERIVE_ANSWER;
        return false;
    }
    message = craft_message_begin(node, owed.kind, owed.to);
    if (owed.kind == CRAFT_MESSAGE_APPEND_REPLY) {
        memset(&message->as.append_reply, 0, sizeof message->as.append_reply);
        message->as.append_reply.rejected = 1;
    } else {
        message->as.vote_reply.granted = owed.granted;
        message->as.vote_reply.reserved = 0;
    }
    return true;
}
