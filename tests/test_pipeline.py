"""dvc.yaml, params.yaml and profiles/: the pipeline knows what it depends on, and runs."""

import ast
import graphlib
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from harness.config.features import Features
from harness.config.readings import base, read_readings
from harness.config.statistics import Statistics
from harness.config.strict import block, parse, profile, section
from harness.config.table import Table, read_sensitivity, read_table
from harness.config.training import Row, Train
from harness.learning.rehearsal import check
from harness.paper import read_paper
from harness.verdict.staleness import staleness
from tests.clone import clone, dvc, run, stale

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

REPOSITORY = Path(__file__).parents[1]
PROFILES = [Path("params.yaml"), *sorted(Path("profiles").glob("*.yaml"))]
STAGES = {
    name: stage
    for file in ("dvc.yaml", "sensitivity/dvc.yaml")
    for name, stage in YAML(typ="safe").load(Path(file))["stages"].items()
}
MODULES = {
    stage: re.search(r"python -m (stages\.\w+)", STAGES[stage]["cmd"]).group(1) for stage in STAGES
}


# What a stage depends on: DVC does not follow imports.


@pytest.fixture(scope="module")
def imported():
    """Stage → {module: its file} of all that `import stages.<stage>` loads, or its main would."""
    script = (
        "import ast, importlib, inspect, json, sys; m = importlib.import_module(sys.argv[1]); "
        "late = [n.module for n in ast.walk(ast.parse(inspect.getsource(m))) "
        "if isinstance(n, ast.ImportFrom)]; [importlib.import_module(n) for n in late]; "
        "print(json.dumps({n: getattr(m, '__file__', None) for n, m in sys.modules.items()}))"
    )

    def modules(name):
        command = [sys.executable, "-c", script, name]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
        return json.loads(done.stdout)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MODULES, pool.map(modules, MODULES.values()), strict=True))


def own_files(modules):
    """Of imported modules those in this repository that hold any code."""
    files = {Path(f) for n, f in modules.items() if f and n.split(".")[0] in ("harness", "stages")}
    assert all(file.is_relative_to(REPOSITORY) for file in files)
    return {file.relative_to(REPOSITORY) for file in files if not only_a_docstring(file)}


def only_a_docstring(file):
    body = ast.parse((REPOSITORY / file).read_text(encoding="utf-8")).body
    return all(isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in body)


def listed_code(stage):
    deps = [Path(dep) for dep in STAGES[stage]["deps"]]
    return [dep for dep in deps if dep.parts[0] in ("harness", "stages")]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_every_module_that_it_imports(imported, stage):
    listed = listed_code(stage)
    assert Path(MODULES[stage].replace(".", "/") + ".py") in listed
    found = own_files(imported[stage])
    assert len(found) > 3
    unlisted = {file for file in found if not any(file.is_relative_to(dep) for dep in listed)}
    assert not unlisted


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_every_module_that_it_lists(imported, stage):
    found = own_files(imported[stage])
    for dep in listed_code(stage):
        assert dep.exists()
        assert any(file.is_relative_to(dep) for file in found), f"{dep} is listed for nothing"


@pytest.mark.parametrize("stage", ["collect", "statistics", "table", "readings", "audit"])
def test_what_needs_no_torch_or_matplotlib_does_not_wait_for_them(imported, stage):
    assert {"torch", "lightning_fabric", "matplotlib"}.isdisjoint(imported[stage])


