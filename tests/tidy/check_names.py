"""No two tests have the same program name, and a test says what behaviour it
shows: no test function is named test_1 or the like."""

import os
import re

import tidy

EMPTY_NAME = re.compile(r"^(?:test_?\w?\d*|\w\d*|it|works|basic\d*)$")


TOP = {"include", "src", "tests", "examples", "docs", "CMakeLists.txt",
       "LICENSE", "README.md"}


def check_top(report):
    """The top level is fixed; what begins with a dot and builds are apart."""
    for path in tidy.all_files():
        top = tidy.relative(path).split(os.sep)[0]
        if top not in TOP and not top.startswith((".", "build")):
            report.fault(path, 1, "does not belong to the top level")


def main():
    report = tidy.Report("names")
    check_top(report)
    programs = {}
    for path in tidy.c_files(("tests",), (".c",)):
        name = os.path.basename(path)[:-2]
        if not re.match(r"(?:test|bench|fuzz)_", name):
            continue
        report.looked_at += 1
        if name in programs:
            report.fault(path, 1, "%s is also the name of %s"
                         % (name, programs[name]))
        programs[name] = tidy.relative(path)
        text = tidy.strip(tidy.read(path))
        tests = {}
        for match in re.finditer(r"\bcmocka_unit_test\w*\(\s*(\w+)", text):
            line = tidy.line_of(text, match.start())
            if EMPTY_NAME.match(match[1]):
                report.fault(path, line, "%s names no behaviour" % match[1])
            if match[1] in tests:
                report.fault(path, line, "%s runs twice" % match[1])
            tests[match[1]] = line
        # A test that is written and left out of the list never runs.
        for function in tidy.functions(text):
            if re.search(r"\(\s*void\s*\*\*\s*state\s*\)$", function.head) \
                    and len(re.findall(r"\b%s\b" % function.name, text)) < 2:
                report.fault(path, tidy.line_of(text, function.start),
                             "%s is not run" % function.name)
    report.end()


main()
