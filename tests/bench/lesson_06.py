"""Answers to the exercises of lesson 06."""

from classroom.bench import Answers

IMPORTS = """import bentoml
import pandas as pd

from firstflight import registry
from firstflight.state import Store
from firstflight.usecases.flights import FlightRequest

"""
TABLE = "rows = pd.DataFrame([flight.model_dump() for flight in flights])"
SAID = "return self.release.predict(rows, self.store).tolist()"
API = "@bentoml.api"
BATCHED = "@bentoml.api(batchable=True, max_batch_size=200, max_latency_ms=1000)"
HEAD = "def predict(self, flights: list[FlightRequest]) -> list[float]:"


def service(*body, name="Departures", api=API, head=HEAD, imports=IMPORTS, age=2, above=""):
    lines = [
        "@bentoml.service(workers=1)",
        f"class {name}:",
        "    def __init__(self):",
        '        self.release = registry.load("flights", "1")',
        f'        self.store = Store("flights", 1, max_age_days={age})',
        "",
        *([f"    {api}"] if api else []),
        f"    {head}",
        *(f"        {line}" for line in body or (TABLE, SAID)),
    ]
    return imports + above + "\n".join(lines)


def batched(*body, api=BATCHED, **more):
    return service(*body, name="Batched", api=api, **more)


OWN_FEATURES = (
    TABLE,
    'rows["sched_hour"] = rows["sched_dep_time"] // 100',
    'rows["dow"] = pd.to_datetime(rows["date"]).dt.dayofweek',
    "rows = rows.reindex(columns=self.release.estimator.feature_names_in_)",
    "return self.release.estimator.predict_proba(rows)[:, 1].tolist()",
)
CURL = 'answer = !curl -s {mine.url}/predict -H "content-type: application/json" -d @{question}'
PROMOTE = '!firstflight promote 1 --by model_owner --reason "passed the gate; first release"'
ASK = "def ask(url, flights):\n    "
FILE = "import bentoml.container\n"
METRIC = "bentoml_service_adaptive_batch_size"
VALUE = (
    "import re\n"
    "def value(end):\n"
    f"    return float(re.search(r'^{METRIC}_' + end + r'{{.*}} (\\S+)$', metrics, re.M)[1])\n"
)


def commands(*answers):
    """Return answers whose commands are not run: each takes seconds, and what they do is done.

    The judge reads the command, and looks at what the lesson's own answer has left.
    """
    return tuple(
        (unrun(one[0]), one[1]) if isinstance(one, tuple) else unrun(one) for one in answers
    )


def unrun(answer):
    return f"if False:\n    {answer}" if answer.startswith("!") else answer


