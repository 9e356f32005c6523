"""What a corpus holds: Table 1, and what is odd in its sounds."""
