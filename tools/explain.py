"""`aic explain`: another name for `aic check`."""

from .check import add_arguments, run

HELP = "the same as check"

__all__ = ["HELP", "add_arguments", "run"]
