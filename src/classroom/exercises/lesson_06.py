"""What lesson 06 asks: a contract's type, a service with BentoML, its callers, its packing."""

from __future__ import annotations

import asyncio
import dis
import functools
import inspect
import json
import re
import shlex
import shutil
import sys
import types
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from classroom.equality import items, mistake, same
from classroom.exercises import Given, exercise

# --- the contract ---------------------------------------------------------------------------------


@exercise(
    "06-ex1",
    "WindSpeed",
    hint="Annotated[float | None, Field(...)]: the type, and what pydantic should ask of it.",
)
def wind_speed(WindSpeed: Any) -> bool | str:
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    try:
        kind = TypeAdapter(WindSpeed)
    except (PydanticUserError, TypeError, RuntimeError) as error:
        return (
            f"pydantic makes no type of it ({type(error).__name__}): Annotated[type, Field(...)]."
        )

    def takes(value: Any) -> bool:
        try:
            kind.validate_python(value)
        except ValidationError:
            return False
        return True

    if takes(42) and not takes(42.6):
        return "It takes whole numbers only, and a wind may be 42.6 mph: which type is that?"
    for value in (0.0, 0, 0.4, 42.6, 119.7, 120.0, 120):
        if not takes(value):
            return f"It refuses {value}, and such a wind can blow."
    if not takes(None):
        return "It refuses None, and a station can be silent."
    for value in (1048.0, 1000.0, 130.0, 121.0, 120.1, 120.000001, float("inf")):
        if takes(value):
            return f"It takes a wind of {value} mph: where does the range end?"
    for value in (-50.0, -1.0, -0.4, -0.000001, float("-inf")):
        if takes(value):
            return f"It takes a wind of {value} mph: where does the range begin?"
    for text in ("12", "12.5", "mild", True):
        if takes(text):
            return f"It takes {text!r}, which is no number: what does `strict` do?"
    return not takes(float("nan")) or "It takes NaN, which is no wind."


# --- the service ----------------------------------------------------------------------------------


@exercise(
    "06-ex2",
    "Departures",
    hint="@bentoml.service above the class, @bentoml.api above "
    "`def predict(self, flights: list[FlightRequest]) -> list[float]:`; inside, a table of the "
    "requests, and self.release.predict.",
)
def departures(Departures: Any, given: Given) -> bool | str:
    return _judge_service(Departures, "Departures", given)


@exercise(
    "06-ex4",
    "Batched",
    hint="The whole cell of Departures with another class name, and @bentoml.api(...) with three "
    "parameters.",
)
def batched(Batched: Any, given: Given) -> bool | str:
    found = _judge_service(Batched, "Batched", given)
    if found is not True:
        return found
    method = Batched.apis["predict"]
    if method.batchable is not True:
        return "Its predict is not batchable: say so in the brackets of @bentoml.api(...)."
    if method.max_batch_size != 200:
        return f"At most {method.max_batch_size} flights share a call; 200 was asked for."
    if method.max_latency_ms != 1000:
        return (
            f"An answer may take {method.max_latency_ms} ms; 1000 was asked for "
            "(max_latency_ms counts milliseconds)."
        )
    return True


ALONE = "an_answer_as_a_file"


def _judge_service(service: Any, title: str, given: Given) -> bool | str:
    """Ask a service as HTTP would: JSON through the types of its method, and back."""
    if not hasattr(service, "apis"):
        return f"{title} is no service: @bentoml.service stands above the class."
    if service.inner.__name__ != title:
        return f"Its class is still called {service.inner.__name__}: name the class {title}."
    if given.source:
        found = _imported(given.source, title)
        if isinstance(found, str):
            return found
        service = found
    if "predict" not in service.apis:
        others = ", ".join(service.apis) or "none"
        return f"BentoML finds no endpoint `predict` (endpoints: {others}): what makes one?"
    wrong = _types(service.apis["predict"])
    if wrong:
        return wrong
    try:
        made = service.inner()
    except NameError as error:
        return _not_in_the_file(error)
    for name, rows in _questions(given.rows).items():
        wanted = _wanted(rows)
        try:
            said = _asked(made, service.apis["predict"], rows)
        except NameError as error:
            return _not_in_the_file(error)
        except AttributeError as error:
            if "'str' object" not in str(error):
                raise
            return "release.predict takes one table of all requests, pd.DataFrame([...]), no dict."
        wrong = _compared(said, wanted, name)
        if wrong:
            return wrong
    return True


