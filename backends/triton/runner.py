"""A process that runs one kernel's candidates on the GPU in turns: a file of JSON as its argument, lines on stdout. It
stands alone, with numpy and the CUDA driver.

    try 3         candidate 3 runs for the first time; nothing after this line: it crashed, or took too long
    ok 3          its outputs are those of candidate 0; else `wrong 3`
    t 3 1.2e-05   seconds of a run of its launches on the device, once a round, by the driver's events

A run is timed as one CUDA graph of many, so that the host does not count. Weights lie in as many copies as the second
cache cannot hold; activations are where the kernel before would have left them.
"""

import ctypes
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROTATED, COPIES = 128 << 20, 16
"""Bytes that the copies of the weights fill, and how many there are at most."""
MOST = 200
"""Runs in one graph."""
SLOW = 3.0
"""A candidate that takes so many times the best one's time at first is not measured for long."""
FLOATS = {"float16": np.float16, "float32": np.float32, "float64": np.float64}
CLOSE = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 2e-3, "float64": 1e-6}
"""Of the largest output: sums in another order, products by tensor cores."""


class Device:
    """The first GPU; RuntimeError for what the driver refuses."""

    def __init__(self) -> None:
        self.cuda = ctypes.CDLL("libcuda.so.1")
        device, context, self.stream = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)
        self.call("cuStreamCreate", ctypes.byref(self.stream), 1)

    def call(self, name: str, *arguments: Any) -> None:
        """Call the driver."""
        if code := self.cuda[name](*arguments):
            raise RuntimeError(f"{name}: CUDA error {code}")

    def memory(self, size: int) -> int:
        """The address of so many bytes."""
        found = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(found), ctypes.c_size_t(max(size, 16)))
        return found.value

    def write(self, address: int, array: np.ndarray) -> None:
        """Copy an array there."""
        where, size = ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)
        self.call("cuMemcpyHtoDAsync_v2", ctypes.c_uint64(address), where, size, self.stream)
        self.wait()

    def read(self, address: int, size: int) -> np.ndarray:
        """Bytes from there."""
        found = np.empty(size, np.uint8)
        where, count = ctypes.c_void_p(found.ctypes.data), ctypes.c_size_t(size)
        self.call("cuMemcpyDtoHAsync_v2", where, ctypes.c_uint64(address), count, self.stream)
        self.wait()
        return found

    def wait(self) -> None:
        """Until all is done."""
        self.call("cuStreamSynchronize", self.stream)

    def function(self, told: dict[str, Any]) -> ctypes.c_void_p:
        """A kernel of a binary."""
        module, found = ctypes.c_void_p(), ctypes.c_void_p()
        image = aligned(Path(told["cubin"]).read_bytes())
        self.call("cuModuleLoadData", ctypes.byref(module), ctypes.c_void_p(image.ctypes.data))
        self.call("cuModuleGetFunction", ctypes.byref(found), module, told["entry"].encode())
        if told["shared"] > 49152:
            self.call("cuFuncSetAttribute", found, 8, told["shared"])
        self.images = [*getattr(self, "images", []), image]
        return found

    def graph(self, runs: Sequence["Run"]) -> ctypes.c_void_p | None:
        """Runs as one graph; None if the driver cannot."""
        graph, made = ctypes.c_void_p(), ctypes.c_void_p()
        if self.cuda["cuStreamBeginCapture_v2"](self.stream, 1):
            return None
        for run in runs:
            run.launch()
        self.call("cuStreamEndCapture", self.stream, ctypes.byref(graph))
        self.call("cuGraphInstantiateWithFlags", ctypes.byref(made), graph, ctypes.c_ulonglong(0))
        return made

    def seconds(self, runs: Sequence["Run"], graph: ctypes.c_void_p | None) -> float:
        """Of one of the runs, by events before and after all."""
        events = [ctypes.c_void_p(), ctypes.c_void_p()]
        for event in events:
            self.call("cuEventCreate", ctypes.byref(event), 0)
        self.call("cuEventRecord", events[0], self.stream)
        if graph is not None:
            self.call("cuGraphLaunch", graph, self.stream)
        else:
            for run in runs:
                run.launch()
        self.call("cuEventRecord", events[1], self.stream)
        self.wait()
        took = ctypes.c_float()
        self.call("cuEventElapsedTime", ctypes.byref(took), *events)
        for event in events:
            self.call("cuEventDestroy_v2", event)
        return 1e-3 * took.value / len(runs)


