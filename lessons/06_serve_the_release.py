# %% [markdown]
# # 06 · Serve the release
#
# **The failure.** The model answers in a notebook. Somebody writes a service around it in an afternoon. For the same flight the two say different
# things, and a request that makes no sense gets an answer too.
#
# *What you'll do*: write that service and watch it fail; then pack the project's own as a Bento, promote version 1, prove that service and notebook agree on a
# whole day, and take the registry away.
#
# *What you need*: 30 minutes, lessons 00-05, about 1 GB of memory. Run this lesson once in a workspace: it makes version 1 live.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, servers, show, show_map, traffic

ws = begin("06")
show_map("06")

# %% [markdown]
# ## What the notebook says
#
# It is 1 April, and version 1 has passed the gate. Today's flights are the requests that callers will make. Let the release answer them here, in the notebook.

# %%
from datetime import date

from firstflight import clock, history, operations, predictions, registry
from firstflight import usecase as usecases
from firstflight.drops import land
from firstflight.workspace import PROJECT

today = date(2013, 4, 1)
clock.set_today(today)
flights = usecases.get("flights")
land(PROJECT / "data", ws.drops, flights.sources.values(), "2013-04")

drops = operations.landed(flights)
release = registry.load("flights", "1")
notebook = predictions.replay(release, drops, today, today)
notebook[["carrier", "flight", "origin", "dest", "sched_dep_time", "temp", "prediction"]].head(3)

# %% [markdown]
# ## A service in an afternoon
#
# BentoML makes a service of a class: `@bentoml.service` on the class, `@bentoml.api` on each method that answers. The class lives in a file. Its author writes the
# features down again, from memory, and leaves out the trailing rates: they are not in the request.

# %%
first_try = ws.root / "first_try"
first_try.mkdir(exist_ok=True)
_ = (first_try / "first_try.py").write_text(
    """
import bentoml
import mlflow
import pandas as pd


@bentoml.service(workers=1)
class FirstTry:
    def __init__(self):
        self.model = mlflow.sklearn.load_model("models:/flights/1")

    @bentoml.api
    def predict(self, flights: list[dict]) -> list[float]:
        rows = pd.DataFrame(flights)
        rows["sched_hour"] = rows["sched_dep_time"] // 100
        rows["dow"] = pd.to_datetime(rows["date"]).dt.strftime("%w").astype(int)
        rows = rows.reindex(columns=self.model.feature_names_in_)
        return self.model.predict_proba(rows)[:, 1].tolist()
"""
)

# %% [markdown]
# `bentoml serve file:class` starts it. `servers.start` runs this command on a free port, waits for `/readyz`, and ends the server with this kernel.

# %%
import sys

import httpx
import numpy as np

from firstflight.release import as_json_rows

serve = [sys.executable, "-m", "bentoml", "serve", "--host", "127.0.0.1", "--port", "{port}"]
naive = servers.start(
    "first-try",
    [*serve, "first_try:FirstTry", "--working-dir", str(first_try)],
    ready="/readyz",
)
rows = as_json_rows(notebook[list(flights.request.model_fields)])
reply = httpx.post(f"{naive.url}/predict", json={"flights": rows}, timeout=60)
reply.status_code, len(reply.json())

# %% [markdown]
# A 200, and an answer for every flight. The model is the same file. *What do you expect: how many of the 970 answers are the notebook's?*

# %%
said = np.array(reply.json())
apart = np.abs(said - notebook["prediction"])

print(f"equal: {(apart == 0).sum()} of {len(apart)}")
print(f"apart by {apart.mean():.3f} on average, by up to {apart.max():.3f}")
shown = ["carrier", "flight", "origin", "sched_dep_time", "prediction", "service"]
notebook.assign(service=said, apart=apart).nlargest(3, "apart")[shown].round(3)

# %% [markdown]
# None. Three lines of feature code differ: the hour without its minutes, a week that begins elsewhere, and rates that are missing, for which the pipeline fills in a median.
# No exception, and no log line.
#
# Now requests that make no sense. *Which of these get an answer?*

