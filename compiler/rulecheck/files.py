"""Where rules are: beside the passes that are made of them."""

import pkgutil
from importlib.resources import files
from pathlib import Path

from ... import passes


def rule_files() -> tuple[Path, ...]:
    """The files of rules of our passes, by name."""
    rooms = [name for _, name, is_room in pkgutil.iter_modules(passes.__path__) if is_room]
    found = [Path(str(f)) for room in rooms for f in files(f"{passes.__name__}.{room}").iterdir()]
    return tuple(sorted(f for f in found if f.suffix == ".rules"))
