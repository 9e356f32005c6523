"""dvc.yaml, families/dvc.yaml, params.yaml and profiles/: the pipeline knows what it depends on,
and runs."""

import ast
import graphlib
import importlib
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import requests
from ruamel.yaml import YAML

from harness.config.features import Features
from harness.config.readings import read_readings
from harness.config.rows import TABLE2, families, read_family
from harness.config.statistics import Statistics
from harness.config.strict import block, parse, profile, section
from harness.config.training import Train
from harness.paper import read_paper
from harness.repro import REPORT
from harness.verdict.staleness import staleness
from tests.clone import PARAMS, SYNTHETIC, clone, dvc, run, small_params, stale, write

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

REPOSITORY = Path(__file__).parents[1]
PROFILES = [Path("params.yaml"), *sorted(Path("profiles").glob("*.yaml"))]
PIPELINES = {"dvc.yaml": "", "families/dvc.yaml": "families/dvc.yaml:"}
STAGES = {
    f"{first}{name}": stage.get("do", stage)
    for file, first in PIPELINES.items()
    for name, stage in YAML(typ="safe").load(Path(file))["stages"].items()
}
MODULES = {
    stage: re.search(r"python -m (stages\.\w+)", STAGES[stage]["cmd"]).group(1) for stage in STAGES
}


# What a stage depends on: DVC does not follow imports.


@pytest.fixture(scope="module")
def imported():
    """Stage → {module: its file} of all that `import stages.<stage>` loads, or its main would;
    with them all that a row may be made by."""
    script = (
        "import ast, importlib, inspect, json, pkgutil, sys; "
        "m = importlib.import_module(sys.argv[1]); "
        "late = [n.module for n in ast.walk(ast.parse(inspect.getsource(m))) "
        "if isinstance(n, ast.ImportFrom)]; [importlib.import_module(n) for n in late]; "
        "made = sys.modules.get('harness.made'); "
        "[importlib.import_module(f'harness.made.{n.name}') "
        "for n in pkgutil.iter_modules(made.__path__ if made else [])]; "
        "print(json.dumps({n: getattr(m, '__file__', None) for n, m in sys.modules.items()}))"
    )

    def modules(name):
        command = [sys.executable, "-c", script, name]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
        return json.loads(done.stdout)

    names = sorted(set(MODULES.values()))
    with ThreadPoolExecutor(2) as pool:
        loaded = dict(zip(names, pool.map(modules, names), strict=True))
    return {stage: loaded[name] for stage, name in MODULES.items()}


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


@pytest.mark.parametrize("stage", ["collect", "statistics", "table", "audit"])
def test_what_needs_no_torch_or_matplotlib_does_not_wait_for_them(imported, stage):
    assert {"torch", "lightning_fabric", "matplotlib"}.isdisjoint(imported[stage])


def test_the_train_stages_are_where_torch_is(imported):
    with_torch = {stage for stage in STAGES if "torch" in imported[stage]}
    other = {f"families/dvc.yaml:{name}" for name in ("train", "train-after", "cost")}
    assert with_torch == {"train", *other}


def test_a_stage_of_a_family_depends_on_the_same_code_and_keys_as_the_one_of_table_2():
    for name in ("train", "collect", "statistics", "table", "draw"):
        ours, theirs = STAGES[name], STAGES[f"families/dvc.yaml:{name}"]
        assert listed_code(name) == listed_code(f"families/dvc.yaml:{name}")
        keys = [key for key in theirs["params"] if isinstance(key, str) and "$" not in key]
        assert keys == [key for key in ours["params"] if isinstance(key, str)]
        assert ("families.${key}" in theirs["params"]) == (name != "train")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_chooses_its_arithmetic_before_numpy_and_torch_load(imported, stage):
    order = list(imported[stage])
    for library in {"numpy", "torch"} & set(order):
        assert order.index("harness.portable") < order.index(library)


# The floors: stages → extras → learning → made → features, packed, evaluation, description →
# corpora, config, paper, errors, stage.

