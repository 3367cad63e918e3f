"""What is counted for the metrics is taken once, or given back."""

from crs.telemetry.tally import Tally


def test_events_of_the_trace_are_counted_by_what_happened():
    tally = Tally()
    for state in ("posted content", "delivered", "posted ack", "not-found"):
        tally.note("message", ("+4670", "+4671", state, "acme", "m1"))
    tally.note("attach", ("id", "primary", "+4670", "acme", "192.0.2.1", 1, "registered", ""))
    tally.note("object", ("+4670", "update client_token"))
    assert tally.take() == {
        "messages posted": 1,
        "messages delivered": 1,
        "messages acked": 1,
        "messages not-found": 1,
        "registrations registered": 1,
    }


def test_what_was_taken_is_not_there_any_more_until_it_is_given_back():
    tally = Tally()
    tally.count("messages", "expired")
    taken = tally.take()
    tally.count("messages", "expired")
    tally.give_back(taken)
    assert tally.take() == {"messages expired": 2}
    assert tally.take() == {}


def test_set_up_time_is_that_until_it_rings():
    tally = Tally()
    tally.note_call("invite", 1)
    tally.note_call("ringing", 120)
    tally.note_call("ringing", 99_000)
    taken = tally.take()
    assert (taken["setup 250"], taken["setup +Inf"], taken["setup sum"]) == (1, 1, 99_120)
