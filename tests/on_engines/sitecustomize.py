"""Read by every Python that tests start while the whole suite runs on engines: its settings name them too."""

import os

if "TEST_ENGINES" in os.environ:
    import redirected  # type: ignore[import-not-found]

    redirected.install()
