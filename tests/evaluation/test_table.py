import pytest

from harness.config.rows import Family, Row
from harness.config.statistics import Statistics
from harness.errors import RunError
from harness.evaluation.caption import caption, warning
from harness.evaluation.table import MEASURED, Gain, Table, build, ranks, shown_kinds
from harness.paper import read_paper
from tests.fabricated import paper_training

NAMES = ["resnet18", "cnn14-rrtn"]
SETTINGS = Statistics(resamples=10_000, level=0.95, seed=0)


def block(**changes):
    return Row(encoder="cnn10", views=["clean"], terms=["ccc"], weighting="fixed", **changes)


def family(names=NAMES, seeds=(1, 2, 3), kinds=("local", "global")):
    """Rows of Table 2, all but the first compared with the first."""
    first, *others = [f"table2/{name}" for name in names]
    against = dict.fromkeys(kinds, first)
    rows = {first: block(), **{full: block(against=against) for full in others}}
    return Family("table2", rows, list(seeds))


def statistics(of, selection="last", smallest_p=0.01, facts=None, gains=None, selections=None):
    """Row → numbers as statistics.json has them; Ĉ rises by 0.1 from row to row.

    `facts`, and by kind `gains`: what is not 0.5; `selections`: row → what is not `selection`.
    """
    enough = len(of.seeds) >= 3
    shared = {"covers": "seeds and speakers", "family": 15, "smallest_p": smallest_p}
    if not enough:
        none = dict.fromkeys(("p", "p_holm", "smallest_p"))
        shared = none | {"covers": "speakers", "family": 0}
    measured = dict.fromkeys(MEASURED, 0.5) | {"params": 2_000_000, "params_trained": 1_000_000}
    numbers = measured | {"arithmetic": ["32-true on a"]} | (facts or {})
    found = {}
    for i, full in enumerate(of.listed):
        name = of.label(full)
        against = of.rows[full].against if full in of.rows else {}
        compared = {
            kind: dict.fromkeys(Gain.model_fields, 0.5)
            | (gains or {}).get(kind, {})
            | shared
            | {"baseline": of.label(against[kind])}
            if kind in against
            else None
            for kind in of.kinds
        }
        chosen = (selections or {}).get(name, selection)
        own = {"ccc": 0.5 + 0.1 * i, "selection": chosen, "comparisons": compared}
        own |= {"averaged": 4 if chosen == "late" else 1, "trend": {"word": "flat"}}
        found[name] = numbers | own
    return found


def table(
    corpus="hume-vb",
    selection="last",
    seeds=(1, 2, 3),
    names=NAMES,
    train=None,
    about=None,
    of=None,
    blocks=None,
    **numbers,
):
    """`of`: a family other than `names` in Table 2; `blocks`: of the rows that it is not of."""
    of = of or family(names, seeds)
    about = {"name": corpus, "targets": list("abcdefghij"), **(about or {})}
    found = statistics(of, selection, **numbers)
    training = paper_training(selection=selection, **(train or {}))
    every = of.rows | (blocks or {})
    return build("mine", of, every, SETTINGS, found, about, training, read_paper())


def test_keys_that_other_commands_read():
    built = table().model_dump()
    assert {"profile", "family", "corpus", "selection", "seeds", "kinds", "rows"} <= set(built)
    assert (built["profile"], built["corpus"], built["seeds"]) == ("mine", "hume-vb", [1, 2, 3])
    assert (built["family"], built["selection"]) == ("table2", "last")
    assert (built["covers"], built["comparisons"]) == ("seeds and speakers", 15)
    assert built["smallest_p"] == 0.01
    row = built["rows"][1]
    assert set(row) == {
        "row",
        "selection",
        "averaged",
        "trend",
        "reads",
        *MEASURED,
        "against",
        "paper",
        "weighed",
    }
    assert (row["row"], row["ccc"]) == ("cnn14-rrtn", 0.6)
    gain = dict.fromkeys(("gain", "gain_low", "gain_high", "p", "p_holm", "detects_gain"), 0.5)
    gain |= {"baseline": "resnet18"}
    assert row["against"] == {"local": gain, "global": gain}
    assert row["paper"] == {
        "params_m": 83.95,
        "ccc": 0.674,
        "local_gain": 4.2,
        "global_gain": 10.0,
    }
    assert Table.model_validate(built) == table()


def test_a_row_has_only_the_comparisons_that_it_names_and_kinds_keep_their_order():
    first, second, third = (f"table2/{name}" for name in ("resnet18", "cnn14", "cnn14-rrtn"))
    rows = {first: block(), second: block(against={"global": first})}
    rows[third] = block(against={"local": second, "global": first})
    built = table(of=Family("table2", rows, [1, 2, 3]))
    assert built.kinds == ["global", "local"]
    assert [set(row.against) for row in built.rows] == [set(), {"global"}, {"global", "local"}]
    assert built.rows[2].against["local"].baseline == "cnn14"
    assert "global over resnet18, local over cnn14" in caption(built)


