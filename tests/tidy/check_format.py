"""clang-format 14 would change nothing."""

import shutil

import tidy


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
        print(text.replace(tidy.ROOT + "/", ""), end="")
        report.faults = text.count("error:") or 1
        print("mend with: clang-format-14 -i FILE")
    report.end()


main()
