"""harness <command>: each command's module is imported only when it is called."""

import argparse
import sys
from collections.abc import Sequence

from harness.stage import run


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and call the command; an error is one line and exit status 1."""
    parser = argparse.ArgumentParser(prog="harness", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_bench(commands)
    options = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    run(lambda: options.command(options))


def _add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "how fast the harness is, beside the machine's limit and its peers; what a profile costs"
    parser = commands.add_parser("bench", help=text, description=text)
    sections = ["train", "features", "statistics", "pipeline", "plan"]
    parser.add_argument("section", choices=[*sections, "all"], help="what is measured anew")
    parser.add_argument("--out", default="results/bench", help="where bench.json and .md go")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument(
        "--budget", type=float, default=20.0, help="seconds of a comparison's turns"
    )
    train = parser.add_argument_group("train")
    train.add_argument("--encoders", nargs="+", default=[], help="only these")
    train.add_argument(
        "--widths", nargs="+", type=float, default=[], help="default: 1, params.yaml's"
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
    plan.add_argument("--efficiency", type=float, default=0.25, help="share of the peak, assumed")
    parser.set_defaults(command=_bench)


def _bench(options: argparse.Namespace) -> None:
    from harness.bench.command import bench

    bench(options)


if __name__ == "__main__":
    main()
