"""The roofline as a picture: MACs a cycle over MACs a byte of DRAM, both logarithmic, a dot a layer.

|        ________________  peak
|      /    o   o
|    /  o
|__/_____|________________
       ridge
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from .machine import Machine
from .roofline import BYTES, Bound

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 56, 64
COLOURS = {"array": "#1f77b4", "dram": "#d62728", "vector": "#2ca02c", "shift": "#9467bd", "sync": "#8c564b"}
LABELLED = 8
"""Layers whose names are written: those that cost most."""
CHARACTER = 6.2
"""Width of a letter, in pixels."""


@dataclass(frozen=True)
class Dot:
    """A layer: its MACs for each byte of DRAM, its MACs for each cycle, its cycles and what they come from."""

    name: str
    intensity: float
    rate: float
    cycles: float
    by: str


def dots_of(bounds: Sequence[Bound], type: str = "i8") -> list[Dot]:
    """Layers at their bounds when every tensor goes through DRAM once; those without MACs have no place."""
    of_x, of_w = BYTES[type]
    return [
        Dot(
            b.work.name,
            b.work.macs / (b.work.weights * of_w + (b.work.inputs + b.work.outputs) * of_x),
            b.work.macs / b.apart,
            b.apart,
            max((b.array, "array"), (b.layerwise, "dram"), (b.vector, "vector"))[1],
        )
        for b in bounds
        if b.work.macs
    ]


@dataclass(frozen=True)
class _Axes:
    """Decades along x and y."""

    x: tuple[int, int]
    y: tuple[int, int]

    def at(self, intensity: float, rate: float) -> tuple[float, float]:
        """Pixels of a point."""
        across = (log10(intensity) - self.x[0]) / (self.x[1] - self.x[0])
        up = (log10(rate) - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)


def roofline_svg(machine: Machine, dots: Sequence[Dot], title: str, type: str = "i8") -> str:
    """A picture that stands by itself."""
    peak, across = machine.peak(type), machine.port_of("ldw")[1]
    ridge = peak / across
    spans = [d.intensity for d in dots] + [ridge * 10, ridge / 10]
    rates = [d.rate for d in dots] + [peak * 1.5, peak / 50]
    axes = _Axes(
        (floor(log10(min(spans))), ceil(log10(max(spans)))), (floor(log10(min(rates))), ceil(log10(max(rates))))
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="Helvetica, Arial, sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 20, title, "start", size=15),
        *_grid(axes),
        *_roof(axes, peak, across),
        *_dots(axes, dots),
        *_legend(dots),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, text: str, anchor: str = "middle", *, size: int = 11, turn: str = "") -> str:
    style = f'text-anchor="{anchor}" font-size="{size}" fill="#222"{turn}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _line(a: tuple[float, float], b: tuple[float, float], style: str) -> str:
    return f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" {style}/>'


def _grid(axes: _Axes) -> Iterator[str]:
    thin = 'stroke="#ddd" stroke-width="1"'
    for decade in range(axes.x[0], axes.x[1] + 1):
        x, _ = axes.at(10.0**decade, 1.0)
        yield _line((x, TOP), (x, HEIGHT - BOTTOM), thin)
        yield _text(x, HEIGHT - BOTTOM + 16, _power(decade))
    for decade in range(axes.y[0], axes.y[1] + 1):
        _, y = axes.at(1.0, 10.0**decade)
        yield _line((LEFT, y), (WIDTH - RIGHT, y), thin)
        yield _text(LEFT - 6, y + 4, _power(decade), "end")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 36, "MAC for each byte of DRAM", size=12)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield _text(18, middle, "MAC for each cycle", size=12, turn=f' transform="rotate(-90 18 {middle})"')


def _power(decade: int) -> str:
    return f"{10**decade:,}" if 0 <= decade <= 6 else f"{10.0**decade:g}"


def _roof(axes: _Axes, peak: float, across: float) -> Iterator[str]:
    """The slope, the flat part, and where they meet."""
    thick = 'stroke="#222" stroke-width="2"'
    ridge, low = peak / across, max(10.0 ** axes.x[0], 10.0 ** axes.y[0] / across)
    corner, end = axes.at(ridge, peak), axes.at(10.0 ** axes.x[1], peak)
    yield _line(axes.at(low, low * across), corner, thick)
    yield _line(corner, end, thick)
    yield _line(corner, (corner[0], HEIGHT - BOTTOM), 'stroke="#888" stroke-dasharray="4 3"')
    yield _text(end[0] - 4, end[1] - 7, f"peak {peak:,.0f} MAC/cycle", "end")
    yield _text(corner[0] + 5, HEIGHT - BOTTOM - 7, f"ridge {ridge:,.0f} MAC/B", "start")
    x, y = axes.at(low, low * across)
    yield _text(x + 16, y - 4, f"{across:,.1f} B/cycle", "start")


def _dots(axes: _Axes, dots: Sequence[Dot]) -> Iterator[str]:
    """Dots, the largest first so that none is hidden; names where there is room for them."""
    whole = sum(d.cycles for d in dots) or 1.0
    taken: list[tuple[float, float, float]] = []
    labels: list[str] = []
    places = _places(axes, dots)
    for rank, ((x, y), here) in enumerate(places):
        radius = 3 + 9 * (sum(d.cycles for d in here) / whole) ** 0.5
        colour = COLOURS.get(here[0].by, "#7f7f7f")
        told = escape("\n".join(map(_told, here)))
        yield (
            f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.55" stroke="white">'
            f"<title>{told}</title></circle>"
        )
        if rank < LABELLED:
            labels += _label(x, y, radius, here, taken)
    yield from labels


def _places(axes: _Axes, dots: Sequence[Dot]) -> list[tuple[tuple[int, int], list[Dot]]]:
    """Pixels and the layers that meet there, those with most cycles first."""
    found: dict[tuple[int, int], list[Dot]] = {}
    for dot in sorted(dots, key=lambda d: (-d.cycles, d.name)):
        x, y = axes.at(dot.intensity, dot.rate)
        found.setdefault((round(x), round(y)), []).append(dot)
    return sorted(found.items(), key=lambda item: -sum(d.cycles for d in item[1]))


def _told(dot: Dot) -> str:
    numbers = f"{dot.intensity:,.1f} MAC/B, {dot.rate:,.1f} MAC/cycle, {dot.cycles:,.0f} cycles"
    return f"{dot.name}: {numbers}, bound by {dot.by}"


def _label(x: int, y: int, radius: float, here: list[Dot], taken: list[tuple[float, float, float]]) -> Iterator[str]:
    """The name, right below the dot or as far below as is free, with a line to it."""
    name = here[0].name + (f" +{len(here) - 1}" if len(here) > 1 else "")
    wide = CHARACTER * len(name)
    left = min(x + 2.0, WIDTH - RIGHT - wide)
    at = next(at for at in range(y + round(radius) + 12, HEIGHT * 2, 14) if not _clash(taken, left, left + wide, at))
    if at < HEIGHT - BOTTOM:
        taken.append((left, left + wide, at))
        yield _line((x, y + radius), (x, at - 2), 'stroke="#aaa"')
        yield _text(left, at, name, "start")


def _clash(taken: Sequence[tuple[float, float, float]], left: float, right: float, y: float) -> bool:
    return any(left < b and a < right and abs(y - at) < 13 for a, b, at in taken)


def _legend(dots: Sequence[Dot]) -> Iterator[str]:
    x = float(LEFT)
    for name in COLOURS:
        if number := sum(d.by == name for d in dots):
            yield f'<circle cx="{x + 5:.1f}" cy="38" r="5" fill="{COLOURS[name]}" fill-opacity="0.7"/>'
            told = f"bound by {name} ({number})"
            yield _text(x + 14, 42, told, "start")
            x += 30 + CHARACTER * len(told)
