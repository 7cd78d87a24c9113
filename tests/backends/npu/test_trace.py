"""Traces: a span for every busy instruction, arrows in pairs, counters that end at zero."""

from collections import Counter
from itertools import pairwise

from aic.backends.npu.report.trace import trace
from aic.backends.npu.sim.event import timeline

from .example import example


def test_a_trace_has_what_ran_and_why_it_waited():
    program = example()
    ran = timeline(program)
    document = trace(program, ran)
    events = document["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    assert len(spans) == sum(ins.name not in ("sync", "mark", "halt") for ins in program.text)
    first = next(e for e in spans if e["name"] == "mm")
    assert (first["ts"], first["dur"], first["tid"]) == (776, 512, 2)
    assert first["args"] == {"ins": 5, "layer": "(none)", "visible": 1350}
    assert next(e for e in spans if e["name"] == "ld.w")["args"]["bytes"] == 8192
    arrows = Counter(e["id"] for e in events if e["ph"] in "sf")
    assert arrows and set(arrows.values()) == {2}
    starts = {e["id"]: e["ts"] for e in events if e["ph"] == "s"}
    assert all(starts[e["id"]] <= e["ts"] for e in events if e["ph"] == "f")
    for name in ("DRAM bytes/cycle", "SPAD bytes"):
        counted = [e for e in events if e["name"] == name]
        assert counted and not any(counted[-1]["args"].values())
        assert [e["ts"] for e in counted] == sorted(e["ts"] for e in counted)


def test_a_trace_keeps_what_viewers_ask_for():
    program = example()
    events = trace(program, timeline(program))["traceEvents"]
    tracks: dict[int, list[dict]] = {}
    for e in events:
        if e["ph"] == "X":
            tracks.setdefault(e["tid"], []).append(e)
    for spans in tracks.values():
        spans.sort(key=lambda e: e["ts"])
        assert all(a["ts"] + a["dur"] <= b["ts"] for a, b in pairwise(spans)), "spans of a track nest or are apart"
    named = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert named == dict(enumerate(("lda", "ldw", "mxu", "vpu", "st", "layers")))
    begun = Counter((e["cat"], e["id"], e["name"]) for e in events if e["ph"] == "b")
    assert begun == Counter((e["cat"], e["id"], e["name"]) for e in events if e["ph"] == "e")


def test_two_buffers_overlap_loads_and_products():
    def shared(buffers: int) -> int:
        """Cycles in which a load of activations and a product run at once."""
        program = example(buffers)
        spans = [e for e in trace(program, timeline(program))["traceEvents"] if e["ph"] == "X"]
        loads, products = ([(e["ts"], e["ts"] + e["dur"]) for e in spans if e["name"] == n] for n in ("ld.a", "mm"))
        return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in loads for b in products)

    assert shared(1) == 0 and shared(2) > 1000
