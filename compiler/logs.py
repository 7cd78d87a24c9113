"""Logging: loggers `aic.<area>`, silent in the library, switched on by the command line, AIC_LOGS and AIC_DEBUG."""

import logging

from .errors import UsageError
from .knobs import DEBUG, LOGS

LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
logging.getLogger("aic").addHandler(logging.NullHandler())


def start_logging(verbosity: int, file: str | None = None) -> None:
    """Send `aic.*` to stderr, or to a file: 0 errors, 1 warnings, 2 information, 3 everything."""
    root = logging.getLogger("aic")
    for handler in [h for h in root.handlers if not isinstance(h, logging.NullHandler)]:
        root.removeHandler(handler)
    handler = logging.FileHandler(file, encoding="utf8") if file else logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    root.addHandler(handler)
    verbosity = max(verbosity, 3 if DEBUG.get() >= 2 else 2 if DEBUG.get() else 0)
    root.setLevel(LEVELS[min(verbosity, len(LEVELS) - 1)])
    for entry in filter(None, LOGS.get().split(",")):
        area, _, level = entry.partition(":")
        number = logging.getLevelNamesMapping().get((level or "debug").upper())
        if number is None:
            raise UsageError(f"AIC_LOGS: expected area:level, found {entry!r}", code="bad-knob")
        logging.getLogger(f"aic.{area}").setLevel(number)