# %%
good = rows[0]
odd = {
    "temperature as text": good | {"temp": "75"},
    "temperature in words": good | {"temp": "mild"},
    "wind of 1048 mph": good | {"wind_speed": 1048.0},
    "airline by its name": good | {"carrier": "United"},
    "airline nobody knows": good | {"carrier": "ZZ"},
    "no temperature": {k: v for k, v in good.items() if k != "temp"},
    "no departure time": {k: v for k, v in good.items() if k != "sched_dep_time"},
}

for name, request in {"as it came": good, **odd}.items():
    reply = httpx.post(f"{naive.url}/predict", json={"flights": [request]})
    answer = reply.json()
    print(
        f"{name}: {reply.status_code}, {answer['error'] if 'error' in answer else round(answer[0], 3)}"
    )
naive.stop()

# %% [markdown]
# Five of the seven odd ones get an answer. The text became 75 degrees without a word. A wind of 1048 mph, which a broken station did report in February, moves the answer to 0.505. A name
# and a code that nobody knows count as no airline at all, and a missing temperature as a winter's median. The other two get a 500, which says *our fault, try again*.
#
# ## The contract
#
# A contract says what a request may be, before any model is asked. It is a pydantic class of the use case, and the monitor will read the same one. These are its bounds:

# %%
import pandas as pd

from firstflight.usecase import contract_bounds

pd.DataFrame(contract_bounds(flights), index=["least", "most"]).T

# %% [markdown]
# It is also *strict*: a text is not a number, a field too many is refused like one too few, and a value that is not known is sent as `null`, on purpose.
#
# **Exercise 1.** Write the type of the wind speed: a number, not a text that looks like one, from 0 to 120 mph. `Field` takes `strict`, `ge` and `le`.

# %% id="06-ex1"
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

# BEGIN SOLUTION
WindSpeed = Annotated[float, Field(strict=True, ge=0, le=120)]
# END SOLUTION
# STUB: WindSpeed = ...


# %%
def takes(kind, value):
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def wind_contract(kind):
    for value in (0.0, 42.6, 120.0):
        if not takes(kind, value):
            return f"It refuses {value}, and such a wind can blow."
    for value in (1048.0, -1.0, "12"):
        if takes(kind, value):
            return f"It takes {value!r}."
    return True


check("06-ex1", "WindSpeed", test=wind_contract, hint="Annotated[float, Field(strict=True, ...)].")

# %% [markdown]
# ## Build it once
#
# Open `src/firstflight/service.py`, and `answering.py` beside it. The endpoints are typed by that class, the features come from the release and from published state, and a thread
# looks each second which release is live: the one that the newest record of the history names. Then `bento.py`: `bentoml.build` packs code, decisions and pinned packages as a **Bento**, the thing that is shipped.

# %%
import bentoml

from firstflight import bento

bento.build("1")
built = bentoml.get("firstflight-flights:1")
for folder in (built.path, built.path_of("src")):
    print(sorted(path.name for path in PROJECT.joinpath(folder).iterdir()))

# %% [markdown]
# Not in it: a model. The Bento changes when code changes, the release when the model does. Serve what you built, while nothing is live.

# %%
service = servers.start("service", [*serve, str(built.tag)], ready="/livez", page="docs.json")


def status():
    return httpx.post(f"{service.url}/status", json={}).json()


print("alive:", httpx.get(f"{service.url}/livez").status_code)
print("ready:", httpx.get(f"{service.url}/readyz").status_code)
print("holds:", status()["releases"])

# %% [markdown]
# The process lives and is not ready: 503 tells a load balancer to send nothing here. *What do you expect when version 1 is promoted? Nobody restarts anything.*

# %%
operations.promote(flights, "1", by="model_owner", reason="passed the gate; first release")
held = traffic.wait_until(service.url, live="1")

print("ready:", httpx.get(f"{service.url}/readyz").status_code)
print("holds:", held["releases"]["live"])
history.table("flights")[["date", "action", "live", "by", "reason"]]

# %% [markdown]
# The service saw it, loaded version 1, let it repeat its frozen answers, and holds it. The history has its first line.
# `path: arrays` says that it answers from plain arrays, which is quicker than scikit-learn's pipeline on a table; when it was loaded, both gave the same answers.
#
# `state_age_days` is 1: the newest trailing rates are those that lesson 03 published for 31 March, and nobody has published today's. The team allows 2 days (`max_age_days`). Ask before and after.

