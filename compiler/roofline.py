"""The roofline of a profile as a picture: operations a second over operations a byte, both logarithmic, a dot a kernel.

|        ________________  peak
|      /    o   o
|    /  o
|__/_____|________________
       ridge
"""

from html import escape
from math import log10, sqrt

from .profile import Launch, Profile

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960, 480, 80, 300, 40, 60
LISTED = 16
"""Launches with a line in the list: those that take longest."""
LONGEST = 40
"""Letters of a line."""
FONT = 'font-family="sans-serif" font-size="12"'


def picture(found: Profile) -> str:
    """An SVG; ValueError for a profile without a machine's roofline."""
    if (speeds := found.speeds) is None:
        raise ValueError("expected a profile with a roofline")
    dots = sorted((x for x in found.launches if x.flops and x.seconds), key=lambda x: -x.seconds)
    xs = [intensity(x) for x in dots] + [speeds.ridge / 8, speeds.ridge * 8]
    ys = [x.rate for x in dots] + [speeds.flops, speeds.flops / 100]
    low, high = (log10(min(xs)), log10(min(ys))), (log10(max(xs)), log10(max(ys)) + 0.1)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - low[0]) / (high[0] - low[0])
        up = (log10(y) - low[1]) / (high[1] - low[1])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    first, last = 10 ** low[0], 10 ** high[0]
    start = max(first, 10 ** low[1] / speeds.bandwidth)
    roof = [at(start, start * speeds.bandwidth), at(speeds.ridge, speeds.flops), at(last, speeds.flops)]
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" {FONT}>']
    lines.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in roof)
    lines.append(f'<polyline points="{points}" fill="none" stroke="#333" stroke-width="2"/>')
    lines.append(text(LEFT, TOP - 14, f"{speeds.flops / 1e9:.0f} GFLOP/s, {speeds.bandwidth / 1e9:.1f} GB/s, one core"))
    lines.append(text(LEFT, HEIGHT - 20, f"{first:.2g} to {last:.3g} FLOP a byte; ridge {speeds.ridge:.1f}"))
    longest = max((x.seconds for x in dots), default=1.0)
    for number, launch in enumerate(dots):
        x, y = at(intensity(launch), launch.rate)
        radius, colour = 3 + 9 * sqrt(launch.seconds / longest), "#1f77b4" if is_dense(launch, found) else "#d62728"
        title = escape(named(launch))
        lines.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.5">'
            f"<title>{title}</title></circle>"
        )
        if number < LISTED:
            lines.append(text(x + radius + 2, y, str(number + 1)))
            lines.append(text(WIDTH - RIGHT + 20, TOP + 20 * number, f"{number + 1}  {named(launch)}"[:LONGEST]))
    return "\n".join([*lines, "</svg>", ""])


def intensity(launch: Launch) -> float:
    """Operations a byte."""
    return launch.work.intensity if launch.work is not None else 0.0


def is_dense(launch: Launch, found: Profile) -> bool:
    """Whether arithmetic is its bound, not memory."""
    return found.speeds is not None and intensity(launch) >= found.speeds.ridge


def named(launch: Launch) -> str:
    """The kernel with what it takes and computes."""
    return f"{launch.seconds * 1e3:.3f} ms {launch.kernel} {', '.join(launch.nodes)}"


def text(x: float, y: float, content: str) -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(content)}</text>'
