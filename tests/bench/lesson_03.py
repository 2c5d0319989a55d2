"""Answers to the exercises of lesson 03."""

from classroom.bench import Answers


def step(body):
    return f"def append_once(table, month):\n    {body}"


def task(
    arguments='retries=3, retry_delay_seconds=0.5, task_run_name="land {month}"',
    body="drops.land(upstream.fetch(month), rehearsal, sources, month)",
):
    return f"@task({arguments})\ndef land(month):\n    {body}"


def flow(body, arguments='flow_run_name="month end {month}"'):
    return f"@flow({arguments})\ndef month_end(month):\n    " + body.replace("\n", "\n    ")


LOOP = "for each in months_until(month):\n    land(each)\n"


def deploy(cron, timezone="America/New_York", flow="every_morning"):
    schedule = f'Cron("{cron}", timezone="{timezone}")' if timezone else f'Cron("{cron}")'
    return f'deployment = RunnerDeployment.from_flow({flow}, "at six", schedule={schedule})'


def run(start, end, more=', "feature_versions": [1]', usecase="flights"):
    return f'{{"usecase": "{usecase}", "start": "{start}", "end": "{end}"{more}}}'


FEBRUARY, MARCH = run("2013-02-01", "2013-02-28"), run("2013-03-01", "2013-03-31")

