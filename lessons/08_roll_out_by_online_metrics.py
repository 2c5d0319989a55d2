# %% [markdown]
# # 08 · Roll out by online metrics

# %%
from classroom import begin, check, checklist, end, leaves, ledger, servers, show, show_map, traffic

ws = begin("08")

# %%
show_map("08")

# %%
from datetime import date

import numpy as np
import pandas as pd

from firstflight import clock, metrics, operations, predictions, process, registry, rollout
from firstflight import usecase as usecases

clock.set_today("2013-07-15")
flights = usecases.get("flights")
rules = process.load().usecase("flights")

# %%
march = operations.verdict_of("flights", "1")
print(f"{march.first_day} to {march.last_day}: {march.verdict}")
print(march.check("beats_naive").sentence)

# %%
drops = operations.landed(flights)
answered = predictions.joined(flights, drops, date(2013, 4, 1), date(2013, 7, 14))
answered = answered.dropna(subset="label")
answered["naive"] = flights.naive(drops, answered)

for month, rows in answered.groupby(answered["date"].dt.strftime("%Y-%m")):
    ours, theirs = (metrics.row_loss("log_loss", rows["label"], rows[c]) for c in ("prediction", "naive"))
    print(month, metrics.difference(ours, theirs, rows["date"]))

# %%
from firstflight import snapshot, train

taken = snapshot.take(flights, drops, date(2013, 1, 1), date(2013, 6, 30), feature_version=1)
fitted = train.fit(flights, taken, "hist_gradient_boosting")
version = registry.register(fitted)
verdict = operations.run_gate(flights, version, drops)

print(f"version {version}, judged on {verdict.first_day} to {verdict.last_day}: {verdict.verdict}")
for rule in ("beats_naive", "better_than_live", "slices"):
    print(f"  {rule}: {verdict.check(rule).sentence}")

# %%
from firstflight.errors import RolloutError

try:
    operations.promote(flights, version, by="model_owner", reason="it passed the gate")
except RolloutError as error:
    print(error)

# %%
service = servers.service()
service

# %%
import time
import httpx

def ask(rows, replay="lesson 08"):
    reply = httpx.post(f"{service.url}/predict_batch", json={"requests": rows}, headers={"x-firstflight-replay": replay}, timeout=60)
    return pd.DataFrame(reply.raise_for_status().json())

def one_row_ms(rows):
    took = []
    for row in rows:
        begun = time.perf_counter()
        ask([row])
        took.append(1000 * (time.perf_counter() - begun))
    return float(np.median(took))

from firstflight import state
from firstflight.release import as_json_rows
state.publish(flights, drops, 1, date(2013, 7, 15), date(2013, 7, 15))
rows = as_json_rows(flights.requests(drops, date(2013, 7, 15), date(2013, 7, 15)).head(500))
alone_ms, alone_mb = one_row_ms(rows[:50]), service.memory_mb()

# %%
entry = operations.start_shadow(flights, version, by="model_owner", reason="v1 is worse than a constant guess since June")
held = traffic.wait_until(service.url, live="1", candidate=version, mode="shadow")
{alias: about["version"] for alias, about in held["releases"].items()}, held["mode"]

# %%
shadow_ms, both_mb = one_row_ms(rows[:50]), service.memory_mb()

# %%
def play(start, end):
    known = operations.landed(flights, end)
    state.publish(flights, known, 1, start, end)
    return traffic.play(service.url, flights, known, start, end)

sent = play(date(2013, 7, 15), date(2013, 7, 17))
print(f"{sent.n} requests, {sent.failed} failed, answers by release: {sent.by_release}")

# %%
logged = predictions.read(flights, date(2013, 7, 15), date(2013, 7, 17))
logged.groupby(["role", "version"]).size()

# %%
decision = operations.decide(flights, operations.landed(flights))
print(clock.today(), decision.decision, "-", decision.reason)
print(decision.interval, decision.n_labels, round(decision.coverage, 3))
try:
    operations.start_canary(flights, by="model_owner", reason="three days look good")
except RolloutError as error:
    print(error)

# %%
sent = play(date(2013, 7, 18), date(2013, 7, 21))
decision = operations.decide(flights, operations.landed(flights))
print(clock.today(), decision.decision, "-", decision.reason)
print(f"{decision.n_labels} pairs on {decision.n_days} days, coverage {decision.coverage:.3f}")

