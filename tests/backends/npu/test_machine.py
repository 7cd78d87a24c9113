"""Machines: the presets and what follows from them, keys replaced, and one case for each rule."""

import copy
import hashlib
import json
import tomllib
from pathlib import Path

import pytest
from aic.backends.npu.machine import MachineError, machine_from, preset_text, presets, read_machine, to_toml

EDGE = preset_text("edge")


def changed(path: str, value: object, preset: str = "edge") -> str:
    """A preset's text with one key replaced, added or, with None, left out; `ports.0.gbps` counts."""
    data = tomllib.loads(preset_text(preset))
    here: dict | list = data
    *parts, last = path.split(".")
    for part in parts:
        here = here[int(part)] if isinstance(here, list) else here[part]
    assert isinstance(here, dict)
    if value is None:
        del here[last]
    else:
        here[last] = copy.deepcopy(value)
    return to_toml(data)


def test_the_presets_are_what_they_are_named_after():
    found = {name: machine_from(name) for name in presets()}
    assert list(found) == ["davinci-like", "edge", "gemmini-like", "nvdla1024-like", "scalesim", "tpu-v1-like"]
    assert all(machine.name == name for name, machine in found.items())
    tops = {name: round(2 * m.peak("i8") * m.clock_ghz / 1000, 2) for name, m in found.items()}
    assert tops["edge"] == 2.05 and tops["gemmini-like"] == 0.51 and tops["tpu-v1-like"] == 91.75
    assert tops["davinci-like"] == 16.38 and tops["nvdla1024-like"] == 2.05
    ridge = {name: round(m.peak("i8") / m.port_of("ldw")[1]) for name, m in found.items()}
    assert [ridge[n] for n in ("edge", "gemmini-like", "tpu-v1-like", "davinci-like")] == [40, 16, 1349, 218]


def test_derived_quantities():
    m = machine_from("tpu-v1-like")
    assert (m.port_of("lda"), m.port_of("ldw")) == (("host", 20.0), ("weights", pytest.approx(48.5714, abs=1e-3)))
    assert (m.channel_lanes("i8"), m.channel_lanes("i16"), m.channel_lanes("bf16")) == (256, 128, 128)
    assert m.peak("i16") == 256 * 256 / 4
    assert m.energy["mac_i16xi8"] == pytest.approx(0.46) and m.energy["mac_i8"] == 0.23
    cube = machine_from("davinci-like")
    assert cube.dataflow == () and not cube.os_drain and cube.peak("bf16") == 32 * 16 * 16 / 2
    assert cube.line == {"spad": 32, "wmem": 16, "acc": 64, "pmem": 16}
    assert cube.memory("acc").bytes == 262144


def test_the_hash_is_that_of_the_canonical_file_without_name_and_energy():
    data = tomllib.loads(EDGE)
    data = {key: value for key, value in data.items() if key not in ("name", "energy_pj")}
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    edge = machine_from("edge")
    assert edge.hash == hashlib.sha256(text.encode()).digest()[:16]
    assert read_machine(changed("name", "mine")).hash == edge.hash
    assert read_machine(changed("energy_pj.vpu_op", 9.0)).hash == edge.hash
    assert read_machine(changed("clock_ghz", 1)).hash == edge.hash
    assert read_machine(changed("seq.queue_depth", 32)).hash != edge.hash


def test_keys_are_replaced_and_lines_follow():
    m = machine_from("edge,array.rows=16,cols=64,spad.bytes=262144,gbps=51.2,dataflow=os,wmem.bytes=0")
    assert (m.rows, m.cols, m.spad.bytes, m.spad.line, m.wmem.line, m.acc.line) == (16, 64, 262144, 16, 64, 256)
    assert (m.ports[0].bytes_per_cycle, m.dataflow, m.wmem.bytes) == (51.2, ("os",), 0)
    assert read_machine(m.text) == m
    m = machine_from('tpu-v1-like,weights.gbps=68,dtypes=["i8"],rate={ i8 = 1.0 }')
    assert (m.ports[0].gbps, m.ports[1].gbps, m.dtypes) == (68.0, 14.0, ("i8",))


