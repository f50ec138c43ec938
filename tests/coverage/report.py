"""Coverage of the rooms, from what llvm-cov exports:

    report.py SOURCE_DIR EXPORT.json EXPORT.lcov

Prints `ROOM LINES% BRANCHES%` for each room and `mcdc PART PERCENT%`, then what
is not reached and does not stand in unreached.txt. Exit code 1 when a bound is
missed or something is not listed."""

import collections
import json
import os
import sys

ROOMS = "base quorum members log peers core engine api codec wal".split()
LINES_MIN = 98.0
BRANCHES_MIN = 95.0
MCDC = {
    "quorum": ("src/quorum/",),
    "elect": ("src/core/elect.",),
    "commit": ("src/core/commit.",),
}
EXPANSION = 1  # a kind of region, as llvm-cov numbers them
ASSERTION = "CRAFT_ASSERT("
PARAMETER = "condition"  # of that macro


class Source:
    def __init__(self, root, name):
        with open(os.path.join(root, name)) as file:
            self.lines = file.read().split("\n")

    def text(self, line, column=1, end_line=None, end_column=None):
        end_line = end_line or line
        lines = self.lines[line - 1:end_line]
        if not lines:
            return ""
        if end_column is not None:
            lines[-1] = lines[-1][:end_column - 1]
        lines[0] = lines[0][column - 1:]
        return " ".join(" ".join(lines).split())


class Function:
    """One function of the source. A static one of a header is compiled into
    many objects: their counts are added."""

    def __init__(self, name, span):
        self.name = name
        self.span = span  # first and last line
        self.calls = 0
        self.branches = collections.defaultdict(lambda: [0, 0])
        self.decisions = {}


def expansion_site(record, file_id):
    """Where in the file a macro is used, out of which a region came."""
    site = None
    while file_id != 0:
        site = next(region for region in record["regions"]
                    if region[7] == EXPANSION and region[6] == file_id)
        file_id = site[5]
    return site


def of_assertion(source, place, span):
    """Is it a decision of an assertion? It has the place of the parameter."""
    return not span[0] <= place[0] <= span[1] and \
        source.text(*place) == PARAMETER


def add_record(function, record, source, macros):
    function.calls += record["count"]
    ordinals = collections.Counter()
    for branch in record["branches"]:
        place = tuple(branch[:4])
        site = expansion_site(record, branch[6])
        if site and source.text(site[0], site[1]).startswith(ASSERTION):
            continue
        # All conditions of a macro's argument have the place of its parameter.
        key = (tuple(site[:4]) if site else place, place, site is not None)
        ordinals[key] += 1
        counts = function.branches[key + (ordinals[key],)]
        counts[0] += branch[4]
        counts[1] += branch[5]
    for decision in record.get("mcdc_records", []):
        place = tuple(decision[:4])
        if of_assertion(macros, place, function.span):
            continue
        before = function.decisions.get(place, [False] * len(decision[6]))
        function.decisions[place] = [a or b for a, b
                                     in zip(before, decision[6])]


def read_functions(root, path):
    """file -> (line, column) -> Function"""
    with open(path) as file:
        export = json.load(file)
    files = collections.defaultdict(dict)
    sources = {}
    macros = Source(root, "src/base/base.h")
    for record in export["data"][0]["functions"]:
        name = os.path.relpath(record["filenames"][0], root)
        if name not in sources:
            sources[name] = Source(root, name)
        first = record["regions"][0]
        last_line = max(region[2] for region in record["regions"]
                        if region[5] == 0)
        plain = record["name"].split(":")[-1]
        function = files[name].setdefault(
            (first[0], first[1]), Function(plain, (first[0], last_line)))
        add_record(function, record, sources[name], macros)
    return files


def read_lines(root, path):
    """file -> line -> count"""
    files = collections.defaultdict(dict)
    name = None
    with open(path) as file:
        for text in file:
            kind, _, rest = text.rstrip("\n").partition(":")
            if kind == "SF":
                name = os.path.relpath(rest, root)
            elif kind == "DA":
                line, count = rest.split(",")[:2]
                files[name][int(line)] = int(count)
    return files


