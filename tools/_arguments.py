"""Flags that several commands share, and what they come to: a target, the options of a compilation, a tolerance."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import UsageError

if TYPE_CHECKING:
    from ..compiler.compare import Tolerance
    from ..compiler.driver import Options
    from ..compiler.frontends.onnx.model import Model
    from ..compiler.targets import TargetChoice
    from ..dialects._shape import Array


def add_model(parser: argparse.ArgumentParser, help: str = "an ONNX file, or the folder of an artifact") -> None:
    """The model, by its path."""
    parser.add_argument("model", type=Path, help=help)


def add_target(parser: argparse.ArgumentParser) -> None:
    """-t, --target-config, --layout, --threads, -O."""
    group = parser.add_argument_group("target")
    group.add_argument("-t", "--target", metavar="T[,K=V]", help="the target, with settings of its machine")
    group.add_argument("--target-config", metavar="F.toml", type=Path, help="the machine's description")
    told = "how activations lie: NCHW, NHWC, NC8HW8 (or blocks of 4, 16, 32, 64), auto; the same as -t T,layout=L"
    group.add_argument("--layout", metavar="L", help=told)
    told = "run on so many threads; an artifact on as many as it was built for at most; the same as -t T,threads=N"
    group.add_argument("--threads", metavar="N", help=told)
    told = "how weights of products are stored: f32, bf16 or int8; the same as -t T,weights_dtype=D"
    group.add_argument("--weights-dtype", metavar="D", help=told)
    told = "how much to optimise: 0 to 3, or s for small code"
    group.add_argument("-O", dest="level", metavar="LEVEL", type=effort, default=2, help=told)


def effort(text: str) -> int:
    """An optimisation level: 0 to 3, or `s`."""
    from ..compiler.targets import SIZE

    levels = {**{str(n): n for n in range(4)}, "s": SIZE}
    if text not in levels:
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from 0, 1, 2, 3, s)")
    return levels[text]


def add_shapes(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """--shape, --dim, --value; their group."""
    group = parser.add_argument_group("shapes")
    add = group.add_argument
    add("--shape", metavar="X=1x3x8", action="append", default=[], help="the shape of an input")
    told = "a symbolic dimension; with `compile -t triton` N=1,4,16: a program for each, chosen at run time"
    add("--dim", metavar="N=1", action="append", default=[], help=told)
    add("--value", metavar="X=1,2|@F.npy", action="append", default=[], help="compile for this value of an input")
    return group


def add_build(parser: argparse.ArgumentParser) -> None:
    """--cc, --cflags, --weights, --prefix, -j, --cache-dir, --no-cache, --mem-limit."""
    group = parser.add_argument_group("build")
    group.add_argument("--cc", default="", help="the C compiler")
    group.add_argument("--cflags", default="", help="further flags for it")
    group.add_argument(
        "--weights", choices=("embed", "bin"), default="bin", help="in the library, or in a file of theirs"
    )
    group.add_argument("--prefix", default="model", metavar="NAME", help="what names in the generated code begin with")
    group.add_argument("-j", dest="jobs", type=int, default=2, metavar="N", help="compile with so many processes")
    group.add_argument("--mem-limit", metavar="BYTES", help="fail if arena and weights take more, as 256K or 8M")
    add_cache(parser)
    told = "the tuning database; by default AIC_TUNE_DB, or the user's. `none`: without"
    add = parser.add_argument_group("tuning").add_argument
    add("--db", metavar="F", help=told)
    told = "a table of schedules that won elsewhere, as `aic tune db table` writes it; goes before the database"
    add("--tuned", metavar="F", type=Path, help=told)


def add_cache(parser: argparse.ArgumentParser) -> None:
    """--cache-dir, --no-cache."""
    group = parser.add_argument_group("cache")
    group.add_argument("--cache-dir", metavar="D", type=Path, help="the cache's folder")
    group.add_argument("--no-cache", action="store_true", help="take nothing from the cache and leave nothing in it")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """--input, --seed."""
    parser.add_argument(
        "--input",
        metavar="X=@F|@F",
        action="append",
        default=[],
        help="an input: X=@f.npy, X=1,2,3; or all: @f.npz, @test_data_set_0. What is not given is random",
    )
    parser.add_argument("--seed", type=int, default=0, help="of random inputs")


def add_tolerance(parser: argparse.ArgumentParser) -> None:
    """--atol, --rtol, --max-ulp, --min-cosine, --min-sqnr."""
    group = parser.add_argument_group("tolerance")
    group.add_argument(
        "--atol", type=float, help="absolute; by default 1e-4 of the largest magnitude, or by what the target promises"
    )
    group.add_argument("--rtol", type=float, default=1e-4, help="relative, added to it")
    group.add_argument("--max-ulp", type=float, help="units in the last place")
    group.add_argument("--min-cosine", type=float, help="cosine similarity")
    group.add_argument("--min-sqnr", type=float, help="signal to noise, dB")


def target_of(args: argparse.Namespace) -> "TargetChoice":
    """The target with its settings; AIC_TARGET if none is named."""
    from ..compiler.knobs import NUM_THREADS, TARGET
    from ..compiler.targets import TargetChoice, parse_target, with_threads

    chosen = parse_target(args.target or TARGET.get())
    given = {
        "config": args.target_config,
        "layout": args.layout,
        "weights_dtype": args.weights_dtype,
        "threads": args.threads,
    }
    settings = {**{k: str(v) for k, v in given.items() if v is not None}, **chosen.settings}
    return TargetChoice(chosen.name, with_threads(chosen.name, settings, NUM_THREADS.get()))


def options_of(args: argparse.Namespace, model: "Model | None" = None) -> "Options":
    """The options of a compilation that the flags ask for."""
    from ..compiler.knobs import CC, CFLAGS

    build = {}
    if hasattr(args, "cc"):
        flags = tuple(f"{CFLAGS.get()} {args.cflags}".split())
        build = {"cc": args.cc or CC.get(), "cflags": flags, "weights": args.weights, "name": args.prefix}
        build["jobs"] = args.jobs
    made = replace(shapes_of(args, model), settings=target_of(args).settings, level=args.level, **build)
    return replace(made, schedules=_tuned(args, made)) if hasattr(args, "db") else made


def _tuned(args: argparse.Namespace, options: "Options") -> dict[str, str]:
    """The schedules that won on the target's machine, if there is a tuning database, and those of a table."""
    from ..compiler.tune.tables import table

    named = {} if args.tuned is None else dict(table(args.tuned))
    return named if args.db == "none" else _won(args, options) | named


