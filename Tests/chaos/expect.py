"""What must become of each order, read from the CSV files by rules written a second time, without a line of the engine's."""
import csv
import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

LOOKUP = Path(__file__).parents[2] / "topologies/lookups/countries.csv"
COLUMNS = "order_id,customer_id,ordered_at,country,currency,sku,quantity,unit_price,status,email,note".split(",")
TOPICS = ["chaos.raw", "chaos.validated", "chaos.enriched", "chaos.load"]
STAGES = {"validate": "chaos.raw", "enrich": "chaos.validated", "select": "chaos.enriched", "load_postgres": "chaos.load"}
EXTRACTOR_DLQ = "chaos.orders_csv.dlq"


@dataclass
class Row:
    """One row of a CSV file: its bytes without the line end, its fields, where it stood."""
    file: str
    number: int  # of the row in its file; the header is row 0
    raw: bytes
    fields: list


@dataclass
class Expected:
    """By place (a topic, or `table`): what must be there exactly once. An order is known by its ordered_at, which is unique."""
    records: dict = field(default_factory=lambda: {topic: {} for topic in TOPICS})  # topic → ordered_at → the record's value
    order: dict = field(default_factory=dict)  # ordered_at → its place in the input
    keys: dict = field(default_factory=dict)  # ordered_at → key
    dead: dict = field(default_factory=dict)  # topic → identity → start of the code
    bad_rows: dict = field(default_factory=dict)  # (file, row number) → raw bytes
    table: dict = field(default_factory=dict)  # ordered_at → values
    refunded: int = 0


def rows_of(path):
    """The rows of a file: a row ends at the first line end outside quotes, and there the quotes so far are even in number."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    pending, number = [], 0
    for line in data.split(b"\n"):
        pending.append(line)
        raw = b"\n".join(pending)
        if raw.count(b'"') % 2:
            continue
        pending = []
        raw = raw.removesuffix(b"\r")
        if raw:
            text = raw.decode()
            yield Row(path.name, number, raw, next(csv.reader([text], strict=True)) if '"' not in text else
                      next(csv.reader(text.splitlines(keepends=True), strict=True)))
            number += 1
    assert not any(pending), f"{path} ends inside quotes"


def countries():
    with open(LOOKUP, newline="") as file:
        return {row["code"]: (row["region"], Decimal(row["vat_rate"])) for row in csv.DictReader(file)}


def is_integer(text):
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit()


def read(paths, injected):
    """What must become of the orders in the files and of the injected records ({key: code prefix})."""
    expected = Expected()
    lookup = countries()
    for stage in STAGES:
        expected.dead[f"chaos.{stage}.dlq"] = {}
    expected.dead["chaos.validate.dlq"].update({("key", key): code for key, code in injected.items()})
    for path in sorted(paths):
        for row in rows_of(path):
            if row.number == 0:
                assert row.fields == COLUMNS, f"unknown header in {path}"
            else:
                judge(row, lookup, expected)
    return expected


def judge(row, lookup, expected):
    """Follows one row as far as it must come."""
    if len(row.fields) != len(COLUMNS) or not is_integer(row.fields[COLUMNS.index("quantity")]):
        expected.bad_rows[row.file, row.number] = row.raw
        return
    value = {name: text if text else None for name, text in zip(COLUMNS, row.fields)}
    value["quantity"] = int(value["quantity"])
    value["unit_price"] = Decimal(value["unit_price"])
    at = value["ordered_at"]
    assert at not in expected.order, f"ordered_at {at} twice in the input"
    expected.order[at] = len(expected.order)
    expected.keys[at] = value["customer_id"]
    expected.records["chaos.raw"][at] = dict(value)
    dead = expected.dead
    if value["order_id"] is None or value["quantity"] < 1:
        dead["chaos.validate.dlq"][at] = "validate."
        return
    if value["unit_price"] <= 0:
        dead["chaos.validate.dlq"][at] = "check."
        return
    expected.records["chaos.validated"][at] = dict(value)
    if value["country"] not in lookup:
        dead["chaos.enrich.dlq"][at] = "lookup."
        return
    region, rate = lookup[value["country"]]
    total = value["quantity"] * value["unit_price"]
    value.update(region=region, total=total, vat=total * rate)
    expected.records["chaos.enriched"][at] = dict(value)
    if value["status"] == "refunded":
        expected.refunded += 1
        return
    del value["email"]
    expected.records["chaos.load"][at] = dict(value)
    if value["quantity"] >= 2**31 or value["currency"] == "XXX":
        dead["chaos.load_postgres.dlq"][at] = "load."
        return
    value["ordered_at"] = datetime.fromisoformat(at.replace("Z", "+00:00"))
    expected.table[at] = value


def parse(value):
    """A record's value with its numbers exact, or None if it is no JSON object."""
    try:
        parsed = json.loads(value, parse_float=Decimal)
        return parsed if isinstance(parsed, dict) else None
    except (ValueError, TypeError):
        return None
