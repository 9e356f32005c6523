"""Every rule against its formula in naive loops, in float64: values, gradients, and steps.

Gradients of the references are central differences, so that they share nothing with autograd.
"""

import math

import pytest
import torch

from tests.learning.cells import rule

LOSSES = [[0.7, 0.9, 0.35], [0.6, 0.95, 0.3], [0.65, 0.8, 0.33], [0.5, 0.7, 0.31]]  # by step
TEN = [0.2 + 0.03 * i for i in range(10)]
SCALE = [1.0, 2.0, 0.5]


def build(block, losses=3):
    """A rule in float64."""
    return rule(block, losses).double()


def tensor(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def slopes(function, at, step=1e-6):
    """∂function/∂x at each x of a list, by central differences."""
    found = []
    for i in range(len(at)):
        up, down = ([x + sign * step * (i == j) for j, x in enumerate(at)] for sign in (1, -1))
        found.append((function(up) - function(down)) / (2 * step))
    return found


def softmax(values):
    largest = max(values)
    each = [math.exp(value - largest) for value in values]
    return [one / sum(each) for one in each]


# Rules with parameters: block, name of the parameter, its value, the formula.


def chae(entropy):
    def formula(losses, theta):
        total = 0.0
        for loss, weight in zip(losses, softmax(theta), strict=True):
            total += weight * loss + entropy * weight * math.log(weight)
        return total

    return formula


def kendall(losses, s):
    return sum(loss / (2 * math.exp(x)) + x / 2 for loss, x in zip(losses, s, strict=True))


def liebel(losses, c):
    return sum(0.5 / x**2 * loss + math.log(1 + x**2) for loss, x in zip(losses, c, strict=True))


def rruw(losses, c):
    total = abs(1 - sum(abs(x) for x in c))
    for loss, x in zip(losses, c, strict=True):
        total += loss / (len(c) * x**2) + math.log(1 + x**2)
    return total


def druw(losses, c):  # before there are two steps, dwa's weights are 1
    return rruw(losses, c) + sum(losses)


LEARNED = {
    "chae": ("chae", "theta", chae(0), 0.0),
    "chae-entropy": ({"chae": {"entropy": 0.3}}, "theta", chae(0.3), 0.0),
    "kendall": ("kendall", "s", kendall, 0.0),
    "liebel": ("liebel", "c", liebel, 1.0),
    "rruw": ("rruw", "c", rruw, 1 / 3),
    "druw": ("druw", "c", druw, 1 / 3),
}


@pytest.mark.parametrize("values", [[0.4, -0.7, 0.1], [0.3, 0.5, 0.9]])  # Σ|c| above 1
@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_rule_has_value_and_gradients_of_its_formula(name, values):
    block, parameter, formula, _ = LEARNED[name]
    own = build(block)
    with torch.no_grad():
        getattr(own, parameter).copy_(tensor(values))
    losses = tensor(LOSSES[0])
    total = own(losses)
    total.backward()
    assert total.item() == pytest.approx(formula(LOSSES[0], values), rel=1e-12)
    assert losses.grad.tolist() == pytest.approx(
        slopes(lambda x: formula(x, values), LOSSES[0]), rel=1e-7
    )
    assert getattr(own, parameter).grad.tolist() == pytest.approx(
        slopes(lambda x: formula(LOSSES[0], x), values), rel=1e-7, abs=1e-8
    )


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_rule_learns_one_parameter_from_its_start_without_weight_decay(name):
    block, parameter, _, start = LEARNED[name]
    own = rule(block, 3)
    assert {key: value.tolist() for key, value in own.named_parameters()} == {
        parameter: pytest.approx([start] * 3)
    }
    assert not own.decays


# Rules that remember, against loops over the steps.


def ratios(losses, temperature):
    """n · softmax(L₋₁ / L₋₂ / T) for the step that follows `losses`; 1 for the first two."""
    if len(losses) < 2:
        return [1.0] * len(LOSSES[0])
    each = [new / old / temperature for new, old in zip(losses[-1], losses[-2], strict=True)]
    return [len(each) * weight for weight in softmax(each)]


@pytest.mark.parametrize("temperature", [2.0, 10.0])
def test_dwa_per_step_is_the_softmax_of_the_last_two_steps(temperature):
    own = build({"dwa": {"every": "step", "temperature": temperature}})
    for step, now in enumerate(LOSSES):
        losses = tensor(now)
        own(losses).backward()
        expected = ratios(LOSSES[:step], temperature)
        assert losses.grad.tolist() == pytest.approx(expected, rel=1e-6)
        own.after_epoch(tensor([9.0, 8.0, 7.0]))  # an epoch's end is none of its business


def test_dwa_per_epoch_is_the_softmax_of_the_last_two_epochs():
    own = build("dwa")
    for epoch, means in enumerate(LOSSES):
        for batch in ([0.1, 0.2, 0.3], [0.9, 0.1, 0.4]):
            losses = tensor(batch)
            own(losses).backward()
            assert losses.grad.tolist() == pytest.approx(ratios(LOSSES[:epoch], 2), rel=1e-6)
        own.after_epoch(tensor(means).detach())


def test_druw_adds_dwas_weights_to_rruws():
    own = build("druw")
    for step, now in enumerate(LOSSES):
        losses = tensor(now)
        own(losses).backward()
        uncertainty = 1 / (3 * (1 / 3) ** 2)
        expected = [weight + uncertainty for weight in ratios(LOSSES[:step], 10)]
        assert losses.grad.tolist() == pytest.approx(expected, rel=1e-6)


def test_stall_counts_the_epochs_since_a_loss_was_least():
    own = build("stall")
    epochs = [[5, 5, 5], [4, 6, 5], [3, 7, 4], [2, 8, 4.5], [1, 9, 4.1], [0.5, 4, 4.2]]
    least, since = [math.inf] * 3, [0] * 3
    for means in epochs:
        raw = [math.log2(n) if n > 1 else 1.0 for n in since]
        losses = tensor(LOSSES[0])
        own(losses).backward()
        assert losses.grad.tolist() == pytest.approx([one / sum(raw) for one in raw], rel=1e-6)
        for i, loss in enumerate(means):
            since[i] = 0 if loss < least[i] else since[i] + 1
            least[i] = min(least[i], loss)
        own.after_epoch(tensor(means).detach())
    assert since == [0, 0, 3]


@pytest.mark.parametrize("temperature", [1.0, 5.0, 20.0])
def test_uwso_is_the_softmax_of_inverse_losses_without_a_gradient_through_it(temperature):
    own = build({"uwso": {"temperature": temperature}}, 10)
    losses = tensor(TEN)
    total = own(losses)
    total.backward()
    expected = softmax([1 / loss / temperature for loss in TEN])
    assert losses.grad.tolist() == pytest.approx(expected, rel=1e-12)
    assert total.item() == pytest.approx(sum(map(math.prod, zip(expected, TEN, strict=True))))


def test_uwso_leans_to_the_smallest_loss_less_the_hotter_it_is():
    """Ten losses from .2 to .5: .41, .14 and .11 of the weight on the smallest."""
    losses = torch.linspace(0.2, 0.5, 10)
    found = []
    for temperature in (1, 5, 20):
        own = rule({"uwso": {"temperature": temperature}}, 10)
        own(losses)
        found.append(own.weights()[0].item())
    assert found == pytest.approx([0.41, 0.14, 0.11], abs=0.005)


def test_gls_is_the_geometric_mean_and_its_weights_the_gradient():
    own = build("gls", 10)
    losses = tensor(TEN)
    total = own(losses)
    total.backward()
    assert total.item() == pytest.approx(math.prod(TEN) ** 0.1, rel=1e-12)
    expected = slopes(lambda x: math.prod(x) ** 0.1, TEN)
    assert losses.grad.tolist() == pytest.approx(expected, rel=1e-7)


def test_famo_is_the_released_rule_with_the_losses_of_the_next_batch():
    """Reference: torch's own Adam on the logits, autograd through the softmax."""
    own = build({"famo": {"learning_rate": 0.3, "decay": 0.01}})
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.3, weight_decay=0.01)
    before = None
    for now in LOSSES * 3:
        losses = tensor(now)
        if before is not None:
            fell = (before + 1e-8).log() - (losses.detach() + 1e-8).log()
            adam.zero_grad()
            torch.softmax(logits, 0).backward(fell)
            adam.step()
        weights = torch.softmax(logits, 0).detach()
        whole = sum(w / (loss + 1e-8) for w, loss in zip(weights.tolist(), now, strict=True))
        expected = [
            w / whole * math.log(x + 1e-8) for w, x in zip(weights.tolist(), now, strict=True)
        ]
        total = own(losses)
        total.backward()
        assert total.item() == pytest.approx(sum(expected), rel=1e-9)
        factors = [w / whole / (x + 1e-8) for w, x in zip(weights.tolist(), now, strict=True)]
        assert losses.grad.tolist() == pytest.approx(factors, rel=1e-9)
        before = losses.detach()
    assert max(weights) - min(weights) > 0.05  # it has moved


