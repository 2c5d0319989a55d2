# %% [markdown]
# # 06 · Serve the release
#
# **The failure.** The model answers in a notebook. Somebody writes a service around it in an afternoon. For the same flight the two disagree, and a request that makes no sense
# gets an answer too.
#
# *What you'll do*: see that service fail, write your own with BentoML, put it under load, make version 1 live, and take the registry away.
#
# *What you need*: 50 minutes, lessons 00-05, about 1.5 GB of memory.

# %%
from classroom import begin, show_map

ws = begin("06")
show_map("06")

# %% [markdown]
# ## What the notebook says
#
# It is 1 April, and version 1 has passed the gate. Callers will ask about today's flights. First the [release](glossary.ipynb#release) answers here, in the notebook.

# %%
from classroom import today
from firstflight import operations, predictions, registry
from firstflight import usecase as usecases
from firstflight.drops import land
from firstflight.workspace import PROJECT

day = today("2013-04-01")
flights = usecases.get("flights")
land(PROJECT / "data", ws.drops, flights.sources.values(), "2013-04")
release = registry.load("flights", "1")
notebook = predictions.replay(release, operations.landed(flights), day, day)
notebook[["carrier", "flight", "origin", "dest", "sched_dep_time", "temp", "prediction"]].head(3)

# %% [markdown]
# ## A service in an afternoon
#
# BentoML makes a service of a class: `@bentoml.service` marks the class, `@bentoml.api` each method that answers. `__init__` runs once, at the start.
# The author writes the features down again, from memory, without the late rates: a request does not hold them.

# %%
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


# %% [markdown]
# `bentoml serve file:Class` imports a file, and a notebook is none. So `own_service.serve` writes the text of the class's cell into `firsttry.py` and serves that
# on a free port of this machine (about 8 seconds).

# %%
# about 8 s
import httpx

from classroom import own_service
from firstflight.release import as_json_rows

rows = as_json_rows(notebook[list(flights.request.model_fields)])
naive = own_service.serve(FirstTry)
reply = httpx.post(f"{naive.url}/predict", json={"flights": rows}, timeout=60)
reply.status_code, len(reply.json())

# %% [markdown] tags=["task"]
# A 200 (*all well*), and an answer for each flight. The model file is the same. **How many of the 970 answers equal the notebook's?**

# %% id="06-guess1"
from classroom import guess

# BEGIN SOLUTION
guess("06-guess1", "answers of the first try that equal the notebook's", 500)
# END SOLUTION
# STUB: guess("06-guess1", "answers of the first try that equal the notebook's", ...)

# %%
from classroom import came

first_said = pd.Series(reply.json())
apart = (first_said - notebook["prediction"]).abs()
came("06-guess1", (apart == 0).sum())
print(f"apart by {apart.mean():.3f} on average, by up to {apart.max():.3f}")
log = naive.log.read_text()
print("errors and warnings in its log:", log.count("[ERROR]") + log.count("[WARNING]"))

# %%
shown = ["carrier", "flight", "origin", "sched_dep_time", "prediction", "service"]
notebook.assign(service=first_said, apart=apart).nlargest(3, "apart")[shown].round(3)

# %% [markdown]
# The hour lost its minutes, the week begins on another day, and the pipeline fills the missing rates with a median. No exception, and nothing in the log.
#
# Now requests that make no sense, or that nobody expected.

# %%
from classroom import callers, check

odd = callers.odd_requests(rows[0])
list(odd)

# %% [markdown] tags=["task"]
# A broken station did report a wind of 1048 mph in February. "No temperature" means that the field is missing. **How many of the seven get an answer?**

# %% id="06-guess2"
# BEGIN SOLUTION
guess("06-guess2", "odd requests of seven that get an answer", 3)
# END SOLUTION
# STUB: guess("06-guess2", "odd requests of seven that get an answer", ...)

# %%
table = callers.ask_each(naive.url, {"as it came": rows[0], **odd})
came("06-guess2", (table["status"] == 200).sum() - 1)
table

