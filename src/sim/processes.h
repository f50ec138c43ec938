/*
 * processes: where there are any. A child writes lines to a pipe; the parent
 * reads them, and what killed it.
 */
#ifndef CRAFT_SIM_PROCESSES_H
#define CRAFT_SIM_PROCESSES_H

#if defined(__unix__) || defined(__APPLE__)
#define CRAFT_SIM_PROCESSES 1

#include <sys/types.h>

#include "base/base.h"

struct craft_sim_child {
    pid_t pid; /* 0: none */
    int fd;    /* what it writes */
    char *text;
    size_t len; /* of what was read and is no whole line yet */
    size_t max;
};

/* In the parent 1, in the child 0 and where to write, -1: no process. */
int craft_sim_child_start(struct craft_sim_child *child, int *fd_out);

/* Reads once, and hands each whole line on, without its end. False: it has
 * closed its end, or there is no memory. */
bool craft_sim_child_read(struct craft_sim_child *child,
                          void (*line)(void *ctx, const char *text), void *ctx);

/* Waits for its end, after killing it if asked to. How it ended: 0, its exit
 * code, or minus the signal that killed it. */
int craft_sim_child_end(struct craft_sim_child *child, bool kill_it);

#else
#define CRAFT_SIM_PROCESSES 0
#endif

#endif
