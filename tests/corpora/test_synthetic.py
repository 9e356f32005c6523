import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from harness.corpora import acquire, synthetic
from harness.corpora.synthesis import expression, ratings, voice
from harness.errors import ParamsError

BLOCK: dict[str, Any] = {
    "name": "synthetic",
    "seed": 7,
    "clips": {"train": 16, "dev": 8, "test": 4},
    "speakers": {"train": 5, "dev": 4, "test": 2},
    "raters": 5,
    "emotion": 1.0,
}
# sha256 of samples, and every 3000th sample for machines whose libm differs in the last bit
GOLDEN: dict[tuple[str, int, int], tuple[str, list[int]]] = {
    ("train", 0, 0): (
        "2c70c86ee687fdfce1a19bd0648e152a94b8aae034923c04bd2f50002f6f1d3f",
        [19, 467, 408, 556, 722, -140, 276, 57, -452, -39],
    ),
    ("dev", 3, 1): (
        "30b64185582d48218a7b16c45d7899b8bc02dc1f1553dda7ce9ead8f94ee639d",
        [7, 231, 542, 234, -254, 131, -287, -24, -248, 148, 56, 124],
    ),
    ("test", 1, 0): (
        "45c03e28df1e9259e0dfa0ae8a83afdd6725d270ea7860b0d65acacd693593e8",
        [126, 270, 1502, -13807],
    ),
}


def params(**changes: Any) -> synthetic.Params:
    return synthetic.Params.model_validate({**BLOCK, **changes})


def sounds(folder: Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.glob("wav/*.wav")}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return acquire(BLOCK, tmp_path_factory.mktemp("corpus"))


def test_same_seed_gives_the_same_bytes(corpus: Any, tmp_path: Path) -> None:
    again = acquire(BLOCK, tmp_path)
    assert sounds(corpus.root) == sounds(tmp_path)
    assert (corpus.root / "data_info.csv").read_bytes() == (tmp_path / "data_info.csv").read_bytes()
    assert corpus.facts == again.facts


def test_another_seed_gives_other_bytes(corpus: Any) -> None:
    one, other = (synthetic.clip(params(seed=seed), "dev", 0, 0) for seed in (7, 8))
    assert len(one.sound) != len(other.sound) or (one.sound != other.sound).any()
    assert (one.label != other.label).any()


def test_no_two_clips_are_the_same(corpus: Any) -> None:
    assert len(set(sounds(corpus.root).values())) == 28


