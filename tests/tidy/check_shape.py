"""Sizes that keep code readable: lines of a function, parameters, nesting,
lines of a file, columns of a line."""

import re

import tidy

LINES_MAX = 70
PARAMETERS_MAX = 5
NESTING_MAX = 3
FILE_LINES_MAX = 800
COLUMNS_MAX = 80

BLOCK = re.compile(r"^(?:(?:if|for|while|switch)\s*\(.*\)|else(?:\s+if\s*\(.*\))?"
                   r"|do|(?:case\b.*|default\s*|\w+\s*):|)$", re.DOTALL)


def deepest_block(body):
    """Nesting of blocks in a body, and where. Braces of initialisers and of
    compound literals are no blocks."""
    stack = []
    deepest = (0, 0)
    parentheses = 0
    statement_from = 0
    for place, char in enumerate(body):
        if char in "([":
            parentheses += 1
        elif char in ")]":
            parentheses -= 1
        elif char == "{":
            statement = re.sub(r"^(?:(?:case\b[^:]*|default\s*|\w+\s*):\s*)+",
                               "", body[statement_from:place].strip())
            is_block = parentheses == 0 and bool(BLOCK.match(statement))
            stack.append(is_block)
            if is_block:
                statement_from = place + 1
            depth = sum(stack)
            if depth > deepest[0]:
                deepest = (depth, place)
        elif char == "}" and stack:
            if stack.pop():
                statement_from = place + 1
        elif char == ";" and parentheses == 0 and (not stack or stack[-1]):
            statement_from = place + 1
    return deepest


def check_functions(report, path, text, public, hooks):
    for function in tidy.functions(text):
        line = tidy.line_of(text, function.start)
        lines = tidy.line_of(text, function.end) - line + 1
        if lines > LINES_MAX:
            report.fault(path, line, "%s has %d lines, at most %d"
                         % (function.name, lines, LINES_MAX))
        if function.parameters > PARAMETERS_MAX and \
                function.name not in public and \
                tidy.parameter_types(tidy.last_group(function.head)[1]) \
                not in hooks:
            report.fault(path, line, "%s has %d parameters, at most %d"
                         % (function.name, function.parameters,
                            PARAMETERS_MAX))
        body = text[function.body + 1:function.end]
        depth, place = deepest_block(body)
        if depth > NESTING_MAX:
            report.fault(path, tidy.line_of(text, function.body + 1 + place),
                         "%s nests %d blocks, at most %d"
                         % (function.name, depth, NESTING_MAX))


def check_lines(report, path, raw):
    lines = raw.split("\n")
    relative = tidy.relative(path)
    if relative.startswith("src/") and relative.endswith(".c") and \
            len(lines) - 1 > FILE_LINES_MAX:
        report.fault(path, len(lines) - 1, "%d lines, at most %d"
                     % (len(lines) - 1, FILE_LINES_MAX))
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            report.fault(path, number, "%d columns, at most %d"
                         % (len(line), COLUMNS_MAX))
        if line != line.rstrip():
            report.fault(path, number, "space at the end of the line")
        if "\t" in line:
            report.fault(path, number, "a tab")


def main():
    report = tidy.Report("shape")
    public = tidy.public_functions()
    hooks = tidy.public_hooks()
    for path in tidy.c_files():
        report.looked_at += 1
        raw = tidy.read(path)
        check_lines(report, path, raw)
        check_functions(report, path, tidy.strip(raw), public, hooks)
    report.end()


main()
