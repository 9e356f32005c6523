"""Which row of a search is best on train speakers that it did not train on; never on dev."""

from typing import Any

import pandas as pd
from tabulate import tabulate

from harness.errors import RunError
from harness.evaluation.columns import number

HELD_OUT = "held_out_ccc"


def choice(history: pd.DataFrame, rows: list[str]) -> dict[str, Any]:
    """Of each row the Ĉ on held-out train speakers, of each seed's best epoch, as mean and standard
    deviation over seeds; `best`: the row with the highest mean, the first of equal ones.

    `history`: row, seed and held_out_ccc, a line an epoch. Raises RunError for a row without it.
    """
    if HELD_OUT not in history:
        history = history.assign(**{HELD_OUT: float("nan")})
    tops = history.groupby(["row", "seed"])[HELD_OUT].max()
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        own = tops[row] if row in tops.index.get_level_values("row") else tops.iloc[:0]
        if not len(own) or own.isna().any():
            raise RunError(
                f"row {row} has no Ĉ on held-out train speakers; give it "
                "readings: {selection: held_out}"
            )
        sd = float(own.std(ddof=1)) if len(own) > 1 else None
        found[row] = {"ccc": float(own.mean()), "sd": sd}
    return {"best": max(found, key=lambda row: found[row]["ccc"]), "rows": found}


def markdown(found: dict[str, Any], family: str, seeds: int) -> str:
    """The choice as a page."""
    lines = [
        [f"**{row}**" if row == found["best"] else row, _spread(one)]
        for row, one in found["rows"].items()
    ]
    table = tabulate(lines, ["row", "Ĉ ± sd"], "github", disable_numparse=True)
    return (
        f"# The choice of {family}\n\n"
        f"Chosen: **{found['best']}**. Ĉ on a tenth of the train speakers, who were not trained "
        f"on, of each cell's best epoch there; the mean over {seeds} seeds ± their standard "
        "deviation. "
        "The row with the highest mean is chosen, however close the next one is. Dev has no part "
        f"in it.\n\n{table}\n"
    )


def _spread(one: dict[str, Any]) -> str:
    return f"{number(one['ccc'], 3)} ± {'n/a' if one['sd'] is None else number(one['sd'], 3)}"