def missed_branches(source, function):
    """(side, text) of each side of a condition that never comes."""
    for key, counts in sorted(function.branches.items()):
        site, _, in_macro, _ = key
        # Of a macro's use, llvm-cov knows the name alone.
        text = source.text(site[0], site[1]) if in_macro \
            else source.text(*site)
        for side, count in zip(("true", "false"), counts):
            if count == 0:
                yield side, text


def missed(source, function, lines):
    """What to list of a function: that it is never called, or conditions, or,
    when these do not explain them, lines."""
    if function.calls == 0:
        return [("call", function.name)]
    found = list(missed_branches(source, function))
    if found:
        return found
    return [("line", source.text(line))
            for line in range(function.span[0], function.span[1] + 1)
            if lines.get(line) == 0]


def room_of(name):
    parts = name.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def percent(reached, total):
    return 100.0 * reached / total if total else 100.0


def print_rooms(functions, lines):
    good = True
    for room in ROOMS:
        of_lines = [count for name in lines if room_of(name) == room
                    for count in lines[name].values()]
        of_branches = [count for name in functions if room_of(name) == room
                       for function in functions[name].values()
                       for counts in function.branches.values()
                       for count in counts]
        lines_reached = percent(sum(c > 0 for c in of_lines), len(of_lines))
        branches_reached = percent(sum(c > 0 for c in of_branches),
                                   len(of_branches))
        short = lines_reached < LINES_MIN or branches_reached < BRANCHES_MIN
        print("%-8s %6.2f%% %6.2f%%%s" % (room, lines_reached,
                                          branches_reached,
                                          "  too low" if short else ""))
        good = good and not short
    return good


def decision_text(root, name, function, place):
    # A macro's argument is told by its place in the macro.
    if not function.span[0] <= place[0] <= function.span[1]:
        return "a macro's argument"
    return Source(root, name).text(*place)


def print_mcdc(root, functions):
    good = True
    for part, prefixes in MCDC.items():
        total = reached = 0
        for name in functions:
            if not name.startswith(prefixes):
                continue
            for function in functions[name].values():
                for place, shown in function.decisions.items():
                    total += len(shown)
                    reached += sum(shown)
                    if not all(shown):
                        print("mcdc: %s %s: condition %s of %s" % (
                            name, function.name,
                            [i + 1 for i, s in enumerate(shown) if not s],
                            decision_text(root, name, function, place)))
        print("mcdc %-8s %6.2f%% (%d of %d conditions)"
              % (part, percent(reached, total), reached, total))
        good = good and reached == total
    return good


def read_list(root):
    listed = collections.Counter()
    path = os.path.join(root, "tests/coverage/unreached.txt")
    with open(path) as file:
        for text in file:
            if text.strip() and not text.startswith("#"):
                listed[tuple(text.split(None, 3))] += 1
    return collections.Counter({
        tuple(word.strip() for word in entry): count
        for entry, count in listed.items()})


def compare_list(root, functions, lines):
    found = collections.Counter()
    for name in functions:
        if room_of(name) in ROOMS:
            source = Source(root, name)
            for function in functions[name].values():
                for kind, text in missed(source, function, lines[name]):
                    found[(name, function.name, kind, text)] += 1
    listed = read_list(root)
    for entry in sorted((listed - found).elements()):
        print("reached, though listed: %s" % " ".join(entry))
    unlisted = sorted((found - listed).elements())
    for entry in unlisted:
        print("not reached, not listed: %s" % " ".join(entry))
    return not unlisted


def main():
    root = os.path.realpath(sys.argv[1])
    functions = read_functions(root, sys.argv[2])
    lines = read_lines(root, sys.argv[3])
    good = [print_rooms(functions, lines), print_mcdc(root, functions),
            compare_list(root, functions, lines)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
