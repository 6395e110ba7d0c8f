"""Property tests without a deadline: a busy machine is no defect, and speed is measured by tests of its own."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
