"""What this C does not use: functions without bounds, jumps out of frames,
allocation on the stack, mutable state of files, function-like macros, enums,
bool and long in the API."""

import re

import tidy

FUNCTIONS = re.compile(
    r"(?<![\w.>])(alloca|setjmp|longjmp|sigsetjmp|siglongjmp|gets|sprintf|"
    r"vsprintf|strcpy|strcat|strncat|strtok|atoi|atol|atof|rand|srand)\s*\(")
# cmocka.h needs <setjmp.h>; no test may jump either.
API_TYPES = re.compile(r"(?<!\w)(?:bool|_Bool|long|ssize_t|wchar_t)(?!\w)")
BIT_FIELD = re.compile(r"^\s+(?:u?int\w*|unsigned\b[\w ]*)\s+\w*\s*:\s*\d+\s*;",
                       re.MULTILINE)
FUNCTION_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\(",
                            re.MULTILINE)


def check_api(report, path, raw):
    text = tidy.strip(raw)
    for match in API_TYPES.finditer(text):
        report.fault(path, tidy.line_of(text, match.start()),
                     "%s in the API" % match[0])
    for match in BIT_FIELD.finditer(text):
        report.fault(path, tidy.line_of(text, match.start()) + 1,
                     "a bit-field in the API")
    for match in re.finditer(r"\.\.\.\s*\)", text):
        report.fault(path, tidy.line_of(text, match.start()),
                     "variable arguments in the API")
    # A field or a parameter of an enum type has the size a compiler likes.
    for match in re.finditer(r"\benum\s+\w+\s+\**\w+\s*[;,)\[]", text):
        report.fault(path, tidy.line_of(text, match.start()),
                     "a value of an enum type in the API")
    for match in FUNCTION_MACRO.finditer(tidy.strip_comments(raw)):
        report.fault(path, tidy.line_of(raw, match.start()),
                     "function-like macro %s in the API" % match[1])


def main():
    report = tidy.Report("forbidden")
    for path in tidy.c_files():
        report.looked_at += 1
        raw = tidy.read(path)
        text = tidy.strip(raw)
        for match in FUNCTIONS.finditer(text):
            report.fault(path, tidy.line_of(text, match.start()),
                         "%s() is not used here" % match[1])
        if tidy.relative(path).startswith("include"):
            check_api(report, path, raw)
    report.end()


main()
