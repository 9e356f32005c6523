"""What DVC itself shows of the results: short, in names with a meaning, without a network."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.browser import needs_browser, opened
from tests.clone import clone, dvc, small_params

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0,0H9"/></svg>'
NAMES, SEEDS, EPOCHS = ("cnn10", "cnn10-rrtn-ruwl"), (1, 2), (1, 2, 3)


def written(folder):
    """Results of both families as the stages leave them, with numbers of no meaning."""
    for family, names in (("table2", NAMES), ("readings", (f"table2/{NAMES[1]}", "ccc-pooled"))):
        place = folder / "results" / "small" / family
        place.mkdir(parents=True)
        lines = [
            f"{name},{seed},{epoch},{0.1 * epoch + 0.01 * seed}"
            for name in names
            for seed in SEEDS
            for epoch in EPOCHS
        ]
        (place / "history.csv").write_text("\n".join(["row,seed,epoch,dev_ccc", *lines]) + "\n")
        (place / "metrics.json").write_text(json.dumps(dict.fromkeys(names, 0.3)))
        for picture in ("weights", "curves", "forest"):
            (place / f"{picture}.svg").write_text(SVG)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A clone with results of two families, all committed."""
    folder = clone(tmp_path_factory.mktemp("clone"))
    small_params(folder)
    written(folder)
    for command in (["add", "."], ["commit", "--quiet", "--message", "results"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def page(tree):
    dvc(tree, "plots", "show")
    return tree / "dvc_plots" / "index.html"


@pytest.fixture
def edited(tree):
    """The tree with one more epoch, another list in a row, and a score that moved."""
    files = [tree / "params.yaml", tree / "rows.yaml", tree / "results/small/table2/metrics.json"]
    before = [file.read_bytes() for file in files]
    yaml = YAML()
    params, rows = (yaml.load(file) for file in files[:2])
    params["readings"]["epochs"] = 2
    rows["table2"]["cnn10"]["weighting"]["fixed"]["weights"] = [2]
    yaml.dump(params, files[0])
    yaml.dump(rows, files[1])
    files[2].write_text(json.dumps(dict.fromkeys(NAMES, 0.3) | {"cnn10": 0.4}))
    yield tree
    for file, content in zip(files, before, strict=True):
        file.write_bytes(content)


def test_the_page_of_plots_loads_nothing_from_a_network(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text)
    assert "<script src" not in text
    assert "{plot_divs}" not in text


def test_the_page_has_the_pictures_of_every_family(page):
    found = re.findall(r'<img src="([^"]+)"', page.read_text(encoding="utf-8"))
    assert len(found) == 6
    assert all((page.parent / place).is_file() for place in found)


@needs_browser
@pytest.mark.parametrize("width", [360, 1400])
def test_a_browser_draws_a_curve_for_each_row_and_seed(page, width):
    drawn, complaints = opened(page, width)
    assert not complaints
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", drawn)
    assert sorted(captions) == sorted([*NAMES, f"table2/{NAMES[1]}", "ccc-pooled"])
    figures = re.findall(r"<figure>.*?</figure>", drawn, re.DOTALL)
    curves = [re.findall(r'<path stroke="[^"]+" d="M([^"]+)"', figure) for figure in figures]
    assert [len(found) for found in curves] == [len(SEEDS)] * 4
    for found in curves:
        for points in found:
            heights = [float(point.split(",")[1]) for point in points.split("L")]
            assert len(heights) == len(EPOCHS)
            assert heights == sorted(heights, reverse=True)  # the score rises


def test_metrics_are_those_of_table_2_alone(tree):
    found = json.loads(dvc(tree, "metrics", "show", "--json"))
    assert {file: set(each["data"]) for file, each in found[""]["data"].items()} == {
        "results/small/table2/metrics.json": set(NAMES)
    }
    own = dvc(tree, "metrics", "show", "--json", "results/small/readings/metrics.json")
    assert "ccc-pooled" in own


def test_a_difference_of_parameters_is_what_was_edited_and_no_more(edited):
    found = json.loads(dvc(edited, "params", "diff", "--json"))
    assert found == {
        "params.yaml": {"readings.epochs": {"old": 1, "new": 2, "diff": 1}},
        "rows.yaml": {"table2.cnn10.weighting.fixed.weights": {"old": "[1]", "new": "[2]"}},
    }


def test_experiments_are_compared_in_what_differs_and_not_in_hashes(edited):
    command = re.search(r"`dvc (exp show [^`]*)`", Path("docs/running.md").read_text("utf-8"))[1]
    words = [word.strip("'") for word in command.split()]
    head, *lines = dvc(edited, *words, "--csv").splitlines()
    columns = head.split(",")
    assert {"cnn10", "readings.epochs"} <= set(columns)
    assert not [name for name in columns if "/" in name or name.endswith(".py")]
    assert len(lines) == 2
