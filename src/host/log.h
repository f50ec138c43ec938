/*
 * log: lines for people, through the host's callback. Loop thread only.
 */
#ifndef CRAFT_HOST_LOG_H
#define CRAFT_HOST_LOG_H

#include "craft/host.h"

struct craft_log {
    void (*write)(void *ctx, int level, const char *text); /* may be NULL */
    void *ctx;
};

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void craft_log_line(const struct craft_log *log, int level, const char *format,
                    ...);

#endif
