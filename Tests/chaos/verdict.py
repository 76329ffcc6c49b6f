"""Compares what was seen with what must be, place by place."""
from collections import Counter
from dataclasses import dataclass, field

from expect import EXTRACTOR_DLQ, STAGES, TOPICS, parse

# Every dead letter of a stage tells these; `pointer` only where a field is to blame.
HEADERS = ["topology", "stage", "step", "code", "message", "topic", "partition", "offset", "timestamp", "attempt",
           "first_failed_at", "failed_at"]
HIDDEN = "…"
# What can be wrong with a place, in the order it is told.
KINDS = ("lost", "doubled", "reordered", "wrong")


@dataclass
class Place:
    name: str
    expected: int
    found: int
    lost: list = field(default_factory=list)
    doubled: list = field(default_factory=list)
    reordered: list = field(default_factory=list)
    wrong: list = field(default_factory=list)

    @property
    def right(self):
        return not any(getattr(self, kind) for kind in KINDS)

    def right_for(self, delivery):
        """At least once a record may come again; all else holds as well."""
        return not (self.lost or self.reordered or self.wrong) if delivery == "at_least_once" else self.right


def compare(name, expected, found):
    """A place where the identities in `expected` must be once each. `found`: identities, None for what can't be told."""
    counts = Counter(found)
    place = Place(name, len(expected), sum(counts.values()))
    place.lost = [identity for identity in expected if identity not in counts]
    place.doubled = [identity for identity, count in counts.items() if count > 1 and identity in expected]
    place.wrong = [f"{identity} doesn't belong here" for identity in counts if identity not in expected]
    return place


def topic(name, records, expected):
    """A topic between stages: each record once, with its exact values, key, and the order of its key's records kept
    (where one is doubled, in the order they first came)."""
    wanted, injected = expected.records[name], dict(expected.dead["chaos.validate.dlq"]) if name == TOPICS[0] else {}
    injected = {identity for identity in injected if isinstance(identity, tuple)}
    values = [(record, parse(record.value)) for record in records]
    identities = []
    last, partitions, reordered, wrong, met = {}, {}, [], [], set()
    for record, value in values:
        key = record.key.decode() if record.key is not None else None
        at = value.get("ordered_at") if value else None
        identity = at if at else ("key", key)
        identities.append(identity)
        if identity in injected or identity not in wanted:
            continue
        where = f"{name}[{record.partition}]@{record.offset}"
        if value != wanted[at]:
            wrong.append(f"{where}: values differ: {differing(value, wanted[at])}")
        if key != expected.keys[at]:
            wrong.append(f"{where}: key {key!r} is not {expected.keys[at]!r}")
        if partitions.setdefault(key, record.partition) != record.partition:
            wrong.append(f"{where}: key {key!r} is in partition {partitions[key]} too")
        if at not in met and last.get(key, -1) > expected.order[at]:
            reordered.append(f"{where}: comes after a later order of key {key!r}")
        last[key] = max(last.get(key, -1), expected.order[at])
        met.add(at)
    place = compare(name, {**wanted, **dict.fromkeys(injected)}, identities)
    place.reordered = reordered
    place.wrong += wrong
    return place


def differing(got, want):
    return ", ".join(f"{k}: {got.get(k, HIDDEN)!r} for {want.get(k, HIDDEN)!r}" for k in sorted(got.keys() | want.keys())
                     if got.get(k, HIDDEN) != want.get(k, HIDDEN))


def dead_letters(stage, records, sources, expected):
    """A stage's dead letters: each once, as the record lay in the topic it came from, with headers that say where and why.
    `sources`: the topic's records by partition and offset."""
    name = f"chaos.{stage}.dlq"
    wanted, identities, wrong = expected.dead[name], [], []
    for record in records:
        where = f"{name}[{record.partition}]@{record.offset}"
        headers = {key.removeprefix("etl.dlq."): (text or b"").decode(errors="replace") for key, text in record.headers.items()}
        value = parse(record.value)
        key = record.key.decode() if record.key is not None else None
        identity = value["ordered_at"] if value and value.get("ordered_at") else ("key", key)
        identities.append(identity)
        missing = [header for header in HEADERS if "etl.dlq." + header not in record.headers]
        if missing:
            wrong.append(f"{where}: lacks the headers {', '.join(missing)}")
            continue
        if (headers["topology"], headers["stage"], headers["topic"]) != ("chaos", stage, STAGES[stage]):
            wrong.append(f"{where}: says it is of {headers['topology']}.{headers['stage']} and topic {headers['topic']}")
            continue
        source = sources.get((int(headers["partition"]), int(headers["offset"])))
        if source is None:
            wrong.append(f"{where}: nothing is at {STAGES[stage]}[{headers['partition']}]@{headers['offset']}, where it was")
            continue
        if source.value != record.value or source.key != record.key:
            wrong.append(f"{where}: value or key isn't that of the record it was")
        if any(record.headers.get(header) != text for header, text in source.headers.items()):
            wrong.append(f"{where}: headers of the record it was are missing or changed")
        if identity in wanted and not headers["code"].startswith(wanted[identity]):
            wrong.append(f"{where}: code {headers['code']!r} doesn't start with {wanted[identity]!r}")
    place = compare(name, wanted, identities)
    place.wrong += wrong
    return place


def bad_rows(records, expected):
    """The extractor's dead letters: the bytes of each malformed row once, with its file and row number."""
    identities, wrong = [], []
    for record in records:
        where = f"{EXTRACTOR_DLQ}[{record.partition}]@{record.offset}"
        headers = {key: (text or b"").decode(errors="replace") for key, text in record.headers.items()}
        if not headers.get("etl.dlq.code", "").startswith("csv."):
            wrong.append(f"{where}: code {headers.get('etl.dlq.code')!r} doesn't start with 'csv.'")
        identity = headers.get("etl.dlq.file", "").rsplit("/", 1)[-1], int(headers.get("etl.dlq.row", -1))
        identities.append(identity)
        if identity in expected.bad_rows and record.value != expected.bad_rows[identity]:
            wrong.append(f"{where}: not the bytes of row {identity[1]} of {identity[0]}")
    place = compare(EXTRACTOR_DLQ, expected.bad_rows, identities)
    place.wrong += wrong
    return place


def table(rows, expected):
    """The table: each good order once, each column exactly."""
    by_time = {row["ordered_at"]: at for at, row in expected.table.items()}
    identities, wrong = [], []
    for row in rows:
        identity = by_time.get(row["ordered_at"], row["order_id"])
        identities.append(identity)
        if identity in expected.table and row != expected.table[identity]:
            wrong.append(f"table row {row['order_id']}: {differing(row, expected.table[identity])}")
    place = compare("table orders", expected.table, identities)
    place.wrong += wrong
    return place
