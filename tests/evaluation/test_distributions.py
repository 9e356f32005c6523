"""Predictive distributions and their measures against other libraries' or naive definitions."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from harness.errors import RunError
from harness.evaluation import distributions
from harness.evaluation.bootstrap import resampled_scores, speaker_weights
from harness.evaluation.distributions import Distribution, mixture, of_bins, of_head
from harness.evaluation.measures import ause, calibration, correlation, coverage, detection
from harness.evaluation.measures.sums import mean_score
from harness.evaluation.scale import BINS

CLIPS, TARGETS = 40, 2
RNG = np.random.default_rng(0)
LABELS = RNG.random((CLIPS, TARGETS))
LABELS[0], LABELS[1] = [0.0, 1.0], [0.25, 0.5]  # ends and edges of bins
SPEAKERS = np.array([f"s{i % 5}" for i in range(CLIPS)])
WIDTHS = {"gauss": 2 * TARGETS, "bins": BINS * TARGETS, "der": 4 * TARGETS}
RAW = {head: RNG.normal(0, 0.8, (CLIPS, width)) for head, width in WIDTHS.items()}
FOUND = {head: of_head(head, raw) for head, raw in RAW.items()}


class Histogram:
    """A density that is level in each bin, as an integral over it."""

    def __init__(self, probabilities):
        self.p = probabilities

    def pdf(self, x):
        return self.p[min(int(x * BINS), BINS - 1)] * BINS

    def cdf(self, x):
        return np.interp(x, np.arange(BINS + 1) / BINS, np.cumsum([0, *self.p]))

    def moment(self, k):
        points = (np.arange(20_000) + 0.5) / 20_000
        return np.mean([x**k * self.pdf(x) for x in points])

    def mean(self):
        return self.moment(1)

    def var(self):
        return self.moment(2) - self.mean() ** 2


def reference(head, clip, target):
    found = FOUND[head]
    if head == "bins":
        return Histogram(found.probabilities[clip, target])
    if head == "gauss":
        mean, log_variance = RAW[head][clip, target], RAW[head][clip, TARGETS + target]
        return scipy.stats.norm(mean, math.exp(log_variance / 2))
    gamma, nu, alpha, beta = RAW[head][clip, target::TARGETS]
    nu, beta = math.log1p(math.exp(nu)) + 1e-4, math.log1p(math.exp(beta)) + 1e-4
    alpha = math.log1p(math.exp(alpha)) + 1 + 1e-4
    return scipy.stats.t(2 * alpha, gamma, math.sqrt(beta * (1 + nu) / (nu * alpha)))


@pytest.mark.parametrize("head", WIDTHS)
@pytest.mark.parametrize("clip", [0, 1, 7])
def test_a_distribution_is_the_reference_s(head, clip):
    own = FOUND[head]
    for target in range(TARGETS):
        y, there = LABELS[clip, target], reference(head, clip, target)
        at = (clip, target)
        assert own.mean[at] == pytest.approx(there.mean(), abs=1e-6)
        assert own.variance[at] == pytest.approx(there.var(), rel=2e-3)
        assert math.exp(own.log_density(LABELS)[at]) == pytest.approx(there.pdf(y), rel=1e-9)
        assert own.cdf(LABELS)[at] == pytest.approx(there.cdf(y), abs=1e-9)
        for level in (0.025, 0.5, 0.9):
            assert there.cdf(own.quantile(level)[at]) == pytest.approx(level, abs=1e-9)


@pytest.mark.parametrize("head", WIDTHS)
def test_crps_is_the_integral_of_its_definition(head):
    scores = FOUND[head].crps(LABELS)
    for clip in (0, 1, 7):
        y, there = LABELS[clip, 0], reference(head, clip, 0)
        below, above = np.linspace(min(y, 0) - 60, y, 60_001), np.linspace(y, 60, 60_001)
        lost = np.trapezoid(there.cdf(below) ** 2, below)
        missed = np.trapezoid((1 - there.cdf(above)) ** 2, above)
        assert scores[clip, 0] == pytest.approx(lost + missed, rel=1e-3, abs=1e-5)


def test_scores_are_those_of_scoringrules():
    other = pytest.importorskip("scoringrules")
    own, t = FOUND["gauss"], FOUND["der"]
    assert own.crps(LABELS) == pytest.approx(other.crps_normal(LABELS, own.mean, own.sd), abs=1e-10)
    assert -own.log_density(LABELS) == pytest.approx(
        other.logs_normal(LABELS, own.mean, own.sd), abs=1e-10
    )
    scale = t.sd * np.sqrt((t.df - 2) / t.df)
    assert t.crps(LABELS) == pytest.approx(other.crps_t(LABELS, t.df, t.mean, scale), abs=1e-8)


def test_calibration_is_that_of_uncertainty_toolbox():
    other = pytest.importorskip("uncertainty_toolbox.metrics_calibration")
    own = FOUND["gauss"]
    found = mean_score(calibration.sums(own.cdf(LABELS), SPEAKERS), calibration.finish)
    there = []
    for t in range(TARGETS):
        expected, observed = other.get_proportion_lists_vectorized(
            own.mean[:, t], own.sd[:, t], LABELS[:, t], num_bins=21, prop_type="quantile"
        )
        there.append(np.abs(expected - observed)[1:-1].mean())
    assert found == pytest.approx(np.mean(there), abs=1e-12)


def test_coverage_counts_labels_between_two_quantiles():
    for own in FOUND.values():
        every = coverage.sums(own.cdf(LABELS), SPEAKERS)
        for level in coverage.LEVELS:
            low, high = own.quantile((1 - level) / 2), own.quantile((1 + level) / 2)
            share = ((low <= LABELS) & (high >= LABELS)).mean()
            assert mean_score(every, coverage.finish(level)) == pytest.approx(share, abs=1e-12)
            by_target = ((low <= LABELS) & (high >= LABELS)).mean(0)
            off = np.abs(by_target - level).mean()
            assert mean_score(every, coverage.miss(level)) == pytest.approx(off, abs=1e-12)


def naive_ause(labels, mean, variance, often=None):
    """By leaving out clips: RMSE of the surest k, over that of all, for k = 4, 8, …, 40; each clip
    as `often` as it is drawn."""
    often = [1] * CLIPS if often is None else often
    squares = [(y - m) ** 2 for y, m in zip(labels, mean, strict=True)]

    def curve(order):
        ranked = sorted(range(CLIPS), key=lambda i: order[i])
        kept = []
        for k in range(4, CLIPS + 1, 4):
            count = sum(often[i] for i in ranked[:k])
            total = sum(often[i] * squares[i] for i in ranked[:k])
            kept.append(math.sqrt(total / count) if count else 0.0)
        return [each / kept[-1] for each in kept]

    gaps = [a - b for a, b in zip(curve(variance), curve(squares), strict=True)]
    return sum((a + b) / 2 / 10 for a, b in itertools.pairwise(gaps))


def test_ause_is_a_loop_that_leaves_clips_out_and_0_for_an_order_by_error():
    own = FOUND["gauss"]
    found = mean_score(ause.sums(LABELS, own.mean, own.variance, SPEAKERS), ause.finish)
    each = [naive_ause(LABELS[:, t], own.mean[:, t], own.variance[:, t]) for t in range(TARGETS)]
    assert found == pytest.approx(np.mean(each), abs=1e-12)
    errors = np.square(LABELS - own.mean)
    assert mean_score(ause.sums(LABELS, own.mean, errors, SPEAKERS), ause.finish) == 0


def test_ause_and_detection_of_a_resample_count_a_clip_as_often_as_its_speaker_is_drawn():
    from sklearn.metrics import roc_auc_score

    own = FOUND["gauss"]
    known, shifted = np.round(RNG.normal(0, 2, CLIPS)), np.round(RNG.normal(1, 2, CLIPS))
    sums = (
        ause.sums(LABELS, own.mean, own.variance, SPEAKERS),
        detection.sums(known, shifted, SPEAKERS),
    )
    weights = speaker_weights(5, 20, np.random.default_rng(3))
    measures = [ause.finish, detection.auroc]
    left_out, area = (
        resampled_scores(each[None, None], weights, finish)[:, 0, 0]
        for each, finish in zip(sums, measures, strict=True)
    )
    for drawn, one, other in zip(weights, left_out, area, strict=True):
        often = [drawn[int(speaker[1])] for speaker in SPEAKERS]
        naive = [
            naive_ause(LABELS[:, t], own.mean[:, t], own.variance[:, t], often)
            for t in range(TARGETS)
        ]
        assert one == pytest.approx(np.mean(naive), abs=1e-12)
        scores, truth = np.concatenate([known, shifted]), np.repeat([0, 1], CLIPS)
        assert other == pytest.approx(roc_auc_score(truth, scores, sample_weight=[*often] * 2))


def test_a_variance_that_is_the_same_for_all_leaves_clips_out_at_random():
    own = FOUND["gauss"]
    level = ause.sums(LABELS, own.mean, np.ones_like(LABELS), SPEAKERS)
    drawn = []
    for seed in range(300):
        order = np.random.default_rng(seed).random(LABELS.shape)
        drawn.append(ause.sums(LABELS, own.mean, order, SPEAKERS))
    found = mean_score(np.array(drawn), ause.finish).mean()
    assert mean_score(level, ause.finish) == pytest.approx(found, rel=0.05)


def test_detection_is_scikit_learn_s():
    from sklearn.metrics import roc_auc_score, roc_curve

    known, shifted = np.round(RNG.normal(0, 1, CLIPS), 1), np.round(RNG.normal(1, 1, CLIPS), 1)
    every = detection.sums(known, shifted, SPEAKERS)
    truth = np.repeat([0, 1], CLIPS)
    scores = np.concatenate([known, shifted])
    assert mean_score(every, detection.auroc) == pytest.approx(roc_auc_score(truth, scores))
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert mean_score(every, detection.fpr95) == pytest.approx(false[np.argmax(true >= 0.95)])


def test_bins_of_scores_cost_less_than_a_thousandth():
    from sklearn.metrics import roc_auc_score

    known, shifted = RNG.normal(0, 1, 3000), RNG.normal(0.7, 1.5, 3000)
    every = detection.sums(known, shifted, np.array(["a", "b", "c"] * 1000))
    whole = roc_auc_score(np.repeat([0, 1], 3000), np.concatenate([known, shifted]))
    assert mean_score(every, detection.auroc) == pytest.approx(whole, abs=1e-3)


def test_correlation_is_numpy_s_and_0_for_a_constant():
    own = FOUND["gauss"].sd
    found = mean_score(correlation.sums(LABELS, own, SPEAKERS), correlation.finish)
    each = [np.corrcoef(LABELS[:, t], own[:, t])[0, 1] for t in range(TARGETS)]
    assert found == pytest.approx(np.mean(each), abs=1e-12)
    level = correlation.sums(LABELS, np.full_like(own, 0.3), SPEAKERS)
    assert mean_score(level, correlation.finish) == 0


def test_a_mixture_has_the_moments_of_draws_from_its_members():
    rng = np.random.default_rng(1)
    means, sds = rng.random((3, 1, 1)), 0.1 + rng.random((3, 1, 1))
    own = mixture([Distribution(m, s**2) for m, s in zip(means, sds, strict=True)])
    which = rng.integers(3, size=400_000)
    draws = rng.normal(means[which, 0, 0], sds[which, 0, 0])
    assert own.mean.item() == pytest.approx(draws.mean(), abs=5e-3)
    assert own.variance.item() == pytest.approx(draws.var(), rel=1e-2)
    assert own.epistemic.item() == pytest.approx(means.var())
    assert own.aleatoric.item() == pytest.approx((sds**2).mean())


def test_a_mixture_of_bins_is_again_one_of_bins_with_its_own_moments():
    members = [of_bins(RNG.dirichlet(np.ones(BINS), (4, TARGETS))) for _ in range(3)]
    own = mixture(members)
    whole = of_bins(np.mean([each.probabilities for each in members], axis=0))
    assert own.variance == pytest.approx(whole.variance, abs=1e-12)
    assert own.log_density(LABELS[:4]) == pytest.approx(whole.log_density(LABELS[:4]))


def test_means_alone_become_a_normal_only_as_an_ensemble():
    one = of_head("point", LABELS)
    with pytest.raises(RunError, match="means alone has no likelihood; make a row with"):
        one.log_density(LABELS)
    both = mixture([one, of_head("point", LABELS + 0.2)])
    assert both.sd == pytest.approx(np.full_like(LABELS, 0.1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: of_head("parts.mine", LABELS), "head 'mine' has no distribution here"),
        (lambda: mixture([FOUND["gauss"], FOUND["bins"]]), "unequal members .*normals.*20 bins"),
        (lambda: distributions.from_arrays({}, "dev"), "has no split 'dev'; give the row"),
    ],
)
def test_what_has_no_distribution_is_one_line(call, message):
    with pytest.raises(RunError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_split_is_joined_by_clip_id(tmp_path):
    clips = [f"c{i}" for i in range(CLIPS)]
    content = {"dev_clips": np.array(clips), **distributions.arrays(FOUND["gauss"], "dev")}
    np.savez(tmp_path / "distribution.npz", **content)
    read = distributions.read(tmp_path)
    found = distributions.of_split(read, "dev", clips[::-1])
    assert found.mean.tolist() == FOUND["gauss"].mean[::-1].tolist()
    with pytest.raises(RunError, match="'dev' is about other clips"):
        distributions.of_split(read, "dev", [*clips[1:], "another"])
