"""What ``bentoml serve firstflight.svc:svc`` serves: the use case named by FIRSTFLIGHT_USECASE.

If that variable is not set, it is ``flights``. Importing this module points every tool at the
workspace; the workspace itself is not made here.
"""

import os

from firstflight import workspace

workspace.configure()
# A connection of its own for each look: a pooled one goes on reading a database file that was
# moved away or replaced by a backup.
os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"

from firstflight.service import make  # noqa: E402

svc = make(os.environ.get("FIRSTFLIGHT_USECASE", "flights"))
