/* Kinds of faults, and which of them a profile draws. */
#include <string.h>

#include "sim/plan.h"

/* clang-format off */
const struct craft_sim_fault_about craft_sim_faults[CRAFT_SIM_FAULT_KINDS] = {
    [CRAFT_SIM_LOSS] = {"loss", CRAFT_SIM_LINKS, 10, 600, 1500000,
        "of 1000 messages, how many are lost"},
    [CRAFT_SIM_DUPLICATE] = {"duplicate", CRAFT_SIM_LINKS, 10, 500, 1500000,
        "of 1000 messages, how many arrive twice"},
    [CRAFT_SIM_REORDER] = {"reorder", CRAFT_SIM_LINKS, 10, 800, 1500000,
        "of 1000 messages, how many are overtaken"},
    [CRAFT_SIM_DELAY] = {"delay", CRAFT_SIM_LINKS, 2, 60, 800000,
        "messages take so many times as long"},
    [CRAFT_SIM_STALE] = {"stale", CRAFT_SIM_LINKS, 5, 200, 1500000,
        "of 1000 messages, how many come much later (once more)"},
    [CRAFT_SIM_CUT] = {"cut", CRAFT_SIM_LINKS, 0, 0, 1000000,
        "nothing arrives"},
    [CRAFT_SIM_PARTITION] = {"partition", CRAFT_SIM_SIDES, 0, 0, 1000000,
        "nothing arrives from one side at the other"},
    [CRAFT_SIM_DISK_SLOW] = {"disk-slow", CRAFT_SIM_SERVERS, 2, 100, 1000000,
        "writes take so many times as long"},
    [CRAFT_SIM_DISK_STALL] = {"disk-stall", CRAFT_SIM_SERVERS, 0, 0, 600000,
        "no write ends"},
    [CRAFT_SIM_DISK_FULL] = {"disk-full", CRAFT_SIM_SERVERS, 50, 1000, 800000,
        "of 1000 writes of entries, how many find no space"},
    [CRAFT_SIM_DISK_ERROR] = {"disk-error", CRAFT_SIM_SERVERS, 5, 200, 800000,
        "of 1000 writes, how many fail"},
    [CRAFT_SIM_CRASH] = {"crash", CRAFT_SIM_SERVERS, 0, 12, 600000,
        "down; at the n-th effect from then, 0: at once"},
    [CRAFT_SIM_STOP] = {"stop", CRAFT_SIM_SERVERS, 0, 0, 300000,
        "an orderly end, then down"},
    [CRAFT_SIM_PAUSE] = {"pause", CRAFT_SIM_SERVERS, 0, 1, 500000,
        "no input, then all; 1: all ticks too"},
    [CRAFT_SIM_CLOCK] = {"clock", CRAFT_SIM_SERVERS, 30, 400, 1500000,
        "ticks are so many per cent as long"},
    [CRAFT_SIM_JITTER] = {"jitter", CRAFT_SIM_SERVERS, 10, 100, 1500000,
        "each tick is up to so many per cent longer or shorter"},
    [CRAFT_SIM_APPLY_SLOW] = {"apply-slow", CRAFT_SIM_SERVERS, 2, 100, 1000000,
        "commands take so many times as long, a part at a time"},
    [CRAFT_SIM_APPLY_ERROR] = {"apply-error", CRAFT_SIM_SERVERS, 1, 50, 500000,
        "of 1000 batches, how many the state machine refuses"},
    [CRAFT_SIM_FETCH_ERROR] = {"fetch-error", CRAFT_SIM_SERVERS, 50, 900,
        1000000, "of 1000 fetches, how many fail"},
    [CRAFT_SIM_MEMORY] = {"memory", CRAFT_SIM_SERVERS, 5, 300, 800000,
        "of 1000 allocations, how many are refused"},
    [CRAFT_SIM_HOLD] = {"hold", CRAFT_SIM_SERVERS, 20, 500, 1500000,
        "of 1000 inputs, how many begin a hold"},
    [CRAFT_SIM_INSIDE] = {"inside", CRAFT_SIM_SERVERS, 10, 200, 1500000,
        "in 1000 hooks, how many inputs are made"},
    [CRAFT_SIM_CAMPAIGN] = {"campaign", CRAFT_SIM_SERVERS, 0, 0, 0,
        "craft_campaign()"},
    [CRAFT_SIM_UNREACHABLE] = {"unreachable", CRAFT_SIM_LINKS, 0, 0, 0,
        "craft_peer_unreachable()"},
    [CRAFT_SIM_TICKS] = {"ticks", CRAFT_SIM_SERVERS, 1, 100, 0,
        "so many ticks at once"},
    [CRAFT_SIM_DEPOSE] = {"depose", CRAFT_SIM_SERVERS, 0, 1, 1000000,
        "who leads is cut off; 1: of these, the others start anew"},
};
/* clang-format on */

