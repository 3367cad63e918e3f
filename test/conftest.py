"""For all tests. Never here: fixtures that only one folder needs."""

import signal

from hypothesis import settings

# Who starts this in the background may have SIGINT ignored, and what we start would inherit that: ctrl-c is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Properties are tried on machines of any speed: no example is failed for its time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items):
    """The canary looks at what all other tests left behind, so it goes last."""
    items.sort(key=lambda item: item.path.name == "test_canary.py")
