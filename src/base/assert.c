#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

/* The one mutable global: a process has one way to die. */
static void (*assert_handler)(const char *expression, const char *file,
                              int line);

void craft_set_assert_handler(void (*handler)(const char *expression,
                                              const char *file, int line))
{
    assert_handler = handler;
}

CRAFT_NORETURN void craft_assert_failed(const char *expression,
                                        const char *file, int line)
{
    if (assert_handler != NULL) {
        assert_handler(expression, file, line);
    }
    (void)fprintf(stderr, "craft: %s:%d: assertion failed: %s\n", file, line,
                  expression);
    abort();
}

#ifdef CRAFT_COVERAGE
void craft_assert_that(bool holds, const char *expression, const char *file,
                       int line)
{
    if (!holds) {
        craft_assert_failed(expression, file, line);
    }
}
#endif
