"""clang-format 14 would change nothing."""

import shutil

import tidy

SHOWN_MAX = 40


def main():
    report = tidy.Report("format")
    tool = shutil.which("clang-format-14")
    if not tool:
        tidy.skip("no clang-format-14")
    files = tidy.c_files()
    report.looked_at = len(files)
    code, text = tidy.output_of(tool, "--style=file", "--dry-run", "-Werror",
                                *files)
    if code != 0:
        faults = [line.split(": error:")[0] for line in text.splitlines()
                  if ": error:" in line]
        report.faults = len(faults) or 1
        for fault in faults[:SHOWN_MAX]:
            print("%s: not as clang-format 14 has it" % tidy.relative(fault))
        if not faults:
            print(text)
        print("mend with: clang-format-14 -i FILE")
    report.end()


main()
