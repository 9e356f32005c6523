"""The page's text from what was found."""

from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from harness.config.rows import TABLE2
from harness.evaluation.caption import caption
from harness.report.page import pictures, sections
from harness.report.page.grids import Grid, family_grid, minus
from harness.report.page.pictures import Panel, Strips
from harness.report.page.sources import FamilyResults, Found
from harness.report.page.words import count, lead, verdicts_mean

HERE = Path(__file__).parent


class Chapter(NamedTuple):
    """All of one family; what is not there is None or empty."""

    family: FamilyResults
    title: str
    grid: Grid
    caption: str
    words: str
    forest: Strips
    emotions: Grid | None
    curves: list[Panel]
    bests: Grid | None
    weights: list[Panel]
    keys: list[tuple[int, str]]
    seeds: Strips
    speakers: Strips
    power: Grid | None
    claims: Grid | None


def page(found: Found) -> str:
    """One HTML file with all in it, the same for the same results."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_file("page.html.j2"))
    environment.filters["minus"] = minus
    table = found.table2.table
    parts = [_part(family, found) for family in found.families]
    return (
        template.render(
            found=found,
            table=table,
            lead=[minus(sentence) for sentence in lead(table)],
            facts=_facts(found),
            parts=parts,
            everything=sections.everything(found),
            corpus=_corpus(found.corpus),
            audit=_audit(found.audit),
            sources=_sources(found),
            missing=_missing(found, parts),
            style=Markup(_file("style.css")),
            script=Markup(_file("sort.js")),
        )
        + "\n"
    )


def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _part(family: FamilyResults, found: Found) -> Chapter:
    title = "Table 2" if family.name == TABLE2 else f"Family {family.name}"
    drawn = pictures.weights(family, found)
    keys = list(dict.fromkeys(key for panel in drawn for key in panel.keys))
    return Chapter(
        family,
        title,
        family_grid(family.table),
        minus(caption(family.table)),
        verdicts_mean(family.table),
        pictures.forest(family),
        sections.emotions(family),
        pictures.curves(family, found),
        sections.bests(family),
        drawn,
        keys,
        pictures.seeds(family),
        pictures.speakers(family),
        sections.power(family),
        sections.claims(family),
    )


def _facts(found: Found) -> list[tuple[str, str]]:
    """The run in a line: name and value."""
    table = found.table2.table
    highest = max(table.rows, key=lambda row: row.ccc)
    settings = {key: ours for key, (ours, _) in table.settings.items()}
    facts = [
        ("corpus", table.corpus),
        ("dev speakers", f"{table.speakers:,}" if table.speakers else "not known"),
        ("seeds", ", ".join(map(str, table.seeds))),
        ("targets", f"{table.targets}"),
        ("width", f"{settings['width']:g}" if "width" in settings else "not known"),
        ("epochs", f"{settings['epochs']:g}" if "epochs" in settings else "not known"),
        ("arithmetic", ", ".join(table.arithmetic)),
        ("highest Ĉ", f"{highest.ccc:.3f} ({highest.row})"),
    ]
    if table.ceiling is not None:
        facts.append(("ceiling of Ĉ", f"{table.ceiling:.3f}"))
    return [(name, minus(value)) for name, value in facts]


def _corpus(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "counts": sections.counts(found),
        "seconds": sections.seconds(found),
        "odd": sections.oddities(found),
        "targets": sections.targets(found),
        "histograms": pictures.histograms(found["targets"]),
    }


def _audit(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "sentence": sections.audit_counts(found),
        "summary": sections.audit_summary(found),
        "findings": sections.audit_findings(found),
    }


def _sources(found: Found) -> list[tuple[str, str, str]]:
    """What, the command that makes it, and the files that have its numbers."""
    folder = f"results/{found.profile}"
    listed = []
    for family in found.families:
        own = family.name == TABLE2
        run = "make repro" if own else f"make family F={family.name}"
        files = f"{folder}/{family.name}.json, {folder}/{family.name}/"
        listed.append(("Table 2" if own else f"family {family.name}", run, files))
    if found.corpus:
        listed.append(("the corpus", "dvc repro table1", f"{folder}/table1.json"))
    if found.audit:
        listed.append(("the audit", "dvc repro audit", "results/paper/audit.json"))
    return [*listed, ("this page", "python -m stages.report", f"{folder}/report.html")]


def _missing(found: Found, parts: list[Chapter]) -> list[str]:
    """What a reader may look for and the results do not hold, in sentences."""
    table, said = found.table2.table, []
    if len(parts) == 1:
        said.append(
            "No family beside Table 2 was run on this profile: `make family F=controls` trains "
            "one, and `make all` all that params.yaml names."
        )
    if len(table.seeds) == 1:
        said.append("There is one seed, so that no spread over seeds and no p can be told.")
    elif len(table.seeds) < 3:
        said.append(
            f"There are {count(len(table.seeds), 'seed')}, and p takes three: no p, no Holm's "
            "correction, and no number of seeds that a gain would take."
        )
    if not table.speakers:
        said.append("The results do not say how many dev speakers there are.")
    for part in parts:
        name, family = part.title, part.family
        if part.emotions is None:
            said.append(f"{name} has no scores of single targets.")
        kept = sections.made(found, family)
        bare = [row.row for row in family.table.rows if not family.history.get(row.row)]
        bare = [row for row in bare if row not in kept]
        if bare:
            said.append(f"{name} has no history, and so no curve, of {', '.join(bare)}.")
        if not part.forest.lines:
            said.append(f"{name} compares no rows.")
        elif not part.speakers.lines:
            said.append(f"{name} has no spread over speakers: it takes two dev speakers.")
    if found.corpus is None:
        said.append("The corpus was not described: `dvc repro table1` does it.")
    if found.audit is None:
        said.append("The audit of the paper is not there: `dvc repro audit` makes it.")
    said.append(
        "The cross-correlation matrix of the two views' embeddings is not drawn: it takes trained "
        "weights, which a cell keeps only where its row says so (`keep` in rows.yaml)."
    )
    return said
