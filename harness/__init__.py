"""rrtn-harness: regenerates Table 2 of the RRTN paper (Jing et al., arXiv 2206.09142)."""

from harness.portable import pin

pin()