def _imported(source: str, title: str) -> Any:
    """Run the cell as `bentoml serve` would import it: without the notebook's variables."""
    from IPython.core.inputtransformer2 import TransformerManager

    code = TransformerManager().transform_cell(source)
    # pydantic looks up the names of types in the module that a class says it is from.
    module = sys.modules[ALONE] = types.ModuleType(ALONE)
    try:
        exec(compile(code, "<service>", "exec", dont_inherit=True), module.__dict__)
    except NameError as error:
        return _not_in_the_file(error)
    return getattr(module, title)


def _not_in_the_file(error: NameError) -> str:
    return (
        f"As a file it does not know {error.name!r}: `bentoml serve` imports this cell alone, so "
        "it may use what it imports itself and what is in self, and nothing of the notebook."
    )


def _types(method: Any) -> str:
    from pydantic import ValidationError

    from classroom import callers

    names = list(method.input_spec.model_fields)
    if names != ["flights"]:
        return f"Its arguments are {', '.join(names) or 'none'}; callers send `flights`."
    odd = callers.odd_requests(GOOD)
    odd.pop("airline nobody knows")  # it is well written
    try:
        method.input_spec.model_validate_json(json.dumps({"flights": [GOOD, GOOD]}))
    except ValidationError:
        return "It refuses two good flights: `flights` is a list of FlightRequest."
    for name, row in odd.items():
        try:
            method.input_spec.model_validate_json(json.dumps({"flights": [row]}))
        except ValidationError:
            continue
        return f"It takes the request with {name}: give `flights` the type of the contract."
    return ""


GOOD = {
    **{"date": "2013-04-01", "carrier": "UA", "flight": 1545, "origin": "EWR", "dest": "IAH"},
    **{"distance": 1400, "sched_dep_time": 615, "n_sched_hour": 40, "temp": 45.0, "humid": 60.0},
    **{"wind_speed": 10.0, "precip_3h": 0.0, "visib": 10.0, "pressure": 1012.0},
}


