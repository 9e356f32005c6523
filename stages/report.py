"""All results of a profile → results/<profile>/report.html."""

from argparse import ArgumentParser
from pathlib import Path

from harness.config.strict import profile
from harness.report.page.render import page
from harness.report.page.sources import read
from harness.stage import run


def main(arguments: list[str] | None = None) -> None:
    """Write the page of every family that was run, and say where it is."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("profile", nargs="?", help="default: that of params.yaml")
    name = parser.parse_args(arguments).profile or profile()
    file = Path("results", name, "report.html")
    file.write_text(page(read(name)), encoding="utf-8")
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    run(main)
