"""Answers to the exercises of lesson 08."""

from classroom.bench import Answers


def stage(body):
    return f"def step(gap, n_days, n_labels, coverage, stage):\n{body}"


FEW = "n_days < stage.min_days or n_labels < stage.min_labels or coverage < stage.min_coverage"
ENOUGH = f"""    if {FEW}:
        return "continue"
"""
HARM = """    if gap.low > stage.abort_above:
        return "abort"
"""
PROOF = """    if gap.high < stage.promote_below:
        return "promote"
"""
LAST = """    return stage.undecided if n_days >= stage.max_days else "continue"
"""


def peek(said, days="days"):
    return (
        "import numpy as np\nfrom scipy.stats import ttest_1samp\n"
        "def peeked(series, days):\n"
        f"    tests = [{said} for day in {days}]\n"
        "    return np.any([test.pvalue < 0.05 for test in tests], axis=0)"
    )


TEST = 'ttest_1samp(series[:, :day], 0, axis=1, alternative="less")'


def split(same="asked['first'].equals(asked['again'])", share=None, kind=None):
    share = share or "binomtest(int(asked['first'].sum()), len(asked), share).pvalue >= 0.001"
    kind = kind or (
        "chi2_contingency(pd.crosstab(asked['first'], asked['carrier'])).pvalue >= 0.001"
    )
    return (
        "import pandas as pd\nfrom scipy.stats import binomtest, chi2_contingency\n"
        "def fair(asked, share):\n"
        f"    return {{'same side': bool({same}), 'share': bool({share}),\n"
        f"            'same kind': bool({kind})}}"
    )


# A command takes seconds: of the wrong lines most are refused before anything is loaded, and one
# right one is typed. Typed again, it changes nothing: the stage is there already.
def typed(word, version, reason):
    number = f" {version}" if version else ""
    more = () if version else ((f"!firstflight {word} 2 --by x --reason '{reason}'", "the 2 out"),)
    line = f'firstflight {word}{number} --by model_owner --reason "{reason}"'
    return Answers(
        wrong=(
            (line, "SyntaxError"),
            (f"print('{line}')", "exclamation"),
            (f"'''{line}'''", "exclamation"),
            (f"!echo {line}", "firstflight comes first"),
            (f"line = '{word}'", "whole command"),
            (f"!firstflight {word}s{number} --by model_owner --reason '{reason}'", "first word"),
            (f"!true; firstflight {word}", "firstflight comes first"),
            (f"!firstflight {word}{number} --by model_owner", "--reason"),
            (f"!firstflight {word}{number} --by model_owner --reason '{reason}", "quotation"),
            *more,
        ),
        right=(f"!{line}",),
    )


