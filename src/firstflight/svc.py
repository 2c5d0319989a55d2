"""The service to serve; importing this file makes the workspace's folders.

FIRSTFLIGHT_USECASE=flights bentoml serve firstflight.svc:svc --host 127.0.0.1
"""

import os

from firstflight import workspace
from firstflight.service import make

workspace.configure()
# A connection of its own for each look: a pooled one goes on reading a database file that was
# moved away or replaced by a backup.
os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"
svc = make(os.environ.get("FIRSTFLIGHT_USECASE", "flights"))
