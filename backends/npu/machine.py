"""The machine: one TOML file as frozen dataclasses, with what follows from it.

machine_from("edge")                                     a preset
machine_from("my.toml")                                  a file
machine_from("edge,array.rows=16,spad.bytes=262144")     with single keys replaced
"""

import copy
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from ._validate import ELEMENT_BYTES, PORT, TABLES, Violation, toml_value, violations

PRESETS = Path(__file__).parent / "presets"
Table = dict[str, object]


class MachineError(ValueError):
    """A machine file that breaks rules; `key`, `value` and `rule` are those of the first violation."""

    def __init__(self, found: list[Violation], source: str = ""):
        super().__init__((f"{source}: " if source else "") + "; ".join(map(str, found)))
        self.violations = tuple(found)
        self.key, self.value, self.rule = found[0].key, found[0].value, found[0].rule


@dataclass(frozen=True)
class Memory:
    """A local memory: bytes, bytes of a line, banks."""

    bytes: int
    line: int
    banks: int = 1


@dataclass(frozen=True)
class Vpu:
    """The vector unit: lanes, multiply-accumulates of a lane in a cycle, cycles until a result is visible."""

    lanes: int
    mac_per_lane: int
    startup: int


@dataclass(frozen=True)
class Dma:
    """Transfers: bytes they are rounded up to, cycles for each run of bytes."""

    burst: int
    row_overhead: int


@dataclass(frozen=True)
class Port:
    """A way to DRAM that the transfers of its queues share."""

    name: str
    gbps: float
    bytes_per_cycle: float
    queues: tuple[str, ...]


@dataclass(frozen=True)
class Machine:
    """An NPU. `text` is its TOML; machines of one `hash` run each other's programs in the same time."""

    name: str
    clock_ghz: float
    kind: str
    """`systolic` or `cube`."""
    rows: int
    cols: int
    depth: int
    dtypes: tuple[str, ...]
    rate: Mapping[str, float]
    dataflow: tuple[str, ...]
    """Of a systolic array, the default first; () for a cube."""
    weight_double_buffer: bool
    os_double_buffer: bool
    os_drain: bool
    feeder_groups: int
    spad: Memory
    wmem: Memory
    acc: Memory
    pmem: Memory
    vpu: Vpu
    dma: Dma
    latency: int
    efficiency: float
    ports: tuple[Port, ...]
    dispatch_per_cycle: int
    queue_depth: int
    energy: Mapping[str, float]
    """Picojoules of `mac_<type>` for every type, `<memory>_byte` and `vpu_op`."""
    hash: bytes
    text: str = field(repr=False)

    def __hash__(self) -> int:
        return hash(self.text)

    @cached_property
    def line(self) -> dict[str, int]:
        """Bytes of a line, by memory: what `Code` asks for."""
        return {"spad": self.spad.line, "wmem": self.wmem.line, "acc": self.acc.line, "pmem": self.pmem.line}

    def memory(self, space: str) -> Memory:
        """The memory called `spad`, `wmem`, `acc` or `pmem`."""
        return {"spad": self.spad, "wmem": self.wmem, "acc": self.acc, "pmem": self.pmem}[space]

    def channel_lanes(self, type: str) -> int:
        """Channels in a line of SPAD: lanes L of a storage type (i8, u8, i16, bf16, i32, f32) or of an array's type."""
        return self.rows // (ELEMENT_BYTES | {"u8": 1, "i32": 4, "f32": 4})[type]

    def peak(self, type: str) -> float:
        """Multiply-accumulates in a cycle."""
        return self.rows * self.cols * self.depth * self.rate[type]

    def port_of(self, queue: str) -> tuple[str, float]:
        """Name and bytes per cycle of the port that serves `lda`, `ldw` or `st`."""
        return next((p.name, p.bytes_per_cycle) for p in self.ports if queue in p.queues)


def presets() -> tuple[str, ...]:
    """The names of the machine files that come with the compiler, sorted."""
    return tuple(sorted(file.stem for file in PRESETS.glob("*.toml")))


def preset_text(name: str) -> str:
    """The machine file of a preset; MachineError."""
    if name not in presets():
        raise MachineError([Violation("preset", name, f"expected one of {', '.join(presets())}")])
    return (PRESETS / f"{name}.toml").read_text(encoding="utf8")


def machine_from(text: str) -> Machine:
    """The machine of a preset's name or a TOML file, with keys replaced after commas; MachineError."""
    name, *changes = re.split(r",(?![^\[]*\])", text.strip())
    toml = _source(name)
    if not changes:
        return read_machine(toml, name)
    data = _parsed(toml, name)
    given = {_replace(data, change) for change in changes}
    _follow(data, given)
    return read_machine(to_toml(data), text)


@lru_cache(64)
def read_machine(toml: str, source: str = "machine") -> Machine:
    """The machine that a TOML text describes; MachineError lists all that is wrong with it."""
    data = _parsed(toml, source)
    if found := violations(data):
        raise MachineError(found, source)
    return _built(data, toml)


def _source(name: str) -> str:
    if name in presets():
        return preset_text(name)
    try:
        return Path(name).read_text(encoding="utf8")
    except (OSError, ValueError) as error:
        rule = f"expected a preset ({', '.join(presets())}) or a TOML file"
        reason = f" ({error})" if name.endswith(".toml") and not isinstance(error, FileNotFoundError) else ""
        raise MachineError([Violation("machine", name, rule + reason)]) from None


