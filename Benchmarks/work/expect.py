"""expect.py COUNTRIES < records: how many must come out, become dead letters and be dropped: a reading of the rules of
topologies/W2.yaml, and of event.yaml where a record has an id, that shares no code with what is measured. Prints `out dead
dropped`."""
import csv
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    countries = {row["code"] for row in csv.DictReader(file)}


def whole(value):
    return type(value) is int


def verdict(line):
    try:
        record = json.loads(line)
    except ValueError:
        return "dead"
    if "id" in record:
        good = whole(record["id"]) and type(record["value"]) in (int, float) and record["value"] > 0
        unwanted = record["kind"] == "ping"
    else:
        quantity, price = record.get("quantity"), record.get("unit_price")
        good = record.get("order_id") is not None and record.get("customer_id") is not None
        good = good and whole(quantity) and quantity >= 1 and type(price) in (int, float) and price > 0
        unwanted = record.get("status") == "refunded"
    if not good or record.get("country") not in countries:
        return "dead"
    return "dropped" if unwanted else "out"


counts = {"out": 0, "dead": 0, "dropped": 0}
for text in sys.stdin:
    counts[verdict(text)] += 1
print(counts["out"], counts["dead"], counts["dropped"])
