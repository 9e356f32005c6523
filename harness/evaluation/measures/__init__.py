"""Measures of predictions that pass through the same bootstrap, permutation and multi-reader test.

A measure is a module with two functions. `sums` gives what it needs of each speaker, [speakers,
targets, k], the number of clips first; sums of several speakers add up, and a speaker that is drawn
twice counts twice. `finish` makes the measure of them, [..., k] → [...]. The tests take `finish`
(harness.evaluation.significance.gather) and without it are about CCC.
"""
