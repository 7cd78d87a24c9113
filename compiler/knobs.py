"""Every knob that the environment or a configuration file can turn: declared once, read nowhere else.

    CACHE_DIR.get()                     AIC_CACHE_DIR, else `cache-dir` of aic.toml or [tool.aic], else the default
    CACHE_DIR.origin()                  "AIC_CACHE_DIR", "aic.toml" or "default"

The command line comes before all of these.
"""

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from .errors import UsageError

T = TypeVar("T")
_declared: list["Knob[object]"] = []
_config_file: list[Path] = []


@dataclass(frozen=True)
class Knob(Generic[T]):
    """A setting: the variable it is read from, how its text is understood, its default and one line of help."""

    variable: str
    read: Callable[[str], T]
    default: T
    help: str

    @property
    def key(self) -> str:
        """The name in a configuration file: AIC_CACHE_DIR is `cache-dir`."""
        return self.variable.removeprefix("AIC_").lower().replace("_", "-")

    def get(self) -> T:
        """The value; UsageError if the text cannot be understood."""
        found = self._found()
        if found is None:
            return self.default
        text, origin = found
        try:
            return self.read(text)
        except ValueError as error:
            raise UsageError(f"{origin}: {self.variable} = {text!r}: {error}", code="bad-knob") from error

    def origin(self) -> str:
        """Where the value comes from."""
        found = self._found()
        return "default" if found is None else found[1]

    def _found(self) -> tuple[str, str] | None:
        if (text := os.environ.get(self.variable)) is not None and (text or not self.variable.startswith("AIC_")):
            return text, self.variable
        settings, origin = configuration()
        if (value := settings.get(self.key)) is not None:
            return value, origin
        return None


def knob(variable: str, read: Callable[[str], T], default: T, help: str) -> Knob[T]:
    """Declare a knob."""
    made = Knob(variable, read, default, help)
    _declared.append(made)  # pyright: ignore[reportArgumentType]  a Knob[T] is read as a Knob[object] here
    return made


def knobs() -> tuple[Knob[object], ...]:
    """All knobs, in the order of their declaration."""
    return tuple(_declared)


def configure(file: Path) -> None:
    """Read this configuration file instead of ./aic.toml; UsageError if there is none."""
    if not file.is_file():
        raise UsageError(f"--config {file}: no such file", code="no-file")
    _config_file[:] = [file]
    configuration.cache_clear()


@cache
def configuration() -> tuple[dict[str, str], str]:
    """The settings of the configuration file as text, and its name."""
    for file in _config_file or [Path("aic.toml"), Path("pyproject.toml")]:
        if not file.is_file():
            continue
        try:
            read = tomllib.loads(file.read_text(encoding="utf8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: {error}", code="bad-config") from error
        table = read.get("tool", {}).get("aic", {}) if file.name == "pyproject.toml" else read
        if table:
            return {str(key): str(value) for key, value in table.items()}, str(file)
    return {}, ""


def _flag(text: str) -> bool:
    return bool(text)


def _at_least(low: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if (number := int(text)) < low:
            raise ValueError(f"expected a number of {low} or more")
        return number

    return read


CACHE_DIR = knob("AIC_CACHE_DIR", Path, None, "cache directory; by default the user's cache folder")
DEBUG = knob(
    "AIC_DEBUG",
    _at_least(0),
    0,
    "1 stages and times, 2 pipeline, 3 IR per stage, 4 emitted code, 5 IR per pass, 6 every rewrite",
)
LOGS = knob("AIC_LOGS", str, "", "log levels by area, as passes:debug,tune")
FLAGS = knob("AIC_FLAGS", str, "", "flags put before the command line's own")
DUMP = knob("AIC_DUMP", Path, None, "as --dump-ir DIR")
TRACE = knob("AIC_TRACE", Path, None, "as --trace-compile FILE")
NUM_THREADS = knob("AIC_NUM_THREADS", _at_least(1), None, "as --threads N; by default one")
TARGET = knob("AIC_TARGET", str, "c", "default -t")
TUNE_DB = knob("AIC_TUNE_DB", Path, None, "default tuning database")
NO_COLOR = knob("NO_COLOR", _flag, False, "no colour in the terminal")
FORCE_COLOR = knob("FORCE_COLOR", _flag, False, "colour even where the output is no terminal")
SOURCE_DATE_EPOCH = knob("SOURCE_DATE_EPOCH", _at_least(0), None, "the date to write, in seconds since 1970")
CC = knob("CC", str, "", "the C compiler; by default the first of cc, gcc, clang")
CFLAGS = knob("CFLAGS", str, "", "flags for the C compiler, after aic's own")