def test_the_train_stage_is_where_torch_is(imported):
    with_torch = {stage for stage in STAGES if "torch" in imported[stage]}
    assert with_torch == {"train", "vary"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_chooses_its_arithmetic_before_numpy_and_torch_load(imported, stage):
    order = list(imported[stage])
    for library in {"numpy", "torch"} & set(order):
        assert order.index("harness.portable") < order.index(library)


# The floors: stages → learning → features, evaluation, description → corpora, config, paper,
# errors, stage.

FLOORS = [
    {
        "errors",
        "stage",
        "allocation",
        "config",
        "corpora",
        "paper",
        "display",
        "options",
        "portable",
        "processes",
    },
    {"features", "evaluation", "description"},
    {"learning"},
    {"stages", "launch", "simulate", "verdict", "bench"},
    {"cli"},
]


def room(module):
    parts = module.split(".")
    return "stages" if parts[0] == "stages" else parts[1] if len(parts) > 1 else None


def floor(name):
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def source_files():
    return sorted([*Path("harness").rglob("*.py"), *Path("stages").rglob("*.py")])


def module_name(file):
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file):
    """Dotted names that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            for alias in node.names:  # `from package import module` names a module too
                whole = f"{node.module}.{alias.name}"
                path = Path(*whole.split("."))
                there = path.is_dir() or path.with_suffix(".py").is_file()
                names.add(whole if there else node.module)
    return names


def own_imports(file):
    return {name for name in imports(file) if name.split(".")[0] in ("harness", "stages")}


def test_imports_go_down_only():
    for file in source_files():
        above = room(module_name(file))
        for name in own_imports(file):
            below = room(name)
            if above is None or below is None:  # harness/__init__.py
                continue
            ground = floor(above) == floor(below) == 0
            assert above == below or ground or floor(below) < floor(above), (
                f"{file} imports {name}, which is not below it"
            )


def test_imports_go_in_no_circle():
    graph = {module_name(file): own_imports(file) for file in source_files()}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) >= len(graph)


def test_torch_lives_in_learning_only():
    with_torch = {
        file
        for file in source_files()
        if any(
            n.split(".")[0] in ("torch", "torchaudio", "lightning_fabric") for n in imports(file)
        )
    }
    allowed = Path("harness/learning"), Path("harness/bench")
    assert with_torch
    assert {f for f in with_torch if not any(f.is_relative_to(place) for place in allowed)} == set()


# The profiles: the same keys, valid, and the paper's numbers where the paper is meant.


def keys(node):
    """A mapping's keys, also of the mappings in it."""
    if not isinstance(node, Mapping):
        return None
    return {key: keys(value) for key, value in node.items()}


def without_choices(path):
    """All but the blocks whose keys depend on a name in them: of a corpus, of a preset."""
    chosen = ("corpus", "readings")
    return {key: v for key, v in YAML(typ="safe").load(path).items() if key not in chosen}


@pytest.mark.parametrize("path", PROFILES, ids=str)
def test_a_profile_has_exactly_the_keys_of_params_yaml(path):
    assert set(YAML(typ="safe").load(path)) == set(YAML(typ="safe").load(Path("params.yaml")))
    assert keys(without_choices(path)) == keys(without_choices(Path("params.yaml")))


@pytest.mark.parametrize("path", PROFILES, ids=str)
def test_a_profile_is_valid(path):
    train, read = block(Train, "train", path), read_readings(path=path)
    block(Features, "features", path)
    block(Statistics, "statistics", path)
    block(Table, "table", path)
    for name, node in section("rows", path).items():
        check(parse(Row, node, f"rows.{name}", path), train, read, name)
    for row in read_sensitivity(path).rows:
        node = section("rows", path)[base(row)]
        check(parse(Row, node, row, path), train, read_readings(row, path), row)
    corpus = section("corpus", path)
    module = importlib.import_module(f"harness.corpora.{corpus['name'].replace('-', '_')}")
    parse(module.Params, corpus, "corpus", path)


@pytest.mark.parametrize("path", PROFILES, ids=str)
def test_a_profile_names_the_rows_of_table_2_in_its_order(path):
    _, rows, seeds = read_table(path)
    names = list(read_paper().table2)
    assert [row.name for row in rows] == list(section("rows", path)) == names
    assert len(names) == 9
    assert len(seeds) >= 3
    for row in rows:
        assert row.name == (
            row.encoder if row.method == "vanilla" else f"{row.encoder}-{row.method}"
        )


