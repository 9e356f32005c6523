"""What the paper prints, from paper.yaml: Tables 1 and 2 and the claims, with their decimals."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from harness.config.strict import Strict, block
from harness.errors import ParamsError

FILE = Path("paper.yaml")


@dataclass(frozen=True)
class Printed:
    """A number as printed: "0.628" has the value 0.628, three decimals, and is ± 0.0005."""

    text: str

    @property
    def value(self) -> float:
        return float(self.text)

    @property
    def decimals(self) -> int:
        return len(self.text.partition(".")[2])

    @property
    def rounding(self) -> float:
        """Half a unit of the last printed decimal: how far the unrounded number can be away."""
        return 0.5 * 10**-self.decimals


def _printed(text: Any) -> Any:
    if isinstance(text, str) and re.fullmatch(r"-?\d*\.?\d+", text):
        return Printed(text)
    if isinstance(text, int | float):
        raise ValueError("write it in quotes, so that the printed decimals are kept")
    raise ValueError("expected a printed number in quotes")


Number = Annotated[Printed, BeforeValidator(_printed)]


class Table1Row(Strict):
    """A row of Table 1."""

    train: Number
    validation: Number
    total: Number | None


class Totals(Strict):
    """What the text says of the whole corpus, all three sets together."""

    section: str
    sentence: str
    minutes: Number
    speakers: Number


class PaperRow(Strict):
    """A row of Table 2: parameters in millions, Ĉ, gains in percent (None where printed "-")."""

    label: str
    params_m: Number
    ccc: Number
    local_gain: Number | None
    global_gain: Number | None


class Claim(Strict):
    """A sentence about results; `row` against `baseline` where it compares two rows of Table 2."""

    id: str
    section: str
    sentence: str
    row: str | None = None
    baseline: str | None = None
    ccc: Number | None = None
    baseline_ccc: Number | None = None
    gain: Number | None = None  # percent
    level: Number | None = None  # percent; set where significance is claimed


class Paper(Strict):
    """paper.yaml. `corpus` and `settings` (keys of params.yaml's train block): what the printed
    numbers were obtained with."""

    title: str
    arxiv: str
    corpus: str
    settings: dict[str, float]
    table1: dict[str, Table1Row]
    corpus_totals: Totals
    table2: dict[str, PaperRow]
    claims: list[Claim]


def read_paper(path: Path = FILE) -> Paper:
    """paper.yaml, checked; raises ParamsError naming the line, key or claim at fault."""
    paper = block(Paper, "", path)
    ids = [claim.id for claim in paper.claims]
    for claim in paper.claims:
        if ids.count(claim.id) > 1:
            raise ParamsError(f"{path}: two claims have the id '{claim.id}'; rename one")
        for row in (claim.row, claim.baseline):
            if row is not None and row not in paper.table2:
                raise ParamsError(
                    f"{path}: claim '{claim.id}' is about '{row}', which is no row of table2"
                )
    return paper
