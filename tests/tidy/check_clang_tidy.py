"""clang-tidy 14 finds nothing in the library and the examples; what it looks
for stands in .clang-tidy."""

import re
import shutil
import sys

import compiledb
import tidy


def main():
    report = tidy.Report("clang-tidy")
    tool = shutil.which("clang-tidy-14")
    if not tool:
        tidy.skip("no clang-tidy-14")
    units = [unit for unit in compiledb.units()
             if re.match(r"(?:src/(?!craft_all)|examples/)",
                         tidy.relative(unit.path))]
    report.looked_at = len(units)

    def look_at(unit):
        return tidy.output_of(tool, "--quiet", unit.path, "--", *unit.flags)

    for unit, (code, text) in compiledb.for_each(units, look_at):
        if code != 0 or ": warning:" in text:
            report.faults += len(re.findall(r": (?:error|warning):",
                                            text)) or 1
            sys.stdout.write(text.replace(tidy.ROOT + "/", ""))
    report.end()


main()
