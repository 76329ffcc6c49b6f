#!/usr/bin/env python3
"""Rules of this code base that no compiler checks. One line for each rule: `ok   style: …`, or `FAIL style: …` and where."""
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Each C library has one importer; what it gives to others is Swift.
IMPORTERS = {"CRdkafka": {"Kafka"}, "CPostgres": {"Postgres"}, "CYAML": {"YAML"}, "CRE2": {"CEL", "JSONSchema"}, "CMicrohttpd": {"HTTPServer"}, "CBytes": {"Bytes", "JSON", "ETL"}}
LINE, ROW, FILE, USUAL = 132, 200, 600, 350
HOT = "// Hot path: per record."
UNSAFE = re.compile(r"\btry!|\bas!|\bfatalError\(|\bpreconditionFailure\(")
SLEEP = re.compile(r"\b(?:u|nano)?sleep\(|\.sleep\(")
UNDONE = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X:|HA" + r"CK)\b")
DECLARATION = re.compile(r"^(?:@\w+(?:\([^)]*\))?\s+)*public (?:final )?(?:struct|enum|class|protocol|actor|func) ")


class Source:
    def __init__(self, path):
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.lines = path.read_text(encoding="utf-8").splitlines()

    def where(self, number, what=""):
        return f"{self.name}:{number}" + (f": {what}" if what else "")

    def code(self):
        """Line numbers and lines without their comments and the text of their string literals."""
        for number, line in enumerate(self.lines, 1):
            bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
            yield number, bare.partition("//")[0]

    def explained(self, number):
        """Whether a comment on the line or the one above says why."""
        here, above = self.lines[number - 1], self.lines[number - 2] if number > 1 else ""
        return "//" in re.sub(r'"(?:\\.|[^"\\])*"', '""', here) or above.lstrip().startswith("//")


def find(folder, *patterns):
    return [Source(path) for pattern in patterns for path in sorted((ROOT / folder).rglob(pattern))]


SOURCES, TESTS = find("Sources", "*.swift"), find("Tests", "*.swift") + find("Benchmarks", "*.swift")
SCRIPTS = [Source(path) for path in sorted((ROOT / "scripts").iterdir()) if path.is_file()] + find("Tests", "*.py") + find("Benchmarks", "*.py")
C = find("Sources", "*.h", "*.c", "*.cpp") + find("Benchmarks", "*.h", "*.c", "*.cpp")


def importers():
    for source in SOURCES:
        module = source.path.relative_to(ROOT / "Sources").parts[0]
        for number, line in source.code():
            match = re.match(r"\s*(?:@\w+ )?(?:\w+ )?import (\w+)", line)
            if match and module not in IMPORTERS.get(match[1], {module}):
                yield source.where(number, f"{module} imports {match[1]}, which only {', '.join(sorted(IMPORTERS[match[1]]))} may")


def no_foundation():
    for source in SOURCES:
        for number, line in source.code():
            if re.search(r"\bimport (?:Foundation|Dispatch)\w*", line):
                yield source.where(number, "what a pod runs does without it")


def lengths():
    for source in SOURCES + TESTS + SCRIPTS + C:
        if len(source.lines) > FILE:
            yield f"{source.name}: {len(source.lines)} lines, more than {FILE}"
    sizes = sorted(len(source.lines) for source in SOURCES)
    long = [size for size in sizes if size > USUAL]
    if len(long) * 10 > len(sizes):
        yield f"{len(long)} of {len(sizes)} source files are above {USUAL} lines, one in ten may; median {statistics.median(sizes)}"


def widths():
    for source in SOURCES + TESTS + SCRIPTS + C:
        for number, line in enumerate(source.lines, 1):
            # The row of a test's table may hold one long text: cut in two it would be harder to read.
            limit = LINE if source in SOURCES else ROW
            if len(line) > limit:
                yield source.where(number, f"{len(line)} characters, more than {limit}")
            elif line != line.rstrip() or "\t" in line and source.path.suffix == ".swift":
                yield source.where(number, "white space at the end, or a tab")


def undone():
    for source in SOURCES + TESTS + SCRIPTS + C:
        for number, line in enumerate(source.lines, 1):
            if UNDONE.search(line):
                yield source.where(number, line.strip())


def traps():
    for source in SOURCES:
        for number, line in source.code():
            if UNSAFE.search(line) and not source.explained(number):
                yield source.where(number, f"{line.strip()} (a comment must say why it can't happen)")


def sleeps():
    for source in TESTS:
        for number, line in source.code():
            if SLEEP.search(line) and not source.explained(number):
                yield source.where(number, f"{line.strip()} (wait for a condition; a comment must justify a pause between looks)")


def hot():
    for source in SOURCES:
        marked = [number for number, line in enumerate(source.lines, 1) if line.startswith("// Hot path")]
        if marked and (marked != [1] or source.lines[0] != HOT):
            yield source.where(marked[0], f"the first line, and nothing else, is '{HOT}'")
        if source.lines[:1] == [HOT]:
            for number, line in source.code():
                if re.search(r"\bany [A-Z]|\bprint\(|\bNSLock\b", line):
                    yield source.where(number, f"{line.strip()} (per record: no existential, no output, no lock)")


def documented():
    for source in SOURCES:
        for number, line in source.code():
            if not DECLARATION.match(line):
                continue
            above = number - 2
            while above >= 0 and source.lines[above].strip().startswith("@"):
                above -= 1
            if above < 0 or not source.lines[above].strip().startswith("///"):
                yield source.where(number, f"{line.strip()[:90]} (public, so it needs a doc comment)")


RULES = {
    "each C library is imported by one module": importers,
    "no Foundation in Sources": no_foundation,
    f"no file above {FILE} lines, nine in ten under {USUAL}": lengths,
    f"no line above {LINE} characters (in tests {ROW}), no stray white space": widths,
    "nothing left undone": undone,
    "traps are explained": traps,
    "tests wait for conditions": sleeps,
    "hot files say so in their first line": hot,
    "public types and functions are documented": documented,
}


def main():
    failed = False
    for rule, check in RULES.items():
        faults = list(check())
        failed |= bool(faults)
        print(f"{'FAIL' if faults else 'ok  '} style: {rule}" + (f": {len(faults)} faults" if faults else ""))
        for fault in faults[:20]:
            print(f"     {fault}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
