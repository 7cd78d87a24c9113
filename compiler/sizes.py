"""Artifacts of several sizes: which of them fits the inputs of a run.

aic compile m.onnx -t triton --dim N=1,4 --dim S=64,128        {"sizes": [{"dims": {"N": 1, "S": 64}, ..}, ..]}
call([x])        by the shapes of the inputs: the code of one of them
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

from ..dialects._shape import Array
from .errors import UsageError, printable

Call = Callable[[Sequence[Array]], list[Array]]


def combinations(dims: Mapping[str, Sequence[int]]) -> tuple[dict[str, int], ...]:
    """Every choice of one number for each dimension."""
    return tuple(dict(zip(dims, chosen, strict=True)) for chosen in product(*dims.values()))


def parts(manifest: Mapping[str, object]) -> list[dict[str, object]]:
    """The manifest of each size of an artifact, as if it were of that alone; empty for an artifact of one size."""
    found = manifest.get("sizes")
    return [
        {**manifest, **part, "size": number} for number, part in enumerate(found if isinstance(found, list) else [])
    ]


def shapes_of(part: Mapping[str, object]) -> tuple[tuple[int, ...], ...]:
    """The shapes of the inputs that a manifest lists."""
    inputs = part["inputs"]
    assert isinstance(inputs, list)
    return tuple(tuple(port["shape"]) for port in inputs)


def choosing(found: Sequence[Mapping[str, object]], make: Callable[[int], Call]) -> Call:
    """A function that runs what `make` gives for the number of the size which fits, made when it is first wanted."""
    numbers = {shapes_of(part): number for number, part in enumerate(found)}
    made: dict[int, Call] = {}

    def call(inputs: Sequence[Array]) -> list[Array]:
        shapes = tuple(array.shape for array in inputs)
        if (number := numbers.get(shapes)) is None:
            raise UsageError(f"inputs: {unfitting(found, shapes)}")
        if number not in made:
            made[number] = make(number)
        return made[number](inputs)

    return call


def unfitting(found: Sequence[Mapping[str, object]], shapes: Sequence[Sequence[int]]) -> str:
    """That no size has these shapes, and which there are."""
    sizes = [dims for part in found if isinstance(dims := part["dims"], Mapping)]
    told = "; ".join(", ".join(f"{printable(k)}={v}" for k, v in dims.items()) for dims in sizes)
    return f"expected the shapes of one of {told}, found {', '.join(str(list(s)) for s in shapes)}"
