"""Flags about passes that several commands share, and what they ask for: observers, and an edited pipeline."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, parse_spec
from xdsl.utils.exceptions import ArgSpecParseError

from ..compiler.errors import UsageError, printable
from ..compiler.files import write_whole
from ..compiler.knobs import DEBUG, DUMP, TRACE
from ..compiler.observe import Counting, Dumping, Printing, Tracing, Wanted, always, never
from ..compiler.pipeline import Observer
from ..compiler.telling import (
    Times,
    remarks_json,
    remarks_text,
    stats_json,
    stats_text,
    timing_json,
    timing_list,
    timing_tree,
    trace_json,
)
from ..dialects._report import Report, collecting

EVERY = "*"
ELIDED = 16
"""Elements above which the IR that is printed on the way shows a constant's type alone."""


def add_pass_flags(parser: argparse.ArgumentParser) -> None:
    """What is printed, written and counted round passes, and which of them run."""
    group = parser.add_argument_group("passes")
    add = group.add_argument
    add("--plugin", metavar="F.py", action="append", default=[], type=Path, help="passes of this file, by @aic.pass_")
    add("--dump-ir", metavar="DIR", type=Path, help="write the IR after each pass there, with an index")
    for when in ("before", "after"):
        flag, told = f"--print-ir-{when}", f"print the IR {when} this pass, or each"
        add(flag, metavar="PASS", nargs="?", const=EVERY, action="append", default=[], help=told)
        add(f"{flag}-all", dest=f"print_ir_{when}", action="append_const", const=EVERY, help="the same for each pass")
    add("--print-ir-after-change", action="store_true", help="print it after passes that changed it")
    add("--print-ir-after-failure", action="store_true", help="print it after a pass that failed")
    add("--print-ir-diff", action="store_true", help="print what each pass changed")
    add("--elide-larger", metavar="N", type=int, help=f"print no constant of more elements ({ELIDED}; dumps: any)")
    told = "ops round each pass, rewrites by rule, bytes saved"
    add("--stats", nargs="?", const="text", choices=("text", "json"), help=told)
    add("--timing", nargs="?", const="tree", choices=("tree", "list", "json"), help="time each pass")
    add("--trace-compile", metavar="T.json", type=Path, help="write a timeline, as Chrome and Perfetto read it")
    told = "what passes (whose name matches) rewrote, and what they did not and why"
    add("--remarks", metavar="RE", nargs="?", const="", help=told)
    add("--disable-pass", metavar="PASS", action="append", default=[], help="leave this pass out")
    add("--pass-option", metavar="PASS.K=V", action="append", default=[], help="set an option of a pass")
    add("--fast-math", action="store_true", help="let passes change rounding: fast=true for all that have the option")
    add("--pass-limit", metavar="N", type=int, help="stop after N passes")
    add(
        "--rewrite-limit",
        metavar="[PASS:]N",
        help="no more than N rewrites, in all (but for lowerings) or of this pass",
    )
    add("--print-pipeline", action="store_true", help="print the passes, with all options set, and stop")


def edited(steps: Sequence[ModulePass], args: argparse.Namespace) -> tuple[ModulePass, ...]:
    """The pipeline without the disabled passes, with the options set, cut at the limit.

    UsageError if a pass that a flag names is not in it.
    """
    names = {step.name for step in steps}
    for name in args.disable_pass:
        if name not in names:
            raise UsageError(f"cannot leave out {name}: not in the pipeline", code="unknown-pass")
    kept = [step for step in steps if step.name not in args.disable_pass]
    if args.fast_math:
        kept = [
            _with_option(s, "fast", "true") if "fast" in s.spec(include_default=True).parameters else s for s in kept
        ]
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
    tracing: Tracing = field(default_factory=Tracing)

    def __post_init__(self) -> None:
        self.report = limited(self.args.rewrite_limit)
        self.trace = self.args.trace_compile or TRACE.get()
        self.remarked = "" if self.args.remarks is None and DEBUG.get() >= 6 else self.args.remarks
        try:
            self.matches = re.compile(self.remarked or "")
        except re.error as error:
            raise UsageError(f"--remarks {self.remarked}: {error}") from error

    @property
    def needs_a_run(self) -> bool:
        """Whether passes have to run for what is asked: a result from the cache will not do."""
        flags = (self.args.timing, self.report.limit is not None, self.remarked is not None)
        return any(flags) or bool(self.observers)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Passes run inside; their rewrites are counted if anybody wants to know."""
        if not (self.args.stats or self.trace or self.remarked is not None or self.report.limit is not None):
            yield
            return
        with collecting(self.report):
            yield

    @property
    def observers(self) -> list[Observer]:
        """For `run_pipeline`."""
        found: list[Observer] = []
        args = self.args
        if (folder := args.dump_ir or DUMP.get()) is not None:
            found.append(Dumping(folder, args.elide_larger))
        before, after = _wanted(args.print_ir_before), self._wanted_after()
        printing = Printing(before, after, args.print_ir_after_change, args.print_ir_diff, args.print_ir_after_failure)
        printing.larger = ELIDED if args.elide_larger is None else args.elide_larger
        if before is not never or after is not never or printing.diff or printing.failure:
            found.append(printing)
        return [*found, *[self.counting] * bool(args.stats), *[self.tracing] * bool(self.trace)]

    def _wanted_after(self) -> Wanted:
        every = self.args.print_ir_after_change or DEBUG.get() >= 5
        return always if every else _wanted(self.args.print_ir_after)

    def tell(self, times: Times) -> None:
        """Statistics, times and remarks on stderr; the timeline into its file."""
        told: list[str] = []
        if self.args.stats:
            made = stats_json if self.args.stats == "json" else stats_text
            told.append(_text(made(self.counting, self.report)))
        if self.args.timing:
            form = {"tree": timing_tree, "list": timing_list, "json": timing_json}[self.args.timing]
            told.append(_text(form(times)))
        if self.remarked is not None:
            remarks = self.report.remarks(lambda name: self.matches.search(name) is not None)
            told.append(_text((remarks_json if self.args.json else remarks_text)(remarks)))
        print("".join(f"{text}\n" for text in told if text), end="", file=sys.stderr)
        if self.trace is not None:
            write_whole(self.trace, json.dumps(trace_json(times, self.tracing, self.report), indent=1) + "\n")


def _text(told: str | dict[str, object]) -> str:
    return printable(told) if isinstance(told, str) else json.dumps(told, indent=2)


def limited(text: str | None) -> Report:
    """The report that stops at the limit of `[PASS:]N`; UsageError if it is none."""
    if text is None:
        return Report()
    name, _, count = text.rpartition(":")
    if not count.isdecimal():
        raise UsageError(f"--rewrite-limit {text}: expected N or PASS:N")
    return Report(int(count), name)


def _wanted(names: list[str]) -> Wanted:
    if EVERY in names:
        return always
    return (lambda name: name in names) if names else never
