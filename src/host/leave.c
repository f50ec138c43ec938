/*
 * What a stop does before the end: a leader hands its office over, so that
 * nobody has to notice its absence first (thesis 3.10), and what is under way
 * gets the time to end as it really ends.
 */
#include <string.h>

#include "host/host_state.h"

static craft_status look(const struct craft_host *host)
{
    craft_status status;

    memset(&status, 0, sizeof status);
    status.struct_size = sizeof status;
    (void)craft_node_status(host->node, &status);
    return status;
}

void craft_host_leave(struct craft_host *host)
{
    craft_status status;

    if (host->leave_ns == 0) {
        host->leave_ns = craft_loop_now(host->loop) + host->election_ns;
        craft_log_line(&host->log, CRAFT_HOST_LOG_INFO, "server %llu: stopping",
                       (unsigned long long)host->id);
        if (host->machine.stopping != NULL) {
            host->machine.stopping(host->user);
        }
    }
    status = look(host);
    if (status.role == CRAFT_ROLE_LEADER && status.transfer_target == 0) {
        int rv = craft_transfer(host->node, 0, 0);

        host->has_handed_over |= rv == 0;
        host->has_no_heir = rv == CRAFT_ERR_NOT_VOTER;
    }
}

/*
 * Not before the next leader is known: it may need this server's vote, and
 * what is open here may be for it to commit.
 */
static int is_free(const struct craft_host *host)
{
    craft_status status = look(host);

    if (status.role == CRAFT_ROLE_LEADER) {
        return host->has_no_heir;
    }
    return !host->has_handed_over || status.leader != 0;
}

int craft_host_has_left(const struct craft_host *host)
{
    craft_status status = look(host);

    if (host->stop_seen > 1 || craft_loop_now(host->loop) >= host->leave_ns) {
        return 1;
    }
    return is_free(host) && status.tokens_open == 0 &&
           status.forwards_open == 0 && status.reads_open == 0 &&
           !host->is_busy;
}