def test_profiles_have_names_of_their_own_and_of_their_files():
    names = [profile(path) for path in PROFILES]
    assert len(set(names)) == len(names)
    assert names[1:] == [path.stem for path in PROFILES[1:]]


def test_hume_vb_is_the_papers_setting():
    path = Path("profiles/hume-vb.yaml")
    train = block(Train, "train", path).model_dump() | {"epochs": read_readings(path=path).epochs}
    printed = {
        "epochs": 60,
        "batch": 128,
        "learning_rate": 0.001,
        "epsilon": 1e-8,
        "weight_decay": 0.01,
        "frames": 250,
        "width": 1,
        "embedding": 2048,
        "redundancy": 0.001,
        "spec_augment": {"frames": 64, "frame_stripes": 2, "bands": 8, "band_stripes": 2},
    }
    assert {key: train[key] for key in printed} == printed
    flat = {**train, **{f"spec_augment.{k}": v for k, v in train["spec_augment"].items()}}
    settings = read_paper().settings
    assert {key: flat[key] for key in settings} == settings
    features = block(Features, "features", path)
    assert (features.bands, features.sample_rate) == (64, 16000)
    assert (features.window / 16000, features.hop / 16000) == (0.032, 0.01)
    corpus = section("corpus", path)
    assert corpus["name"] == read_paper().corpus
    assert corpus["expected"] == {"train": 19990, "dev": 19396, "test": 19815}
    for name, row in section("rows", path).items():
        if name.endswith("-ruwl"):
            assert row["weighting"]["scale"] == [1, 1, 1e-8]
    assert read_readings(path=path).ruwl_start == [1, 1, 0.01]


# The whole pipeline, small, as a clone of the repository runs it.


def small_params(folder, corpus, name, rows, seeds):
    """The repository's own params.yaml with smaller numbers; → the file's content."""
    params = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    params |= {"profile": name, "corpus": corpus}
    params["train"] |= {"batch": 8, "frames": 64, "width": 0.03125, "embedding": 32}
    params["readings"]["epochs"] = 1
    params["table"] = {"rows": rows, "seeds": seeds}
    params["statistics"]["resamples"] = 200
    return write_params(folder, params)


def write_params(folder, params):
    YAML().dump(params, folder / "params.yaml")
    return params


SYNTHETIC = {
    "name": "synthetic",
    "seed": 1,
    "clips": {"train": 24, "dev": 12, "test": 2},
    "speakers": {"train": 4, "dev": 4, "test": 1},
    "raters": 5,
    "emotion": 1.0,
}


def stages_run(output):
    return set(re.findall(r"^Running stage '(.+)':$", output, re.MULTILINE))


ROWS, SEEDS = ["cnn10", "cnn10-rrtn-ruwl"], [1, 2]
CELLS = {f"train@{row}-{seed}" for row in ROWS for seed in SEEDS}
BEFORE = {"source", "download", "features"}
AFTER = {"collect", "statistics", "table", "draw"}


def reproduced(jobs, folder):
    """A small clone after the three commands of `make repro`; its cells are recorded by the second,
    so that the third runs none."""
    clone(folder)
    small_params(folder, SYNTHETIC, "small", ROWS, SEEDS)
    assert stages_run(dvc(folder, "repro", "features")) == BEFORE
    launched = run(folder, sys.executable, "-m", "harness.launch", "--jobs", str(jobs))
    assert launched.returncode == 0, launched.stderr
    assert stages_run(dvc(folder, "repro")) == {"table1", "audit", *AFTER}
    return folder


@pytest.fixture(scope="module")
def clones(tmp_path_factory):
    """Two of them, made with JOBS=1 and JOBS=2, at the same time."""
    folders = [tmp_path_factory.mktemp(name) for name in ("clone", "elsewhere")]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(reproduced, (1, 2), folders))


