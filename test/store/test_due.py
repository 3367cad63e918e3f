"""Rounding of deadlines: never early, at most a sixteenth of a life late, few different ones."""

from hypothesis import given
from hypothesis import strategies as st

from crs.store.due import rounded
from test.store.conftest import DAY, NOW


@given(st.integers(NOW, NOW + 400 * DAY), st.integers(0, 400 * DAY))
def test_never_early_and_little_late(at, life):
    assert 0 <= rounded(at, life) - at <= max(0, life / 16)


@given(st.integers(60_000, 90 * DAY))
def test_a_steady_stream_makes_few_entries(life):
    times = {rounded(now + life, life) for now in range(NOW, NOW + life, life // 500)}
    assert len(times) <= 34
