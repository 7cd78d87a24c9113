"""Flags about passes that several commands share, and what they ask for: observers, and an edited pipeline."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, parse_spec
from xdsl.utils.exceptions import ArgSpecParseError

from ..compiler.errors import UsageError
from ..compiler.knobs import DEBUG, DUMP
from ..compiler.observe import Counting, Dumping, Printing, Wanted, always, never, timing_json, timing_text
from ..compiler.pipeline import Observer

ALL = "*"


def add_pass_flags(parser: argparse.ArgumentParser) -> None:
    """--dump-ir, --print-ir-*, --stats, --timing, --disable-pass, --pass-option, --pass-limit, --print-pipeline."""
    group = parser.add_argument_group("passes")
    group.add_argument("--dump-ir", metavar="DIR", type=Path, help="write the IR after each pass there")
    for when in ("before", "after"):
        flag = f"--print-ir-{when}"
        group.add_argument(flag, metavar="PASS", action="append", default=[], help=f"print the IR {when} this pass")
        group.add_argument(f"{flag}-all", action="store_true", help=f"print the IR {when} each pass")
    group.add_argument("--print-ir-after-change", action="store_true", help="print it after passes that changed it")
    group.add_argument("--print-ir-after-failure", action="store_true", help="print it after a pass that failed")
    group.add_argument("--print-ir-diff", action="store_true", help="print what each pass changed")
    group.add_argument("--stats", nargs="?", const="text", choices=("text", "json"), help="count ops round each pass")
    group.add_argument("--timing", nargs="?", const="list", choices=("list", "json"), help="time each pass")
    group.add_argument("--disable-pass", metavar="PASS", action="append", default=[], help="leave this pass out")
    group.add_argument("--pass-option", metavar="PASS.K=V", action="append", default=[], help="set an option of a pass")
    group.add_argument("--pass-limit", metavar="N", type=int, help="stop after N passes")
    group.add_argument("--print-pipeline", action="store_true", help="print the passes, with all options set, and stop")


def edited(steps: Sequence[ModulePass], args: argparse.Namespace) -> tuple[ModulePass, ...]:
    """The pipeline without the disabled passes, with the options set, cut at the limit.

    UsageError if a pass that a flag names is not in it.
    """
    names = {step.name for step in steps}
    for name in args.disable_pass:
        if name not in names:
            raise UsageError(f"--disable-pass {name}: not in the pipeline", code="unknown-pass")
    kept = [step for step in steps if step.name not in args.disable_pass]
    for option in args.pass_option:
        target, _, setting = option.partition(".")
        key, equals, value = setting.partition("=")
        if target not in names or not equals:
            raise UsageError(f"--pass-option {option}: expected PASS.KEY=VALUE of a pass in the pipeline")
        kept = [_with_option(s, key, value) if s.name == target else s for s in kept]
    return tuple(kept[: args.pass_limit])


def _with_option(step: ModulePass, key: str, value: str) -> ModulePass:
    try:
        setting = parse_spec(f"{step.name}{{{key}={value}}}").normalize_parameter_names().parameters
        rest = step.spec(include_default=True).normalize_parameter_names().parameters
        return type(step).from_spec(ArgSpec(step.name, rest | setting))
    except (ValueError, ArgSpecParseError) as error:
        raise UsageError(f"--pass-option {step.name}.{key}={value}: {' '.join(str(error).split())}") from error


@dataclass
class Watch:
    """The observers that the flags ask for, and what is told at the end."""

    args: argparse.Namespace
    counting: Counting = field(default_factory=Counting)

    @property
    def observers(self) -> list[Observer]:
        """For `run_pipeline`."""
        found: list[Observer] = []
        args = self.args
        if (folder := args.dump_ir or DUMP.get()) is not None:
            found.append(Dumping(folder))
        before, after = _wanted(args.print_ir_before, args.print_ir_before_all), self._wanted_after()
        printing = Printing(before, after, args.print_ir_after_change, args.print_ir_diff, args.print_ir_after_failure)
        if before is not never or after is not never or printing.diff or printing.failure:
            found.append(printing)
        return [*found, self.counting] if args.stats else found

    def _wanted_after(self) -> Wanted:
        every = self.args.print_ir_after_all or self.args.print_ir_after_change or DEBUG.get() >= 5
        return _wanted(self.args.print_ir_after, every)

    def tell(self, times: list[tuple[str, float]]) -> None:
        """Statistics and times, on stderr."""
        if self.args.stats:
            json_text = json.dumps(self.counting.to_json(), indent=2)
            print(json_text if self.args.stats == "json" else self.counting.text(), file=sys.stderr)
        if self.args.timing:
            json_text = json.dumps(timing_json(times), indent=2)
            print(json_text if self.args.timing == "json" else timing_text(times), file=sys.stderr)


def _wanted(names: list[str], every: bool) -> Wanted:
    if every:
        return always
    return (lambda name: name in names) if names else never
