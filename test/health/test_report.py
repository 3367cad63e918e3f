"""Results of tests, and of tests that build upon each other."""

from crs.health.report import HealthDoubt, HealthFault, HealthReport


def test_the_worst_result_counts_and_a_chain_ends_where_it_breaks():
    report = HealthReport()
    assert report.result == "ok"

    def fail():
        raise HealthFault("broken")

    def doubt():
        raise HealthDoubt("odd")

    assert report.chain({"a": lambda: "fine", "b": doubt}) and report.result == "warning"
    assert not report.chain({"c": fail, "d": lambda: "never"}) and report.result == "error"
    assert [tuple(test) for test in report.tests] == [
        ("a", "ok", "fine"),
        ("b", "warning", "odd"),
        ("c", "error", "broken"),
        ("d", "error", "not tried, as c failed"),
    ]


def test_what_the_system_refuses_is_an_error():
    def refuse():
        raise ConnectionRefusedError(111, "Connection refused")

    report = HealthReport()
    assert not report.try_("port", refuse)
    assert report.tests == [("port", "error", "[Errno 111] Connection refused")]