def test_clip_depends_on_neither_order_nor_the_size_of_the_corpus(corpus: Any) -> None:
    large = params(
        clips={"train": 90, "dev": 60, "test": 0}, speakers=BLOCK["speakers"] | {"test": 0}
    )
    rows = corpus.clips[corpus.clips["split"] == "dev"]
    for turn in reversed(range(8)):
        made = synthetic.clip(large, "dev", turn % 4, turn // 4)
        assert (wavfile.read(corpus.root / rows["path"].iloc[turn])[1] == made.sound).all()
        assert (rows[list(ratings.EMOTIONS)].iloc[turn].to_numpy(float) == made.label).all()


def test_raters_change_labels_and_nothing_heard() -> None:
    few, many = (synthetic.clip(params(raters=k), "train", 1, 1) for k in (2, 9))
    assert (few.sound == many.sound).all()
    assert (few.label != many.label).any()


def test_emotion_changes_what_is_heard_and_no_label() -> None:
    none, much = (synthetic.clip(params(emotion=e), "train", 1, 1) for e in (0.0, 1.0))
    assert (none.label == much.label).all()
    assert not np.array_equal(none.sound, much.sound)


def test_strength_changes_what_is_heard_and_no_label() -> None:
    plain, strong = (
        synthetic.clip(params(strength=given), "train", 1, 1) for given in ({}, {"Fear": 4.0})
    )
    assert (plain.label == strong.label).all()
    assert not np.array_equal(plain.traits, strong.traits)
    one = synthetic.clip(params(strength=dict.fromkeys(ratings.EMOTIONS, 2.0)), "dev", 0, 0)
    other = synthetic.clip(params(emotion=2.0), "dev", 0, 0)
    assert np.array_equal(one.sound, other.sound)


def test_noise_changes_the_labels_of_its_emotions_alone_and_nothing_heard() -> None:
    plain, noisy = (synthetic.clip(params(noise=given), "dev", 1, 1) for given in ([], ["Awe"]))
    assert np.array_equal(plain.sound, noisy.sound)
    assert (plain.label != noisy.label).tolist() == [True] + [False] * 9


def test_an_easy_emotion_is_heard_and_a_noisy_one_is_not() -> None:
    """A ridge on the true parameters of the voice, beside the same emotions in a plain corpus."""
    size = {"clips": {"train": 480, "dev": 240, "test": 0}}
    heads = {"speakers": {"train": 40, "dev": 24, "test": 0}}

    def oracle(**keys: Any) -> Any:
        given = params(**size, **heads, **keys)
        made = [synthetic.clip(given, *place) for place in synthetic._places(given)]
        return synthetic._scores(given, made)["oracle"]["per_target"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voice, "sound", lambda *_: np.full(800, 0.1))
        plain, found = oracle(), oracle(strength={"Amusement": 4.0}, noise=["Fear"])
    assert found["Amusement"] > plain["Amusement"] + 0.1
    assert abs(found["Fear"]) < 0.1 < plain["Fear"]
    others = [name for name in plain if name not in ("Amusement", "Fear")]
    assert all(found[name] > plain[name] - 0.2 for name in others)


def test_without_emotion_the_voice_knows_nothing_of_the_meaning() -> None:
    who = expression.speaker(np.random.default_rng(0), np.ones(10))
    one, other = (
        expression.traits(meaning, who, 0.0, np.random.default_rng(1)) for meaning in np.eye(10)[:2]
    )
    assert (one == other).all()


def test_corpus_passes_its_checks(corpus: Any, tmp_path: Path) -> None:
    corpus.write(tmp_path)
    splits = corpus.clips.groupby("speaker")["split"].nunique()
    assert (splits == 1).all()
    assert corpus.targets == list(ratings.EMOTIONS)


def test_largest_label_of_every_labelled_clip_is_exactly_one(corpus: Any) -> None:
    labels = corpus.clips.set_index("split")[corpus.targets]
    assert (labels.drop("test").max(axis=1) == 1.0).all()
    assert labels.loc["test"].isna().all(axis=None)


def test_layout_is_that_of_hume_vb(corpus: Any) -> None:
    layout = pd.read_csv(corpus.root / "data_info.csv")
    assert list(layout.columns) == [
        *("File_ID", "Split", "Subject_ID", "Country", "Country_string", "Age", "Awe"),
        *("Excitement", "Amusement", "Awkwardness", "Fear", "Horror", "Distress", "Triumph"),
        *("Sadness", "Surprise"),
    ]
    assert layout["File_ID"].iloc[0] == "[00000]"
    assert layout["Split"].value_counts().to_dict() == {"Train": 16, "Val": 8, "Test": 4}
    assert (
        layout.loc[layout["Split"] == "Test", ["Country", "Country_string", "Awe"]]
        .isna()
        .all(axis=None)
    )
    assert sorted(sounds(corpus.root)) == [f"{number:05d}.wav" for number in range(28)]


def test_every_clip_is_16_khz_mono_int16_heard_and_not_clipped(corpus: Any) -> None:
    for path in corpus.clips["path"]:
        rate, samples = wavfile.read(corpus.root / path)
        assert (rate, samples.dtype, samples.ndim) == (16_000, np.int16, 1)
        assert 100 < np.abs(samples.astype(int)).max() < 32_000
        assert 0.6 < len(samples) / rate < 3.4


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Facts of a corpus of the default size, with a stand-in for its sound."""
    size = {"clips": {"train": 480, "dev": 240, "test": 0}}
    heads = {"speakers": {"train": 40, "dev": 24, "test": 0}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voice, "sound", lambda *_: np.full(800, 0.1))
        return acquire(BLOCK | size | heads, tmp_path_factory.mktemp("silent")).facts


def test_landmarks_stand_in_their_order(facts: Any) -> None:
    assert 0.4 < facts["oracle"]["mean"] < 0.65
    assert 0.82 < facts["ceiling"]["mean"] < facts["bound"]["mean"] < 0.9
    assert set(facts["ceiling"]["per_target"]) == set(ratings.EMOTIONS)


def test_speaker_and_country_tell_nothing_of_the_label(facts: Any) -> None:
    assert abs(facts["speaker_mean"]["mean"]) < 0.08
    assert abs(facts["country_mean"]["mean"]) < 0.05


def test_variance_shares_are_those_measured_on_real_bursts() -> None:
    rng = np.random.default_rng(0)
    shown = expression.display(rng, 4)
    traits, dominant = [], []
    for number in range(150):
        who = expression.speaker(rng, shown[number % 4])
        said = [ratings.meaning(rng) for _ in range(30)]
        traits.append([expression.traits(meaning, who, 1.0, rng) for meaning in said])
        dominant.append([int(meaning.argmax()) for meaning in said])
    heard, emotion = np.array(traits), np.array(dominant)
    usual = heard.mean(axis=1)
    within = heard - usual[:, None]
    typical = np.array([within[emotion == k].mean(axis=0) for k in range(10)])
    total = heard.reshape(-1, heard.shape[2]).var(axis=0)
    speaker = dict(zip(expression.TRAITS, usual.var(axis=0) / total, strict=True))
    category = dict(zip(expression.TRAITS, typical.var(axis=0) / total, strict=True))
    measured = {"level": (0.59, 0.07), "pitch": (0.30, 0.05), "breath": (0.31, 0.07)}
    measured |= {"length": (0.29, 0.11), "pulse_depth": (0.07, 0.25)}
    for name, shares in measured.items():
        assert (speaker[name], category[name]) == pytest.approx(shares, abs=0.06), name


def test_random_streams_are_those_the_golden_clips_were_made_with() -> None:
    rng = np.random.Generator(synthetic._philox(1, 2, 3))
    np.testing.assert_array_equal(rng.random(2), [0.7198955456932165, 0.012702050455707714])
    np.testing.assert_array_equal(rng.standard_normal(2), [1.138106627364397, 0.22245189443612992])


@pytest.mark.parametrize("place", list(GOLDEN))
def test_golden_clips(place: tuple[str, int, int]) -> None:
    digest, probes = GOLDEN[place]
    made = synthetic.clip(params(), *place).sound
    if hashlib.sha256(made.tobytes()).hexdigest() != digest:
        assert np.abs(made[::3000].astype(int) - probes).max() <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sed": 1}, "did you mean 'seed'"),
        ({"raters": 1}, "corpus.raters"),
        ({"emotion": -1.0}, "corpus.emotion"),
        ({"seed": "7"}, "corpus.seed"),
        ({"strength": {"Aw": 2.0}}, "'Aw' is no emotion; did you mean 'Awe'?"),
        ({"strength": {"Awe": -2.0}}, "corpus.strength.Awe"),
        ({"noise": ["fear"]}, "did you mean 'Fear'?"),
        ({"clips": {"train": 0, "dev": 8, "test": 0}}, "corpus.clips.train"),
        ({"speakers": {"train": 17, "dev": 4, "test": 2}}, "give it 1 to 16 speakers"),
        ({"speakers": {"train": 5, "dev": 4, "test": 0}}, "test has 4 clips"),
    ],
)
def test_bad_params_are_one_line(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml") as caught:
        acquire(BLOCK | changes, tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