def test_a_row_the_paper_does_not_have_gets_no_cells():
    built = table(names=[*NAMES, "mine"])
    assert built.rows[2].paper is None
    assert built.rows[2].printed("local") is None


def test_a_row_of_another_family_gets_no_cells_of_a_row_of_table_2_with_its_name():
    built = table(of=Family("mine", {"mine/cnn10": block()}, [1, 2, 3]))
    assert (built.rows[0].row, built.rows[0].paper) == ("cnn10", None)


def readings_table(**numbers):
    """A family of two rows, each against a row of Table 2."""
    against = {"paper": "table2/cnn10-rrtn-ruwl"}
    rows = {
        "readings/pooled": block(against=against, readings={"ccc_loss": "pooled"}),
        "readings/longer": block(against=against, longer=1.5),
    }
    blocks = {"table2/cnn10-rrtn-ruwl": block()}
    return table(of=Family("readings", rows, [1, 2, 3]), blocks=blocks, **numbers)


def test_rows_of_table_2_come_first_by_their_full_name_and_with_the_papers_numbers():
    built = readings_table()
    assert [row.row for row in built.rows] == ["table2/cnn10-rrtn-ruwl", "pooled", "longer"]
    assert [row.paper and row.paper.ccc for row in built.rows] == [0.668, None, None]
    assert built.rows[1].against["paper"].baseline == "table2/cnn10-rrtn-ruwl"
    assert built.rows[0].against == {}
    text = caption(built)
    assert text.startswith("The family readings on the corpus hume-vb")
    assert "Rows that begin with table2/ are those of Table 2" in text
    assert "paper over table2/cnn10-rrtn-ruwl" in text
    assert "begin with table2/" not in caption(table())


def test_what_a_row_reads_otherwise_is_told_with_how_much_longer_it_trains():
    built = readings_table()
    assert [row.reads for row in built.rows] == [{}, {"ccc_loss": "pooled"}, {"longer": 1.5}]
    assert "'reads' is what a row reads otherwise" in caption(built)
    assert "'reads'" not in caption(table())


def test_rows_that_select_another_epoch_are_named():
    built = readings_table(selections={"longer": "best"})
    assert built.selection is None
    assert [row.selection for row in built.rows] == ["last", "last", "best"]
    text = caption(built)
    assert "of the last epoch, so dev reports and selects nothing." in text
    assert "In the row longer it is of each cell's best epoch on that same split" in text


def test_of_how_many_late_epochs_a_score_is_the_mean_is_told():
    text = caption(readings_table(selection="late", selections={"pooled": "last"}))
    assert "averaged over the last 4 epochs, each scored alone" in text
    assert "In the row pooled it is of the last epoch" in text


def test_comparisons_that_the_paper_does_not_print_are_no_columns_but_are_named():
    built = table(of=family(kinds=("local", "global", "ruwl")))
    assert (built.kinds, shown_kinds(built)) == (["local", "global", "ruwl"], ["local", "global"])
    assert "significance.md also compares ruwl over resnet18." in caption(built)
    assert shown_kinds(readings_table()) == ["paper"]  # where it prints none, all are


def test_best_and_second_follow_the_unrounded_score():
    built = table(names=["a", "b", "c"])
    scores = (0.6701, 0.6703, 0.6702)
    rows = [
        row.model_copy(update={"ccc": ccc}) for row, ccc in zip(built.rows, scores, strict=True)
    ]
    assert ranks(built.model_copy(update={"rows": rows})) == {"b": 1, "c": 2}


def test_only_another_corpus_is_warned_about():
    assert warning(table()) is None
    assert "corpus synthetic, not hume-vb" in (warning(table("synthetic")) or "")


def test_caption_says_what_the_numbers_are():
    text = caption(table(about={"speakers": {"dev": 568}, "ceiling": {"mean": 0.8125}}))
    for part in (
        "Table 2 of Jing et al. (2022) reproduced",
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
    built = table(names=NAMES[:1], seeds=[1])
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


@pytest.mark.parametrize(
    ("name", "command"),
    [("table2", "statistics"), ("mine", "families/dvc.yaml:statistics@mine")],
)
def test_missing_statistics_are_named(name, command):
    of = Family(name, {f"{name}/cnn10": block()}, [1])
    about, training = {"name": "hume-vb", "targets": ["awe"]}, paper_training()
    for found, what in (({}, "row 'cnn10'"), ({"cnn10": {}}, "'params' of row 'cnn10'")):
        with pytest.raises(RunError, match=f"no {what}; run `dvc repro {command}`"):
            build("mine", of, of.rows, SETTINGS, found, about, training, read_paper())
