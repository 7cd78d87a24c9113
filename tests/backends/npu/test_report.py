"""Reports: columns that add up, classes that add up to all cycles, the same facts in every form; comparisons."""

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import aic
import pytest
from aic.backends.npu.code import Mark
from aic.backends.npu.machine import machine_from
from aic.backends.npu.program import Instruction, Program
from aic.backends.npu.report.columns import COLUMNS, csv_of, explanation, text_of
from aic.backends.npu.report.diff import DiffError, diff
from aic.backends.npu.report.html import html_of
from aic.backends.npu.report.occupancy import occupancy
from aic.backends.npu.report.picture import dots_of_report
from aic.backends.npu.report.report import Report, report_of
from aic.backends.npu.report.stalls import CLASSES
from aic.backends.npu.report.tokens import tokens
from aic.backends.npu.report.turns import parts
from aic.backends.npu.sim.event import timeline

from .example import example


def marked(program: Program) -> Program:
    """The example as two layers of two blocks each."""
    half = 128 * 128 * 64
    program.marks += [
        Mark("first", ("/conv1", "/relu1"), "matrix", half),
        Mark("second <&>", ("/conv2",), "matrix", half),
    ]
    text = [Instruction("mark", d=0, f=queue) for queue in range(5)]
    loads = 0
    for ins in program.text:
        loads += ins.name == "ld.a"
        if ins.name == "ld.a" and loads == 3:
            text += [Instruction("mark", d=1, f=queue) for queue in range(5)]
        text.append(ins)
    program.text[:] = text
    return program


@pytest.fixture
def report() -> Report:
    program = marked(example())
    return report_of(program, timeline(program), "example")


def test_a_hand_written_program():
    program = example()
    ran = timeline(program)
    found = report_of(program, ran)
    assert (ran.cycles, found.stalls) == (3350, {
        "useful": 0, "padded": 2048, "shift": 64, "weights": 0, "input": 870, "sync": 0, "idle": 368,
    })  # fmt: skip
    (row,) = found.layers
    assert (row.layer, row.macs, row.dram_rd, row.dram_wr) == ("(none)", 0, 8192 + 768 + 32768, 16384)
    assert (row.busy["array"], row.vpu, row.spad_peak) == (2048, 128, 20480)
    assert row.x_min == 1


def test_layers_add_up_to_the_whole(report: Report):
    first, second = report.layers
    assert first.cycles + second.cycles == report.totals["cycles"] == sum(report.stalls.values())
    assert (first.onnx, first.unit, first.mapping) == (
        ("/conv1", "/relu1"), "array", "ws 64x128x64 weights-outer A2 W1",
    )  # fmt: skip
    assert first.ideal == second.ideal == 1024
    assert report.totals["util"] == pytest.approx(100 * 2048 / report.totals["cycles"])
    assert report.stalls["useful"] == 2048 and report.stalls["padded"] == 0
    assert first.mapping_eff == second.mapping_eff == 100
    for row in report.layers:
        assert set(row.stalls) == set(CLASSES)
        assert row.stalls["useful"] + row.stalls["padded"] == 1024


def test_single_buffers_wait_for_input():
    program = marked(example(1))
    found = report_of(program, timeline(program))
    assert found.totals["cycles"] == sum(found.stalls.values())
    assert found.stalls["input"] > found.stalls["useful"]
    assert found.waits[0].semaphore == "a_full" and found.waits[0].producer == "lda"
    assert [row.bound_by for row in found.layers] == ["sync", "sync"]


def test_weights_that_come_late_are_a_weight_stall():
    program = example()
    loads = [i for i, ins in enumerate(program.text) if ins.name == "ld.a"]
    program.text.insert(0, program.text.pop(loads[0]))  # the first block of activations is there before the weights
    program.text.insert(2, Instruction("ld.w", x=program.text[1].x, y=program.text[1].y, d=program.text[1].d))
    program.text[1].signals, program.text[2].signals = (), (3,)
    found = report_of(program, timeline(program))
    assert found.stalls["weights"] > 0
    assert (found.waits[0].semaphore, found.waits[0].producer) == ("w_full", "ldw")


@pytest.mark.parametrize("preset", ["edge", "gemmini-like", "edge,array.weight_double_buffer=false"])
def test_the_classes_add_up_on_any_machine(preset: str):
    program = marked(example())
    machine = machine_from(preset)
    program.machine = machine
    ran = timeline(program)
    found = report_of(program, ran)
    assert sum(found.stalls.values()) == ran.cycles
    assert all(count >= 0 for row in found.layers for count in row.stalls.values())


def test_every_wait_has_its_signal():
    program = example()
    pairs = tokens(program)
    assert len(pairs) == sum(len(ins.waits) for ins in program.text)
    names = {(program.text[p].name, program.text[c].name) for _, p, c in pairs if p >= 0}
    assert ("ld.a", "mm") in names and ("st", "v.rq") in names
    assert sum(p < 0 for _, p, _ in pairs) == 6