# %%
from firstflight import state

rehearsal = {"x-firstflight-replay": "lesson 06"}  # logged as a replay, not as traffic


def ask(request):
    return httpx.post(f"{service.url}/predict", json={"request": request}, headers=rehearsal)


before = ask(good).json()
state.publish(flights, drops, 1, today, today)
after = ask(good).json()

for when, answer in (("before", before), ("after", after)):
    print(f"{when}: {answer['prediction']:.3f}, state of {answer['state_date']}")

# %% [markdown]
# Both are answers of version 1, and each says which day's state it was made with. With yesterday's state it is another answer, and whoever reads it can know.
#
# Now the odd requests. *Which of them does this service answer?*

# %%
for name, request in {"as it came": good, **odd}.items():
    reply = ask(request)
    answer = reply.json()
    if reply.status_code == 200:
        print(f"{name}: 200, {answer['prediction']:.3f}")
    else:
        why = answer["detail"][0]
        print(f"{name}: {reply.status_code}, {why['loc'][-1]}: {why['msg']}")

# %% [markdown]
# 400 says *your fault*, which field, and why. One odd request still gets its answer: ZZ is well written, and a new airline is no error. A hundredth of the traffic would be a
# change of codes; that is for the monitor of lesson 07.
#
# What if one row of a hundred is bad?

# %%
answered = status()["answered"]
batch = [*rows[:99], odd["wind of 1048 mph"]]
reply = httpx.post(f"{service.url}/predict_batch", json={"requests": batch})

print("99 good and 1 bad:", reply.status_code, reply.json()["detail"][0]["loc"])
print("answers given:", status()["answered"] - answered)
print("the next good one:", ask(good).status_code)

# %% [markdown]
# None of the hundred is answered, and the bad one is named by its place. Ninety-nine answers to a hundred questions end up beside the wrong flights. The worker lives on.
#
# ## The proof
#
# The notebook had a table; the service gets JSON through the contract, and reads its state from files. *How many of the 970 answers are equal now, to the last digit?* These are
# today's real requests, so they go without the header of a rehearsal.

# %%
reply = httpx.post(f"{service.url}/predict_batch", json={"requests": rows}, timeout=60)
answers = pd.DataFrame(reply.json())

print(f"equal: {(answers['prediction'] == notebook['prediction']).sum()} of {len(answers)}")
answers.drop(columns="prediction").drop_duplicates()

# %%
import matplotlib.pyplot as plt

figure, sides = plt.subplots(1, 2, figsize=(8, 3.8), sharex=True, sharey=True)
figure.suptitle(
    "One model, two services: only one says what the notebook says", y=1.03, weight="bold"
)
for axes, served, name in zip(
    sides, (said, answers["prediction"]), ("first try", "firstflight"), strict=True
):
    axes.plot([0, 0.7], [0, 0.7], color="grey", linewidth=1)
    axes.scatter(notebook["prediction"], served, s=6, color="#1f5f8b")
    axes.set_xlabel("the notebook's probability of late")
    axes.set_title(name, weight="normal")
sides[0].set_ylabel("the service's probability of late")
show(
    figure,
    "Two panels, the service's probability against the notebook's for 970 flights. First try: the points lie off the diagonal, mostly below. "
    "firstflight: all points lie on the diagonal.",
)

# %% [markdown]
# All of them, and not nearly: there is one feature code and one state, so there is nothing to differ in. The first try was too low, most of all for the flights most likely late.
#
# ## What it writes down
#
# The service writes each answer with its inputs to a log of its own, a line of JSON each (`prediction_log.py`), and `predictions.read` reads it. `/metrics` is what a dashboard draws.

# %%
logged = predictions.read(flights, today, today)
print(len(logged), "answers:", logged[["role", "version"]].drop_duplicates().to_dict("records"))
print("as answered:", logged["prediction"].equals(answers["prediction"]))

import re

line = r'request_total\{endpoint="/(predict\w*)",http_response_code="(\d+)".*\} (\d+)'
counts = re.findall(line, httpx.get(f"{service.url}/metrics").text)
pd.DataFrame(sorted(counts), columns=["endpoint", "code", "requests"])

