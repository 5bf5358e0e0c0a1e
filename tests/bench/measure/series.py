# SPDX-License-Identifier: MIT
"""A figure that was measured several times, and the ratio of two that were measured in turn."""

import statistics
from dataclasses import dataclass, field


MORE_IS_BETTER = ("MiB/s", "tasks/s", "lines/s", "MiB/CPU s")


def quartiles(values):
    """(lower, median, upper); of one value that value."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, statistics.median(values), upper


def short(value):
    """Three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass
class Series:
    """What one contender did, a value a round."""

    name: str
    unit: str
    values: list = field(default_factory=list)

    @property
    def more_is_better(self):
        return self.unit in MORE_IS_BETTER

    def text(self):
        lower, median, upper = quartiles(self.values)
        spread = f" ({short(lower)} to {short(upper)})" if len(self.values) > 1 else ""
        return f"{short(median)} {self.unit}{spread}"


def ratios(ours, theirs):
    """Round by round, how many times as good as the other one: above 1, ours is better."""
    pairs = zip(ours.values, theirs.values)
    return [a / b if ours.more_is_better else b / a for a, b in pairs]