def test_what_spad_holds():
    program = example()
    found = occupancy(program, timeline(program).times)
    assert found.bytes[-1] == 0 and found.bytes[0] == 0
    assert found.peak(0, 640) == 8192
    assert found.peak(0, 3350) == max(found.bytes)


def test_forms_say_the_same(report: Report):
    text = text_of(report, wide=True)
    titles = text.splitlines()[0]
    assert all(column.title in titles and column.title in explanation() for column in COLUMNS)
    rows = list(csv.DictReader(io.StringIO(csv_of(report))))
    assert [int(row["cycles"]) for row in rows] == [row.cycles for row in report.layers]
    assert sum(int(row[f"stall_{name}"]) for row in rows for name in CLASSES) <= report.totals["cycles"]
    document = json.loads(json.dumps(report.document()))
    assert document["schema"] == "aic.npu/1" and len(document["layers"]) == 2
    assert sum(document["stalls"]["percent"].values()) == pytest.approx(100)


def test_layers_that_take_turns_are_one_group():
    program = marked(example())
    assert [row.group for row in report_of(program, timeline(program)).layers] == ["first", "second <&>"]
    program.text.insert(-1, Instruction("mark", d=0, f=3))
    found = report_of(program, timeline(program))
    assert [row.group for row in found.layers] == ["first", "first"]
    (dot,) = dots_of_report(found)
    assert (dot.name, dot.cycles) == ("first to second <&>", found.totals["cycles"])


def test_of_layers_that_take_turns_the_sum_tells_shares():
    program = marked(example())
    program.text.insert(-1, Instruction("mark", d=0, f=3))
    found = report_of(program, timeline(program))
    ((rows, whole),) = parts(found)
    assert whole is not None and rows == found.layers
    assert (whole.cycles, whole.macs, whole.dram_rd) == tuple(found.totals[k] for k in ("cycles", "macs", "dram_rd"))
    assert whole.util == pytest.approx(found.totals["util"]) and whole.array_active < 100
    assert whole.mapping_eff == pytest.approx(found.totals["mapping_eff"])
    lines = text_of(found).splitlines()
    util = lines[0].index("util %")
    assert (
        lines[3].startswith("= 2 in turns")
        and lines[3][util : util + 6].strip()
        and not lines[1][util : util + 6].strip()
    )
    assert 'class="sum"' in html_of(found)


def test_a_layer_alone_has_no_sum():
    found = report_of(marked(example()), timeline(marked(example())))
    assert [part.whole for part in parts(found)] == [None, None] and "in turns" not in text_of(found)


class Page(HTMLParser):
    """Collects cells, and checks that tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells = 0
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.cells += tag == "td"
        self.outside += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag != "meta" and tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_page_stands_by_itself(report: Report):
    text = html_of(report)
    page = Page()
    page.feed(text)
    assert (page.open, page.outside, page.cells) == ([], [], 2 * len(COLUMNS))
    assert "second &lt;&amp;&gt;" in text and "second <&>" not in text


def test_a_slower_program_is_told_layer_by_layer():
    documents = []
    for buffers in (2, 1):
        program = marked(example(buffers))
        documents.append(json.loads(json.dumps(report_of(program, timeline(program)).document())))
    found = diff(*documents)
    assert found.change == pytest.approx(documents[1]["totals"]["cycles"] / documents[0]["totals"]["cycles"] - 1)
    assert [abs(c.cycles) for c in found.layers] == sorted((abs(c.cycles) for c in found.layers), reverse=True)
    assert sum(c.cycles for c in found.layers) == found.totals["cycles"][1] - found.totals["cycles"][0]
    assert found.differs == ()
    assert diff(documents[0], documents[0]).change == 0


def test_what_is_no_report_is_refused(report: Report):
    document = json.loads(json.dumps(report.document()))
    with pytest.raises(DiffError, match="expected a document"):
        diff({"schema": "aic.bench/1"}, document)
    for key in ("totals", "layers", "stalls"):
        with pytest.raises(DiffError, match="malformed"):
            diff(document, {k: v for k, v in document.items() if k != key})
    with pytest.raises(DiffError, match="malformed"):
        diff(document, {**document, "layers": [{"layer": "x", "cycles": "many"}]})


def test_the_manual_defines_every_column_and_class():
    manual = Path(aic.__file__).parent / "docs" / "npu.md"
    defined = {name for line in manual.read_text(encoding="utf8").splitlines() for name in first_cell(line)}
    assert {column.title for column in COLUMNS} | set(CLASSES) <= defined


def first_cell(line: str) -> list[str]:
    return line.split("|")[1].strip().split(", ") if line.startswith("|") else []
