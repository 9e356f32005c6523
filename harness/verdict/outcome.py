"""The one word with which `harness check` ends, and the counts behind it."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from harness.verdict.judgement import Verdict
from harness.verdict.profiles import Checked
from harness.verdict.staleness import Staleness


class Word(StrEnum):
    """REPRODUCED: every number is the expected one, bit for bit; WITHIN TOLERANCE: some are not,
    and all pass; FAILS: a number or a stage does not pass; UP TO DATE: only stages were asked for.
    """

    REPRODUCED = "REPRODUCED"
    WITHIN = "WITHIN TOLERANCE"
    FAILS = "FAILS"
    UP_TO_DATE = "UP TO DATE"


@dataclass(frozen=True)
class Outcome:
    """All that was checked. `gate`: None where the locks are of no profile that was asked for;
    `strict`: whether a number that is CHANGED fails."""

    checked: list[Checked]
    gate: Staleness | None
    strict: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Verdict → how many numbers of all profiles have it."""
        counts = Counter(cell.verdict for one in self.checked for cell in one.cells)
        return {verdict.value: counts[verdict] for verdict in Verdict if counts[verdict]}

    @property
    def bases(self) -> str:
        """Whose numbers are expected."""
        return " and ".join(dict.fromkeys(one.base for one in self.checked))

    @property
    def passes(self) -> bool:
        fresh = self.gate is None or self.gate.passes
        moved = self.strict and Verdict.CHANGED in self.counts
        return fresh and not moved and all(one.passes for one in self.checked)

    @property
    def word(self) -> Word:
        if not self.passes:
            return Word.FAILS
        if not self.checked:
            return Word.UP_TO_DATE
        same = all(one.repeated and one.equal == len(one.cells) for one in self.checked)
        return Word.REPRODUCED if same else Word.WITHIN

    def sentence(self) -> str:
        """The last line: the word, how many numbers, whose, and how many cells of the locks."""
        parts = []
        if self.checked:
            total, counts = sum(self.counts.values()), self.counts.items()
            equal = sum(one.equal for one in self.checked)
            numbers = ", ".join(f"{count} {verdict}" for verdict, count in counts)
            numbers = f"{numbers} of {total} numbers against {self.bases}, {equal} bit for bit"
            if self.word == Word.REPRODUCED:
                numbers = f"{total} of {total} numbers are those of {self.bases}, bit for bit"
            cells = [one.trained for one in self.checked if not isinstance(one.trained, str)]
            if cells:
                same, of = map(sum, zip(*cells, strict=True))
                numbers = f"{numbers}; the cells of {same} of {of} rows byte for byte"
            parts = [numbers]
        if self.gate:
            stale = len(self.gate.reasons.keys() - self.gate.idle)
            if stale or not self.checked:
                parts.append(f"{stale} of {len(self.gate.upstream)} stages STALE")
        return f"{self.word}: {'; '.join(parts)}"
