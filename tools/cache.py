"""`aic cache info|clear|prune`: what the cache holds, and how to make it smaller."""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import AicError, UsageError, printable
from ._arguments import bytes_of
from ._memory import size_text

if TYPE_CHECKING:
    from ..compiler.cache import Cache

HELP = "tell what the cache holds; empty it, or make it smaller"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which cache."""
    parser.add_argument("action", choices=("info", "clear", "prune"), nargs="?", default="info")
    parser.add_argument("--max-size", metavar="BYTES", help="prune: what may be left, as 500M; by default the limit")
    parser.add_argument("--cache-dir", metavar="D", type=Path, help="the cache's folder")


def run(args: argparse.Namespace) -> int:
    """Do it; tell what was freed and what is left."""
    if args.max_size is not None and args.action != "prune":
        raise UsageError("--max-size belongs to: aic cache prune")
    limit = None if args.max_size is None else bytes_of(args.max_size)
    cache = _cache(args)
    freed = 0
    if args.action == "clear":
        freed = cache.clear()
    elif args.action == "prune":
        freed = cache.prune(limit)
    document = _document(cache, args.action, freed)
    if args.json:
        print(json.dumps(document, indent=2))
        return 0
    _tell(cache, args.action, freed)
    left = sum(entry.size for entry in cache.entries())
    if args.action == "prune" and left > (cache.limit if limit is None else limit) and not args.quiet:
        told = "what was used in the last ten minutes is kept; `aic cache clear` drops that too"
        print(f"{size_text(left)} are left: {told}", file=sys.stderr)
    return 0


def _cache(args: argparse.Namespace) -> "Cache":
    from ..compiler.cache import default_cache, open_cache

    found = default_cache() if args.cache_dir is None else open_cache(args.cache_dir)
    if found is None:
        raise AicError("there is no cache: its folder cannot be had, or is not ours alone", code="no-cache")
    return found


def _document(cache: "Cache", action: str, freed: int) -> dict[str, object]:
    entries = sorted(cache.entries(), key=lambda e: -e.used)
    return {
        "schema": "aic.cache/1",
        "action": action,
        "folder": str(cache.root),
        "limit": cache.limit,
        "bytes": sum(entry.size for entry in entries),
        "freed": freed,
        "entries": [
            {"kind": e.kind, "key": e.path.name, "bytes": e.size, "used": e.used, "model": _model(e.path)}
            for e in entries
        ],
    }


def _model(entry: Path) -> str | None:
    """The model that a cached artifact was made from."""
    from ..compiler.artifact import read_manifest

    try:
        found = read_manifest(entry).get("model")
    except AicError:
        return None
    return str(found.get("name")) if isinstance(found, dict) else None


def _tell(cache: "Cache", action: str, freed: int) -> None:
    entries = sorted(cache.entries(), key=lambda e: -e.used)
    if action != "info":
        print(f"{size_text(freed)} freed")
    kinds = Counter(entry.kind for entry in entries)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "empty"
    size = size_text(sum(entry.size for entry in entries))
    print(f"{printable(str(cache.root))}: {size} of {size_text(cache.limit)}, {told}")
    if action == "info":
        for entry in entries:
            if entry.kind == "artifacts":
                hours = max(0.0, time.time() - entry.used) / 3600
                name = printable(_model(entry.path) or "?")
                print(f"  {entry.path.name[:12]}  {size_text(entry.size):>10}  {hours:8.1f} h ago  {name}")
