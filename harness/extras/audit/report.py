"""The audit as one dict, written as audit.json, and that dict as Markdown."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tabulate import tabulate

from harness.extras.audit.corpus import corpus_findings
from harness.extras.audit.finding import (
    CONDITION,
    FAILS,
    HOLDS,
    UNDECIDED,
    VERDICTS,
    Finding,
    worst,
)
from harness.extras.audit.gains import cell_findings, joint_findings
from harness.extras.audit.networks import parameter_findings
from harness.extras.audit.sentences import sentence_findings
from harness.extras.audit.significance import (
    WEAKNESSES,
    detectable_differences,
    difference_findings,
    level,
    units,
)
from harness.paper import Paper, Printed

CHECKS = 5  # sections before those that test differences between rows
DIGITS = 6  # beyond these, a solver's last bits depend on the machine
GROUPS = {  # printed numbers of a kind: how their places in paper.yaml begin and end
    "Table 1": ("table1.", ""),
    "Table 2, parameters": ("table2.", ".params_m"),
    "Table 2, Ĉ": ("table2.", ".ccc"),
    "Table 2, gains": ("table2.", "_gain"),
    "Sentences": ("c", ""),  # corpus_totals and claims
}
INTRODUCTION = (
    "Which numbers of Jing et al. (2022, arXiv {arxiv}) can be true together. A printed number "
    "stands for all that round to it: 0.613 for [0.6125, 0.6135]; counts are exact. `holds`: true "
    "as printed. `possible only if`: true for some of what rounds to it, or under the condition "
    "named. `cannot be decided`: the paper does not print what it would take. `fails`: not true, "
    "whatever was rounded."
)


def build(paper: Paper) -> dict[str, Any]:
    """All findings in sections, how many of each verdict, and the verdict on each printed number
    (the gravest of the findings about it)."""
    sections = [
        _section("corpus", "Table 1 and the corpus", corpus_findings(paper)),
        _section("gains", "Table 2: each gain alone", cell_findings(paper)),
        _section("joint", "Table 2: all gains together", joint_findings(paper)),
        _section("parameters", "Table 2: parameters", parameter_findings(paper)),
        _section("claims", "Sentences about results", sentence_findings(paper)),
        *(_significance(paper, unit) for unit in units(paper)),
    ]
    findings = [finding for section in sections for finding in section["findings"]]
    numbers = {
        place: worst(found["verdict"] for found in about)
        if (about := [found for found in findings if place in found["numbers"]])
        else None
        for place in printed_numbers(paper)
    }
    return {
        "title": paper.title,
        "arxiv": paper.arxiv,
        "numbers": numbers,
        "sections": sections,
    }


def printed_numbers(paper: Paper) -> dict[str, Printed]:
    """Place in paper.yaml, dotted → each number that the paper prints about data or results."""
    blocks: dict[str, Any] = {
        "table1": paper.table1,
        "corpus_totals": paper.corpus_totals,
        "table2": paper.table2,
        "claims": {claim.id: claim for claim in paper.claims},
    }
    return dict(_numbers("", blocks))


def _numbers(place: str, node: Any) -> Iterator[tuple[str, Printed]]:
    if isinstance(node, Printed):
        yield place.removeprefix("."), node
    for name, below in (node if isinstance(node, dict) else getattr(node, "__dict__", {})).items():
        if not isinstance(node, Printed):
            yield from _numbers(f"{place}.{name}", below)


def _section(name: str, title: str, findings: list[Finding]) -> dict[str, Any]:
    entries = [asdict(finding) for finding in findings]
    for entry in entries:
        entry["numbers"] = list(entry["numbers"])
        entry["values"] = {key: _rounded(value) for key, value in entry["values"].items()}
    return {"id": name, "title": title, "findings": entries}


def _significance(paper: Paper, unit: str) -> dict[str, Any]:
    n = units(paper)[unit]
    title = f"Differences under the paper-style test, with the {n:,} validation {unit} as units"
    section = _section(f"fisher-{unit}", title, difference_findings(paper, unit))
    notes = list(WEAKNESSES) if unit == next(iter(units(paper))) else []
    details = [
        {key: _rounded(value) for key, value in row.items()}
        for row in detectable_differences(paper, unit)
    ]
    return {**section, "n": n, "level": level(paper), "notes": notes, "detectable": details}


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def counts(audit: dict[str, Any]) -> list[tuple[str, int, dict[str, int]]]:
    """(kind of number, how many are printed, verdict → how many), the total last."""
    lines = []
    for group, (start, end) in {**GROUPS, "All": ("", "")}.items():
        verdicts = [
            verdict
            for place, verdict in audit["numbers"].items()
            if place.startswith(start) and place.endswith(end)
        ]
        found = Counter(verdict for verdict in verdicts if verdict is not None)
        lines.append((group, len(verdicts), {verdict: found[verdict] for verdict in VERDICTS}))
    return lines


def markdown(audit: dict[str, Any]) -> str:
    """The audit in GitHub's Markdown: verdicts, what does not hold, then every calculation."""
    numbers = [
        [group, printed, sum(found.values()), *found.values()]
        for group, printed, found in counts(audit)
    ]
    sections = []
    for section in audit["sections"]:
        found = Counter(finding["verdict"] for finding in section["findings"])
        total = len(section["findings"])
        sections.append([section["title"], total, *(found[verdict] for verdict in VERDICTS)])
    parts = [
        "# Audit of the paper's numbers",
        _table(["printed numbers", "printed", "checked", *VERDICTS], numbers),
        INTRODUCTION.format(arxiv=audit["arxiv"])
        + " A number has the gravest verdict of the findings about it, so a sum that does not add "
        "up counts against all its terms.",
        *_unchecked(audit),
        _causes(audit),
        _table(["findings", "all", *VERDICTS], sections),
        "## What does not simply hold",
        "\n".join(
            f"- **{found['where']}**: {_verdict(found)} {found['sentence']}"
            for section in audit["sections"][:CHECKS]
            for found in section["findings"]
            if found["verdict"] != HOLDS
        )
        + "".join(map(_not_significant, audit["sections"][CHECKS:])),
        *(part for section in audit["sections"] for part in _chapter(section)),
    ]
    return "\n\n".join(parts) + "\n"


