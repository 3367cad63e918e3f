"""The dashboard: what it shows is measured, what is measured is shown, and the file is the one its script makes."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from crs.telemetry.metrics import METRICS, text

FOLDER = Path(__file__).parents[1] / "doc" / "dashboard"

spec = importlib.util.spec_from_file_location("dashboard", FOLDER / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)


def test_the_file_is_what_the_script_makes():
    assert json.loads((FOLDER / "crs.json").read_text()) == make.dashboard()


def test_every_metric_is_shown_and_every_metric_shown_is_measured():
    expressions = " ".join(target["expr"] for panel in make.dashboard()["panels"] for target in panel["targets"])
    shown = {name.removesuffix("_bucket") for name in re.findall(r"crs_[a-z_]+", expressions)}
    assert shown == set(METRICS) - {"crs_info"}


def test_the_picture_has_every_panel():
    picture = (FOLDER / "crs.svg").read_text()
    assert all(f">{panel.title}</text>" in picture for panel in make.PANELS)


LOOKS = [
    (
        float(now),
        {
            "up": 1.0,
            'sent{kind="a"}': 10.0 * now,
            'sent{kind="b"}': 5.0,
            't_bucket{le="1"}': 2.0 * now,
            't_bucket{le="2"}': 4.0 * now,
            't_bucket{le="+Inf"}': 4.0 * now,
        },
    )
    for now in range(4)
]
A, B = (("kind", "a"),), (("kind", "b"),)


@pytest.mark.parametrize(
    ("expression", "lines"),
    [
        ("up", {(): [(0, 1), (1, 1), (2, 1), (3, 1)]}),
        ("sum(sent)", {(): [(0, 5), (1, 15), (2, 25), (3, 35)]}),
        ("rate(sent[W])", {A: [(1, 10), (2, 10), (3, 10)], B: [(1, 0), (2, 0), (3, 0)]}),
        ("histogram_quantile(0.5, rate(t_bucket[W]))", {(): [(1, 1), (2, 1), (3, 1)]}),
        ("histogram_quantile(0.75, rate(t_bucket[W]))", {(): [(1, 1.5), (2, 1.5), (3, 1.5)]}),
    ],
)
def test_the_expressions_mean_what_they_mean_in_prometheus(expression, lines):
    assert make.evaluate(expression, LOOKS) == lines


def test_text_keeps_the_samples_of_a_metric_together_and_escapes_labels():
    told = text(
        [
            ("crs_calls", {"state": 'a"b\\c\nd'}, 1),
            ("crs_relay_up", {}, 0),
            ("crs_calls", {"state": "talk"}, 2),
            ("crs_call_setup_seconds_sum", {}, 0.5),
        ]
    )
    assert '# TYPE crs_calls gauge\ncrs_calls{state="a\\"b\\\\c\\nd"} 1\ncrs_calls{state="talk"} 2\n# HELP' in told
    assert "# TYPE crs_call_setup_seconds histogram\ncrs_call_setup_seconds_sum 0.5\n" in told