# %% [markdown]
# The rehearsals are in the log under another role, and do not count as traffic. The metrics count seven refusals, six single requests and one batch, and no 500. Nothing in them says whether
# an answer was *right*. Keep that in mind for lesson 07.
#
# ## Take the registry away
#
# Move MLflow's database while the service runs. *What do you expect: an error, an empty answer, or the same answer?*

# %%
import time

database = ws.root / "mlflow.db"


def wait_until(reachable):
    deadline = time.monotonic() + 30
    while status()["registry_reachable"] != reachable and time.monotonic() < deadline:
        time.sleep(0.1)
    return status()["registry_reachable"]


away = database.rename(ws.root / "mlflow.db.away")
try:
    print("registry reachable:", wait_until(False))
    print("the same answer:", ask(good).json() == after)
finally:
    away.rename(database)
print("registry reachable:", wait_until(True))

# %% [markdown]
# The same answer, and a status that says it can no longer look. What is promoted meanwhile has to wait: the service prefers the release it holds to none.
#
# ## What it costs
#
# Ask for one flight at a time: in this process, over HTTP, and over HTTP from eight callers at once.

# %% tags=["nbval-ignore-output"]
# Measured: milliseconds differ on every run.
from concurrent.futures import ThreadPoolExecutor

from firstflight.state import Store

store = Store("flights", 1, max_age_days=2)


def timed(call, n):
    begun = time.perf_counter()
    call(n)
    return 1000 * (time.perf_counter() - begun)


with httpx.Client(headers=rehearsal, timeout=60) as http:

    def over_http(n):
        http.post(f"{service.url}/predict", json={"request": rows[n]}).raise_for_status()

    took = {
        "in process": [
            timed(lambda n: release.predict(notebook.iloc[[n]], store), n) for n in range(32)
        ],
        "one caller": [timed(over_http, n) for n in range(32)],
    }
    with ThreadPoolExecutor(8) as callers:
        took["eight callers"] = list(callers.map(lambda n: timed(over_http, n), range(96)))

medians = {name: np.median(values) for name, values in took.items()}
pd.DataFrame({"median, ms": medians, "slowest, ms": {k: max(v) for k, v in took.items()}}).round(1)

# %% tags=["nbval-ignore-output"]
# Measured: seconds, megabytes and milliseconds differ on every run.
ledger.record(
    "06",
    "BentoML",
    prevented="another answer than the notebook's; an answer to a request that makes no sense",
    install_mb=ledger.install_mb("bentoml", beside=("mlflow", "scikit-learn", "jupyterlab")),
    start_s=service.start_seconds,
    resident_mb=service.memory_mb(),
    latency_ms=medians["one caller"] - medians["in process"],
    glue_lines=ledger.glue_lines(
        *(f"firstflight.{m}" for m in ("service", "answering", "guard", "prediction_log", "bento"))
    ),
)
service.stop()
ledger.table("06")

# %% [markdown]
# One caller pays for HTTP, the contract and the line in the log. Eight at once share one worker, and one notebook that asks for all of them. Who has many flights sends a batch: 970 were one request.

# %%
checklist("06")

# %% [markdown]
# **What you did.** You wrote a service that disagreed with its notebook and answered nonsense; then you served the release with its own features, from a Bento, and proved that it answers
# what the notebook answers.
#
# *In practice*
#
# - **Equal means equal.** The first try was 0.020 apart on average, and a generous test would have let it pass. Compare like with like: asked
#   alone, a linear model adds up in another order than in a batch, and the sixteenth digit may differ; a release rounds its answers to twelve.
# - One worker, so that a switch is one switch. For more load, start more behind a balancer that reads `/readyz`; for up to a second they may hold different releases.
# - BentoML keeps the reason of a 5xx from the caller and writes it to its log. The reasons of a 400 go to the caller, so a contract's messages are part of the product.
# - The Bento pins its packages, and a release refuses to load under others. `bentoml containerize` would make an image of it; this course has not tried.
#
# *Next*: every light on this dashboard is green. They stay green until July.

# %%
leaves("version 1, live since 1 April; a Bento of its service")
end("06")
