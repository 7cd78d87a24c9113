"""Traces: a span for every busy instruction, arrows in pairs, counters that end at zero."""

from collections import Counter

from aic.backends.npu.sim.event import timeline
from aic.backends.npu.trace import trace

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