def test_a_file_is_a_machine(tmp_path: Path):
    (tmp_path / "my.toml").write_text(changed("name", "mine"))
    m = machine_from(f"{tmp_path}/my.toml,latency=7")
    assert (m.name, m.latency) == ("mine", 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("none-such", "expected a preset"),
        ("/none/such.toml", "expected a preset"),
        ("edge,rows", "expected key=value"),
        ("edge,bytes=3", "mem.spad.bytes, mem.wmem.bytes"),
        ("edge,nonsense=3", "expected one of array.cols"),
        ("tpu-v1-like,gbps=3", "dram.weights.gbps, dram.host.gbps"),
        ("edge,latency=x", 'dram.latency = "x": expected an integer'),
        ("edge,array.rows=16,spad.line=32", "mem.spad.line = 32: expected 16"),
    ],
)
def test_what_names_no_machine(text: str, message: str):
    with pytest.raises(MachineError) as error:
        machine_from(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "rule", "preset"),
    [
        ("colour", "red", "no such key", "edge"),
        ("array.colour", "red", "no such key", "edge"),
        ("mem.l2", {"bytes": 1}, "no such key", "edge"),
        ("mem.pmem.line", 16, "no such key", "edge"),
        ("vpu", None, "expected a table", "edge"),
        ("name", None, "expected a text", "edge"),
        ("name", "", "expected a text", "edge"),
        ("array.rows", 32.0, "expected an integer", "edge"),
        ("array.rows", True, "expected an integer", "edge"),
        ("array.os_drain", 1, "expected true or false", "edge"),
        ("array.dataflow", None, "expected a list of texts", "edge"),
        ("array.weight_double_buffer", None, "expected true or false", "edge"),
        ("array.dataflow", ["ws"], "a cube has no such key", "davinci-like"),
        ("array.os_drain", True, "a cube has no such key", "davinci-like"),
        ("clock_ghz", -1.0, "expected more than 0", "edge"),
        ("clock_ghz", float("nan"), "expected a finite number", "edge"),
        ("clock_ghz", float("inf"), "expected a finite number", "edge"),
        ("array.kind", "vector", 'expected "systolic" or "cube"', "edge"),
        ("array.depth", 2, "expected 1 in a systolic array", "edge"),
        ("array.depth", 1, "expected 2 to 512 in a cube", "davinci-like"),
        ("array.rows", 24, "expected a multiple of 16", "edge"),
        ("array.cols", 1024, "expected a multiple of 16, 16 to 512", "edge"),
        ("mem.spad.line", 64, "expected 32, which is array.rows", "edge"),
        ("mem.wmem.line", 64, "expected 32, which is array.cols", "edge"),
        ("mem.acc.line", 64, "expected 128, which is 4 * array.cols", "edge"),
        ("mem.spad.bytes", 1000, "expected a multiple of its line", "edge"),
        ("mem.spad.bytes", 128 << 20, "expected at most", "edge"),
        ("mem.spad.bytes", 0, "expected at least 32", "edge"),
        ("mem.pmem.bytes", 128 << 10, "expected at most 65536", "edge"),
        ("mem.pmem.bytes", 300, "multiple of its line of 16", "edge"),
        ("mem.spad.banks", 12, "expected a power of two", "edge"),
        ("mem.acc.bytes", 4096, "expected at least 8192: two blocks", "edge"),
        ("mem.wmem.bytes", 1024, "expected at least 2048: two tiles", "edge"),
        ("array.dtypes", ["i8", "f16"], "expected some of i8", "edge"),
        ("array.dtypes", ["i8", "i8"], "each once", "edge"),
        ("array.rate", {"i8": 1.0}, "expected exactly the keys i8, bf16", "edge"),
        ("array.rate.bf16", 0.75, "rate * 2 to be an integer or 1 / an integer", "edge"),
        ("array.rate.i8", "fast", "rate * 1 to be an integer", "edge"),
        ("array.feeder_groups", 3, "expected 1, 2 or 4", "edge"),
        ("array.dataflow", ["ws", "is"], "expected ws, os or both", "edge"),
        ("dram.ports", [], "expected a list of tables", "edge"),
        ("dram.ports.0.queues", ["lda", "st"], "exactly one port", "edge"),
        ("dram.ports.0.queues", ["lda", "ldw", "st", "st"], "exactly one port", "edge"),
        ("dram.ports.0.queues", ["lda", "ldw", "st", "mxu"], "exactly one port", "edge"),
        ("dram.ports.0.gbps", -3.0, "expected more than 0", "edge"),
        ("dram.ports.0.colour", "red", "no such key", "edge"),
        ("dram.ports.1.name", "weights", "a name of its own", "tpu-v1-like"),
        ("dram.efficiency", 1.5, "expected more than 0, at most 1", "edge"),
        ("dram.arb", "fcfs", 'expected "fair"', "edge"),
        ("dram.latency", -1, "expected at least 0", "edge"),
        ("dma.burst", 48, "expected a power of two, 16 to 4096", "edge"),
        ("dma.burst", 8192, "expected a power of two, 16 to 4096", "edge"),
        ("dma.row_overhead", -1, "expected at least 0", "edge"),
        ("vpu.lanes", 100, "expected a power of two", "edge"),
        ("vpu.mac_per_lane", 0, "expected at least 1", "edge"),
        ("vpu.startup", -1, "expected at least 0", "edge"),
        ("seq.queue_depth", 1, "expected at least 2", "edge"),
        ("seq.dispatch_per_cycle", 0, "expected at least 1", "edge"),
        ("energy_pj.mac_f16", 1.0, "expected one of mac_i8", "edge"),
        ("dram.latency", 1 << 21, "expected 0 to 1048576", "edge"),
        ("dram.ports.0.gbps", 1e-20, "0.001 to 1000000000 bytes a cycle", "edge"),
        ("dram.ports.0.gbps", 1e20, "0.001 to 1000000000 bytes a cycle", "edge"),
        ("energy_pj.vpu_op", 1e300, "0 to 1e12", "edge"),
        ("energy_pj.vpu_op", -1.0, "a number of picojoules", "edge"),
    ],
)
def test_rules(path: str, value: object, rule: str, preset: str):
    with pytest.raises(MachineError) as error:
        read_machine(changed(path, value, preset))
    found = {violation.key: violation.rule for violation in error.value.violations}
    key = path.replace("ports.0", "ports[0]").replace("ports.1", "ports[1]")
    assert any(rule in text and (key.startswith(k) or k.startswith(key)) for k, text in found.items()), found
    assert error.value.key in found and str(error.value)


def test_energies_may_be_left_out():
    machine = read_machine(changed("energy_pj", None))
    assert machine.energy == {"mac_i8": 0.0, "mac_bf16": 0.0}


@pytest.mark.parametrize("text", ["", "= 3", "name = ", "a = " + "[" * 5000])
def test_what_is_no_toml(text: str):
    with pytest.raises(MachineError):
        read_machine(text)


def test_several_violations_are_told_at_once():
    with pytest.raises(MachineError) as error:
        machine_from("edge,rows=24,burst=3,queue_depth=1")
    assert {"array.rows", "dma.burst", "seq.queue_depth"} <= {v.key for v in error.value.violations}