def test_random_is_the_softmax_of_draws_from_its_own_generator():
    own = rule("random", 3)
    generator, same = (torch.Generator().manual_seed(5) for _ in range(2))
    seen = []
    for _ in range(3):
        losses = torch.tensor(LOSSES[0], requires_grad=True)
        own(losses, {"random": generator}.__getitem__).backward()
        drawn = torch.randn(3, generator=same).tolist()
        assert losses.grad.tolist() == pytest.approx(softmax(drawn), rel=1e-5)
        seen.append(losses.grad.tolist())
    assert seen[0] != seen[1] != seen[2]


# What holds for all of them.

RULES = {
    "fixed": {"fixed": {"weights": [1.0, 2.0, 0.5]}},
    "ruwl": {"ruwl": {"scale": [1, 1, 1e-2]}},
    **{name: block for name, (block, *_) in LEARNED.items()},
    **{name: {name: {"scale": SCALE}} for name in ("chae", "kendall", "liebel", "rruw", "druw")},
    "dwa": {"dwa": {"scale": SCALE}},
    "dwa-step": {"dwa": {"every": "step", "scale": SCALE}},
    "stall": {"stall": {"scale": SCALE}},
    "uwso": {"uwso": {"temperature": 2.0, "scale": SCALE}},
    "famo": "famo",
    "gls": "gls",
    "random": {"random": {"scale": SCALE}},
}


