"""Checks and times bundles of `aic gpu` on a machine with a GPU. It stands alone: torch, triton and numpy are enough.

    python measure.py bundle/*/ --out results --limit 540

Of each model: every launch against what numpy computed for it (poisoned memory, twice: a result that moves is a race),
the outputs, then times: ours launch by launch and as one CUDA graph; as anchors the same network as a torch module,
eager, eager in a CUDA graph, and by torch.compile in its three modes. Each part runs in a process of its own that is
killed when its time is over; every row is written at once (rows.jsonl), so that what was found is never lost.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np

PARTS = (
    "check",
    "ours",
    "eager",
    "eager-graph",
    "default",
    "reduce-overhead",
    "max-autotune-no-cudagraphs",
    "max-autotune",
)
SHARE = {"check": 90, "ours": 60, "eager": 45, "eager-graph": 45, "default": 120, "reduce-overhead": 120}
"""Seconds that a part may take at most; the others 240."""
TOLERANCE = {"f16": 1e-2, "bf16": 4e-2, "tf32": 1e-3, "tf32x3": 1e-4, "f32": 1e-4}
"""Of the norm of a launch's error over that of its result; what comes before a launch adds to its own error."""


def main():
    """Run all parts of all models within the limit, then print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--limit", type=float, default=540.0, help="seconds in all")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.child:
        return child(args.bundles[0], args.child, args.out)
    end = time.monotonic() + args.limit
    for part in args.parts.split(","):  # the checks of all models first, the dearest anchors last
        for bundle in args.bundles:
            if part in PARTS[2:] and not (bundle / "anchor.py").exists():
                continue
            left = end - time.monotonic()
            if left > 5:
                run(bundle, part, args.out, min(left, SHARE.get(part, 240)))
    rows = [json.loads(line) for line in (args.out / "rows.jsonl").read_text().splitlines()]
    (args.out / "results.json").write_text(json.dumps(rows, indent=1))
    print("\n".join(table(rows)))
    return 0 if all(row.get("ok", True) for row in rows) else 1


def run(bundle, part, out, limit):
    """One part of one model in a process of its own."""
    line = [sys.executable, __file__, str(bundle), "--out", str(out), "--child", part]
    process = subprocess.Popen(line, start_new_session=True)
    try:
        if code := process.wait(limit):
            tell(out, bundle, part, ok=False, error=f"exit code {code}")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        tell(out, bundle, part, ok=part != "check" and part != "ours", error=f"took longer than {limit:.0f} s")


def tell(out, bundle, part, **row):
    """Write a row at once."""
    with (out / "rows.jsonl").open("a") as file:
        print(json.dumps({"model": bundle.name, "part": part, **row}), file=file, flush=True)


def child(bundle, part, out):
    """What a process of its own does."""
    torch = import_module("torch")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    with np.load(bundle / "expected.npz") as found:
        expected = dict(found)
    manifest = json.loads((bundle / "manifest.json").read_text())
    if part == "check":
        tell(out, bundle, part, **check(torch, bundle, manifest, expected))
    elif part == "ours":
        tell(out, bundle, part, **ours(torch, bundle, expected))
    else:
        tell(out, bundle, part, **peer(torch, bundle, part, manifest, expected))
    return 0


def loaded(path):
    """A module from its file."""
    spec = spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def model_of(bundle):
    """The model on the device; weights that a seed makes are made first."""
    module = loaded(bundle / "model.py")
    file = bundle / "model.weights"
    if not file.exists():
        content = np.zeros(module.WEIGHT_BYTES, np.uint8)
        for told in json.loads((bundle / "seeded.json").read_text()):
            made = weight(told)
            content[told["offset"] : told["offset"] + len(made)] = made
        file.write_bytes(content.tobytes())
    return module.Model()


def weight(told):
    """The bytes of a weight: as they are, or random floats as the bundle has made them."""
    if "bytes" in told:
        return np.frombuffer(bytes.fromhex(told["bytes"]), np.uint8)
    values = np.random.Generator(np.random.Philox(told["offset"])).standard_normal(told["count"], np.float32)
    values = values * np.float32(told["std"]) + np.float32(told["mean"])
    if told["dtype"] == "bfloat16":  # numpy has none: round the bits to the nearest even
        bits = values.view(np.uint32)
        return (
            ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))
            .astype(np.uint16)
            .view(np.uint8)
        )
    return values.astype(told["dtype"]).view(np.uint8)


def check(torch, bundle, manifest, expected):
    """Every launch against numpy, in memory that begins as NaN; the whole twice."""
    model = model_of(bundle)
    allowed = TOLERANCE[manifest["machine"]["precision"]]
    runs, worst, bad = [], (0.0, ""), []
    for _ in range(2):
        model.memory.fill_(255)
        for own, key in zip(model.inputs, sorted(k for k in expected if k.startswith("input")), strict=True):
            own.copy_(torch.from_numpy(expected[key]))
        for number, (kernel, grid, options, arguments) in enumerate(model.steps):
            kernel[grid](*arguments, **options)
            torch.cuda.synchronize()
            for key in [k for k in expected if k.startswith(f"{number}.") and k.endswith(".at")]:
                argument = arguments[int(key.split(".")[1])]
                error = apart(torch, argument, expected[key], expected[key[:-2] + "is"])
                name = manifest["launches"][number]["kernel"]
                worst = max(worst, (error, f"{number} {name}"))
                if not error <= allowed and len(runs) == 0:
                    bad.append({"launch": number, "kernel": name, "error": error})
        runs.append([tensor.clone() for tensor in model.outputs])
    moved = any(not torch.equal(a.view(torch.uint8), b.view(torch.uint8)) for a, b in zip(*runs, strict=True))
    outputs = [
        apart(torch, tensor.reshape(-1), np.arange(tensor.numel()), expected[f"output{i}"].reshape(-1))
        for i, tensor in enumerate(model.outputs)
    ]
    told = {"launches": len(model.steps), "worst": worst, "bad": bad[:20], "moved": moved, "outputs": outputs}
    return {"ok": not bad and not moved, **told}


def apart(torch, tensor, at, wanted):
    """The norm of the difference over that of what is wanted; infinite where a NaN is on one side alone."""
    found = tensor[torch.from_numpy(at).to(tensor.device)].double().cpu().numpy()
    wanted = wanted.astype(np.float64)
    if (np.isnan(found) != np.isnan(wanted)).any():
        return float("inf")
    found, wanted = np.nan_to_num(found), np.nan_to_num(wanted)
    return float(np.linalg.norm(found - wanted) / max(np.linalg.norm(wanted), 1e-30))


def ours(torch, bundle, expected):
    """Seconds of a run, plain and as a graph; and of the launches that take longest."""
    start = time.perf_counter()
    model = model_of(bundle)
    feed(torch, model.inputs, expected)
    model.launch()
    torch.cuda.synchronize()
    cold = time.perf_counter() - start
    plain = timed(torch, model.launch)
    model.capture()
    graph = timed(torch, model.graph.replay)
    steps = []
    for number, (kernel, grid, options, arguments) in enumerate(model.steps):
        once = captured(torch, lambda k=kernel, g=grid, o=options, a=arguments: [k[g](*a, **o) for _ in range(20)])
        steps.append((timed(torch, once.replay, 5)["median"] / 20, number, kernel.fn.__name__))
    return {"cold": cold, "plain": plain, "graph": graph, "slowest": sorted(steps, reverse=True)[:12]}


def feed(torch, inputs, expected):
    """Put the inputs where they belong."""
    for i, own in enumerate(inputs):
        own.copy_(torch.from_numpy(expected[f"input{i}"]))


def captured(torch, call):
    """A call as a CUDA graph."""
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph


def timed(torch, call, rounds=30):
    """Seconds of a call by events, after a warm-up: median, least and most."""
    for _ in range(5):
        call()
    found = []
    for _ in range(rounds):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        torch.cuda.synchronize()
        found.append(begin.elapsed_time(end) / 1e3)
    return {"median": statistics.median(found), "least": min(found), "most": max(found)}


def peer(torch, bundle, part, manifest, expected):
    """Seconds of the torch module, in the precision of ours."""
    start = time.perf_counter()
    kind = {"f16": torch.float16, "bf16": torch.bfloat16}.get(manifest["machine"]["precision"], torch.float32)
    net = loaded(bundle / "anchor.py").Net(kind, "cuda").eval()
    count = sum(key.startswith("input") for key in expected)
    inputs = [torch.from_numpy(expected[f"input{i}"]).cuda() for i in range(count)]
    inputs = [x.to(kind) if x.is_floating_point() else x for x in inputs]
    if part not in ("eager", "eager-graph"):
        net = torch.compile(net, mode=part)
    with torch.inference_mode():

        def call():
            return net(*inputs)

        for _ in range(3):
            call()
        torch.cuda.synchronize()
        cold = time.perf_counter() - start
        if part == "eager-graph":
            return {"cold": cold, "graph": timed(torch, captured(torch, call).replay)}
        return {"cold": cold, "graph": timed(torch, call)}


def table(rows):
    """A line for each model: our time as a graph, and each anchor's over it (above 1 we are faster)."""
    yield f"{'model':24} {'ok':>5} {'ours us':>9} " + " ".join(f"{part[:15]:>15}" for part in PARTS[2:])
    for name in dict.fromkeys(row["model"] for row in rows):
        found = {row["part"]: row for row in rows if row["model"] == name}
        mine = found.get("ours", {}).get("graph", {}).get("median")
        cells = []
        for part in PARTS[2:]:
            theirs = found.get(part, {}).get("graph", {}).get("median")
            cells.append(f"{theirs / mine:15.2f}" if theirs and mine else f"{'-':>15}")
        good = found.get("check", {}).get("ok")
        yield f"{name[:24]:24} {good!s:>5} {f'{1e6 * mine:9.1f}' if mine else '-':>9} " + " ".join(cells)


if __name__ == "__main__":
    sys.exit(main())