def _questions(rows: list[dict]) -> dict[str, list[dict]]:
    """Return what to ask: the notebook's flights, and some that it has never seen."""
    yesterday = [
        {
            **row,
            "date": "2013-03-31",
            "sched_dep_time": 100 * ((row["sched_dep_time"] // 100 + 5) % 24) + 37,
            "temp": None if n % 3 else 20.0 + n,
        }
        for n, row in enumerate(rows[40:100])
    ]
    later = [{**row, "date": "2013-04-05"} for row in rows[:10]]  # its state is too old
    return {
        "today": rows,
        "a day that the notebook does not have": yesterday,
        "a day whose state is too old": later,
        "one flight alone": rows[7:8],
    }


def _wanted(rows: list[dict]) -> list[float]:
    """Return the release's own answers, with the state that is published."""
    import pandas as pd

    from firstflight.state import Store
    from firstflight.usecases.flights import FlightRequest
    from firstflight.workspace import current

    table = pd.DataFrame([FlightRequest.model_validate(row).model_dump() for row in rows])
    release = _release(str(current().root))
    return [float(one) for one in release.predict(table, Store("flights", 1, max_age_days=2))]


@functools.cache
def _release(root: str) -> Any:
    from firstflight import registry

    return registry.load("flights", "1")


def _asked(made: Any, method: Any, rows: list[dict]) -> Any:
    parsed = method.input_spec.model_validate_json(json.dumps({"flights": rows}))
    result = method.func(made, flights=parsed.flights)
    if inspect.iscoroutine(result):
        with ThreadPoolExecutor(1) as other:  # this notebook's own loop is busy
            return other.submit(asyncio.run, result).result()
    return result


def _compared(said: Any, wanted: list[float], name: str) -> str:
    if said is None:
        return "It returns nothing: what does predict give back?"
    if not isinstance(said, (list, tuple)):
        kind = type(said).__name__
        return f"It returns a {kind}, and JSON has lists: `.tolist()` makes one of an array."
    if len(said) != len(wanted):
        return f"It gives {len(said)} answers to {len(wanted)} flights."
    if not all(isinstance(one, (int, float)) for one in said):
        return f"An answer is a {type(said[0]).__name__}, not a number per flight."
    agree = sum(one == other for one, other in zip(said, wanted, strict=True))
    if agree == len(wanted):
        return ""
    where = f"Asked for {name}, {agree} of {len(wanted)} answers agree with the release's."
    if same(sorted(said), sorted(wanted)):
        return f"{where} They are the right ones in another order."
    if max(abs(a - b) for a, b in zip(said, wanted, strict=True)) < 1e-3:
        return f"{where} They are close, and equal means equal: do not round, use release.predict."
    if same([1 - one for one in said], wanted):
        return f"{where} They are the probabilities of being on time."
    return f"{where} Let the release compute its features, with self.store and no others."


# --- its callers ----------------------------------------------------------------------------------


@exercise(
    "06-type1",
    "answer",
    hint='answer = !curl -s ADDRESS -H "content-type: application/json" -d @FILE',
)
def curl(answer: Any, given: Given) -> bool | str:
    if not given.source and shutil.which("curl") is None:
        return True  # the reference answer cannot be typed here; httpx does as well
    wanted = _wanted(given.rows[:1])
    if same(items(answer), wanted):
        return True
    if hasattr(answer, "status_code"):
        return "That is the whole response: what the service said is in its `.text`."
    text = "\n".join(map(str, items(answer) or [answer])).strip()
    if "not found" in text.lower() and "curl" in text:
        return "There is no curl on this machine: ask with httpx.post, and take its text."
    if "curl" in given.source and not re.search(r"!\s*curl", given.source):
        return "Put an exclamation mark before curl: the line is for the shell."
    if not text:
        return "Nothing came: is the service up, and the address right ({mine.url}/predict)?"
    try:
        said = json.loads(text)
    except ValueError:
        if "% Total" in text or "Dload" in text:
            return "curl's progress is in it: -s keeps it silent."
        return f"This is no JSON: {text[:80]}. Which address is asked, and what is sent?"
    if same(said, wanted):
        return True
    if isinstance(said, dict):
        why = said.get("error") or said.get("detail") or said
        return (
            f"The service refuses it ({str(why)[:100]}): does -d name the file with @, and -H "
            "the content-type?"
        )
    return f"It says {str(said)[:60]}, and the question was the flight in the file."


@exercise(
    "06-ex3",
    "ask",
    hint="with bentoml.SyncHTTPClient(url) as client: and the client's predict(flights=...).",
)
def ask(ask: Any, given: Given) -> bool | str:
    function = getattr(ask, "__wrapped__", ask)
    code = getattr(function, "__code__", None)
    if code is None or code.co_argcount != 2:
        return "It is a function of two arguments: url and flights."
    client = {"SyncHTTPClient", "AsyncHTTPClient"} & _names_in(code)
    if not client:
        return "It does not open BentoML's own client: bentoml.SyncHTTPClient."
    for argument in code.co_varnames[:2]:
        if argument not in _read_in(code):
            return f"It does not use {argument}: another service, or other flights, must work too."
    some = given.rows[300:305]
    said = ask(given.mine.url, some)
    if said is None:
        return "It returns nothing."
    if inspect.iscoroutine(said):
        said.close()
        return "It returns a coroutine: the synchronous client gives the answers themselves."
    if same(items(said), _wanted(some)):
        # Left open, each call would keep a connection.
        closes = {"__enter__", "close"} & (_names_in(code) | _opens(code))
        return bool(closes) or "The client stays open: a `with` block closes it."
    return mistake(said, _wanted(some)) or "It is not what the service answers for these flights."


def _names_in(code: Any) -> set[str]:
    return set(code.co_names) | set(code.co_freevars)


def _read_in(code: Any) -> set[str]:
    """Return the local names that a function reads."""
    found: set[str] = set()
    for one in dis.get_instructions(code):
        if one.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE", "STORE_FAST_LOAD")):
            found |= set(one.argval if isinstance(one.argval, tuple) else (one.argval,))
    return found


def _opens(code: Any) -> set[str]:
    withs = {"BEFORE_WITH", "LOAD_SPECIAL"}
    return {"__enter__"} if any(i.opname in withs for i in dis.get_instructions(code)) else set()


@exercise(
    "06-look1", "statuses", hint="A list of whole numbers: what stands beside 200 at /predict."
)
def statuses(statuses: Any, given: Given) -> bool | str:
    import httpx

    page = httpx.get(f"{given.mine.url}/docs.json", trust_env=False).json()
    listed = {int(code) for code in page["paths"]["/predict"]["post"]["responses"]} - {200}
    found = items(sorted(statuses)) if isinstance(statuses, (set, frozenset)) else items(statuses)
    if found is None:
        return "A list, in [ ]."
    if any(isinstance(one, str) for one in found):
        return "Numbers, without quotes."
    if 200 in found:
        return "200 is the good answer; the others are asked for."
    if any(isinstance(one, bool) or one not in listed for one in found):
        wrong = next(one for one in found if one not in listed)
        return f"{wrong} is not on the page, under POST /predict: open it and look at Responses."
    if len(set(found)) < len(found):
        return "One stands there twice."
    if len(found) < len(listed):
        return f"There are more than {len(found)}: scroll down to the end of Responses."
    return True


@exercise(
    "06-ex5",
    "mean_batch",
    hint="The line that ends in _sum and the line that ends in _count, of adaptive_batch_size.",
    vary=lambda given: {"metrics": _other_metrics(given.metrics)},
)
def mean_batch(mean_batch: Any, given: Given) -> bool | str:
    total, count = (_metric(given.metrics, end) for end in ("sum", "count"))
    if same(mean_batch, total / count):
        return True
    for name, value in (("sum", total), ("count", count)):
        if same(mean_batch, value):
            return f"This is the _{name} alone: an average takes two numbers."
    if same(mean_batch, round(total / count)) or same(mean_batch, total // count):
        return "It is rounded to a whole number."
    return mistake(mean_batch, total / count)


SIZE = "bentoml_service_adaptive_batch_size"


def _metric(text: str, end: str) -> float:
    found = re.search(rf"^{SIZE}_{end}{{.*}} (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


def _other_metrics(text: str) -> str:
    return re.sub(rf"^({SIZE}_sum{{.*}}) \S+$", r"\1 4711.0", text, flags=re.MULTILINE)


# --- packed, and live -----------------------------------------------------------------------------


@exercise(
    "06-ex6",
    hint='bentoml.container.get_containerfile("NAME:VERSION", output_path=...)',
)
def containerfile(given: Given) -> bool | str:
    recipe = given.recipe
    code = "\n".join(line for line in given.source.splitlines() if not line.startswith("#"))
    calls = "get_containerfile" in code
    if given.source and not calls:
        if "containerize" in code or ".build(" in code:
            return "This would have Docker build an image; get_containerfile only writes the file."
        return "Let BentoML write it: bentoml.container.get_containerfile."
    if given.source and not re.search(r"firstflight-flights:(1\b|latest)|built\.tag", code):
        return "Which Bento? Its tag is firstflight-flights:1."
    if re.search(r"output_path\s*=\s*[\"']recipe[\"']", code):
        return "In quotation marks, recipe is the name of a new file: give str(recipe)."
    if given.source and "recipe" not in code:
        return "It is not written to `recipe`: give output_path, as a text."
    if not recipe.is_file():
        return "There is no file at `recipe`: give output_path, as a text."
    text = recipe.read_text()
    if "FROM " not in text or "ENTRYPOINT" not in text:
        return "What lies at `recipe` is no Containerfile of BentoML's."
    return True


def _typed(source: str) -> list[list[str]]:
    """Return the commands of a cell, each as its words; what is no `!` line is left out."""
    lines = "\n".join(line for line in source.splitlines() if not line.startswith("#"))
    lines = lines.replace("\\\n", " ")
    found = []
    for line in lines.splitlines():
        if line.strip().startswith("!"):
            try:
                found.append(shlex.split(line.strip().lstrip("! ")))
            except ValueError:
                found.append(line.strip().lstrip("! ").split())
    return found


def _options(words: list[str]) -> dict[str, str]:
    """Return the options of a command: ``--by x`` and ``--by=x``."""
    given: dict[str, str] = {}
    for n, word in enumerate(words):
        if word.startswith("-"):
            name, equals, value = word.partition("=")
            after = words[n + 1] if n + 1 < len(words) else ""
            given[name] = value if equals else after
    return given


def _command(given: Given, name: str) -> list[str] | str:
    """Return the words of ``firstflight NAME`` in a cell, or the sentence for what is wrong."""
    typed = _typed(given.source)
    ours = [words for words in typed if words[:2] == ["firstflight", name]]
    if ours:
        return ours[-1]
    if f"firstflight {name}" in given.source and not typed:
        return "Put an exclamation mark before it: the line is for the shell."
    if typed and typed[-1][:1] != ["firstflight"]:
        return f"The command begins with another word: firstflight {name}."
    return f"Type the command behind an exclamation mark: firstflight {name}."


def _has_code(source: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in source.splitlines())


@exercise("06-type2", hint="!firstflight state, with the option that its --help marks as required.")
def publish(given: Given) -> bool | str:
    published = given.ws.state / "flights" / "v1" / "2013-04-01.json"
    if _has_code(given.source):
        words = _command(given, "state")
        if isinstance(words, str):
            return words
        options: Mapping[str, str] = _options(words)
        if "--help" in options:
            return "That is the help; now the command itself."
        if "--feature-version" not in options:
            return "Which feature version? The option is --feature-version."
        if options["--feature-version"] != "1":
            return "Version 1 of the model was fitted on feature version 1."
        if options.get("--usecase", options.get("-u", "flights")) != "flights":
            return "The state is of the use case flights."
        if options.get("--since", "2013-04-01") > "2013-04-01":
            return "--since is a day after today: nothing is published."
    if not published.is_file():
        return "The state of 2013-04-01 is not published yet: what did the command say?"
    return True


@exercise(
    "06-type3",
    hint='!firstflight promote VERSION --by ROLE --reason "WHY"',
)
def promote(given: Given) -> bool | str:
    from firstflight import history

    if _has_code(given.source):
        words = _command(given, "promote")
        if isinstance(words, str):
            return words
        options = _options(words)
        if "--help" in options:
            return "That is the help; now the command itself."
        taken = set(options.values())
        plain = [w for w in words[2:] if not w.startswith("-") and w not in taken]
        if plain != ["1"]:
            return "It is version 1 that is promoted, and nothing else is named: check the quotes."
        if options.get("--by") != "model_owner":
            return "Who decides? Only model_owner may promote: --by model_owner."
        if len(options.get("--reason", "")) < 3:
            return "The history keeps why: --reason, in quotes."
        if options.get("--usecase", options.get("-u", "flights")) != "flights":
            return "The version is one of the use case flights."
    live = history.serving("flights").releases.get("live")
    if live != "1":
        return "Version 1 is not live: what did the command say?"
    return True
