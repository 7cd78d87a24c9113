"""`aic npu roofline MODEL`: the least cycles that each layer, and the whole, can take on a machine.

aic npu roofline resnet50 --machine edge --batch 1 --svg roofline.svg
"""

import argparse
import json
from pathlib import Path

from ...compiler.errors import printable
from ._model import MODEL, add_sizes, sizes_of

HELP = "bounds of a model's layers on a machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, machine and type, and what to write."""
    parser.add_argument("model", help=MODEL)
    parser.add_argument("--machine", default="edge", metavar="M[,K=V]", help="a preset or a file, with keys replaced")
    parser.add_argument("--type", default="i8", help="of the operands: i8, bf16, .. (i8)")
    parser.add_argument("--laid-out", action="store_true", help="the first layer packed as memory holds it")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the picture there")
    add_sizes(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table or the document."""
    from ...compiler.files import write_whole
    from ...compiler.npu.bounds import COLUMNS, bounds_of
    from ...compiler.npu.forms import table

    kind = {"type": args.type, "laid_out": args.laid_out, "options": sizes_of(args, args.model)}
    found = bounds_of(args.model, args.machine, batch=args.batch, **kind)
    if args.svg is not None:
        write_whole(args.svg, found.svg())
    if args.json:
        print(json.dumps(found.document(), indent=2))
        return 0
    print(printable(table(COLUMNS, found.rows(), [name not in ("layer", "by") for name in COLUMNS])))
    total = found.total
    print(
        f"\n{printable(args.model)}, batch {args.batch}, on {found.machine.name}: {total.ideal:,.0f} ideal cycles;"
        f" of peak: array {total.array:.1f} %, layerwise {total.layerwise:.1f} %, fused {total.fused:.1f} %,"
        f" overlap {total.overlap:.1f} %; {total.rate * args.batch:,.1f} inferences/s at the fused bound"
    )
    return 0