# %%
shadow = predictions.joined(flights, operations.landed(flights), date(2013, 7, 15), date(2013, 7, 21))
def decide(rows, mode, live, candidate, due=None):
    return rollout.decide(rows, mode, rules.rollout, rules.metric, live=live, candidate=candidate, key=flights.key, due=due)

swapped = decide(shadow, "shadow", live="2", candidate="1")
print("swapped:", swapped.decision, "-", swapped.reason)

one = shadow[shadow["version"] == "1"]
itself = pd.concat([one, one.assign(version="1 again")])
same = decide(itself, "shadow", live="1", candidate="1 again")
print("itself:", same.decision, "-", same.reason)

lost = shadow.assign(label=shadow["label"].mask(shadow["carrier"] == "UA"))
print("labels lost:", (d := decide(lost, "shadow", live="1", candidate="2")).decision, "-", d.reason)

# %%
operations.start_canary(flights, by="model_owner", reason="better in the shadow, on a week")
held = traffic.wait_until(service.url, live="1", candidate="2", mode="canary")
first, second = ask(rows), ask(rows)
print(first["release"].equals(second["release"]), first["release"].value_counts().to_dict())

# %% id="08-ex1"
from firstflight.service import share_of

def to_candidate(key):
    # BEGIN SOLUTION
    return share_of(key) < rules.rollout.canary_share
    # END SOLUTION
    # STUB: return ...

# %%
keys = [tuple(row[name] for name in flights.key) for row in rows]
served = (first["release"] == "2").tolist()
check("08-ex1", "to_candidate", test=lambda f: [bool(f(key)) for key in keys] == served or "no")

# %%
rng = np.random.default_rng(0)
once, again = rng.random(len(rows)) < 0.2, rng.random(len(rows)) < 0.2
pairs = shadow[shadow.role == "live"].merge(shadow[shadow.role == "shadow"][[*flights.key, "prediction"]], on=list(flights.key), suffixes=("_1", "_2"))
print((once != again).mean(), (pairs.prediction_1 - pairs.prediction_2).abs().mean())

# %%
from firstflight import drops as upstream
from firstflight import workspace
upstream.land(workspace.PROJECT / "data", ws.drops, flights.sources.values(), "2013-08")
sent = play(date(2013, 7, 22), date(2013, 7, 25))
print(sent)
decision = operations.decide(flights, operations.landed(flights))
print(clock.today(), decision.decision, "-", decision.reason, decision.n_labels, decision.interval)
sent = play(date(2013, 7, 26), date(2013, 7, 28))
decision = operations.decide(flights, operations.landed(flights))
print(clock.today(), decision.decision, "-", decision.reason, decision.n_labels)
sent = play(date(2013, 7, 29), date(2013, 8, 4))
decision = operations.decide(flights, operations.landed(flights))
print(clock.today(), decision.decision, "-", decision.reason, decision.n_labels, decision.coverage)

# %%
canary = predictions.joined(flights, operations.landed(flights), date(2013, 7, 22), date(2013, 8, 4))
looks = []
for mode, rows_, days in (("shadow", shadow, pd.date_range("2013-07-16", "2013-07-21")), ("canary", canary, pd.date_range("2013-07-23", "2013-08-04"))):
    for day in days:
        d = decide(rows_, mode, "1", "2", due=day.date())
        looks.append({"due": day.date(), "mode": mode, "days": d.n_days, "labels": d.n_labels, "low": d.interval.low, "mean": d.interval.mean, "high": d.interval.high, "decision": d.decision})
looks = pd.DataFrame(looks)
looks.round(3)

# %%
live = canary[canary["role"] == "live"]
half = live.assign(version=[("A" if share_of((k.date.strftime("%Y-%m-%d"), k.carrier, k.flight, k.origin, "half")) < .2 else "1") for k in live[list(flights.key)].itertuples()])
d = decide(half, "canary", "1", "A"); print(d.decision, d.reason)
d = decide(canary, "canary", "2", "1"); print(d.decision, d.reason)

# %%
operations.promote(flights, "2", by="model_owner", reason="better online, in shadow and canary")
traffic.wait_until(service.url, live="2", mode="off")
registry.history_table("flights")

# %%
print(alone_ms, shadow_ms, alone_mb, both_mb, service.memory_mb())
service.stop()

# %%
checklist("08")

# %%
leaves("version 2 live since 5 August, by shadow and canary")
end("08")
