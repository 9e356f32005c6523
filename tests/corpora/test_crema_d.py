"""harness.corpora.crema_d: votes and intensities become targets whose noise is known."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.corpora import acquire, crema_d
from harness.corpora.clips import Corpus
from harness.corpora.crema_d import EMOTIONS, TARGETS, VOTES
from harness.errors import CorpusError
from tests.corpora.zenodo_server import Zenodo, serving

BLOCK = {"name": "crema-d", "seed": 1, "dev_share": 0.5}
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"


def votes(actors: int = 8, clips: int = 6, raters: int = 9, sharp: float = 0.5) -> pd.DataFrame:
    """Rows as the repository has them, each clip by voice (1), face (2) and both (3); the chance
    of an emotion is Dirichlet(`sharp`), its intensity 60."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(actors * clips):
        chances = rng.dirichlet([sharp] * 6)
        for way in "123":
            chosen = rng.multinomial(raters, chances)
            row = {"": f"{way}{number:05d}", **dict(zip(EMOTIONS, chosen, strict=True))}
            row["fileName"] = f"{1001 + number // clips}_IEO_{number % clips}_XX"
            row |= {
                f"mean{emotion}RespNorm": 60.0 if count else -1.0
                for emotion, count in zip(TARGETS, chosen, strict=True)
            }
            rows.append(row)
    return pd.DataFrame(rows)


def sound(name: str) -> bytes:
    out = io.BytesIO()
    level = int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) / 65536
    soundfile.write(out, np.full(1600, level), 16000, format="WAV")
    return out.getvalue()


def clone(root: Path, table: pd.DataFrame) -> Path:
    (root / VOTES).parent.mkdir(parents=True)
    (root / "AudioWAV").mkdir()
    table.to_csv(root / VOTES, index=False, quoting=2)
    for name in table["fileName"].unique():
        (root / "AudioWAV" / f"{name}.wav").write_bytes(sound(name))
    return root


def load(root: Path, **changes: object) -> Corpus:
    corpus = acquire(BLOCK | {"path": str(root)} | changes, root.parent / "data" / "crema-d")
    corpus.check()
    return corpus


def test_a_target_is_the_share_of_votes_times_their_intensity(tmp_path: Path) -> None:
    table = votes()
    clips = load(clone(tmp_path / "clone", table)).clips.set_index("clip")
    assert len(clips) == 48  # by voice alone
    voice = table[table[""].str.startswith("1")].set_index("fileName").loc[clips.index]
    np.testing.assert_allclose(clips[TARGETS], voice[list(EMOTIONS)] / 9 * 0.6)
    assert clips.loc["1003_IEO_2_XX", "speaker"] == "1003"
    assert clips.loc["1003_IEO_2_XX", "path"] == "AudioWAV/1003_IEO_2_XX.wav"


@pytest.mark.parametrize("raters", [4, 9, 40])
def test_the_ceiling_is_the_correlation_with_what_no_one_can_see(
    tmp_path: Path, raters: int
) -> None:
    rng = np.random.default_rng(3)
    chances = rng.dirichlet([0.5] * 6, 3000)
    chosen = rng.multinomial(raters, chances)
    truth = [np.corrcoef(chances[:, e], chosen[:, e] / raters)[0, 1] for e in range(6)]
    found = crema_d._ceiling(chosen, np.full((3000, 6), 0.6), seed=0)
    assert found["mean"] == pytest.approx(np.mean(truth), abs=0.01)
    assert list(found["per_target"]) == TARGETS


