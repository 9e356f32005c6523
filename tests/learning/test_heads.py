"""Heads with a distribution and their terms, in float64 against loops over the formulas; gradients
are central differences, so that they share nothing with autograd."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.integrate
import scipy.stats
import torch

from harness.arrays import write_arrays
from harness.config.rows import Part, Row
from harness.errors import ParamsError, RunError
from harness.evaluation.scale import BINS, LEAST_SD
from harness.learning.parts import build
from harness.learning.terms import Step
from tests.learning.cells import objective, setting

CLIPS, TARGETS = 6, 2
RNG = np.random.default_rng(0)
LABELS = np.round(RNG.random((CLIPS, TARGETS)), 4)
LABELS[0] = [0.0, 1.0]
WIDTHS = {"gauss": 2 * TARGETS, "bins": BINS * TARGETS, "der": 4 * TARGETS}
RAW = {head: RNG.normal(0, 0.7, (CLIPS, width)) for head, width in WIDTHS.items()}
TAUGHT = {
    "mean": RNG.random((CLIPS, TARGETS)),
    "variance": RNG.uniform(0.01, 0.3, (CLIPS, TARGETS)),
    "probabilities": RNG.dirichlet(np.ones(BINS), (CLIPS, TARGETS)),
}


def softplus(x):
    return math.log1p(math.exp(x))


def gauss(raw, target):
    return raw[target], math.exp(raw[TARGETS + target])


def bins(raw, target):
    logits = raw[target * BINS : (target + 1) * BINS]
    each = [math.exp(x - max(logits)) for x in logits]
    return [one / sum(each) for one in each]


def der(raw, target):
    gamma, nu, alpha, beta = raw[target::TARGETS]
    least = LEAST_SD**2
    return gamma, softplus(nu) + least, softplus(alpha) + 1 + least, softplus(beta) + least


def student(raw, target):
    gamma, nu, alpha, beta = der(raw, target)
    return scipy.stats.t(2 * alpha, gamma, math.sqrt(beta * (1 + nu) / (nu * alpha)))


def nll(head, raw, target, y):
    if head == "gauss":
        mean, variance = gauss(raw, target)
        return -scipy.stats.norm.logpdf(y, mean, math.sqrt(variance))
    if head == "der":
        return -student(raw, target).logpdf(y)
    return -math.log(bins(raw, target)[min(int(y * BINS), BINS - 1)] * BINS)


def shares(y):
    """Two-bin targets: interpolation between centres, all in the last bin beyond its centre."""
    place = min(max(y * BINS - 0.5, 0.0), BINS - 1.0)
    low = min(int(place), BINS - 2)
    found = [0.0] * BINS
    found[low], found[low + 1] = low + 1 - place, place - low
    return found


def mean_over(one):
    return lambda raw: np.mean(
        [one(raw[c], t, LABELS[c, t], c) for c in range(CLIPS) for t in range(TARGETS)]
    )


def beta_nll(weights):
    return mean_over(lambda raw, t, y, c: weights[c, t] * nll("gauss", raw, t, y))


def soft_bins(raw, t, y, c):
    return -sum(q * math.log(p) for q, p in zip(shares(y), bins(raw, t), strict=True))


def evidential(raw, t, y, c):
    gamma, nu, alpha, _ = der(raw, t)
    return nll("der", raw, t, y) + 0.3 * abs(y - gamma) * (2 * nu + alpha)


def ccc_loss(x, y):
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    return 1 - 2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2 + 1e-10)


def kl(head, raw, t, c):
    if head == "bins":
        pairs = zip(TAUGHT["probabilities"][c, t], bins(raw, t), strict=True)
        return sum(p * math.log(p / q) for p, q in pairs)
    teacher = scipy.stats.norm(TAUGHT["mean"][c, t], math.sqrt(TAUGHT["variance"][c, t]))
    mean, variance = gauss(raw, t)
    student = scipy.stats.norm(mean, math.sqrt(variance))
    return scipy.integrate.quad(
        lambda x: teacher.pdf(x) * (teacher.logpdf(x) - student.logpdf(x)),
        *teacher.interval(1 - 1e-12),
    )[0]


def mean_of(head, raw, t):
    if head == "gauss":
        return raw[t]
    return sum(p * (k + 0.5) / BINS for k, p in enumerate(bins(raw, t)))


def soft_labels(head):
    weights = variances("gauss") ** 0.5 if head == "gauss" else np.ones((CLIPS, TARGETS))

    def loss(raw):
        means = np.array([[mean_of(head, row, t) for t in range(TARGETS)] for row in raw])
        agreement = np.mean([ccc_loss(means[:, t], TAUGHT["mean"][:, t]) for t in range(TARGETS)])
        each = [
            weights[c, t] * kl(head, raw[c], t, c) for c in range(CLIPS) for t in range(TARGETS)
        ]
        return agreement + 0.2 * np.mean(each)

    return loss


def variances(head):
    return np.array([[gauss(row, t)[1] for t in range(TARGETS)] for row in RAW[head]])


def made(head):
    return build("heads", Part(name=head), setting(targets=TARGETS), 5).double()


def step(head, raw, **changes):
    network = torch.nn.Module()
    network.head = made(head)
    labels = torch.tensor(LABELS, dtype=raw.dtype)
    means = network.head.mean(raw)
    return Step(None, labels, [], None, raw, means, None, network, None, **changes)


def value_and_gradient(head, term, taught=False):
    raw = torch.tensor(RAW[head][None], requires_grad=True)
    part = build("terms", Part.model_validate(term), setting(targets=TARGETS), 5)
    if taught:
        part.taught = {name: torch.tensor(each) for name, each in TAUGHT.items()}
    loss = part(step(head, raw, clips=torch.arange(CLIPS)))
    loss.backward()
    return loss.item(), raw.grad[0].numpy()


def slopes(function, at, h=1e-6):
    found = np.zeros_like(at)
    for place in np.ndindex(*at.shape):
        up, down = at.copy(), at.copy()
        up[place] += h
        down[place] -= h
        found[place] = (function(up) - function(down)) / (2 * h)
    return found


CASES = {
    "nll": ("gauss", "likelihood", mean_over(lambda raw, t, y, c: nll("gauss", raw, t, y)), False),
    "beta-nll": (
        "gauss",
        {"likelihood": {"beta": 0.5}},
        beta_nll(variances("gauss") ** 0.5),
        False,
    ),
    "bins-nll": (
        "bins",
        "likelihood",
        mean_over(lambda raw, t, y, c: nll("bins", raw, t, y)),
        False,
    ),
    "soft-bins": ("bins", "soft_bins", mean_over(soft_bins), False),
    "student": ("der", "likelihood", mean_over(lambda raw, t, y, c: nll("der", raw, t, y)), False),
    "evidential": ("der", {"evidential": {"regulariser": 0.3}}, mean_over(evidential), False),
    "soft-gauss": ("gauss", {"soft_labels": {"divergence": 0.2}}, soft_labels("gauss"), True),
    "soft-labels-bins": ("bins", {"soft_labels": {"divergence": 0.2}}, soft_labels("bins"), True),
}


@pytest.mark.parametrize("name", CASES)
def test_a_term_has_value_and_gradient_of_its_formula(name):
    head, term, formula, taught = CASES[name]
    value, gradient = value_and_gradient(head, term, taught)
    assert value == pytest.approx(formula(RAW[head]), rel=1e-6)
    assert gradient == pytest.approx(slopes(formula, RAW[head]), rel=2e-5, abs=2e-7)


@pytest.mark.parametrize("head", WIDTHS)
def test_a_density_has_the_head_s_mean_and_no_mass_is_lost(head):
    raw = torch.tensor(RAW[head])
    points = np.linspace(-60, 60, 240_001) if head != "bins" else (np.arange(20_000) + 0.5) / 20_000
    grid = torch.tensor(points)[:, None].expand(-1, TARGETS)
    own, dx = made(head), points[1] - points[0]
    density = torch.exp(-own.nll(raw[1].expand(len(points), -1), grid)).numpy()
    assert density.sum(0) * dx == pytest.approx([1, 1], abs=2e-3)
    centre = (density * points[:, None]).sum(0) * dx
    assert centre == pytest.approx(own.mean(raw)[1].numpy(), abs=2e-2)


def test_the_shares_of_two_bins_have_the_label_as_their_expectation():
    labels = torch.tensor([[0.0, 0.025, 0.4, 0.4321, 0.975, 1.0]]).double()
    found = made("bins").targets(labels)[0]
    assert found.sum(-1).tolist() == pytest.approx([1] * 6)
    assert [sum(each > 0 for each in one) for one in found.tolist()] == [1, 1, 2, 2, 1, 1]
    assert (found * made("bins").centres).sum(-1).tolist() == pytest.approx(
        [0.025, 0.025, 0.4, 0.4321, 0.975, 0.975], abs=1e-6
    )
    assert [shares(y) for y in labels[0].tolist()] == [
        pytest.approx(one, abs=1e-6) for one in found.tolist()
    ]


@pytest.mark.parametrize("head", WIDTHS)
def test_no_raw_output_makes_a_likelihood_infinite(head):
    labels = torch.tensor([[0.0, 1.0]])
    for extreme in (-60.0, 60.0):
        raw = torch.full((1, WIDTHS[head]), extreme)
        assert torch.isfinite(made(head).float().nll(raw, labels)).all()


def row(head, *terms):
    weights = {"fixed": {"weights": [1] * len(terms)}}
    return Row(encoder="cnn10", head=head, views=["clean"], terms=list(terms), weighting=weights)


@pytest.mark.parametrize(
    ("head", "term", "needs"),
    [
        ("point", "likelihood", "a likelihood, and Point has none; give the row `head: gauss`"),
        ("der", {"likelihood": {"beta": 0.5}}, "a variance, and Der has none"),
        ("gauss", "soft_bins", "bins, and Gauss has none; give the row `head: bins`"),
        ("gauss", "evidential", "evidence, and Gauss has none; give the row `head: der`"),
        ("point", "soft_labels", "a distribution, and Point has none"),
    ],
)
def test_a_term_whose_head_lacks_what_it_needs_is_one_line(head, term, needs):
    x, labels = torch.zeros(8, 1, 32, 64), torch.rand(8, 10)
    own = objective(row(head, term))
    with pytest.raises(ParamsError, match=needs) as caught:
        own(x, labels, torch.Generator())
    assert "\n" not in str(caught.value)


@pytest.fixture
def taught(tmp_path, monkeypatch):
    """Write a teacher's cell, its clips in any order; → the student's setting."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("profile: mine\n")
    (tmp_path / "features" / "mine").mkdir(parents=True)
    table = pd.DataFrame(LABELS, columns=["Awe", "Fear"])
    for place, key in enumerate(("clip", "speaker", "country", "start", "frames")):
        table.insert(place, key, [f"c{n}" for n in range(CLIPS)])
    table.to_csv(tmp_path / "features" / "mine" / "train.csv", index=False)

    def teacher(order, **changes):
        clips = np.array([f"c{n}" for n in range(CLIPS)])
        arrays = {**TAUGHT, "labels": LABELS, "clips": clips}
        found = {f"train_{name}": each[order] for name, each in arrays.items()}
        write_arrays(tmp_path / "distribution.npz", found | changes)
        return replace(setting(targets=TARGETS), before=tmp_path)

    return teacher