def scales(block):
    """The scale of a block, in a list, or none."""
    return [params.get("scale") for params in block.values()] if isinstance(block, dict) else []


def draws(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return lambda name: generator


@pytest.mark.parametrize("name", RULES)
def test_weights_are_what_multiplies_each_loss_in_every_step(name):
    """The gradient of the total, while steps, epochs and parameters go on."""
    own, given = build(RULES[name]), draws()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True), *own.parameters()], lr=0.01)
    for now in LOSSES * 2:
        losses = tensor(now)
        own(losses, given).backward()
        weights = own.weights()
        assert not weights.requires_grad
        assert losses.grad.tolist() == pytest.approx(weights.tolist(), rel=1e-6)
        optimizer.step()
        optimizer.zero_grad()
        own.after_epoch(tensor(now).detach())


@pytest.mark.parametrize("name", [name for name, block in RULES.items() if SCALE in scales(block)])
def test_a_rule_with_a_scale_is_the_rule_of_scaled_losses(name):
    block = RULES[name]
    key, params = next(iter(block.items()))
    own, plain = build(block), build({key: {k: v for k, v in params.items() if k != "scale"}})
    one, other = draws(), draws()
    for now in LOSSES:
        scaled = [loss * factor for loss, factor in zip(now, SCALE, strict=True)]
        assert own(tensor(now), one).item() == pytest.approx(plain(tensor(scaled), other).item())
        own.after_epoch(tensor(now).detach())
        plain.after_epoch(tensor(scaled).detach())


@pytest.mark.parametrize("name", ["famo", "gls"])
def test_logarithmic_rules_do_not_see_the_scale_of_a_loss(name):
    """The ratios of what each loss contributes to the gradient, weight · ∇L, are the same."""
    for scale in ([1, 1, 1000.0], [0.01, 1, 7.0]):
        own, other = build(name), build(name)
        for now in LOSSES:
            scaled = [loss * factor for loss, factor in zip(now, scale, strict=True)]
            own(tensor(now)), other(tensor(scaled))
            one = own.weights()
            two = other.weights() * torch.tensor(scale)
            assert (two / two.sum()).tolist() == pytest.approx((one / one.sum()).tolist(), rel=1e-4)


@pytest.mark.parametrize("name", ["chae", "stall", "uwso", "random", "chae-entropy"])
def test_weights_of_a_share_sum_to_1(name):
    block = {"uwso": {"uwso": {"temperature": 2.0}}, "chae-entropy": LEARNED["chae-entropy"][0]}
    own, given = build(block.get(name, name)), draws()
    for now in LOSSES:
        own(tensor(now), given)
        own.after_epoch(tensor(now).detach())
        assert own.weights().sum().item() == pytest.approx(1)


@pytest.mark.parametrize("name", RULES)
def test_what_a_rule_remembers_is_in_its_state(name):
    """A rule that is loaded from another's state goes on as that one does."""
    own, given = build(RULES[name]), draws()
    for now in LOSSES[:2]:
        own(tensor(now), given)
        own.after_epoch(tensor(now).detach())
    other = build(RULES[name])
    other.load_state_dict({key: value.clone() for key, value in own.state_dict().items()})
    one, two = draws(1), draws(1)
    for now in LOSSES[2:] * 2:
        assert own(tensor(now), one).item() == other(tensor(now), two).item()
        for each in (own, other):
            each.after_epoch(tensor(now).detach())
        assert own.weights().tolist() == other.weights().tolist()