# %% [markdown]
# The text became 75 degrees without a word. The impossible wind moves the answer. A name and an unknown code count as no airline, a missing
# temperature as a winter's median. The other two get a 500: *our fault, try again*.

# %%
naive.stop()

# %% [markdown]
# ## The contract
#
# A [contract](glossary.ipynb#contract) says what a request may be, before any model is asked. Here it is a pydantic class, `flights.request`, with these bounds:

# %%
from firstflight.usecase import contract_bounds

pd.DataFrame(contract_bounds(flights), index=["least", "most"]).T

# %% [markdown]
# It is *strict*: a text is not a number, and a field too many is refused like one too few. A value that is not known is sent as `null`.
# A type with conditions is written `Annotated[type, Field(...)]`.

# %% [markdown] tags=["task"]
# Write the type of the wind speed: a number from 0 to 120 mph, both included, or None. A text that looks like a number is refused. `Field` takes `strict`, `ge` (greater or equal) and `le`.

# %% id="06-ex1"
from typing import Annotated

from pydantic import Field

# BEGIN SOLUTION
WindSpeed = Annotated[float | None, Field(strict=True, ge=0, le=120)]
# END SOLUTION
# STUB: WindSpeed = ...

# %%
check("06-ex1")

# %% [markdown]
# pydantic names what it refuses, and why:

# %%
from pydantic import TypeAdapter, ValidationError

for wind in (42.6, None, 1048.0, "12"):
    try:
        print(f"{wind!r}: {TypeAdapter(WindSpeed).validate_python(wind)}")
    except ValidationError as error:
        print(f"{wind!r}: {error.errors()[0]['msg']}")

# %% [markdown]
# ## Your service
#
# Fourteen such types make `FlightRequest`. BentoML refuses what does not fit the types of a method's arguments. The features come from the release itself:
# `release.predict(requests, states)` takes a table of requests and the published state.

# %% [markdown] tags=["task"]
# Write the class `Departures` with BentoML's API. Its `__init__` is this one:
#
# ```python
# def __init__(self):
#     self.release = registry.load("flights", "1")
#     self.store = Store("flights", 1, max_age_days=2)  # the published state
# ```
#
# Its endpoint `predict` takes `flights`, a list of `FlightRequest`, and returns a list of numbers, one per flight. `flight.model_dump()` makes a dict of a request.
# The cell becomes a file, so it may use nothing of the notebook.

# %% id="06-ex2"
import bentoml
import pandas as pd

from firstflight import registry
from firstflight.state import Store
from firstflight.usecases.flights import FlightRequest

# BEGIN SOLUTION


@bentoml.service(workers=1)
class Departures:
    def __init__(self):
        self.release = registry.load("flights", "1")
        self.store = Store("flights", 1, max_age_days=2)

    @bentoml.api
    def predict(self, flights: list[FlightRequest]) -> list[float]:
        rows = pd.DataFrame([flight.model_dump() for flight in flights])
        return self.release.predict(rows, self.store).tolist()


# END SOLUTION
# STUB: Departures = ...

# %%
check("06-ex2")

# %%
# about 8 s
mine = own_service.serve(Departures, "06-ex2")
callers.ask_each(mine.url, {"as it came": rows[0], **odd})

# %% [markdown]
# 400 says *your fault*: which field, and why. You wrote no line for it; the types did. ZZ is well written, and a new airline is no error.
#
# ## Ask it yourself
#
# A caller need not have Python: `curl` is on most machines. In a line that begins with `!`, `{names}` are the notebook's variables.

# %%
import json

question = ws.root / "flight.json"
question.write_text(json.dumps({"flights": rows[:1]}))
print(question.read_text()[:120], "...")

# %% [markdown] tags=["task"]
# Send the file `{question}` to `{mine.url}/predict` with curl, and keep what it prints: `answer = !curl ...`. You need `-s` (silent), `-H "content-type: application/json"` and
# `-d @FILE`. Without curl, take `httpx.post(...).text`.

