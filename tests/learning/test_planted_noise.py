"""Labels whose noise is known: a head with a distribution finds it, the better the more clips."""

import numpy as np
import pytest
import torch

from harness.config.rows import Part
from harness.learning.parts import build
from tests.learning.cells import setting

TESTED = 2000


def planted(clips, rng):
    """Representations [clips, 6], labels [clips, 1], and the sd of each label's noise: large where
    the second number is."""
    z = rng.normal(0, 1, (clips, 6))
    sd = np.exp(-2 + 0.7 * z[:, 1:2])
    return z, 0.5 + 0.2 * z[:, :1] + sd * rng.normal(0, 1, (clips, 1)), sd


def learned(clips):
    """Mean NLL above that of the true distribution, and the correlation of predicted with true sd,
    on other clips."""
    torch.manual_seed(0)
    head = build("heads", Part(name="gauss"), setting(targets=1), 6)
    z, y, _ = (torch.tensor(each).float() for each in planted(clips, np.random.default_rng(1)))
    optimiser = torch.optim.Adam(head.parameters(), 0.02)
    for _ in range(600):
        raw = head(z)
        loss = (head.variance(raw).detach() ** 0.5 * head.nll(raw, y)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    z, y, sd = planted(TESTED, np.random.default_rng(2))
    with torch.no_grad():
        raw = head(torch.tensor(z).float())
        nll = head.nll(raw, torch.tensor(y).float()).mean().item()
        predicted = head.variance(raw).sqrt().numpy()
    oracle = ((y - 0.5 - 0.2 * z[:, :1]) ** 2 / sd**2 / 2 + np.log(sd * np.sqrt(2 * np.pi))).mean()
    return nll - oracle, np.corrcoef(predicted[:, 0], sd[:, 0])[0, 1]


def test_nll_approaches_the_oracle_s_and_the_predicted_sd_the_true_one_as_data_grows():
    (few, some, many), correlations = zip(*(learned(n) for n in (25, 150, 3000)), strict=True)
    assert few > some > many > -0.01
    assert many == pytest.approx(0, abs=0.03)
    assert correlations[2] > 0.95
    assert correlations[0] < correlations[2]
