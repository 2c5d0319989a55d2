"""Answers to the exercises of lesson 02."""

from classroom.bench import Answers


def function(head):
    return lambda *lines: f"def {head}:\n    " + "\n    ".join(lines)


digest = function("digest(content)")
changed = function("one_byte_changed(content)")
again = function("train_again(digest, estimator)")
future = function("knows_the_future(rate, flown, origin, day)")
rate = function("late_rate(flown, origin, day)")


def refused(*lines, then="refusal = str(error)", error="DropError"):
    return (
        "try:\n    " + "\n    ".join(lines) + f"\nexcept {error} as error:\n    {then}\n"
        if then
        else "\n".join(lines)
    )


LAND = 'drops.land(corrected, ws.drops, sources, "2013-02")'
AGE = "age = (day - flown['date']).dt.days"
SEVEN = "week = flown[(age >= 1) & (age <= 7) & (flown['origin'] == origin)]"
TRAIN = "features, label, _ = snapshot.load(digest).training_rows(case)"
COMPARE = "return rate(spoilt, origin, day) != rate(flown, origin, day)"

BENCH = {
    "02-ex1": Answers(
        wrong=(
            (digest("return hashlib.sha256(content)"), "which of its methods"),
            (digest("return hashlib.sha256(content).digest()"), "those are bytes"),
            (digest("return hashlib.md5(content).hexdigest()"), "md5"),
            (digest("return hashlib.sha1(content).hexdigest()"), "sha1"),
            (digest("return hashlib.sha512(content).hexdigest()"), "128 digits"),
            (digest("return hashlib.sha256(content).hexdigest()[:16]"), "give all 64"),
            (digest("return hash(content)"), "a int"),
            (digest("return hashlib.sha256(str(content).encode()).hexdigest()"), "text about"),
            (digest("return hashlib.sha256(content).hexdigest().upper()"), "capital"),
            (
                digest("return '31c54ad7bb0a0ee4ac7e1b7a6ca5e0c5d8c4a5d2d36b9a9c6be4f0a1d0b2c3e4'"),
                "same for any content",
            ),
            (digest("return hashlib.sha256(content[:1000]).hexdigest()"), "all bytes"),
            (digest("hashlib.sha256(content).hexdigest()"), "NoneType"),
            (digest("return sha256(content).hexdigest()"), "NameError"),
            (digest("return hashlib.sha256('content').hexdigest()"), "raised"),
        ),
        right=(
            digest("return hashlib.sha256(content).hexdigest()"),
            digest(
                "found = hashlib.new('sha256')", "found.update(content)", "return found.hexdigest()"
            ),
            digest("return hashlib.sha256(content).digest().hex()"),
            digest(
                "import io", "return hashlib.file_digest(io.BytesIO(content), 'sha256').hexdigest()"
            ),
        ),
    ),
    "02-ex2": Answers(
        wrong=(
            (changed("return content[:-1]"), "1 bytes fewer"),
            (changed("return content + b'x'"), "1 bytes more"),
            (changed("return content"), "no byte has changed"),
            (changed("return b'x' + content[1:]"), "no byte has changed"),
            (changed("return content.replace(b'a', b'b', 1)"), "no byte has changed"),
            (changed("return bytes(255 - b for b in content)"), "bytes have changed"),
            (changed("return content[::-1]"), "bytes have changed"),
            (changed("content[0] = 1", "return content"), "raised"),
            (
                changed("other = bytearray(content)", "other[0] += 1", "return bytes(other)"),
                "of 255",
            ),
            (
                changed("other = bytearray(content)", "other[99] ^= 1", "return bytes(other)"),
                "shorter contents",
            ),
            (
                changed("other = bytearray(content)", "other[0] = 0", "return bytes(other)"),
                "no byte",
            ),
            (changed("other = bytearray(content)", "other[0] ^= 1"), "nothing"),
            (changed("return str(content)"), "a str"),
            (
                changed("other = bytearray(content)", "other[:2] = b'??'", "return bytes(other)"),
                "2 bytes have changed",
            ),
        ),
        right=(
            changed("other = bytearray(content)", "other[7] ^= 1", "return bytes(other)"),
            changed("return bytes([255 - content[0]]) + content[1:]"),
            changed(
                "other = bytearray(content)", "other[-1] = (other[-1] + 1) % 256", "return other"
            ),
            changed("last = b'a' if content[-1:] != b'a' else b'b'", "return content[:-1] + last"),
        ),
    ),
    "02-ex3": Answers(
        wrong=(
            (LAND + "\nrefusal = 'done'", "DropError"),
            (refused(LAND, then="refusal = error"), "str(error)"),
            (refused(LAND, then="refusal = True"), "a bool"),
            (refused(LAND, then="refusal = 'February has landed already'"), "nothing was refused"),
            (refused(LAND, then="refusal = 'refused'"), "whole sentence"),
            (
                'refusal = ""\n' + refused('drops.land(corrected, ws.drops, sources, "2013-01")'),
                "nothing was refused",
            ),
            (
                'refusal = ""\n' + refused('drops.land(DATA, ws.drops, sources, "2013-02")'),
                "nothing was refused",
            ),
            (
                refused('drops.land(scratch / "bad" / "altered", ws.drops, sources, "2013-02")'),
                "another delivery",
            ),
            (
                refused('drops.land(scratch / "bad" / "twice", ws.drops, sources, "2013-02")'),
                "another delivery",
            ),
            (refused('drops.land(corrected, ws.drops, sources, "2013-03")'), "or month"),
            (
                'refusal = ""\n'
                + refused('drops.land(corrected, scratch / "elsewhere", sources, "2013-02")'),
                "where it lies",
            ),
            (
                "kept = drops.read_sums(ws.drops)['flights/2013-02.parquet'][:12]\n"
                "new = drops.read_sums(scratch / 'corrected')['flights/2013-02.parquet'][:12]\n"
                "refusal = f'flights/2013-02.parquet was {kept}, now {new}: a month never changes'",
                "typed in",
            ),
            (refused(LAND, error="ValueError"), "DropError"),
        ),
        right=(
            refused(LAND),
            refused(
                "for month in ('2013-01', '2013-02'):", f"    {LAND.replace('2013-02', '2013-02')}"
            ),
            refused(
                "drops.land(corrected, ws.drops, case.sources.values(), month='2013-02')",
                then="refusal = error.args[0]",
                error="FirstFlightError",
            ),
            refused(LAND, then="refusal = f'{error}'", error="Exception"),
        ),
    ),
    "02-ex4": Answers(
        wrong=(
            (
                again(
                    "features, label, _ = first.training_rows(case)",
                    "return estimator.fit(features, label)",
                ),
                "restore the one",
            ),
            (
                again(
                    "taken = snapshot.take(case, known, *span, feature_version=1)",
                    "features, label, _ = taken.training_rows(case)",
                    "return estimator.fit(features, label)",
                ),
                "restore the one",
            ),
            (
                again(
                    "_, label, requests = snapshot.load(digest).training_rows(case)",
                    "return estimator.fit(requests, label)",
                ),
                "learns from the requests",
            ),
            (again(TRAIN, "return estimator.fit(label, features)"), "exchanged"),
            (again(TRAIN, "estimator.fit(features, label)"), "nothing"),
            (again(TRAIN, "return estimator"), "not fitted"),
            (again(TRAIN, "return features, label"), "a tuple"),
            (
                again(
                    "old = snapshot.load(digest)",
                    "return estimator.fit(old.requests, old.labels['label'])",
                ),
                "do not belong together",
            ),
            (again(TRAIN, "return learned_from(snapshot.load(digest), case)"), "a Pipeline"),
            (
                again(
                    "rows = snapshot.load(digest).training_rows(case)",
                    "return estimator.fit(*rows)",
                ),
                "raised",
            ),
            (again("return estimator.fit(*snapshot.load(digest).training_rows())"), "raised"),
            (
                again(
                    TRAIN.replace("load(digest)", "load(digest[:8])"),
                    "return estimator.fit(features, label)",
                ),
                "raised",
            ),
            (again(TRAIN, "return estimator.fit(features, 1 - label)"), "labels are not"),
            (again(TRAIN, "return estimator.fit(features.fillna(0), label)"), "other values"),
            (again(TRAIN, "return estimator.fit(features)"), "without labels"),
        ),
        right=(
            again(TRAIN, "return estimator.fit(features, label)"),
            again(
                "rows = snapshot.load(digest).training_rows(case)",
                "estimator.fit(rows[0], rows[1])",
                "return estimator",
            ),
            again(
                "from sklearn.base import clone",
                "old = snapshot.load(digest)",
                "features, label = old.training_rows(usecase.get('flights'))[:2]",
                "return estimator.fit(X := features, label.to_numpy())",
            ),
        ),
    ),
    "02-ex5": Answers(
        wrong=(
            (
                future(
                    "spoilt = flown.copy()",
                    "later = spoilt['date'] >= day",
                    "spoilt.loc[later, 'late'] = 1 - spoilt.loc[later, 'late']",
                    COMPARE,
                ),
                "~ turns it round",
            ),
            (
                future(
                    "spoilt = flown.assign(late=flown['late'] ^ (flown['date'] >= day))",
                    "return abs(rate(spoilt, origin, day) - rate(flown, origin, day)) > 0.01",
                ),
                "any change",
            ),
            (
                future(
                    "later = flown['date'] > day",
                    "spoilt = flown.assign(late=flown['late'] ^ later)",
                    COMPARE,
                ),
                "with the day itself",
            ),
            (
                future(
                    "later = flown['date'] >= day - pd.Timedelta(days=1)",
                    "spoilt = flown.assign(late=flown['late'] ^ later)",
                    COMPARE,
                ),
                "which are known",
            ),
            (
                future("spoilt = flown.assign(late=~flown['late'])", COMPARE),
                "which are known",
            ),
            (
                future(
                    "spoilt = flown.assign(late=flown['late'] | (flown['date'] >= day))", COMPARE
                ),
                "turn each late round",
            ),
            (
                future(
                    "spoilt = flown.assign(late=flown['late'] & (flown['date'] < day))", COMPARE
                ),
                "turn each late round",
            ),
            (
                future(
                    "later = (flown['date'] >= day) & (flown['origin'] == origin)",
                    "spoilt = flown.assign(late=flown['late'] ^ later)",
                    COMPARE,
                ),
                "other airports",
            ),
            (
                future(
                    "later = flown['date'] == day",
                    "spoilt = flown.assign(late=flown['late'] ^ later)",
                    COMPARE,
                ),
                "the week after",
            ),
            (
                future(
                    "spoilt = flown.assign(late=flown['late'] ^ (flown['date'] >= day))",
                    "return rate(spoilt, origin, day) == rate(flown, origin, day)",
                ),
                "the opposite",
            ),
            (
                future(
                    "spoilt = flown.assign(late=flown['late'] ^ (flown['date'] >= day))",
                    "return rate(spoilt, origin, day) - rate(flown, origin, day)",
                ),
                "True or False",
            ),
            (
                future(
                    "flown.loc[flown['date'] >= day, 'late'] ^= True",
                    "return bool(rate(flown, origin, day) > 0.5)",
                ),
                "in place",
            ),
            (
                future(
                    "spoilt = flown.assign(late=flown['late'] ^ (flown['date'] >= day))",
                    "return rolling_rate(spoilt, origin, day) != rolling_rate(flown, origin, day)",
                ),
                "should return False",
            ),
            (future("return True"), "should return False"),
            (future("return False"), "should return True"),
            (future("return rate is rolling_rate"), "should return True"),
            (
                future(
                    "spoilt = flown.assign(late=flown['late'] ^ (flown['date'] >= day))",
                    COMPARE[7:],
                ),
                "nothing",
            ),
        ),
        right=(
            future("spoilt = flown.assign(late=flown['late'] ^ (flown['date'] >= day))", COMPARE),
            future(
                "spoilt = flown.copy()",
                "later = spoilt['date'] >= day",
                "spoilt.loc[later, 'late'] = ~spoilt.loc[later, 'late']",
                "return abs(rate(spoilt, origin, day) - rate(flown, origin, day)) > 1e-12",
            ),
            future(
                "import numpy as np",
                "other = np.where(flown['date'] < day, flown['late'], ~flown['late'])",
                "other = flown.assign(late=other)",
                "return not rate(other, origin, day) == rate(flown, origin, day)",
            ),
            future(
                "before, after = flown[flown['date'] < day], flown[flown['date'] >= day]",
                "spoilt = pd.concat([before, after.assign(late=~after['late'])])",
                "return rate(spoilt, origin, day) != rate(flown, origin, day)",
            ),
        ),
    ),
    "02-ex6": Answers(
        wrong=(
            (
                rate(AGE, SEVEN, "return week['late'].sum() / len(flown)"),
                "not by all flights",
            ),
            (
                rate(
                    "mine = flown[(flown['origin'] == origin) & (flown['date'] < day)]",
                    "return mine.tail(7)['late'].mean()",
                ),
                "seven rows",
            ),
            (
                rate("origin = 'EWR'", AGE, SEVEN, "return week['late'].mean()"),
                "typed in",
            ),
            (
                rate("day = DAY", AGE, SEVEN, "return week['late'].mean()"),
                "typed in",
            ),
            (rate(AGE, "return flown[(age >= 1) & (age <= 7)]['late'].mean()"), "all airports"),
            (rate(AGE, SEVEN, "return 100 * week['late'].mean()"), "percent"),
            (rate(AGE, SEVEN, "return week['late'].sum()"), "number of late flights"),
            (rate(AGE, SEVEN, "return len(week)"), "number of flights"),
            (rate(AGE, SEVEN, "return week.groupby('date')['late'].mean().mean()"), "daily shares"),
            (
                rate(
                    AGE,
                    SEVEN.replace(">= 1", ">= 0").replace("<= 7", "<= 6"),
                    "return week['late'].mean()",
                ),
                "day itself for the last",
            ),
            (rate(AGE, SEVEN.replace(">= 1", ">= 0"), "return week['late'].mean()"), "eight days"),
            (rate(AGE, SEVEN.replace("<= 7", "<= 8"), "return week['late'].mean()"), "eight days"),
            (rate(AGE, SEVEN.replace("<= 7", "< 7"), "return week['late'].mean()"), "six days"),
            (rate(AGE, SEVEN.replace(">= 1", ">= 2"), "return week['late'].mean()"), "leaves out"),
            (rate(AGE, SEVEN, "return (~week['late']).mean()"), "in time"),
            (
                rate(
                    "before = flown[(flown['date'] < day) & (flown['origin'] == origin)]",
                    "return before['late'].mean()",
                ),
                "all days before",
            ),
            (
                rate("age = (flown['date'] - day).dt.days", SEVEN, "return week['late'].mean()"),
                "future",
            ),
            (rate("return rolling_rate(flown, origin, day)"), "rolling_rate"),
            (
                rate("return rolling_rate(flown, origin, day - pd.Timedelta(days=1))"),
                "daily shares",
            ),
            (
                rate(
                    "from firstflight import state",
                    "store = state.Store('flights', 1, 0)",
                    "return store.at(day.date())[1]['origin_late_7d'][origin]",
                ),
                "raised",
            ),
            (rate("return known_rates[origin]"), "NameError"),
            (rate(AGE, SEVEN, "week['late'].mean()"), "nothing"),
        ),
        right=(
            rate(AGE, SEVEN, "return week['late'].mean()"),
            rate(
                "start = day - pd.Timedelta(days=7)",
                "rows = flown[(flown['date'] >= start) & (flown['date'] < day)]",
                "return rows.loc[rows['origin'] == origin, 'late'].mean()",
            ),
            rate(
                "days = pd.date_range(end=day - pd.Timedelta(days=1), periods=7)",
                "rows = flown[flown['date'].isin(days) & flown['origin'].eq(origin)]",
                "return rows['late'].sum() / len(rows)",
            ),
            rate(
                "mine = flown[flown['origin'] == origin]",
                "days = mine.groupby('date')['late'].agg(['sum', 'count'])",
                "days = days.loc[day - pd.Timedelta(days=7):day - pd.Timedelta(days=1)].sum()",
                "return float(days['sum'] / days['count'])",
            ),
        ),
    ),
}
