#include "sim/processes.h"

#if CRAFT_SIM_PROCESSES

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_MAX 65536u

int craft_sim_child_start(struct craft_sim_child *child, int *fd_out)
{
    int fds[2];

    memset(child, 0, sizeof *child);
    if (pipe(fds) != 0) {
        return -1;
    }
    (void)fflush(NULL); /* or both would print it */
    child->pid = fork();
    if (child->pid < 0) {
        child->pid = 0;
        (void)close(fds[0]);
        (void)close(fds[1]);
        return -1;
    }
    if (child->pid == 0) {
        (void)close(fds[0]);
        *fd_out = fds[1];
        return 0;
    }
    (void)close(fds[1]);
    child->fd = fds[0];
    return 1;
}

static bool room(struct craft_sim_child *child)
{
    size_t max = child->len + READ_MAX + 1;
    char *text;

    if (max <= child->max) {
        return true;
    }
    text = realloc(child->text, max);
    if (text == NULL) {
        return false;
    }
    child->text = text;
    child->max = max;
    return true;
}

bool craft_sim_child_read(struct craft_sim_child *child,
                          void (*line)(void *ctx, const char *text), void *ctx)
{
    char *from;
    char *end;
    ssize_t got;

    if (!room(child)) {
        return false;
    }
    do {
        got = read(child->fd, child->text + child->len, READ_MAX);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return false;
    }
    child->len += (size_t)got;
    child->text[child->len] = '\0';
    from = child->text;
    while ((end = memchr(from, '\n',
                         child->len - (size_t)(from - child->text))) != NULL) {
        *end = '\0';
        line(ctx, from);
        from = end + 1;
    }
    child->len -= (size_t)(from - child->text);
    memmove(child->text, from, child->len);
    return true;
}

int craft_sim_child_end(struct craft_sim_child *child, bool kill_it)
{
    int status = 0;
    pid_t got;

    if (kill_it) {
        (void)kill(child->pid, SIGKILL);
    }
    do {
        got = waitpid(child->pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    (void)close(child->fd);
    free(child->text);
    memset(child, 0, sizeof *child);
    if (got < 0) {
        return 1;
    }
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#else

typedef int craft_sim_no_processes;

#endif
