"""The plot "unary against streaming" as SVG, made with nothing but Python.

Small panels on logarithmic axes: a column for each direction of the messages, a row for each number of callers. The
background is transparent and all colours are of middle brightness, so that it reads on white and on black.
"""

import math
from dataclasses import dataclass
from html import escape

PANEL_WIDTH, PANEL_HEIGHT = 250, 200
LEFT, TOP, RIGHT, BOTTOM = 92, 116, 24, 60
GAP_X, GAP_Y = 26, 40

TEXT, GRID, FRAME = "#7d8590", "#8b949e", "#7d8590"
# Of middle brightness, and told apart by people who see red and green alike; the markers differ too.
COLOURS = {"unary": "#3f8ae0", "streaming": "#e0722b", "ping-pong": "#a06cd5"}


@dataclass(frozen=True)
class Line:
    """Messages a second for each size, in the order of the sizes."""

    name: str
    values: list[float]


@dataclass(frozen=True)
class Panel:
    title: str
    lines: list[Line]


@dataclass(frozen=True)
class Plot:
    sizes: list[str]
    rows: list[tuple[str, list[Panel]]]


def svg(plot: Plot) -> str:
    """The whole picture."""
    columns = max(len(panels) for _, panels in plot.rows)
    width = LEFT + columns * PANEL_WIDTH + (columns - 1) * GAP_X + RIGHT
    height = TOP + len(plot.rows) * PANEL_HEIGHT + (len(plot.rows) - 1) * GAP_Y + BOTTOM
    decades = decades_of(value for _, panels in plot.rows for panel in panels for line in panel.lines
                         for value in line.values)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, DejaVu Sans, sans-serif" font-size="12" '
        f'fill="{TEXT}" role="img" aria-label="Unary calls against streaming: messages a second by payload size">',
        f'<text x="{LEFT}" y="28" font-size="16" font-weight="600">Unary calls against streaming</text>',
        f'<text x="{LEFT}" y="49">Messages a second by payload size, one HTTP/2 connection on the loopback. '
        "Numbers: streaming as a multiple of unary.</text>",
        *legend(LEFT, 74),
    ]
    for row, (title, panels) in enumerate(plot.rows):
        y = TOP + row * (PANEL_HEIGHT + GAP_Y)
        middle = y + PANEL_HEIGHT / 2
        parts.append(f'<text x="22" y="{middle}" text-anchor="middle" transform="rotate(-90 22 {middle})">'
                     f'<tspan font-weight="600">{escape(title)}</tspan>, messages a second</text>')
        for column, panel in enumerate(panels):
            x = LEFT + column * (PANEL_WIDTH + GAP_X)
            if row == 0:
                parts.append(f'<text x="{x}" y="{y - 10}" font-weight="600">{escape(panel.title)}</text>')
            parts += panel_parts(panel, plot.sizes, decades, x, y, labelled=column == 0)
    parts.append(f'<text x="{(LEFT + width - RIGHT) / 2}" y="{height - 14}" text-anchor="middle">'
                 "payload of a message</text>")
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def decades_of(values) -> tuple[int, float]:
    """The range of the axis as powers of ten, with room for a label above the largest value."""
    values = list(values)
    return math.floor(math.log10(min(values))), math.log10(max(values)) + 0.5


def legend(x: float, y: float) -> list[str]:
    parts = []
    names = {"unary": "a unary call a message", "streaming": "one stream",
             "ping-pong": "one stream, each message waits for the answer to the one before"}
    for name, words in names.items():
        parts.append(f'<line x1="{x}" y1="{y - 4}" x2="{x + 22}" y2="{y - 4}" stroke="{COLOURS[name]}" '
                     'stroke-width="2.5"/>')
        parts.append(marker(name, x + 11, y - 4))
        parts.append(f'<text x="{x + 29}" y="{y}">{escape(words)}</text>')
        x += 29 + 6.4 * len(words) + 24
    return parts


def panel_parts(panel: Panel, sizes: list[str], decades: tuple[int, float], x: float, y: float, labelled: bool):
    low, high = decades

    def at_x(index: int) -> float:
        return x + PANEL_WIDTH * (index + 0.42) / len(sizes)

    def at_y(value: float) -> float:
        return y + PANEL_HEIGHT * (1 - (math.log10(value) - low) / (high - low))

    parts = []
    for decade in range(low, math.floor(high) + 1):
        level = at_y(10**decade)
        parts.append(f'<line x1="{x}" y1="{level:.1f}" x2="{x + PANEL_WIDTH}" y2="{level:.1f}" stroke="{GRID}" '
                     'stroke-opacity="0.3"/>')
        if labelled:
            parts.append(f'<text x="{x - 8}" y="{level + 4:.1f}" text-anchor="end">{power_of_ten(decade)}</text>')
    for index, size in enumerate(sizes):
        parts.append(f'<text x="{at_x(index):.1f}" y="{y + PANEL_HEIGHT + 17}" text-anchor="middle">'
                     f"{escape(size)}</text>")
    parts.append(f'<rect x="{x}" y="{y}" width="{PANEL_WIDTH}" height="{PANEL_HEIGHT}" fill="none" '
                 f'stroke="{FRAME}" stroke-opacity="0.6"/>')
    unary = next(line.values for line in panel.lines if line.name == "unary")
    for line in panel.lines:
        points = [(at_x(index), at_y(value)) for index, value in enumerate(line.values)]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[line.name]}" stroke-width="2.5"/>')
        parts += [marker(line.name, px, py) for px, py in points]
        if line.name == "streaming":
            # The line falls to the right, so that there is room above it.
            parts += [f'<text x="{px + 7:.1f}" y="{py - 6:.1f}" font-size="11" '
                      f'fill="{COLOURS[line.name]}">{factor(value / base)}</text>'
                      for (px, py), value, base in zip(points, line.values, unary)]
    return parts


def marker(name: str, x: float, y: float) -> str:
    colour = COLOURS[name]
    if name == "unary":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    if name == "streaming":
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>'
    return f'<path d="M{x:.1f} {y - 5:.1f} L{x + 5:.1f} {y + 4:.1f} L{x - 5:.1f} {y + 4:.1f} Z" fill="{colour}"/>'


def power_of_ten(exponent: int) -> str:
    """`1,000`, `1 M`: what one says aloud."""
    for power, letter in ((9, "G"), (6, "M"), (3, "k")):
        if exponent >= power:
            return f"{10 ** (exponent - power):,} {letter}"
    return f"{10**exponent:,}"


def factor(value: float) -> str:
    return f"{value:,.0f}×" if value >= 10 else f"{value:.1f}×"
