# SPDX-License-Identifier: MIT
"""A case as a drawing: a bar a contender, as long as its median, a line across it from quartile to quartile.

The colours follow the reader's, light or dark. Series of one unit share a scale.
"""

from html import escape

from measure.series import quartiles, short

WIDTH, LEFT, RIGHT, ROW = 760, 270, 150, 26
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 } .quiet { fill: #59636e; font-size: 12px }
  .ours { fill: #0969da } .theirs { fill: #9aa4af } .spread { stroke: #1f2328; stroke-width: 1.5 }
  .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .page { fill: #0d1117 }
    .ours { fill: #4493f8 } .theirs { fill: #656c76 } .spread { stroke: #e6edf3 }
  }
"""


def wrapped(text, width):
    """Words in lines of at most so many letters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def bar(series, largest, y):
    lower, median, upper = quartiles(series.values)
    room = WIDTH - LEFT - RIGHT
    at = {name: LEFT + room * value / largest for name, value in (("lower", lower), ("median", median), ("upper", upper))}
    side = "ours" if series.name.startswith("fanfold") else "theirs"
    middle = y + 8
    return [
        f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(series.name)}</text>',
        f'<rect class="{side}" x="{LEFT}" y="{y}" width="{max(1, at["median"] - LEFT):.1f}" height="16" rx="2"/>',
        f'<path class="spread" d="M{at["lower"]:.1f} {middle}H{at["upper"]:.1f}"/>',
        f'<text x="{max(at["median"], at["upper"]) + 6:.1f}" y="{y + 13}">{short(median)} {escape(series.unit)}</text>',
    ]


def draw(outcome):
    """The text of an SVG."""
    series = list(outcome.series.values())
    largest = {one.unit: max(max(other.values) for other in series if other.unit == one.unit) or 1 for one in series}
    shapes, y = [], 24
    shapes.append(f'<text class="title" x="12" y="{y}">{escape(outcome.case)}</text>')
    for line in wrapped(outcome.compares, 108):
        y += 17
        shapes.append(f'<text class="quiet" x="12" y="{y}">{escape(line)}</text>')
    y += 16
    for one in series:
        shapes += bar(one, largest[one.unit], y)
        y += ROW
    better = "; ".join("more is better" if one.more_is_better else "less is better" for one in {s.unit: s for s in series}.values())
    y += 12
    shapes.append(f'<text class="quiet" x="12" y="{y}">Medians, quartiles; {better if series else ""}</text>')
    box = f'viewBox="0 0 {WIDTH} {y + 14}" width="{WIDTH}" height="{y + 14}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-label="{escape(outcome.compares)}">'
    page = f'<rect class="page" width="{WIDTH}" height="{y + 14}" rx="6"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", page, *shapes, "</svg>", ""])
