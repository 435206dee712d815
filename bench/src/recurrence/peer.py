"""The peer of `recurrence`: python-dateutil. The first line of its input is a JSON array of series, each as iCalendar
has it, and the two ends of the span in seconds since 1970; for each further line it reads and expands all of them, and
answers in JSON how long that took in seconds, how many occurrences each has, and the sum of their instants."""

import json
import sys
import time
from datetime import datetime, timedelta, timezone

from dateutil import tz
from dateutil.rrule import rrulestr

series, start, end = json.loads(sys.stdin.readline())
start = datetime.fromtimestamp(start, timezone.utc)
# `between` takes both ends along; instants are whole seconds.
end = datetime.fromtimestamp(end, timezone.utc) - timedelta(seconds=1)
for _ in sys.stdin:
    begun = time.perf_counter()
    found = []
    for text in series:
        instants = rrulestr(text, tzids=tz.gettz).between(start, end, inc=True)
        found.append([int(instant.timestamp()) for instant in instants])
    seconds = time.perf_counter() - begun
    print(json.dumps([seconds, [len(instants) for instants in found], sum(map(sum, found))]), flush=True)
