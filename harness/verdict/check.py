"""harness check: are the results what is expected, and of this code and these parameters?"""

import argparse
import json
from pathlib import Path

from harness.config.strict import profile
from harness.config.tolerances import read_tolerances
from harness.paper import read_paper
from harness.verdict.profiles import judge_profile, profiles
from harness.verdict.report import record, show, text
from harness.verdict.revisions import Folder, Revision, Tree, write
from harness.verdict.staleness import staleness


def check(options: argparse.Namespace) -> bool:
    """Judge, print, and write the files asked for; True when every cell and stage passes.

    The locks are of the profile in params.yaml, and count unless only others are asked for.
    """
    here, asked = profile(), options.profile or []
    against, tolerances, paper = _against(options.against), read_tolerances(), read_paper()
    gate = staleness() if options.stale_only or not asked or here in asked else None
    checked = []
    if not options.stale_only:
        for name in asked or profiles([Folder(), against]) or [here]:
            of_locks = gate if name == here else None
            checked.append(judge_profile(name, against, tolerances, paper, of_locks))
    passed = not (gate and gate.reasons) and all(one.passes for one in checked)
    if options.json:
        found = record(checked, gate, passed)
        write(options.json, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    if options.md:
        write(options.md, text(checked, gate, passed, markdown=True))
    show(checked, gate, passed)
    return passed


def _against(name: str) -> Tree:
    path = Path(name)
    return Folder(path, name) if path.is_dir() else Revision(name)
