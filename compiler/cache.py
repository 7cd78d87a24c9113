"""The cache: what was made once, by the hash of all that it depends on; safe under concurrent use and killed writers.

    <cache>/objects/<key>/data + entry.json       one file, from `file(key, make)`
    <cache>/artifacts/<key>/* + entry.json        a folder, from `folder(key, make)`

An entry appears by one rename. Its files are checked against the hashes of entry.json before use; anything wrong with
it is a miss. The folder is ours alone (0700, no link), or there is no cache.
"""

import hashlib
import json
import logging
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .knobs import CACHE_DIR

LIMIT = 1 << 30
"""Bytes that the cache keeps by default; the entries that were not used for longest go first."""
FRESH = 600.0
"""Seconds for which an entry is safe from pruning after its last use: somebody may be about to load it."""
EVERY = 60.0
"""Seconds between two prunings: for so long the cache may hold more than its limit."""
HASHED = 1 << 26
"""Bytes up to which a file's content is verified; of a larger one (weights), its size."""
log = logging.getLogger("aic.cache")


@dataclass(frozen=True)
class Entry:
    """One cached thing: its kind, key, bytes, and when it was last used."""

    kind: str
    path: Path
    size: int
    used: float


@dataclass(frozen=True)
class Cache:
    """A cache in one folder."""

    root: Path
    limit: int = LIMIT

    def file(self, key: str, make: Callable[[Path], None]) -> Path:
        """The file of a key, made by `make(path)` on a miss."""
        return self._entry("objects", key, lambda folder: make(folder / "data")) / "data"

    def folder(self, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of a key, filled by `make(folder)` on a miss."""
        return self._entry("artifacts", key, make)

    def has(self, key: str) -> bool:
        """Whether the folder of a key is there and sound."""
        return _sound(self.root / "artifacts" / key)

    def _entry(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        final = self.root / kind / key
        if _sound(final):
            os.utime(final / "entry.json")
            return final
        (self.root / kind).mkdir(mode=0o700, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".making-", dir=self.root))
        try:
            make(made)
            _seal(made)
            _replace(made, final)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        if self._is_due():
            self.prune()
        return final

    def _is_due(self) -> bool:
        """Whether nobody has pruned for a while; if so, the caller does. Looking at every entry for each new one would
        cost more than making it."""
        stamp = self.root / "pruned"
        with suppress(FileNotFoundError):
            if stamp.stat().st_mtime > time.time() - EVERY:
                return False
        stamp.touch()
        return True

    def entries(self) -> Iterator[Entry]:
        """What is cached, in no order."""
        for path in (*_listed(self.root / "objects"), *_listed(self.root / "artifacts")):
            try:
                used = (path / "entry.json").stat().st_mtime
                size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            except OSError:
                continue
            yield Entry(path.parent.name, path, size, used)

    def prune(self, limit: int | None = None, fresh: float = FRESH) -> int:
        """Drop entries, the longest unused first, until `limit` bytes are left; returns the bytes freed."""
        found = sorted(self.entries(), key=lambda e: e.used)
        excess = sum(e.size for e in found) - (self.limit if limit is None else limit)
        freed = 0
        for entry in found:
            if freed >= excess or entry.used > time.time() - fresh:
                break
            _remove(entry.path)
            freed += entry.size
        for stale in _listed(self.root):
            if not stale.name.startswith(".making-"):
                continue
            with suppress(FileNotFoundError):  # its writer is done with it
                if stale.stat().st_mtime < time.time() - 24 * 3600:
                    shutil.rmtree(stale, ignore_errors=True)
        return freed

    def clear(self) -> int:
        """Drop everything; returns the bytes freed."""
        return self.prune(0, fresh=-1.0)


def _listed(folder: Path) -> list[Path]:
    """What a folder holds at one moment: others come and go, which `glob` does not bear."""
    with suppress(OSError):
        return [folder / name for name in os.listdir(folder)]
    return []


_chosen: list[Cache | None] = []


def use(chosen: Cache | None) -> None:
    """Make this the default cache of the process; None is none at all."""
    _chosen[:] = [chosen]


def default_cache() -> Cache | None:
    """The cache in use: the chosen one, else the user's. None if its folder cannot be had or is not ours alone."""
    return _chosen[0] if _chosen else _users_cache()


@cache
def _users_cache() -> Cache | None:
    root = CACHE_DIR.get()
    if root is None:
        from platformdirs import user_cache_path

        root = user_cache_path("aic")
    return open_cache(root)


def open_cache(root: Path, limit: int = LIMIT) -> Cache | None:
    """The cache in a folder, made if need be; None, with a warning, if it is a link, another's or open to others."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = root.lstat()
    except OSError as error:
        log.warning("no cache: %s: %s", root, error.strerror)
        return None
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
        log.warning("no cache: %s is a link, another user's, or open to others (expected a folder of mode 0700)", root)
        return None
    return Cache(root, limit)


def _hash(path: Path) -> str:
    if path.stat().st_size > HASHED:
        return ""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _listing(folder: Path) -> dict[str, list[object]]:
    """Size and hash of each file in a folder; OSError for anything that is no plain file."""
    found: dict[str, list[object]] = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and path.name != "entry.json":
            found[path.relative_to(folder).as_posix()] = [path.stat().st_size, _hash(path)]
        elif not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise OSError(f"{path} is no plain file")
    return found


def _seal(folder: Path) -> None:
    (folder / "entry.json").write_text(json.dumps({"files": _listing(folder)}), encoding="utf8")


def _sound(folder: Path) -> bool:
    try:
        entry = json.loads((folder / "entry.json").read_text(encoding="utf8"))
        return not folder.is_symlink() and entry == {"files": _listing(folder)}
    except (OSError, ValueError):
        return False


def _replace(made: Path, final: Path) -> None:
    """Put an entry in place; another writer's sound one, made meanwhile, is as good."""
    for _ in range(3):
        try:
            made.rename(final)
            return
        except OSError:
            if _sound(final):
                return
            _remove(final)
    raise OSError(f"cannot write {final}")


def _remove(path: Path) -> None:
    """Rename away first, so that nobody sees half an entry."""
    try:
        gone = Path(tempfile.mkdtemp(prefix=".making-", dir=path.parent.parent))
        path.rename(gone / "gone")
        shutil.rmtree(gone, ignore_errors=True)
    except OSError as error:
        log.info("not removed: %s: %s", path, error.strerror)