#define KIND(kind) (1u << (kind))

enum {
    NETWORK = KIND(CRAFT_SIM_LOSS) | KIND(CRAFT_SIM_DUPLICATE) |
              KIND(CRAFT_SIM_REORDER) | KIND(CRAFT_SIM_DELAY) |
              KIND(CRAFT_SIM_STALE) | KIND(CRAFT_SIM_CUT) |
              KIND(CRAFT_SIM_PARTITION) | KIND(CRAFT_SIM_UNREACHABLE) |
              KIND(CRAFT_SIM_DEPOSE),
    DISK = KIND(CRAFT_SIM_DISK_SLOW) | KIND(CRAFT_SIM_DISK_STALL) |
           KIND(CRAFT_SIM_DISK_FULL) | KIND(CRAFT_SIM_DISK_ERROR) |
           KIND(CRAFT_SIM_FETCH_ERROR),
    CRASH = KIND(CRAFT_SIM_CRASH) | KIND(CRAFT_SIM_STOP) |
            KIND(CRAFT_SIM_STALE) | KIND(CRAFT_SIM_CAMPAIGN),
    CLOCK = KIND(CRAFT_SIM_PAUSE) | KIND(CRAFT_SIM_CLOCK) |
            KIND(CRAFT_SIM_JITTER) | KIND(CRAFT_SIM_TICKS),
    HOST = KIND(CRAFT_SIM_APPLY_SLOW) | KIND(CRAFT_SIM_APPLY_ERROR) |
           KIND(CRAFT_SIM_MEMORY) | KIND(CRAFT_SIM_HOLD) |
           KIND(CRAFT_SIM_INSIDE) | KIND(CRAFT_SIM_CAMPAIGN) |
           KIND(CRAFT_SIM_UNREACHABLE) | KIND(CRAFT_SIM_TICKS),
    ALL = NETWORK | DISK | CRASH | CLOCK | HOST
};

static const struct profile {
    const char *name;
    const char *about;
    uint32_t kinds;
    uint32_t chance; /* of each to be switched on, per thousand */
} profiles[] = {
    {"swarm", "any kinds of faults, about half of them in each run", ALL, 450},
    {"storm", "all kinds of faults in every run", ALL, 1000},
    {"calm", "no faults", 0, 0},
    {"network", "messages lost, late, twice, out of order; links cut", NETWORK,
     700},
    {"disk", "disks slow, stalling, full, failing", DISK, 700},
    {"crash", "servers crash and come back, and old messages with them", CRASH,
     850},
    {"clock", "clocks that differ, jump and stand still", CLOCK, 800},
    {"host", "hosts that hold, call from hooks, lack memory, apply slowly",
     HOST, 700},
};

#define PROFILES (sizeof profiles / sizeof profiles[0])

const char *craft_sim_profile(size_t i, const char **about_out)
{
    if (i >= PROFILES) {
        return NULL;
    }
    if (about_out != NULL) {
        *about_out = profiles[i].about;
    }
    return profiles[i].name;
}

bool craft_sim_profile_find(const char *name, uint32_t *kinds_out,
                            uint32_t *chance_out)
{
    for (size_t i = 0; i < PROFILES; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            *kinds_out = profiles[i].kinds;
            *chance_out = profiles[i].chance;
            return true;
        }
    }
    return false;
}
