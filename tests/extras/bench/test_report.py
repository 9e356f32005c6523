"""The bench report and its goals: sections merge; a goal is met, not met, or not measured."""

import json

import pytest

from harness.extras.bench.goals import GOALS, REST, verdicts
from harness.extras.bench.report import markdown, merge

HARDWARE = {
    "processor": "Some CPU",
    "gpu": None,
    "cores": 2,
    "memory_gib": 24.0,
    "instructions": ["avx2"],
    "packages": {"torch": "2.14.1"},
    "python": "3.11.7",
    "date": "2026-01-02",
    "load_before": 0.1,
}


def speeds(**medians):
    return {
        name.replace("_", ", "): {"median": v, "low": v / 2, "high": 2 * v, "rounds": 3}
        for name, v in medians.items()
    }


def train_cell(encoder, width, bare=0.96, textbook=3.5, autrainer=None):
    over = {
        "bare": bare,
        REST: 0.06,
        "textbook, 0 workers": textbook,
        "textbook, 2 workers": textbook + 1,
    }
    bare_over = {"textbook, 0 workers": 1.5, "textbook, 2 workers": 1.4, "ours": 1.04}
    views = {"ours": 2, "bare": 2, "textbook, 0 workers": 2, "textbook, 2 workers": 2}
    if autrainer:
        over["autrainer"], views["autrainer"] = autrainer, 1
        bare_over["autrainer"] = 0.6
    return {
        "encoder": encoder,
        "width": width,
        "batch": 16,
        "bare": {"bf16": False, "layout": "channels-last", "failed": ["bf16, contiguous: why"]},
        "clips_per_second": speeds(ours=40.0, bare=41.0),
        "ours_over": over,
        "bare_over": bare_over,
        "views_a_clip": views,
        "peak_mib": {"ours": {"resident": 100.0}, "bare": None, "textbook": {"resident": 300.0}},
    }


def train(**changes):
    cells = [
        train_cell(encoder, width, **changes)
        for width in (1.0, 0.0625)
        for encoder in ("resnet18", "cnn10", "cnn14")
    ]
    return {"hardware": HARDWARE, "device": "cpu", "cells": cells, "missing": {"autrainer": "no"}}


def features(torchaudio=2.4, decoding=0.5, growth=0.0, difference=0.001):
    return {
        "hardware": HARDWARE,
        "workers": 2,
        "clips_per_second": speeds(ours=900.0, decoding_threads=1800.0, librosa_threads=200.0),
        "ours_over": {
            "decoding, threads": decoding,
            "decoding, processes": decoding - 0.1,
            "torchaudio, threads": torchaudio + 1,
            "torchaudio, processes": torchaudio,
            "librosa, threads": 1.0,
        },
        "largest_difference_db": {"librosa": difference},
        "peak_mib": {
            "512": {"resident": 100.0},
            "4096": {"resident": 100.0 + growth * 3584 / 1024},
        },
        "missing": {},
    }


def statistics(*ratios):
    sizes = {
        f"size {n}": {
            "rows": 9,
            "seeds": 3,
            "clips": 160,
            "speakers": 40,
            "resamples_per_second": speeds(ours=4e4, loop=100.0),
            "ours_over": {"loop": ratio, "scipy": 400.0},
        }
        for n, ratio in enumerate(ratios)
    }
    return {"hardware": HARDWARE, "sizes": sizes}


def pipeline(no_op=1.1, cell=2.5, **cold):
    return {
        "hardware": HARDWARE,
        "alone": {"dvc": 1.0, "torch": 2.4},
        "no_op": {"seconds": no_op, "stages": 34, "where": "in place"},
        "cell": {"seconds": cell, "without_dvc": 2.0, "low": 2.4, "high": 2.6, "row": "resnet18"},
        **cold,
    }


def verdict(sections, words):
    found = [v for v in verdicts(sections) if words in v.goal]
    assert len(found) == 1
    return found[0]


def test_without_a_measurement_no_goal_is_met():
    assert {v.verdict for v in verdicts({})} == {"not measured"}
    assert len(verdicts({})) == len(GOALS) == 12