class Run:
    """The launches of a candidate on one copy of the weights; the driver reads the arguments at each launch."""

    def __init__(
        self, device: Device, launches: Sequence[dict[str, Any]], functions: Sequence[Any], at: dict[str, int]
    ):
        self.device, self.calls = device, []
        for told, function in zip(launches, functions, strict=True):
            values = [ctypes.c_uint64(at[a[0]] + a[1] if a[0] else a[1]) for a in told["arguments"]]
            values += [ctypes.c_uint64(at["scratch"]), ctypes.c_uint64(0)]
            pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
            shape = (*told["grid"], told["threads"], 1, 1, told["shared"])
            self.calls.append((function, shape, pointers, values))

    def launch(self) -> None:
        """Put the launches in the stream."""
        for function, shape, pointers, _ in self.calls:
            self.device.call("cuLaunchKernel", function, *shape, self.device.stream, pointers, None)


def aligned(content: bytes) -> np.ndarray:
    """The bytes at an address that 64 divides."""
    raw = np.zeros(len(content) + 64, np.uint8)
    start = -raw.ctypes.data % 64
    raw[start : start + len(content)] = np.frombuffer(content, np.uint8)
    return raw[start : start + len(content)]


def filled(buffer: dict[str, Any], seed: int) -> np.ndarray:
    """Bytes to begin with: floats between 0 and 1, as what is no overflow after any sum; of integers 0."""
    if "parts" in buffer:
        whole = np.zeros(buffer["bytes"], np.uint8)
        for part in buffer["parts"]:
            whole[part["offset"] : part["offset"] + part["bytes"]] = filled(part, seed)
        return whole
    size, kind = buffer["bytes"], buffer["kind"]
    random = np.random.default_rng(seed)
    if kind == "bfloat16":
        return (random.random(size // 2, np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    if kind not in FLOATS:
        return np.zeros(size, np.uint8)
    kept = np.dtype(FLOATS[kind])
    return random.random(size // kept.itemsize, np.float32).astype(kept).view(np.uint8)


def floats(content: np.ndarray, kind: str) -> np.ndarray:
    """An output as numbers."""
    if kind == "bfloat16":
        return (content.view(np.uint16).astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return content.view(FLOATS[kind]).astype(np.float64) if kind in FLOATS else content.astype(np.float64)


def is_same(found: np.ndarray, wanted: np.ndarray, kind: str) -> bool:
    """Whether outputs agree, to a part of the largest."""
    one, other = floats(found, kind), floats(wanted, kind)
    scale = np.abs(other[np.isfinite(other)]).max(initial=1e-30)
    return bool(np.allclose(one, other, rtol=0, atol=CLOSE.get(kind, 0.0) * scale, equal_nan=True))


def say(*words: object) -> None:
    """A line of the protocol."""
    print(*words, flush=True)


def main(told: dict[str, Any], wanted: Sequence[int]) -> None:
    """Check and time the candidates of these numbers; the first is what the others are compared with."""
    device, at = Device(), dict[str, int]()
    for number, buffer in enumerate(told["buffers"]):
        at[buffer["name"]] = device.memory(buffer["bytes"])
        if buffer["role"] != "arena":
            device.write(at[buffer["name"]], filled(buffer, number))
    weights = [b for b in told["buffers"] if b["role"] == "weight" and b["bytes"]]
    count = min(COPIES, -(-ROTATED // sum(b["bytes"] for b in weights))) if weights else 1
    copies = [at, *({**at, **{b["name"]: device.memory(b["bytes"]) for b in weights}} for _ in range(count - 1))]
    for copy in copies[1:]:
        for number, buffer in enumerate(weights):
            device.write(copy[buffer["name"]], filled(buffer, number))
    outputs = [b for b in told["buffers"] if b["role"] == "output"]
    expected: list[np.ndarray] = []
    runs: dict[int, list[Run]] = {}
    first: dict[int, float] = {}
    for n in wanted:
        say("try", n)
        for buffer in outputs:
            device.write(at[buffer["name"]], np.full(buffer["bytes"], 0xFF, np.uint8))
        functions = [device.function(launch) for launch in told["candidates"][n]]
        runs[n] = [Run(device, told["candidates"][n], functions, copy) for copy in copies]
        runs[n][0].launch()
        made = [device.read(at[b["name"]], b["bytes"]) for b in outputs]
        expected = expected or made
        same = all(is_same(a, b, o["kind"]) for a, b, o in zip(made, expected, outputs, strict=True))
        say("ok" if same else "wrong", n)
        if same:
            device.seconds(runs[n], None)
            first[n] = device.seconds(runs[n], None)
    best = min(first.values(), default=0.0)
    kept = {n: repeated(runs[n], told["sample"] / (first[n] + 1e-9)) for n in first if first[n] <= SLOW * best}
    graphs = {n: device.graph(many) for n, many in kept.items()}
    for number in range(told["rounds"] + 1):  # the first one warms up
        for n, graph in graphs.items():
            took = device.seconds(kept[n], graph)
            if number:
                say("t", n, f"{took:.9g}")


def repeated(runs: list[Run], wanted: float) -> list[Run]:
    """So many runs, on one copy after the other."""
    return [runs[i % len(runs)] for i in range(max(1, min(MOST, int(wanted))))]


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()), [int(n) for n in sys.argv[2:]])
