# ruff: noqa: E501
"""Answers to the exercises of lesson 10.

An answer with git begins from a repository that is made anew, and the last one leaves what the
reference answer leaves. The commands of firstflight stand under `if False`: their judges read what
is typed, and then look at what the reference answer has done (each would take several seconds).
"""

from classroom.bench import Answers


def pull(*, switch="-c celsius", text, commit="--quiet --all --message celsius", where=""):
    """Return an answer that changes the file of a repository made anew."""
    lines = [
        "from classroom import pull_request",
        "pull_request.open_repository()",
        f'!git -C "{{clone}}" switch --quiet {switch}' if switch else "",
        where,
        text,
        f'!git -C "{{clone}}" commit {commit}' if commit else "",
    ]
    return "\n".join(line for line in lines if line)


def behind(formula):
    """Return the lines that write a formula behind the loop."""
    return f"file.write_text(file.read_text().replace(line, line + '    features[\"temp\"] = {formula}\\n'))"


def version_3(*body, result="replace(old, version=3, build=build, code=(*old.code, build))"):
    lines = body or (
        "def build(requests, lookup):",
        "    features = old.build(requests, lookup)",
        "    features['temp'] = (features['temp'] - 32) / 1.8",
        "    return features",
    )
    return "\n".join(
        ["def in_celsius(old):", *(f"    {line}" for line in lines), f"    return {result}"]
    )


def build(formula):
    return version_3(
        "def build(requests, lookup):",
        "    features = old.build(requests, lookup)",
        f"    features['temp'] = {formula}",
        "    return features",
    )


def typed(line, more=""):
    return f"if False:\n    !{line}\n{more}"


def edit(comment, name, days, way):
    return f"a_comment, a_new_name, eight_days, another_way = {comment}, {name}, {days}, {way}"


def yaml(text):
    return f"step = '''\n{text}\n'''"


def runs(call):
    return f"import papermill\n\n\ndef report(last_day):\n    {call}"


COMMIT = (
    "from classroom import pull_request\n"
    "pull_request.git('commit', '--quiet', '--all', '--allow-empty', '--message', 'version 3')\n"
)
CHECK = 'cd "{clone}" && PYTHONPATH=src firstflight check'
TRAIN = "firstflight train hist_gradient_boosting --start 2013-01-01 --end 2013-10-31"
ASKS = "- name: Does it load the release?\n  run: firstflight check"
PROMOTE = 'firstflight promote 4 --by model_owner --reason "nightly"'
CELL = "from nbformat.v4 import new_code_cell, new_markdown_cell\n"
LINES = r'"candidate = 4\nlast_day = \"2013-11-07\"\ndays = 7"'
OUT = 'desk / f"week-{last_day}.ipynb"'
EXECUTE = "papermill.execute_notebook(desk / 'template.ipynb', "
REST = "cwd=desk, progress_bar=False)"

