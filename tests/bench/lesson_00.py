"""Answers to the exercises of lesson 00."""

from classroom.bench import Answers


def rule(body):
    return f"def calibrated(label, prediction, gate_rules):\n    {body}"


BENCH = {
    "00-ex1": Answers(
        wrong=(
            ("threshold = 0.2", "typed in"),
            ("threshold = 0.5", "compare the two costs"),
            ("threshold = uncovered / standby", "inverse"),
            ("threshold = standby / (standby + uncovered)", "stands by is paid"),
            ("threshold = 100 * standby / uncovered", "percent"),
            ("threshold = 1 - standby / uncovered", "one minus"),
            ("threshold = -standby / uncovered", "sign"),
            ("threshold = str(standby / uncovered)", "text"),
            ("threshold = [standby / uncovered]", "take the value itself"),
            ("uncovered = 10\nthreshold = standby / uncovered", "inputs"),
            ("threshold = standby / cost", "NameError"),
        ),
        right=(
            "threshold = standby / uncovered",
            "import numpy as np\nthreshold = np.float64(standby) / uncovered",
            "threshold = 1 / (uncovered / standby)",
            "from fractions import Fraction\nthreshold = float(Fraction(standby, uncovered))",
        ),
    ),
    "00-ex2": Answers(
        wrong=(
            (rule("return prediction.mean() - label.mean() <= gate_rules.calibration_max"), "low"),
            (
                rule("return abs(prediction.mean() - label.mean()) < gate_rules.calibration_max"),
                "at most",
            ),
            (rule("return abs(prediction.mean() - label.mean()) <= 0.1"), "gate_rules"),
            (
                rule(
                    "return abs(prediction.mean() / label.mean() - 1) <= gate_rules.calibration_max"
                ),
                "divide",
            ),
            (
                rule("return abs(prediction - label).mean() <= gate_rules.calibration_max"),
                "means",
            ),
            (
                rule("return (abs(prediction - label) <= gate_rules.calibration_max)"),
                "True or False",
            ),
            (
                rule("prediction -= label.mean()\n    return abs(prediction.mean()) <= 0.1"),
                "in place",
            ),
            (
                rule("abs(prediction.mean() - label.mean()) <= gate_rules.calibration_max"),
                "nothing",
            ),
            (rule("return True"), "every model"),
            (
                rule("return abs(prediction.mean() - label.mean()) >= gate_rules.calibration_max"),
                "turned round",
            ),
            (
                rule("return abs(prediction.mean() - label.mean()) > gate_rules.calibration_max"),
                "turned round",
            ),
            (
                rule(
                    "return (prediction.mean() - label.mean()) ** 2 <= gate_rules.calibration_max"
                ),
                "should give False",
            ),
            (rule("return abs(prediction.mean() - label.mean()) >= 0.1"), "should give"),
            (rule("return abs(prediction.mean() - label.mean()) <= calibration_max"), "NameError"),
            (rule("return 'yes'"), "a str"),
        ),
        right=(
            rule("return abs(prediction.mean() - label.mean()) <= gate_rules.calibration_max"),
            rule("return not abs(label.mean() - prediction.mean()) > gate_rules.calibration_max"),
            rule(
                "limit = gate_rules.calibration_max\n"
                "    return -limit <= float(prediction.mean()) - float(label.mean()) <= limit"
            ),
            rule(
                "import numpy as np\n"
                "    return np.abs(np.mean(prediction) - np.mean(label)) <= "
                "gate_rules.calibration_max"
            ),
        ),
    ),
    "00-decide1": Answers(
        wrong=(
            ('may_force = "model_owner"', "a list"),
            ("may_force = []", "nobody"),
            ('may_force = ["head_of_data"]', "no role"),
            ('may_force = ["on call"]', "no role"),
            ('may_force = ["model_owner", "model_owner"]', "twice"),
            ('may_force = ("model_owner",)', "in [ ]"),
            ("may_force = model_owner", "NameError"),
            ("may_force = None", "no value"),
            ("may_force = 1", "a list"),
        ),
        right=(
            'may_force = ["model_owner"]',
            'may_force = ["on_call", "model_owner"]',
            'may_force = list(("model_owner", "on_call", "data_owner"))',
        ),
    ),
    "00-decide2": Answers(
        wrong=(
            ("min_days = 3", "week"),
            ("min_days = 0", "week"),
            ("min_days = -10", "week"),
            ("min_days = 21", "14 days"),
            ('min_days = "10"', "whole number"),
            ("min_days = 10.0", "whole number"),
            ("min_days = True", "whole number"),
            ("min_days = [10]", "whole number"),
            ("min_days = None", "no value"),
        ),
        right=("min_days = 7", "min_days = 10", "import numpy as np\nmin_days = np.int64(14)"),
    ),
    "00-type1": Answers(
        wrong=(
            ("!firstflight", "status"),
            ("firstflight = 'status'", "status"),
            ("!firstflight state", "status"),
            ("!firstflight --help", "status"),
            ("firstflight status", "exclamation"),
            ("'firstflight status'", "exclamation"),
            ("print('firstflight status')", "exclamation"),
            ("!course status", "firstflight status"),
            ("!firstflght status", "firstflight status"),
        ),
        right=(
            "!firstflight status",
            "! firstflight status",
            "!firstflight status --json",
        ),
    ),
}
