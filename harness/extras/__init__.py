"""What nobody needs for Table 2: the bench, the audit of the paper, a simulation of the tests."""
