"""The rules of a machine file: which keys there are, of which type, and what their values have to be.

violations({"array": {"rows": 24, ..}, ..}) -> [Violation("array.rows", 24, "expected a multiple of 16, 16 to 512"), ..]
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Data = Mapping[str, object]
Leaf = tuple[str, ...]

ELEMENT_BYTES = {"i8": 1, "i16xi8": 2, "i16": 2, "bf16": 2}
"""Bytes of an element of A, by data type of the array."""
SYSTOLIC = ("dataflow", "weight_double_buffer", "os_double_buffer", "os_drain")
"""Keys of [array] that a systolic array has and a cube has not."""
DMA_QUEUES = ("lda", "ldw", "st")
LARGEST = 64 << 20
"""Bytes that the address of a local memory reaches."""
ENERGY = (
    *(f"mac_{t}" for t in ELEMENT_BYTES),
    "spad_byte",
    "wmem_byte",
    "acc_byte",
    "pmem_byte",
    "dram_byte",
    "vpu_op",
)

TABLES: dict[Leaf, dict[str, str]] = {
    (): {"name": "text", "clock_ghz": "number"},
    ("array",): {"kind": "text", "rows": "integer", "cols": "integer", "depth": "integer", "dtypes": "texts"}
    | {"rate": "table", "feeder_groups": "integer", "dataflow": "texts"}
    | {key: "truth" for key in SYSTOLIC[1:]},
    ("mem",): {},
    ("mem", "spad"): {"bytes": "integer", "line": "integer", "banks": "integer"},
    ("mem", "wmem"): {"bytes": "integer", "line": "integer"},
    ("mem", "acc"): {"bytes": "integer", "line": "integer"},
    ("mem", "pmem"): {"bytes": "integer"},
    ("vpu",): {"lanes": "integer", "mac_per_lane": "integer", "startup": "integer"},
    ("dma",): {"burst": "integer", "row_overhead": "integer"},
    ("dram",): {"latency": "integer", "efficiency": "number", "arb": "text", "ports": "tables"},
    ("seq",): {"dispatch_per_cycle": "integer", "queue_depth": "integer"},
    ("energy_pj",): {},
}
"""Every table and its keys; the tables within `rate`, `ports` and [energy_pj] have rules of their own."""
PORT = {"name": "text", "gbps": "number", "queues": "texts"}
LEAST = {"vpu.mac_per_lane": 1, "vpu.startup": 0, "dma.row_overhead": 0, "dram.latency": 0}
LEAST |= {"seq.dispatch_per_cycle": 1, "seq.queue_depth": 2}
MOST = 1 << 20
"""Of the keys in LEAST."""
SLOWEST, FASTEST = 0.001, 1e9
"""Bytes a cycle of a port."""


@dataclass(frozen=True)
class Violation:
    """A key of a machine file, its value, and the rule that it breaks."""

    key: str
    value: object
    rule: str

    @property
    def shown(self) -> str:
        """The value as TOML writes it."""
        return toml_value(self.value)

    def __str__(self) -> str:
        return f"{self.key} = {self.shown}: {self.rule}"


def toml_value(value: object) -> str:
    """A value as TOML writes it; `(none)` for what is missing."""
    match value:
        case None:
            return "(none)"
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + "".join(c if c >= " " and c not in '"\\\x7f' else f"\\u{ord(c):04x}" for c in value) + '"'
        case list():
            return "[" + ", ".join(map(toml_value, value)) + "]"
        case dict():
            inside = ", ".join(f"{k} = {toml_value(v)}" for k, v in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case _:
            return str(value)


def _is(kind: str, value: object) -> bool:
    match kind:
        case "text":
            return isinstance(value, str) and value != "" and value.isprintable()
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool) and 0 < abs(value) < 1e30
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31
        case "truth":
            return isinstance(value, bool)
        case "texts":
            return isinstance(value, list) and value != [] and all(isinstance(v, str) for v in value)
        case "tables":
            return isinstance(value, list) and value != [] and all(isinstance(v, dict) for v in value)
        case "table":
            return isinstance(value, dict)
        case _:
            raise ValueError(kind)


WORDS = {
    "text": "expected a text",
    "number": "expected a finite number other than 0",
    "integer": "expected an integer",
    "truth": "expected true or false",
    "texts": "expected a list of texts",
    "tables": "expected a list of tables",
    "table": "expected a table",
}


def violations(data: Data) -> list[Violation]:
    """All that is wrong with a parsed machine file; values are looked at once every key is there and of its type."""
    return list(_keys(data)) or list(_values(data))


def _keys(data: Data) -> Iterator[Violation]:
    """Unknown, missing and forbidden keys, and values of another type."""
    array = data.get("array")
    cube = isinstance(array, dict) and array.get("kind") == "cube"
    for path, keys in TABLES.items():
        here: object = data
        for part in path:
            here = here.get(part) if isinstance(here, dict) else None
        at = ".".join(path)
        if not isinstance(here, dict):
            if path != ("energy_pj",) or here is not None:
                yield Violation(at, here, "expected a table")
            continue
        inner = {p[-1] for p in TABLES if p[:-1] == path and p}
        wanted = {k: v for k, v in keys.items() if not (cube and path == ("array",) and k in SYSTOLIC)}
        for key in sorted(here.keys() - wanted.keys() - inner) if path != ("energy_pj",) else ():
            rule = "a cube has no such key" if key in keys else "no such key"
            yield Violation(".".join((*path, key)), here[key], rule)
        for key, kind in wanted.items():
            if not _is(kind, here.get(key)):
                yield Violation(".".join((*path, key)), here.get(key), WORDS[kind])


def _values(data: Data) -> Iterator[Violation]:
    flat = {".".join((*path, key)): value for path in TABLES for key, value in _table(data, path).items()}
    if flat["clock_ghz"] <= 0:
        yield Violation("clock_ghz", flat["clock_ghz"], "expected more than 0")
    for key, least in LEAST.items():
        if not least <= flat[key] <= MOST:
            yield Violation(
                key, flat[key], f"expected {least} to {MOST}" if flat[key] > MOST else f"expected at least {least}"
            )
    array = list(_array(flat))
    yield from array
    yield from _types(flat)
    if not {"array.rows", "array.cols"} & {v.key for v in array}:
        yield from _memories(flat)
    for key, low, high in (("dma.burst", 16, 4096), ("vpu.lanes", 1, 1 << 20), ("mem.spad.banks", 1, 1 << 20)):
        if not _is_power(flat[key]) or not low <= flat[key] <= high:
            yield Violation(key, flat[key], f"expected a power of two, {low} to {high}")
    yield from _dram(flat)
    for key, value in _table(data, ("energy_pj",)).items():
        if key not in ENERGY:
            yield Violation(f"energy_pj.{key}", value, f"expected one of {', '.join(ENERGY)}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e12:
            yield Violation(f"energy_pj.{key}", value, "expected a number of picojoules, 0 to 1e12")


def _table(data: Data, path: Leaf) -> dict:
    here: dict = dict(data)
    for part in path:
        here = here.get(part, {})
    return here


def _is_power(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def _array(flat: dict) -> Iterator[Violation]:
    if flat["array.kind"] not in ("systolic", "cube"):
        yield Violation("array.kind", flat["array.kind"], 'expected "systolic" or "cube"')
    for key in ("array.rows", "array.cols"):
        if flat[key] % 16 or not 16 <= flat[key] <= 512:
            yield Violation(key, flat[key], "expected a multiple of 16, 16 to 512")
    depth = flat["array.depth"]
    if flat["array.kind"] == "systolic" and depth != 1:
        yield Violation("array.depth", depth, "expected 1 in a systolic array")
    if flat["array.kind"] == "cube" and not 1 < depth <= 512:
        yield Violation("array.depth", depth, "expected 2 to 512 in a cube")
    if flat["array.feeder_groups"] not in (1, 2, 4):
        yield Violation("array.feeder_groups", flat["array.feeder_groups"], "expected 1, 2 or 4")
    flows = flat.get("array.dataflow", ["ws"])
    if not set(flows) <= {"ws", "os"} or len(set(flows)) < len(flows):
        yield Violation("array.dataflow", flows, "expected ws, os or both, each once")


def _types(flat: dict) -> Iterator[Violation]:
    types, rates = flat["array.dtypes"], flat["array.rate"]
    if not set(types) <= set(ELEMENT_BYTES) or len(set(types)) < len(types):
        yield Violation("array.dtypes", types, f"expected some of {', '.join(ELEMENT_BYTES)}, each once")
        return
    if set(rates) != set(types):
        yield Violation("array.rate", rates, f"expected exactly the keys {', '.join(types)}, as in array.dtypes")
        return
    for name, rate in rates.items():
        wrong = Violation(
            f"array.rate.{name}", rate, f"expected rate * {ELEMENT_BYTES[name]} to be an integer or 1 / an integer"
        )
        if not _is("number", rate) or not 1 / 64 <= rate <= 64:
            yield wrong
            continue
        per = rate * ELEMENT_BYTES[name]
        whole = per if per >= 1 else 1 / per
        if abs(whole - round(whole)) > 1e-9:
            yield wrong


def _memories(flat: dict) -> Iterator[Violation]:
    rows, cols = flat["array.rows"], flat["array.cols"]
    lines = {"spad": (rows, "array.rows"), "wmem": (cols, "array.cols"), "acc": (4 * cols, "4 * array.cols")}
    for name, (line, text) in lines.items():
        if flat[f"mem.{name}.line"] != line:
            yield Violation(f"mem.{name}.line", flat[f"mem.{name}.line"], f"expected {line}, which is {text}")
    least = {
        "spad": (rows, "one line"),
        "wmem": (2 * rows * cols, "two tiles of rows * cols, or 0"),
        "acc": (2 * rows * 4 * cols, "two blocks of rows lines"),
        "pmem": (256, "one table of 256 bytes"),
    }
    for name, (low, text) in least.items():
        key, size = f"mem.{name}.bytes", flat[f"mem.{name}.bytes"]
        line = lines[name][0] if name in lines else 16
        high = 65536 if name == "pmem" else LARGEST
        if size % line:
            yield Violation(key, size, f"expected a multiple of its line of {line} bytes")
        if size < low and (name != "wmem" or size != 0):
            yield Violation(key, size, f"expected at least {low}: {text}")
        if size > high:
            yield Violation(key, size, f"expected at most {high}")


def _dram(flat: dict) -> Iterator[Violation]:
    if not 0 < flat["dram.efficiency"] <= 1:
        yield Violation("dram.efficiency", flat["dram.efficiency"], "expected more than 0, at most 1")
    if flat["dram.arb"] != "fair":
        yield Violation("dram.arb", flat["dram.arb"], 'expected "fair"')
    served: list[str] = []
    names: list[str] = []
    for number, port in enumerate(flat["dram.ports"]):
        at = f"dram.ports[{number}]"
        wrong = [Violation(f"{at}.{k}", v, "no such key") for k, v in port.items() if k not in PORT]
        wrong += [Violation(f"{at}.{k}", port.get(k), WORDS[t]) for k, t in PORT.items() if not _is(t, port.get(k))]
        yield from wrong
        if wrong:
            continue
        if port["gbps"] <= 0:
            yield Violation(f"{at}.gbps", port["gbps"], "expected more than 0")
        elif not SLOWEST <= port["gbps"] * flat["dram.efficiency"] / flat["clock_ghz"] <= FASTEST:
            yield Violation(f"{at}.gbps", port["gbps"], f"expected {SLOWEST} to {FASTEST:.0f} bytes a cycle")
        if port["name"] in names:
            yield Violation(f"{at}.name", port["name"], "expected a name of its own")
        names.append(port["name"])
        served += port["queues"]
    if sorted(served) != sorted(DMA_QUEUES) and len(names) == len(flat["dram.ports"]):
        yield Violation("dram.ports", served, "expected each of the queues lda, ldw and st in exactly one port")