def test_a_student_finds_its_teacher_s_word_on_a_clip_by_its_id(taught):
    raw, clips = torch.tensor(RAW["gauss"][None]).float(), torch.arange(CLIPS)
    losses = []
    for order in (np.arange(CLIPS), np.array([3, 0, 5, 1, 2, 4])):
        own = build("terms", Part(name="soft_labels"), taught(order), 5)
        losses.append(own(step("gauss", raw, clips=clips)).item())
    assert losses[0] == losses[1]
    assert own.taught["mean"].tolist() == TAUGHT["mean"].astype(np.float32).tolist()


@pytest.mark.parametrize(
    ("order", "changes", "message"),
    [
        (np.arange(CLIPS - 1), {}, "tells of 5 train clips, which are not the 6 of the features"),
        (np.arange(CLIPS), {"train_labels": LABELS + 0.1}, "has other labels than the features"),
        (np.array([0, 1, 2, 3, 4, 4]), {}, "tells of 6 train clips, which are not the 6"),
    ],
)
def test_a_teacher_of_other_clips_or_labels_is_one_line(taught, order, changes, message):
    given = taught(order, **changes)
    with pytest.raises(RunError, match=message) as caught:
        build("terms", Part(name="soft_labels"), given, 5)
    assert "\n" not in str(caught.value)


def test_a_cell_that_taught_nothing_is_one_line(tmp_path):
    given = replace(setting(targets=TARGETS), before=tmp_path)
    part = Part(name="soft_labels")
    with pytest.raises(RunError, match=r"distribution\.npz is missing; give the row"):
        build("terms", part, given, 5)
    write_arrays(tmp_path / "distribution.npz", {"dev_mean": LABELS})
    with pytest.raises(RunError, match="has no clips, labels, mean and variance of the train"):
        build("terms", part, given, 5)
