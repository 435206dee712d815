"""Writes series.jsonl, what the engine in shared/domain/src/recurrence is compared with.

    python -m venv venv && venv/bin/pip install python-dateutil tzdata
    venv/bin/python tests/recurrence/generate.py

Three sources: the RFC's examples with the RFC's dates; the rules of dateutil's own tests; random rules from a fixed
seed, over every frequency and list, in zones whose clocks change. See oracle.py for how dates are computed.
"""

import itertools
import json
import random
import signal
from datetime import datetime, timedelta, timezone
from pathlib import Path

import oracle
import rfc5545

HERE = Path(__file__).parent
SEED = 5545
RANDOM_RULES = 1_800
OCCURRENCES = 10
LATER_OCCURRENCES = 4
# What python-dateutil does not answer by then is left out.
SECONDS_MAX = 0.4

# Each zone with years in which its clocks changed in a way of their own.
ZONES = {
    "America/New_York": (1990, 2012),
    "Europe/Berlin": (1990, 2012),
    "Australia/Lord_Howe": (1990, 2012),  # half an hour
    "America/Sao_Paulo": (1990, 2012),  # at midnight
    "Africa/Casablanca": (2005, 2012),  # four times a year
    "Pacific/Apia": (2009, 2012),  # lost December 30th, 2011
    "UTC": (1990, 2012),
    None: (1990, 2012),
}
# Days on which some of these zones' clocks changed, to start shortly before.
CHANGES = ["19970406", "19971026", "20070311", "20071104", "20080330", "20081026", "20111230", "20120401", "20121021"]

# The lists that the RFC allows for a frequency.
TIMES = ["BYHOUR", "BYMINUTE", "BYSECOND"]
LISTS = {
    "SECONDLY": ["BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYDAY", *TIMES],
    "MINUTELY": ["BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYDAY", *TIMES],
    "HOURLY": ["BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYDAY", *TIMES],
    "DAILY": ["BYMONTH", "BYMONTHDAY", "BYDAY", *TIMES],
    "WEEKLY": ["BYMONTH", "BYDAY", *TIMES],
    "MONTHLY": ["BYMONTH", "BYMONTHDAY", "BYDAY", *TIMES],
    "YEARLY": ["BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY", *TIMES],
}
INTERVALS = {"SECONDLY": 100_000, "MINUTELY": 3_000, "HOURLY": 100, "DAILY": 40, "WEEKLY": 9, "MONTHLY": 30, "YEARLY": 4}


class TooSlow(Exception):
    pass


def numbers(dice, least, most, signed=False):
    def one():
        number = dice.randint(least, most)
        return -number if signed and dice.random() < 0.35 else number

    return ",".join(str(number) for number in dict.fromkeys(one() for _ in range(dice.choice([1, 1, 2, 3, 5]))))


def weekdays(dice, parts):
    may_number = parts["FREQ"] in ("MONTHLY", "YEARLY") and "BYWEEKNO" not in parts
    kind = dice.choice(["plain", "numbered", "mixed"]) if may_number else "plain"
    most = 5 if parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts else 53
    items = []
    for index in range(dice.choice([1, 2, 3, 4])):
        numbered = kind == "numbered" or (kind == "mixed" and index % 2)
        number = str(dice.randint(1, most) * dice.choice([1, -1])) if numbered else ""
        items.append(number + dice.choice(oracle.WEEKDAYS))
    return ",".join(dict.fromkeys(items)), kind == "mixed"