BENCH = {
    "10-ex1": Answers(
        wrong=(
            (
                pull(
                    where=behind('(features["temp"] - 32) / 1.8'),
                    text=behind('(features["temp"] - 32) * 5 / 9'),
                ),
                "comes on top",
            ),
            (pull(switch="", text=behind('(features["temp"] - 32) / 1.8')), "branch of its own"),
            (
                pull(switch="-c Celsius", text=behind('(features["temp"] - 32) / 1.8')),
                "no branch celsius",
            ),
            (pull(text=behind('(features["temp"] - 32) / 1.8'), commit=""), "nothing is committed"),
            (
                pull(
                    text=behind('(features["temp"] - 32) / 1.8'), commit="--quiet --message celsius"
                ),
                "nothing is committed",
            ),
            (pull(text="pass"), "as main is"),
            (pull(text=behind('features["temp"] * 1.8 + 32')), "other way round"),
            (pull(text=behind('features["temp"] - 32 / 1.8')), "parentheses"),
            (pull(text=behind('(features["temp"] - 32) * 1.8')), "multiplied"),
            (pull(text=behind('(features["temp"] - 32) / 1.8 + 273.15')), "Kelvin"),
            (pull(text=behind('(features["temp"] - 32) / 1.8 ) ')), "SyntaxError"),
            (
                pull(
                    text="file.write_text(file.read_text().replace(line, '        features[name] = (requests[name].astype(float) - 32) / 1.8\\n'))"
                ),
                "humid",
            ),
            (pull(text="file.write_text(file.read_text().replace('temp', 'celsius'))"), "raise"),
        ),
        right=(
            pull(
                text='file.write_text(file.read_text().replace(line, line + \'    features["temp"] = 5 / 9 * (features["temp"] - 32)\\n\'))'
            ),
            pull(
                switch="--force -C celsius main",
                text="changed = file.read_text().replace(line, line + '        if name == \"temp\":\\n            features[name] = (features[name] - 32) * 5 / 9\\n')\nfile.write_text(changed)",
                commit="--quiet -am work",
            ),
            pull(
                switch="",
                where='!git -C "{clone}" checkout --quiet -b celsius',
                text=behind('(features["temp"] - 32) / 1.8'),
            ),
        ),
    ),
    "10-look1": Answers(
        wrong=(
            ("says_no = 'readyz'", "is the page"),
            ("says_no = 'livez'", "is the page"),
            ("says_no = False", "as a text"),
            ("says_no = 503", "as a text"),
            ("says_no = 'False'", "what came back"),
            ("says_no = 'is_ready'", "underscores"),
            (
                "says_no = 'Service is not ready because .__is_ready__() returns False.'",
                "whole sentence",
            ),
            ("says_no = 'predict'", "returned False"),
            ("says_no = ''", "returned False"),
        ),
        right=(
            "says_no = '__is_ready__'",
            "says_no = '.__is_ready__()'",
            "says_no = ' __is_ready__() '",
        ),
    ),
    "10-type1": Answers(
        wrong=(
            (typed("firstflight check", "red = 0"), "installed"),
            (typed('cd "{clone}" && firstflight check', "red = 0"), "installed"),
            (typed("PYTHONPATH=src firstflight check", "red = 0"), "the folder of the clone"),
            (
                typed('cd "{clone}" && PYTHONPATH=src firstflight status', "red = 0"),
                "firstflight check",
            ),
            (typed(CHECK + " || true", "red = 0"), "exit code of its own"),
            (typed(CHECK + "; echo $?", "red = 0"), "exit code of its own"),
            (typed(CHECK, "red = True"), "truth value"),
            (typed(CHECK, "red = 0"), "all is well"),
            (typed(CHECK, "red = 1"), "itself failed"),
            (typed(CHECK, "red = 127"), "did not find"),
            (typed(CHECK, "red = 'live (version 2): Release'"), "what the command printed"),
        ),
        right=(
            typed(CHECK, "red = 3"),
            typed('cd "{clone}"; export PYTHONPATH=src; firstflight check -u flights', "red = 3"),
            "red = 3  # typed in a terminal, and echo $? asked",
        ),
    ),
    "10-ex2": Answers(
        wrong=(
            (edit(True, False, True, True), "a_comment"),
            (edit(False, True, True, True), "a_new_name"),
            (edit(False, False, False, True), "eight_days"),
            (edit(False, False, True, False), "another_way"),
            (edit(True, True, True, True), "a_comment"),
            (edit(False, False, False, False), "eight_days"),
            (edit(True, True, False, False), "of the four"),
            (edit(False, False, 1, True), "write True"),
            (edit("'loaded'", "'loaded'", "'refused'", "'refused'"), "write True"),
        ),
        right=(
            edit(False, False, True, True),
            "a_comment = a_new_name = 1 > 2\neight_days = another_way = 2 > 1",
            "import numpy as np\na_comment, a_new_name, eight_days, another_way = np.array([0, 0, 1, 1], bool)",
        ),
    ),
    "10-ex3": Answers(
        wrong=(
            (
                version_3(
                    "def build(requests, lookup):",
                    "    features = old.build(requests, lookup)",
                    "    return features.assign(temp=(features['temp'] - 32) / 1.8)",
                ),
                "a dict of columns",
            ),
            (
                version_3(result="replace(old, build=build, code=(*old.code, build))"),
                "next free number",
            ),
            (
                version_3(result="replace(old, version='3', build=build, code=(*old.code, build))"),
                "next free number",
            ),
            (version_3(result="replace(old, version=3, build=build)"), "does not hold your build"),
            (
                version_3(result="replace(old, version=3, build=build, code=(build,))"),
                "no longer holds",
            ),
            (
                version_3(result="replace(old, version=3, code=(*old.code, build))"),
                "still the old one",
            ),
            (
                version_3(result="replace(old, version=3, build=build, code=[*old.code, build])"),
                "tuple",
            ),
            (version_3(result="build"), "makes a FeatureSet"),
            (version_3(result="None"), "returns nothing"),
            (build("features['temp'] * 1.8 + 32"), "other way round"),
            (build("features['temp'] - 32 / 1.8"), "parentheses"),
            (build("features['temp']"), "Fahrenheit"),
            (
                version_3(
                    "def build(requests, lookup):",
                    "    requests['temp'] = (requests['temp'] - 32) / 1.8",
                    "    return old.build(requests, lookup)",
                ),
                "changes the requests",
            ),
            (
                version_3(
                    "def build(requests, lookup):",
                    "    features = old.build(requests, lookup)",
                    "    features['temp'] = (features['temp'] - 32) / 1.8",
                ),
                "are None",
            ),
            (
                version_3(
                    "def build(requests, lookup):",
                    "    features = old.build(requests, lookup)",
                    "    features['celsius'] = (features['temp'] - 32) / 1.8",
                    "    return features",
                ),
                "Fahrenheit",
            ),
        ),
        right=(
            build("5 / 9 * (features['temp'] - 32)"),
            version_3(
                "def build(requests, lookup):",
                "    found = old.build(requests, lookup)",
                "    temp = (found['temp'] - 32) / 1.8",
                "    return found.assign(temp=temp) if hasattr(found, 'assign') else {**found, 'temp': temp}",
                result="replace(old, code=old.code + (build,), build=build, version=3)",
            ),
            "import dataclasses\n\n\n"
            + version_3(
                result="dataclasses.replace(old, version=3, build=build, code=(build, *old.code))"
            ),
        ),
    ),
    "10-type2": Answers(
        wrong=(
            (typed("firstflight check", "green = 0"), "installed"),
            (typed("PYTHONPATH=src firstflight check", "green = 0"), "the folder of the clone"),
            (typed('git -C "{clone}" commit --all', "green = 0"), "firstflight check"),
            (typed(CHECK + "; echo $?", "green = 0"), "exit code of its own"),
            (typed(CHECK, "green = True"), "truth value"),
            (typed(CHECK, "green = 3"), "red still"),
            (typed(CHECK, "green = 1"), "itself failed"),
            (typed(CHECK, "green = 'live (version 2): loads'"), "what the command printed"),
            ('!git -C "{clone}" reset --quiet --soft HEAD~1\ngreen = 0', "firstflight check"),
            (
                "from classroom import pull_request\npull_request.git('reset', '--soft', 'HEAD~1')\n"
                "green = 0",
                "yours is missing",
            ),
        ),
        right=(
            COMMIT + typed(CHECK, "green = 0"),
            COMMIT + typed('cd "{clone}"; export PYTHONPATH=src; firstflight check', "green = 0"),
            COMMIT + "green = 0  # typed in a terminal",
        ),
    ),
    "10-ex4": Answers(
        wrong=(
            (yaml("name: ask\nrun: firstflight check"), "dash"),
            (yaml("- name: ask\n  run: firstflight gate 4"), "does not ask"),
            (yaml("- name: ask\n  run: make test"), "does not ask"),
            (yaml("- name: ask\n  uses: firstflight check"), "No ready-made"),
            (yaml("- name: ask"), "either run or uses"),
            (yaml("- name: ask\n  run: firstflight check || true"), "stay green"),
            (
                yaml("- name: ask\n  run: firstflight check\n  continue-on-error: true"),
                "stays green",
            ),
            (
                yaml("- name: ask\n  if: github.actor == 'me'\n  run: firstflight check"),
                "leave if out",
            ),
            (yaml("- run: firstflight check"), "beside the red cross"),
            (yaml("- name: ask\n\trun: firstflight check"), "no tabs"),
            (yaml("- name: ask\n  command: firstflight check"), "no key"),
            (yaml("- name: ask: does it load?\n  run: firstflight check"), "no YAML"),
            (yaml("- name: ask\n- run: firstflight check"), "One step"),
            ("step = [{'name': 'ask', 'run': 'firstflight check'}]", "as a text"),
        ),
        right=(
            yaml(ASKS),
            yaml("- run: firstflight check -u flights\n  name: The live release"),
            yaml(
                "      - name: The live release\n        run: |\n          firstflight check\n          firstflight check -u air_time"
            ),
        ),
    ),
    "10-type3": Answers(
        wrong=(
            (typed("firstflight gate 4"), "firstflight train"),
            (
                typed("firstflight train --start 2013-01-01 --end 2013-10-31 --feature-version 2"),
                "recipe",
            ),
            (
                typed(
                    TRAIN.replace("hist_gradient_boosting", "logistic_regression")
                    + " --feature-version 2"
                ),
                "recipe",
            ),
            (typed(TRAIN), "feature version 2"),
            (typed(TRAIN + " --feature-version 1"), "feature version 2"),
            (typed(TRAIN + " --feature-version 3"), "feature version 2"),
            (typed(TRAIN.replace("10-31", "11-14") + " --feature-version 2"), "31 October"),
            (typed(TRAIN.replace("01-01", "10-01") + " --feature-version 2"), "1 January"),
            (typed(TRAIN.replace(" --end 2013-10-31", "") + " --feature-version 2"), "not given"),
            (typed(TRAIN + " --feature-version 2 -u air_time"), "another use case"),
        ),
        right=(
            typed(TRAIN + " --feature-version 2"),
            typed(
                "firstflight train --feature-version=2 --end=2013-10-31 --start=2013-01-01 hist_gradient_boosting -u flights"
            ),
            "# typed in a terminal",
        ),
    ),
    "10-type4": Answers(
        wrong=(
            (typed("firstflight gate 4"), "promote is missing"),
            (typed(PROMOTE), "Nothing is judged"),
            (typed(f"firstflight gate 4; {PROMOTE}"), "Only &&"),
            (typed(f"firstflight gate 4 || {PROMOTE}"), "other way"),
            (typed(f"firstflight gate 4 & {PROMOTE}"), "Only &&"),
            (typed(f"firstflight gate 3 && {PROMOTE}"), "Version 4"),
            (typed("firstflight gate 4 && firstflight promote 4"), "by whom"),
            (
                typed('firstflight gate 4 && firstflight promote 3 --by model_owner --reason "r"'),
                "one to promote",
            ),
            (typed(f"{PROMOTE} && firstflight gate 4"), "gate comes first"),
            (typed("firstflight history"), "begins with"),
        ),
        right=(
            typed(f"firstflight gate 4 && {PROMOTE}"),
            typed(f"firstflight gate 4 --json > /dev/null && {PROMOTE}"),
            "# typed in a terminal",
        ),
    ),
    "10-ex5": Answers(
        wrong=(
            (CELL + f"parameters = {LINES}", "That is a text"),
            (CELL + f"parameters = new_code_cell({LINES})", "no tags"),
            (
                CELL + f"parameters = new_code_cell({LINES}, metadata={{'tags': 'parameters'}})",
                "not of type 'array'",
            ),
            (
                CELL + f"parameters = new_code_cell({LINES}, metadata={{'tags': ['parameter']}})",
                "looks for",
            ),
            (CELL + f"parameters = new_code_cell({LINES}, tags=['parameters'])", "was unexpected"),
            (
                CELL
                + f"parameters = new_markdown_cell({LINES}, metadata={{'tags': ['parameters']}})",
                "code cell",
            ),
            (
                CELL
                + "parameters = new_code_cell('candidate = 4', metadata={'tags': ['parameters']})",
                "no last_day",
            ),
            (
                CELL
                + f"parameters = new_code_cell({LINES}.replace('= 4', '= \"4\"'), metadata={{'tags': ['parameters']}})",
                "number, 4",
            ),
            (
                CELL
                + f"parameters = new_code_cell({LINES}.replace('\"', ''), metadata={{'tags': ['parameters']}})",
                "raise",
            ),
            (
                CELL
                + f"parameters = new_code_cell({LINES}.replace('= 7', '= 14'), metadata={{'tags': ['parameters']}})",
                "number, 7",
            ),
            ("parameters = {'candidate': 4, 'last_day': '2013-11-07', 'days': 7}", "code cell"),
        ),
        right=(
            CELL + f"parameters = new_code_cell({LINES}, metadata={{'tags': ['parameters']}})",
            CELL
            + f"parameters = new_code_cell(source={LINES})\nparameters.metadata['tags'] = ['parameters']",
            CELL
            + "parameters = new_code_cell('days, candidate, last_day = 7, 4, \"2013-11-07\"  # a week', metadata=dict(tags=['important', 'parameters']))",
        ),
    ),
    "10-ex6": Answers(
        wrong=(
            (runs(f"{EXECUTE}{OUT}, {REST}"), "No parameter"),
            (
                runs(f"{EXECUTE}{OUT}, parameters={{'day': last_day}}, {REST}"),
                "the parameter is last_day",
            ),
            (
                runs(f"{EXECUTE}{OUT}, parameters={{'last_day': '2013-11-14'}}, {REST}"),
                "sets last_day to",
            ),
            (
                runs(
                    f"{EXECUTE}desk / 'week-2013-11-14.ipynb', parameters={{'last_day': last_day}}, {REST}"
                ),
                "should be week-",
            ),
            (
                runs(
                    f"{EXECUTE}f'week-{{last_day}}.ipynb', parameters={{'last_day': last_day}}, {REST}"
                ),
                "folder desk",
            ),
            (
                runs(
                    f"{EXECUTE}desk / 'template.ipynb', parameters={{'last_day': last_day}}, {REST}"
                ),
                "writes over",
            ),
            (
                runs(f"{EXECUTE}{OUT}, parameters={{'last_day': last_day}}, progress_bar=False)"),
                "another folder",
            ),
            (
                runs(
                    f"{EXECUTE}{OUT}, parameters={{'last_day': last_day, 'candidate': 3}}, {REST}"
                ),
                "sets candidate",
            ),
            (runs("return desk / f'week-{last_day}.ipynb'"), "runs nothing"),
            (
                runs(
                    f"{EXECUTE}desk / f'report-{{last_day}}.ipynb', parameters={{'last_day': last_day}}, {REST}"
                ),
                "it wrote report-",
            ),
            (
                runs(
                    f"papermill.execute_notebook({OUT}, desk / 'template.ipynb', parameters={{'last_day': last_day}}, {REST}"
                ),
                "raised",
            ),
            (runs("papermill.execute_notebook(last_day)"), "raised"),
        ),
        right=(
            runs(f"{EXECUTE}{OUT}, {{'last_day': last_day}}, {REST}"),
            runs(f"return {EXECUTE}str({OUT}), parameters=dict(last_day=last_day, days=7), {REST}"),
            "from papermill import execute_notebook\n\n\ndef report(last_day):\n"
            "    page = str(desk) + '/week-' + last_day + '.ipynb'\n"
            "    execute_notebook(input_path=str(desk / 'template.ipynb'), output_path=page,\n"
            "                     parameters={'last_day': last_day}, cwd=str(desk))",
        ),
    ),
    "10-ex7": Answers(
        wrong=(
            ("page, should_be = 'week-2013-11-07.ipynb', 0.0116", "other page"),
            ("page, should_be = 'template.ipynb', 0.0116", "one of the two"),
            ("page, should_be = 2, 0.0116", "as a text"),
            ("page, should_be = 'week-2013-11-14.ipynb', -0.0116", "in the committed page"),
            ("page, should_be = 'week-2013-11-14.ipynb', '+0.0116'", "without quotes"),
            ("page, should_be = 'week-2013-11-14.ipynb', -0.0053", "mean of the week"),
            ("page, should_be = 'week-2013-11-14.ipynb', -0.0193", "the same in both"),
            ("page, should_be = 'week-2013-11-14.ipynb', 1.16", "percent"),
            ("page, should_be = 'week-2013-11-14.ipynb', 0.0115", "fresh run prints"),
            ("page, should_be = 'week-2013-11-14.ipynb', True", "fresh run prints"),
        ),
        right=(
            "page, should_be = 'week-2013-11-14.ipynb', 0.0116",
            "page, should_be = desk / 'week-2013-11-14.ipynb', +0.01160",
            "page = 'week-2013-11-14'\nshould_be = round(gaps['mean'].max(), 4)",
        ),
    ),
}