FLOORS = [
    {
        "errors",
        "stage",
        "allocation",
        "arrays",
        "board",
        "config",
        "corpora",
        "paper",
        "display",
        "options",
        "portable",
        "processes",
        "recording",
    },
    {"features", "packed", "evaluation", "description"},
    {"made"},
    {"learning", "report"},
    {"launch", "verdict"},
    {"cluster"},
    {"extras", "repro"},
    {"stages", "cli"},
    {"__main__"},
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


def test_only_a_command_or_the_audit_needs_the_extras():
    users = {file for file in source_files() if "extras" in map(room, own_imports(file))}
    assert {f for f in users if room(module_name(f)) != "extras"} == {
        Path("harness/cli.py"),
        Path("stages/audit.py"),
    }


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
    allowed = Path("harness/learning"), Path("harness/extras/bench")
    assert with_torch
    assert {f for f in with_torch if not any(f.is_relative_to(place) for place in allowed)} == set()


# The profiles: whole and valid, and the paper's numbers where the paper is meant.

KEYS = {"profile", "corpus", "features", "train", "readings", "seeds", "families", "statistics"}


@pytest.mark.parametrize("path", PROFILES, ids=str)
def test_a_profile_is_valid(path):
    assert set(YAML(typ="safe").load(path)) == KEYS
    block(Train, "train", path)
    block(Features, "features", path)
    block(Statistics, "statistics", path)
    for family in families(path):
        for row in read_family(family, path).rows.values():
            row.read(path)
    corpus = section("corpus", path)
    module = importlib.import_module(f"harness.corpora.{corpus['name'].replace('-', '_')}")
    parse(module.Params, corpus, "corpus", path)


def test_profiles_have_the_names_of_their_files():
    assert [profile(path) for path in PROFILES[1:]] == [path.stem for path in PROFILES[1:]]


@pytest.mark.committed
@pytest.mark.parametrize("path", PROFILES, ids=str)
def test_a_profile_has_the_rows_of_table_2_in_its_order(path):
    family = read_family(TABLE2, path)
    assert [full.removeprefix("table2/") for full in family.rows] == list(read_paper().table2)
    assert len(family.seeds) >= 2
    assert not family.others


@pytest.mark.committed
def test_the_comparisons_of_table_2_are_the_papers():
    """Local: over the same encoder alone; global: over ResNet-18; and with RUWL over without."""
    rows = read_family(TABLE2).rows
    expected = {}
    for full in rows:
        name = full.removeprefix("table2/")
        encoder, _, method = name.partition("-")
        found = {"local": encoder} if method else {}
        found |= {"global": "resnet18"} if name != "resnet18" else {}
        found |= {"ruwl": f"{encoder}-rrtn"} if method == "rrtn-ruwl" else {}
        expected[full] = {kind: f"table2/{other}" for kind, other in found.items()}
    assert {full: row.against for full, row in rows.items()} == expected
    assert sum(map(len, expected.values())) == 6 + 8 + 3


@pytest.mark.committed
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
    for name, row in read_family(TABLE2, path).rows.items():
        if name.endswith("-ruwl"):
            assert row.weighting.params["scale"] == [1, 1, 1e-8]
    assert read_readings(path=path).ruwl_start == [1, 1, 0.01]


# The whole pipeline, small, as a clone of the repository runs it.


def stages_run(output):
    return set(re.findall(r"^Running stage '(.+)':$", output, re.MULTILINE))


ROWS, SEEDS = ["cnn10", "cnn10-rrtn-ruwl"], [1, 2]
TRAIN = {f"train@{row}" for row in ROWS}
BEFORE = {"source", "download", "features"}
AFTER = {"collect", "statistics", "table", "draw"}
LAST = AFTER | {"report"}  # of Table 2, whose page has all families
READINGS = ["table@readings", "draw@readings"]
LISTED = ["table2/cnn10-rrtn-ruwl", "ccc-pooled"]
OF_READINGS = {f"families/dvc.yaml:{stage}@readings" for stage in AFTER}
CELL = {"predictions.npz", "history.csv", "weights.csv", "metrics.json", "record.json"}


def reproduced(jobs, folder):
    """A small clone after the three commands of `make repro`, and what they wrote; its cells are
    recorded by the second, so that the third runs none."""
    clone(folder)
    small_params(folder)
    assert stages_run(dvc(folder, "repro", "features")) == BEFORE
    launched = run(folder, sys.executable, "-m", "harness.launch", "--jobs", str(jobs))
    assert launched.returncode == 0, launched.stderr
    assert stages_run(dvc(folder, "repro")) == {"table1", "audit", *LAST}
    return folder, written(folder)


@pytest.fixture(scope="module")
def clones(tmp_path_factory):
    """Two of them, made with JOBS=1 and JOBS=2, at the same time."""
    folders = [tmp_path_factory.mktemp(name) for name in ("clone", "elsewhere")]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(reproduced, (1, 2), folders))


@pytest.fixture(scope="module")
def tree(clones):
    patch = pytest.MonkeyPatch()
    patch.setenv("DVC_SITE_CACHE_DIR", str(clones[0][0] / ".dvc" / "site"))
    yield clones[0][0]
    patch.undo()