# %% id="06-type1"
# BEGIN SOLUTION
# answer = !curl -s {mine.url}/predict -H "content-type: application/json" -d @{question}
# END SOLUTION
# STUB: answer = ...

# %%
check("06-type1")
print(answer)

# %% [markdown]
# A Python program need not write JSON. `bentoml.SyncHTTPClient(url)` asks a service what it offers, and has a method for each endpoint, with its name and arguments.

# %% [markdown] tags=["task"]
# Write `ask`: it opens BentoML's client on `url`, lets the service predict `flights`, closes the client and returns the list of answers.


# %% id="06-ex3"
def ask(url, flights):
    # BEGIN SOLUTION
    with bentoml.SyncHTTPClient(url) as client:
        return client.predict(flights=flights)
    # END SOLUTION
    # STUB: return ...


# %%
check("06-ex3")

# %% [markdown] tags=["task"]
# Your service has the release's own features. **How many of its 970 answers equal the notebook's?**

# %% id="06-guess3"
# BEGIN SOLUTION
guess("06-guess3", "answers of your service that equal the notebook's", 970)
# END SOLUTION
# STUB: guess("06-guess3", "answers of your service that equal the notebook's", ...)

# %%
from firstflight.state import Store


def equal(said):
    return int((pd.Series(said) == notebook["prediction"]).sum())


came("06-guess3", equal(ask(mine.url, rows)))
states = Store("flights", 1, max_age_days=2)
newest, _ = states.at(day)
print("the newest published state is of", newest)

# %% [markdown]
# None, and the code is right. The notebook computed today's trailing rates itself. A service reads published [state](glossary.ipynb#state), and today's is not there yet.
# Yesterday's is young enough (`max_age_days`), and no answer says that it is old.

# %% [markdown] tags=["task"]
# Publish today's state, for feature version 1. The command is `firstflight state`; `!firstflight state --help` names its options.

# %% id="06-type2"
# BEGIN SOLUTION
# !firstflight state --feature-version 1
# END SOLUTION
# STUB: # !...

# %%
check("06-type2")

# %%
print(f"equal: {equal(ask(mine.url, rows))} of {len(rows)}")

# %% [markdown]
# All of them, to the last digit, and nobody restarted the service: one feature code, one state.
#
# ## Its page
#
# BentoML describes a service in OpenAPI, a format that other tools read, and makes a page of it. Its own page loads an analytics script; this link opens it without.

# %%
# about 3 s
docs = own_service.docs_of(mine)
docs.at("", "the page of your service")

# %% [markdown] tags=["task"]
# Open `POST /predict`. Beside 200 the page lists the numbers of other answers. Put them into the list `statuses`.

# %% id="06-look1"
# BEGIN SOLUTION
listed = httpx.get(f"{mine.url}/docs.json").json()["paths"]["/predict"]["post"]["responses"]
statuses = [int(code) for code in listed if code != "200"]
# END SOLUTION
# STUB: statuses = ...

# %%
check("06-look1")

# %% [markdown]
# You have met 400 and 500. A 503, *not ready, ask another one*, is not on the page: a page made from types knows what the types know.
#
# ## Under load
#
# Sixteen callers are sixteen calls of the model. *Adaptive batching* lets requests that wait at the same time share one call; BentoML learns how long to wait.

# %% [markdown] tags=["task"]
# Copy your class as `Batched`, with its imports. Let `@bentoml.api` make `predict` *batchable*, with at most 200 flights per call, and an answer within 1000 ms. Its parameters are `batchable`, `max_batch_size` and `max_latency_ms`.

# %% id="06-ex4"
# BEGIN SOLUTION
import bentoml
import pandas as pd

from firstflight import registry
from firstflight.state import Store
from firstflight.usecases.flights import FlightRequest


