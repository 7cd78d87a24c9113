"""`aic bench diff`: slower, faster, the same; and what is no measurement."""

import json
from pathlib import Path

import pytest
from aic.__main__ import main

from .schemas import checked


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def spread(median: float, half: float) -> dict:
    low, high = median - half, median + half
    names = ("mean", "minimum", "maximum")
    return {"count": 20, "median": median, "interval": [low, high], "stdev": 0.0, "percentiles": {}} | dict.fromkeys(
        names, median
    )


def written(name: str, median: float, half: float = 0.01, ratio: float | None = None, cores: int = 2) -> str:
    peer = (
        None if ratio is None else {"name": "ort", "agrees": True, "seconds": spread(1, 0), "ratio": spread(ratio, 0)}
    )
    document = {
        "schema": "aic.bench/1",
        "file": "m.onnx",
        "model": {"name": "m.onnx", "hash": "00"},
        "target": "c",
        "options": {"level": 2},
        "inputs": [],
        "machine": {"cpu": "x", "architecture": "y", "cores": cores, "load": 0.0, "c_compiler": "cc"},
        "versions": {},
        "effort": {"warmup": 3, "repeat": 20, "min_time": 0.5},
        "seconds": spread(median, half),
        "peer": peer,
    }
    text = json.dumps(document)
    checked(text)
    Path(name).write_text(text)
    return name


@pytest.mark.parametrize(
    ("median", "half", "argv", "verdict"),
    [
        (1.2, 0.01, [], "slower"),
        (0.8, 0.01, [], "faster"),
        (1.04, 0.001, [], "same"),  # within the threshold
        (1.04, 0.001, ["--threshold", "2"], "slower"),
        (1.2, 0.3, [], "same"),  # the intervals meet
    ],
)
def test_verdicts(capsys, median, half, argv, verdict):
    files = [written("a.json", 1.0), written("b.json", median, half)]
    code = main(["bench", "diff", *files, *argv, "--json"])
    out, err = capsys.readouterr()
    assert checked(out)["verdict"] == verdict
    assert (code, "error[regression]: b.json is slower by" in err) == ((5, True) if verdict == "slower" else (0, False))


def test_a_regression_for_a_person(capsys):
    assert main(["bench", "diff", written("a.json", 1.0), written("b.json", 1.2)]) == 5
    out, err = capsys.readouterr()
    assert out == "a.json -> b.json: 1000000.00 us -> 1200000.00 us, +20.0%: slower\n"
    assert err == "error[regression]: b.json is slower by 20.0%, more than 5%\n"


def test_the_ratio_may_stand_still_where_times_do_not(capsys):
    files = [written("a.json", 1.0, ratio=0.5), written("b.json", 2.0, ratio=0.5)]
    assert main(["bench", "diff", *files]) == 5
    assert main(["bench", "diff", *files, "--by", "ratio"]) == 0
    assert "0.500 -> 0.500, +0.0%: same" in capsys.readouterr().out


def test_what_is_not_alike_is_told(capsys):
    assert main(["bench", "diff", written("a.json", 1.0), written("b.json", 1.0, cores=8)]) == 0
    assert capsys.readouterr().err == "warning: not alike: machine.cores: 2 -> 8\n"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": "aic.run/1"}', '{"schema": "aic.bench/1", "seconds": 3}', "[" * 9999]
)
def test_what_is_no_measurement(capsys, text):
    Path("bad.json").write_text(text)
    assert main(["bench", "diff", written("a.json", 1.0), "bad.json"]) == 2
    assert "error[not-a-bench]: bad.json" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["diff", "a.json"], ["a", "b"], ["diff", "a.json", "a.json", "--by", "ratio"]])
def test_what_cannot_be_compared(capsys, argv):
    written("a.json", 1.0)
    assert main(["bench", *argv]) == 2
    assert "error[" in capsys.readouterr().err
