"""harness launch --plan: hours of the missing cells, from the steps that the bench measured."""

import json
import re

import pytest

from harness.errors import RunError
from harness.extras.bench import hours
from tests import clone
from tests.tree import small, write_tree

SPEED = 50.0  # clips a second that the bench has measured
FACTS = {"gpu": None, "processor": "Some CPU", "threads": 2}


def measured(**changes):
    """An entry of the bench of the very row and sizes that the tree has."""
    params, _ = small()
    sizes = {key: params["train"][key] for key in ("width", "batch", "frames", "threads")}
    speeds = {"clips_per_second": {"ours": {"median": SPEED}}}
    return {"encoder": "cnn10", **sizes, **speeds, **changes}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """No dev clips, so that a cell's time is that of its steps."""
    params, rows = small()
    params["features"] = clone.PARAMS["features"]
    params["corpus"]["clips"] = {"train": 20, "dev": 0}
    rows["after"] = {
        "mine/later": rows["table2"]["cnn10-rrtn-ruwl"] | {"after": "table2/cnn10", "against": {}}
    }
    write_tree(tmp_path, params, rows)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "bench").mkdir(parents=True)
    return tmp_path


def bench(tree, **sections):
    (tree / hours.BENCH).write_text(json.dumps(sections))


def lines(text):
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}


def test_a_cell_takes_the_time_of_its_steps_at_the_measured_speed(tree):
    bench(tree, train={"hardware": FACTS, "cells": [measured()]})
    epochs, steps, batch = 2, 20 // 8, 8
    _, rows = hours.read_measured()
    row = hours.read_rows("table2", rows)[1]
    assert (row.name, row.cells, row.level) == ("table2/cnn10-rrtn-ruwl", 2, 0)
    assert row.seconds == pytest.approx(epochs * steps * batch / SPEED)


def test_the_report_adds_up_cells_levels_and_hours(tree):
    slow = measured(clips_per_second={"ours": {"median": SPEED / 3600}})
    bench(tree, train={"hardware": FACTS, "cells": [slow]})
    told = hours.report("all")
    rows = lines(told)
    assert rows["mine/later"][:2] == ["1", "1"]
    cells = [row for name, row in rows.items() if "/" in name]
    total = sum(float(row[-1]) for row in cells)
    assert "cells missing: 6, levels: 2" in told
    said = re.search(r"([\d.]+) hours of Some CPU \(2 threads\), ([\d.]+) with one", told)
    assert float(said[1]) == pytest.approx(total, abs=0.1)
    first = max(float(row[3].replace(",", "")) for row in cells if row[1] == "0")
    later = float(rows["mine/later"][3].replace(",", ""))
    assert float(said[2]) == pytest.approx((first + later) / 3600, abs=0.1)
    assert "H100-SXM" in rows
    assert "portable takes longer" in told


def test_the_nearest_measurement_is_taken_and_a_gpu_before_a_cpu(tree):
    wide = measured(width=0.5, clips_per_second={"ours": {"median": SPEED / 2}})
    gpu = {"hardware": FACTS | {"gpu": "Some GPU"}, "cells": [measured()]}
    bench(tree, train={"hardware": FACTS, "cells": [wide, measured()]})
    _, both = hours.read_measured()
    row = hours.asked_for("table2")[1].row
    assert hours.rate(row, 0.03, 8, both) == both[1].rate
    assert hours.rate(row, 0.4, 8, both) == both[0].rate
    other = hours.asked_for("mine")[0].row  # resnet18, which was not measured
    assert hours.rate(other, 0.4, 8, both) == min(each.rate for each in both)
    bench(tree, **{"train": {"hardware": FACTS, "cells": [wide]}, "train-gpu": gpu})
    assert hours.read_measured()[0] == "Some GPU"


def test_without_a_measurement_the_command_that_makes_one_is_told(tree):
    with pytest.raises(RunError, match="harness bench train"):
        hours.report("table2")
    bench(tree, features={})
    with pytest.raises(RunError, match="has no step times; run `harness bench train`"):
        hours.report("table2")
