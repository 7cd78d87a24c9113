"""Artifacts: folders written whole or not at all, with a `manifest.json` that says what is in them.

{"schema": "aic.manifest/1", "aic": "0.1.0", "target": "c", "machine": {..}, "options": {..}, "pipeline": {..},
 "model": {"name": "model.onnx", "hash": ".."}, "inputs": [{"name", "dtype", "shape"}], "outputs": [..],
 "memory": {"arena_bytes", ..}, .. the target's own .., "files": {"model.c": "sha256 .."}, "hash": ".."}
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from .errors import CompileError, UsageError

SCHEMA = "aic.manifest/1"
FILE = "manifest.json"


def write_folder(out: Path, fill: Callable[[Path], None]) -> None:
    """Make the folder `out` by `fill(folder)`; if that raises, `out` stays as it was. It may replace an older artifact
    or an empty folder; UsageError if anything else is there."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UsageError(f"{out}: exists, and is not a folder", code="bad-output")
    if out.is_dir() and any(out.iterdir()) and not (out / FILE).is_file():
        raise UsageError(f"{out}: exists, and is neither empty nor an artifact of aic", code="bad-output")
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name[:64]}.", dir=out.absolute().parent))
    try:
        fresh = scratch / "new"
        fresh.mkdir()
        fill(fresh)
        if out.exists():
            out.rename(scratch / "old")
        fresh.rename(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_manifest(folder: Path, content: Mapping[str, object]) -> dict[str, object]:
    """Write the manifest of a folder whose other files are complete, with their hashes; returns it."""
    files = {
        path.relative_to(folder).as_posix(): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != FILE
    }
    manifest: dict[str, object] = {"schema": SCHEMA, **content, "files": files}
    manifest["hash"] = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    (folder / FILE).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf8")
    return manifest


def read_manifest(folder: Path) -> dict[str, object]:
    """The manifest of an artifact; CompileError if it is none, or of another version."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf8"))
    except FileNotFoundError:
        raise CompileError(f"{folder}: no {FILE}: not an artifact of aic", code="not-an-artifact") from None
    except (OSError, ValueError) as error:
        raise CompileError(f"{folder / FILE}: cannot be read: {error}", code="not-an-artifact") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        schema = found.get("schema") if isinstance(found, dict) else None
        raise CompileError(f"{folder / FILE}: expected schema {SCHEMA}, found {schema}", code="not-an-artifact")
    return found


def is_artifact(path: object) -> bool:
    """Whether this is the path of an artifact's folder."""
    return isinstance(path, str | os.PathLike) and (Path(path) / FILE).is_file()


def file_hash(path: Path) -> str:
    """The sha256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
