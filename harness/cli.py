"""Is Table 2 reproduced, what moved, which clips fail, will a row train?

Each command's module is imported only when it is called.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from harness.errors import HarnessError, RunError
from harness.options import CORES, JOBS, positive, whole
from harness.stage import run

LARGEST = 2**32 - 1  # a seed
DAY = 86_400.0  # seconds
CLONE = ("params.yaml", "rows.yaml", "dvc.yaml")  # one of them is there, even in a broken clone
EXAMPLES = """\
what people do:
  make the paper's table       make repro
  see whether it is theirs     harness check
  see what a branch changes    harness diff main
  hear where a row fails       harness listen --row cnn14-rrtn --against cnn14
  try their own row            harness validate && make family F=mine

exit status:
  0    it is done; check: nothing fails; diff --exit-code: nothing differs
  1    an error in one line; check: something fails; diff: something differs
  2    the command line is not understood, or there is nothing here to work on
  130  it was interrupted
  143  it was told to end (SIGTERM)
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and call the command; an error is one line and exit status 1."""
    run(lambda: _call(sys.argv[1:] if arguments is None else arguments))


def _call(arguments: Sequence[str]) -> None:
    options = command_line().parse_args(arguments)
    if options.command is not _simulate:  # which draws all that it needs
        _check_clone()
    options.command(options)


def command_line() -> argparse.ArgumentParser:
    """All commands; what is parsed has the one to call as `command`."""
    parser = argparse.ArgumentParser(
        prog="harness",
        description=(__doc__ or "").partition("\n")[0],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_check(commands)
    _add_diff(commands)
    _add_listen(commands)
    _add_launch(commands)
    _add_validate(commands)
    _add_bench(commands)
    _add_simulate(commands)
    _add_readme(commands)
    return parser


def _check_clone() -> None:
    """Status 2 and one line where the package is installed, but no clone is here."""
    if not any(Path(name).is_file() for name in CLONE):
        _refuse(
            RunError(
                f"{Path.cwd()} is no clone of rrtn-harness, and this command reads the rows, "
                "profiles, data and results of one; clone the repository and run it in its root"
            )
        )


def _add_listen(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "a local page to hear and see the clips that a row predicts worst"
    parser = commands.add_parser("listen", help=text, description=text)
    parser.add_argument("--row", required=True, help="one of rows.yaml, e.g. cnn14-rrtn")
    parser.add_argument(
        "--against", metavar="ROW", help="also the clips on which these two are furthest apart"
    )
    clips, megabytes = whole(1, 1000), whole(0, 10_000)
    parser.add_argument("--clips", type=clips, default=12, help="of each list (default: 12)")
    parser.add_argument(
        "--limit", metavar="MB", type=megabytes, default=20, help="all sounds (default: 20)"
    )
    where = "where the page goes, outside of git (default: below scratch/)"
    parser.add_argument("--out", metavar="FILE", help=where)
    parser.set_defaults(command=_listen)


def _listen(options: argparse.Namespace) -> None:
    from harness.report.listen import listen

    listen(options)


def _add_launch(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "train the cells that are missing: here, side by side, or on a Slurm cluster"
    parser = commands.add_parser("launch", help=text, description=text)
    family = "a family of params.yaml, or all (default: table2)"
    parser.add_argument("--family", default="table2", help=family)
    jobs = "cells at a time on this machine; with several GPUs, their number (default: 2)"
    parser.add_argument("--jobs", type=whole(1, JOBS), default=2, help=jobs)
    parser.add_argument("--slurm", action="store_true", help="submit them to Slurm with submitit")
    sbatch = "how, as sbatch calls it: partition=gpu gpus_per_node=1 mem=16G time=600 (minutes)"
    parser.add_argument("--sbatch", nargs="+", default=[], metavar="KEY=VALUE", help=sbatch)
    parser.add_argument("--dry-run", action="store_true", help="only tell what --slurm would do")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--status", action="store_true", help="how far the submitted cells are")
    other.add_argument("--cancel", action="store_true", help="cancel those that are not finished")
    other.add_argument("--plan", action="store_true", help="what the missing cells would cost")
    parser.set_defaults(command=_launch)


def _launch(options: argparse.Namespace) -> None:
    if options.plan:
        from harness.extras.bench.hours import report

        print(report(options.family))
    elif options.status or options.cancel or options.slurm or options.dry_run:
        _on_slurm(options)
    else:
        from harness.launch import launch_alone

        launch_alone(options.family, options.jobs)


def _on_slurm(options: argparse.Namespace) -> None:
    from harness import cluster

    if options.status:
        print(cluster.status(options.family))
    elif options.cancel:
        print(f"{cluster.cancel(options.family)} jobs cancelled; what is finished is kept")
    else:
        cluster.submit(options.family, options.sbatch, options.dry_run)


def _add_validate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "can every row of the profile be trained? one batch of each, without values, in seconds"
    parser = commands.add_parser("validate", help=text, description=text)
    parser.set_defaults(command=_validate)


def _validate(options: argparse.Namespace) -> None:
    from harness.learning.validation import summary

    print(summary())


def _add_readme(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "write the numbers in README.md from the results that are committed"
    parser = commands.add_parser("readme", help=text, description=text)
    parser.set_defaults(command=_readme)


def _readme(options: argparse.Namespace) -> None:
    from harness.report.readme import rewrite

    rewrite(options)


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "false positives, coverage and power of every test of significance, where truth is known"
    parser = commands.add_parser("simulate", help=text, description=text)
    draws, jobs, seed = whole(1, 10**6), whole(1, JOBS), whole(0, LARGEST)
    parser.add_argument("--draws", type=draws, default=2000, help="of each setting (default: 2000)")
    parser.add_argument("--jobs", type=jobs, default=2, help="processes side by side (default: 2)")
    parser.add_argument("--seed", type=seed, default=0, help="from which all draws follow")
    parser.add_argument("--speakers", type=int, nargs="+", help="only these sizes")
    pooling = "only whether the variance over seeds should be pooled over rows: pooling.md"
    parser.add_argument("--pooling", action="store_true", help=pooling)
    parser.add_argument("--out", default="results/simulation", help="where the report goes")
    parser.add_argument("--scratch", default="scratch/simulation", help="what is done is kept here")
    parser.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> None:
    from harness.extras.simulation import command, pooling

    if options.pooling:
        pooling.write(Path(options.out), options.draws, options.seed)
    else:
        command.simulate(options)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "are the results what is expected, and of this code and these parameters? 0: yes, 1: no"
    parser = commands.add_parser("check", help=text, description=text)
    parser.add_argument("--profile", action="append", help="only this one; may be given again")
    parser.add_argument(
        "--against",
        default="HEAD",
        metavar="REV|FOLDER",
        help="whose results are expected, but for the paper's corpus (default: HEAD)",
    )
    parser.add_argument(
        "--stale-only", action="store_true", help="only dvc.lock against the tree; needs no results"
    )
    parser.add_argument(
        "--strict", action="store_true", help="no number may move, not even with its parameters"
    )
    _add_files(parser)
    parser.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> None:
    from harness.verdict.check import check

    try:
        passed = check(options)
    except HarnessError as error:  # status 1 would say that it fails
        _refuse(error)
    sys.exit(0 if passed else 1)


def _add_diff(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "params, Ĉ and verdicts of two revisions in one table"
    parser = commands.add_parser("diff", help=text, description=text)
    parser.add_argument("revision", metavar="REV", help="the old side, e.g. main")
    parser.add_argument("other", metavar="REV", nargs="?", help="default: the working tree")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 if anything differs")
    _add_files(parser)
    parser.set_defaults(command=_diff)


def _diff(options: argparse.Namespace) -> None:
    from harness.verdict.diff import diff

    try:
        differs = diff(options)
    except HarnessError as error:
        _refuse(error)
    if differs and options.exit_code:
        sys.exit(1)


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write it for machines too")
    parser.add_argument("--md", metavar="FILE", help="write it as Markdown too")


def _refuse(error: Exception) -> NoReturn:
    """As argparse refuses what it does not understand: one line, exit status 2."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)


