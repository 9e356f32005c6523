"""The command `harness simulate`: run the simulation with a progress bar, then write its report."""

import argparse
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from harness.errors import RunError
from harness.extras.simulation.report import outside, write
from harness.extras.simulation.trials import Plan, Sums, World, parts, run, settings, worlds


def simulate(options: argparse.Namespace) -> None:
    """Options as in harness/cli.py; a killed run goes on from what `scratch` keeps.

    Raises RunError for a number of speakers that is not among the simulated.
    """
    known = sorted({world.speakers for world in worlds()})
    wanted = options.speakers or known
    if not set(wanted) <= set(known):
        raise RunError(f"--speakers {wanted}: choose from {known}")
    plan = Plan(options.draws, options.seed)
    some = [world for world in worlds() if world.speakers in wanted]
    sums: dict[World, dict[int, Sums]] = {}
    columns = TextColumn("draws"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns) as progress:
        task = progress.add_task(
            "", total=sum(stop - start for _, start, stop in parts(plan, some))
        )
        for (world, start, stop), found in run(plan, Path(options.scratch), options.jobs, some):
            sums.setdefault(world, {})[start] = found
            progress.advance(task, stop - start)
    # in the order of the draws, because sums of widths round
    rates = [s for w in some for s in settings(w, [sums[w][k] for k in sorted(sums[w])])]
    write(Path(options.out), plan, rates)
    missed = len(outside(rates))
    print(f"{options.out}/simulation.md: {len(rates)} settings, headline outside in {missed}")
