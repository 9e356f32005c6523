"""How often each test of significance is wrong, on corpora whose truth is known."""
