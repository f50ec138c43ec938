#include "host/log.h"

#include <stdarg.h>
#include <stdio.h>

void craft_log_line(const struct craft_log *log, int level, const char *format,
                    ...)
{
    char text[512];
    va_list arguments;

    if (log->write == NULL) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log->write(log->ctx, level, text);
}
