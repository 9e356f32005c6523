import pytest

from harness.config.rows import Family, Row
from harness.config.statistics import Statistics
from harness.errors import RunError
from harness.evaluation.table import MEASURED, Gain, build, caption, ranks, shown_kinds, warning
from harness.paper import read_paper
from tests.fabricated import block, full, paper_training

ROWS = ["resnet18", "cnn14", "cnn14-rrtn"]
FACTS = dict.fromkeys(MEASURED, 0.5) | {"params": 1000, "params_trained": 100}
FACTS |= {"arithmetic": ["32-true on a"], "selection": "last"}


def block_of(name, names):
    row = Row.model_validate(block(name, names))
    against = {kind: full(other) for kind, other in row.against.items()}
    return row.model_copy(update={"against": against})


def table(
    corpus="hume-vb", seeds=(1, 2, 3), rows=ROWS, train=None, facts=None, about=None, name="table2"
):
    """Rows 0.1 apart in Ĉ; `facts`: what statistics.json has otherwise, of every row."""
    compared = dict.fromkeys(Gain.model_fields, 0.5) | {"covers": "seeds and speakers"}
    compared |= {"family": 15, "smallest_p": 0.01}
    if len(seeds) < 3:
        none = dict.fromkeys(("p", "p_holm", "smallest_p"))
        compared |= none | {"covers": "speakers", "family": 0}
    blocks = {full(row): block_of(row, rows) for row in rows}
    family = Family(name, blocks, list(seeds))
    statistics = {
        row: FACTS
        | (facts or {})
        | {"ccc": 0.5 + 0.1 * i}
        | {
            "comparisons": {
                kind: compared | {"baseline": other.removeprefix("table2/")}
                for kind, other in blocks[full(row)].against.items()
            }
        }
        for i, row in enumerate(rows)
    }
    settings = Statistics(resamples=10_000, level=0.95, seed=0)
    about = {"name": corpus, "targets": list("abcdefghij"), **(about or {})}
    training = paper_training(**(train or {}))
    return build("mine", family, blocks, settings, statistics, about, training, read_paper())


def test_keys_that_other_commands_read():
    built = table()
    assert (built.profile, built.family, built.corpus) == ("mine", "table2", "hume-vb")
    assert (built.selection, built.seeds) == ("last", [1, 2, 3])
    assert (built.covers, built.comparisons) == ("seeds and speakers", 15)
    assert (built.smallest_p, built.kinds) == (0.01, ["global", "local"])
    row = built.rows[2]
    assert (row.row, row.ccc, list(row.against)) == ("cnn14-rrtn", 0.7, ["local", "global"])
    assert row.against["local"].model_dump() == {
        "baseline": "cnn14",
        **dict.fromkeys(("gain", "gain_low", "gain_high", "p", "p_holm"), 0.5),
    }
    assert row.paper.model_dump() == {
        "params_m": 83.95,
        "ccc": 0.674,
        "local_gain": 4.2,
        "global_gain": 10.0,
    }


def test_a_row_the_paper_does_not_have_has_none_of_its_numbers():
    assert table(rows=[*ROWS, "cnn6"]).rows[3].paper is None


def test_the_columns_are_what_the_paper_prints_and_without_it_all_comparisons():
    rows = [*ROWS, "cnn14-rrtn-ruwl"]
    built = table(rows=rows)
    assert built.kinds == ["global", "local", "ruwl"]
    assert shown_kinds(built) == ["global", "local"]
    assert "significance.md also compares ruwl over cnn14-rrtn." in caption(built)
    theirs = [row.model_copy(update={"paper": None}) for row in built.rows]
    assert shown_kinds(built.model_copy(update={"rows": theirs})) == ["global", "local", "ruwl"]


def test_best_and_second_follow_the_unrounded_score():
    built = table(rows=["a", "b", "c"])
    scores = zip(built.rows, (0.6701, 0.6703, 0.6702), strict=True)
    rows = [row.model_copy(update={"ccc": ccc}) for row, ccc in scores]
    assert ranks(built.model_copy(update={"rows": rows})) == {"b": 1, "c": 2}


def test_only_another_corpus_is_warned_about():
    assert warning(table()) is None
    assert "corpus synthetic, not hume-vb" in (warning(table("synthetic")) or "")


def test_caption_says_what_the_numbers_are():
    text = caption(table(about={"speakers": {"dev": 568}, "ceiling": {"mean": 0.8125}}))
    for part in (
        "corpus hume-vb with 3 seeds (1, 2, 3)",
        "mean CCC over 10 targets on the dev split, of the last epoch",
        "± is the standard deviation over seeds",
        "The 95 % interval of Ĉ",
        "10,000 paired bootstrap resamples of the 568 dev speakers, for these seeds",
        "seeds as readers and speakers as cases",
        "Holm corrects p for the table's 15 comparisons",
        "global over resnet18, local over cnn14",
        "0.812",
    ):
        assert part in text
    assert "Trained in 32-true on a." in text


def test_caption_warns_that_the_best_epoch_is_chosen_on_the_reported_split():
    assert "both selects and reports" in caption(table(facts={"selection": "best"}))
    assert "both selects and reports" not in caption(table())


def test_caption_with_one_seed_has_no_standard_deviation():
    text = caption(table(seeds=[7]))
    assert "with 1 seed (7)" in text
    assert "n/a with one seed" in text
    assert "cover speakers only, for these seeds. p takes three seeds or more, so" in text
    assert "Holm" not in text


def test_caption_of_a_single_row_has_no_p():
    built = table(rows=ROWS[:1])
    assert (built.covers, built.rows[0].against) == (None, {})
    assert "Holm" not in caption(built)
    assert "Gains" not in caption(built)


@pytest.mark.parametrize(
    ("train", "sentence"),
    [
        ({"width": 0.25}, ", with width 0.25 (paper: 1)."),
        ({"epochs": 8, "batch": 16}, ", with epochs 8 (paper: 60), batch 16 (paper: 128)."),
        (
            {"spec_augment": paper_training()["spec_augment"] | {"frames": 32}},
            ", with spec_augment.frames 32 (paper: 64).",
        ),
    ],
)
def test_caption_names_what_differs_from_the_paper(train, sentence):
    assert sentence in caption(table(train=train))


def test_caption_names_every_arithmetic_once():
    facts = {"arithmetic": ["bf16-mixed on b", "32-true on a"]}
    assert "Trained in 32-true on a and in bf16-mixed on b." in caption(table(facts=facts))


def test_missing_statistics_are_named():
    settings = Statistics(resamples=100, level=0.95, seed=0)
    about = {"name": "hume-vb", "targets": ["awe"]}
    blocks = {"mine/a": block_of("cnn10", [])}
    family, rest = Family("mine", blocks, [1]), (about, paper_training(), read_paper())
    stage = "families/dvc.yaml:statistics@mine"
    with pytest.raises(RunError, match=f"no row 'a'; run `dvc repro {stage}`"):
        build("toy", family, blocks, settings, {}, *rest)
    with pytest.raises(RunError, match="no 'params' of row 'a'"):
        build("toy", family, blocks, settings, {"a": {}}, *rest)
