"""harness listen: the page of real small cells on the synthetic corpus."""

import base64
import io
import json
import re
import shutil
import sys
from html import unescape

import numpy as np
import pandas as pd
import pytest
import soundfile
from matplotlib import image

from harness.config.features import Features
from harness.evaluation.cells import Labels
from harness.report.listen import Bar, Card, Predicted, page
from tests.browser import needs_browser, opened
from tests.clone import PARAMS, clone, run, small_params

ROWS = ("cnn10-rrtn-ruwl", "cnn10")
PLACE = "scratch/small/listen/cnn10-rrtn-ruwl-against-cnn10.html"
CLIPS = 4


def listen(folder, *more):
    command = [sys.executable, "-m", "harness", "listen", "--row", ROWS[0], "--against", ROWS[1]]
    return run(folder, *command, "--clips", str(CLIPS), *more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A clone with the cells of two rows, and what `listen` says."""
    folder = clone(tmp_path_factory.mktemp("clone"))
    small_params(folder)
    for stage in ("source", "download", "features"):
        assert run(folder, sys.executable, "-m", f"stages.{stage}").returncode == 0
    (folder / "dvc.yaml").unlink()  # cells of a folder without a pipeline are not recorded
    trained = run(folder, sys.executable, "-m", "harness.launch", "--jobs", "2")
    assert trained.returncode == 0, trained.stderr
    done = listen(folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture
def tree(made, tmp_path):
    """A copy, to be spoilt."""
    return shutil.copytree(made[0], tmp_path / "clone", symlinks=True)


def content(folder):
    return (folder / PLACE).read_text(encoding="utf-8")


def cards(text):
    """Heading → the clips below it, in their order."""
    parts = re.split(r"<h2>(.*?)</h2>", text)[1:]
    found = zip(parts[::2], parts[1::2], strict=True)
    return {unescape(head): re.findall(r"<h3>\d+\. Clip (\S+)</h3>", body) for head, body in found}


def predictions(folder, row, clips):
    """Its reported predictions [runs, clips, targets]: both seeds, and of each the late epochs."""
    runs = []
    for seed in PARAMS["seeds"]:
        with np.load(folder / "runs/small/table2" / row / str(seed) / "predictions.npz") as file:
            order = [list(file["clips"]).index(clip) for clip in clips]
            runs += list(file["late"][:, order])
    return np.array(runs, np.float64)


def test_the_clips_are_those_with_the_largest_losses_and_distances(made):
    folder, _ = made
    table = pd.read_csv(folder / "features/small/dev.csv", dtype={"clip": str})
    clips, labels = list(table["clip"]), table.iloc[:, 5:].to_numpy()
    first, second = (predictions(folder, row, clips) for row in ROWS)
    loss = np.zeros(len(clips))
    for run_ in first:
        for x, y in zip(labels.T, run_.T, strict=True):
            loss += (x - y) ** 2 / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    far = np.abs(first.mean(axis=0) - second.mean(axis=0)).sum(axis=1)
    worst, apart = cards(content(folder)).values()
    assert worst == [clips[at] for at in np.argsort(-loss)[:CLIPS]]
    assert apart == [clips[at] for at in np.argsort(-far)[:CLIPS]]


def test_a_sound_on_the_page_is_the_clips(made):
    folder, _ = made
    found = re.findall(
        r'aria-label="Clip (\S+)" src="data:audio/wav;base64,(.*?)"', content(folder)
    )
    shown = {clip for clips in cards(content(folder)).values() for clip in clips}
    assert {clip for clip, _ in found} == shown
    assert len(found) == len(shown)  # a clip in both lists is held once
    for clip, sound in found:
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
        original, own = soundfile.read(folder / f"data/small/wav/{clip}.wav")
        assert rate == own
        assert np.abs(samples - original).max() <= 2 / 2**15


def test_a_picture_is_the_log_mel_with_time_to_the_right_and_low_bands_below(made):
    folder, _ = made
    index = pd.read_csv(folder / "features/small/dev.csv", dtype={"clip": str}).set_index("clip")
    levels = np.load(folder / "features/small/dev.npy").astype(float)
    found = re.findall(
        r'src="data:image/png;base64,(.*?)" alt="Log-mel of clip (\S+)', content(folder)
    )
    assert found
    for picture, clip in found:
        start, frames = index.loc[clip, ["start", "frames"]]
        own = levels[start : start + frames].T[::-1]
        brightness = image.imread(io.BytesIO(base64.b64decode(picture)))[..., :3].sum(axis=-1)
        assert brightness.shape == own.shape
        visible = own > own.max() - 75
        assert np.corrcoef(brightness[visible], own[visible])[0, 1] > 0.95


def test_bars_are_the_labels_and_the_mean_predictions(made):
    folder, _ = made
    table = pd.read_csv(folder / "features/small/dev.csv", dtype={"clip": str}).set_index("clip")
    text = content(folder)
    clip = cards(text)[f"Predicted worst by {ROWS[0]}"][0]
    body = re.search(r"<tbody>(.*?)</tbody>", text, re.DOTALL)[1]
    shown = re.findall(r'<th scope="row">(.*?)</th>', body)
    values = np.array(re.findall(r"</i>(-?\d\.\d\d)</div>", body), float).reshape(len(shown), 3)
    targets = list(table.columns[4:])
    assert shown == targets
    means = [predictions(folder, row, [clip]).mean(axis=0)[0] for row in ROWS]
    expected = np.stack([table.loc[clip, targets].to_numpy(float), *means], axis=1)
    assert np.abs(values - expected).max() <= 0.0051


def test_the_scores_are_the_tables(made):
    folder, _ = made
    assert run(folder, sys.executable, "-m", "stages.collect", "table2").returncode == 0
    assert run(folder, sys.executable, "-m", "stages.statistics", "table2").returncode == 0
    known = json.loads((folder / "results/small/table2/metrics.json").read_text())
    for row in ROWS:
        assert f"{row} has a Ĉ of {known[row]:.3f}" in content(folder)


def test_the_page_needs_no_network_and_names_no_folder_of_this_machine(made):
    folder, said = made
    assert said.startswith(f"{PLACE}: ")
    bare = re.sub(r"base64,[^\"]*", "", content(folder))
    assert "http" not in bare
    assert str(folder) not in bare


@needs_browser
@pytest.mark.parametrize("width", [360, 1400])
def test_a_browser_shows_the_page_whole_and_without_complaint(made, width):
    _, complaints = opened(made[0] / PLACE, width)
    assert not complaints


def test_a_page_goes_nowhere_that_git_would_take_it(tree):
    before = content(tree)
    done = listen(tree, "--out", "docs/listen.html")
    assert done.returncode == 1
    assert done.stderr.startswith("error: docs/listen.html: git would take this file")
    assert done.stderr.count("\n") == 1
    assert not (tree / "docs").exists()
    outside = tree.parent / "elsewhere" / "page.html"
    assert listen(tree, "--out", str(outside)).returncode == 0
    assert outside.read_text(encoding="utf-8") == before


def test_without_its_sounds_the_page_still_has_pictures_and_says_so_in_one_line(tree):
    shutil.rmtree(tree / "data/small/wav")
    done = listen(tree)
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert re.match(r"sounds are missing on the page: \S+\.wav is not here any more; `dvc", first)
    assert second.startswith(PLACE)
    text = content(tree)
    assert "<audio" not in text
    assert text.count("data:image/png") == 2 * CLIPS
    assert text.count("Its sound is not here any more.") == 2 * CLIPS


def test_a_sound_that_changed_is_not_passed_off_as_the_one_that_was_heard(tree):
    for file in (tree / "data/small/wav").iterdir():
        file.write_bytes(file.read_bytes() + b"\0")
    done = listen(tree)
    assert "changed since the download" in done.stdout.splitlines()[0]
    assert "<audio" not in content(tree)


def test_sounds_stop_at_the_limit(tree):
    done = listen(tree, "--limit", "0")
    assert "raise --limit or lower --clips" in done.stdout
    assert "<audio" not in content(tree)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda tree: shutil.rmtree(tree / "runs/small/table2/cnn10/2"), "run `make repro`"),
        (lambda tree: (tree / "features/small/dev.npy").unlink(), "dev.npy is missing"),
        (lambda tree: (tree / "features/small/dev.csv").unlink(), "dev.csv is missing"),
    ],
)
def test_what_is_missing_is_one_line_with_the_remedy(tree, spoil, said):
    spoil(tree)
    done = listen(tree)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_row_is_one_line_with_the_nearest_name(tree):
    command = [sys.executable, "-m", "harness", "listen", "--row", "cnn10-rrtn-ruwk"]
    done = run(tree, *command)
    assert done.returncode == 1
    assert "did you mean 'table2/cnn10-rrtn-ruwl'?" in done.stderr


def test_names_from_outside_are_text_and_not_markup(made, monkeypatch):
    monkeypatch.chdir(made[0])
    name, target = "<b>row</b>", "悲しみ <script>alert(1)</script> & Trauer"
    labels = Labels(pd.Index(['"><i>']), np.array(["<s>"]), [target], np.array([[0.5]]))
    row = Predicted(name, [1], "last", 0, labels.values[np.newaxis], np.zeros(1))
    bars = [Bar(target, 0.5, [1.7])]
    card = Card(labels.clips[0], labels.speakers[0], 1.0, 1.0, "data:,", None, "", "<u>", bars)
    text = page([row], labels, {name: [card]}, Features(**PARAMS["features"]))
    assert not re.search(r"<(b|script|i|s|u)>", text)
    assert "悲しみ" in text
    assert "width: 100.0%" in text  # a bar ends where its room does
