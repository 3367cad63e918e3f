"""The three forms of output, and output that goes on."""

import io
import json

from crs.cli.output import Line, ResultStream, ResultTable, Sections, Utc, write

NOON = 1_795_348_800_000  # 2026-11-22 12:00:00 UTC


class TerminalOutput(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(result, out=None, as_json=False) -> str:
    out = out or io.StringIO()
    write(out, result, as_json)
    return out.getvalue()


CLIENTS = ResultTable(
    ("URI", "TIME", "IP:PORT", "READ"),
    [("+467", 5, "10.0.0.1:9", Utc(NOON), "primary"), ("+46701234567", 1234, "[::1]:5223", None, "secondary")],
    details=("type",),
)


def test_a_table_is_aligned_on_a_terminal():
    assert printed(CLIENTS, TerminalOutput()) == (
        "URI           TIME  IP:PORT     READ\n"
        "+467             5  10.0.0.1:9  2026-11-22 12:00:00\n"
        "+46701234567  1234  [::1]:5223  -\n"
    )


def test_a_table_is_separated_by_tabs_in_a_pipe():
    assert printed(CLIENTS) == (
        "URI\tTIME\tIP:PORT\tREAD\n+467\t5\t10.0.0.1:9\t2026-11-22 12:00:00\n+46701234567\t1234\t[::1]:5223\t-\n"
    )


def test_a_table_as_json_has_typed_values_and_the_details():
    assert json.loads(printed(CLIENTS, as_json=True)) == [
        {"uri": "+467", "time": 5, "ip_port": "10.0.0.1:9", "read": "2026-11-22T12:00:00Z", "type": "primary"},
        {"uri": "+46701234567", "time": 1234, "ip_port": "[::1]:5223", "read": None, "type": "secondary"},
    ]


def test_json_has_one_row_a_line():
    assert printed(CLIENTS, as_json=True).count("\n") == 4


def test_an_empty_table_shows_its_titles():
    empty = ResultTable(("URI", "TIME"), [])
    assert printed(empty, TerminalOutput()) == "URI  TIME\n"
    assert printed(empty) == "URI\tTIME\n"
    assert json.loads(printed(empty, as_json=True)) == []


def test_the_word_for_what_is_absent_is_the_tables():
    assert printed(ResultTable(("A",), [(None,)], absent="Not Available")) == "A\nNot Available\n"


def test_lists_are_joined_for_people():
    table = ResultTable(("IDENTIFIERS",), [(["a", "b"],)])
    assert printed(table) == "IDENTIFIERS\na, b\n"
    assert json.loads(printed(table, as_json=True)) == [{"identifiers": ["a", "b"]}]


def test_text_from_outside_cannot_break_a_table_or_steer_a_terminal():
    hostile = ResultTable(("VERSION",), [("1\t2\n\x1b[2J",)])
    assert printed(hostile) == "VERSION\n1\\t2\\n\\x1b[2J\n"


def test_sections():
    counters = Sections({"RTP": {"rx": 5, "rxBytes": 900}, "Sent": {"packets": 12}})
    assert printed(counters, TerminalOutput()) == ("RTP   rx         5\n      rxBytes  900\nSent  packets   12\n")
    assert printed(counters) == "RTP\trx\t5\nRTP\trxBytes\t900\nSent\tpackets\t12\n"
    assert json.loads(printed(counters, as_json=True)) == counters.fields


def test_a_line():
    version = Line("5.0.0", {"version": "5.0.0"})
    assert printed(version, TerminalOutput()) == printed(version) == "5.0.0\n"
    assert json.loads(printed(version, as_json=True)) == {"version": "5.0.0"}


def test_columns_of_a_terminal_grow_with_what_is_in_them():
    lines = [("1", "x", "y"), ("long", "x", "y"), ("2", "\x1b[2J", "y")]
    assert printed(ResultStream(("A", "B", "C"), iter(lines)), TerminalOutput()) == (
        "A  B  C\n1  x  y\nlong  x  y\n2     \\x1b[2J  y\n"
    )
