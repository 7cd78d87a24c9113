"""`aic opt F.mlir -p 'a,b{k=v}'`: IR text in, passes, IR text out. Takes the arguments of xDSL's own driver."""

import argparse
from collections.abc import Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.targets import get_all_targets
from xdsl.utils.exceptions import VerifyException
from xdsl.xdsl_opt_main import xDSLOptMain

from ..compiler.context import context
from ..compiler.errors import VerifyError
from ..compiler.pipeline import available_passes, parse_pipeline, run_pipeline

HELP = "run passes on IR text"


class AicOpt(xDSLOptMain):
    """xDSL's driver over our dialects and passes, with a check for dominance."""

    def __init__(self, args: Sequence[str] | argparse.Namespace):
        super().__init__(args=args if isinstance(args, Sequence) else [])
        if isinstance(args, argparse.Namespace):
            self.args = args
            self.ctx.allow_unregistered = args.allow_unregistered_dialect
            self.setup_pipeline()

    def register_all_dialects(self) -> None:
        self.ctx = context()

    def register_all_passes(self) -> None:
        self.available_passes.update(available_passes())

    def register_all_targets(self) -> None:
        self.available_targets["mlir"] = get_all_targets()["mlir"]

    def setup_pipeline(self) -> None:
        self.steps = parse_pipeline(self.args.passes)

    def apply_passes(self, prog: ModuleOp) -> None:
        try:
            run_pipeline(self.ctx, prog, self.steps, verify_each=True)
        except VerifyError as error:
            raise VerifyException(str(error)) from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """xDSL's arguments."""
    AicOpt([]).register_all_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read, run the passes, write."""
    AicOpt(args).run()
    return 0
