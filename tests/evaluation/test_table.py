import pytest
from harness.config.table import Row

from harness.config.statistics import Statistics
from harness.errors import RunError
from harness.evaluation.table import COMPARED, MEASURED, build, caption, ranks, warning
from harness.paper import read_paper
from tests.fabricated import paper_training

ROWS = [Row("resnet18", "resnet18", "vanilla"), Row("cnn14-rrtn", "cnn14", "rrtn")]


def table(
    corpus="hume-vb",
    selection="last",
    seeds=(1, 2, 3),
    rows=ROWS,
    train=None,
    facts=None,
    about=None,
):
    compared = dict.fromkeys(COMPARED, 0.5) | {"covers": "seeds and speakers", "family": 15}
    compared["smallest_p"] = 0.01
    if len(seeds) < 3:
        none = dict.fromkeys(("p", "p_holm", "smallest_p"))
        compared |= none | {"covers": "speakers", "family": 0}
    numbers = dict.fromkeys(MEASURED, 0.5) | {"arithmetic": ["32-true on a"]} | (facts or {})
    numbers["comparisons"] = {"local": compared, "global": compared, "ruwl": None}
    statistics = {row.name: numbers | {"ccc": 0.5 + 0.1 * i} for i, row in enumerate(rows)}
    settings = Statistics(resamples=10_000, level=0.95, seed=0)
    about = {"name": corpus, "targets": list("abcdefghij"), **(about or {})}
    training = paper_training(selection=selection, **(train or {}))
    return build("mine", rows, list(seeds), settings, statistics, about, training, read_paper())


def test_keys_that_other_commands_read():
    built = table()
    assert {"profile", "corpus", "selection", "seeds", "rows"} <= set(built)
    assert (built["profile"], built["corpus"], built["seeds"]) == ("mine", "hume-vb", [1, 2, 3])
    row = built["rows"][1]
    gains = {
        f"{name}{end}"
        for kind in ("local", "global", "ruwl")
        for name, ends in ((f"{kind}_gain", ("", "_low", "_high")), (f"p_{kind}", ("", "_holm")))
        for end in ends
    }
    assert set(row) == {"row", "encoder", "method", *MEASURED, *gains, "paper"}
    assert (row["p_local"], row["p_ruwl"]) == (0.5, None)
    assert (built["covers"], built["comparisons"]) == ("seeds and speakers", 15)
    assert built["smallest_p"] == 0.01
    assert (row["row"], row["encoder"], row["method"], row["ccc"]) == (*ROWS[1], 0.6)
    assert row["paper"] == {
        "params_m": 83.95,
        "ccc": 0.674,
        "local_gain": 4.2,
        "global_gain": 10.0,
    }


def test_a_row_the_paper_does_not_have_gets_null_cells():
    built = table(rows=[*ROWS, Row("mine", "cnn14", "mixup")])
    assert set(built["rows"][2]["paper"].values()) == {None}


def test_best_and_second_follow_the_unrounded_score():
    rows = [Row(name, name, "vanilla") for name in "abc"]
    built = table(rows=rows)
    for row, ccc in zip(built["rows"], (0.6701, 0.6703, 0.6702), strict=True):
        row["ccc"] = ccc
    assert ranks(built) == {"b": 1, "c": 2}


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
        "global over resnet18",
        "0.812",
    ):
        assert part in text
    assert "Trained in 32-true on a." in text


def test_caption_warns_that_the_best_epoch_is_chosen_on_the_reported_split():
    assert "both selects and reports" in caption(table(selection="best"))
    assert "both selects and reports" not in caption(table(selection="last"))


def test_caption_with_one_seed_has_no_standard_deviation():
    text = caption(table(seeds=[7]))
    assert "with 1 seed (7)" in text
    assert "n/a with one seed" in text
    assert "cover speakers only, for these seeds. p takes three seeds or more, so" in text
    assert "Holm" not in text


def test_caption_of_a_single_row_has_no_p():
    facts = {"arithmetic": ["32-true on a"], "comparisons": {"local": None}}
    statistics = {"resnet18": dict.fromkeys(MEASURED, 0.5) | facts}
    settings = Statistics(resamples=100, level=0.95, seed=0)
    about = {"name": "hume-vb", "targets": ["awe"]}
    training = paper_training()
    built = build("mine", ROWS[:1], [1], settings, statistics, about, training, read_paper())
    assert (built["covers"], built["rows"][0]["p_local"]) == (None, None)
    assert "Holm" not in caption(built)


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
    with pytest.raises(RunError, match="no row 'resnet18'; run `dvc repro statistics`"):
        build("mine", ROWS, [1], settings, {}, about, paper_training(), read_paper())
    with pytest.raises(RunError, match="no 'params' of row 'resnet18'"):
        build("mine", ROWS, [1], settings, {"resnet18": {}}, about, paper_training(), read_paper())