def page_again(folder):
    """What `make family` ends with: DVC does not see that there is another family."""
    assert stages_run(dvc(folder, "repro", *REPORT)) == {"report"}


@pytest.fixture(scope="module")
def family(tree):
    """The same tree after a second family was made too."""
    output = dvc(tree, "repro", *(f"families/dvc.yaml:{target}" for target in READINGS))
    own = "families/dvc.yaml:train@readings/ccc-pooled"
    assert stages_run(output) == {own, *OF_READINGS}  # and nothing of Table 2
    page_again(tree)
    return tree


@pytest.fixture
def settings(tree):
    """params.yaml and rows.yaml of the clone, to be changed by a test and put back after it."""
    yaml, files = YAML(typ="safe"), [tree / "params.yaml", tree / "rows.yaml"]
    before = [file.read_bytes() for file in files]
    yield [yaml.load(file) for file in files]
    for file, content in zip(files, before, strict=True):
        file.write_bytes(content)


MEASURED = {"ccc", "ccc_sd", "ccc_low", "ccc_high", "params", "params_trained"}
DOCUMENTED = {"profile", "corpus", "split", "selection", "seeds", "targets", "settings"}


def assert_table(folder, name, corpus, rows, seeds, family="table2"):
    results = folder / "results" / name
    assert {f"{family}.{kind}" for kind in ("json", "md", "csv", "tex")} <= {
        file.name for file in results.iterdir()
    }
    table = json.loads((results / f"{family}.json").read_text(encoding="utf-8"))
    assert set(table) >= {*DOCUMENTED, "resamples", "level", "kinds", "rows"}
    assert (table["profile"], table["corpus"], table["split"]) == (name, corpus, "dev")
    assert (table["seeds"], table["targets"]) == (seeds, 10)
    assert [row["row"] for row in table["rows"]] == rows
    scores = pd.read_csv(results / family / "scores.csv")
    means = scores[(scores["target"] == "mean") & (scores["selection"] == table["selection"])]
    for row in table["rows"]:
        assert set(row) >= {"row", "selection", "against", "paper", *MEASURED}
        mean = means["ccc"][means["row"] == row["row"]].mean()
        assert row["ccc"] == pytest.approx(mean, abs=1e-6)
    return table


def test_make_repro_makes_the_table_from_nothing(tree):
    table = assert_table(tree, "small", "synthetic", ROWS, SEEDS)
    compared = {row["row"]: set(row["against"]) for row in table["rows"]}
    assert compared == {"cnn10": set(), "cnn10-rrtn-ruwl": {"local", "global"}}
    for row in ROWS:
        cells = tree / "runs" / "small" / "table2" / row
        assert {cell.name for cell in cells.iterdir()} == set(map(str, SEEDS))
        assert all({file.name for file in cell.iterdir()} == CELL for cell in cells.iterdir())
    assert not list(tree.glob("scratch/**/*.safetensors"))


def test_a_second_family_is_made_by_the_same_stages_and_compared_with_table_2(family):
    table = assert_table(family, "small", "synthetic", LISTED, [1], "readings")
    other, row = table["rows"]  # the row of Table 2 stands beside its own, compared with none
    assert not other["against"]
    assert row["against"]["paper"]["baseline"] == "table2/cnn10-rrtn-ruwl"
    assert (family / "runs/small/readings/ccc-pooled/1/record.json").is_file()
    assert staleness(family).reasons == {}


def test_the_page_has_a_family_as_soon_as_make_made_one(clones, family):
    page, told = "results/small/report.html", b"make family F=readings"
    assert told not in clones[0][1][page]
    assert told in (family / page).read_bytes()
    assert stale(family) == set()


def written(tree):
    """What a run writes and git has: results and both locks, path → bytes."""
    files = [tree / "dvc.lock", *(f for f in (tree / "results").rglob("*") if f.is_file())]
    return {file.relative_to(tree).as_posix(): file.read_bytes() for file in files}


def test_two_clones_end_with_the_same_bytes_however_many_jobs_they_run(clones):
    one, other = (dict(files) for _, files in clones)
    assert {
        "dvc.lock",
        "results/small/table2.json",
        "results/small/table2/statistics.json",
    } < one.keys()
    # a new lock has its stages in the order in which they ran, and DVC takes that from hashes
    locks = [YAML(typ="safe").load(files.pop("dvc.lock").decode()) for files in (one, other)]
    assert locks[0] == locks[1]
    assert one == other


