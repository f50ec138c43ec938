"""Symbols of the libraries: each external one begins with craft_, each
exported one is declared in a public header and the other way round, the core
has no mutable globals, and no two files of the core have a static of the same
name, because in the amalgamation they share one file."""

import os
import re
import shutil
import subprocess
import tempfile

import tidy

# Mutable on purpose: a process has one way to die.
MUTABLE = {"assert_handler"}
OPTIONAL = ("wal", "host", "sim")


def check_prefix(report, library):
    code, text = tidy.output_of("nm", "-A", "-g", "--defined-only", library)
    if code != 0:
        report.fault(library, 0, "nm: " + text.strip())
        return set()
    names = set()
    for line in text.splitlines():
        match = re.match(r"[^:]*:([^:]+):\s*\S+ (\w) (\S+)$", line)
        if not match:
            continue
        report.looked_at += 1
        names.add(match[3])
        if not match[3].startswith("craft_"):
            report.fault(library, 0, "%s defines %s: no craft_ prefix"
                         % (match[1], match[3]))
    return names


def check_mutable(report, library):
    code, text = tidy.output_of("objdump", "-t", library)
    if code != 0:
        report.fault(library, 0, "objdump: " + text.strip())
        return
    member = "?"
    for line in text.splitlines():
        match = re.match(r"(\S+):\s+file format", line)
        if match:
            member = match[1]
        match = re.match(r"\S+ .{7}\s+(\.(?:data|bss|tdata|tbss)\S*|\*COM\*)"
                         r"\s+(\S+)\s+(?:\.hidden )?(\S+)$", line)
        if not match or match[1].startswith(".data.rel.ro") or \
                int(match[2], 16) == 0 or match[3].startswith("."):
            continue
        if match[3].split(".")[0] not in MUTABLE:
            report.fault(library, 0, "%s: %s is a mutable global (%s)"
                         % (member, match[3], match[1]))


def exported(report, library, work):
    """What a shared library made of this static one would offer."""
    shared = os.path.join(work, os.path.basename(library) + ".so")
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    code, text = tidy.output_of(
        compiler, "-shared", "-o", shared, "-Wl,--whole-archive", library,
        "-Wl,--no-whole-archive")
    if code != 0:
        report.fault(library, 0, "cannot be linked as a shared one: " + text)
        return set()
    code, text = tidy.output_of("nm", "-D", "--defined-only", shared)
    return {line.split()[-1] for line in text.splitlines() if line.strip()}


def check_exports(report, libraries, defined):
    declared = tidy.public_functions()
    with tempfile.TemporaryDirectory() as work:
        for library in libraries:
            for name in sorted(exported(report, library, work)
                               - set(declared)):
                report.fault(library, 0, "exports %s, which no public header "
                             "declares" % name)
    if "craft_node_new" not in defined:
        report.leave_out("declared functions exist: no craft_node_new yet")
        return
    for name, (path, line) in sorted(declared.items()):
        if name not in defined:
            report.fault(path, line, "%s is declared and nowhere defined"
                         % name)


def check_statics(report):
    """Only what the amalgamation holds; a header's statics are the same."""
    seen = {}
    for path in tidy.c_files(("src",), (".c",)):
        parts = tidy.relative(path).split(os.sep)
        if len(parts) < 3 or parts[1] in OPTIONAL:
            continue
        text = tidy.strip(tidy.read(path))
        names = {f.name: f.start for f in tidy.functions(text)
                 if re.match(r"(?:.*\s)?static\b", f.head, re.DOTALL)}
        for match in re.finditer(
                r"^static\b[^;{}()=]*?(\w+)(?:\[[^\]]*\])*\s*(?:=|;)", text,
                re.MULTILINE):
            names[match[1]] = match.start()
        for name, place in names.items():
            if name in seen:
                report.fault(path, tidy.line_of(text, place),
                             "static %s is also one of %s"
                             % (name, seen[name]))
            seen[name] = tidy.relative(path)


def main():
    report = tidy.Report("symbols")
    if not shutil.which("nm") or not shutil.which("objdump"):
        tidy.skip("no nm and objdump")
    libraries = tidy.libraries()
    defined = set()
    for library in libraries:
        defined |= check_prefix(report, library)
    for library in libraries:
        if os.path.basename(library) in ("libcraft.a", "libcraft_all.a"):
            check_mutable(report, library)
    check_exports(report, [library for library in libraries
                           if not library.endswith("_all.a")], defined)
    check_statics(report)
    report.end()


try:
    main()
except subprocess.SubprocessError as error:
    tidy.skip(str(error))
