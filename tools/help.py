"""`aic help NAME`: about a command, or about a pass."""

import argparse

from ._main import names, parser_of

HELP = "tell about a command or a pass"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to tell about."""
    parser.add_argument("name", metavar="COMMAND|PASS")


def run(args: argparse.Namespace) -> int:
    """A command's flags, or a pass's documentation."""
    if (command := args.name.replace("-", "_")) in names():
        parser_of(command).print_help()
        return 0
    from . import list as listing

    return listing.run(argparse.Namespace(kind="passes", name=args.name, json=args.json, all=True))
