"""What is told after a pipeline has run: statistics, times, remarks, and a trace for a timeline viewer.

ops before  ops after  pass                     12.3 ms   40.1 %  graph
       210        154  fold-batch-norm           9.1 ms   29.7 %    fold-batch-norm
        53 x  fold, 212992 bytes saved
"""

from collections.abc import Sequence

from ..dialects._report import Remark, Report
from .observe import Counting, Tracing

Times = Sequence[tuple[str, str, float]]
"""(stage, pass, seconds) in order."""


def stats_text(counting: Counting, report: Report) -> str:
    """A line for each pass, one for each rule that fired in it, one for each kind of op whose number it changed."""
    lines = ["ops before  ops after  pass"]
    for (name, before, after), step in zip(counting.rows, report.steps, strict=False):
        lines.append(f"{before.total():10}  {after.total():9}  {name}")
        for rule, count in sorted(step.rewrites.items()):
            saved = _saved(step.saved[rule], step.launches[rule])
            lines.append(", ".join([f"{'':10}  {count:9} x  {rule}", *saved]))
        changed = sorted(k for k in before | after if before[k] != after[k])
        lines += [f"{before[k]:10}  {after[k]:9}    {k}" for k in changed]
    return "\n".join(lines)


def stats_json(counting: Counting, report: Report) -> dict[str, object]:
    """The document `aic.stats/1`."""
    passes = [
        {
            "pass": name,
            "before": dict(sorted(before.items())),
            "after": dict(sorted(after.items())),
            "rewrites": dict(sorted(step.rewrites.items())),
            "bytes_saved": step.saved.total(),
            "launches_saved": step.launches.total(),
        }
        for (name, before, after), step in zip(counting.rows, report.steps, strict=False)
    ]
    return {"schema": "aic.stats/1", "passes": passes}


def timing_list(times: Times) -> str:
    """A line for each pass in order, with its share, and the total."""
    total = sum(seconds for _, _, seconds in times)
    lines = [f"{seconds:9.4f} s  {100 * seconds / (total or 1):5.1f} %  {name}" for _, name, seconds in times]
    return "\n".join([*lines, f"{total:9.4f} s  100.0 %  total"])


def timing_tree(times: Times) -> str:
    """A line for each stage with its passes below it, and the total."""
    total = sum(seconds for _, _, seconds in times)
    lines: list[str] = []
    for stage in dict.fromkeys(stage for stage, _, _ in times):
        inside = [(name, seconds) for s, name, seconds in times if s == stage]
        rows = [(stage, sum(seconds for _, seconds in inside))]
        rows += [(f"  {name}", seconds) for name, seconds in inside if name != stage]
        lines += [f"{seconds:9.4f} s  {100 * seconds / (total or 1):5.1f} %  {name}" for name, seconds in rows]
    return "\n".join([*lines, f"{total:9.4f} s  100.0 %  total"])


def timing_json(times: Times) -> dict[str, object]:
    """The document `aic.timing/1`."""
    passes = [{"stage": stage, "pass": name, "seconds": seconds} for stage, name, seconds in times]
    return {"schema": "aic.timing/1", "passes": passes}


def remarks_text(remarks: Sequence[Remark]) -> str:
    """A line for each: `fold-scale: applied mul at /conv1/Mul (graph.mul): into the weight, 256 bytes saved`."""
    return "\n".join(map(_line, remarks))


def _line(remark: Remark) -> str:
    what = "applied" if remark.applied else "missed"
    where = ", ".join(remark.nodes) or "no location"
    why = ", ".join(filter(None, [remark.text, *_saved(remark.saved, remark.launches)]))
    return f"{remark.step}: {what} {remark.rule} at {where} ({remark.op})" + (f": {why}" if why else "")


def _saved(size: int, launches: int) -> list[str]:
    """What rewrites are good for, without what is nothing."""
    told = f"{launches} launch{'es' if launches != 1 else ''} saved"
    return [*([f"{size} bytes saved"] if size else []), *([told] if launches else [])]


def remarks_json(remarks: Sequence[Remark]) -> dict[str, object]:
    """The document `aic.remarks/1`."""
    told = [
        {
            "pass": r.step,
            "rule": r.rule,
            "op": r.op,
            "nodes": list(r.nodes),
            "applied": r.applied,
            "text": r.text,
            "bytes_saved": r.saved,
            "launches_saved": r.launches,
        }
        for r in remarks
    ]
    return {"schema": "aic.remarks/1", "remarks": told}


def trace_json(times: Times, tracing: Tracing, report: Report) -> dict[str, object]:
    """The document `aic.trace/1`: Chrome's Trace Event Format, passes on one track and stages on another."""
    events: list[dict[str, object]] = []

    def span(track: int, name: str, stage: str, began: float, seconds: float, **args: object) -> None:
        at = {"ts": max(0.0, (began - tracing.start) * 1e6), "dur": seconds * 1e6}
        events.append({"ph": "X", "pid": 1, "tid": track, "name": name, "cat": stage, **at, "args": args})

    for track, name in ((1, "stages"), (2, "passes")):
        told = {"name": name}
        events.append({"ph": "M", "pid": 1, "tid": track, "name": "thread_name", "args": told})
    spans, steps = iter(tracing.spans), iter(report.steps)
    stages: dict[str, tuple[float, float]] = {}
    end = tracing.start
    for stage, name, seconds in times:
        if stage == name:
            began, ended = end, end + seconds
        else:
            run, step = next(spans), next(steps)
            began, ended = run.began, run.ended
            span(2, name, stage, began, ended - began, ops=run.ops, rewrites=step.rewrites.total())
        stages[stage] = (stages.get(stage, (began, ended))[0], ended)
        end = ended
    for stage, (began, ended) in stages.items():
        span(1, stage, stage, began, ended - began)
    return {"schema": "aic.trace/1", "displayTimeUnit": "ms", "traceEvents": events}
