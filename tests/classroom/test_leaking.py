import dataclasses

import pandas as pd

from classroom import leaking
from firstflight import usecase


class Landed:
    def read(self, source, first, last):
        return pd.DataFrame(
            {
                "date": pd.to_datetime(["2013-03-18", "2013-03-18", "2013-03-19"]),
                "origin": ["JFK", "LGA", "EWR"],
                "dest": ["BOS", "ORD", "DCA"],
                "carrier": ["B6", "AA", "EV"],
                "flight": [1, 2, 3],
                "sched_dep_time": [900, 1000, 1100],
                "dep_delay": [5.0, 60.0, None],
            }
        )


def test_the_delay_comes_to_the_rows_of_its_flights_and_the_order_stays():
    case = usecase.get("flights")
    requests = Landed().read("flights", None, None).iloc[[1, 0, 2]].reset_index(drop=True)
    features = pd.DataFrame({"hour": [10, 9, 11]})
    case = dataclasses.replace(case, key=("date", "origin", "carrier", "flight"))
    found = leaking.with_delay(case, Landed(), features, requests)
    assert found["dep_delay"].tolist()[:2] == [60.0, 5.0]
    assert pd.isna(found["dep_delay"][2])
    assert list(features) == ["hour"]
