"""Machines of one's own on the command line: what makes no sense is refused with key, value, rule and exit code 2; a
machine too small for a layer with exit code 1, layer and memory."""

from pathlib import Path

import pytest
from aic.tools._main import dispatch


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str]:
    code = dispatch(["compile", *map(str, argv), "--no-cache"])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("rows=24", "array.rows = 24: expected a multiple of 16, 16 to 512"),
        ("rows=-32", "array.rows = -32: expected a multiple of 16, 16 to 512"),
        ("rows=0", "array.rows = 0: expected a multiple of 16, 16 to 512"),
        ("rows=nan", "array.rows = nan: expected an integer"),
        ("spad.bytes=1e300", "mem.spad.bytes = 1e+300: expected an integer"),
        ("latency=99999999999999999999", "dram.latency = 99999999999999999999: expected an integer"),
        ("clock_ghz=fast", 'clock_ghz = "fast": expected a finite number'),
        ("lanes=true", "vpu.lanes = true: expected an integer"),
        ("colour=red", 'colour = "red": expected one of array.cols'),
        ("acc.bytes=128,rows=64", "mem.acc.bytes = 128: expected at least 16384: two blocks"),
    ],
)
def test_nonsense_is_a_usage_error(capsys: pytest.CaptureFixture[str], model: Path, setting: str, message: str):
    code, told = refused(capsys, model, "-t", f"npu,{setting}", "-o", model.parent / "out")
    assert code == 2 and message in told and not (model.parent / "out").exists()


def test_a_file_without_a_table_is_a_usage_error(capsys: pytest.CaptureFixture[str], model: Path):
    file = model.parent / "my.toml"
    assert dispatch(["npu", "init", str(file)]) == 0
    text = file.read_text()
    file.write_text(text.replace("[vpu]", "[vpus]"))
    code, told = refused(capsys, model, "-t", "npu", "--target-config", file)
    assert code == 2 and "vpu = (none): expected a table" in told and "vpus" in told


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("spad.bytes=512", "conv1.out.quantize: its tensors have no room in SPAD"),
        ("pmem.bytes=256", "pmem has 256 bytes"),
    ],
)
def test_a_machine_too_small_for_a_layer(capsys: pytest.CaptureFixture[str], model: Path, setting: str, message: str):
    code, told = refused(capsys, model, "-t", f"npu,{setting}")
    assert code == 1 and message in told and "conv1" in told and "Traceback" not in told
