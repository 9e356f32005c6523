"""One row of the table, one seed → dev predictions, history, metrics, record."""

import argparse
import json
import time
from pathlib import Path

import pandas as pd

from harness.config.strict import PARAMS, block, parse, profile, section
from harness.config.training import Row, Train
from harness.errors import ParamsError
from harness.learning.record import environment
from harness.learning.training import Cell, check, train_cell, write_predictions
from harness.learning.twins import parameters
from harness.stage import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", required=True)
    parser.add_argument("--seed", required=True, type=int)
    chosen = parser.parse_args()
    train, rows = block(Train, "train"), section("rows")
    for other, node in rows.items():  # a fault in the last row ends the first cell, not the last
        check(parse(Row, node, f"rows.{other}"), train, f"rows.{other}")
    if chosen.row not in rows:
        raise ParamsError(f"{PARAMS}: rows has no '{chosen.row}'; it has {list(rows)}")
    row = parse(Row, rows[chosen.row], f"rows.{chosen.row}")
    name = f"{chosen.row}-{chosen.seed}"
    features, out = Path("features") / profile(), Path("runs") / profile() / name
    origin = {"corpus": dict(section("corpus")), "features": dict(section("features"))}
    checkpoint = Path("scratch") / profile() / f"{name}.ckpt"
    started = time.time()
    state, dev = train_cell(Cell(name, row, train, chosen.seed, features, origin), checkpoint)

    out.mkdir(parents=True, exist_ok=True)
    for selection, values in (("last", state.last), ("best", state.best)):
        path = out / f"predictions-{selection}.csv"
        write_predictions(path, dev.clips, dev.targets, values)
    pd.DataFrame(state.history).to_csv(out / "history.csv", index=False, float_format="%.6g")
    bands, last = dev.levels.shape[1], state.history[-1]
    full = train.model_copy(update={"width": 1.0})
    metrics = {
        "row": chosen.row,
        "seed": chosen.seed,
        "params": parameters(row, full, bands, len(dev.targets)),
        "params_trained": parameters(row, train, bands, len(dev.targets)),
        "width": train.width,
        "epochs": train.epochs,
        "last": {"epoch": state.epoch, "ccc": last["dev_ccc"]},
        "best": {"epoch": state.best_epoch, "ccc": state.best_ccc},
    }
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    record = {
        "row": row.model_dump(),
        "train": train.model_dump(),
        **origin,
        "seed": chosen.seed,
        "seconds": time.time() - started,
        "epoch_seconds": state.seconds,
        **environment(),
    }
    (out / "record.json").write_text(json.dumps(record, indent=2) + "\n")
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run(main)
