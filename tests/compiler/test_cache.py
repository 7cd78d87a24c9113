"""The cache: hits, misses, damage, races, size, and folders that are not ours."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aic.compiler.cache import Cache, open_cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    found = open_cache(tmp_path / "cache")
    assert found is not None
    return found


def writes(text: str, count: list[int]):
    def make(path: Path) -> None:
        count.append(1)
        path.write_text(text)

    return make


def test_a_file_is_made_once(cache: Cache) -> None:
    count: list[int] = []
    for _ in range(3):
        assert cache.file("k", writes("x", count)).read_text() == "x"
    assert cache.file("other", writes("y", count)).read_text() == "y"
    assert len(count) == 2


def test_a_folder_is_made_once(cache: Cache) -> None:
    count: list[int] = []
    for _ in range(2):
        found = cache.folder("k", lambda folder: writes("x", count)(folder / "a"))
        assert (found / "a").read_text() == "x"
    assert len(count) == 1 and cache.has("k") and not cache.has("z")


@pytest.mark.parametrize("harm", ["change", "remove", "link", "entry", "more"])
def test_a_damaged_entry_is_a_miss(cache: Cache, harm: str) -> None:
    count: list[int] = []
    found = cache.file("k", writes("x", count))
    match harm:
        case "change":
            found.write_text("y")
        case "remove":
            found.unlink()
        case "link":
            found.unlink()
            found.symlink_to("/etc/passwd")
        case "entry":
            (found.parent / "entry.json").write_text("{")
        case _:
            (found.parent / "more").write_text("z")
    assert cache.file("k", writes("x", count)).read_text() == "x"
    assert len(count) == 2


def test_a_failed_maker_leaves_nothing(cache: Cache) -> None:
    with pytest.raises(RuntimeError):
        cache.file("k", lambda path: (_ for _ in ()).throw(RuntimeError()))
    assert not list(cache.entries()) and not list(cache.root.glob(".making-*"))


def test_racing_writers_agree(cache: Cache) -> None:
    def work(number: int) -> str:
        return cache.file(f"k{number % 3}", lambda path: path.write_text(f"{number % 3}") and None).read_text()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(60))) == [str(number % 3) for number in range(60)]


def test_pruning_drops_the_longest_unused(cache: Cache) -> None:
    for number in range(4):
        path = cache.file(f"k{number}", lambda path: path.write_text("x" * 1000) and None)
        used = time.time() - 10_000 + number
        os.utime(path.parent / "entry.json", (used, used))
    cache.file("fresh", lambda path: path.write_text("x") and None)
    assert cache.prune(2500) > 0
    assert {entry.path.name for entry in cache.entries()} >= {"k3", "fresh"} and not cache.has("k0")
    assert cache.clear() > 0 and not list(cache.entries())


def test_a_folder_that_is_not_ours_alone_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    (tmp_path / "file").write_text("")
    for name in ("open", "link", "file", "file/below"):
        assert open_cache(tmp_path / name) is None
    assert open_cache(tmp_path / "new") is not None
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
