"""harness.extras.bench.timing and apart: turns, medians and ratios of given seconds."""

import itertools
import os
import threading
from multiprocessing import get_context

import pytest

from harness.errors import RunError
from harness.extras.bench import apart, timing


def test_variants_take_turns_after_a_warm_up_of_each():
    calls = []

    def variant(name):
        def one_round():
            calls.append(name)
            return float(len(calls))

        return one_round

    seconds = timing.interleaved({"a": variant("a"), "b": variant("b")}, budget=0)
    assert calls == ["a", "b"] * (1 + timing.ROUNDS)
    assert seconds == {"a": [3.0, 5.0, 7.0], "b": [4.0, 6.0, 8.0]}  # the warm-up is not counted


def test_no_more_turns_than_the_most():
    counter = itertools.count(1.0)
    seconds = timing.interleaved({"a": lambda: next(counter)}, budget=1e9)
    assert len(seconds["a"]) == timing.MOST


def test_rates_are_medians_of_amount_over_seconds():
    found = timing.rates({"a": [1.0, 4.0, 2.0]}, {"a": 8.0})
    assert found == {"a": {"median": 4.0, "low": 2.0, "high": 8.0, "rounds": 3}}


def test_a_ratio_is_taken_within_a_turn_so_that_drift_cancels():
    seconds = {"a": [1.0, 10.0, 100.0], "b": [3.0, 30.0, 300.0]}
    found = timing.ratios(seconds, {"a": 2.0, "b": 1.0}, "a")
    assert found == {"b": pytest.approx(6.0)}


def test_a_round_is_timed_from_outside():
    done = []
    assert timing.timed(lambda: done.append(1))() >= 0
    assert done == [1]


@pytest.mark.skipif(not apart.STATUS.is_file(), reason="only Linux tells a process's peak memory")
def test_peak_memory_is_that_of_the_work_and_not_of_the_process_that_asks():
    ballast = bytearray(200 * 2**20)
    ballast[::4096] = b"1" * len(ballast[::4096])
    peaks = []
    for mebibytes in (1, 120):
        with apart.Apart(holding, mebibytes) as one:
            assert one() == mebibytes
            peaks.append(one.peak()["resident"])
    assert peaks[0] < 20
    assert 110 < peaks[1] < 140
    assert len(ballast) > 0


@pytest.mark.skipif(not apart.STATUS.is_file(), reason="only Linux tells a process's peak memory")
def test_peak_memory_is_also_that_of_the_workers():
    peaks = []
    for mebibytes in (1, 120):
        with apart.Apart(holding_in_a_worker, mebibytes) as one:
            one()
            peaks.append(one.peak()["resident"])
    assert 100 < peaks[1] - peaks[0] < 140


def test_a_process_that_dies_takes_nobody_with_it():
    with pytest.raises(RunError, match="process of dying died"), apart.Apart(dying) as one:
        one()
    with (
        pytest.raises(RunError, match="hanging gave no answer"),
        apart.Apart(hanging, patience=0.5) as one,
    ):
        one()
    with apart.Apart(holding, 3) as one:
        assert [one(), one()] == [3, 3]


def test_a_fault_in_a_process_of_its_own_is_told_with_its_reason():
    with apart.Apart(failing) as one, pytest.raises(RunError, match="failed: ValueError: no luck"):
        one()


def test_what_a_process_of_its_own_sets_is_not_set_here():
    with apart.Apart(setting, "RRTN_APART") as one:
        assert one() == 1
    assert "RRTN_APART" not in os.environ


def holding(mebibytes):
    def one_round():
        block = bytearray(mebibytes * 2**20)
        block[::4096] = b"1" * len(block[::4096])
        return mebibytes

    return one_round


def holding_in_a_worker(mebibytes):
    def one_round():
        worker = get_context("fork").Process(target=holding(mebibytes))
        worker.start()
        worker.join()
        return mebibytes

    return one_round


def dying():
    return os.abort


def failing():
    raise ValueError("no luck")


def hanging():
    return threading.Event().wait


def setting(name):
    os.environ[name] = "1"
    return lambda: float(os.environ[name])