def _parsed(toml: str, source: str) -> Table:
    try:
        return tomllib.loads(toml)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MachineError([Violation("toml", None, str(error))], source) from None


Setter = Callable[[object], None]


def _leaves(data: Table) -> dict[str, Setter]:
    """Every key that may be replaced, with its dots, and what replaces it."""
    found: dict[str, Setter] = {}
    for path, keys in TABLES.items():
        here: object = data
        for part in path:
            here = here.setdefault(part, {}) if isinstance(here, dict) else None
        if isinstance(here, dict):
            keys = {*keys, *(here if path == ("energy_pj",) else ())} - {"ports"}
            found |= {".".join((*path, key)): _setter(here, key) for key in keys}
    array, dram = data.get("array"), data.get("dram")
    rate = array.get("rate") if isinstance(array, dict) else None
    if isinstance(rate, dict):
        found |= {f"array.rate.{key}": _setter(rate, key) for key in ELEMENT_BYTES}
    ports = dram.get("ports") if isinstance(dram, dict) else None
    ports = ports if isinstance(ports, list) else []
    for port in ports:
        if isinstance(port, dict):
            at = "dram" if len(ports) == 1 else f"dram.{port.get('name')}"
            found |= {f"{at}.{key}": _setter(port, key) for key in PORT if key != "name"}
    return found


def _setter(table: Table, key: str) -> Setter:
    def set(value: object) -> None:
        table[key] = [value] if isinstance(table.get(key), list) and not isinstance(value, list) else value

    return set


def _replace(data: Table, change: str) -> str:
    """Do `key=value`, where the end of a dotted key is enough if no other ends so; answers the whole key."""
    key, equals, value = (part.strip() for part in change.partition("="))
    leaves = _leaves(data)
    found = [key] if key in leaves else [leaf for leaf in leaves if leaf.endswith(f".{key}")]
    if not equals or len(found) != 1:
        rule = f"expected one of {', '.join(found or sorted(leaves))}" if equals else "expected key=value"
        raise MachineError([Violation(key, value or None, rule)])
    try:
        leaves[found[0]](tomllib.loads(f"v = {value}")["v"])
    except tomllib.TOMLDecodeError:
        leaves[found[0]](value)
    return found[0]


def _follow(data: Table, given: set[str]) -> None:
    """Lines are what the array makes them, unless they were replaced too."""
    array, mem = data.get("array"), data.get("mem")
    if not isinstance(array, dict) or not isinstance(mem, dict):
        return
    for name, side, factor in (("spad", "rows", 1), ("wmem", "cols", 1), ("acc", "cols", 4)):
        lanes, memory = array.get(side), mem.get(name)
        follows = f"array.{side}" in given and f"mem.{name}.line" not in given
        if follows and isinstance(lanes, int) and isinstance(memory, dict):
            memory["line"] = factor * lanes


def to_toml(data: Mapping[str, object]) -> str:
    """A machine file with that content, without comments."""
    lines = [f"{key} = {toml_value(value)}" for key, value in data.items() if not isinstance(value, dict)]
    for name, table in data.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _digest(data: Table) -> bytes:
    """The first 16 bytes of SHA-256 of all that bears on values or time, as canonical JSON; 1 and 1.0 are the same."""
    kept: dict = copy.deepcopy({key: value for key, value in data.items() if key not in ("name", "energy_pj")})
    kept["clock_ghz"] = float(kept["clock_ghz"])
    kept["array"]["rate"] = {key: float(value) for key, value in kept["array"]["rate"].items()}
    kept["dram"]["efficiency"] = float(kept["dram"]["efficiency"])
    for port in kept["dram"]["ports"]:
        port["gbps"] = float(port["gbps"])
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:16]


def _built(data: Table, toml: str) -> Machine:
    digest = _digest(data)
    plain: dict = copy.deepcopy(data)
    array, mem, dram = plain["array"], plain["mem"], plain["dram"]
    rate = {t: float(array["rate"][t]) for t in array["dtypes"]}
    clock, efficiency = float(plain["clock_ghz"]), float(dram["efficiency"])
    energy: dict[str, float] = {key: float(value) for key, value in plain.get("energy_pj", {}).items()}
    energy = {f"mac_{t}": energy.get("mac_i8", 0.0) / rate[t] for t in rate} | energy
    ports = (
        Port(p["name"], float(p["gbps"]), float(p["gbps"]) * efficiency / clock, tuple(p["queues"]))
        for p in dram["ports"]
    )
    return Machine(
        name=plain["name"],
        clock_ghz=clock,
        kind=array["kind"],
        rows=array["rows"],
        cols=array["cols"],
        depth=array["depth"],
        dtypes=tuple(array["dtypes"]),
        rate=rate,
        dataflow=tuple(array.get("dataflow", ())),
        weight_double_buffer=array.get("weight_double_buffer", False),
        os_double_buffer=array.get("os_double_buffer", False),
        os_drain=array.get("os_drain", False),
        feeder_groups=array["feeder_groups"],
        spad=Memory(**mem["spad"]),
        wmem=Memory(**mem["wmem"]),
        acc=Memory(**mem["acc"]),
        pmem=Memory(mem["pmem"]["bytes"], 16),
        vpu=Vpu(**plain["vpu"]),
        dma=Dma(**plain["dma"]),
        latency=dram["latency"],
        efficiency=efficiency,
        ports=tuple(ports),
        dispatch_per_cycle=plain["seq"]["dispatch_per_cycle"],
        queue_depth=plain["seq"]["queue_depth"],
        energy=energy,
        hash=digest,
        text=toml,
    )