def random_rule(dice):
    frequency = dice.choice(list(LISTS))
    parts = {"FREQ": frequency}
    if dice.random() < 0.5:
        most = INTERVALS[frequency]
        parts["INTERVAL"] = str(dice.choice([2, 3, dice.randint(2, max(3, most // 10)), dice.randint(2, most)]))
    mixed = False
    chosen = [name for name in LISTS[frequency] if dice.random() < dice.choice([0.1, 0.35, 0.6])]
    for name in chosen:
        if name == "BYDAY":
            parts[name], mixed = weekdays(dice, parts)
        elif name == "BYWEEKNO":
            # dateutil does not look at the next year's weeks from the back, so no -52 and -53.
            parts[name] = ",".join(week for week in numbers(dice, 1, 53, True).split(",") if week not in ("-52", "-53")) or "1"
        else:
            least, most, signed = {
                "BYMONTH": (1, 12, False), "BYMONTHDAY": (1, 31, True), "BYYEARDAY": (1, 366, True),
                "BYHOUR": (0, dice.choice([3, 23]), False), "BYMINUTE": (0, 59, False), "BYSECOND": (0, 59, False),
            }[name]
            parts[name] = numbers(dice, least, most, signed)
    if chosen and not mixed and dice.random() < 0.3:
        parts["BYSETPOS"] = numbers(dice, 1, dice.choice([2, 4, 20]), True)
    if dice.random() < 0.4:
        parts["WKST"] = dice.choice(oracle.WEEKDAYS)
    return parts


def random_series(dice):
    parts = random_rule(dice)
    zone = dice.choice(list(ZONES))
    first, last = ZONES[zone]
    if dice.random() < 0.5:
        day = datetime.strptime(dice.choice(CHANGES), "%Y%m%d") - timedelta(days=dice.randint(0, 8))
    else:
        day = datetime(dice.randint(first, last), 1, 1) + timedelta(days=dice.randrange(365))
    start = day + timedelta(hours=dice.choice([0, 1, 2, 2, 3, 9, 23]), minutes=dice.choice([0, 30, 59]))
    finer = parts["FREQ"] in ("SECONDLY", "MINUTELY", "HOURLY")
    all_day = not finer and zone is None and dice.random() < 0.5
    if all_day:
        start = day
        parts = {name: value for name, value in parts.items() if name not in TIMES}
        if "BYSETPOS" in parts and not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
            del parts["BYSETPOS"]
    series = {"start": start.strftime("%Y%m%dT%H%M%S"), "zone": zone, "all_day": all_day, "added": [], "removed": []}
    series["rule"] = oracle.text_of(parts)
    end = dice.random()
    if end < 0.25:
        series["rule"] += f";COUNT={dice.randint(1, 30)}"
    elif end < 0.6:
        found = [local for local, _ in taken(series, 12)]
        if found:
            last = dice.choice(found) + timedelta(seconds=dice.choice([-1, 0, 0, 1, 3_000]))
            form = "%Y%m%d" if all_day else dice.choice(["%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"])
            series["rule"] += f";UNTIL={last.strftime(form)}"
    if dice.random() < 0.2:
        found = [local for local, _ in taken(series, 8)]
        series["removed"] = [local.strftime("%Y%m%dT%H%M%S") for local in found if dice.random() < 0.3]
        extra = [start + timedelta(days=dice.randint(0, 90), minutes=0 if all_day else 30 * dice.randint(0, 5))
                 for _ in range(dice.randint(0, 3))]
        series["added"] = [local.strftime("%Y%m%dT%H%M%S") for local in dict.fromkeys(extra)]
    return series


def taken(series, most, notes=None, start=None):
    notes = set() if notes is None else notes
    found = oracle.instants(series, notes)
    if start:
        found = itertools.dropwhile(lambda pair: pair[1] < start, found)
    return list(itertools.islice(found, most))


def lines(series):
    def line(name, times):
        if series["all_day"]:
            return f"{name};VALUE=DATE:" + ",".join(time[:8] for time in times)
        return (f"{name};TZID={series['zone']}:" if series["zone"] else f"{name}:") + ",".join(times)

    text = [line("DTSTART", [series["start"]]), f"RRULE:{series['rule']}"]
    text += [line("RDATE", series["added"])] if series["added"] else []
    text += [line("EXDATE", series["removed"])] if series["removed"] else []
    return "\n".join(text)


def shown(pairs):
    """Local times with the offset at which they are read: 19970902T090000-0400."""
    for local, instant in pairs:
        offset = round((local.replace(tzinfo=timezone.utc) - instant).total_seconds() / 60)
        sign = "-" if offset < 0 else "+"
        yield f"{local:%Y%m%dT%H%M%S}{sign}{abs(offset) // 60:02}{abs(offset) % 60:02}"


def entry(source, series, dice):
    notes = set()
    found = taken(series, OCCURRENCES + 1, notes)
    result = {"source": source, "series": lines(series), "first": " ".join(shown(found[:OCCURRENCES]))}
    if len(found) <= OCCURRENCES:
        result["ends"] = True
    elif dice.random() < 0.4:
        days = {"SECONDLY": 3, "MINUTELY": 20, "HOURLY": 400}.get(oracle.parts_of(series["rule"])["FREQ"], 4_000)
        later = found[0][1] + timedelta(days=dice.randint(1, days), seconds=dice.randrange(86_400))
        if later.year < 2024:
            result["from"] = f"{later:%Y%m%dT%H%M%SZ}"
            result["later"] = " ".join(shown(taken(series, LATER_OCCURRENCES, notes, later)))
    if notes:
        result["adjusted"] = sorted(notes)
    return result


def examples():
    for rules, start, notation, is_all in rfc5545.EXAMPLES:
        for rule in rules:
            rule, _, rest = rule.partition("\n")
            zone = "America/New_York"
            text = f"DTSTART;TZID={zone}:{start}\nRRULE:{rule}" + (f"\n{rest}" if rest else "")
            expected = list(rfc5545.dates(notation))
            series = {"start": start, "zone": zone, "all_day": False, "rule": rule, "added": [],
                      "removed": [rest.split(":")[1]] if rest else []}
            found = taken(series, len(expected) + 1)
            assert [f"{local:%Y%m%dT%H%M%S}" for local, _ in found[: len(expected)]] == expected, (rule, found)
            assert (len(found) == len(expected)) == is_all, rule
            result = {"source": "RFC 5545", "series": text, "first": " ".join(shown(found[: len(expected)]))}
            yield result | {"ends": True} if is_all else result


def suite(dice):
    for line in (HERE / "suite.txt").read_text().splitlines():
        start, rule = line.split(" ")
        yield {"start": start, "zone": dice.choice(list(ZONES)), "all_day": False, "rule": rule, "added": [], "removed": []}


def refused(rule):
    """Which part the RFC forbids where dateutil takes it, if any."""
    parts = oracle.parts_of(rule)
    frequency, day = parts["FREQ"], parts.get("BYDAY", "")
    numbered = any(len(item) > 2 for item in day.split(","))
    if numbered and (frequency not in ("MONTHLY", "YEARLY") or "BYWEEKNO" in parts):
        return "BYDAY"
    if "BYMONTHDAY" in parts and frequency == "WEEKLY":
        return "BYMONTHDAY"
    if "BYYEARDAY" in parts and frequency in ("DAILY", "WEEKLY", "MONTHLY"):
        return "BYYEARDAY"
    if "BYWEEKNO" in parts and frequency != "YEARLY":
        return "BYWEEKNO"
    if "COUNT" in parts and "UNTIL" in parts or parts.get("COUNT") == "0":
        return "COUNT"
    return None


def stop(*_):
    raise TooSlow


def main():
    dice = random.Random(SEED)
    signal.signal(signal.SIGALRM, stop)
    entries, slow = list(examples()), 0
    for series in suite(dice):
        part = refused(series["rule"])
        if part:
            entries.append({"source": "dateutil's tests", "series": lines(series), "refused": part})
        else:
            entries.append(entry("dateutil's tests", series, dice))
    goal = len(entries) + RANDOM_RULES
    while len(entries) < goal:
        signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX)
        try:
            entries.append(entry("random", random_series(dice), dice))
        except TooSlow:
            slow += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    with (HERE / "series.jsonl").open("w") as file:
        for found in entries:
            file.write(json.dumps(found, separators=(",", ":")) + "\n")
    print(f"{len(entries)} series, {slow} left out because python-dateutil took more than {SECONDS_MAX} s")


if __name__ == "__main__":
    main()