def _won(args: argparse.Namespace, options: "Options") -> dict[str, str]:
    from ..compiler.tune.database import default_path
    from ..compiler.tune.replay import known_schedules

    path = Path(args.db) if args.db else default_path()
    if args.db and not path.is_file():
        raise UsageError(f"--db {path}: no such file", code="no-file")
    return known_schedules(path, target_of(args).name, options)


def shapes_of(args: argparse.Namespace, model: "Model | None" = None) -> "Options":
    """The options of an import that --dim, --shape and --value ask for."""
    from ..compiler.driver import Options
    from ..compiler.sizes import combinations

    dims = {
        name: [whole(part, f"--dim {name}") for part in text.split(",")]
        for name, text in pairs(args.dim, "--dim").items()
    }
    several = {name: tuple(dict.fromkeys(values)) for name, values in dims.items() if len(values) > 1}
    if several and not getattr(args, "several_sizes", False):
        raise UsageError(f"--dim {next(iter(several))}: expected one number; several are for `aic compile`")
    return Options(
        dims={name: values[0] for name, values in dims.items() if name not in several},
        sizes=combinations(several) if several else (),
        shapes={name: shape_of(text) for name, text in pairs(args.shape, "--shape").items()},
        values=values_of(args, model),
    )


def values_of(args: argparse.Namespace, model: "Model | None") -> "Mapping[str, Array]":
    """The values of --value, as arrays of the inputs' types."""
    from ..compiler.vectors import parse_value

    given = pairs(args.value, "--value")
    ports = {port.name: port for port in model.inputs} if model is not None else {}
    if unknown := [name for name in given if name not in ports]:
        raise UsageError(f"--value {unknown[0]}: no such input; there is: {', '.join(ports) or 'none'}")
    return {name: parse_value(text, ports[name]) for name, text in given.items()}


def tolerance_of(args: argparse.Namespace) -> "Tolerance":
    """The tolerance that the flags ask for."""
    from ..compiler.compare import Tolerance

    return Tolerance(args.atol, args.rtol, args.max_ulp, args.min_cosine, args.min_sqnr)


def tolerance_for(args: argparse.Namespace, model: "Model") -> "Tolerance":
    """The tolerance that the flags ask for; by default, what the target promises for a model that is not quantised."""
    from ..compiler.compare import Tolerance
    from ..compiler.layers import is_quantised
    from ..compiler.targets import target_named

    asked = tolerance_of(args)
    if asked != Tolerance() or args.at != "hardware" or is_quantised(model):
        return asked
    choice = target_of(args)
    target = target_named(choice.name)
    return Tolerance(min_cosine=target.promised_cosine(target.machine(choice.settings)))


def tolerance_of_outputs(args: argparse.Namespace) -> "Tolerance":
    """`tolerance_for` the model or artifact that `args` names; of an artifact only the flags tell."""
    from ..compiler.frontends.onnx.model import load

    return tolerance_for(args, load(args.model)) if args.model.suffix == ".onnx" else tolerance_of(args)


def use_cache(args: argparse.Namespace) -> None:
    """Turn the cache off, or to another folder, for this process."""
    from ..compiler import cache

    if args.no_cache:
        cache.use(None)
    elif args.cache_dir is not None:
        cache.use(cache.open_cache(args.cache_dir))


def pairs(entries: list[str], flag: str) -> dict[str, str]:
    """`NAME=TEXT` entries; the name may hold `=` where the text cannot. UsageError if there is none."""
    found: dict[str, str] = {}
    for entry in entries:
        name, equals, text = entry.rpartition("=") if "=@" not in entry else _at(entry)
        if not equals or not name:
            raise UsageError(f"{flag} {entry}: expected NAME=...", code="usage")
        found[name] = text
    return found


def _at(entry: str) -> tuple[str, str, str]:
    name, _, text = entry.partition("=@")
    return name, "=", f"@{text}"


def shape_of(text: str) -> tuple[int, ...]:
    """`1x3x224x224`; the empty text is a scalar's."""
    return tuple(whole(part, f"shape {text}") for part in text.split("x") if text)


def whole(text: str, what: str) -> int:
    """A number without a sign; UsageError."""
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{what}: expected a whole number, found {text!r}")
    return int(text)


def bytes_of(text: str) -> int:
    """`256K`, `8MiB`, `1000`."""
    units: dict[str, int] = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    digits = text.removesuffix("iB").removesuffix("B")
    unit = digits[-1:] if digits[-1:] in "KMG" else ""
    return whole(digits.removesuffix(unit), f"size {text}") * units[unit]
