"""The one word with which `harness check` ends, and the counts behind it."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from harness.verdict.judgement import Verdict
from harness.verdict.profiles import Checked
from harness.verdict.staleness import Staleness


class Word(StrEnum):
    """REPRODUCED: every number is the expected one, bit for bit, and cells that are here made them;
    UNCHANGED: the same of numbers that were only read; WITHIN TOLERANCE: some are others, and all
    pass; FAILS: a number or a stage does not pass; UP TO DATE: only stages were asked for.
    """

    REPRODUCED = "REPRODUCED"
    UNCHANGED = "UNCHANGED"
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
        if not all(one.repeated and one.equal == len(one.cells) for one in self.checked):
            return Word.WITHIN
        return Word.REPRODUCED if any(one.made for one in self.checked) else Word.UNCHANGED

    def sentence(self) -> str:
        """The last line: the word, how many numbers that were made here, whose they are, how many
        cells of the locks, and how many numbers were only read."""
        made = [one for one in self.checked if one.made]
        read = [one for one in self.checked if not one.made]
        parts = [self._numbers(made)] if made else []
        cells = [one.trained for one in made if not isinstance(one.trained, str)]
        parts += [f"{same} of {of} cells byte for byte" for same, of in cells]
        if read:
            names = ", ".join(one.profile for one in read)
            parts.append(f"read and not made here ({names}): {self._numbers(read)}")
        if self.gate:
            stale = len(self.gate.reasons.keys() - self.gate.idle)
            if stale or not self.checked:
                parts.append(f"{stale} of {len(self.gate.upstream)} stages STALE")
        return f"{self.word}: {'; '.join(parts)}"

    def _numbers(self, some: list[Checked]) -> str:
        """How many numbers of these profiles are the expected ones."""
        counts = Counter(cell.verdict for one in some for cell in one.cells)
        total, equal = counts.total(), sum(one.equal for one in some)
        bases = " and ".join(dict.fromkeys(one.base for one in some))
        if self.word in (Word.REPRODUCED, Word.UNCHANGED):
            return f"{total} of {total} numbers are those of {bases}, bit for bit"
        verdicts = ", ".join(f"{counts[v]} {v}" for v in Verdict if counts[v])
        return f"{verdicts} of {total} numbers against {bases}, {equal} bit for bit"
