"""A row of the table: what was measured, beside what, and how it stands to the figure to reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure.

    `value` is compared with `reach` and `stretch`; `least` says that more is better. `shown` and `peer` are the
    absolute figures behind a ratio, as text with units.
    """

    name: str
    value: float
    unit: str
    shown: str
    peer: str
    reach: float
    stretch: float | None = None
    least: bool = False

    def _meets(self, bound: float) -> bool:
        return self.value >= bound if self.least else self.value <= bound

    @property
    def verdict(self) -> str:
        """How far it got: `stretch`, `reached` or `missed`."""
        if self.stretch is not None and self._meets(self.stretch):
            return "stretch"
        return "reached" if self._meets(self.reach) else "missed"

    def cells(self) -> list[str]:
        """Return the cells of the row's line in the table."""
        sign = "≥" if self.least else "≤"
        goal = f"{sign} {self.reach:g}{self.unit}"
        if self.stretch is not None:
            goal += f" ({self.stretch:g}{self.unit})"
        return [self.name, self.shown, self.peer, f"{self.value:.3g}{self.unit}", goal, self.verdict]


HEAD = ["figure", "gateway", "peer, same round", "result", "reach (stretch)", ""]


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [HEAD, ["---", "---", "---", "--:", "--:", "---"], *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def median(values: list[float]) -> float:
    """Return the middle value, the lower one of two."""
    return sorted(values)[(len(values) - 1) // 2]


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]
