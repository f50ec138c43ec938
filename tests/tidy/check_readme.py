"""The complete programs of README.md compile without a warning and run."""

import os
import re
import shutil
import subprocess
import tempfile

import tidy

SECONDS = 20


def check_program(report, path, line, program, work):
    source = os.path.join(work, "readme.c")
    binary = os.path.join(work, "readme")
    with open(source, "w", encoding="utf-8") as file:
        file.write(program)
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    build = [os.path.join(tidy.BUILD, name)
             for name in ("libcraft_posix.a", "libcraft.a")]
    code, text = tidy.output_of(
        compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
        "-D_GNU_SOURCE", "-I", os.path.join(tidy.ROOT, "include"), source,
        *build, "-pthread", "-o", binary)
    if code != 0:
        report.fault(path, line, "does not compile:\n" + text)
        return
    try:
        run = subprocess.run([binary], stdout=subprocess.PIPE, cwd=work,
                             stderr=subprocess.STDOUT, timeout=SECONDS,
                             check=False)
    except subprocess.TimeoutExpired:
        report.fault(path, line, "does not end within %d s" % SECONDS)
        return
    if run.returncode != 0:
        report.fault(path, line, "ends with %d:\n%s"
                     % (run.returncode, run.stdout.decode(errors="replace")))


def main():
    report = tidy.Report("readme")
    path = os.path.join(tidy.ROOT, "README.md")
    if not os.path.isfile(path):
        tidy.skip("no README.md yet")
    tidy.libraries()
    text = tidy.read(path)
    with tempfile.TemporaryDirectory() as work:
        for match in re.finditer(r"^```c\n(.*?)^```", text,
                                 re.MULTILINE | re.DOTALL):
            if not re.search(r"\bint main\(", match[1]):
                continue
            report.looked_at += 1
            check_program(report, path, tidy.line_of(text, match.start()),
                          match[1], work)
    if len(text.split("\n")) > 201:
        report.fault(path, 201, "more than 200 lines")
    report.end()


main()
