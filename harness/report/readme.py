"""README's numbers: what stands between two marks is written from the committed results."""

import argparse
import re
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from harness.config.rows import TABLE2
from harness.errors import RunError
from harness.stage import read_json

README = Path("README.md")
BLOCK = re.compile(r"(<!-- begin (?P<name>\S+) -->\n)(?P<content>.*?)(<!-- end -->)", re.DOTALL)
ENCODERS = ("resnet18", "cnn10", "cnn14")
DASH = "–"


class Question(NamedTuple):
    """A row of each encoder, `row` with the encoder's name in it, and what it is compared with."""

    text: str
    family: str
    row: str
    kind: str


QUESTIONS = (
    Question("RRTN over the encoder alone", TABLE2, "{}-rrtn", "local"),
    Question("RRTN with RUWL over the encoder alone", TABLE2, "{}-rrtn-ruwl", "local"),
    Question("RUWL over fixed weights", TABLE2, "{}-rrtn-ruwl", "ruwl"),
    Question(
        "the encoder alone, twice the epochs, over itself", "controls", "{}-longer", "vanilla"
    ),
    Question("SpecAugment alone over RRTN", "controls", "{}-masked", "rrtn"),
    Question("two views without Barlow Twins over RRTN", "controls", "{}-two-views", "rrtn"),
    Question("RUWL's last weights, fixed, over RUWL", "controls", "{}-frozen", "ruwl"),
)


SYSTEMS = {  # family → what stands in it, and what it asks
    TABLE2: ("[RRTN](docs/protocol.md#ruwl) (Jing et al. 2022)", "does redundancy reduction gain?"),
    "controls": ("[its controls](docs/protocol.md#controls)", "which part of RRTN does it?"),
    "readings": ("[its readings](docs/protocol.md#readings)", "what do open details change?"),
    "weighting": (
        "[loss weighting](docs/protocol.md#weighting) (Chae et al. 2018, and 12 more rules)",
        "is a learned weight better than a fixed or a random one?",
    ),
    "uncertainty": (
        "[uncertainty](docs/protocol.md#uncertainty) (Deng et al. 2021)",
        "does a prediction know how wrong it is?",
    ),
    "transfer": (
        "[anti-transfer](docs/protocol.md#anti-transfer) (Guizzo et al. 2021)",
        "does it help to be unlike a network that knows the speaker?",
    ),
    "quaternion": (
        "[quaternions](docs/protocol.md#quaternions) (Guizzo et al. 2023)",
        "as good with a quarter of the parameters?",
    ),
}
YARDSTICKS = {  # (family, row) of what is made, not trained
    ("floors", "ridge"): "A ridge on statistics of the log-mel",
    ("roofs", "bound"): "Trees that are given what made the sound",
}


def rewrite(options: argparse.Namespace) -> None:
    """Bring README's blocks up to date."""
    text = README.read_text(encoding="utf-8")
    README.write_text(filled(text, Path("results")), encoding="utf-8")


def filled(text: str, results: Path) -> str:
    """README with every block written anew; RunError for a block that nothing is known of."""

    def content(found: re.Match[str]) -> str:
        name = found["name"]
        kind, _, profile = name.partition("/")
        writers = {"gains": gains, "facts": facts, "systems": systems}
        if kind not in writers or not profile or not (results / profile).is_dir():
            raise RunError(
                f"{README}: no block is called '{name}'; write gains/<profile>, facts/<profile> or "
                "systems/<profile>"
            )
        return f"{found[1]}{writers[kind](results / profile)}\n{found[4]}"

    return BLOCK.sub(content, text)


def gains(folder: Path) -> str:
    """A line a question, a column an encoder: gain, its interval, and what the design detects.

    A family that was not run leaves its lines out.
    """
    tables: dict[str, dict[str, Any]] = {}
    for family in dict.fromkeys(question.family for question in QUESTIONS):
        file = folder / f"{family}.json"
        if file.is_file():
            tables[family] = {row["row"]: row for row in read_json(file)["rows"]}
    lines = []
    for question in QUESTIONS:
        if question.family in tables:
            cells = [_gain(tables[question.family], question, encoder) for encoder in ENCODERS]
            lines.append([question.text, *cells])
    return tabulate(lines, ["gain in Ĉ (%)", *ENCODERS], tablefmt="github", disable_numparse=True)


def facts(folder: Path) -> str:
    """The corpus, the size of the run, the highest Ĉ, and what needs no network."""
    table = read_json(folder / f"{TABLE2}.json")
    best = max(table["rows"], key=lambda row: row["ccc"])
    own = table["settings"]
    return (
        f"Corpus {table['corpus']}: {table['speakers']} dev speakers, {len(table['seeds'])} seeds, "
        f"width {own['width'][0]:g}, {own['epochs'][0]:.0f} epochs; "
        f"{' and '.join(table['arithmetic'])}. "
        f"Highest Ĉ: {best['ccc']:.3f} ({best['row']}).{_yardsticks(folder)}"
    )


def systems(folder: Path) -> str:
    """A line a family: what it asks, and how many of its comparisons pass Holm's correction."""
    lines = []
    for family, (system, question) in SYSTEMS.items():
        file, found = folder / f"{family}.json", "not run yet"
        if file.is_file():
            table = read_json(file)
            own = sum(not row["row"].startswith(f"{TABLE2}/") for row in table["rows"])
            found = f"[{own} rows]({folder}/{family}.md), {_outcome(table)}"
        lines.append([system, question, found])
    head = ["system", "asks", f"what came out on {folder.name}"]
    return tabulate(lines, head, tablefmt="github", disable_numparse=True)


def _outcome(table: dict[str, Any]) -> str:
    each = [gain for row in table["rows"] for gain in row["against"].values()]
    told = [gain for gain in each if gain["p_holm"] is not None]
    if not told:
        return f"{len(each)} comparisons without a p"
    up, down = (
        sum(gain["p_holm"] <= 0.05 and sign * gain["gain"] > 0 for gain in told) for sign in (1, -1)
    )
    return f"{len(told)} comparisons: {up} ahead, {down} behind, {len(told) - up - down} open"


def _yardsticks(folder: Path) -> str:
    found = ""
    for (family, row), text in YARDSTICKS.items():
        if (file := folder / f"{family}.json").is_file():
            rows = {each["row"]: each["ccc"] for each in read_json(file)["rows"]}
            found += f" {text}: {rows[row]:.3f}."
    return found


def _gain(rows: dict[str, Any], question: Question, encoder: str) -> str:
    against = rows.get(question.row.format(encoder), {}).get("against", {}).get(question.kind)
    if not against or against["gain"] is None:
        return DASH
    shown = f"{against['gain']:+.1f}"
    if against["gain_low"] is not None:
        shown += f" [{against['gain_low']:.1f}, {against['gain_high']:.1f}]"
    if against.get("detects_gain") is not None:
        shown += f" ({against['detects_gain']:.0f})"
    small = against["p_holm"] is not None and against["p_holm"] <= 0.05
    return f"**{shown}**" if small else shown
