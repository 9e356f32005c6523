import numpy as np
import pytest
from scipy.signal import hilbert

from harness.corpora.synthesis import voice
from harness.corpora.synthesis.voice import Body, Gesture

STEADY = Body(jitter=0.0, shimmer=0.0, hiss=-80.0)


def burst(**changes: float) -> np.ndarray:
    return voice.sound(Gesture(**changes), STEADY, np.random.default_rng(1))


def naive_f0(samples: np.ndarray) -> float:
    """The lag of the highest autocorrelation between 60 and 1000 Hz, refined by a parabola."""
    middle = samples[len(samples) // 3 : len(samples) // 3 + 3200]
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    lag = int(np.argmax(correlation[16:267])) + 16
    left, top, right = correlation[lag - 1 : lag + 2]
    return voice.RATE / (lag + 0.5 * (left - right) / (left - 2 * top + right))


def modulation(samples: np.ndarray, low: float, high: float) -> float:
    """Frequency, within (low, high) Hz, at which the envelope swings most."""
    envelope = np.abs(hilbert(samples))
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean(), 2**18))
    frequency = np.fft.rfftfreq(2**18, 1 / voice.RATE)
    return frequency[np.argmax(np.where((frequency > low) & (frequency < high), spectrum, 0))]


@pytest.mark.parametrize("f0", [90.0, 180.0, 320.0, 640.0])
def test_measured_f0_is_the_intended_one(f0: float) -> None:
    assert naive_f0(burst(f0=f0, breath=-30.0)) == pytest.approx(f0, rel=0.02)


def test_f0_rises_by_the_slope() -> None:
    rise = voice.contour(Gesture(slope=0.7), 100)
    assert np.log2(rise[-1] / rise[0]) == pytest.approx(0.7)


@pytest.mark.parametrize("rate", [4.0, 5.0, 6.0])
def test_laugh_is_modulated_at_its_rate(rate: float) -> None:
    laugh = burst(seconds=2.5, pulse_depth=0.95, pulse_rate=rate, f0=230.0)
    assert modulation(laugh, 2, 20) == pytest.approx(rate, abs=0.3)


def test_roughness_is_modulated_at_its_rate() -> None:
    scream = burst(seconds=2.0, rough_depth=0.8, rough_rate=60.0, f0=410.0)
    assert modulation(scream, 25, 150) == pytest.approx(60, abs=1)


def test_breath_fills_the_valleys_between_harmonics() -> None:
    def periodicity(breath: float) -> float:
        sound = burst(breath=breath, f0=200.0)[6000:12400]
        return float(np.corrcoef(sound[:-80], sound[80:])[0, 1])

    assert periodicity(-30) > periodicity(-6) > periodicity(6)


def test_first_formant_carries_the_most_energy_near_where_it_was_put() -> None:
    for f1 in (350.0, 900.0):
        sound = burst(f0=80.0, f1=f1, f2=2200.0, rd=0.5)
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
        assert np.argmax(spectrum) * voice.RATE / len(sound) == pytest.approx(f1, abs=80)


@pytest.mark.parametrize("level", [-42.0, -12.0])
def test_peak_stays_below_full_scale_at_the_intended_level(level: float) -> None:
    sound = burst(level=level, attack=0.01)
    rms = 20 * np.log10(np.sqrt(np.mean(sound**2)))
    assert np.abs(sound).max() < voice.FULL_SCALE
    assert rms == pytest.approx(level, abs=2)  # the limiter takes a little off the loudest


def test_length_is_the_intended_one_with_room_around() -> None:
    assert len(burst(seconds=1.0)) == round((1.0 + 2 * voice.MARGIN) * voice.RATE)


@pytest.mark.parametrize("rd", [round(0.1 * tenth, 1) for tenth in range(4, 27)])
def test_glottal_flow_closes(rd: float) -> None:
    cycle = voice.glottal_cycle(rd)
    flow = np.cumsum(cycle)
    assert cycle.min() == pytest.approx(-1, abs=0.02)
    assert abs(cycle.mean()) < 1e-12
    assert abs(flow[-1]) < 1e-9
    assert flow.max() > 10 * abs(flow.min())


def test_laxer_pulses_are_duller() -> None:
    def tilt(rd: float) -> float:
        spectrum = np.abs(np.fft.rfft(voice.glottal_cycle(rd)))
        return spectrum[10] / spectrum[1]

    assert tilt(0.5) > tilt(1.2) > tilt(2.5)
