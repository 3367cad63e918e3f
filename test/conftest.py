"""For all tests. Never here: fixtures that only one folder needs."""

from hypothesis import settings

# Properties are tried on machines of any speed: no example is failed for its time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items):
    """The canary looks at what all other tests left behind, so it goes last."""
    items.sort(key=lambda item: item.path.name == "test_canary.py")
