"""Run by a Python that has autrainer, not by this harness's: an epoch for every line of input.

Toy data of autrainer's own, which costs it no reading of files, and its MSE on ten targets.
"""

import sys
from typing import Any


def main() -> None:
    model, *sizes = sys.argv[1:]
    steps, threads, batch, frames, bands = map(int, sizes)
    import torch
    from autrainer.training import ModularTaskTrainer
    from omegaconf import OmegaConf

    torch.set_num_threads(threads)
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    config = configuration(model, device, steps, batch, (frames, bands))
    trainer = ModularTaskTrainer(OmegaConf.create(config), "run")
    trainer._thread_manager.join()
    trainer.train_step_fn = trainer._train_step
    for number, _ in enumerate(sys.stdin, start=1):
        trainer._cfg.iterations = trainer.initial_iteration = number
        trainer.train_epochs()
        print("seconds", trainer.train_timer.time_log[-1], flush=True)


def configuration(
    model: str, device: str, steps: int, batch: int, shape: tuple[int, int]
) -> dict[str, Any]:
    """What autrainer's hydra would compose: `steps` batches an epoch, `shape`: frames, bands."""
    size = (steps + 2) * batch  # one batch of dev, one of test
    none = {"id": "None", "_target_": "None"}
    metric = "autrainer.metrics.CCC"
    return {
        "seed": 1,
        "reproducible": True,
        "device": device,
        "training_type": "epoch",
        "iterations": 1,
        "eval_frequency": 1,
        "save_frequency": 10**9,
        "batch_size": batch,
        "inference_batch_size": batch,
        "learning_rate": 0.001,
        "progress_bar": False,
        "continue_training": False,
        "save_train_outputs": False,
        "save_dev_outputs": False,
        "save_test_outputs": False,
        "dataset": {
            "id": "Toy",
            "_target_": "autrainer.datasets.ToyDataset",
            "task": "mt-regression",
            "size": size,
            "num_targets": 10,
            "feature_shape": [1, *shape],
            "dev_split": (batch + 0.5) / size,
            "test_split": (batch + 0.5) / size,
            "criterion": "autrainer.criterions.MSELoss",
            "metrics": [metric],
            "tracking_metric": metric,
            "transform": {"type": "grayscale"},
        },
        "model": {
            "id": model,
            "_target_": f"autrainer.models.{model}",
            "transform": {"type": "grayscale"},
        },
        "optimizer": {"id": "AdamW", "_target_": "torch.optim.AdamW"},
        "scheduler": none,
        "augmentation": {
            "id": "None",
            "_target_": "autrainer.augmentations.AugmentationPipeline",
            "pipeline": [],
        },
        "plotting": {
            "figsize": [10, 5],
            "latex": False,
            "filetypes": ["png"],
            "pickle": False,
            "context": "notebook",
            "palette": "colorblind",
            "replace_none": False,
            "add_titles": True,
            "add_xlabels": True,
            "add_ylabels": True,
            "rcParams": {},
        },
    }


if __name__ == "__main__":
    main()
