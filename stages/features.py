"""Clip table → packed log-mel of the train and dev splits."""

from pathlib import Path

from harness.config.features import Features
from harness.config.strict import block, profile
from harness.corpora.clips import read
from harness.features import FILES, extract
from harness.stage import replacing, run


def main() -> None:
    params = block(Features, "features")
    clips, about = read(Path("data") / profile())
    with replacing(Path("features") / profile(), FILES) as fresh:
        extract(clips, Path(about["root"]), about["targets"], params, fresh)


if __name__ == "__main__":
    run(main)
