"""Every function of the API has its contract, a comment that begins with two
stars, directly above it."""

import re

import tidy


def check_file(report, path):
    raw = tidy.read(path)
    text = tidy.strip(raw)
    lines = raw.split("\n")
    for match in re.finditer(r"^CRAFT_API\b[^;]*?(\w+)\s*\(", text,
                             re.MULTILINE):
        report.looked_at += 1
        line = tidy.line_of(text, match.start())
        above = "\n".join(lines[:line - 1])
        comment = re.search(r"/\*(?:(?!\*/).)*\*/\Z", above, re.DOTALL)
        if not comment:
            report.fault(path, line, "%s has no comment directly above it"
                         % match[1])
        elif not comment[0].startswith("/**"):
            report.fault(path, line, "the comment of %s begins with /*, "
                         "not with /**" % match[1])
        elif len(re.findall(r"\w+", comment[0])) < 4:
            report.fault(path, line, "the comment of %s says nothing"
                         % match[1])


def main():
    report = tidy.Report("docs")
    for path in tidy.c_files(("include",), (".h",)):
        check_file(report, path)
    report.end()


main()