@bentoml.service(workers=1)
class Batched:
    def __init__(self):
        self.release = registry.load("flights", "1")
        self.store = Store("flights", 1, max_age_days=2)

    @bentoml.api(batchable=True, max_batch_size=200, max_latency_ms=1000)
    def predict(self, flights: list[FlightRequest]) -> list[float]:
        rows = pd.DataFrame([flight.model_dump() for flight in flights])
        return self.release.predict(rows, self.store).tolist()


# END SOLUTION
# STUB: Batched = ...

# %%
check("06-ex4")

# %% [markdown]
# Ask both services: one caller, then sixteen at once, each without a pause, for one second (with the start of the server at most 20 seconds).

# %% tags=["nbval-ignore-output"]
# about 20 s. Measured: answers and milliseconds differ on every run.
batched = own_service.serve(Batched, "06-ex4")
callers.compare({"one by one": mine.url, "batched": batched.url}, rows, callers=(1, 16))

# %% [markdown]
# One caller alone gains nothing. Sixteen get more answers in the same time. *Refused* counts requests that could not be answered within 1000 ms; they get a 503.
#
# How large were the shared calls? `/metrics` is a plain text for dashboards. A *histogram* there has a `_sum` (requests) and a `_count` (calls of the model).

# %% tags=["nbval-ignore-output"]
# Measured: the counts differ on every run.
metrics = httpx.get(f"{batched.url}/metrics").text
print(
    "\n".join(line for line in metrics.splitlines() if "batch_size" in line and "le=" not in line)
)

# %% [markdown] tags=["task"]
# Compute `mean_batch` from the text in `metrics`: how many requests shared a call, on average.

# %% id="06-ex5"
# BEGIN SOLUTION
lines = [line for line in metrics.splitlines() if "batch_size_" in line]
total, count = (
    float(next(line for line in lines if end in line).split()[-1]) for end in ("_sum{", "_count{")
)
mean_batch = total / count
# END SOLUTION
# STUB: mean_batch = ...

# %%
check("06-ex5")

# %% tags=["nbval-ignore-output"]
# Measured: it differs on every run.
print(f"{mean_batch:.2f} requests per call")

# %%
batched.stop()

# %% [markdown]
# The mean counts the lone caller's requests too, one per call. Nothing in `/metrics` says whether an answer was *right*.
#
# ## Build it once
#
# Your service holds version 1 by name. The project's own (`src/firstflight/service.py`) looks four times a second which release the [history](glossary.ipynb#deployment-history) makes live.
# `bentoml.build` packs code, decisions and package versions as a **Bento**: what is shipped.

# %%
# about 3 s
import bentoml.container

from firstflight import bento

bento.build("1")
built = bentoml.get("firstflight-flights:1")
recipe = ws.root / "Containerfile"
sorted(path.relative_to(built.path).as_posix() for path in PROJECT.joinpath(built.path).glob("*/*"))

# %% [markdown]
# Not in it: a model. The Bento changes when code changes, the release when the model does.
#
# A machine that runs containers needs a *Containerfile* (or Dockerfile), the recipe of an image. `bentoml containerize` has Docker build the image; `bentoml.container.get_containerfile` only writes the recipe.

# %% [markdown] tags=["task"]
# Let BentoML write the Containerfile of `firstflight-flights:1` to the path `recipe`. `output_path` takes a text.

# %% id="06-ex6"
# BEGIN SOLUTION
bentoml.container.get_containerfile("firstflight-flights:1", output_path=str(recipe))
# END SOLUTION
# STUB: ...

# %%
check("06-ex6")

# %% [markdown]
# An image cannot be built without a network. Much can be seen without one:

# %%
from classroom import containerfile

pd.Series(containerfile.looked_at(recipe.read_text(), PROJECT / built.path)).to_frame("")

# %% [markdown] tags=["task"]
# It does not run as root, and has what it copies. Will an image built next year hold the same packages? The Bento asks for some in one exact version; pip adds what those require. **Which share of all packages, from 0 to 1, is asked for in an exact version?**

