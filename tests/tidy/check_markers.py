"""No marker of unfinished work, no absolute path of somebody's machine, no
left-over of a merge, in any text file of the tree."""

import os
import re

import tidy

# Written in pieces, so that this file is clean as well.
MARKERS = re.compile(r"\b(?:%s)\b" % "|".join(
    ("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "WI" + "P")))
PATHS = re.compile(r"(?<![\w.$}{/-])/(?:%s)" % "|".join(
    ("home" + r"/\w", "root" + "/", "Users" + r"/\w", "work" + r"/\w")))
MERGE = re.compile(r"^(?:<{7}|>{7}|={7})(?: |$)")


def main():
    report = tidy.Report("markers")
    for path in tidy.all_files():
        if os.path.basename(path) == "LICENSE":
            continue
        with open(path, "rb") as file:
            raw = file.read()
        if b"\0" in raw:
            continue
        report.looked_at += 1
        lines = raw.decode("utf-8", "replace").split("\n")
        for number, line in enumerate(lines, 1):
            for pattern, what in ((MARKERS, "marker of unfinished work"),
                                  (PATHS, "path of one machine"),
                                  (MERGE, "left-over of a merge")):
                match = pattern.search(line)
                if match:
                    report.fault(path, number, "%s: %s" % (what, match[0]))
    report.end()


main()
