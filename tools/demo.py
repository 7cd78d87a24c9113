"""`aic demo`: a small trained network compiled for every target, run on real samples, and told where everything lies.

demo-out/c/         the artifact: C, header, weights, library, manifest
demo-out/npu/       programs for a simulated machine, int8; digits.npu0.trace.json, a timeline for Perfetto; reports
demo-out/ir/c/      1-graph.mlir, 2-tensor.mlir, ... what the model was at each level
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from . import _demo
from .compile import clock_text

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from ..compiler.session import InferenceSession
    from ..dialects._shape import Array
    from ..dialects.graph.weight import AicContext

HELP = "compile, run and explain a small network that recognises digits"
MODEL, SAMPLES = "digits.onnx", "digits.npz"
INK = " .:-=+*#%@"
SHOWN = 6
KINDS = {"npu": ("report", "trace")}
"""What is written beside the artifact of a target."""
CLOCK = ("cycles", "clock_ghz", "utilisation")
LOOK = {
    ".json": "  (a timeline: open it in https://ui.perfetto.dev)",
    ".html": "  (cycles by layer: open it in a browser)",
}
FEW = 24
"""Samples for a target whose machine is not at hand, so that numpy runs its IR."""
CALIBRATION = 64
"""Samples from which a target that computes in int8 learns the ranges of its numbers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--out."""
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("demo-out"), help="where everything goes")


@dataclass(frozen=True)
class Spread:
    """Microseconds for an image: the fastest tenth, the median and the slowest tenth of `runs`."""

    runs: int
    p10: float
    median: float
    p90: float


@dataclass(frozen=True)
class Result:
    """What came of one target; times in seconds by level, paths of the artifact and of the IR by level."""

    target: str
    accuracy: float
    images: int
    time: Spread
    seconds: dict[str, float]
    memory: dict[str, int]
    artifact: str
    ir: dict[str, str]
    precision: str
    numpy: bool
    """Whether numpy ran its IR, for want of its machine."""
    alike: int
    """Images for which it found what the first target did."""
    clock: dict[str, float] | None
    """Cycles, clock rate and utilisation of a simulated machine; None where times are measured."""
    files: list[str]
    """What is to be looked at."""


def run(args: argparse.Namespace) -> int:
    """Every target in turn; exit code 0 if each recognised nine digits of ten."""
    import numpy as np

    from ..compiler.context import targets
    from ..compiler.crash import versions
    from ..compiler.measure import processor

    with as_file(files(_demo) / SAMPLES) as path, np.load(path) as samples:
        images, labels = (samples["images"] / 16).astype(np.float32), samples["labels"]
    tell: Callable[..., object] = (lambda *_: None) if args.json or args.quiet else print
    machine = f"{platform.machine()}, {processor()}"
    found = versions()
    tell(f"{MODEL}: {len(images)} handwritten digits by writers that it was not trained on")
    tell(f"{machine}; aic {found['aic']}, Python {found['python']}, numpy {found['numpy']}\n")
    results: list[Result] = []
    first: list[int] = []
    for name in sorted(targets()):
        result, read = _try(name, images, labels, args.out)
        if not results:
            tell(_pictures(images, read, labels))
            first = read
        results.append(replace(result, alike=sum(a == b for a, b in zip(first, read, strict=False))))
        tell(_told(results[-1], results[0]))
    if args.json:
        document = {"schema": "aic.demo/1", "machine": machine, "versions": found}
        print(json.dumps({**document, "results": [asdict(r) for r in results]}, indent=2))
    return 0 if all(r.accuracy > 0.9 for r in results) else 4


def _try(target: str, images: "Array", labels: "Array", out: Path) -> "tuple[Result, list[int]]":
    """Compile for a target, run all samples one by one, or a few."""
    from ..compiler.driver import Options, compile_model
    from ..compiler.files import write_whole
    from ..compiler.ir_text import ir_text
    from ..compiler.session import InferenceSession
    from ..compiler.targets import target_named

    folder, texts = out / "ir" / target, dict[str, str]()

    def stage(level: str, _: "AicContext", module: "ModuleOp") -> None:
        texts[level] = ir_text(module) + "\n"

    with as_file(files(_demo) / MODEL) as model:
        settings = _settings(target, images, out)
        options = Options(dims={"N": 1}, name="digits", stage=stage, settings=settings, kinds=KINDS.get(target, ()))
        made = compile_model(model, target, out / target, options)
    passes = made.manifest["pipeline"]
    levels = [level for level in texts if isinstance(passes, dict) and level in passes]
    paths = {level: folder / f"{number}-{level}.mlir" for number, level in enumerate(levels, 1)}
    folder.mkdir(parents=True, exist_ok=True)
    for level, path in paths.items():
        write_whole(path, texts[level])
    in_numpy = target_named(target).simulated(made.manifest) is not None
    with InferenceSession(made.folder, providers=[target]) as session:
        clock = session.clock()
        found, times = _recognise(session, images[:FEW] if in_numpy else images, once=in_numpy or clock is not None)
    stages = dict.fromkeys(stage for stage, _, _ in made.times)
    result = Result(
        target=target,
        accuracy=sum(f == int(label) for f, label in zip(found, labels, strict=False)) / len(found),
        images=len(found),
        time=times,
        seconds={stage: sum(t for s, _, t in made.times if s == stage) for stage in stages},
        memory=_memory(made.manifest),
        artifact=str(made.folder),
        ir={level: str(path) for level, path in paths.items()},
        precision=str(made.manifest.get("precision", "f32")),
        numpy=in_numpy,
        alike=0,
        clock=None if clock is None else {key: float(str(clock[key])) for key in CLOCK},
        files=[str(path) for path in sorted(made.folder.glob("*.trace.json")) + sorted(made.folder.glob("*.html"))],
    )
    return result, found


def _settings(target: str, images: "Array", out: Path) -> dict[str, str]:
    """What a target is told: one with a calibration, where samples lie."""
    import numpy as np

    from ..compiler.files import written

    if target not in KINDS:
        return {}
    out.mkdir(parents=True, exist_ok=True)
    with written(out / "calibration.npz") as stream:
        np.savez(stream, image=images[:CALIBRATION, None])
    return {"quantize": "int8", "data": str(out / "calibration.npz")}


def _recognise(session: "InferenceSession", images: "Array", *, once: bool) -> tuple[list[int], Spread]:
    """The digit of each image, and the time that one takes, from five rounds after a first; or from one round."""
    found: list[int] = []
    times: list[float] = []
    for turn in (1,) if once else range(6):
        found = []
        for image in images[:, None]:
            start = time.perf_counter()
            (probabilities,) = session.run(None, {"image": image})
            if turn:
                times.append((time.perf_counter() - start) * 1e6)
            found.append(int(probabilities.argmax()))
    times.sort()
    at = [times[len(times) * tenth // 10] for tenth in (1, 5, 9)]
    return found, Spread(len(times), *(round(t, 2) for t in at))


def _memory(manifest: dict[str, object]) -> dict[str, int]:
    found = {"arena_bytes": 0, "lower_bound_bytes": 0, "weights_bytes": 0}
    memory, weights = manifest.get("memory"), manifest.get("weights")
    if isinstance(memory, dict):
        found |= {key: int(memory[key]) for key in ("arena_bytes", "lower_bound_bytes") if key in memory}
    if isinstance(weights, dict):
        found["weights_bytes"] = int(weights.get("bytes", 0))
    return found


def _pictures(images: "Array", found: Sequence[int], labels: "Array") -> str:
    """A row of digits in characters, over what was recognised; a wrong one, if any, comes last."""
    wrong = [i for i, f in enumerate(found) if f != int(labels[i])][:1]
    chosen = [*range(SHOWN - len(wrong)), *wrong]
    rows = ["  ".join("".join(INK[int(v * 9)] * 2 for v in images[i, 0, y]) for i in chosen) for y in range(8)]
    words = [f"{found[i]}" + ("" if i not in wrong else f", but is {labels[i]}") for i in chosen]
    return "\n".join([*rows, "  ".join(f"{word:^16}" for word in words).rstrip(), ""])


def _told(result: Result, first: Result) -> str:
    """One target's results for a person, `first` being those of the first."""
    right = round(result.accuracy * result.images)
    compiled = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in result.seconds.items())
    spread, memory = result.time, result.memory
    taken = (
        f"{spread.median:.1f} us (a tenth below {spread.p10:.1f}, a tenth above {spread.p90:.1f}; {spread.runs} runs"
    )
    alike = "" if result is first else f"; {result.alike} of {result.images} read as {first.target} reads them"
    if result.numpy:
        image = f"in numpy, for want of the machine: {spread.median / 1000:.1f} ms"
    elif result.clock is None:
        image = f"{taken} from Python)"
    else:
        image = f"{clock_text(result.clock)}; simulated in {spread.median / 1000:.1f} ms"
    lines = [
        f"target {result.target}, {result.precision}",
        f"  recognised  {right} of {result.images} ({result.accuracy:.1%}){alike}",
        f"  an image    {image}",
        f"  compiled    in {sum(result.seconds.values()):.1f} s ({compiled})",
        f"  memory      arena {memory['arena_bytes']} bytes (no plan needs less than {memory['lower_bound_bytes']}), "
        f"weights {memory['weights_bytes']} bytes",
        f"  artifact    {result.artifact}",
        *(f"  look at     {path}{LOOK.get(Path(path).suffix, '')}" for path in result.files),
        *(f"  IR          {path}" for path in result.ir.values()),
    ]
    return "\n".join([*lines, ""])