def cell(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def changed(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object})
        table.loc[3, column] = value  # the voice of the second clip
        return table

    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="meanSadRespNorm"), "has no column 'meanSadRespNorm'"),
        (lambda t: t.drop(columns=""), "has no column ''"),
        (lambda t: t[~t[""].str.startswith("1")], "has no whole votes .* of any clip"),
        (cell("A", -1), "has no whole votes .* of 1001_IEO_1_XX; restore the file"),
        (cell("A", 0.5), "has no whole votes .* of 1001_IEO_1_XX"),
        (cell("A", ""), "has no whole votes .* of 1001_IEO_1_XX"),
        (cell("A", "two"), "clip 1001_IEO_1_XX has A = 'two'"),
        (cell("meanSadRespNorm", 101), "has no whole votes .* of 1001_IEO_1_XX"),
        (cell("fileName", "1001_IEO_0_XX"), "rates the voice of 1001_IEO_0_XX twice"),
        (cell("", "100000"), "lists clip 100000 twice"),
        (lambda t: t.assign(S=0, N=t["N"] + t["S"]), "Sad is 0 for every train clip"),
    ],
)
def test_a_faulty_table_is_named(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    root = clone(tmp_path / "clone", votes())
    change(votes()).to_csv(root / VOTES, index=False)
    with pytest.raises(CorpusError, match=message):
        load(root)


@pytest.mark.parametrize("share", [0.25, 0.3, 0.5, 0.75])
def test_the_share_of_actors_is_exact(tmp_path: Path, share: float) -> None:
    root = clone(tmp_path / "clone", votes())
    for seed in range(5):
        clips = load(root, seed=seed, dev_share=share).clips
        assert clips["speaker"][clips["split"] == "dev"].nunique() == round(8 * share)


def test_a_clone_without_its_lfs_objects_says_so(tmp_path: Path) -> None:
    root = clone(tmp_path / "clone", votes())
    (root / "AudioWAV" / "1001_IEO_0_XX.wav").write_text(LFS.format("0" * 64, 5))
    with pytest.raises(CorpusError, match="is a Git LFS pointer, not the sound; run"):
        load(root)


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zenodo:
    """GitHub's archive of pointers, and the sounds that they point to."""
    monkeypatch.chdir(tmp_path)
    table, out = votes(4, 3), io.BytesIO()
    files = {VOTES.as_posix(): table.to_csv(index=False).encode(), "LICENSE.txt": b"ODbL"}
    pages = {}
    for name in table["fileName"].unique():
        body = sound(name)
        pages[f"/raw/{name}.wav"] = body
        pointer = LFS.format(hashlib.sha256(body).hexdigest(), len(body))
        files[f"AudioWAV/{name}.wav"] = pointer.encode()
    files["VideoFlash/1001_IEO_0_XX.flv"] = b"not wanted"
    with tarfile.open(fileobj=out, mode="w:gz") as whole:
        for name, body in files.items():
            member = tarfile.TarInfo(f"CREMA-D-1658cd3/{name}")
            member.size = len(body)
            whole.addfile(member, io.BytesIO(body))
    return Zenodo({}, pages={"/archive": out.getvalue(), **pages})


def served(server: Zenodo, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    monkeypatch.setattr(crema_d, "ARCHIVE", f"{server.url}/archive")
    monkeypatch.setattr(crema_d, "SOUNDS", f"{server.url}/raw")
    return acquire(BLOCK, Path("data/crema-d"))


def test_each_sound_is_fetched_and_held_against_its_pointer(
    github: Zenodo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(github) as server:
        corpus = served(server, monkeypatch)
    corpus.check()
    again = load(clone(tmp_path / "clone", votes(4, 3)))
    pd.testing.assert_frame_equal(corpus.clips, again.clips)
    assert not (corpus.root / "VideoFlash").exists()
    assert (corpus.root / "LICENSE.txt").is_file()
    assert [p.name for p in Path("data/raw").iterdir()] == ["crema-d"]


def test_a_sound_that_is_not_what_its_pointer_says_is_refused(
    github: Zenodo, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.pages["/raw/1002_IEO_1_XX.wav"] = sound("another")
    with (
        serving(github) as server,
        pytest.raises(CorpusError, match=r"1002_IEO_1_XX\.wav from .* has the sha256"),
    ):
        served(server, monkeypatch)
    assert not Path("data/raw/crema-d").exists()
    assert not Path("locks").exists()
