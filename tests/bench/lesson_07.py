"""Answers to the exercises of lesson 07."""

from classroom.bench import Answers


def report(body):
    return f"def drift(current, reference):\n    {body}"


WRAP = (
    "now, then = (Dataset.from_pandas(side[columns], data_definition=kinds)"
    " for side in (current, reference))\n    "
)
GAPS = 'MissingValueCount(column="temp", share_tests=[lte(0.05)])'
WIND = 'MaxValue(column="wind_speed", tests=[lte(120)])'
TWICE = "DuplicatedRowCount(tests=[lte(0)])"


def three(gaps=GAPS, wind=WIND, twice=TWICE):
    return f"promises = Report([{gaps}, {wind}, {twice}])"


def four(body):
    return f"def four_weeks_before(rows, monday):\n    {body}"


def fault(body):
    return f"def accident(rows):\n    {body}"


def send(*lines):
    return "\n    ".join(("def tell(alerts, address):", *lines))


POST = ("post = apprise.Apprise()", "post.add(address)")
URGENT = 'urgent = [a for a in alerts if a.level == "page"]'


ZONE = 'Cron("0 6 * * 1", timezone="America/New_York")'
GIVEN = '{"usecase": "flights", "address": address}'


def planned(cron=ZONE, parameters=GIVEN):
    return (
        "monday = RunnerDeployment.from_flow("
        f'every_monday, "flights", parameters={parameters}, schedule={cron})'
    )


