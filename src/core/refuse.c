#include "core/refuse.h"

CRAFT_INTERNAL void craft_refuse_append(struct craft_node *node, craft_id from)
{
    craft_peers_refuse(&node->peers, from, CRAFT_MESSAGE_APPEND_REPLY);
    craft_changed(node, CRAFT_FACT_REFUSAL_OWED);
}

CRAFT_INTERNAL bool craft_refuse_derive(struct craft_node *node)
{
    uint32_t kind = 0;
    craft_id to = craft_peers_next_refusal(&node->peers, &kind);
    craft_message *message;

    if (to == 0) {
        node->due &= ~(uint32_t)CRAFT_DERIVE_REFUSAL;
        return false;
    }
    message = craft_message_begin(node, kind, to);
    if (kind == CRAFT_MESSAGE_VOTE_REPLY) {
        memset(&message->as.vote_reply, 0, sizeof message->as.vote_reply);
    } else {
        memset(&message->as.append_reply, 0, sizeof message->as.append_reply);
        message->as.append_reply.rejected = 1;
    }
    return true;
}
