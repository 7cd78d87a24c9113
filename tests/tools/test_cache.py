"""`aic cache`: what is there, what goes first, and what is no cache."""

import os
import time
from pathlib import Path

import pytest
from aic.__main__ import main
from aic.compiler.cache import open_cache

from .schemas import checked


@pytest.fixture(autouse=True)
def filled(tmp_path):
    """A cache of two files: `old` was used a day ago, `new` just now."""
    cache = open_cache(tmp_path / "cache")
    assert cache is not None
    for key in ("old", "new"):
        cache.file(key, lambda path: path.write_bytes(b"x" * 5000))
    day = time.time() - 24 * 3600
    os.utime(cache.root / "objects" / "old" / "entry.json", (day, day))
    return cache


def told(capsys, tmp_path: Path, *argv: str) -> dict:
    assert main(["cache", *argv, "--cache-dir", str(tmp_path / "cache"), "--json"]) == 0
    return checked(capsys.readouterr().out)


def test_info(capsys, tmp_path):
    found = told(capsys, tmp_path)
    assert [entry["key"] for entry in found["entries"]] == ["new", "old"]
    assert found["bytes"] == sum(entry["bytes"] for entry in found["entries"]) > 10000
    assert (found["action"], found["freed"], found["limit"]) == ("info", 0, 1 << 30)


def test_clear(capsys, tmp_path):
    found = told(capsys, tmp_path, "clear")
    assert found["freed"] > 10000 and not found["entries"]


def test_prune_takes_the_longest_unused_first(capsys, tmp_path):
    assert told(capsys, tmp_path, "prune")["freed"] == 0
    found = told(capsys, tmp_path, "prune", "--max-size", "6K")
    assert [entry["key"] for entry in found["entries"]] == ["new"] and found["freed"] > 5000


def test_prune_spares_what_is_in_use(capsys, tmp_path):
    assert main(["cache", "prune", "--max-size", "0", "--cache-dir", str(tmp_path / "cache")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("5.") and " KiB freed\n" in out and "1 objects" in out
    assert "what was used in the last ten minutes is kept" in err


def test_the_size_belongs_to_prune(capsys):
    assert main(["cache", "clear", "--max-size", "1K"]) == 2
    assert main(["cache", "prune", "--max-size", "lots"]) == 2
    assert "expected a whole number" in capsys.readouterr().err


def test_what_is_no_cache(capsys, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "cache")
    assert main(["cache", "--cache-dir", str(tmp_path / "link")]) == 1
    assert "error[no-cache]" in capsys.readouterr().err


def test_an_empty_cache(capsys, tmp_path):
    assert main(["cache", "--cache-dir", str(tmp_path / "fresh")]) == 0
    assert capsys.readouterr().out.endswith("0 B of 1.0 GiB, empty\n")