@pytest.fixture(scope="module")
def tree(clones):
    patch = pytest.MonkeyPatch()
    patch.setenv("DVC_SITE_CACHE_DIR", str(clones[0] / ".dvc" / "site"))
    yield clones[0]
    patch.undo()


@pytest.fixture
def params(tree):
    """params.yaml of the clone, to be changed by a test and put back after it."""
    path = tree / "params.yaml"
    before = path.read_bytes()
    yield YAML(typ="safe").load(path)
    path.write_bytes(before)


MEASURED = {"ccc", "ccc_sd", "ccc_low", "ccc_high", "params", "params_trained"}
DOCUMENTED = {"profile", "corpus", "split", "selection", "seeds", "targets", "settings"}


def assert_table(folder, name, corpus, rows, seeds):
    results = folder / "results" / name
    assert {f"table2.{kind}" for kind in ("json", "md", "csv", "tex")} <= {
        file.name for file in results.iterdir()
    }
    table = json.loads((results / "table2.json").read_text(encoding="utf-8"))
    assert set(table) >= {*DOCUMENTED, "resamples", "level", "rows"}
    assert (table["profile"], table["corpus"], table["split"]) == (name, corpus, "dev")
    assert (table["seeds"], table["targets"]) == (seeds, 10)
    assert [row["row"] for row in table["rows"]] == rows
    scores = pd.read_csv(results / "scores.csv")
    means = scores[(scores["target"] == "mean") & (scores["selection"] == table["selection"])]
    for row in table["rows"]:
        assert set(row) >= {
            "row",
            "encoder",
            "method",
            "local_gain",
            "global_gain",
            "paper",
            *MEASURED,
        }
        mean = means["ccc"][means["row"] == row["row"]].mean()
        assert row["ccc"] == pytest.approx(mean, abs=1e-6)
        assert row["ccc_low"] <= row["ccc_high"]


def test_make_repro_makes_the_table_from_nothing(tree):
    assert_table(tree, "small", "synthetic", ROWS, SEEDS)
    for cell in CELLS:
        out = tree / "runs" / "small" / cell.removeprefix("train@")
        assert {file.name for file in out.iterdir()} == {
            "predictions-last.csv",
            "predictions-best.csv",
            "history.csv",
            "metrics.json",
            "record.json",
        }
    assert not list(tree.glob("scratch/**/*.ckpt"))


def written(tree):
    """What a run writes and git has: results and dvc.lock, path → bytes."""
    files = [tree / "dvc.lock", *(f for f in (tree / "results").rglob("*") if f.is_file())]
    return {file.relative_to(tree).as_posix(): file.read_bytes() for file in files}


def test_two_clones_end_with_the_same_bytes_however_many_jobs_they_run(clones):
    one, other = map(written, clones)
    assert {"dvc.lock", "results/small/table2.json", "results/small/statistics.json"} < one.keys()
    assert one == other


def test_a_second_repro_runs_nothing_and_changes_no_byte(tree):
    before = written(tree)
    assert len(before) > 10
    output = dvc(tree, "repro")
    assert stages_run(output) == set()
    assert "up to date" in output
    assert stale(tree) == set()
    assert staleness(tree).reasons == {}
    assert written(tree) == before


def test_what_follows_the_cells_is_made_again_to_the_byte(tree):
    before = written(tree)
    order = ["collect", "statistics", "table", "draw", "audit"]
    output = dvc(tree, "repro", "--force", "--no-run-cache", "--single-item", *order)
    assert stages_run(output) == set(order)
    assert written(tree) == before


def test_editing_a_row_makes_only_its_cells_stale(tree, params):
    params["rows"]["cnn10-rrtn-ruwl"]["weighting"]["scale"] = [1, 1, 1e-7]
    write_params(tree, params)
    assert stale(tree) == {f"train@cnn10-rrtn-ruwl-{seed}" for seed in SEEDS} | AFTER


