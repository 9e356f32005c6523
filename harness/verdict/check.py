"""harness check: are the results what is expected, and of this code and these parameters?"""

import argparse
import json
from pathlib import Path

from harness.config.rows import ROWS, TABLE2
from harness.config.strict import profile, read_yaml
from harness.config.tolerances import read_tolerances
from harness.paper import read_paper
from harness.verdict.outcome import Outcome
from harness.verdict.profiles import judge_family, tables
from harness.verdict.recipes import Recipes
from harness.verdict.report import record, show, text
from harness.verdict.revisions import Folder, Revision, Tree, write
from harness.verdict.staleness import staleness


def check(options: argparse.Namespace) -> bool:
    """Judge, print, and write the files asked for; True when every number and stage passes.

    The locks are of the profile in params.yaml, and count unless only others are asked for.
    """
    here, asked = profile(), options.profile or []
    read_yaml(ROWS)  # DVC reads on where this refuses
    against, tolerances, paper = _against(options.against), read_tolerances(), read_paper()
    recipes = Recipes(against, Folder())
    looked = options.stale_only or not asked or here in asked
    gate = staleness(changed=recipes.stages()) if looked else None
    pairs = [] if options.stale_only else _pairs(asked, here, against)
    checked = [
        judge_family(
            name, family, against, tolerances, paper, gate if name == here else None, recipes
        )
        for name, family in pairs
    ]
    found = Outcome(checked, gate, options.strict)
    if options.json:
        write(options.json, json.dumps(record(found), indent=2, ensure_ascii=False) + "\n")
    if options.md:
        write(options.md, text(found, markdown=True))
    show(found)
    return found.passes


def _pairs(asked: list[str], here: str, against: Tree) -> list[tuple[str, str]]:
    """(profile, family) of all results, or of those of some profiles, which have a Table 2."""
    found = tables([Folder(), against])
    if not asked:
        return found or [(here, TABLE2)]
    return [
        (name, family)
        for name in asked
        for family in dict.fromkeys([TABLE2, *(family for one, family in found if one == name)])
    ]


def _against(name: str) -> Tree:
    path = Path(name)
    return Folder(path, name) if path.is_dir() else Revision(name)