BENCH = {
    "07-ex1": Answers(
        wrong=(
            (report(f"{WRAP}return Report([DataDriftPreset()]).run(then, now)"), "wrong way round"),
            (report(f"{WRAP}return Report([DataDriftPreset()]).run(now, now)"), "from itself"),
            (report(f"{WRAP}return Report([DataDriftPreset()])"), "not run yet"),
            (report(f"{WRAP}Report([DataDriftPreset()]).run(now, then)"), "nothing"),
            (report(f"{WRAP}return Report([DataDriftPreset()]).run(now, then).dict()"), "a dict"),
            (report(f"{WRAP}return Report([]).run(now, then)"), "DataDriftPreset"),
            (report(f"{WRAP}return Report([DataDriftPreset()]).run(now)"), "raised"),
            (
                report(
                    f"{WRAP.replace('side[columns]', 'side')}"
                    "return Report([DataDriftPreset()]).run(now, then)"
                ),
                "side[columns]",
            ),
            (
                report(
                    f"{WRAP.replace('(current, reference)', '(week, release.reference)')}"
                    "return Report([DataDriftPreset()]).run(now, then)"
                ),
                "own tables",
            ),
            (
                report(
                    "now, then = (Dataset.from_pandas(s[numbers], data_definition="
                    "DataDefinition(numerical_columns=numbers)) for s in (current, reference))\n"
                    "    return Report([DataDriftPreset()]).run(now, then)"
                ),
                "origin is not compared",
            ),
            (
                report("return Report([DataDriftPreset()]).run(current[cols], reference[cols])"),
                "NameError",
            ),
            (report("return wasserstein_distance(current, reference)"), "NameError"),
        ),
        right=(
            report(f"{WRAP}return Report([DataDriftPreset()]).run(now, then)"),
            report(
                f"{WRAP}return Report(metrics=[DataDriftPreset()])"
                ".run(reference_data=then, current_data=now)"
            ),
            "def wrap(side):\n"
            "    return Dataset.from_pandas(side[columns], data_definition=kinds)\n"
            "def drift(current, reference):\n"
            "    return Report([DataDriftPreset()]).run(wrap(current), wrap(reference))",
        ),
    ),
    "07-look1": Answers(
        wrong=(
            ('second, carrier_test = "temp", "Jensen-Shannon distance"', "below"),
            ('second, carrier_test = "humid", "Jensen-Shannon distance"', "second largest"),
            ('second, carrier_test = "carrier_late_7d", "Jensen-Shannon"', "second largest"),
            ('second, carrier_test = "Origin", "Jensen-Shannon distance"', "no column"),
            ('second, carrier_test = 1.6, "Jensen-Shannon distance"', "name of a column"),
            (
                'second, carrier_test = "origin_late_7d", "Wasserstein distance (normed)"',
                "numbers",
            ),
            ('second, carrier_test = "origin_late_7d", "Not Detected"', "Stat Test"),
            ('second, carrier_test = "origin_late_7d", 0.0268', "as a text"),
            ("second, carrier_test = origin_late_7d, 1", "NameError"),
        ),
        right=(
            'second, carrier_test = "origin_late_7d", "Jensen-Shannon distance"',
            'second = "origin_late_7d"\ncarrier_test = "jensen shannon"',
            "table_of = pd.DataFrame([dict(m['config'], value=m['value'])"
            " for m in july.dict()['metrics'][1:]]).set_index('column')\n"
            "second = table_of['value'].astype(float).sort_values().index[-2]\n"
            "carrier_test = table_of.loc['carrier', 'method']",
        ),
    ),
    "07-ex2": Answers(
        wrong=(
            (f"promises = [{GAPS}, {WIND}, {TWICE}]", "Report("),
            (three(gaps='MissingValueCount(column="temp", tests=[lte(0.05)])'), "share_tests"),
            (three(gaps='MissingValueCount(column="temp", share_tests=[lte(5)])'), "0 to 1"),
            (
                three(
                    gaps='MissingValueCount(column="temp", share_tests=[__import__'
                    '("evidently.tests", fromlist=["lt"]).lt(0.05)])'
                ),
                "at most means",
            ),
            (
                three(gaps='MissingValueCount(column="humid", share_tests=[lte(0.05)])'),
                "temp is missing",
            ),
            (
                three(
                    wind='__import__("evidently.metrics", fromlist=["x"])'
                    '.MinValue(column="wind_speed", tests=[lte(120)])'
                ),
                "1048",
            ),
            (three(wind='MaxValue(column="wind_speed", tests=[lte(1000)])'), "121"),
            (three(wind='MaxValue(column="wind_speed", tests=[lte(80)])'), "90 mph"),
            (three(wind='MaxValue(column="wind_speed")'), "1048"),
            (three(twice="DuplicatedRowCount()"), "twice"),
            (three(twice="DuplicatedRowCount(tests=[lte(1)])"), "twice"),
            (f"promises = Report([{GAPS}, {WIND}])", "twice"),
            (
                "promises = Report([MissingValueCount(column='temp'),"
                " MaxValue(column='wind_speed'), DuplicatedRowCount()])",
                "only measures",
            ),
            (three() + ".run(with_keys(week), None)", "run already"),
            (three(gaps=f"{GAPS}, {GAPS.replace('temp', 'humid')}"), "three are asked"),
        ),
        right=(
            three(),
            f"promises = Report(metrics=[{TWICE}, {WIND}, {GAPS}])",
            "from evidently.tests import eq\n" + three(twice="DuplicatedRowCount(tests=[eq(0)])"),
            "at_most = lte\nrules_ = [\n    MissingValueCount(column='temp', "
            f"share_tests=[at_most(1 / 20)]),\n    {WIND},\n    {TWICE},\n]\n"
            "promises = Report(rules_)",
        ),
    ),
    "07-ex3": Answers(
        wrong=(
            (four('return rows[rows["date"] < monday]'), "28"),
            (four('return rows[rows["date"] >= monday - 28]'), "Timedelta"),
            (four('return rows[rows["date"] >= monday - pd.Timedelta(days=28)]'), "after the"),
            (
                four(
                    'return rows[(rows["date"] >= monday - pd.Timedelta(days=28))'
                    ' & (rows["date"] <= monday)]'
                ),
                "Monday itself",
            ),
            (
                four(
                    'return rows[(rows["date"] > monday - pd.Timedelta(days=28))'
                    ' & (rows["date"] < monday)]'
                ),
                "27 days",
            ),
            (
                four(
                    'return rows[rows["date"].between(monday - pd.Timedelta(days=29),'
                    " monday - pd.Timedelta(days=1))]"
                ),
                "29 days",
            ),
            (
                four(
                    'return rows[rows["date"].between(monday - pd.Timedelta(days=28),'
                    " monday - pd.Timedelta(days=2))]"
                ),
                "Sunday",
            ),
            (
                four('return rows[rows["date"].between(monday, monday + pd.Timedelta(days=27))]'),
                "after the",
            ),
            (
                four(
                    'return rows[(rows["date"] > monday)'
                    ' & (rows["date"] < monday - pd.Timedelta(days=28))]'
                ),
                "No row",
            ),
            (
                four(
                    'return rows["temp"][(rows["date"] < monday)'
                    ' & (rows["date"] >= monday - pd.Timedelta(days=28))]'
                ),
                "all columns",
            ),
            (four('return rows[rows["date"] < "2013-03-04"].tail(84)'), "52 days"),
            (
                four(
                    'rows.drop(rows.index[rows["date"] >= monday], inplace=True)\n    return rows'
                ),
                "in place",
            ),
            (four('rows[rows["date"] < monday]'), "nothing"),
        ),
        right=(
            four(
                'return rows[(rows["date"] < monday)'
                ' & (rows["date"] >= monday - pd.Timedelta(weeks=4))]'
            ),
            four(
                'return rows[rows["date"].between(monday - pd.Timedelta(days=28),'
                " monday - pd.Timedelta(days=1))]"
            ),
            four(
                "days = pd.date_range(end=monday - pd.Timedelta(days=1), periods=28)\n"
                '    return rows[rows["date"].isin(days)]'
            ),
            four(
                "first = monday - pd.Timedelta(days=28)\n"
                '    return rows.query("@first <= date < @monday").copy()'
            ),
        ),
    ),
    "07-ex4": Answers(
        wrong=(
            (fault("return rows"), "Nothing has changed"),
            (fault('rows["temp"] = 0\n    return rows'), "in place"),
            (fault('return rows["temp"] + 20'), "whole table"),
            (fault('return rows.assign(temp=rows["temp"] + 5)'), "weather alone"),
            (fault('return rows.assign(temp=float("nan"))'), "first test"),
            (fault("return rows.assign(wind_speed=0)"), "wind_speed"),
            (fault('return rows[rows["temp"] > 80]'), "number of rows"),
            (fault("rows.assign(temp=0)"), "nothing"),
            (
                fault('return rows.assign(temp=rows["temp"] + 20, humid=0)'),
                "humid",
            ),
        ),
        right=(
            fault('return rows.assign(temp=(rows["temp"] - 32) * 5 / 9)'),
            fault('return rows.assign(temp=rows["temp"] + 25)'),
            fault('damaged = rows.copy()\n    damaged["temp"] = 0.0\n    return damaged'),
            fault('return rows.assign(temp=-rows["temp"])'),
        ),
    ),
    "07-decide1": Answers(
        wrong=(
            ("limit = 1.0", "at most one"),
            ("limit = 2", "at most one"),
            ("limit = 0", "above 0"),
            ("limit = -2.5", "above 0"),
            ("limit = 5", "your accident moves"),
            ("limit = moved", "your accident moves"),
            ("limit = 2.98", "Celsius"),
            ('limit = "2.5"', "without quotes"),
            ("limit = [2.5]", "a number"),
            ("limit = True", "a number"),
            ("limit = moves", "a number"),
        ),
        right=("limit = 2.5", "limit = 2.75", "limit = float(moves.max()) + 0.01"),
    ),
    # The monitor takes 10 s, and the lesson has just asked it by the reference answer. `!:` does
    # nothing in a shell, so these commands are judged and not run again.
    "07-type1": Answers(
        wrong=(
            ("!firstflight", "monitor"),
            ("firstflight = 'x'", "monitor"),
            ("!firstflght monitor --week 2013-07-14", "firstflight monitor"),
            ("!: firstflight wach --week 2013-07-14", "monitor"),
            ("!: firstflight status", "monitor"),
            ("'firstflight monitor --week 2013-07-14'", "exclamation"),
            ("print('firstflight monitor')", "exclamation"),
            ("!: firstflight monitor --week 14.07.2013", "written 2013-07-14"),
            ("!: firstflight monitor --week 2013-07-15", "written 2013-07-14"),
            ("!: firstflight monitor 2013-07-14", "behind --week"),
            ("!: firstflight monitor --weeks 2013-07-14", "behind --week"),
            ("!: firstflight monitor --week 2013-07-14 -u air_time", "use case"),
        ),
        right=(
            "!: firstflight monitor --week 2013-07-14",
            "!: firstflight monitor --week=2013-07-14 --json",
            "!: firstflight monitor",  # the clock says 15 July, and yesterday is the default
        ),
    ),
    "07-ex5": Answers(
        wrong=(
            (
                send(
                    *POST,
                    'urgent = [a for a in alerts if a["level"] == "page"]',
                    "return all([post.notify(title=a.rule, body=a.sentence) for a in urgent])",
                ),
                "with a dot",
            ),
            (
                send(
                    *POST,
                    "return all([post.notify(title=a.rule, body=a.sentence) for a in alerts])",
                ),
                "diagnosis",
            ),
            (
                send(
                    *POST,
                    URGENT,
                    "a = urgent[0]",
                    "return post.notify(title=a.rule, body=a.sentence)",
                ),
                "one for each",
            ),
            (
                send(
                    *POST,
                    URGENT,
                    "return all([post.notify(title=a.sentence, body=a.rule) for a in urgent])",
                ),
                "wrong way round",
            ),
            (
                send(
                    *POST,
                    URGENT,
                    "for a in urgent:",
                    "    post.notify(title=a.rule, body=a.sentence)",
                ),
                "returns nothing",
            ),
            (
                send(
                    *POST,
                    URGENT,
                    "for a in urgent:",
                    "    post.notify(title=a.rule, body=a.sentence)",
                    "return True",
                ),
                "use what notify says",
            ),
            (
                send(
                    "post = apprise.Apprise()",
                    URGENT,
                    "return all([post.notify(title=a.rule, body=a.sentence) for a in urgent])",
                ),
                "add the address",
            ),
            (
                send(
                    "post = apprise.Apprise()",
                    "post.add(globals()['address'])",
                    URGENT,
                    "return all([post.notify(title=a.rule, body=a.sentence) for a in urgent])",
                ),
                "another address",
            ),
            (
                send(
                    *POST,
                    URGENT,
                    "return all([post.notify(title='page', body=a.sentence) for a in urgent])",
                ),
                "title",
            ),
            (
                send(
                    *POST,
                    URGENT,
                    "return all([post.notify(title=a.rule, body=a.rule) for a in urgent])",
                ),
                "body",
            ),
            (
                send(
                    *POST,
                    URGENT,
                    "return len([post.notify(title=a.rule, body=a.sentence) for a in urgent])",
                ),
                "True or False",
            ),
            (send("print(alerts)", "return True"), "Nothing arrived"),
            (
                send(
                    *POST,
                    URGENT,
                    "return not all([post.notify(title=a.rule, body=a.sentence) for a in urgent])",
                ),
                "returns False",
            ),
        ),
        right=(
            send(
                *POST,
                URGENT,
                "return all([post.notify(title=a.rule, body=a.sentence) for a in urgent])",
            ),
            send(
                *POST,
                "delivered = True",
                "for alert in alerts:",
                "    if alert.level == 'page':",
                "        delivered &= bool(post.notify(title=alert.rule, body=alert.sentence,"
                " notify_type=apprise.NotifyType.FAILURE))",
                "return delivered",
            ),
            send(
                "post = apprise.Apprise(address)",
                "lost = 0",
                "for a in filter(lambda a: a.level == 'page', alerts):",
                "    lost += not post.notify(body=a.sentence, title=a.rule)",
                "return lost == 0",
            ),
        ),
    ),
    "07-ex6": Answers(
        wrong=(
            (planned('Cron("0 6 * * 0", timezone="America/New_York")'), "Sun"),
            (planned('Cron("0 6 1 * *", timezone="America/New_York")'), "fifth field"),
            (planned('Cron("0 6 * * *", timezone="America/New_York")'), "fifth field"),
            (planned('Cron("6 0 * * 1", timezone="America/New_York")'), "00:06"),
            (planned('Cron("* 6 * * 1", timezone="America/New_York")'), "more than once"),
            (planned('Cron("0 6 * * 1")'), "timezone"),
            (planned('Cron("0 10 * * 1", timezone="UTC")'), "winter"),
            (planned("None"), "no schedule"),
            (
                "from prefect.schedules import Interval\n" + planned("Interval(604800)"),
                "interval",
            ),
            ('monday = "0 6 * * 1"', "only the schedule"),
            (f"monday = {ZONE}", "only the schedule"),
            (f'monday = every_monday.to_deployment("flights", schedule={ZONE})', "await"),
            (planned(parameters="{}"), "which usecase"),
            (planned(parameters='{"usecase": "flights"}'), "which address"),
            (planned(parameters='{"usecase": "flights", "address": on_call.url}'), "parameters"),
            (planned(parameters='{"usecase": "air_time", "address": address}'), "parameters"),
            ("monday = every_monday", "a Flow"),
        ),
        right=(
            planned(),
            planned('Cron("0 6 * * MON", timezone="America/New_York")'),
            planned('Cron("00 06 * * mon", "US/Eastern")'),
            'monday = RunnerDeployment.from_flow(flow=every_monday, name="weekly", '
            'parameters=dict(address=address, usecase="flights"), cron="0 6 * * 1", '
            f"schedule={ZONE})".replace('cron="0 6 * * 1", ', ""),
        ),
    ),
}
