"""Every error code of the public header has a name and a text of its own:
a program made from the header asks the library for each."""

import os
import re
import shutil
import tempfile

import tidy

PROGRAM = """
#include <stdio.h>
#include <string.h>
#include "craft.h"

struct code { int value; const char *name; int line; };
static const struct code codes[] = {
%s};

static int bad(const struct code *code, const char *why)
{
    printf("include/craft.h:%%d: %%s %%s\\n", code->line, code->name, why);
    return 1;
}

static int check(size_t i)
{
    const struct code *code = &codes[i];
    const char *name = craft_error_name(code->value);
    const char *text = craft_strerror(code->value);
    int faults = 0;

    if (name == NULL || strcmp(name, code->name) != 0) {
        faults += bad(code, "has another name in craft_error_name()");
    }
    if (text == NULL || *text == '\\0') {
        return faults + bad(code, "has no text in craft_strerror()");
    }
    if (strcmp(text, craft_strerror(-12345)) == 0) {
        faults += bad(code, "has the text of an unknown code");
    }
    for (size_t k = 0; k < i; k++) {
        if (codes[k].value == code->value) {
            faults += bad(code, "has the value of another code");
        } else if (strcmp(text, craft_strerror(codes[k].value)) == 0) {
            return faults + bad(code, "has the text of another code");
        }
    }
    return faults;
}

int main(void)
{
    int faults = 0;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        faults += check(i);
    }
    if (craft_error_name(-12345) == NULL || craft_strerror(-12345) == NULL) {
        printf("include/craft.h:1: an unknown code gets NULL\\n");
        faults++;
    }
    return faults ? 1 : 0;
}
"""


def main():
    report = tidy.Report("errors")
    library = os.path.join(tidy.BUILD, "libcraft.a")
    if library not in tidy.libraries():
        tidy.skip("no libcraft.a")
    _, symbols = tidy.output_of("nm", "-g", "--defined-only", library)
    for function in ("craft_error_name", "craft_strerror"):
        if " T %s\n" % function not in symbols:
            tidy.skip("%s is not there yet" % function)
    header = os.path.join(tidy.ROOT, "include", "craft.h")
    text = tidy.strip_comments(tidy.read(header))
    codes = {}
    for match in re.finditer(
            r"^\s*(?:#\s*define\s+)?(CRAFT_OK|CRAFT_ERR_\w+)(?:\s*=|\s+\(?-?\d)",
            text, re.MULTILINE):
        codes.setdefault(match[1], tidy.line_of(text, match.start(1)))
    report.looked_at = len(codes)
    if len(codes) < 2:
        report.fault(header, 1, "no error codes found")
        report.end()
    rows = "".join('    { %s, "%s", %d },\n' % (name, name, line)
                   for name, line in codes.items())
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    with tempfile.TemporaryDirectory() as work:
        source = os.path.join(work, "errors.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(PROGRAM % rows)
        program = os.path.join(work, "errors")
        code, output = tidy.output_of(
            compiler, "-std=c11", "-I", os.path.join(tidy.ROOT, "include"),
            source, library, "-o", program)
        if code != 0:
            report.fault(header, 1, "the program does not compile: " + output)
            report.end()
        code, output = tidy.output_of(program)
        print(output, end="")
        report.faults += len(output.splitlines()) if code == 1 else code != 0
    report.end()


main()