def test_a_second_repro_runs_nothing_and_changes_no_byte(tree):
    before = written(tree)
    assert len(before) > 10
    output = dvc(tree, "repro")
    assert stages_run(output) == set()
    assert "up to date" in output
    assert stale(tree) == set()
    assert {stage for stage in staleness(tree).reasons if ":" not in stage} == set()
    assert written(tree) == before


@pytest.fixture
def store(monkeypatch):
    """The address of an S3 store on this machine, with one bucket, "results"."""
    pytest.importorskip("dvc_s3", reason="dvc-s3 is not installed (the extra s3)")
    server = pytest.importorskip("moto.server", reason="moto is not installed (the extra test)")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"):
        monkeypatch.setenv(f"AWS_{name}", "us-east-1")
    served = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    address = "http://{}:{}".format(*served.get_host_and_port())
    requests.put(f"{address}/results", timeout=120).raise_for_status()
    yield address
    served.stop()


def git(folder, *arguments):
    who = ("-c", "user.name=one", "-c", "user.email=one@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_second_clone_makes_every_table_from_shared_results_without_training(
    family, store, tmp_path
):
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(family, first)
    dvc(first, "remote", "add", "--default", "store", "s3://results/rrtn")
    dvc(first, "remote", "modify", "store", "endpointurl", store)
    git(first, "add", "--all")
    git(first, "commit", "--message", "Results")
    dvc(first, "push", "--run-cache")
    before = written(first)

    git(tmp_path, "clone", "--quiet", str(first), str(second))
    dvc(second, "pull", "--run-cache")
    shutil.rmtree(second / "results")
    launched = run(second, sys.executable, "-m", "harness.launch", "--family", "all")
    assert (launched.returncode, launched.stdout) == (0, "")  # no cell is missing
    targets = [f"families/dvc.yaml:{target}" for target in READINGS]
    ran = stages_run(dvc(second, "repro")) | stages_run(dvc(second, "repro", *targets))
    page_again(second)
    assert not [stage for stage in ran if "train" in stage or stage in BEFORE - {"source"}]
    assert written(second) == before


def test_what_follows_the_cells_is_made_again_to_the_byte(tree):
    before = written(tree)
    order = ["collect", "statistics", "table", "draw", "audit", "report"]
    output = dvc(tree, "repro", "--force", "--no-run-cache", "--single-item", *order)
    assert stages_run(output) == set(order)
    assert written(tree) == before


def other_scale(params, rows):
    rows["table2"]["cnn10-rrtn-ruwl"]["weighting"]["ruwl"]["scale"] = [1, 1, 1e-7]


EDITS = {
    "a row": (other_scale, {"train@cnn10-rrtn-ruwl", *LAST}),
    "a row of another family": (
        lambda params, rows: rows["rows"]["readings/ccc-pooled"].update(longer=2),
        {"report"},
    ),
    "a seed": (lambda params, rows: params["seeds"].append(3), TRAIN | LAST),
    "the train block": (
        lambda params, rows: params["train"].update(learning_rate=0.5),
        TRAIN | LAST,
    ),
    "a reading": (
        lambda params, rows: params["readings"].update(ccc_loss="pooled"),
        TRAIN | LAST,
    ),
    "a family": (lambda params, rows: params["families"].update(mine={}), set()),
    "resamples": (
        lambda params, rows: params["statistics"].update(resamples=300),
        {"statistics", "table", "draw", "report"},
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_makes_stale_what_depends_on_it(tree, settings, edit):
    change, expected = EDITS[edit]
    change(*settings)
    write(tree, *settings)
    assert stale(tree) == expected


def test_a_new_family_leaves_every_trained_row_as_it_is(family, settings):
    params, rows = settings
    rows["rows"]["mine/louder"] = rows["table2"]["cnn10"] | {"readings": {"padding": "zero_db"}}
    params["families"]["mine"] = {}
    write(family, params, rows)
    trained = {stage for stage in stale(family, families=True) if "train" in stage}
    assert trained == {"families/dvc.yaml:train@mine/louder"}
    asked = set(staleness(family).reasons)
    own = {f"families/dvc.yaml:{stage}@mine" for stage in AFTER}
    assert asked == {*trained, *own, "report"}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("harness/learning/specaugment.py", TRAIN | LAST),
        ("harness/features.py", {"features"} | TRAIN | LAST),
        ("harness/corpora/synthetic.py", BEFORE | {"table1"} | TRAIN | LAST),
        ("harness/description/duplicates.py", {"table1", "report"}),
        ("harness/evaluation/rendering.py", LAST),
        ("harness/report/page/style.css", {"report"}),
        ("parts/__init__.py", TRAIN | LAST),
        ("paper.yaml", {"table", "draw", "table1", "audit", "report"}),
    ],
)
def test_editing_a_module_makes_stale_what_may_use_it(tree, file, expected):
    path = tree / file
    before = path.read_bytes()
    path.write_bytes(before + b"# edited\n")
    try:
        assert stale(tree) == expected
    finally:
        path.write_bytes(before)


