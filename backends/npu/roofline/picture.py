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
from math import cos, floor, hypot, log10, radians, sin

from ..machine import Machine
from .bounds import BYTES, Bound

WIDTH, HEIGHT = 1040, 520
LEFT, RIGHT, TOP, BOTTOM = 72, 380, 64, 60
"""Margins of the plot; the list of layers stands in the right one."""
COLOURS = {"array": "#1f77b4", "dram": "#d62728", "vector": "#2ca02c", "shift": "#9467bd", "sync": "#8c564b"}
LISTED = 20
"""Places with a number and a line in the list: those where most cycles are spent."""
LONGEST = 38
"""Letters of a name in the list."""
TURNS = (-135, 45, -90, 90, -45, 135, 180, 0)
"""Where a number is put: first beside the slope of the roof."""
CHARACTER = 6.2
"""Width of a letter, in pixels."""


Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Dot:
    """A layer: its MACs for each byte of DRAM, its MACs for each cycle, its cycles and what they come from."""

    name: str
    intensity: float
    rate: float
    cycles: float
    by: str


Place = tuple[tuple[int, int], list[Dot]]


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
    """Ranges of x and y."""

    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, intensity: float, rate: float) -> Point:
        """Pixels of a point."""
        across = log10(intensity / self.x[0]) / log10(self.x[1] / self.x[0])
        up = log10(rate / self.y[0]) / log10(self.y[1] / self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)


def roofline_svg(machine: Machine, dots: Sequence[Dot], title: str, type: str = "i8") -> str:
    """A picture that stands by itself."""
    peak, across = machine.peak(type), machine.port_of("ldw")[1]
    ridge = peak / across
    spans, rates = [d.intensity for d in dots] + [ridge * 4, ridge / 4], [d.rate for d in dots] + [peak * 1.6, peak / 8]
    axes = _Axes(
        (_round(min(spans), down=True), _round(max(spans))), (_round(min(rates), down=True), _round(max(rates)))
    )
    places = _places(axes, dots)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="Helvetica, Arial, sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 22, title, "start", size=15),
        *_grid(axes, across),
        *_roof(axes, peak, across),
        *_dots(places, axes.at(axes.x[1], peak)),
        *_legend(dots),
        *_list(places),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _round(value: float, *, down: bool = False) -> float:
    """The next 1, 2 or 5 times a power of ten; away from the value."""
    decade = 10.0 ** floor(log10(value))
    steps = [decade * n for n in (1, 2, 5, 10)]
    return max(n for n in steps if n <= value * 1.000001) if down else min(n for n in steps if n >= value * 0.999999)


def _text(x: float, y: float, text: str, anchor: str = "middle", *, size: int = 11, more: str = "") -> str:
    style = f'text-anchor="{anchor}" font-size="{size}" fill="#222"{more}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _line(a: Point, b: Point, style: str) -> str:
    return f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" {style}/>'


def _grid(axes: _Axes, across: float) -> Iterator[str]:
    for value in _ticks(axes.x):
        x, _ = axes.at(value, axes.y[0])
        yield _line((x, TOP), (x, HEIGHT - BOTTOM), _thin(value))
        yield _text(x, HEIGHT - BOTTOM + 16, f"{value:,g}") if _labelled(value, axes.x) else ""
    for value in _ticks(axes.y):
        _, y = axes.at(axes.x[0], value)
        yield _line((LEFT, y), (WIDTH - RIGHT, y), _thin(value))
        yield _text(LEFT - 6, y + 4, f"{value:,g}", "end") if _labelled(value, axes.y) else ""
    yield _text(
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 38, f"MAC for each byte of DRAM ({across:,.1f} B/cycle)", size=12
    )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield _text(16, middle, "MAC for each cycle", size=12, more=f' transform="rotate(-90 16 {middle})"')


def _ticks(ends: tuple[float, float]) -> list[float]:
    """1, 2 and 5 times the powers of ten."""
    first, last = floor(log10(ends[0])), floor(log10(ends[1]))
    steps = [n * 10.0**decade for decade in range(first, last + 1) for n in (1, 2, 5)]
    return [n for n in steps if ends[0] * 0.999 <= n <= ends[1] * 1.001]


def _is_power(value: float) -> bool:
    return abs(log10(value) - round(log10(value))) < 1e-6


def _thin(value: float) -> str:
    return f'stroke="{"#ccc" if _is_power(value) else "#eee"}" stroke-width="1"'


def _labelled(value: float, ends: tuple[float, float]) -> bool:
    return _is_power(value) or ends[1] / ends[0] <= 1000


def _roof(axes: _Axes, peak: float, across: float) -> Iterator[str]:
    """The slope, the flat part, and where they meet."""
    thick = 'stroke="#222" stroke-width="2"'
    ridge, low = peak / across, max(axes.x[0], axes.y[0] / across)
    start, corner, end = axes.at(low, low * across), axes.at(ridge, peak), axes.at(axes.x[1], peak)
    yield _line(start, corner, thick)
    yield _line(corner, end, thick)
    yield _line(corner, (corner[0], HEIGHT - BOTTOM), 'stroke="#888" stroke-dasharray="4 3"')
    yield _text(end[0] - 4, end[1] - 22, f"peak {peak:,.0f} MAC/cycle", "end")
    yield _text(corner[0] + 5, HEIGHT - BOTTOM - 7, f"ridge {ridge:,.0f} MAC/B", "start")


