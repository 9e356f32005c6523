"""harness.made.ridge: against the normal equations in loops of NumPy, and its bytes."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig

import numpy as np
import pytest

from harness import portable
from harness.errors import FeaturesError, RunError
from harness.made import Given, make
from harness.made._left_out import FOLDS, stretched
from harness.made.ridge import PENALTIES, statistics
from harness.packed import read_split
from tests.learning.packed import write_features, write_split
from tests.tree import REPOSITORY

EMULATOR = shutil.which("qemu-x86_64")
CPUS = ("Haswell", "EPYC-Rome", "Skylake-Server")
CHILD = """
import hashlib, pathlib, sys
from harness.made import Given, make
made = make("ridge", {}, Given("it", 1, pathlib.Path(sys.argv[1]), {}, {}))
print("sha256", hashlib.sha256(made.predictions.tobytes()).hexdigest())
"""


@pytest.fixture
def features(tmp_path):
    write_features(tmp_path, train=60, dev=20)
    return tmp_path


def given(features):
    return Given("floors/ridge-1", 1, features, {}, {})


def naive_statistics(features, split):
    """From the arrays as they lie there, a clip and a band at a time."""
    levels = np.load(features / f"{split}.npy")
    lines = (features / f"{split}.csv").read_text().splitlines()[1:]
    found = []
    for line in lines:
        start, frames = map(int, line.split(",")[3:5])
        bands = levels[start : start + frames].astype(float).T
        row = [sum(band) / frames for band in bands]
        row += [(sum((band - sum(band) / frames) ** 2) / frames) ** 0.5 for band in bands]
        row += [min(band) for band in bands] + [max(band) for band in bands] + [frames]
        found.append(row)
    return np.array(found)


def naive_ridge(x, y, new, penalty):
    """Minimises |y − b − zw|² + penalty·|w|² by the normal equations; z: x standardised."""
    mean, spread = x.mean(0), x.std(0)
    z, other = (x - mean) / spread, (new - mean) / spread
    weights = np.linalg.inv(z.T @ z + penalty * np.eye(z.shape[1])) @ z.T @ (y - y.mean(0))
    return y.mean(0) + other @ weights


def naive_ccc(x, y):
    return np.mean(
        [
            2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
            for a, b in zip(x.T, y.T, strict=True)
        ]
    )


def naive(features):
    train, dev = (read_split(features, split) for split in ("train", "dev"))
    x, new = (naive_statistics(features, split) for split in ("train", "dev"))
    fold_of = {name: place % FOLDS for place, name in enumerate(sorted(set(train.speakers)))}
    folds = np.array([fold_of[speaker] for speaker in train.speakers])
    best = (-1.0,)
    for penalty in PENALTIES:
        unseen = np.empty_like(train.labels)
        for fold in set(folds.tolist()):
            inside, out = folds != fold, folds == fold
            unseen[out] = naive_ridge(x[inside], train.labels[inside], x[out], penalty)
        scale = train.labels.std(0) / unseen.std(0)
        centre, mean = unseen.mean(0), train.labels.mean(0)
        score = naive_ccc(train.labels, (unseen - centre) * scale + mean)
        if score > best[0]:
            found = naive_ridge(x, train.labels, new, penalty)
            best = score, (found - centre) * scale + mean
    return dev, best[1]


def test_it_is_the_ridge_with_the_best_penalty_on_train_speakers_left_out(features):
    dev, expected = naive(features)
    made = make("ridge", {}, given(features))
    assert made.clips == dev.clips
    assert made.targets == dev.targets
    np.testing.assert_allclose(made.predictions, expected, rtol=0, atol=1e-7)
    assert made.params == ((4 * 64 + 1 + 1) * 3,) * 2
    assert naive_ccc(dev.labels, made.predictions) > 0.9  # a target is the loudness of its bands


def test_statistics_are_those_of_each_clip_alone(features):
    found = statistics(features, "dev")
    np.testing.assert_allclose(found, naive_statistics(features, "dev"), rtol=1e-12)


def test_labels_of_dev_have_no_part_in_it(features):
    before = make("ridge", {}, given(features)).predictions
    write_dev = (features / "dev.csv").read_text().splitlines()
    other = [",".join([*line.split(",")[:5], "0", "0", "0"]) for line in write_dev[1:]]
    (features / "dev.csv").write_text("\n".join([write_dev[0], *other]) + "\n")
    assert make("ridge", {}, given(features)).predictions.tobytes() == before.tobytes()


def test_a_penalty_wants_two_speakers(tmp_path):
    write_features(tmp_path)
    write_split(tmp_path, "train", [32], np.random.default_rng(0))
    with pytest.raises(RunError, match=r"floors/ridge-1 is judged .* there is only t0; remove"):
        make("ridge", {}, given(tmp_path))


@pytest.mark.parametrize("file", ["train.npy", "dev.csv"])
def test_missing_features_are_one_line_with_the_command(features, file):
    (features / file).unlink()
    with pytest.raises(FeaturesError, match=rf"{file} is missing; run `dvc repro -f features`"):
        make("ridge", {}, given(features))


def test_stretching_gives_unseen_clips_the_labels_mean_and_spread():
    rng = np.random.default_rng(0)
    labels, unseen = rng.random((30, 2)), rng.normal(3, 0.1, (30, 2))
    found = stretched(unseen, unseen, labels)
    np.testing.assert_allclose(found.mean(0), labels.mean(0))
    np.testing.assert_allclose(found.std(0), labels.std(0))
    flat = stretched(np.ones((4, 2)), np.ones((30, 2)), labels)  # nothing was learned
    np.testing.assert_allclose(flat, np.broadcast_to(labels.mean(0), (4, 2)))


def child(features, *command, **environment):
    env = {k: v for k, v in os.environ.items() if k not in portable.TORCH | portable.NUMPY}
    env["PYTHONPATH"] = str(REPOSITORY)
    done = subprocess.run(
        [*command, str(features)], env=env | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()[-1]


@pytest.mark.skipif(not portable.supported(), reason="needs Linux on an x86-64 CPU with AVX2")
def test_its_bytes_do_not_depend_on_threads_or_on_what_the_environment_says(features):
    here = hashlib.sha256(make("ridge", {}, given(features)).predictions.tobytes()).hexdigest()
    threads = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "ZEN"}
    assert child(features, sys.executable, "-c", CHILD, **threads) == here


@pytest.mark.emulated
@pytest.mark.skipif(not EMULATOR, reason="needs qemu-x86_64 (Debian: qemu-user)")
@pytest.mark.parametrize("cpu", CPUS)
def test_its_bytes_are_the_same_on_another_processor(features, cpu):
    here = hashlib.sha256(make("ridge", {}, given(features)).predictions.tobytes()).hexdigest()
    packages = sysconfig.get_path("purelib")
    code = f"import sys; sys.path.insert(0, {packages!r}); {CHILD}"
    python = os.path.realpath(sys.executable)
    assert child(features, EMULATOR, "-cpu", cpu, python, "-c", code) == here
