"""`aic opt F.mlir -p 'a,b{k=v}'`: IR text in, passes, IR text out. Takes the arguments of xDSL's own driver.

Two of them mean something else here than in the other commands: `-t` chooses the form of the output, `-v` prints the
version.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO

from xdsl.dialects.builtin import ModuleOp
from xdsl.targets import get_all_targets
from xdsl.utils.exceptions import ParseError, ShrinkException
from xdsl.xdsl_opt_main import xDSLOptMain

from ..compiler.context import context
from ..compiler.dot import dot
from ..compiler.errors import CompileError, UsageError
from ..compiler.files import write_whole
from ..compiler.foreign import translated
from ..compiler.frontends.onnx.exporter import export_onnx
from ..compiler.frontends.onnx.saving import save_onnx
from ..compiler.limits import check_sizes
from ..compiler.observe import Printing, always
from ..compiler.pipeline import parse_pipeline, print_pipeline, run_pipeline
from ..compiler.weights import random_weights
from ..dialects.graph.weight import AicContext
from ._pass_flags import Watch, add_pass_flags, edited

HELP = "run passes on IR text"


class AicOpt(xDSLOptMain):
    """xDSL's driver over our dialects and passes: checks dominance and sizes, and writes its output whole or not."""

    def __init__(self) -> None:
        self.available_frontends = {}
        self.available_targets = {"mlir": get_all_targets()["mlir"], "dot": _draw}
        self.available_passes = {}  # ours are found by `parse_pipeline`
        self.ctx = self.weighted = AicContext()
        self.register_all_frontends()

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        add_pass_flags(arg_parser)
        arg_parser.add_argument("-p", "--passes", default="", help="the passes, as a,b{k=v}; see `aic list passes`")
        arg_parser.add_argument("--weights", metavar="random:SEED", help="random numbers for every graph.weight")

    def start(self, args: argparse.Namespace) -> int:
        """Do what the arguments say; returns the exit code."""
        self.args = args
        self.ctx = self.weighted = context()
        self.ctx.allow_unregistered = args.allow_unregistered_dialect
        self.steps = edited(parse_pipeline(args.passes), args)
        if args.target not in self.available_targets:
            raise UsageError(f"-t {args.target}: expected one of {', '.join(self.available_targets)}")
        if args.print_pipeline:
            print(print_pipeline(self.steps))
            return 0
        watch, times = Watch(args), list[tuple[str, float]]()
        with watch.collecting():
            texts = [self._chunk(chunk, offset, watch, times) for chunk, offset in self._input()]
        if args.time_passes:
            print("".join(f"Pass {name} took {seconds} seconds\n" for name, seconds in times), end="")
        text = "// -----\n".join(texts)
        if _is_model(args):
            pass
        elif args.output_file in (None, "-"):
            sys.stdout.write(text)
        else:
            write_whole(Path(args.output_file), text)
        watch.tell([("passes", name, seconds) for name, seconds in times])
        return 0

    def output_resulting_program(self, prog: ModuleOp) -> str:
        """The text; for a file that ends in .onnx there is none, but the model is written."""
        if not _is_model(self.args):
            return super().output_resulting_program(prog)
        save_onnx(export_onnx(self.weighted, prog), Path(self.args.output_file))
        return ""

    def _input(self) -> list[tuple[IO[bytes], int]]:
        try:
            return self.prepare_input()[0]
        except ValueError as error:
            raise UsageError(f"{error}; -f mlir reads it as IR text") from error

    def _chunk(self, chunk: IO[bytes], offset: int, watch: Watch, times: list[tuple[str, float]]) -> str:
        """The text of one part of the input after the passes, or of the complaint about it where that is wanted."""
        checks = not self.args.disable_verify
        between = [Printing(wanted_after=always, stream=sys.stdout)] if self.args.print_between_passes else []
        try:
            module = self._parsed(chunk, offset)
            times += run_pipeline(
                self.ctx,
                module,
                self.steps,
                verify_each=checks,
                verify_ends=checks,
                observers=[*watch.observers, *between],
            )
            return self.output_resulting_program(module)
        except Exception as error:
            told = translated(error)
            wanted = self.args.parsing_diagnostics if told and told.code == "parse" else self.args.verify_diagnostics
            if told is None or not wanted:
                raise
            return "\n".join([told.message, *getattr(told, "__notes__", ()), ""])

    def _parsed(self, chunk: IO[bytes], offset: int) -> ModuleOp:
        """The module; whatever the parser raises is the text's fault."""
        try:
            with chunk:
                module = self.parse_chunk(chunk, self.args.frontend or "mlir", offset)
            if module is None:
                raise CompileError("no module in the input", code="parse")
            check_sizes(module)
            if self.args.weights is not None:
                random_weights(self.weighted, module, _seed(self.args.weights))
            return module
        except Exception as error:
            if isinstance(error, ParseError):
                error.span = replace(error.span, line_offset=offset)
            told = translated(error) or CompileError(f"cannot be read: {error or type(error).__name__}", code="parse")
            raise told from error


def _draw(module: ModuleOp, output: IO[str]) -> None:
    output.write(dot(module))


def _is_model(args: argparse.Namespace) -> bool:
    """Whether the output is to be a model."""
    if not (args.output_file or "").endswith(".onnx"):
        return False
    if args.split_input_file:
        raise UsageError("-o .onnx: one module, not several")
    return True


def _seed(text: str) -> int:
    kind, _, seed = text.partition(":")
    if kind != "random" or not seed.isdecimal():
        raise UsageError(f"--weights {text}: expected random:SEED")
    return int(seed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """xDSL's arguments, and those about passes."""
    parser.epilog = "Here alone -t chooses the form of the output, not a machine, and -v prints the version of xDSL."
    AicOpt().register_all_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read, run the passes, write."""
    try:
        code = AicOpt().start(args)
    except ShrinkException:
        if not args.shrink:
            raise
        print("Success, can shrink")
        return 0
    if args.shrink:
        print("Failure, can't shrink")
        return 1
    return code
