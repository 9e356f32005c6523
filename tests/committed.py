"""Whose numbers are in this tree: those that upstream committed, or a user's own.

A test with the marker `committed` compares what upstream committed: params.yaml and the profiles,
rows.yaml, results and README. Where a user has run something else it is skipped.
"""

import subprocess
from pathlib import Path

from harness.config.rows import TABLE2, read_family
from harness.config.strict import profile
from harness.errors import HarnessError
from harness.paper import read_paper

ROOT = Path(__file__).parents[1]
PROFILE = "synthetic"  # of the params.yaml that upstream commits
FILES = ("params.yaml", "rows.yaml", "profiles", "results")


def users_own(root=ROOT):
    """Why the numbers here are a user's own, in words; None where they are what was committed."""
    try:
        name = profile(root / "params.yaml")
        table2 = read_family(TABLE2, root / "params.yaml", root / "rows.yaml")
    except HarnessError as error:
        return str(error)
    if name != PROFILE:
        return f"params.yaml is of profile {name}"
    printed = read_paper(root / "paper.yaml").table2
    if list(table2.rows) != [f"{TABLE2}/{row}" for row in printed]:
        return "the rows of table2 in rows.yaml are not the paper's"
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", *FILES],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if changed.returncode:
        return "git cannot tell what was committed"
    return f"not as committed: {changed.stdout.split()[1]}" if changed.stdout else None
