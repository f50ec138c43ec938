"""clang compiles everything without a warning: every command of the build is
repeated with it, up to code generation."""

import shutil
import sys

import compiledb
import tidy


def main():
    report = tidy.Report("clang")
    clang = shutil.which("clang-14")
    if not clang:
        tidy.skip("no clang-14")
    units = compiledb.units()
    report.looked_at = len(units)

    def compile_one(unit):
        return tidy.output_of(clang, "-fsyntax-only", "-Werror", *unit.flags,
                              unit.path)

    for unit, (code, text) in compiledb.for_each(units, compile_one):
        if code != 0:
            report.faults += 1
            sys.stdout.write(text.replace(tidy.ROOT + "/", ""))
    report.end()


main()