def test_code_that_no_cell_uses_trains_nothing(tree):
    """DVC runs the stages of all rows again, and these keep their cells."""
    records = list(tree.glob("runs/small/table2/*/*/record.json"))
    before, part = [record.stat().st_mtime_ns for record in records], tree / "parts" / "unused.py"
    part.write_text('"""A part that no row names."""\n')
    try:
        assert stages_run(dvc(tree, "repro")) == TRAIN
    finally:
        part.unlink()
    assert len(records) == len(ROWS) * len(SEEDS)
    assert [record.stat().st_mtime_ns for record in records] == before
    assert stages_run(dvc(tree, "repro")) == TRAIN


def test_a_corpus_in_hume_vbs_layout_goes_the_same_way(tree, settings):
    hume = tree / "hume"
    shutil.copytree(tree / "data" / "small", hume)  # its wav/ and data_info.csv are that layout
    for file in ("clips.csv", "corpus.json"):
        (hume / file).unlink()
    corpus = {"name": "hume-vb", "path": "hume", "expected": SYNTHETIC["clips"]}
    rows = settings[1] | {"table2": {"cnn10": settings[1]["table2"]["cnn10"]}, "rows": {}}
    small_params(tree, rows, profile="hume-small", corpus=corpus, seeds=[1], families={})
    ran = stages_run(dvc(tree, "repro"))
    assert ran == {*BEFORE, "table1", "train@cnn10", *LAST}
    assert_table(tree, "hume-small", "hume-vb", ["cnn10"], [1])
    for split in ("train", "dev"):  # the same sound and labels, so the same features
        for kind in ("npy", "csv"):
            one, other = (
                tree / "features" / p / f"{split}.{kind}" for p in ("small", "hume-small")
            )
            assert one.read_bytes() == other.read_bytes()
    one, other = (tree / "runs" / p / "table2/cnn10/1" for p in ("small", "hume-small"))
    for file in ("predictions.npz", "history.csv"):
        assert (one / file).read_bytes() == (other / file).read_bytes()
    assert_table(tree, "small", "synthetic", ROWS, SEEDS)  # the other profile's results stay


def test_a_stale_cell_that_would_come_out_the_same_is_kept(tree, settings):
    """Which epoch is reported is chosen after the training."""
    cell = tree / "runs" / "small" / "table2" / "cnn10" / "1" / "record.json"
    before = cell.stat().st_mtime_ns
    settings[0]["readings"]["selection"] = "best"
    write(tree, *settings)
    assert stages_run(dvc(tree, "repro")) >= TRAIN | {"statistics", "table"}
    assert cell.stat().st_mtime_ns == before
    assert json.loads((tree / "results/small/table2.json").read_text())["selection"] == "best"


def test_launched_cells_are_recorded_at_once_and_only_new_ones_are_trained(tree, settings):
    cell = tree / "runs" / "small" / "table2" / "cnn10" / "1" / "record.json"
    before = cell.stat().st_mtime_ns
    settings[0]["seeds"] = [*PARAMS["seeds"], 3]
    write(tree, *settings)
    launched = run(tree, sys.executable, "-m", "harness.launch", "--jobs", "1")
    assert launched.returncode == 0, launched.stderr
    assert stages_run(dvc(tree, "repro")) == LAST
    assert_table(tree, "small", "synthetic", ROWS, [*SEEDS, 3])
    assert cell.stat().st_mtime_ns == before


def test_a_launched_family_is_recorded_so_that_its_table_trains_nothing(family, settings):
    """After Table 2, which `make family` brings up to date first."""
    params, rows = settings
    params["families"]["readings"] = {"seeds": [1, 2]}
    write(family, params, rows)
    dvc(family, "repro")
    command = [sys.executable, "-m", "harness.launch", "--jobs", "1", "--family", "readings"]
    launched = run(family, *command)
    assert launched.returncode == 0, launched.stderr
    targets = [f"families/dvc.yaml:{target}" for target in READINGS]
    assert not any("train" in stage for stage in stages_run(dvc(family, "repro", *targets)))
    assert_table(family, "small", "synthetic", LISTED, [1, 2], "readings")
