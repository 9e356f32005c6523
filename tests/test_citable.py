"""The files about the project agree with it: how to cite, what moved, how to contribute."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from harness.paper import read_paper

ROOT = Path(__file__).parents[1]
PROFILES = {"synthetic": "Synthetic bursts", "emogator": "EmoGator"}


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_a_citation_is_of_this_version_and_of_the_paper():
    found = YAML(typ="safe").load(text("CITATION.cff"))
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert (found["version"], found["license"]) == (project["version"], project["license"])
    paper = read_paper(ROOT / "paper.yaml")
    (cited,) = found["references"]
    assert cited["title"] == paper.title
    assert cited["identifiers"][0]["value"] == f"arXiv:{paper.arxiv}"


def test_the_citation_file_is_valid():
    cff = pytest.importorskip("cffconvert", reason="cffconvert is not installed")
    cff.Citation(text("CITATION.cff")).validate()


@pytest.mark.committed
@pytest.mark.parametrize("profile", PROFILES)
def test_the_newest_line_of_the_changelog_has_todays_numbers(profile):
    known = json.loads(text(f"results/{profile}/table2/metrics.json")).values()
    part = text("CHANGELOG.md").partition(f"## {PROFILES[profile]}")[2].partition("\n## ")[0]
    _, scores, why = re.findall(r"^\| (\d[\d-]+) \| (.*?) \| (.*?) \|$", part, re.MULTILINE)[0]
    low, high = (f"{value:.3f}".lstrip("0") for value in (min(known), max(known)))
    assert scores == f"{low} to {high}", "a published number moved: say why in CHANGELOG.md"
    assert why


def test_contributing_names_places_that_are_there():
    table = re.findall(r"^\| (`.*?) \| ", text("CONTRIBUTING.md"), re.MULTILINE)
    places = [place for cell in table for place in re.findall(r"`([\w./]+)`", cell)]
    assert len(places) > 15
    for place in places:
        assert (ROOT / place).exists() or (ROOT / "harness" / place).exists(), place
    for link in re.findall(r"\]\(([^)]+)\)", text("CONTRIBUTING.md")):
        assert (ROOT / link).exists()


def test_the_hooks_check_what_make_lint_checks():
    recipe = re.search(r"^lint: .*\n\t(.+)$", text("Makefile"), re.MULTILINE)[1]
    hooks = YAML(typ="safe").load(text(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in hooks]
    wanted = [command.removesuffix(" .") for command in recipe.split(" && ")]
    assert entries == wanted
