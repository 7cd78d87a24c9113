"""The attributes of ONNX ops that slide a window, `auto_pad` resolved to explicit pads."""

from dataclasses import dataclass

from ..node import Node

Dims = tuple[int, ...]
AUTO_PADS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Sliding:
    """One number per spatial dimension; pads are the low ones, then the high ones."""

    kernel: Dims
    strides: Dims
    dilations: Dims
    pads: Dims

    @property
    def extents(self) -> Dims:
        """How far a window reaches: dilation * (kernel - 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True))


def auto_pad(n: Node) -> str:
    """The attribute; ValueError if it is none of ONNX's words."""
    word = n.str("auto_pad", "NOTSET") or "NOTSET"
    if word not in AUTO_PADS:
        raise ValueError(f"auto_pad: expected {', '.join(AUTO_PADS)}, found {word!r}")
    return word


def per_dim(n: Node, name: str, rank: int, default: int) -> Dims:
    """An attribute of one positive number for each of `rank` dimensions; ValueError otherwise."""
    values = n.ints(name, None) or (default,) * rank
    if len(values) != rank or min(values) < 1:
        raise ValueError(f"{name}: expected {rank} positive numbers, found {list(values)}")
    return values


def padding(n: Node, rank: int) -> Dims:
    """The attribute `pads`, 0 if absent; ValueError unless it has two numbers of at least 0 for each dimension."""
    pads = n.ints("pads", None) or (0,) * (2 * rank)
    if len(pads) != 2 * rank or min(pads) < 0:
        raise ValueError(f"pads: expected {2 * rank} numbers of at least 0, found {list(pads)}")
    return pads


def sliding(n: Node, spatial: Dims, filters: Dims | None = None) -> Sliding:
    """The window over an input of these spatial dimensions; its size is that of the filters, if there are any."""
    rank = len(spatial)
    kernel = n.ints("kernel_shape", filters) if filters is not None else n.ints("kernel_shape")
    if filters is not None and kernel != filters:
        raise ValueError(f"kernel_shape: expected that of the filters {list(filters)}, found {list(kernel)}")
    if len(kernel) != rank or min(kernel, default=1) < 1:
        raise ValueError(f"kernel_shape: expected {rank} positive numbers, found {list(kernel)}")
    word, pads = auto_pad(n), (0,) * (2 * rank)
    found = Sliding(kernel, per_dim(n, "strides", rank, 1), per_dim(n, "dilations", rank, 1), pads)
    if word == "NOTSET":
        pads = padding(n, rank)
    elif word != "VALID":
        rows = zip(spatial, found.strides, found.extents, strict=True)
        total = [max(0, (-(-size // stride) - 1) * stride + extent - size) for size, stride, extent in rows]
        pads = split(total, upper=word == "SAME_UPPER")
    return Sliding(kernel, found.strides, found.dilations, pads)


def split(total: list[int], upper: bool) -> Dims:
    """Halves of each, lows then highs; the odd one goes to the high end if `upper`."""
    less, more = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
    return (*less, *more) if upper else (*more, *less)
