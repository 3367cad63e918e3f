"""Lists that grow with clients, calls or messages: complete, in order, valid JSON, in memory that does not grow."""

import gc
import io
import json
import tracemalloc

import pytest

from crs.cli import blacklist as blacklists
from crs.cli import clients, relay, rooms, statistics, stored
from crs.cli.host import LocalHost
from crs.cli.output import PAGE, ResultTable, write
from crs.store.ordering import PART
from crs.trust.update import Update
from test.cli import filling
from test.cli.filling import ACCOUNT, client
from test.trust.updates.make import NOW

FEW, MANY = PART + 500, 3 * PART  # both more than what is sorted at a time
A_ROW = 40  # bytes: less than the shortest name takes that a further row might leave behind

LISTS = {
    "show attach": (clients.attach, filling.attached),
    "show message": (clients.message, filling.messages),
    "show session": (clients.session, filling.calls),
    "show client-info": (stored.infos, filling.infos),
    "show client-storage": (stored.storage, filling.stored),
    "stats export": (statistics.export, filling.counted),
    "show blacklist": (blacklists.show, filling.blocked),
    "list conference-room": (rooms.listing, filling.rooms),
}


class Counting(io.TextIOBase):
    """Output that only counts its lines, to a terminal or not."""

    def __init__(self, terminal: bool = False):
        self.lines, self._terminal = 0, terminal

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        return len(text)


@pytest.fixture
def host(home, store):
    store.accounts.put(ACCOUNT, "secret", NOW, NOW)
    return LocalHost(str(home), now=lambda: NOW)


def taken(act, host, out, as_json: bool) -> int:
    """Bytes that it takes at most to print a list."""
    gc.collect()
    gc.disable()  # a collection on the way adds to the peak, in some runs and not in others
    tracemalloc.start()
    try:
        write(out, act(host, {"<account-id>": ACCOUNT}), as_json)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("words", LISTS)
def test_a_list_takes_no_more_memory_where_it_is_longer(host, store, words):
    act, fill = LISTS[words]
    fill(store, range(FEW))
    few = taken(act, host, Counting(), False)
    fill(store, range(FEW, MANY))
    out = Counting()
    assert taken(act, host, out, False) - few < A_ROW * (MANY - FEW) and out.lines == MANY + 1


@pytest.mark.parametrize(("terminal", "as_json", "around"), [(True, False, 1), (False, True, 2)])
def test_nor_in_the_other_forms(terminal, as_json, around):
    def act(count):
        return lambda host, arguments: ResultTable(("A", "B"), (("a", number) for number in range(count)))

    out = Counting(terminal)
    few, many = (taken(act(count), None, out, as_json) for count in (FEW, MANY))
    assert many - few < A_ROW * (MANY - FEW) and out.lines == FEW + MANY + 2 * around


def test_it_would_be_seen_if_it_did(host, store):
    """A list that is kept, though only the names, fails the test above."""

    def act(host, arguments):
        return ResultTable(("URI",), sorted((client.uri,) for client, _ in host.store.mailbox.messages()))

    filling.messages(store, range(FEW))
    few = taken(act, host, Counting(), False)
    filling.messages(store, range(FEW, MANY))
    assert taken(act, host, Counting(), False) - few > A_ROW * (MANY - FEW)


@pytest.mark.parametrize("words", LISTS)
def test_a_long_list_is_complete_and_in_order(host, store, words):
    act, fill = LISTS[words]
    fill(store, range(MANY))
    out = io.StringIO()
    write(out, act(host, {"<account-id>": ACCOUNT}), True)
    rows = json.loads(out.getvalue())
    assert len(rows) == MANY
    if words == "show session":
        assert [row["session"] for row in rows] == [f"crs1.{number}" for number in reversed(range(MANY))]
    elif words == "list conference-room":
        assert [row["conference_room"] for row in rows] == [f"{number:06}" for number in range(MANY)]
    else:
        shown = [row.get("uri") or row["tel_uri"] for row in rows]
        assert shown == sorted(client(number).uri for number in range(MANY))


def test_clients_are_in_the_order_of_uri_then_account(host, store):
    for uri in ("+46701", "+467011", "+4670"):
        for account in ("b", "a", "a-2"):
            store.mailbox.fetch(client(0)._replace(uri=uri, account=account), "primary", 0, 10, NOW)
    rows = [(row[0], row[4]) for row in clients.message(host, {}).rows]
    assert len(rows) == 9 and rows == sorted(rows)


def test_statistics_of_clients_that_an_update_lists(host, store):
    listed = {client(number).uri: "opaque" for number in range(FEW)}
    store.accounts.put_update(Update(ACCOUNT, "202611", NOW, bytes(32), "token", [], listed), NOW)
    few = taken(statistics.export, host, Counting(), False)
    listed |= {client(number).uri: "opaque" for number in range(MANY)}
    store.accounts.put_update(Update(ACCOUNT, "202611", NOW, bytes(32), "token", [], listed), NOW)
    out = Counting()
    assert taken(statistics.export, host, out, False) - few < A_ROW * (MANY - FEW) and out.lines == MANY + 1


def test_relays_come_in_pages():
    """One page is asked for when the one before is printed."""
    asked = []

    class Relay:
        def rows(self):
            for number in range(MANY):
                asked.append(number)
                yield {"type": "RTP", "nodes": 0, "last_active": NOW, "identifiers": [], "conversation": number}

    class Asking:
        relay = Relay()

    rows = relay.relays(Asking(), {}).rows
    assert next(iter(rows))[4] == 0 and asked == [0]


# --- form -----------------------------------------------------------------------------------------------------------


def test_columns_become_wider_from_page_to_page():
    rows = [("a", 1)] * PAGE + [("long", None)] + [("b", 12_345)]
    out = io.StringIO()
    out.isatty = lambda: True
    write(out, ResultTable(("A", "N"), iter(rows)), False)
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["A  N", "a  1"] and len(set(lines[1 : PAGE + 1])) == 1
    assert lines[PAGE + 1 :] == ["long      -", "b     12345"]


def test_nothing_is_printed_before_the_first_row_is_read():
    def rows():
        raise ConnectionError
        yield

    for as_json in (False, True):
        out = Counting()
        with pytest.raises(ConnectionError):
            write(out, ResultTable(("A",), rows()), as_json)
        assert out.lines == 0
