# SPDX-License-Identifier: MIT
"""What a figure is to reach. Missing it is printed, and fails nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    at_least: float = None
    at_most: float = None

    def text(self):
        return f"at least {self.at_least:,g}" if self.at_least is not None else f"at most {self.at_most:,g}"

    def is_reached(self, value):
        return value >= self.at_least if self.at_least is not None else value <= self.at_most
