"""Imports run one way:

    base <- quorum <- members <- peers <- core <- engine <- api, base <- log <- core

codec sees the public header and base, and only api sees codec. The optional
parts see public headers and base. A duty (src/core/X.c) sees no other duty."""

import os
import re

import tidy

# Which rooms a room may include from, besides itself and the public header.
SEES = {
    "base": (),
    "quorum": ("base",),
    "members": ("base", "quorum"),
    "log": ("base",),
    "peers": ("base", "quorum", "members"),
    "core": ("base", "quorum", "members", "log", "peers"),
    "engine": ("base", "quorum", "members", "log", "peers", "core"),
    "api": ("base", "quorum", "members", "log", "peers", "core", "engine",
            "codec"),
    "codec": ("base",),
    "session": ("base",),
    "wal": ("base",),
    "host": ("base",),
    "sim": ("base",),
}
# Rooms that may include headers of include/craft/.
OPTIONAL = ("session", "wal", "host", "sim")
# What a machine without an operating system has as well.
FREESTANDING = {"stddef.h", "stdint.h", "stdbool.h", "limits.h", "stdarg.h",
                "string.h", "inttypes.h", "stdalign.h", "stdnoreturn.h"}
# base reaches the C library for the rest, api formats text.
ALSO = {"api": {"stdio.h"}}
FREE = OPTIONAL + ("base",)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]',
                     re.MULTILINE)


def check_system(report, path, line, room, name):
    if room in FREE or name in FREESTANDING | ALSO.get(room, set()):
        return
    report.fault(path, line, "%s includes <%s>: no I/O, clock or thread here"
                 % (room, name))


def check_duty(report, path, line, name):
    own = os.path.splitext(os.path.basename(path))[0]
    other = os.path.splitext(os.path.basename(name))[0]
    if other in ("node", own) or own.startswith(other + "_"):
        return
    report.fault(path, line, 'a duty sees core/node.h and its own header, '
                 'not "%s"' % name)


def check_source(report, path, line, room, name):
    if not os.path.isfile(os.path.join(tidy.ROOT, "src", name)):
        report.fault(path, line, '"%s" is not written as a path from src/ '
                     'or include/' % name)
        return
    if name.endswith(".c"):
        report.fault(path, line, 'includes "%s"' % name)
        return
    target = name.split("/")[0]
    if target != room and target not in SEES.get(room, ()):
        report.fault(path, line, '%s may not see %s: "%s"'
                     % (room, target, name))
    elif room == "core" and target == "core":
        check_duty(report, path, line, name)


def check_file(report, path):
    text = tidy.strip_comments(tidy.read(path))
    parts = tidy.relative(path).split(os.sep)
    if parts[0] == "src" and len(parts) < 3:
        return  # src/craft_all.c, the core as one file
    room = parts[1] if parts[0] == "src" else parts[0]
    if parts[0] == "src" and room not in SEES:
        report.fault(path, 1, "room %s is not known to %s"
                     % (room, os.path.basename(__file__)))
        return
    for match in INCLUDE.finditer(text):
        line = tidy.line_of(text, match.start())
        name = match[2]
        public = os.path.join(tidy.ROOT, "include", name)
        if os.path.isfile(public):
            if name != "craft.h" and parts[0] == "src" and \
                    room not in OPTIONAL:
                report.fault(path, line, '%s sees craft.h alone, not "%s"'
                             % (room, name))
        elif parts[0] == "examples":
            beside = os.path.join(os.path.dirname(path), name)
            if match[1] == '"' and not os.path.isfile(beside):
                report.fault(path, line, 'an example uses public headers: '
                             '"%s"' % name)
        elif match[1] == "<":
            if parts[0] == "src":
                check_system(report, path, line, room, name)
        elif parts[0] == "include":
            report.fault(path, line, 'a public header includes "%s"' % name)
        else:
            check_source(report, path, line, room, name)


def check_amalgamation(report):
    """src/craft_all.c has every .c file of the core."""
    path = os.path.join(tidy.ROOT, "src", "craft_all.c")
    has = {match[2] for match in INCLUDE.finditer(tidy.read(path))}
    for source in tidy.c_files(("src",)):
        name = os.path.relpath(source, os.path.join(tidy.ROOT, "src"))
        room = name.split(os.sep)[0]
        if name.endswith(".c") and os.sep in name and \
                room not in ("wal", "host", "sim") and name not in has:
            report.fault(path, 1, "lacks %s" % name)


def main():
    report = tidy.Report("imports")
    check_amalgamation(report)
    for path in tidy.c_files(("src", "include", "examples")):
        report.looked_at += 1
        check_file(report, path)
    report.end()


main()
