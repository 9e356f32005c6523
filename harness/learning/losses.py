"""The paper's two losses, in float32 whatever the training precision."""

from torch import Tensor
from torch.nn import functional as F


def ccc_loss(predictions: Tensor, labels: Tensor) -> Tensor:
    """1 - mean over targets of the batch's CCC (Eq. 1, with Ĉ of §2.2); both [batch, targets].

    A batch in which a target and its prediction are both constant gives CCC 0, not NaN.
    """
    x, y = predictions.float(), labels.float()
    dx, dy = x - x.mean(dim=0), y - y.mean(dim=0)
    covariance = (dx * dy).mean(dim=0)
    spread = dx.square().mean(dim=0) + dy.square().mean(dim=0)
    distance = (x.mean(dim=0) - y.mean(dim=0)).square()
    return 1 - (2 * covariance / (spread + distance + 1e-10)).mean()


def barlow_twins(a: Tensor, b: Tensor, redundancy: float) -> Tensor:
    """Σ(1 - C_ii)² + λ Σ_{i≠j} C_ij² (Eq. 2) for embeddings [batch, size]; λ = `redundancy`.

    C correlates the standardised embeddings over the batch (Zbontar et al. 2021; Eq. 3 as printed
    lacks the centring and the squares). ‖C‖² = ⟨aaᵀ, bbᵀ⟩ / batch² spares the size × size matrix.
    """
    a = F.batch_norm(a.float(), None, None, training=True)
    b = F.batch_norm(b.float(), None, None, training=True)
    diagonal = (a * b).mean(dim=0)
    total = ((a @ a.T) * (b @ b.T)).sum() / len(a) ** 2
    return (1 - diagonal).square().sum() + redundancy * (total - diagonal.square().sum())
