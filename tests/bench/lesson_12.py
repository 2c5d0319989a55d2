"""Answers to the exercises of lesson 12."""

from classroom.bench import Answers

AT = "!firstflight history --at 2013-11-05\n"


def total(body):
    return f"def total(option, models, years):\n    {body}"


def half(body):
    return f"def off_by_half(table, name, option):\n    {body}"


def leans(body):
    return f"def leans_to_composing(team):\n    {body}"


SUM = (
    "days = option['days to set up'] + models * option['days per model']\n    "
    "care = option['days of care a year'] + models * option['days of care a year per model']\n    "
    "price = option['price a year'] + models * option['price a year per model']\n    "
)
OWN = (
    "mine = options.astype(float)\n"
    "mine.loc['days to set up', 'build'] = 25\n"
    "mine.loc['days per model', 'buy'] = 9\n"
    "mine.loc['price a year', 'buy'] = 60_000\n"
)
FIVE = (
    "(team['models'] >= 10) + (team['clouds'] > 1) + (team['platform people'] >= 4) "
    "+ (team['audit'] != 'standard') + (team['workload'] != 'tabular')"
)

BENCH = {
    "12-type1": Answers(
        wrong=(
            (AT + "answered_by = '3'", "taken back"),
            (AT + "answered_by = '1'", "line of live"),
            (AT + "answered_by = 'v2'", "without anything else"),
            (AT + "answered_by = 2", "as a text"),
            (AT + "answered_by = None", "no value"),
            ("answered_by = '2'", "with the command"),
            ("!firstflight history\nanswered_by = '2'", "--at"),
            ("!firstflight history --at 2013-10-05\nanswered_by = '2'", "the day is another"),
            (AT + "answered_by = live", "NameError"),
        ),
        right=(
            AT + "answered_by = '2'",
            "!firstflight history --at 2013-11-05 --json\nanswered_by = str(2)",
            "import numpy as np\n" + AT + "answered_by = np.str_('2')",
        ),
    ),
    "12-ex1": Answers(
        wrong=(
            ("unproven = 28", "typed in"),
            ("unproven = flights.loc[flights['gate'] == 'pass', 'days'].sum()", "the others"),
            ("unproven = flights['days'].sum()", "all days"),
            ("unproven = (flights['gate'] != 'pass').sum()", "stretches"),
            ("unproven = len(flights[flights['gate'] != 'pass'])", "stretches"),
            (
                "unproven = flights.loc[flights['gate'] != 'pass', 'days'].sum() "
                "/ flights['days'].sum()",
                "share",
            ),
            ("unproven = flights.loc[flights['gate'] != 'pass', 'days'].sum() + 1", "off by one"),
            ("unproven = flights.loc[flights['gate'] != 'pass', 'days']", "value itself"),
            ("unproven = flights.loc[flights['version'] == '3', 'days'].sum()", "not"),
            (
                "flights = flights[flights['gate'] != 'pass']\nunproven = flights['days'].sum()",
                "changes flights",
            ),
            ("unproven = flights.query(\"gate == 'hold'\")['days'].sum()", "not"),
            ("unproven = spams['days']", "NameError"),
        ),
        right=(
            "unproven = flights.loc[flights['gate'] != 'pass', 'days'].sum()",
            "unproven = int(flights.query(\"gate != 'pass'\").days.sum())",
            "unproven = sum(d for d, g in zip(flights.days, flights.gate) if g != 'pass')",
            "unproven = flights['days'].sum() - flights['days'][flights['gate'].eq('pass')].sum()",
        ),
    ),
    "12-ex2": Answers(
        wrong=(
            (total(SUM + "return days + years * care + years * price"), "DAY_RATE"),
            (total(SUM + "return DAY_RATE * (days + care) + years * price"), "each year"),
            (total(SUM + "return DAY_RATE * (days + years * care) + price"), "each year"),
            (total(SUM + "return years * (DAY_RATE * (days + care) + price)"), "once"),
            (total(SUM + "return DAY_RATE * (days + years * care + years * price)"), "without"),
            (total("return option.sum() * DAY_RATE"), "AttributeError"),
            (total(SUM + "return 600 * (days + years * (care + models)) + years * price"), "paid"),
            (total(SUM + "DAY_RATE * (days + years * care) + years * price"), "NoneType"),
            (
                total(
                    "option['price a year'] += 1\n    return DAY_RATE * option['days to set up']"
                ),
                "in place",
            ),
            (
                total(
                    "days = option['days to set up'] + option['days per model']\n    "
                    "care = option['days of care a year']\n    "
                    "return DAY_RATE * (days + years * care) + years * option['price a year']"
                ),
                "each model",
            ),
        ),
        right=(
            total(SUM + "return DAY_RATE * (days + years * care) + years * price"),
            total(SUM + "return float(years * price + days * DAY_RATE + care * years * DAY_RATE)"),
            total(
                "once = option['days to set up'] + models * option['days per model']\n"
                "    once *= DAY_RATE\n"
                "    o = option\n    for _ in range(years):\n"
                "        once += DAY_RATE * o['days of care a year'] + o['price a year']\n"
                "        once += models * (DAY_RATE * option['days of care a year per model'] "
                "+ option['price a year per model'])\n"
                "    return once"
            ),
        ),
    ),
    "12-ex3": Answers(
        wrong=(
            (
                half(
                    "changed = table.copy()\n    changed.loc[name, option] *= 1.5\n    "
                    "return cheaper(changed)"
                ),
                "whole numbers",
            ),
            (half("table.loc[name, option] *= 1.5\n    return cheaper(table)"), "in place"),
            (
                half(
                    "table[option] = table[option].astype(float)\n    "
                    "table.loc[name, option] *= 1.5\n    return cheaper(table)"
                ),
                "in place",
            ),
            (half("return cheaper(table)"), "multiplied"),
            (half("return cheaper(table * 1.5)"), "multiplied"),
            (
                half("t = table.astype(float)\n    t.loc[name] *= 1.5\n    return cheaper(t)"),
                "alone",
            ),
            (
                half("t = table.astype(float)\n    t[option] *= 1.5\n    return cheaper(t)"),
                "alone",
            ),
            (
                half(
                    "t = table.astype(float)\n    t.loc[name, option] *= 0.5\n    return cheaper(t)"
                ),
                "not 0.5",
            ),
            (
                half("t = table.astype(float)\n    t.loc[name, option] *= 1.5\n    cheaper(t)"),
                "nothing",
            ),
            (
                half(
                    "t = table.astype(float)\n    t.loc[name, option] *= 1.5\n    "
                    "return cheaper(t) / 20"
                ),
                "count",
            ),
            (
                half(
                    "t = table.astype(float)\n    "
                    "t.loc[name, 'buy' if option == 'build' else 'build'] *= 1.5\n    "
                    "return cheaper(t)"
                ),
                "other option",
            ),
        ),
        right=(
            half("t = table.astype(float)\n    t.loc[name, option] *= 1.5\n    return cheaper(t)"),
            half(
                "t = table.copy().astype('float64')\n    "
                "t.at[name, option] = table.at[name, option] * 3 / 2\n    return cheaper(t)"
            ),
            half(
                "column = table[option].where(table.index != name, table[option] * 1.5)\n    "
                "return cheaper(table.assign(**{option: column}))"
            ),
        ),
    ),
    "12-ex5": Answers(
        wrong=(
            (OWN + "in_mine = cheaper(options)", "first worksheet"),
            (OWN + "in_mine = cheaper(mine) / 20", "another number"),
            (OWN + "in_mine = cheaper(mine) + 1", "off by one"),
            (OWN + "in_mine = str(cheaper(mine))", "text"),
            (OWN + "in_mine = None", "no value"),
            ("mine = options\nin_mine = cheaper(mine)", "own in mine: 0"),
            (
                "mine = options.astype(float)\nmine.loc['days per model', 'buy'] = 9\n"
                "in_mine = cheaper(mine)",
                "own in mine: 1",
            ),
            (OWN + "mine.loc['licences', 'buy'] = 5\nin_mine = 3", "'licences' is no row"),
            (OWN + "mine.loc['price a year', 'build'] = -1\nin_mine = cheaper(mine)", "below 0"),
            (OWN + "mine.loc['price a year', 'build'] = None\nin_mine = cheaper(mine)", "empty"),
            (OWN + "mine = mine['build']\nin_mine = 3", "Series"),
            (
                "options.loc['days per model'] = [1, 9]\nmine = options\nin_mine = cheaper(mine)",
                "changes options",
            ),
            ("mine.loc['days per model', 'buy'] = 9\nin_mine = cheaper(mine)", "NameError"),
        ),
        right=(
            OWN + "in_mine = cheaper(mine)",
            "mine = options.copy()\nmine['buy'] = [10, 2, 5, 2, 18_000, 900]\n"
            "in_mine = cheaper(table=mine)",
            "mine = options * 1.1\nb, c = ([total(mine[o], n, YEARS) for n in range(1, 21)] "
            "for o in mine)\nin_mine = sum(x < y for x, y in zip(b, c))",
        ),
    ),
    "12-ex4": Answers(
        wrong=(
            (leans("return " + FIVE.replace(">= 10", "> 10")), "exactly 10"),
            (leans("return " + FIVE.replace(">= 4", "> 4")), "exactly 4"),
            (leans("return " + FIVE.replace("> 1)", ">= 1)")), "should count 0"),
            (leans("return " + FIVE.replace("!= 'standard'", "== 'heavy'")), "sector rules"),
            (leans("return " + FIVE.replace("!= 'tabular'", "== 'GPU'")), "video"),
            (leans("return 5 - (" + FIVE + ")"), "should count 0"),
            (leans("return bool(" + FIVE + ")"), "True or False"),
            (leans(FIVE), "nothing"),
            (leans("return (" + FIVE + ") / 5"), "should count 1"),
            (leans("return " + FIVE.replace("(team['clouds'] > 1) + ", "")), "two clouds"),
            (leans("return team.sum()"), "Checking"),
        ),
        right=(
            leans("return int(" + FIVE + ")"),
            leans(
                "return sum([team['models'] >= 10, team['clouds'] > 1, "
                "team['platform people'] >= 4, team['audit'] != 'standard', "
                "team['workload'] != 'tabular'])"
            ),
            leans(
                "n = 0\n    n += 1 if team.models > 9 else 0\n    n += team.clouds > 1\n    "
                "n += team['platform people'] > 3\n    n += not team.audit == 'standard'\n    "
                "n += team.workload != 'tabular'\n    return n"
            ),
        ),
    ),
}
