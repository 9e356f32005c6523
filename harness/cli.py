"""harness <command>: each command's module is imported only when it is called."""

import argparse
import sys
from collections.abc import Sequence

from harness.stage import run


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and call the command; an error is one line and exit status 1."""
    parser = argparse.ArgumentParser(prog="harness", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_simulate(commands)
    options = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    run(lambda: options.command(options))


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "false positives, coverage and power of every test of significance, where truth is known"
    parser = commands.add_parser("simulate", help=text, description=text)
    parser.add_argument("--draws", type=int, default=2000, help="of each setting (default: 2000)")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side (default: 2)")
    parser.add_argument("--seed", type=int, default=0, help="from which all draws follow")
    parser.add_argument("--speakers", type=int, nargs="+", help="only these sizes")
    parser.add_argument("--out", default="results/simulation", help="where the report goes")
    parser.add_argument("--scratch", default="scratch/simulation", help="what is done is kept here")
    parser.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> None:
    from harness.simulate import simulate

    simulate(options)


if __name__ == "__main__":
    main()
