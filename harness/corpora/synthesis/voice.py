"""A source-filter voice: one gesture (a vocal burst's parameters) to 16 kHz samples.

Source: Liljencrants-Fant pulses of shape Rd (Fant 1995) with jitter, shimmer and subharmonics, plus
breath. Filter: five resonators in cascade, the first two gliding. Everything random comes from the
generator passed in, so a clip is a function of its parameters and its seed alone.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.signal import lfilter, resample_poly, sosfilt

RATE = 16_000  # Hz, as Hume-VB is distributed
OVERSAMPLING = 2  # pulses have a corner; at 32 kHz its aliases stay below the breath
CYCLE = 1024  # points in one tabulated glottal cycle
BLOCK = RATE // 50  # samples that share one set of formants, 20 ms
BANDWIDTHS = np.array([80.0, 100.0, 140.0, 200.0, 280.0])  # Hz, of the five formants
HIGH_FORMANTS = np.array([2600.0, 3500.0, 4500.0])  # Hz, F3 to F5 of a 17 cm tract
GASP = 0.3  # s, the longest gasp
MARGIN = 0.04  # s of room before and after the gesture
FULL_SCALE = 0.97  # the limiter's asymptote, below ±1

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Gesture:
    """One burst. Hz, seconds, octaves (over the clip) and dB; depths and amounts are in [0, 1]."""

    seconds: float = 1.5
    f0: float = 220.0
    slope: float = 0.0  # octaves that F0 rises from beginning to end
    arch: float = 0.0  # octaves that F0 stands higher in the middle
    level: float = -23.0  # dB of full scale, rms
    breath: float = -20.0  # dB of noise relative to the pulses
    rd: float = 1.2  # glottal shape: 0.4 pressed, 2.6 lax
    pulse_depth: float = 0.0  # of the on/off bursts of laughs and sobs
    pulse_rate: float = 4.5  # Hz
    rough_depth: float = 0.0  # amplitude modulation heard as roughness (Arnal et al. 2015)
    rough_rate: float = 70.0  # Hz
    f1: float = 600.0
    f2: float = 1400.0
    closing: float = 0.0  # octaves that F1 and F2 fall over the clip
    gasp: float = 0.0  # unvoiced onset: its strength, and its length up to GASP seconds
    subharmonic: float = 0.0  # how much weaker every other pulse is
    attack: float = 0.04  # s


@dataclass(frozen=True)
class Body:
    """What stays with a speaker: tract (formant scale), perturbation of pulses, microphone."""

    tract: float = 1.0
    jitter: float = 0.005
    shimmer: float = 0.03
    hiss: float = -60.0  # dB of full scale, the channel's noise floor
    tilt: float = 0.0  # in (-1, 1): negative dulls, positive brightens


def sound(gesture: Gesture, body: Body, rng: np.random.Generator) -> Samples:
    """Samples in (-0.97, 0.97) at 16 kHz, shape (round((seconds + 2·0.04 s)·16000),)."""
    voiced = _phonation(gesture, body, rng)
    size = len(voiced)
    noise = rng.standard_normal(size)
    envelope, gasp = _envelopes(gesture, size)
    rms = max(float(np.sqrt(np.mean(voiced**2))), 1e-9)
    source = envelope * (voiced / rms + 10 ** (gesture.breath / 20) * noise) + gasp * noise
    heard = lfilter([1.0, body.tilt], [1.0], _tract(source, gesture, body))
    heard *= 10 ** (gesture.level / 20) / max(float(np.sqrt(np.mean(heard**2))), 1e-9)
    room = round(MARGIN * RATE)
    heard = np.pad(heard, room)
    heard += 10 ** (body.hiss / 20) * rng.standard_normal(len(heard))
    return np.asarray(FULL_SCALE * np.tanh(heard / FULL_SCALE))


def pcm(samples: Samples) -> NDArray[np.int16]:
    """Samples in (-1, 1) as 16-bit integers; the rounding absorbs last-bit differences of libm."""
    return np.rint(samples * 32767).astype("<i2")


def contour(gesture: Gesture, size: int) -> Samples:
    """F0 in Hz at `size` equally spaced instants: the middle is `f0` · 2^(arch)."""
    at = np.linspace(0.0, 1.0, size)
    return np.asarray(
        gesture.f0 * 2 ** (gesture.slope * (at - 0.5) + gesture.arch * np.sin(np.pi * at))
    )


def _phonation(gesture: Gesture, body: Body, rng: np.random.Generator) -> Samples:
    """Glottal flow derivative, perturbed cycle by cycle, at 16 kHz."""
    size = round(gesture.seconds * RATE)
    knots = contour(gesture, max(size // BLOCK, 2))
    at = np.linspace(0, len(knots) - 1, size * OVERSAMPLING)
    step = np.interp(at, np.arange(len(knots)), knots) / (RATE * OVERSAMPLING)
    cycles = int(step.sum() * 1.5) + 8
    jitter = np.clip(body.jitter * rng.standard_normal(cycles), -0.3, 0.3)
    loudness = 1 + np.clip(body.shimmer * rng.standard_normal(cycles), -0.5, 0.5)
    loudness[1::2] *= 1 - gesture.subharmonic
    plain = np.cumsum(step).astype(int)
    phase = np.cumsum(step * (1 + jitter[plain]))
    whole = phase.astype(int)
    pulse = glottal_cycle(round(gesture.rd, 1))
    derivative = pulse[((phase - whole) * CYCLE).astype(int)] * loudness[whole]
    return np.asarray(resample_poly(derivative, 1, OVERSAMPLING))


def _envelopes(gesture: Gesture, size: int) -> tuple[Samples, Samples]:
    """The amplitude of the voice and that of the gasp before it, both of shape (size,)."""
    at = np.arange(size) / RATE
    onset = min(GASP * gesture.gasp, 0.4 * gesture.seconds)
    rise = np.clip((at - onset) / gesture.attack, 0, 1)
    fall = np.clip((gesture.seconds - at) / min(0.12, gesture.seconds / 4), 0, 1)
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * gesture.pulse_rate * (at - onset))
    gate = 1 - gesture.pulse_depth * (1 - swing)
    rough = 1 - gesture.rough_depth * (0.5 + 0.5 * np.cos(2 * np.pi * gesture.rough_rate * at))
    inhale = np.sin(np.pi * np.clip(at / max(onset, 1e-3), 0, 1)) ** 2
    return rise * fall * gate * rough, 1.5 * gesture.gasp * inhale


def _tract(source: Samples, gesture: Gesture, body: Body) -> Samples:
    """The source through five resonators of unit gain at 0 Hz; F1 and F2 move every 20 ms."""
    fixed = _resonators(HIGH_FORMANTS * body.tract, BANDWIDTHS[2:])
    sections = np.zeros((3, 6))
    sections[:, 0], sections[:, 3:] = fixed.sum(axis=1), fixed
    source = sosfilt(sections, source)
    blocks = -(-len(source) // BLOCK)
    glide = body.tract * 2 ** (-gesture.closing * (np.arange(blocks) / blocks - 0.5))
    first = _resonators(gesture.f1 * glide, BANDWIDTHS[0])
    second = _resonators(gesture.f2 * glide, BANDWIDTHS[1])
    heard = np.empty_like(source)
    state = np.zeros(4)
    for block in range(blocks):
        poles = np.convolve(first[block], second[block])
        span = slice(block * BLOCK, (block + 1) * BLOCK)
        heard[span], state = lfilter([poles.sum()], poles, source[span], zi=state)
    return heard


def _resonators(formants: Samples, bandwidths: Samples) -> Samples:
    """Denominators of two-pole resonators, shape (n, 3)."""
    radius = np.exp(-np.pi * bandwidths / RATE) * np.ones(len(formants))
    middle = -2 * radius * np.cos(2 * np.pi * formants / RATE)
    return np.stack([np.ones(len(formants)), middle, radius**2], axis=1)


@lru_cache(maxsize=64)
def glottal_cycle(rd: float) -> Samples:
    """One cycle of flow derivative, shape (1024,), minimum -1, mean 0; rd in [0.3, 2.7].

    Fant (1995), "The LF-model revisited": Rd gives Ra, Rk, Rg; α makes the flow close.
    """
    ra, rk = (-1 + 4.8 * rd) / 100, (22.4 + 11.8 * rd) / 100
    rg = rk / (4 * (0.11 * rd / (0.5 + 1.2 * rk) - ra))
    peak = 1 / (2 * rg)
    closure = peak * (1 + rk)
    rest, omega = 1 - closure, np.pi / peak
    decay = brentq(lambda e: e * ra - 1 + np.exp(-e * rest), 1 / ra / 50, 2 / ra)
    floor = np.exp(-decay * rest)
    returned = -((1 - floor) / decay - rest * floor) / (decay * ra)

    def surplus(alpha: float) -> float:
        grown = alpha * np.sin(omega * closure) - omega * np.cos(omega * closure)
        opened = grown + omega * np.exp(-alpha * closure)
        return float(returned - opened / ((alpha**2 + omega**2) * np.sin(omega * closure)))

    alpha = brentq(surplus, -100.0, 500.0)
    at = np.arange(CYCLE) / CYCLE
    rising = -np.exp(alpha * (at - closure)) * np.sin(omega * at) / np.sin(omega * closure)
    closing = -(np.exp(-decay * (at - closure)) - floor) / (decay * ra)
    cycle = np.where(at <= closure, np.where(at <= closure, rising, 0.0), closing)
    return np.asarray(cycle - cycle.mean())