BENCH = {
    "06-ex1": Answers(
        wrong=(
            ("WindSpeed = Annotated[float | None, Field(strict=True, ge=0, le=1000)]", "range end"),
            ("WindSpeed = Annotated[float | None, Field(strict=True, ge=-0.5, le=120)]", "begin"),
            ("WindSpeed = Annotated[float | None, Field(strict=True, gt=0, le=120)]", "refuses 0"),
            ("WindSpeed = Annotated[float | None, Field(strict=True, ge=0, lt=120)]", "es 120"),
            ("WindSpeed = Annotated[float | None, Field(ge=0, le=120)]", "strict"),
            ("WindSpeed = Annotated[float, Field(strict=True, ge=0, le=120)]", "refuses None"),
            (
                "WindSpeed = Annotated[int | None, Field(strict=True, ge=0, le=120)]",
                "whole numbers",
            ),
            ("WindSpeed = Annotated[float | None, Field(strict=True, le=120)]", "begin"),
            ("WindSpeed = Annotated[float | None, Field(strict=True, ge=0)]", "range end"),
            ("WindSpeed = Annotated[float | None, Field(strict=True, ge=0, le=121)]", "121"),
            ("WindSpeed = float", "refuses None"),
            ("WindSpeed = Annotated[float | str | None, Field(strict=True)]", "makes no type"),
            ("WindSpeed = Annotated[float | None, Field(strict=True, min=0, max=120)]", "takes"),
        ),
        right=(
            "WindSpeed = Annotated[float | None, Field(strict=True, ge=0, le=120)]",
            "WindSpeed = Annotated[float, Field(strict=True, ge=0.0, le=120.0)] | None",
            "from typing import Optional\n"
            "WindSpeed = Annotated[Optional[float], Field(le=120, ge=0, strict=True)]",
            "from pydantic import StrictFloat\n"
            "WindSpeed = Annotated[StrictFloat, Field(ge=0, le=120)] | None",
        ),
    ),
    "06-ex2": Answers(
        wrong=(
            (service(api=""), "no endpoint"),
            (
                service(
                    "rows = pd.DataFrame(flights)",
                    SAID,
                    head="def predict(self, flights: list[dict]) -> list[float]:",
                ),
                "type of the contract",
            ),
            (service(*OWN_FEATURES), "0 of 970"),
            (
                service(
                    "return [self.release.predict(f.model_dump(), self.store) for f in flights]"
                ),
                "one table",
            ),
            (service(TABLE, "return self.release.predict(rows, self.store)"), "tolist"),
            (service(TABLE, "return release.predict(rows, self.store).tolist()"), "as a file"),
            (service('return notebook["prediction"].tolist()[: len(flights)]'), "as a file"),
            (service("return [0.2 for flight in flights]"), "0 of 970"),
            (
                service(
                    TABLE,
                    "said = self.release.predict(rows, self.store)",
                    "return (1 - said).tolist()",
                ),
                "on time",
            ),
            (
                service(TABLE, "return sorted(self.release.predict(rows, self.store).tolist())"),
                "another order",
            ),
            (
                service(TABLE, "return self.release.predict(rows, self.store).round(4).tolist()"),
                "do not round",
            ),
            (service(age=0), "self.store"),
            (service(age=9), "too old"),
            (
                service(head="def answer(self, flights: list[FlightRequest]) -> list[float]:"),
                "no endpoint",
            ),
            (
                service(
                    TABLE.replace("in flights", "in requests"),
                    SAID,
                    head="def predict(self, requests: list[FlightRequest]) -> list[float]:",
                ),
                "callers send",
            ),
            (service("rows = pd.DataFrame(flights)", SAID), "raised"),
            (service(TABLE, "self.release.predict(rows, self.store).tolist()"), "nothing"),
            (service(TABLE, SAID + "[0]"), "returns a float"),
            (service(TABLE, SAID + "[:100]"), "100 answers"),
            (service(imports="import pandas as pd\n"), "as a file"),
            (
                service(TABLE, 'return [{"p": p} for p in self.release.predict(rows, self.store)]'),
                "is a dict",
            ),
            ("class Departures:\n    pass", "no service"),
        ),
        right=(
            service(),
            service("rows = pd.DataFrame([vars(flight) for flight in flights])", SAID),
            service(TABLE, SAID, head=HEAD.replace("def", "async def"), api="@bentoml.api()"),
            service(
                "table = pd.DataFrame.from_records([dict(flight) for flight in flights])",
                "return [float(p) for p in self.release.predict(table, states=self.store)]",
            ),
        ),
    ),
    "06-type1": Answers(
        wrong=(
            ("answer = !curl -s {mine.url}/predict", "JSON"),
            ("answer = !curl -s {mine.url}/predict -d @{question}", "content-type"),
            (CURL.replace("@", ""), "with @"),
            (CURL.replace("/predict", ""), "JSON"),
            (CURL.replace("predict", "predikt"), "JSON"),
            (CURL.replace("-s ", "") + " 2>&1", "silent"),
            (CURL.replace("!curl", "!crul"), "JSON"),
            ('answer = "curl -s {mine.url}/predict"', "exclamation"),
            ("answer = [0.25]", "question was"),
            ('answer = httpx.post(f"{mine.url}/predict", json={"flights": rows[:1]})', ".text"),
            ("answer = !curl -s {mine.url}/livez", "nothing came"),
        ),
        right=(
            CURL,
            "answer = !curl -s -X POST -H 'Content-Type: application/json' --data @{question} "
            "{mine.url}/predict",
            'answer = httpx.post(f"{mine.url}/predict", json={"flights": rows[:1]}).text',
            'answer = httpx.post(f"{mine.url}/predict", content=question.read_text(), '
            'headers={"content-type": "application/json"}).json()',
        ),
    ),
    "06-ex3": Answers(
        wrong=(
            (ASK + 'return httpx.post(f"{url}/predict", json={"flights": flights}).json()', "own"),
            (
                ASK + "with bentoml.SyncHTTPClient(mine.url) as client:\n"
                "        return client.predict(flights=flights)",
                "does not use url",
            ),
            (
                ASK + "with bentoml.SyncHTTPClient(url) as client:\n"
                "        return client.predict(flights=rows)",
                "does not use flights",
            ),
            (
                ASK + "with bentoml.SyncHTTPClient(url) as client:\n"
                "        client.predict(flights=flights)",
                "nothing",
            ),
            (
                ASK + "with bentoml.SyncHTTPClient(url) as client:\n"
                "        return client.predict(flights=flights)[0]",
                "all of them",
            ),
            (ASK + "return bentoml.SyncHTTPClient(url).predict(flights=flights)", "stays open"),
            (
                ASK + "with bentoml.SyncHTTPClient(url) as client:\n"
                "        return client.predict(requests=flights)",
                "raised",
            ),
            (
                ASK + "with bentoml.SyncHTTPClient(url) as client:\n"
                "        return client.answer(flights=flights)",
                "raised",
            ),
            (
                ASK + "with bentoml.SyncHTTPClient(url) as client:\n"
                "        return client.predict(flights=flights)[::-1]",
                "another order",
            ),
            (
                "def ask(flights):\n    with bentoml.SyncHTTPClient(mine.url) as client:\n"
                "        return client.predict(flights=flights)",
                "two arguments",
            ),
        ),
        right=(
            ASK + "with bentoml.SyncHTTPClient(url) as client:\n"
            "        return client.predict(flights=flights)",
            ASK + "client = bentoml.SyncHTTPClient(url)\n"
            "    try:\n        return client.predict(flights=flights)\n"
            "    finally:\n        client.close()",
            "from bentoml import SyncHTTPClient\n"
            "def ask(address, some):\n    with SyncHTTPClient(address) as http:\n"
            '        answers = http.call("predict", flights=some)\n    return list(answers)',
        ),
    ),
    "06-type2": Answers(
        wrong=commands(
            ("!firstflight state", "which feature version"),
            ("!firstflight state --feature-version 2", "feature version 1"),
            ("!firstflight state --help", "the help"),
            ("firstflight = 'state --feature-version 1'", "exclamation"),
            ("print('firstflight state --feature-version 1')", "exclamation"),
            ("!firstflight land 2013-04", "firstflight state"),
            ("!firstflight status", "firstflight state"),
            ("!course state --feature-version 1", "another word"),
            ("!firstflight state --feature-version 1 -u air_time", "use case"),
            ("!firstflight state --feature-version=1 --since 2013-04-02", "after today"),
        ),
        right=commands(
            "!firstflight state --feature-version 1",
            "!firstflight state --feature-version=1 --usecase flights",
            "! firstflight state --since 2013-04-01 --feature-version 1",
        ),
    ),
    "06-look1": Answers(
        wrong=(
            ("statuses = [200, 400, 404, 500]", "good answer"),
            ("statuses = [400, 500]", "more than 2"),
            ("statuses = [400, 404, 503]", "503"),
            ('statuses = ["400", "404", "500"]', "without quotes"),
            ("statuses = 400", "a list"),
            ("statuses = [400, 404, 422, 500]", "422"),
            ("statuses = [400, 404, 500, 500]", "twice"),
            ("statuses = [404]", "more than 1"),
            ("statuses = {400: 'Bad Request', 404: 'Not Found', 500: 'Error'}", "a list"),
        ),
        right=(
            "statuses = [400, 404, 500]",
            "statuses = (500, 404, 400)",
            "statuses = {404, 500, 400}",
        ),
    ),
    "06-ex4": Answers(
        wrong=(
            (batched(api=API), "not batchable"),
            (batched(api="@bentoml.api(batchable=True)"), "100 flights"),
            (batched(api="@bentoml.api(batchable=True, max_batch_size=200)"), "60000"),
            (batched(api=BATCHED.replace("=200", "=1000")), "1000 flights"),
            (batched(api=BATCHED.replace("=1000", "=1")), "1 ms"),
            (batched(api=""), "no endpoint"),
            ("Batched = Departures", "still called Departures"),
            (
                batched().replace("class Batched", "class Departures") + "\nBatched = Departures",
                "still called Departures",
            ),
            (batched(TABLE, SAID, imports=""), "as a file"),
            (batched(TABLE, "return self.release.predict(rows, self.store)"), "tolist"),
            (batched(head="def predict(self, flights: list) -> list[float]:"), "contract"),
            (batched(api="@bentoml.api(batchable='yes', max_batch_size=200)"), "not batchable"),
        ),
        right=(
            batched(),
            batched(api="@bentoml.api(max_latency_ms=1_000, max_batch_size=200, batchable=True)"),
            batched(
                "table = pd.DataFrame([vars(flight) for flight in flights])",
                "return list(map(float, self.release.predict(table, self.store)))",
            ),
        ),
    ),
    "06-ex5": Answers(
        wrong=(
            (VALUE + 'mean_batch = value("sum")', "_sum alone"),
            (VALUE + 'mean_batch = value("count")', "_count alone"),
            (VALUE + 'mean_batch = value("count") / value("sum")', "inverse"),
            (VALUE + 'mean_batch = round(value("sum") / value("count"))', "whole number"),
            (VALUE + 'mean_batch = 100 * value("sum") / value("count")', "percent"),
            (VALUE + 'mean_batch = [value("sum") / value("count")]', "take the value itself"),
            (VALUE + 'mean_batch = str(value("sum") / value("count"))', "text"),
            (VALUE + 'mean_batch = value("mean")', "raised"),
            (VALUE + 'mean_batch = value("sum") / value("count") + 1', "off by one"),
            (
                VALUE + 'mean_batch = value("sum") / len(metrics.splitlines())',
                "adaptive_batch_size",
            ),
            (
                VALUE.replace(" metrics,", " httpx.get(f'{batched.url}/metrics').text,")
                + 'mean_batch = value("sum") / value("count")',
                "metrics",
            ),
        ),
        right=(
            VALUE + 'mean_batch = value("sum") / value("count")',
            "from prometheus_client.parser import text_string_to_metric_families as read\n"
            "found = {s.name: s.value for family in read(metrics) for s in family.samples}\n"
            f'mean_batch = found["{METRIC}_sum"] / found["{METRIC}_count"]',
            "summed, counted = (\n"
            "    float(next(line for line in metrics.splitlines() if f'size_{end}{{' in line)"
            ".split()[-1])\n"
            "    for end in ('sum', 'count')\n"
            ")\n"
            "mean_batch = summed / counted",
        ),
    ),
    "06-ex6": Answers(
        wrong=(
            (FILE + 'bentoml.container.get_containerfile("firstflight-flights:1")', "output_path"),
            (
                FILE + 'bentoml.container.get_containerfile("flights:1", output_path=str(recipe))',
                "raised",
            ),
            (
                FILE + 'bentoml.container.get_containerfile("firstflight-flights:2", '
                "output_path=str(recipe))",
                "raised",
            ),
            (
                FILE + '# bentoml.container.build("firstflight-flights:1")\nx = 1',
                "get_containerfile",
            ),
            (FILE + 'recipe.write_text("FROM python")', "get_containerfile"),
            (FILE + "bentoml.container.get_containerfile(output_path=str(recipe))", "raised"),
            (
                FILE + 'bentoml.container.get_containerfile("firstflight-flights:1", '
                'output_path="recipe")\n__import__("os").remove("recipe")',
                "In quotation marks",
            ),
            (
                FILE + 'bentoml.container.get_containerfile("firstflight-flights:1", '
                'output_path=str(ws.root / "other"))',
                "not written to `recipe`",
            ),
            (FILE + 'bentoml.get_containerfile("firstflight-flights:1", str(recipe))', "raised"),
            (FILE + 'call = "!bentoml containerize firstflight-flights:1"', "docker build"),
        ),
        right=(
            FILE + 'bentoml.container.get_containerfile("firstflight-flights:1", '
            "output_path=str(recipe))",
            FILE + "bentoml.container.get_containerfile(str(built.tag), str(recipe))",
            "from bentoml.container import get_containerfile\n"
            'get_containerfile(bento_tag="firstflight-flights:1", output_path=f"{recipe}")',
        ),
    ),
    # Version 1 is live when these are tried: the command says so, and writes no second entry.
    "06-type3": Answers(
        wrong=commands(
            ("!firstflight promote 2 --by model_owner --reason 'first release'", "version 1"),
            (PROMOTE.replace("model_owner", "on_call"), "only model_owner"),
            ("!firstflight promote 1", "who decides"),
            ("!firstflight promote 1 --by model_owner", "keeps why"),
            (PROMOTE.lstrip("!").join(("x = '''", "'''")), "exclamation"),
            (PROMOTE.replace('"', ""), "quotes"),
            (PROMOTE.replace("promote", "promot"), "firstflight promote"),
            ("!firstflight promote --help", "the help"),
            (PROMOTE + " -u air_time", "use case"),
            ("operations.history", "firstflight promote"),
        ),
        right=commands(
            PROMOTE,
            PROMOTE.replace("--by model_owner", "--by=model_owner"),
            '! firstflight promote --reason "passed the gate; first release" --by model_owner 1',
        ),
    ),
}