def test_editing_a_row_outside_the_table_makes_no_cell_stale(tree, params):
    params["rows"]["cnn14"]["weighting"]["weights"] = [2]
    write_params(tree, params)
    assert stale(tree) <= AFTER


def test_adding_a_seed_makes_only_new_cells(tree, params):
    params["table"]["seeds"].append(3)
    write_params(tree, params)
    assert stale(tree) == {f"train@{row}-3" for row in ROWS} | AFTER


def test_editing_the_train_block_makes_every_cell_stale(tree, params):
    params["train"]["learning_rate"] = 0.5
    write_params(tree, params)
    assert stale(tree) == CELLS | AFTER


def test_editing_a_reading_makes_every_cell_stale(tree, params):
    params["readings"]["ccc_loss"] = "pooled"
    write_params(tree, params)
    assert stale(tree) == CELLS | AFTER


def test_other_resamples_make_no_cell_stale(tree, params):
    params["statistics"]["resamples"] = 300
    write_params(tree, params)
    assert stale(tree) == {"statistics", "table"}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("harness/learning/losses.py", CELLS | AFTER),
        ("harness/features.py", {"features"} | CELLS | AFTER),
        ("harness/corpora/synthetic.py", BEFORE | {"table1"} | CELLS | AFTER),
        ("harness/description/duplicates.py", {"table1"}),
        ("harness/evaluation/significance.py", {"statistics", "table"}),
        ("harness/evaluation/rendering.py", {"table"}),
        ("paper.yaml", {"table", "table1", "audit"}),
    ],
)
def test_editing_a_module_makes_stale_what_uses_it(tree, file, expected):
    path = tree / file
    before = path.read_bytes()
    path.write_bytes(before + b"# edited\n")
    try:
        assert stale(tree) == expected
    finally:
        path.write_bytes(before)


def test_a_corpus_in_hume_vbs_layout_goes_the_same_way(tree, params):
    hume = tree / "hume"
    shutil.copytree(tree / "data" / "small", hume)  # its wav/ and data_info.csv are that layout
    for file in ("clips.csv", "corpus.json"):
        (hume / file).unlink()
    corpus = {"name": "hume-vb", "path": "hume", "expected": SYNTHETIC["clips"]}
    small_params(tree, corpus, "hume-small", ["cnn10"], [1])
    ran = stages_run(dvc(tree, "repro"))
    assert ran == {*BEFORE, "table1", "train@cnn10-1", *AFTER}
    assert_table(tree, "hume-small", "hume-vb", ["cnn10"], [1])
    for split in ("train", "dev"):  # the same sound and labels, so the same features
        for kind in ("npy", "csv"):
            one, other = (
                tree / "features" / p / f"{split}.{kind}" for p in ("small", "hume-small")
            )
            assert one.read_bytes() == other.read_bytes()
    one, other = (tree / "runs" / p / "cnn10-1" for p in ("small", "hume-small"))
    for file in ("predictions-last.csv", "predictions-best.csv", "history.csv"):
        assert (one / file).read_bytes() == (other / file).read_bytes()
    assert_table(tree, "small", "synthetic", ROWS, SEEDS)  # the other profile's results stay


def test_a_stale_cell_that_would_come_out_the_same_is_kept(tree, params):
    """Which epoch is reported is chosen after the training."""
    cell = tree / "runs" / "small" / "cnn10-1" / "record.json"
    before = cell.stat().st_mtime_ns
    params["readings"]["selection"] = "best"
    params["table"] = {"rows": ["cnn10"], "seeds": [1]}
    write_params(tree, params)
    assert stages_run(dvc(tree, "repro")) >= {"train@cnn10-1", "statistics", "table"}
    assert cell.stat().st_mtime_ns == before
    assert json.loads((tree / "results/small/table2.json").read_text())["selection"] == "best"