@pytest.mark.parametrize(
    ("sections", "words", "expected"),
    [
        ({"train": train(bare=0.95)}, "bare limit", "met"),
        ({"train": train(bare=0.9499)}, "bare limit", "not met"),
        ({"train": train()}, "CNN10 and CNN14", "met"),
        ({"train": train(textbook=2.9)}, "CNN10 and CNN14", "not met"),
        ({"train": train(textbook=2.9)}, "ResNet-18", "met"),
        ({"train": train()}, "autrainer", "not measured"),
        ({"train": train(autrainer=1.0)}, "autrainer", "met"),
        ({"train": train(autrainer=0.9)}, "autrainer", "not met"),
        ({"features": features()}, "over torchaudio", "met"),
        ({"features": features(torchaudio=1.9)}, "over torchaudio", "not met"),
        ({"features": features(decoding=0.4)}, "over decoding", "met"),
        ({"features": features(decoding=0.39)}, "over decoding", "not met"),
        ({"features": features(difference=0.2)}, "difference", "not met"),
        ({"features": features(growth=3.9)}, "peak memory", "met"),
        ({"features": features(growth=4.1)}, "peak memory", "not met"),
        ({"statistics": statistics(250.0, 900.0)}, "statistics", "met"),
        ({"statistics": statistics(900.0, 150.0)}, "statistics", "not met"),
        ({"pipeline": pipeline()}, "no-op", "met"),
        ({"pipeline": pipeline(no_op=2.01)}, "no-op", "not met"),
        ({"pipeline": pipeline(cell=3.5)}, "outside its epochs", "not met"),
        ({"pipeline": pipeline()}, "cold", "not measured"),
        (
            {"pipeline": pipeline(cold={"seconds": 481.0, "setup": 40.0, "epochs": 500.0})},
            "cold",
            "not met",
        ),
    ],
)
def test_a_goal_is_judged_by_its_number(sections, words, expected):
    assert verdict(sections, words).verdict == expected


def test_a_goal_of_all_encoders_is_not_met_by_some():
    part = train()
    part["cells"] = [c for c in part["cells"] if c["encoder"] != "cnn14"]
    assert verdict({"train": part}, "bare limit").verdict == "not measured"
    assert verdict({"train": part}, "CNN10 and CNN14").verdict == "not measured"
    assert verdict({"train": part}, "ResNet-18").verdict == "met"
    part = train()
    part["cells"] = part["cells"][:3]  # width 1 alone
    assert verdict({"train": part}, "bare limit").verdict == "not measured"


def test_what_counts_is_the_worst_cell_and_the_peers_best_way():
    section = train()
    section["cells"][4]["ours_over"]["bare"] = 0.8
    found = verdict({"train": section}, "bare limit")
    assert (found.verdict, found.value) == ("not met", 0.8)
    assert found.limit.startswith("cnn10 × 0.0625, the limit in float32, channels-last; ")
    assert found.limit.endswith("are 6% of our step")
    assert verdict({"features": features(torchaudio=2.0)}, "over torchaudio").value == 2.0


def test_a_goal_out_of_reach_shows_the_limit():
    found = verdict({"train": train(textbook=1.3)}, "CNN10 and CNN14")
    assert found.limit == "the bare limit is 1.40 × textbook, per view"
    found = verdict({"train": train(autrainer=0.5)}, "autrainer")
    assert (found.value, found.limit) == (1.0, "the bare limit is 1.20 × autrainer, per view")
    found = verdict({"features": features(torchaudio=1.0)}, "over torchaudio")
    assert found.limit == "ours has 0.40 of the speed of decoding alone"


def test_a_section_replaces_its_former_self_and_no_other(tmp_path):
    merge(tmp_path, "pipeline", pipeline(no_op=1.5))
    merge(tmp_path, "train", train())
    merge(tmp_path, "pipeline", pipeline(no_op=1.25))
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert list(kept) == ["train", "pipeline"]
    assert kept["pipeline"]["no_op"]["seconds"] == 1.25
    assert kept["train"] == json.loads(json.dumps(train()))
    assert markdown(kept) == (tmp_path / "bench.md").read_text()


def test_the_report_shows_numbers_machine_goals_and_what_is_missing():
    text = markdown(
        {"train": train(), "features": features(), "statistics": statistics(300.0)}
        | {"pipeline": pipeline(cold={"seconds": 300.0, "setup": 40.0, "epochs": 500.0})}
    )
    assert text.startswith("# How fast\n")
    assert text.index("## train") < text.index("## features") < text.index("## pipeline")
    assert "Some CPU: 2 cores, 24 GiB, avx2; torch 2.14.1" in text
    assert "autrainer: no." in text
    assert "bare (float32, channels-last)" in text
    line = next(line for line in text.splitlines() if "outside its epochs, s " in line)
    assert [cell.strip() for cell in line.split("|")[2:5]] == ["≤ 3", "2.5", "met"]
    assert "100 MiB for 512 clips" in text
    assert "does not run in bf16, contiguous: why." in text
