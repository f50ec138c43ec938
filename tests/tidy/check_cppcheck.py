"""cppcheck finds nothing in the library and the examples; what is not asked
of it stands, with reasons, in cppcheck.txt."""

import os
import shutil

import tidy


def suppressions():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "cppcheck.txt")
    lines = [line.split("#")[0].strip() for line in tidy.read(path).split("\n")]
    return ["--suppress=" + line for line in lines if line]


def main():
    report = tidy.Report("cppcheck")
    tool = shutil.which("cppcheck")
    if not tool:
        tidy.skip("no cppcheck")
    files = [path for path in tidy.c_files(("src", "examples"), (".c",))
             if os.path.basename(path) != "craft_all.c"]
    report.looked_at = len(files)
    if not files:
        tidy.skip("no C files yet")
    code, text = tidy.output_of(
        tool, "--quiet", "--std=c11", "--language=c", "-j2", "--inline-suppr",
        "--enable=warning,style,performance,portability", "--library=posix",
        "--error-exitcode=1", "--template={file}:{line}: {id}: {message}",
        "-I", os.path.join(tidy.ROOT, "include"),
        "-I", os.path.join(tidy.ROOT, "src"), *suppressions(), *files)
    if code != 0:
        print(text.replace(tidy.ROOT + "/", ""), end="")
        report.faults = len(text.splitlines()) or 1
    report.end()


main()
