"""How emotions, speakers and countries move the voice: from a meaning to a gesture.

A clip is a point of TRAITS, in units of a speaker's own spread: what the speaker always does, plus
what the emotions add, plus chance. Pitch, level, breath, laxness, length and pulse_depth follow
category means and variance shares measured on 3,600 EmoGator bursts; the other traits have no such
measurement and follow the literature (Arnal et al. 2015, Kamiloglu et al. 2020, Sauter et al. 2010,
Bachorowski et al. 2001).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.corpora.synthesis.ratings import EMOTIONS, POSITIVE
from harness.corpora.synthesis.voice import Body, Gesture

Array = NDArray[np.float64]

TRAITS = (
    *("pitch", "slope", "arch", "level", "breath", "lax", "length", "pulse_depth", "pulse_rate"),
    *("rough", "rough_rate", "open", "front", "closing", "gasp", "subharmonic", "attack"),
)
# Standard deviation over speakers, in units of a speaker's own spread in the measured traits: the
# speaker's share of variance is .59 for level, .30 pitch, .31 breath, .29 length, .07 pulse_depth.
_SPEAKERS = [0.68, 0.3, 0.3, 1.3, 0.7, 0.7, 0.68, 0.3, 0.3, 0.5, 0.3, 0.6, 0.6, 0.3, 0.3, 0.5, 0.4]
# From clip to clip: 1 is the unit in measured traits; 0.5 in the others is chosen, so that a ridge
# on log-mel statistics of 480 clips reaches a CCC of about .4 on other speakers.
_CHANCE = [1.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
_EFFECTS = {
    #              pitch slope arch level breath lax length depth rate
    "Awe":         [-0.45, 0.0, 0.6, -0.4, 0.4, 0.6, 0.3, -0.5, 0.0],
    "Excitement":  [0.35, 1.2, 0.0, 0.3, -0.4, -0.1, 0.15, 0.7, -0.4],
    "Amusement":   [-0.1, -0.5, 0.0, -0.2, 0.4, -0.3, -0.4, 1.8, 1.6],
    "Awkwardness": [-0.65, 0.0, -0.6, -0.65, 0.4, 0.3, 0.25, -0.1, 0.0],
    "Fear":        [0.5, 0.0, 0.3, 0.45, -0.3, -0.2, -0.4, -0.2, 0.0],
    "Horror":      [0.1, 0.3, 0.0, 0.45, 0.1, 0.1, -0.6, -0.2, 0.0],
    "Distress":    [0.1, -0.3, 0.0, 0.15, -0.25, -0.1, 0.15, -0.2, 0.0],
    "Triumph":     [0.25, 0.2, 0.8, 0.45, -0.4, -0.5, 0.0, 0.1, 0.0],
    "Sadness":     [-0.1, -1.6, -0.3, -0.65, 0.0, 0.3, 0.5, 0.8, -1.6],
    "Surprise":    [0.2, 1.4, 0.0, 0.35, -0.3, 0.1, -0.6, -0.3, 0.0],
}  # fmt: skip
_MORE_EFFECTS = {
    #              rough rrate open front closing gasp subh attack
    "Awe":         [-0.5, 0.0, 0.2, -1.0, 1.8, -0.2, 0.0, 1.0],
    "Excitement":  [-0.4, 0.0, 0.0, 1.8, -0.2, -0.2, -0.3, -0.2],
    "Amusement":   [-0.2, 0.0, 0.2, 0.2, 0.0, -0.3, -0.2, -0.3],
    "Awkwardness": [-0.4, 0.0, -1.8, -0.5, -0.2, -0.4, 0.0, 0.3],
    "Fear":        [1.8, -1.2, 0.4, 0.3, -0.2, -0.2, 0.0, -1.0],
    "Horror":      [1.3, 1.4, 0.3, -0.4, 0.2, 1.4, 0.2, -0.3],
    "Distress":    [0.5, -0.4, 1.8, 0.0, -0.2, -0.4, 2.0, 0.5],
    "Triumph":     [0.2, 0.0, 0.8, -0.3, -0.9, -0.4, -0.4, 0.0],
    "Sadness":     [-0.3, 0.0, -0.3, -0.2, 0.2, -0.2, 0.2, 1.0],
    "Surprise":    [-0.4, 0.0, 0.2, 0.0, -0.5, 1.6, -0.2, -0.3],
}  # fmt: skip
SPEAKERS, CHANCE = np.array(_SPEAKERS), np.array(_CHANCE)
EFFECTS = np.array([_EFFECTS[emotion] + _MORE_EFFECTS[emotion] for emotion in EMOTIONS])
GAIN = 1.6  # category means of a corpus then equal EFFECTS: a dominant emotion is .65 strong


@dataclass(frozen=True)
class Speaker:
    """A speaker: usual traits (17,), expressivity (about 1), country's display (10,) and body."""

    usual: Array
    expressivity: float
    display: Array
    body: Body


