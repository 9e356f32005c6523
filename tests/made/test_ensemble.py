"""harness.made.ensemble: means by loops, the mixture's variance by sampling, unequal members."""

import json

import numpy as np
import pytest

from harness.errors import ParamsError, RunError
from harness.made import Given, check, make

CLIPS, TARGETS, LATE, BINS = 7, ["Awe", "Fear", "Joy"], 2, 5
LABEL = "uncertainty/ensemble-1"


def write_member(folder, seed, distribution=False, probabilities=False, **facts):
    """A finished cell with predictions drawn from its seed."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    clips = [f"d{number}" for number in range(CLIPS)]
    shape = (CLIPS, len(TARGETS))
    arrays = {"last": rng.random(shape), "best": rng.random(shape)}
    arrays["late"] = rng.random((LATE, *shape))
    arrays = {name: each.astype(np.float32) for name, each in arrays.items()}
    np.savez(folder / "predictions.npz", clips=clips, targets=TARGETS, **arrays)
    metrics = {"params": 100, "params_trained": 10, "width": 0.5, "epochs": 3}
    metrics |= {"arithmetic": "portable float32"} | facts
    (folder / "metrics.json").write_text(json.dumps(metrics))
    if distribution:
        found = {"dev_clips": np.array(clips)}
        found |= {"dev_mean": rng.random(shape), "dev_variance": rng.random(shape)}
        if probabilities:
            found["dev_probabilities"] = rng.dirichlet(np.ones(BINS), shape)
        np.savez(folder / "distribution.npz", **found)
    return folder


def given(folders):
    cells = {f"members/gauss-{10 + number}": each for number, each in enumerate(folders)}
    return Given(LABEL, 1, None, {}, cells)


@pytest.fixture
def members(tmp_path):
    """A function: cells with these properties, as what an ensemble is given."""

    def write(count=3, **properties):
        return given([write_member(tmp_path / str(n), n, **properties) for n in range(count)])

    return write


def arrays(given, name="predictions"):
    return [dict(np.load(folder / f"{name}.npz")) for folder in given.cells.values()]


def test_each_selection_is_the_mean_of_the_members(members):
    given = members()
    made, cells = make("ensemble", {}, given), arrays(given)
    assert set(made.predictions) == {"last", "best", "late"}
    for name, found in made.predictions.items():
        for place in np.ndindex(found.shape):
            mean = sum(float(cell[name][place]) for cell in cells) / len(cells)
            assert found[place] == pytest.approx(mean, abs=1e-12)
    assert (made.clips, made.targets) == (cells[0]["clips"].tolist(), TARGETS)
    assert made.params == (300, 30)
    assert (made.width, made.epochs, made.arithmetic) == (0.5, 3, "portable float32")
    assert made.files == {}


def test_the_distribution_is_that_of_the_mixture(members):
    given = members(4, distribution=True, probabilities=True)
    found = make("ensemble", {}, given).files["distribution"]
    cells = arrays(given, "distribution")
    rng = np.random.default_rng(0)
    for place in [(0, 0), (3, 2), (6, 1)]:
        drawn = np.concatenate(
            [
                rng.normal(cell["dev_mean"][place], cell["dev_variance"][place] ** 0.5, 200_000)
                for cell in cells
            ]
        )
        assert found["dev_mean"][place] == pytest.approx(drawn.mean(), abs=0.005)
        assert found["dev_variance"][place] == pytest.approx(drawn.var(), abs=0.005)
        means = np.array([cell["dev_mean"][place] for cell in cells])
        assert found["dev_epistemic"][place] == pytest.approx(((means - means.mean()) ** 2).mean())
        shares = sum(cell["dev_probabilities"][place] for cell in cells) / len(cells)
        np.testing.assert_allclose(found["dev_probabilities"][place], shares)
    assert found["dev_clips"].tolist() == cells[0]["dev_clips"].tolist()
    assert not any(name.startswith("train") for name in found)


def test_members_that_agree_are_no_less_sure_together(tmp_path):
    folder = write_member(tmp_path / "one", 1, distribution=True)
    cells = given([folder, folder])
    found, one = make("ensemble", {}, cells).files["distribution"], arrays(cells, "distribution")[0]
    assert (found["dev_epistemic"] == 0).all()
    np.testing.assert_allclose(found["dev_variance"], one["dev_variance"])


def change(folder, name="predictions", **arrays):
    file = folder / f"{name}.npz"
    found = dict(np.load(file)) | arrays
    np.savez(file, **{key: each for key, each in found.items() if each is not None})


FAULTS = {
    "clips": (lambda f: change(f, clips=[f"e{n}" for n in range(CLIPS)]), "has other clips"),
    "targets": (lambda f: change(f, targets=["Awe", "Fear", "Sad"]), "has other targets"),
    "a selection": (lambda f: change(f, best=None), "has no 'best'"),
    "epochs": (
        lambda f: change(f, late=np.ones((3, CLIPS, 3))),
        r"has 'late' of 3×7×3 numbers",
    ),
    "width": (lambda f: write_member(f, 1, distribution=True, width=0.25), "has width 0.25"),
    "distribution": (
        lambda f: (f / "distribution.npz").unlink(),
        r"has no distribution\.npz",
    ),
    "probabilities": (
        lambda f: change(f, "distribution", dev_probabilities=np.ones((CLIPS, 3, BINS))),
        "has no 'dev_probabilities'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_unequal_members_are_one_line_that_names_the_one(members, fault):
    given = members(distribution=True)
    edit, said = FAULTS[fault]
    edit(given.cells["members/gauss-11"])
    named = 10 if fault == "probabilities" else 11
    line = rf"^{LABEL} is made of unequal members: members/gauss-{named} {said}; name rows"
    with pytest.raises(RunError, match=line):
        make("ensemble", {}, given)


def test_a_broken_member_is_one_line_with_the_remedy(members):
    given = members()
    (given.cells["members/gauss-11"] / "predictions.npz").write_bytes(b"PK")
    with pytest.raises(RunError, match=r"1/predictions.npz cannot be read .*; delete .* train"):
        make("ensemble", {}, given)


@pytest.mark.parametrize(("count", "said"), [(0, "none"), (1, "only members/gauss-10")])
def test_one_member_is_no_ensemble(members, count, said):
    with pytest.raises(ParamsError, match=f"two cells or more and has {said}; let it come after"):
        check("ensemble", {}, members(count))
