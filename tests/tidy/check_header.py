"""Each public header compiles alone as C99, C11, C17 and C++17, without a
warning."""

import os
import shutil
import tempfile

import tidy

STRICT = ["-Wall", "-Wextra", "-pedantic", "-Wundef", "-Werror",
          "-fsyntax-only"]
STANDARDS = ("c99", "c11", "c17", "c++17")


def main():
    report = tidy.Report("header")
    c_compiler = os.environ.get("CC") or shutil.which("cc") or \
        shutil.which("gcc")
    cxx_compiler = os.environ.get("CXX") or shutil.which("c++") or \
        shutil.which("g++") or shutil.which("clang++-14")
    include = os.path.join(tidy.ROOT, "include")
    with tempfile.TemporaryDirectory() as work:
        for path in tidy.c_files(("include",), (".h",)):
            name = os.path.relpath(path, include)
            for standard in STANDARDS:
                cxx = standard.startswith("c++")
                compiler = cxx_compiler if cxx else c_compiler
                if not compiler:
                    continue
                report.looked_at += 1
                source = os.path.join(work, "alone.cpp" if cxx else "alone.c")
                with open(source, "w", encoding="utf-8") as file:
                    # Twice: the guard is part of it.
                    file.write('#include "%s"\n' % name * 2)
                strict = STRICT if cxx else STRICT + ["-Wstrict-prototypes"]
                code, text = tidy.output_of(
                    compiler, "-std=" + standard, *strict, "-I", include,
                    source)
                if code != 0:
                    report.fault(path, 1, "as %s:\n%s" % (standard, text))
    if not c_compiler:
        report.leave_out("no C compiler")
    if not cxx_compiler:
        report.leave_out("no C++ compiler (Debian: g++)")
    report.end()


main()