def causes(audit: dict[str, Any]) -> dict[str, tuple[str, int, int]]:
    """What is behind all that does not hold → verdict, printed numbers, findings; tests of
    differences between rows left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for section in audit["sections"][:CHECKS]:
        for finding in section["findings"]:
            if finding["cause"]:
                found.setdefault(finding["cause"], []).append(finding)
    return {
        cause: (
            worst(each["verdict"] for each in about),
            len({place for each in about for place in each["numbers"]}),
            len(about),
        )
        for cause, about in found.items()
    }


def _causes(audit: dict[str, Any]) -> str:
    order = list(VERDICTS)
    lines = sorted(causes(audit).items(), key=lambda pair: -order.index(pair[1][0]))
    return _table(
        ["what does not simply hold hangs on", "verdict", "printed numbers", "findings"],
        [[cause, *facts] for cause, facts in lines],
    )


def _chapter(section: dict[str, Any]) -> Iterator[str]:
    yield f"## {section['title']}"
    if "detectable" in section:
        yield from section["notes"]
        yield _detectable(section)
    keys = ("where", "verdict", "sentence", "calculation")
    lines = [[*(found[key] for key in keys), f"`{found['id']}`"] for found in section["findings"]]
    head = ["where", "verdict", "finding", "calculation", "id"]
    yield "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *lines])


def _verdict(finding: dict[str, Any]) -> str:
    return finding["verdict"] + ("" if finding["verdict"] == CONDITION else ".")


def _not_significant(section: dict[str, Any]) -> str:
    lines = ""
    for verdict in (UNDECIDED, FAILS):
        pairs = [
            found["where"].removeprefix("Table 2, ")
            for found in section["findings"]
            if found["verdict"] == verdict
        ]
        whole = len(pairs) == len(section["findings"])
        which = f"for all {len(pairs)}" if whole else f"for {', '.join(pairs)}"
        lines += f"\n- **{section['title']}**: {verdict} {which}." if pairs else ""
    return lines


def _unchecked(audit: dict[str, Any]) -> list[str]:
    places = [f"`{place}`" for place, verdict in audit["numbers"].items() if verdict is None]
    if not places:
        return []
    return [f"Not checked, as nothing else that is printed depends on them: {', '.join(places)}."]


def _detectable(section: dict[str, Any]) -> str:
    percent = f"{100 * section['level']:g} %"
    return _table(
        [
            "vanilla row",
            "Ĉ",
            f"{percent} interval at n = {section['n']:,}",
            "just significant from a rise of",
            "found with power 80 % from",
        ],
        [
            [
                row["row"],
                f"{row['ccc']:.3f}",
                f"[{row['interval_low']:.3f}, {row['interval_high']:.3f}]",
                f"{row['just_significant']:.4f}",
                f"{row['with_power_80']:.4f}",
            ]
            for row in section["detectable"]
        ],
    )


def _table(head: list[str], lines: list[list[Any]]) -> str:
    align = [
        "right" if all(isinstance(c, int) for c in column) else "left"
        for column in zip(*lines, strict=True)
    ]
    texts = [[str(cell) for cell in line] for line in lines]
    return tabulate(texts, head, "github", disable_numparse=True, colalign=align)


def summary(audit: dict[str, Any]) -> str:
    """A few lines for the terminal: the counts, and what fails."""
    *_, (_, printed, found) = counts(audit)
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in found.items())
    lines = [f"{sum(found.values())} of {printed} printed numbers checked: {verdicts}."]
    lines += [
        f"{finding['verdict']}: {finding['where']}: {finding['sentence']}"
        for section in audit["sections"][:CHECKS]
        for finding in section["findings"]
        if finding["verdict"] == FAILS
    ]
    return "\n".join(lines)
