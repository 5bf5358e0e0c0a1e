# SPDX-License-Identifier: MIT
"""What a case found: the series of all contenders, and rows that judge them."""

from dataclasses import dataclass

from measure.series import Series, quartiles, ratios, short


@dataclass
class Row:
    """A sentence with its figure, as it is printed and stored."""

    text: str
    values: list
    goal: object = None
    unit: str = "times"

    def facts(self):
        lower, median, upper = quartiles(self.values)
        facts = {"text": self.text, "unit": self.unit, "median": median, "quartiles": [lower, upper], "values": self.values}
        if self.goal:
            facts |= {"goal": self.goal.text(), "reached": self.goal.is_reached(median)}
        return facts

    def line(self):
        lower, median, upper = quartiles(self.values)
        spread = f" ({short(lower)} to {short(upper)})" if len(self.values) > 1 else ""
        line = f"{self.text}: {short(median)} {self.unit}{spread}"
        if self.goal:
            line += f"; goal {self.goal.text()}: {'reached' if self.goal.is_reached(median) else 'missed'}"
        return line


class Outcome:
    def __init__(self, case, compares):
        self.case, self.compares = case, compares
        self.series, self.rows, self.remarks = {}, [], []

    def add(self, name, unit, value):
        self.series.setdefault(name, Series(name, unit)).values.append(value)

    def ratio(self, ours, theirs, goal=None):
        """A row on how many times as good `ours` is as `theirs`; none where one of them did not take part."""
        if ours in self.series and theirs in self.series:
            values = ratios(self.series[ours], self.series[theirs])
            self.rows.append(Row(f"{ours}, against {theirs}", values, goal))

    def figure(self, name, goal):
        """A row on a series by itself."""
        series = self.series[name]
        self.rows.append(Row(name, series.values, goal, series.unit))

    def remark(self, text):
        if text not in self.remarks:
            self.remarks.append(text)

    def lines(self):
        yield f"{self.case}: {self.compares}"
        for series in self.series.values():
            yield f"    {series.name}: {series.text()}"
        for row in self.rows:
            yield f"  = {row.line()}"
        for remark in self.remarks:
            yield f"    {remark}"

    def facts(self):
        series = []
        for one in self.series.values():
            lower, median, upper = quartiles(one.values)
            spread = {"median": median, "quartiles": [lower, upper], "values": one.values}
            series.append({"name": one.name, "unit": one.unit, **spread})
        rows = [row.facts() for row in self.rows]
        return {"case": self.case, "compares": self.compares, "series": series, "rows": rows, "remarks": self.remarks}
