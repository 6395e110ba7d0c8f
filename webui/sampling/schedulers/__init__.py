"""Where the sigmas of the steps lie: one file each, found by ``kinds.schedulers``. Order as in sd-webui's list.

To add one: a ``kinds.Sigmas`` and a ``kinds.Scheduler`` in a new file here.
"""