# %% id="06-guess4"
# BEGIN SOLUTION
guess("06-guess4", "share of the packages that the Bento pins", 0.9)
# END SOLUTION
# STUB: guess("06-guess4", "share of the packages that the Bento pins", ...)

# %%
pinned = containerfile.pinned(PROJECT / built.path)
share = len(pinned) / len(containerfile.installed(PROJECT / built.path))
came("06-guess4", round(share, 2))
print(", ".join(pinned))

# %% [markdown]
# Nine by name; the others will be the newest on the day of the build. The numbers are safe: a release refuses to load under another numpy, pandas, scikit-learn, scipy or skops.
# For the same image again, keep the image.
#
# ## Make version 1 live
#
# Serve what you built, while nothing is live (about 8 seconds).

# %%
# about 8 s
from classroom import servers

serve = "bentoml serve firstflight-flights:1 --host 127.0.0.1 --port {port}"
service = servers.start("service", serve.split(), ready="/livez", page="docs.json")


def code(page):
    return httpx.get(f"{service.url}/{page}").status_code


print("alive:", code("livez"))
print("ready:", code("readyz"))

# %% [markdown]
# The process lives and is not ready. The 503 tells a load balancer, which spreads requests over services, to send nothing here.

# %% [markdown] tags=["task"]
# The owner of the model [promotes](glossary.ipynb#promote) version 1, and nobody restarts anything. Type the command: `firstflight promote`, the version, `--by model_owner` and `--reason "passed the gate; first release"`.

# %% id="06-type3"
# BEGIN SOLUTION
# !firstflight promote 1 --by model_owner --reason "passed the gate; first release"
# END SOLUTION
# STUB: # !...

# %%
check("06-type3")

# %%
from classroom import traffic
from firstflight import history

held = traffic.wait_until(service.url, live="1")
print("ready:", code("readyz"))
print("holds:", held["releases"]["live"])
history.table("flights")[["date", "action", "live", "by", "reason"]]

# %% [markdown]
# The service saw it, loaded version 1 and had it repeat its [frozen answers](glossary.ipynb#frozen-answers). `path: arrays` says that it answers from plain arrays, quicker than
# scikit-learn's pipeline and with the same answers.
#
# ## The proof
#
# Today's real requests, in one batch.

# %%
reply = httpx.post(f"{service.url}/predict_batch", json={"requests": rows}, timeout=60)
answers = pd.DataFrame(reply.json())
print(f"equal: {equal(answers['prediction'])} of {len(answers)}")
answers.drop(columns="prediction").drop_duplicates()

# %%
from classroom import figures

figures.two_services_against_the_notebook(
    notebook["prediction"], {"first try": first_said, "firstflight": answers["prediction"]}
)

# %% [markdown]
# The first try was too low, most of all for the flights most likely late. This service also names in each answer its release, and the day of its state.
#
# It logs each answer with its inputs. A caller who only rehearses says so in a header; such answers get another role.


# %%
def rehearse(request):
    body, header = {"request": request}, callers.REHEARSAL
    return httpx.post(f"{service.url}/predict", json=body, headers=header)


print(f"{rehearse(rows[0]).json()['prediction']:.3f}")
logged = predictions.read(flights, day, day)
replayed = predictions.read(flights, day, day, replays=True)
pd.concat([logged, replayed]).groupby(["role", "version"]).size().to_frame("answers")

# %% [markdown]
# The rehearsal is in the log as `replay`, and does not count as traffic. What if one row of a hundred is bad?

# %%
batch = [*rows[:99], odd["wind of 1048 mph"]]
reply = httpx.post(f"{service.url}/predict_batch", json={"requests": batch})
print("99 good and 1 bad:", reply.status_code, reply.json()["detail"][0]["loc"])
print("in the log:", len(predictions.read(flights, day, day)) - len(logged), "more")

# %% [markdown]
# None of the hundred is answered, and the bad one is named. Ninety-nine answers to a hundred questions would end up beside the wrong flights.
#
# ## Take the registry away

