"""What python-dateutil says a rule's occurrences are, with its known differences from RFC 5545 made good.

dateutil is asked for local times only: no zone, no UNTIL. Zones come in afterwards from the standard library, whose
`fold=0` reads skipped and doubled times as section 3.3.5 does. Where dateutil itself differs from the RFC, it is
asked in another way; each such way has a name, which goes into the fixture.
"""

import itertools
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

REASONS = {
    "week-positions": "dateutil counts BYSETPOS in the first week from DTSTART, not from the week's beginning.",
    "week-day": "dateutil takes all seven days for BYWEEKNO alone; the RFC derives the weekday from DTSTART.",
    "mixed-days": "dateutil intersects BYDAY's plain and numbered weekdays; the RFC has their union.",
    "same-instant": "dateutil keeps two local times that fall on one instant where clocks skip an hour.",
    "order": "dateutil keeps local order where skipped times move behind later ones.",
    "until-day": "dateutil reads a date in UNTIL as that day's midnight; a day is meant.",
}


def parts_of(rule):
    return dict(part.split("=") for part in rule.split(";"))


def text_of(parts):
    return ";".join(f"{name}={value}" for name, value in parts.items())


def parse_time(text):
    return datetime.strptime(text, "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")


def local_times(rule, start, notes):
    """The local times of a rule without UNTIL, lazily."""
    parts = parts_of(rule)
    parts.pop("UNTIL", None)
    count = int(parts.pop("COUNT", 0)) or None
    begin = start
    days = {"BYDAY", "BYMONTHDAY", "BYYEARDAY"}
    if "BYWEEKNO" in parts and not days & parts.keys():
        notes.add("week-day")
        parts["BYDAY"] = WEEKDAYS[start.weekday()]
    if parts["FREQ"] == "WEEKLY" and "BYSETPOS" in parts:
        notes.add("week-positions")
        first = WEEKDAYS.index(parts.get("WKST", "MO"))
        begin = start - timedelta(days=(start.weekday() - first) % 7)
        parts.setdefault("BYDAY", WEEKDAYS[start.weekday()])
        for name, value in (("BYHOUR", start.hour), ("BYMINUTE", start.minute), ("BYSECOND", start.second)):
            parts.setdefault(name, str(value))
        begin = datetime.combine(begin, time())
    found = each(parts, begin, notes)
    found = (when for when in found if when >= start)
    return itertools.islice(found, count) if count else found


def each(parts, begin, notes):
    days = parts.get("BYDAY", "").split(",")
    plain, numbered = [day for day in days if len(day) == 2], [day for day in days if len(day) > 2]
    if not plain or not numbered:
        try:
            yield from rrulestr(text_of(parts), dtstart=begin)
        except ValueError as error:
            # dateutil refuses some rules that never match; they are empty.
            if "empty" not in str(error):
                raise
        return
    assert "BYSETPOS" not in parts, "a union has no positions that dateutil could count"
    notes.add("mixed-days")
    both = [iter(rrulestr(text_of(parts | {"BYDAY": ",".join(days)}), dtstart=begin)) for days in (plain, numbered)]
    heads = [next(source, None) for source in both]
    while any(heads):
        least = min(head for head in heads if head)
        yield least
        heads = [next(source, None) if head == least else head for head, source in zip(heads, both)]


def instants(series, notes):
    """All occurrences of a series as pairs of local time and UTC instant, lazily, in the order of instants."""
    start, zone = parse_time(series["start"]), ZoneInfo(series["zone"]) if series["zone"] else timezone.utc
    until = parts_of(series["rule"]).get("UNTIL")
    limit = parse_time(until.rstrip("Z")) if until else None
    if until and "T" not in until:
        notes.add("until-day")
        limit += timedelta(days=1, seconds=-1)
    removed = {parse_time(text) for text in series["removed"]}
    added = sorted({parse_time(text) for text in series["added"]} - removed)

    def at(local):
        return local.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)

    def of_rule():
        for local in local_times(series["rule"], start, notes):
            if until and until.endswith("Z"):
                if local > limit + timedelta(days=2):
                    return
                if at(local) > limit.replace(tzinfo=timezone.utc):
                    continue
            elif limit and local > limit:
                return
            if local not in removed:
                yield local

    # Skipped times move by at most a day, so a day's worth is put in order at a time.
    waiting, last, seen = [], None, None
    for local in itertools.chain(merge(of_rule(), added), [None]):
        if local is None or (waiting and local - waiting[0][1] > timedelta(days=2)):
            ripe = [pair for pair in waiting if local is None or local - pair[1] > timedelta(days=1)]
            waiting = waiting[len(ripe):]
            ordered = sorted(ripe)
            if ordered != ripe:
                notes.add("order")
            for instant, wall in ordered:
                if instant == last:
                    notes.add("same-instant")
                    continue
                last = instant
                yield wall, instant
        if local is not None and local != seen:
            seen = local
            waiting.append((at(local), local))


def merge(rule, added):
    rule, added = iter(rule), iter(added)
    one, other = next(rule, None), next(added, None)
    while one or other:
        if other is None or (one is not None and one <= other):
            if one == other:
                other = next(added, None)
            yield one
            one = next(rule, None)
        else:
            yield other
            other = next(added, None)
