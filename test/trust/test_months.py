"""The months in which keys are valid."""

from crs.trust import months


def test_the_turn_of_a_month():
    now = months.start("202612")
    assert now == 1_796_083_200_000
    assert (months.of(now - 1), months.of(now)) == ("202611", "202612")
    assert (months.after("202612"), months.before("202701")) == ("202701", "202612")
    assert months.end("202611") == now
    assert not months.expired("202611", now + months.GRACE - 1) and months.expired("202611", now + months.GRACE)
    usable = [month for month in ("202610", "202611", "202612", "202701", "202702") if months.usable(month, now)]
    assert usable == ["202611", "202612", "202701"]
