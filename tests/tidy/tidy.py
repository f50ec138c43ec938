"""Shared by the checks of this folder: the files, C without its comments,
functions with their places, and a report that names file:line."""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(
    os.environ.get("CRAFT_SOURCE_DIR")
    or os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.abspath(
    os.environ.get("CRAFT_BUILD_DIR") or os.path.join(ROOT, "build"))
C_FOLDERS = ("include", "src", "tests", "examples")
SKIPPED = 77


class Report:
    """Collects faults; end() prints the verdict and leaves the program."""

    def __init__(self, what):
        self.what = what
        self.faults = 0
        self.looked_at = 0
        self.left_out = []

    def fault(self, path, line, message):
        self.faults += 1
        print("%s:%d: %s" % (relative(path), line, message))

    def leave_out(self, reason):
        self.left_out.append(reason)

    def end(self):
        print("%s: %d looked at, %d faults"
              % (self.what, self.looked_at, self.faults))
        for reason in self.left_out:
            print("left out: " + reason)
        if self.faults:
            sys.exit(1)
        sys.exit(SKIPPED if self.left_out else 0)


def skip(reason):
    print("skipped: " + reason)
    sys.exit(SKIPPED)


def relative(path):
    if os.path.isabs(path) and path.startswith(ROOT + os.sep):
        return os.path.relpath(path, ROOT)
    return path


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def all_files():
    """Every file of the tree, without what git ignores."""
    git = shutil.which("git")
    if git and os.path.exists(os.path.join(ROOT, ".git")):
        run = subprocess.run(
            [git, "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z",
             "--cached", "--others", "--exclude-standard"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if run.returncode == 0:
            names = run.stdout.decode().split("\0")
            paths = sorted(os.path.join(ROOT, name) for name in names if name)
            return [path for path in paths if os.path.isfile(path)]
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders
                      if name != ".git" and not name.startswith("build")]
        found += [os.path.join(folder, name) for name in names]
    return sorted(found)


def c_files(folders=C_FOLDERS, endings=(".c", ".h")):
    prefixes = tuple(os.path.join(ROOT, folder) + os.sep for folder in folders)
    return [path for path in all_files()
            if path.startswith(prefixes) and path.endswith(endings)]


TOKEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE)


def blank(text):
    """Spaces in place of all but the line ends, so that places stay."""
    return re.sub(r"[^\n]", " ", text)


def strip_comments(text):
    """C text without comments; strings stay."""
    return TOKEN.sub(
        lambda m: blank(m[0]) if m[0].startswith("/") else m[0], text)


def strip(text):
    """C text without comments, contents of strings, preprocessor lines."""
    def one(match):
        token = match[0]
        if token.startswith("/"):
            return blank(token)
        return token[0] + blank(token[1:-1]) + token[-1]
    text = TOKEN.sub(one, text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: blank(m[0]),
                  text, flags=re.MULTILINE)


def line_of(text, place):
    return text.count("\n", 0, place) + 1


class Function:
    """A function definition: name, parameters, and the lines it spans."""

    def __init__(self, name, head, parameters, start, body, end):
        self.name = name
        self.head = head
        self.parameters = parameters
        self.start = start
        self.body = body
        self.end = end


def last_group(head):
    """The last (...) of a declaration, and the text before it."""
    end = head.rfind(")")
    depth = 0
    for place in range(end, -1, -1):
        if head[place] == ")":
            depth += 1
        elif head[place] == "(":
            depth -= 1
            if depth == 0:
                return head[:place], head[place + 1:end]
    return head, ""


def count_parameters(group):
    if group.strip() in ("", "void"):
        return 0
    depth = 0
    count = 1
    for char in group:
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            count += 1
    return count


def functions(text):
    """Function definitions of a C text that strip() has been over."""
    text = re.sub(r'extern\s+"\s*"\s*\{',
                  lambda m: blank(m[0])[:-1] + ";", text)
    found = []
    depth = 0
    head_from = 0
    current = None
    for place, char in enumerate(text):
        if char == "{":
            if depth == 0:
                current = (head_from, place)
            depth += 1
        elif char == "}":
            depth = max(depth - 1, 0)
            if depth == 0:
                if current:
                    head = text[current[0]:current[1]]
                    function = as_function(head, current, place)
                    if function:
                        found.append(function)
                    current = None
                head_from = place + 1
        elif char == ";" and depth == 0:
            head_from = place + 1
    return found


def as_function(head, place, end):
    bare = head.strip()
    before, group = last_group(bare)
    name = re.search(r"(\w+)\s*$", before)
    if not bare.endswith(")") or not name or "=" in bare:
        return None
    start = place[0] + len(head) - len(head.lstrip())
    return Function(name[1], bare, count_parameters(group), start, place[1],
                    end)


def public_functions():
    """Name -> (path, line) of every function declared with CRAFT_API."""
    found = {}
    for path in c_files(("include",), (".h",)):
        text = strip(read(path))
        for match in re.finditer(r"^CRAFT_API\b([^;]*);", text, re.MULTILINE):
            declaration = match[1].strip()
            if not declaration.endswith(")"):
                continue
            name = re.search(r"(\w+)\s*\(", declaration)
            if name:
                found[name[1]] = (path, line_of(text, match.start()))
    return found


def parameter_types(group):
    """The types in a list of parameters, whatever these are called."""
    return tuple(re.sub(r"\s*(?<![\w*])\w+\s*$|(?<=\*)\w+\s*$", "",
                        " ".join(part.split()))
                 for part in group.split(","))


def public_hooks():
    """What a function pointer of a public header takes: whoever gives such a
    function has no choice of its parameters."""
    found = set()
    for path in c_files(("include",), (".h",)):
        for match in re.finditer(r"\(\*\w+\)\(([^()]*)\)", strip(read(path))):
            found.add(parameter_types(match[1]))
    return found


def output_of(*command):
    run = subprocess.run(command, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    return run.returncode, run.stdout.decode(errors="replace")


def libraries():
    """The static libraries of the build."""
    if not os.path.isdir(BUILD):
        skip("no build at " + BUILD)
    found = [os.path.join(BUILD, name) for name in sorted(os.listdir(BUILD))
             if re.fullmatch(r"libcraft\w*\.a", name)]
    if not found:
        skip("no static library in " + BUILD)
    return found