def display(rng: np.random.Generator, countries: int) -> Array:
    """How strongly each country shows each emotion, (countries, 10), about 1.

    Positive emotions differ more between cultures than negative ones (Sauter et al. 2010, PNAS).
    """
    spread = np.where(POSITIVE, 0.25, 0.1)
    return np.asarray(np.exp(spread * rng.standard_normal((countries, len(EMOTIONS)))))


def speaker(rng: np.random.Generator, shown: Array) -> Speaker:
    """A speaker of a country that shows emotions as `shown` (10,) says."""
    usual = SPEAKERS * rng.standard_normal(len(TRAITS))
    mode = rng.choice([-1.0, 1.0])  # two modes of pitch and tract length, as of the sexes
    usual[0] = SPEAKERS[0] * (0.8 * mode + 0.6 * usual[0] / SPEAKERS[0])
    body = Body(
        tract=float(1.05 + 0.08 * mode + 0.03 * rng.standard_normal()),
        jitter=float(0.006 * np.exp(0.5 * rng.standard_normal())),
        shimmer=float(0.05 * np.exp(0.4 * rng.standard_normal())),
        hiss=float(rng.uniform(-75, -50)),
        tilt=float(rng.uniform(-0.6, 0.3)),
    )
    return Speaker(usual, float(np.exp(0.25 * rng.standard_normal())), shown, body)


def traits(meaning: Array, who: Speaker, emotion: float | Array, rng: np.random.Generator) -> Array:
    """The traits (17,) with which `who` utters `meaning` (10,); `emotion`, one factor or ten,
    scales its effects."""
    shown = GAIN * emotion * who.expressivity * who.display * meaning
    return np.asarray(who.usual + shown @ EFFECTS + CHANCE * rng.standard_normal(len(TRAITS)))


def gesture(traits: Array) -> Gesture:
    """Physical parameters of traits (17,), each kept within what a voice can do."""
    z = dict(zip(TRAITS, traits.tolist(), strict=True))
    return Gesture(
        seconds=_within(1.35 * 2 ** (0.4 * z["length"]), 0.6, 3.2),
        f0=_within(220 * 2 ** (0.42 * z["pitch"]), 75, 900),
        slope=_within(0.35 * z["slope"], -1.5, 1.5),
        arch=_within(0.15 + 0.15 * z["arch"], -0.5, 0.8),
        level=_within(-24 + 4.3 * z["level"], -42, -12),
        breath=_within(-14 + 5 * z["breath"], -30, 10),
        rd=_within(1.2 * 2 ** (0.35 * z["lax"]), 0.4, 2.6),
        pulse_depth=_share(z["pulse_depth"] - 1.5),
        pulse_rate=_within(3.6 * 2 ** (0.25 * z["pulse_rate"]), 1.8, 7.0),
        rough_depth=_share(z["rough"] - 1.5),
        rough_rate=_within(65 * 2 ** (0.4 * z["rough_rate"]), 30, 150),
        f1=_within(560 * 2 ** (0.25 * z["open"]), 250, 1000),
        f2=_within(1400 * 2 ** (0.2 * z["front"]), 800, 2300),
        closing=_within(0.35 * z["closing"], -0.8, 1.2),
        gasp=_share(z["gasp"] - 1.5),
        subharmonic=0.8 * _share(z["subharmonic"] - 1.5),
        attack=_within(0.04 * 2 ** z["attack"], 0.008, 0.3),
    )


def _within(value: float, low: float, high: float) -> float:
    return float(min(max(value, low), high))


def _share(z: float) -> float:
    return float(1 / (1 + np.exp(-1.7 * z)))