def _places(axes: _Axes, dots: Sequence[Dot]) -> list[Place]:
    """Pixels and the layers that meet there, those with most cycles first."""
    found: dict[tuple[int, int], list[Dot]] = {}
    for dot in sorted(dots, key=lambda d: (-d.cycles, d.name)):
        x, y = axes.at(dot.intensity, dot.rate)
        found.setdefault((round(x), round(y)), []).append(dot)
    return sorted(found.items(), key=lambda item: -sum(d.cycles for d in item[1]))


def _dots(places: Sequence[Place], peak: Point) -> Iterator[str]:
    """Dots, the largest first so that none is hidden; the numbers of the list beside them. `peak`: where
    the text on the peak ends."""
    whole = sum(d.cycles for _, here in places for d in here) or 1.0
    sizes = [3 + 9 * (sum(d.cycles for d in here) / whole) ** 0.5 for _, here in places]
    taken = [(x - r, y - r, x + r, y + r) for ((x, y), _), r in zip(places, sizes, strict=True)]
    taken.append((peak[0] - 190, peak[1] - 36, peak[0], peak[1] - 18))
    numbers: list[str] = []
    for rank, (((x, y), here), radius) in enumerate(zip(places, sizes, strict=True), 1):
        colour, told = COLOURS.get(here[0].by, "#7f7f7f"), escape("\n".join(map(_told, here)))
        yield (
            f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.6" stroke="white">'
            f"<title>{told}</title></circle>"
        )
        if rank <= LISTED and (box := _free(taken, x, y, radius, CHARACTER * len(str(rank)))) is not None:
            taken.append(box)
            middle = ((box[0] + box[2]) / 2, box[3] - 2)
            far = hypot(middle[0] - x, middle[1] - 4 - y) > radius + 14
            numbers += [_line((x, y), (middle[0], middle[1] - 4), 'stroke="#bbb"')] if far else []
            numbers.append(_text(*middle, str(rank), more=' paint-order="stroke" stroke="white" stroke-width="2"'))
    yield from numbers


def _free(taken: Sequence[Box], x: float, y: float, radius: float, wide: float) -> Box | None:
    """Room for a number near a dot: the nearest place that nothing else has, within the plot."""
    for away in range(2, 90, 6):
        for turn in TURNS:
            at = radius + away + wide / 2
            left, top = x + at * cos(radians(turn)) - wide / 2, y + (at + 5) * sin(radians(turn)) - 6
            box = (left, top, left + wide, top + 12)
            inside = left > LEFT and left + wide < WIDTH - RIGHT and top > TOP and top + 12 < HEIGHT - BOTTOM
            if inside and not any(_meet(box, other) for other in taken):
                return box
    return None


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _told(dot: Dot) -> str:
    numbers = f"{dot.intensity:,.1f} MAC/B, {dot.rate:,.1f} MAC/cycle, {dot.cycles:,.0f} cycles"
    return f"{dot.name}: {numbers}, bound by {dot.by}"


def _legend(dots: Sequence[Dot]) -> Iterator[str]:
    x = float(LEFT)
    for name in COLOURS:
        if number := sum(d.by == name for d in dots):
            yield f'<circle cx="{x + 5:.1f}" cy="42" r="5" fill="{COLOURS[name]}" fill-opacity="0.7"/>'
            told = f"bound by {name} ({number})"
            yield _text(x + 14, 46, told, "start")
            x += 30 + CHARACTER * len(told)


def _list(places: Sequence[Place]) -> Iterator[str]:
    """What the numbers are, with their share of all cycles."""
    whole, left, right = sum(d.cycles for _, here in places for d in here) or 1.0, WIDTH - RIGHT + 24, WIDTH - 16
    yield _text(left, TOP - 18, "layers by cycles", "start", size=12)
    yield _text(right, TOP - 18, "% of all", "end", size=12)
    for rank, (_, here) in enumerate(places[:LISTED], 1):
        y = TOP + 4 + 19 * (rank - 1)
        more = f" +{len(here) - 1}" if len(here) > 1 else ""
        yield _text(left + 14, y, str(rank), "end")
        yield f'<circle cx="{left + 24}" cy="{y - 4}" r="4" fill="{COLOURS.get(here[0].by, "#7f7f7f")}"/>'
        yield _text(left + 33, y, _short(here[0].name, LONGEST - len(more)) + more, "start")
        yield _text(right, y, f"{100 * sum(d.cycles for d in here) / whole:.1f}", "end")
    if len(places) > LISTED:
        rest = sum(d.cycles for _, here in places[LISTED:] for d in here)
        count, y = sum(len(here) for _, here in places[LISTED:]), TOP + 4 + 19 * LISTED
        yield _text(left + 33, y, f"{count} more", "start")
        yield _text(right, y, f"{100 * rest / whole:.1f}", "end")


def _short(name: str, most: int) -> str:
    half = (most - 3) // 2
    return name if len(name) <= most else f"{name[:half]}...{name[-half:]}"