BENCH = {
    "08-type1": Answers(
        wrong=(
            *typed("shadow", "2", "v1 is worse").wrong,
            ("!firstflight shadow --help", "shows how it is typed"),
            ("!firstflight shadow 2 --who model_owner --reason 'v1 is worse'", "no option"),
            ("!firstflight shadow 2 --reason 'v1 is worse'", "--by"),
            ("!firstflight shadow 2 --by on_call --reason 'v1 is worse'", "on_call may not"),
            ("!firstflight shadow --by model_owner --reason v1 is worse", "quotation marks"),
        ),
        right=typed("shadow", "2", "v1 is worse than the naive guess since June").right,
    ),
    "08-look1": Answers(
        wrong=(
            ("seen = (2996, 0)", "other order"),
            ("seen = 2996", "two numbers"),
            ("seen = (0, 5992)", "no answers"),
            ("seen = (2996, 2996)", "shadow_failures"),
            ("seen = (0, 0)", "second number"),
            ('seen = ("0", "2996")', "quotes"),
            ("seen = (0, 999)", "ask again"),
            ("seen = (1, 2996)", "shadow_failures"),
            ("seen = (False, 2996)", "quotes"),
            ("seen = (0, 2996, 0)", "two numbers"),
        ),
        right=(
            "seen = (0, 2996)",
            "seen = [0, 2996]",
            "import httpx\nfound = httpx.post(f'{service.url}/status', json={}).json()\n"
            "seen = found['shadow_failures'], found['answered']",
        ),
    ),
    "08-ex1": Answers(
        wrong=(
            (stage(HARM + PROOF + LAST), "not enough yet"),
            (stage(ENOUGH + PROOF + HARM + LAST), "harm that is shown"),
            (stage(ENOUGH + HARM + PROOF + '    return "continue"'), "max_days"),
            (stage(ENOUGH + HARM + PROOF), "returns nothing"),
            (stage(ENOUGH + HARM + PROOF + '    return "wait"'), "days left"),
            (
                stage(
                    ENOUGH
                    + HARM
                    + PROOF
                    + '    return "abort" if n_days >= stage.max_days else "continue"'
                ),
                "stands in stage",
            ),
            (
                stage(
                    "    if n_days < 7 or n_labels < 4000 or coverage < 0.9:\n"
                    '        return "continue"\n' + HARM + PROOF + LAST
                ),
                "limits from stage",
            ),
            (
                stage(
                    ENOUGH
                    + '    if gap.low > 0:\n        return "abort"\n'
                    + '    if gap.high < 0:\n        return "promote"\n'
                    + LAST
                ),
                "promote_below",
            ),
            (stage(ENOUGH + HARM.replace("> s", ">= s") + PROOF + LAST), "above: not on"),
            (stage(ENOUGH + HARM + PROOF.replace("< s", "<= s") + LAST), "below: not on"),
            (stage(ENOUGH.replace("<", "<=") + HARM + PROOF + LAST), "at least"),
            (
                stage(ENOUGH + HARM.replace("gap.low", "gap.mean") + PROOF + LAST),
                "it says 'abort'",
            ),
            (stage(ENOUGH + HARM + PROOF.replace("gap.high", "gap.low") + LAST), "days left"),
            (
                stage(
                    ENOUGH.replace(" or coverage < stage.min_coverage", "") + HARM + PROOF + LAST
                ),
                "labels are missing",
            ),
            (stage(ENOUGH.replace(" or ", " and ") + HARM + PROOF + LAST), "not enough yet"),
            (
                stage(
                    "    if n_days >= stage.max_days:\n        return stage.undecided\n"
                    + ENOUGH
                    + HARM
                    + PROOF
                    + '    return "continue"'
                ),
                "proven on the last day",
            ),
            (
                stage(ENOUGH + HARM + PROOF + LAST.replace("stage.max_days", "28")),
                "max_days from stage",
            ),
            (
                stage("    if gap is None:\n        return 'continue'\n" + HARM + PROOF + LAST),
                "not enough",
            ),
            (stage("    return True"), "one of"),
            (stage("    return decision.decision"), "NameError"),
        ),
        right=(
            stage(ENOUGH + HARM + PROOF + LAST),
            stage(
                """    enough = (
        n_days >= stage.min_days
        and n_labels >= stage.min_labels
        and coverage >= stage.min_coverage
    )
    if enough and gap.low > stage.abort_above:
        return "abort"
    if enough and gap.high < stage.promote_below:
        return "promote"
    if enough and n_days >= stage.max_days:
        return stage.undecided
    return "continue"
"""
            ),
            stage(
                """    minima = (stage.min_days, stage.min_labels, stage.min_coverage)
    if any(x < least for x, least in zip((n_days, n_labels, coverage), minima)):
        said = "continue"
    elif stage.abort_above < gap.low:
        said = "abort"
    elif stage.promote_below > gap.high:
        said = "promote"
    elif not n_days < stage.max_days:
        said = stage.undecided
    else:
        said = "continue"
    return said
"""
            ),
        ),
    ),
    "08-type2": Answers(
        wrong=(
            ("firstflight decide", "SyntaxError"),
            ("print('firstflight decide')", "exclamation"),
            ("'''firstflight decide'''", "exclamation"),
            ("!echo firstflight decide", "firstflight comes first"),
            ("said = 'decide'", "whole command"),
            ("!true firstflight decide", "firstflight comes first"),
            ("!firstflight decision", "first word"),
            ("!firstflight decide 2", "takes no 2"),
            ("!firstflght decide", "whole command"),
            ("!firstflight decide --by model_owner", "takes no --by"),
        ),
        # One more decision about the same days says the same.
        right=("!firstflight decide --usecase flights",),
    ),
    "08-ex2": Answers(
        wrong=(
            (peek("ttest_1samp(series[:, :day], 0, axis=1)"), "both sides"),
            (peek(TEST.replace("less", "greater")), "worse ones"),
            (peek(TEST.replace("series[:, :day]", "series")), "first k days"),
            (peek(TEST.replace(":day]", ":day - 1]")), "day short"),
            (peek(TEST.replace(":day]", ":day + 1]")), "day too long"),
            (peek(TEST.replace(":day]", "day]")), "one day alone"),
            (peek(TEST.replace("series[", "series.iloc[")), "NumPy array"),
            (peek(TEST, "[max(days)]"), "last look"),
            (peek(TEST, "[min(days)]"), "first look"),
            (peek(TEST, "range(7, 29)"), "use these days"),
            (peek(TEST).replace("np.any", "np.all"), "all looks"),
            (peek(TEST).replace("axis=0)", "axis=0).mean()"), "single value"),
            (peek(TEST).replace("], axis=0", "]"), "single value"),
            (peek(TEST).replace("], axis=0", "], axis=1"), "which axis"),
            (peek(TEST.replace("axis=1", "axis=0")), "which axis"),
            (
                peek(TEST).replace(
                    "np.any([test.pvalue < 0.05 for test in tests], axis=0)",
                    "np.min([test.pvalue for test in tests], axis=0)",
                ),
                "numbers",
            ),
            (peek(TEST).replace("< 0.05", "< 0.1"), "limit of the p-value"),
            (peek(TEST).replace("return ", "found = "), "returns nothing"),
        ),
        right=(
            peek(TEST),
            "import numpy as np\nfrom scipy import stats\n"
            "def peeked(series, days):\n"
            "    found = np.zeros(len(series), dtype=bool)\n"
            "    for day in days:\n"
            "        p = stats.ttest_1samp(series[:, :day], 0, axis=1, alternative='less').pvalue\n"
            "        found |= p < 0.05\n"
            "    return found",
            "import numpy as np\nfrom scipy.stats import t\n"
            "def peeked(series, days):\n"
            "    found = []\n"
            "    for day in days:\n"
            "        known = series[:, :day]\n"
            "        error = known.std(axis=1, ddof=1) / np.sqrt(day)\n"
            "        found.append(t.cdf(known.mean(axis=1) / error, day - 1) < 0.05)\n"
            "    return np.stack(found).any(axis=0)",
        ),
    ),
    "08-decide1": Answers(
        wrong=(
            ("share = 0.5", "gain nothing"),
            ("share = 0.05", "0.05 nothing is proven"),
            ("share = 0.02", "labels are short"),
            ("share = 20", "percent"),
            ("share = 0", "nobody"),
            ("share = -0.2", "nobody"),
            ("share = 0.15", "measured"),
            ('share = "0.2"', "without quotes"),
            ("share = [0.2]", "brackets"),
            ("share = True", "number"),
            ("share = 1.0", "gain nothing"),
            ("share = None", "no value"),
        ),
        right=(
            "share = 0.1",
            "share = 1 / 5",
            "import numpy as np\nshare = np.float64(0.25)",
        ),
    ),
    "08-type3": typed("canary", "", "better in the shadow, on two weeks"),
    "08-ex3": Answers(
        wrong=(
            ("def to_candidate(key, share):\n    return share_of(key) < 0.2", "same flights"),
            ("def to_candidate(key, share):\n    return share_of(key) > share", "go to"),
            ("def to_candidate(key, share):\n    return share_of(key) > 1 - share", "from below"),
            (
                "import random\ndef to_candidate(key, share):\n    return random.random() < share",
                "asked twice",
            ),
            ("def to_candidate(key, share):\n    return share_of(key)", "True or False"),
            ("def to_candidate(key, share):\n    share_of(key) < share", "nothing"),
            ("def to_candidate(key, share):\n    return share_of(key) < 100 * share", "other"),
            ("def to_candidate(key, share):\n    return served[key]", "NameError"),
            ("def to_candidate(key, share):\n    return key[1] == 'UA'", "share_of"),
            ("def to_candidate(key, share):\n    return share_of(key[1:]) < share", "other"),
            ("def to_candidate(key, share):\n    return share_of(str(key)) < share", "other"),
            (
                "def to_candidate(key, share):\n    return hash(key) % 100 < 100 * share",
                "share_of",
            ),
        ),
        right=(
            "def to_candidate(key, share):\n    return share_of(key) < share",
            "to_candidate = lambda key, share: share > share_of(list(key))",
            "def to_candidate(key, share):\n"
            "    if share_of(key) < share:\n        return True\n    return False",
            "import hashlib\n"
            "def to_candidate(key, share):\n"
            "    text = '|'.join(str(part) for part in key)\n"
            "    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32 < share",
        ),
    ),
    "08-ex4": Answers(
        wrong=(
            (split(same="asked['first'].sum() == asked['again'].sum()"), "other flights"),
            (split(same="True"), "lots"),
            (
                split(same="(asked['first'] == asked['again']).mean() > 0.99"),
                "changed sides",
            ),
            (split(same="(asked['first'] != asked['again']).any()"), "same side"),
            (split(share="asked['first'].mean() == share"), "'share'"),
            (
                split(
                    share="binomtest(int(asked['first'].sum()), len(asked), 0.2).pvalue >= 0.001"
                ),
                "fair split of 0.5",
            ),
            (
                split(
                    share="binomtest(int(asked['first'].sum()), len(asked), share).pvalue < 0.001"
                ),
                "'share'",
            ),
            (split(share="True"), "half of the flights"),
            (
                split(
                    share="binomtest(int(asked['first'].sum()), len(asked), share).pvalue >= 0.05"
                ),
                "340 of",
            ),
            (
                split(
                    kind="chi2_contingency(pd.crosstab(asked['first'], asked['carrier'])).pvalue"
                    " >= 0.05"
                ),
                "a little apart",
            ),
            (
                split(share="binomtest(asked['first'].mean(), len(asked), share).pvalue >= 0.001"),
                "not their share",
            ),
            (split(kind="True"), "one airline"),
            (
                split(
                    kind="chi2_contingency(pd.crosstab(asked['first'], asked['again'])).pvalue"
                    " >= 0.001"
                ),
                "'same kind'",
            ),
            (
                split(kind="asked.groupby('carrier')['first'].mean().max() < 0.9"),
                "one airline alone",
            ),
            ("def fair(asked, share):\n    return True", "a dict"),
            ("def fair(asked, share):\n    {'same side': True}", "nothing"),
            ("def fair(asked, share):\n    return {'same side': True}", "no 'share'"),
            (
                split().replace(
                    "def fair(asked, share):",
                    "def fair(asked, share):\n    asked['first'] = asked['first'].astype(int)",
                ),
                "in place",
            ),
            (split().replace("'share': bool(", "'share': float("), "float"),
        ),
        right=(
            split(),
            split(
                same="(asked['first'] == asked['again']).all()",
                share="abs(asked['first'].mean() - share) < 0.05",
                kind="(asked.groupby('carrier')['first'].mean() - share_found).abs().max() < 0.1",
            ).replace(
                "    return",
                "    share_found = asked['first'].mean()\n    return",
            ),
            "import pandas as pd\nfrom scipy import stats\n"
            "def fair(asked, share):\n"
            "    n = asked['first'].sum()\n"
            "    ratio = stats.chisquare([n, len(asked) - n],\n"
            "                            [share * len(asked), (1 - share) * len(asked)])\n"
            "    kinds = stats.chi2_contingency(pd.crosstab(asked['carrier'], asked['first']))\n"
            "    return dict([('same side', not (asked['first'] ^ asked['again']).any()),\n"
            "                 ('share', ratio.pvalue > 0.001), ('same kind', kinds[1] > 0.001)])",
        ),
    ),
    "08-type4": Answers(
        wrong=(
            *typed("promote", "2", "better online").wrong,
            ("!true firstflight promote 1", "firstflight comes first"),
        ),
        right=typed("promote", "2", "better online, in shadow and canary").right,
    ),
}
