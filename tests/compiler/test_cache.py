"""The cache: made once, pruned now and then, unharmed by those who come and go meanwhile."""

import os
from pathlib import Path

from aic.compiler import cache
from aic.compiler.cache import open_cache


def put(text: str):
    return lambda path: path.write_text(text)


def test_a_file_is_made_once(tmp_path: Path) -> None:
    found = open_cache(tmp_path / "cache")
    assert found is not None
    assert found.file("a", put("one")).read_text() == "one"
    assert found.file("a", put("two")).read_text() == "one"


def test_a_file_that_was_changed_is_made_anew(tmp_path: Path) -> None:
    found = open_cache(tmp_path / "cache")
    assert found is not None
    found.file("a", put("one")).write_text("bad")
    assert found.file("a", put("two")).read_text() == "two"


def test_it_is_pruned_at_most_once_a_minute(tmp_path: Path, monkeypatch) -> None:
    found = open_cache(tmp_path / "cache")
    assert found is not None
    pruned: list[int] = []
    monkeypatch.setattr(cache.Cache, "prune", lambda self: pruned.append(1))
    found.file("a", put("one"))
    found.file("b", put("two"))
    assert pruned == [1]
    os.utime(found.root / "pruned", (0, 0))
    found.file("c", put("three"))
    assert pruned == [1, 1]


def test_pruning_does_not_mind_a_writer_that_is_done(tmp_path: Path, monkeypatch) -> None:
    found = open_cache(tmp_path / "cache")
    assert found is not None
    gone = found.root / ".making-gone"
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [gone] if pattern.startswith(".making") else [])
    assert found.prune() == 0
