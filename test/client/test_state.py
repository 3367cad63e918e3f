"""What a client remembers over the end of its process."""

import stat

from crs.client.state import ClientState


def test_the_device_id_is_made_up_once(tmp_path):
    first = ClientState(tmp_path / "a.state")
    assert first.device_id.startswith("device-")
    first.close()
    assert ClientState(tmp_path / "a.state").device_id == first.device_id
    assert ClientState(tmp_path / "b.state").device_id != first.device_id


def test_a_chosen_device_id_is_kept(tmp_path):
    ClientState(tmp_path / "a.state", "desk").close()
    assert ClientState(tmp_path / "a.state").device_id == "desk"
    ClientState(tmp_path / "a.state", "pocket").close()
    assert ClientState(tmp_path / "a.state").device_id == "pocket"


def test_what_was_shown_is_known_though_the_process_was_killed(tmp_path):
    state = ClientState(tmp_path / "a.state")
    state.note_shown("content:+46701234567@acme:1")  # and no close
    assert ClientState(tmp_path / "a.state").was_shown("content:+46701234567@acme:1")
    assert not ClientState(tmp_path / "a.state").was_shown("content:+46701234567@acme:2")


def test_a_torn_last_line_costs_that_line_only(tmp_path):
    path = tmp_path / "a.state"
    state = ClientState(path)
    state.note_shown("one")
    state.note_shown("two")
    state.close()
    path.write_bytes(path.read_bytes()[:-4])
    again = ClientState(path)
    assert (again.device_id, again.was_shown("one"), again.was_shown("two")) == (state.device_id, True, False)
    again.note_shown("three")
    again.close()
    assert ClientState(path).was_shown("one") and ClientState(path).was_shown("three")


def test_few_are_remembered_and_the_file_stays_small(tmp_path):
    path = tmp_path / "a.state"
    state = ClientState(path, remembered=10)
    for number in range(200):
        state.note_shown(f"ref-{number}")
    assert state.was_shown("ref-199") and state.was_shown("ref-190") and not state.was_shown("ref-189")
    assert len(path.read_text().splitlines()) <= 41
    state.close()
    again = ClientState(path, remembered=10)
    assert again.was_shown("ref-190") and not again.was_shown("ref-189")
    assert len(path.read_text().splitlines()) <= 21


def test_the_file_is_for_its_owner_alone(tmp_path):
    state = ClientState(tmp_path / "a.state")
    state.note_shown("one")
    assert stat.S_IMODE((tmp_path / "a.state").stat().st_mode) == 0o600


def test_without_a_file_it_is_kept_in_memory():
    state = ClientState()
    state.note_shown("one")
    assert state.was_shown("one") and state.device_id
