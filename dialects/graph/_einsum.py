"""Equations of einsum: `bij,bjk->bik`, `...ii->...i`, implicit outputs.

A term becomes one label per dimension; the dimensions under an ellipsis get the labels `...1`, `...2` from the right.
"""

import re
from collections import Counter
from dataclasses import dataclass

from xdsl.utils.exceptions import VerifyException

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Equation:
    """The labels of each input and of the output, and the size of each; an input dimension of size 1 broadcasts."""

    inputs: tuple[Labels, ...]
    output: Labels
    sizes: dict[str, int]


def parse(equation: str, shapes: tuple[tuple[int, ...], ...]) -> Equation:
    """Read an equation for operands of these shapes; VerifyException if it is malformed or does not fit them."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not re.fullmatch(r"[A-Za-z.,]*", left) or not re.fullmatch(r"[A-Za-z.]*", right):
        raise VerifyException(f"graph.einsum: expected letters, dots, commas and one ->, found equation {equation!r}")
    if len(terms) != len(shapes):
        raise VerifyException(f"graph.einsum: expected {len(shapes)} terms, found {len(terms)} in {equation!r}")
    inputs = tuple(_labels(term, len(dims), equation) for term, dims in zip(terms, shapes, strict=True))
    dots = max((_dots(labels) for labels in inputs), key=len, default=())
    sizes: dict[str, int] = {}
    for labels, dims in zip(inputs, shapes, strict=True):
        for label, size in zip(labels, dims, strict=True):
            if (known := sizes.get(label, 1)) not in (size, 1) and size != 1:
                raise VerifyException(f"graph.einsum: expected size {known} for {label} in {equation!r}, found {size}")
            sizes[label] = size if known == 1 else known
    if not arrow:
        counts = Counter(re.sub(r"[.,]", "", left))
        return Equation(inputs, dots + tuple(sorted(c for c, n in counts.items() if n == 1)), sizes)
    output = _labels(right, len(right.replace("...", "")) + (len(dots) if "..." in right else 0), equation)
    if len(set(output)) != len(output) or not set(output) <= set(sizes):
        raise VerifyException(f"graph.einsum: expected distinct output labels of the inputs, found {equation!r}")
    return Equation(inputs, output, sizes)


def _labels(term: str, rank: int, equation: str) -> Labels:
    before, dots, after = term.partition("...")
    letters = len(before) + len(after)
    if "." in before + after or (letters > rank if dots else letters != rank):
        raise VerifyException(f"graph.einsum: expected a term of {rank} dimensions, found {term!r} in {equation!r}")
    return (*before, *(f"...{i}" for i in range(rank - letters, 0, -1)), *after)


def _dots(labels: Labels) -> Labels:
    return tuple(label for label in labels if label.startswith("..."))