BENCH = {
    "03-ex1": Answers(
        wrong=(
            (step("return pd.concat([table, month], ignore_index=True)"), "still there"),
            (
                step(
                    "if table['time_hour'].isin(month['time_hour']).any():\n"
                    "        return table\n"
                    "    return pd.concat([table, month])"
                ),
                "half of March",
            ),
            (
                step(
                    "if month['time_hour'].max() in set(table['time_hour']):\n"
                    "        return table\n"
                    "    return pd.concat([table, month])"
                ),
                "half of March",
            ),
            (
                step("return pd.concat([table, month]).drop_duplicates()"),
                "corrected March",
            ),
            (
                step("return pd.concat([table, month]).drop_duplicates(['origin', 'time_hour'])"),
                "rows are lost",
            ),
            (step("return month"), "rows are lost"),
            (
                step(
                    "months = month['time_hour'].dt.month.unique()\n"
                    "    others = table[~table['time_hour'].dt.month.isin(months)]\n"
                    "    return pd.concat([others, month])"
                ),
                "is in UTC",
            ),
            (
                step(
                    "name = month['time_hour'].dt.strftime('%Y-%m').iloc[0]\n"
                    "    others = table[table['time_hour'].dt.strftime('%Y-%m') != name]\n"
                    "    return pd.concat([others, month], ignore_index=True)"
                ),
                "is in UTC",
            ),
            (
                step(
                    "others = table[table['time_hour'].dt.month != 3]\n"
                    "    return pd.concat([others, month], ignore_index=True)"
                ),
                "is in UTC",
            ),
            (step("return month.copy()"), "rows are lost"),
            (step("return table"), "rows are lost"),
            (
                step(
                    "inside = month['time_hour'].isin(table['time_hour'])\n"
                    "    others = table[~table['time_hour'].isin(month['time_hour'])]\n"
                    "    old = table[table['time_hour'].isin(month['time_hour'])]\n"
                    "    return pd.concat([others, old.drop_duplicates(), month[~inside]])"
                ),
                "March",
            ),
            (
                step(
                    "older = table[table['time_hour'] < month['time_hour'].min()]\n"
                    "    return pd.concat([older, month])"
                ),
                "February once more",
            ),
            (
                step(
                    "new = month[~month['time_hour'].isin(table['time_hour'])]\n"
                    "    return pd.concat([table, new])"
                ),
                "half of March",
            ),
            (
                step(
                    "march = table['time_hour'] >= '2013-03-01T05Z'\n"
                    "    return pd.concat([table[~march], month])"
                ),
                "February once more",
            ),
            (
                step(
                    "table.drop(table.index[table['time_hour'].isin(month['time_hour'])], "
                    "inplace=True)\n    return pd.concat([table, month])"
                ),
                "in place",
            ),
            (step("pd.concat([table, month])"), "returns nothing"),
            (step("return len(table) + len(month)"), "returns a int"),
            (
                step(
                    "month = month.assign(month=month['time_hour'].dt.month)\n"
                    "    keep = ~table['time_hour'].isin(month['time_hour'])\n"
                    "    return pd.concat([table[keep], month])"
                ),
                "columns",
            ),
            (step("return pd.concat([table[~table.month.eq(3)], month])"), "AttributeError"),
        ),
        right=(
            step(
                "older = table[~table['time_hour'].isin(month['time_hour'])]\n"
                "    return pd.concat([older, month], ignore_index=True)"
            ),
            step(
                "first, last = month['time_hour'].min(), month['time_hour'].max()\n"
                "    inside = (table['time_hour'] >= first) & (table['time_hour'] <= last)\n"
                "    return pd.concat([month, table[~inside]])"
            ),
            step(
                "def key(t):\n"
                "        local = t['time_hour'].dt.tz_convert('America/New_York')\n"
                "        return local.dt.strftime('%Y-%m')\n"
                "    return pd.concat([table[~key(table).isin(key(month))], month])"
            ),
            step(
                "lo, hi = month.time_hour.min(), month.time_hour.max()\n"
                "    before, after = table[table.time_hour < lo], table[table.time_hour > hi]\n"
                "    return pd.concat([before, month, after], ignore_index=True)"
            ),
        ),
    ),
    "03-ex2": Answers(
        wrong=(
            (task().partition("\n")[2], "plain function"),
            ("@task\n" + task().partition("\n")[2], "tried once"),
            (task('retry_delay_seconds=0.5, task_run_name="land {month}"'), "tried once"),
            (task('retries=4, retry_delay_seconds=0.5, task_run_name="land {month}"'), "five"),
            (task('retries=1, retry_delay_seconds=0.5, task_run_name="land {month}"'), "three"),
            (task('retries=3, task_run_name="land {month}"'), "half a second"),
            (task('retries=3, retry_delay_seconds=500, task_run_name="land {month}"'), "seconds"),
            (task("retries=3, retry_delay_seconds=0.5"), "named None"),
            (task('retries=3, retry_delay_seconds=0.5, task_run_name="land"'), "in braces"),
            (
                task('retries=3, retry_delay_seconds=0.5, task_run_name=f"land {month}"'),
                "NameError",
            ),
            (task("retry=3, delay=0.5"), "TypeError"),
            (task().replace("@task", "@flow"), "TypeError"),
            ("@flow\n" + task().partition("\n")[2], "is a flow"),
            (
                task(body="drops.land(upstream.folder(), rehearsal, sources, month)"),
                "upstream.fetch",
            ),
            (
                task(body='drops.land(upstream.fetch("2013-03"), rehearsal, sources, "2013-03")'),
                "2013-02",
            ),
            (
                task(body='drops.land(upstream.fetch(month), rehearsal, sources, "2013-03")'),
                "it lands 2013-03",
            ),
            (
                task(body="drops.land(upstream.fetch(month), ws.drops, sources, month)"),
                "rehearsal",
            ),
            (
                task(body="drops.land(upstream.fetch(month), rehearsal, sources[:1], month)"),
                "two sources",
            ),
            (task(body="upstream.fetch(month)"), "0 times"),
            (
                task(
                    body="try:\n        drops.land(upstream.fetch(month), rehearsal, sources, "
                    "month)\n    except drops.DropError as error:\n        print(error)"
                ),
                "catches the error",
            ),
            (
                task(
                    body="folder = upstream.fetch(month)\n    for attempt in range(3):\n"
                    "        try:\n"
                    "            return drops.land(folder, rehearsal, sources, month)\n"
                    "        except drops.DropError:\n            pass\n"
                    "    drops.land(folder, rehearsal, sources, month)"
                ),
                "loop of its own",
            ),
        ),
        right=(
            task(),
            task(
                'task_run_name="land {month}", retries=3, retry_delay_seconds=[0.5, 0.5, 0.5]',
                "folder = upstream.fetch(month)\n    return drops.land(folder, rehearsal, "
                "usecase.get('flights').sources.values(), month)",
            ),
            task(
                'name="land", task_run_name="land {month}", retries=3, retry_delay_seconds=1 / 2',
                "drops.land(upstream=upstream.fetch(month), drops=rehearsal, sources=sources, "
                "month=month)",
            ),
            "def land(month):\n"
            "    drops.land(upstream.fetch(month), rehearsal, sources, month)\n"
            'land = task(land, retries=3, retry_delay_seconds=0.5, task_run_name="land {month}")',
        ),
    ),
    "03-ex3": Answers(
        wrong=(
            (flow(LOOP + "return take_snapshot(month)").partition("\n")[2], "plain function"),
            (flow(LOOP + "take_snapshot(month)"), "digest"),
            (flow(LOOP + "return take_snapshot(month)", ""), "named None"),
            (
                flow(LOOP + "return take_snapshot(month)", 'flow_run_name="month end"'),
                "in braces",
            ),
            (flow("land(month)\nreturn take_snapshot(month)"), "lands 2013-03"),
            (
                flow(
                    'for m in ("2013-01", "2013-02", "2013-03"):\n    land(m)\n'
                    "return take_snapshot(month)"
                ),
                "Month end 2013-02 lands",
            ),
            (flow(LOOP + "return months_until(month)"), "no snapshot"),
            (flow("digest = take_snapshot(month)\n" + LOOP + "return digest"), "after the loop"),
            (flow(LOOP + "    digest = take_snapshot(each)\nreturn digest"), "one, of its own"),
            (flow(LOOP + 'return take_snapshot("2013-03")'), "Month end 2013-02"),
            (
                flow(
                    "for each in reversed(months_until(month)):\n    land(each)\n"
                    "return take_snapshot(month)"
                ),
                "oldest first",
            ),
            (
                flow(
                    "for each in months_until(month):\n    land.submit(each)\n"
                    "return take_snapshot(month)"
                ),
                "does not wait",
            ),
            (
                flow(
                    "for each in months_until(month):\n    try:\n        land(each)\n"
                    "    except Exception:\n        pass\nreturn take_snapshot(month)"
                ),
                "do not catch",
            ),
            (
                flow(
                    "for each in months_until(month):\n    land(each, return_state=True)\n"
                    "return take_snapshot(month)"
                ),
                "leave it out",
            ),
            (flow("land(months_until(month))\nreturn take_snapshot(month)"), "wanted are"),
            (
                "@task\n" + flow(LOOP + "return take_snapshot(month)").partition("\n")[2],
                "is a task",
            ),
            (flow("return take_snapshot(month)"), "lands nothing"),
        ),
        right=(
            flow(LOOP + "return take_snapshot(month)"),
            flow(
                "for each in months_until(month):\n    land.submit(each).result()\n"
                "digest = take_snapshot(month)\nreturn digest",
                'name="month end", flow_run_name="month end {month}"',
            ),
            flow("[land(m) for m in months_until(month)]\nreturn take_snapshot(month=month)"),
            flow(
                "landed = [land.submit(m) for m in months_until(month)]\n"
                "for one in landed:\n    one.result()\nreturn take_snapshot(month)"
            ),
            flow("land.map(months_until(month)).result()\nreturn take_snapshot(month)"),
            "def month_end(month: str) -> str:\n"
            "    for m in months_until(month):\n        land(m)\n"
            "    return take_snapshot(month)\n"
            'month_end = flow(month_end, flow_run_name="month end {month}")',
        ),
    ),
    "03-look1": Answers(
        wrong=(
            ("attempt, repeated = 1, 2227", "no file"),
            ("attempt, repeated = 3, 2227", "cannot be read"),
            ("attempt, repeated = 4, 2227", "what it should"),
            ("attempt, repeated = 0, 2227", "first one is 1"),
            ("attempt, repeated = 2, 4454", "twice"),
            ("attempt, repeated = 2, 20000", "repeated"),
            ("attempt, repeated = 2, 2226", "off by one"),
            ("attempt, repeated = 2227, 2", "wrong way round"),
            ("attempt, repeated = '2', 2227", "without quotes"),
            ("attempt = 2\nrepeated = '2227'", "without quotes"),
            ("attempt, repeated = True, 2227", "whole number"),
            ("attempt, repeated = 2, None", "no value"),
        ),
        right=(
            "attempt = 2\nrepeated = 2227",
            "attempt, repeated = 2, 2_227",
            "import numpy as np\nattempt, repeated = np.int64(2), np.int64(2227)",
        ),
    ),
    "03-ex4": Answers(
        wrong=(
            (deploy("0 6 * * *", None), "UTC"),
            (
                'deployment = RunnerDeployment.from_flow(every_morning, "6", cron="0 6 * * *")',
                "UTC",
            ),
            (deploy("0 11 * * *", "UTC"), "at 07:00 in New York: the fields count in UTC"),
            (
                'deployment = RunnerDeployment.from_flow(every_morning, "6", schedule="0 6 * * *")',
                'schedule=Cron("...", timezone=...)',
            ),
            (deploy("0 6 * * *", "EST"), "summer time"),
            (deploy("0 6 * * *", "Europe/Berlin"), "hour and timezone"),
            (deploy("6 0 * * *"), "minute comes first"),
            (deploy("* 6 * * *"), "means each"),
            (deploy("0 * * * *"), "means each"),
            (deploy("0 18 * * *"), "hour and timezone"),
            (deploy("30 6 * * *"), "full hour"),
            (deploy("0 6 1 * *"), "leaves out days"),
            (deploy("0 6 * * 1-5"), "leaves out days"),
            ('deployment = RunnerDeployment.from_flow(every_morning, "at six")', "never runs"),
            (
                'deployment = RunnerDeployment.from_flow(every_morning, "at six", paused=True, '
                'schedule=Cron("0 6 * * *", timezone="America/New_York"))',
                "never runs",
            ),
            ('deployment = Cron("0 6 * * *", timezone="America/New_York")', "only the schedule"),
            (deploy("0 6 * * *", flow="month_end"), "ValueError"),
            ('deployment = "0 6 * * *"', "only the schedule"),
            (
                'deployment = every_morning.to_deployment("at six", '
                'schedule=Cron("0 6 * * *", timezone="America/New_York"))',
                "await",
            ),
            ("deployment = RunnerDeployment.from_flow(every_morning)", "TypeError"),
            (deploy("0 6 * * *", "New York"), "New York"),
            (deploy("0 25 * * *"), "ValueError"),
            (deploy("6 am"), "ValueError"),
        ),
        right=(
            deploy("0 6 * * *"),
            'deployment = RunnerDeployment.from_flow(every_morning, "daily", '
            'schedules=[Cron("00 06 * * *", timezone="US/Eastern")])',
            "from prefect.schedules import RRule\n"
            'deployment = RunnerDeployment.from_flow(every_morning, "daily", '
            'parameters={"usecase": "flights"}, '
            'schedule=RRule("FREQ=DAILY;BYHOUR=6;BYMINUTE=0;BYSECOND=0", '
            'timezone="America/New_York"))',
            deploy("0 6 * * 0-6"),
        ),
    ),
    "03-ex5": Answers(
        wrong=(
            (f"backfill = {FEBRUARY}", "One dict is one run"),
            (f"backfill = [{FEBRUARY}]", "has 1 run:"),
            (f"backfill = [{MARCH}, {FEBRUARY}]", "February first"),
            (f"backfill = [{run('2013-02-01', '2013-03-31')}]", "one run for each"),
            (
                f"backfill = [{run('2013-02-01', '2013-03-01')}, "
                f"{run('2013-03-01', '2013-04-01')}]",
                "end is included",
            ),
            (f"backfill = [{run('2013-02-01', '2013-02-27')}, {MARCH}]", "before the month is"),
            (f"backfill = [{run('2013-02-01', '2013-02-29')}, {MARCH}]", "end: "),
            (
                f"backfill = [{FEBRUARY.replace('[1]', '1')}, {MARCH}]",
                "feature_versions: ",
            ),
            (f"backfill = [{FEBRUARY}, {run('2013-03-01', '2013-03-30')}]", "before the month is"),
            (f"backfill = [{run('2013-02-02', '2013-02-28')}, {MARCH}]", "begins on"),
            (f"backfill = [{run('2013-01-01', '2013-01-31')}, {FEBRUARY}]", "the months are"),
            (
                f"backfill = [{run('2013-02-01', '2013-02-28', '')}, "
                f"{run('2013-03-01', '2013-03-31', '')}]",
                "nothing is published",
            ),
            (
                "backfill = ["
                + run("2013-02-01", "2013-02-28", ', "feature_versions": [2]')
                + f", {MARCH}]",
                "the list [1]",
            ),
            (
                f"backfill = [{run('2013-02-01', '2013-02-28', usecase='weather')}, {MARCH}]",
                "use case",
            ),
            ('backfill = ["2013-02", "2013-03"]', "list of dicts"),
            (f"backfill = [{run('2013-02', '2013-02')}, {MARCH}]", "refuses"),
            ('backfill = [{"month": "2013-02"}, {"month": "2013-03"}]', "no 'usecase'"),
            (
                "backfill = ["
                + run("2013-02-01", "2013-02-28", ', "version": [1]')
                + f", {MARCH}]",
                "no parameter 'version'",
            ),
            (f"backfill = [{run('2013-02-28', '2013-02-01')}, {MARCH}]", "end comes first"),
        ),
        right=(
            f"backfill = [{FEBRUARY}, {MARCH}]",
            "backfill = [dict(usecase='flights', start=dt.date(2013, m, 1), end=dt.date(2013, m, d)"
            ", feature_versions=[1]) for m, d in ((2, 28), (3, 31))]",
            "import calendar\n"
            "def days(m):\n"
            "    last = calendar.monthrange(2013, m)[1]\n"
            "    return {'start': f'2013-{m:02}-01', 'end': f'2013-{m:02}-{last}'}\n"
            "backfill = tuple({'usecase': 'flights', **days(m), 'feature_versions': [1]} "
            "for m in (2, 3))",
        ),
    ),
}
