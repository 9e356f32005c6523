"""The paper's two losses, in float32 whatever the training precision."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def ccc_loss(predictions: Tensor, labels: Tensor, reading: str = "per_target") -> Tensor:
    """1 - mean over targets of `batch_ccc` (§2.2), which has the arguments: losses [...]."""
    return 1 - batch_ccc(predictions, labels, reading).mean(dim=-1)


def batch_ccc(predictions: Tensor, labels: Tensor, reading: str = "per_target") -> Tensor:
    """CCC of each target over the batch (Eq. 1).

    Predictions [..., batch, targets] and labels [batch, targets] give [..., targets]. `reading`
    "pooled": one CCC over all batch × targets entries, as released: [..., 1]. A batch in which a
    target and its prediction are both constant gives CCC 0, not NaN.
    """
    x, y = predictions.float(), labels.float()
    if reading == "pooled":
        x, y = x.flatten(-2).unsqueeze(-1), y.reshape(-1, 1)
    x_mean, y_mean = x.mean(dim=-2, keepdim=True), y.mean(dim=0)
    dx, dy = x - x_mean, y - y_mean
    covariance = (dx * dy).mean(dim=-2)
    spread = dx.square().mean(dim=-2) + dy.square().mean(dim=0)
    distance = (x_mean.squeeze(-2) - y_mean).square()
    return 2 * covariance / (spread + distance + 1e-10)


def standardised(z: Tensor) -> Tensor:
    """Each column of an embedding [batch, size] less its mean, over its standard deviation."""
    return F.batch_norm(z, None, None, training=True)


def uncentred(z: Tensor) -> Tensor:
    """Each column over its root mean square: Eq. 3 as printed, with the squares that it lacks."""
    return z / (z.square().mean(dim=0) + 1e-10).sqrt()


def barlow_twins(
    a: Tensor,
    b: Tensor,
    redundancy: float,
    normalise: Callable[[Tensor], Tensor] = standardised,
) -> Tensor:
    """Σ(1 - C_ii)² + λ Σ_{i≠j} C_ij² (Eq. 2) for embeddings [batch, size]; λ = `redundancy`.

    C correlates the normalised embeddings over the batch (Zbontar et al. 2021).
    """
    with torch.autocast(a.device.type, enabled=False):  # which would multiply in bf16
        a, b = normalise(a.float()), normalise(b.float())
        diagonal = (a * b).mean(dim=0)
        # ‖C‖² = ⟨aaᵀ, bbᵀ⟩ / batch² spares the size × size matrix
        total = ((a @ a.T) * (b @ b.T)).sum() / len(a) ** 2
        return (1 - diagonal).square().sum() + redundancy * (total - diagonal.square().sum())
