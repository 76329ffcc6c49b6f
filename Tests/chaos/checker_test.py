#!/usr/bin/env python3
"""Tests the chaos test's judgement: what is right passes, and each way to be wrong is seen and called by its name.

Without it, a checker that finds nothing would look like a pipeline that loses nothing.
"""
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import expect
import report
import verdict
from machinery import ROOT
from observe import Seen

RAW, EXTRACTOR = "chaos.raw", expect.EXTRACTOR_DLQ


def text(value):
    """JSON with decimals as they are written."""
    quoted = json.dumps({name: f"\x00{member}\x00" if isinstance(member, Decimal) else member for name, member in value.items()})
    return quoted.replace('"\\u0000', "").replace('\\u0000"', "").encode()


def orders():
    """A small input with some of everything."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders-0.csv"
        with open(path, "wb") as out:
            subprocess.run([str(ROOT / "scripts/make-orders"), "3000", "1", "--bad", "4", "--crlf", "--bom"], stdout=out, check=True)
        return expect.read([path], {"malformed-0": "parse."})


def perfect(expected):
    """What a pipeline without a fault leaves behind."""
    topics = {topic: [] for topic in expect.TOPICS}
    for topic, records in expected.records.items():
        for at, value in records.items():
            key = expected.keys[at].encode()
            topics[topic].append(Seen(topic, key[-1] % 6, len(topics[topic]), key, text(value), {}))
    topics[RAW].append(Seen(RAW, 3, len(topics[RAW]), b"malformed-0", b"{", {"x-source": b"elsewhere"}))
    dead = {}
    for stage, source in expect.STAGES.items():
        name = f"chaos.{stage}.dlq"
        dead[stage] = []
        for record in topics[source]:
            value = verdict.parse(record.value)
            code = expected.dead[name].get(value["ordered_at"] if value else ("key", record.key.decode()))
            if code:
                why = dict.fromkeys(verdict.HEADERS, "1") | {"topology": "chaos", "stage": stage, "topic": source, "code": code + "x",
                                                             "partition": str(record.partition), "offset": str(record.offset)}
                headers = record.headers | {"etl.dlq." + header: what.encode() for header, what in why.items()}
                dead[stage].append(Seen(name, 0, len(dead[stage]), record.key, record.value, headers))
    bad = [Seen(EXTRACTOR, 0, n, None, raw,
                {"etl.dlq.code": b"csv.x", "etl.dlq.file": b"/x/" + file.encode(), "etl.dlq.row": b"%d" % row})
           for n, ((file, row), raw) in enumerate(expected.bad_rows.items())]
    return topics, dead, bad, [dict(row) for row in expected.table.values()]


def first_and_last(records):
    """Where the first and the last record of the most frequent key are."""
    key = max(records, key=lambda record: sum(other.key == record.key for other in records)).key
    places = [index for index, record in enumerate(records) if record.key == key]
    assert len(places) > 1
    return places[0], places[-1]


def swapped(records):
    first, last = first_and_last(records)
    result = list(records)
    result[first], result[last] = records[last], records[first]
    return result


def changed(records, index=0, **changes):
    return [*records[:index], replace(records[index], **changes), *records[index + 1:]]


def relabelled(records, header, what):
    return changed(records, headers=records[0].headers | {"etl.dlq." + header: what})


def shown(place):
    """The columns of the printed table that aren't 0."""
    head, _, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in report.table([place]).splitlines())
    return [name for name, count in list(zip(head, row))[3:] if count != "0"]


def main():
    expected = orders()
    topics, dead, bad, rows = perfect(expected)
    raw, validate = topics[RAW], dead["validate"]
    sources = {stage: {(r.partition, r.offset): r for r in topics[source]} for stage, source in expect.STAGES.items()}
    keyed = next(index for index, record in enumerate(raw) if verdict.parse(record.value))

    def judge_topic(records):
        return verdict.topic(RAW, records, expected)

    def judge_dead(records):
        return verdict.dead_letters("validate", records, sources["validate"], expected)

    def judge_bad(records):
        return verdict.bad_rows(records, expected)

    def judge_table(records):
        return verdict.table(records, expected)

    cases = [(f"a right {topic}", verdict.topic(topic, records, expected), None) for topic, records in topics.items()]
    cases += [(f"a right {stage}.dlq", verdict.dead_letters(stage, records, sources[stage], expected), None)
              for stage, records in dead.items()]
    price = raw[keyed].value.replace(b'"unit_price": ', b'"unit_price": 1')
    cases += [
        ("right malformed rows", judge_bad(bad), None),
        ("a right table", judge_table(rows), None),
        ("a record lost", judge_topic(raw[1:]), "lost"),
        ("an injected record lost", judge_topic(raw[:-1]), "lost"),
        ("a record twice", judge_topic([*raw, raw[keyed]]), "doubled"),
        ("a value changed", judge_topic(changed(raw, keyed, value=price)), "wrong"),
        ("a key changed", judge_topic(changed(raw, keyed, key=b"other")), "wrong"),
        ("an order of records changed", judge_topic(swapped(raw)), "reordered"),
        ("a key in two partitions", judge_topic(changed(raw, first_and_last(raw)[1], partition=77)), "wrong"),
        ("a record that belongs elsewhere", judge_topic([*raw, replace(raw[0], value=b'{"ordered_at": "never"}')]), "wrong"),
        ("a dead letter lost", judge_dead(validate[1:]), "lost"),
        ("a dead letter twice", judge_dead([*validate, validate[0]]), "doubled"),
        ("a dead letter's bytes changed", judge_dead(changed(validate, value=validate[0].value + b" ")), "wrong"),
        ("a dead letter's key changed", judge_dead(changed(validate, key=b"c-x")), "wrong"),
        ("a dead letter's offset wrong", judge_dead(relabelled(validate, "offset", b"999999")), "wrong"),
        ("a dead letter's code wrong", judge_dead(relabelled(validate, "code", b"other")), "wrong"),
        ("a dead letter without a header", judge_dead(changed(validate, headers={})), "wrong"),
        ("an original header lost", judge_dead(changed(validate, len(validate) - 1, headers={
            name: what for name, what in validate[-1].headers.items() if name != "x-source"})), "wrong"),
        ("a malformed row lost", judge_bad(bad[1:]), "lost"),
        ("a malformed row twice", judge_bad([*bad, bad[0]]), "doubled"),
        ("a malformed row cut", judge_bad(changed(bad, value=bad[0].value[:-1])), "wrong"),
        ("a row lost", judge_table(rows[1:]), "lost"),
        ("a row twice", judge_table([*rows, rows[0]]), "doubled"),
        ("an amount wrong by a cent", judge_table([rows[0] | {"total": rows[0]["total"] + Decimal("0.01")}, *rows[1:]]), "wrong"),
        ("a row that doesn't belong", judge_table([*rows, rows[0] | {"ordered_at": rows[0]["ordered_at"] + timedelta(999)}]), "wrong"),
    ]
    failed = False
    for what, place, kind in cases:
        seen = [name for name in verdict.KINDS if getattr(place, name)]
        right = place.right if kind is None else kind in seen and not place.right
        # Out of order is that and nothing else; whatever else is wrong may put records out of order as well.
        right &= kind != "reordered" or seen == ["reordered"]
        right &= shown(place) == seen
        right &= place.right_for("at_least_once") == (kind in (None, "doubled"))
        failed |= not right
        print(f"{'ok  ' if right else 'FAIL'} checker: {what}" + ("" if right else f"\n     expected {kind or 'nothing'}, saw {seen}"))
        if not right:
            print("     " + "; ".join(map(str, place.wrong[:3])))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