def _add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "how fast the harness is, beside the machine's limit and its peers; what a profile costs"
    parser = commands.add_parser("bench", help=text, description=text)
    sections = ["train", "features", "statistics", "pipeline", "plan", "rows"]
    what = "what is measured anew; all: but for rows"
    parser.add_argument("section", choices=[*sections, "all"], help=what)
    parser.add_argument("--out", default="results/bench", help="where bench.json and .md go")
    threads = whole(1, CORES)
    parser.add_argument("--threads", type=threads, help="CPU threads (default: all cores)")
    parser.add_argument(
        "--budget", type=positive(DAY), default=20.0, help="seconds of a comparison's turns"
    )
    train = parser.add_argument_group("train")
    train.add_argument("--encoders", nargs="+", default=[], help="only these")
    train.add_argument(
        "--widths", nargs="+", type=positive(1), default=[], help="default: 1, params.yaml's"
    )
    train.add_argument("--autrainer", metavar="PYTHON", help="a Python that can import autrainer")
    pipeline = parser.add_argument_group("pipeline")
    pipeline.add_argument("--cold", action="store_true", help="also make repro in a fresh clone")
    plan = parser.add_argument_group("plan")
    plan.add_argument("--profile", default="profiles/hume-vb.yaml", help="what is planned")
    plan.add_argument("--gpu", nargs="+", default=[], help="names in gpus.yaml (default: all)")
    plan.add_argument(
        "--price", nargs="+", default=[], metavar="GPU=PRICE", help="an hour's, yours"
    )
    share = "share of the peak, assumed"
    plan.add_argument("--efficiency", type=positive(1), default=0.25, help=share)
    rows = parser.add_argument_group("rows")
    families = "whose rows are timed at the profile's sizes (default: quaternion)"
    rows.add_argument("--families", nargs="+", default=["quaternion"], help=families)
    parser.set_defaults(command=_bench)


def _bench(options: argparse.Namespace) -> None:
    from harness.extras.bench.command import bench

    bench(options)


if __name__ == "__main__":
    main()
