"""Concordance correlation coefficient (Eq. 1), higher is better; see harness.evaluation.ccc."""

from harness.evaluation.ccc import ccc_from_moments as finish
from harness.evaluation.ccc import moments as sums

__all__ = ["finish", "sums"]
