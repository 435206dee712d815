"""What EventBridge and SQS do on AWS: calling the jobs. Here a timer does, and the outbox is drained where it lies."""

import json
import threading
import urllib.error
import urllib.request

from processes import say

# By job: seconds between two calls. On AWS the queue delivers at once, so `drain` comes oftener than its schedule there.
SECONDS = {"drain": 5, "tend_recurrences": 3600, "prune": 86_400}
ANSWER_S = 180


def invoke(url: str, function: str, event: dict):
    """Calls a function with an event, as `cargo lambda invoke` does, and returns its answer."""
    request = urllib.request.Request(f"{url}/2015-03-31/functions/{function}/invocations", json.dumps(event).encode())
    with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
        return json.load(answer)


def start(url: str, stopping: threading.Event) -> None:
    """Calls each job now and then at its times, until told to stop."""
    for job, seconds in SECONDS.items():
        threading.Thread(target=_repeat, args=(url, job, seconds, stopping), daemon=True).start()


def _repeat(url: str, job: str, seconds: int, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            invoke(url, "jobs", {"job": job})
        except (urllib.error.URLError, OSError, ValueError) as error:
            if not stopping.is_set():
                say("schedules", f"{job}: {error}")
        stopping.wait(seconds)
