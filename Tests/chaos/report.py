"""Judges what became of the input, and says it: as tables for people, and as `ok` and `FAIL` lines for scripts/test."""
import expect
import observe
import verdict

SHOWN = 5


def judge(pipeline, topics):
    """Whether all is right. `topics`: the records of each topic between stages."""
    kafka, delivery = pipeline.kafka, pipeline.given.delivery
    expected = expect.read(list(pipeline.data.iterdir()), pipeline.injected)
    places = [verdict.topic(topic, topics[topic], expected) for topic in expect.TOPICS]
    places.append(verdict.bad_rows(kafka.read(expect.EXTRACTOR_DLQ), expected))
    for stage, topic in expect.STAGES.items():
        sources = {(record.partition, record.offset): record for record in topics[topic]}
        places.append(verdict.dead_letters(stage, kafka.read(f"chaos.{stage}.dlq"), sources, expected))
    places.append(verdict.table(observe.table(pipeline.services.url), expected))
    undone = sum(len(kafka.read(topic, "read_uncommitted")) - len(topics[topic]) for topic in expect.TOPICS)
    bad = sum(map(len, expected.dead.values())) + len(expected.bad_rows)
    orders = len(expected.order) + len(expected.bad_rows)
    print(f"\n{orders:,} orders in {pipeline.files} files and {len(pipeline.injected)} injected records: {len(expected.table):,} "
          f"belong in the table,\n{expected.refunded:,} are refunded, {bad:,} are bad. {undone:,} records were written and undone by "
          f"aborted transactions.\n")
    print("| fault survived | times |\n|---|---:|")
    for fault, times in sorted(pipeline.counts.items()):
        print(f"| {fault} | {times} |")
    print(f"| **all** | **{sum(pipeline.counts.values())}** |")
    print("\n" + table(places))
    for what, times in sorted(pipeline.notes.items()):
        print(f"noted {times} times: {what}")
    for place in places:
        print(f"{'ok  ' if place.right_for(delivery) else 'FAIL'} chaos: {place.name}")
        for kind in verdict.KINDS:
            if kind != "doubled" or delivery == "exactly_once":
                for what in getattr(place, kind)[:SHOWN]:
                    print(f"     {kind}: {what}")
    failures(pipeline)
    return all(place.right_for(delivery) for place in places) and not pipeline.failures


def table(places):
    """Markdown: a row for each place, a column for each way to be wrong."""
    head = ["place", "expected", "found", *verdict.KINDS]
    rows = [[place.name, f"{place.expected:,}", f"{place.found:,}", *(str(len(getattr(place, kind))) for kind in verdict.KINDS)]
            for place in places]
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, *rows]]
    return "\n".join([lines[0], "|---|" + "---:|" * (len(head) - 1), *lines[1:]]) + "\n"


def failures(pipeline):
    print(f"{'FAIL' if pipeline.failures else 'ok  '} chaos: every process ended only when it was to, and as it was to")
    for failure in pipeline.failures[:SHOWN]:
        print(f"     {failure}")