# %% [markdown] tags=["task"]
# Next, MLflow's database is moved away while the service runs. **What will the service say to the next request?** `"an error"`, `"another answer"` or `"the same answer"`.

# %% id="06-guess5"
# BEGIN SOLUTION
guess("06-guess5", "what it says without a registry", "an error")
# END SOLUTION
# STUB: guess("06-guess5", "what it says without a registry", ...)

# %%
before = rehearse(rows[0]).json()
with callers.registry_away(service.url) as status:
    print("registry reachable:", status["registry_reachable"])
    after = rehearse(rows[0])
same = after.status_code == 200 and after.json() == before
came(
    "06-guess5", "the same answer" if same else "another answer" if after.is_success else "an error"
)

# %% [markdown]
# The same answer, and a status that says it can no longer look. A promotion has to wait meanwhile: better the release it holds than none.
#
# ## At work tomorrow
#
# Without this course: a model, a class, types, and a test without a server. Saved as `service.py` it runs with `bentoml serve service:Hours`.

# %%
from typing import Annotated

import bentoml
from pydantic import Field
from sklearn.linear_model import LogisticRegression


@bentoml.service
class Hours:
    def __init__(self):
        self.model = LogisticRegression().fit([[6], [9], [17], [20]], [0, 0, 1, 1])

    @bentoml.api
    def late(self, hours: list[Annotated[int, Field(ge=0, le=23)]]) -> list[float]:
        return self.model.predict_proba([[hour] for hour in hours])[:, 1].round(3).tolist()


Hours().late(hours=[6, 20])

# %% [markdown] tags=["task"]
# A service has other questions to answer than predictions. Give a class a second endpoint that says which version it holds and of which day its state is on a given day. There is no check. `solutions/` has one worked answer.

# %% id="06-further"
# BEGIN SOLUTION
from datetime import date


@bentoml.service(workers=1)
class Telling:
    def __init__(self):
        self.release = registry.load("flights", "1")
        self.store = Store("flights", 1, max_age_days=2)

    @bentoml.api
    def about(self, day: date) -> dict[str, str | None]:
        found = self.store.at(day)
        return {"version": self.release.version, "state_of": str(found[0]) if found else None}


print(Telling().about(day=date(2013, 4, 1)), Telling().about(day=date(2013, 4, 4)))
# END SOLUTION
# STUB: ...

# %% [markdown]
# ## What you did
#
# You met a service that disagreed with its notebook, wrote one that does not, batched it, packed it, and made version 1 live.
#
# The ledger's *added ms* is what HTTP, the contract and the log add to one row.

# %% tags=["nbval-ignore-output"]
# about 3 s. Measured: seconds, megabytes and milliseconds differ on every run.
from classroom import ledger

ledger.measure("06", latency_ms=callers.added_ms(service.url, release, states, rows))

# %%
from classroom import checklist

checklist("06")

# %% [markdown]
# ## In practice
#
# - **Equal means equal.** The first try was 0.020 apart on average; a generous test would have let it pass. A release rounds to twelve digits, because the
#   last ones depend on how many rows are asked at once.
# - **State is part of the service.** Right code with yesterday's state gave 970 other answers.
# - One worker, so that a switch is one switch. For more load, start more behind a balancer that reads `/readyz`.
# - The project's service gathers single requests by itself (`answering.py`), so each line of its log stays one request's.
# - The reasons of a 400 go to the caller: a contract's messages are part of the product.
# - No image was built here: `bentoml containerize firstflight-flights:1` does it where Docker is. Mount the workspace, and name it by `FIRSTFLIGHT_HOME`. `bentoml.build` pins every package by default (`lock_packages`), for which it needs a network.
#
# **Next:** [lesson 07](07_watch_for_drift.ipynb). Every light on this dashboard is green. They stay green until July.

# %%
from classroom import end, leaves

leaves("version 1, live since 1 April; a Bento of its service")
end("06")
