"""How fast the harness is, beside the machine's limit and beside what one would use instead.

Every comparison is made in one run with its variants taking turns, so that a ratio compares what
the machine gave to both at about the same time.
"""
