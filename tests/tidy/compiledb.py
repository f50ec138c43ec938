"""The build's compile commands, as flags that clang tools take."""

import concurrent.futures
import json
import os
import shlex

import tidy

JOBS = int(os.environ.get("CRAFT_JOBS") or os.cpu_count() or 2)


class Unit:
    """One C file with the flags that tell how it is to be read."""

    def __init__(self, path, flags):
        self.path = path
        self.flags = flags


def units():
    """One per file, in the order of their paths; generated ones left out."""
    path = os.path.join(tidy.BUILD, "compile_commands.json")
    if not os.path.isfile(path):
        tidy.skip("no compile_commands.json in " + tidy.BUILD)
    found = {}
    for command in json.loads(tidy.read(path)):
        source = os.path.abspath(os.path.join(command["directory"],
                                              command["file"]))
        if source.startswith(tidy.BUILD + os.sep):
            continue
        if not os.path.isfile(source):
            continue
        words = command.get("arguments") or shlex.split(command["command"])
        flags = []
        take = False
        for word in words[1:]:
            if take or word.startswith(("-I", "-D", "-U", "-std=", "-W")):
                flags.append(word)
                take = False
            elif word == "-isystem":
                flags.append(word)
                take = True
        found.setdefault(source, Unit(source, flags))
    if not found:
        tidy.skip("the build has no C file of ours")
    return [found[source] for source in sorted(found)]


def for_each(items, work):
    """work(item) for all of them, some at a time; yields in their order."""
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        yield from zip(items, pool.map(work, items))
