"""Requests from the client's namespace while something is done to the gateway: how each one ended, by phase.

    with Load(bed) as load:
        load.enter("afterwards")     # requests that begin from now on
        ...
        load.settle("afterwards")    # those of the phase are answered
    load.assert_none_failed()

Each of some threads keeps one connection and one request on it. An answer counts when its status is 200, it is
whole and its body is what the demo's server says; all else is a failure with its reason. A connection that broke
is made anew.
"""

import collections
import http.client
import threading
import time

from harness import wait_until
from peers import http_connection

GREETINGS = {b"hello from v1\n": "v1", b"hello from v2\n": "v2"}
# After a failure, or a gateway that is away is asked in a tight loop.
RETRY_SECONDS = 0.02


class Phase:
    def __init__(self):
        self.begun = 0
        self.answers = collections.Counter()
        self.failures = collections.Counter()

    def count(self):
        return self.answers.total() + self.failures.total()


class Load:
    def __init__(self, bed, connections=8, is_kept=True, pause=0.002):
        """`is_kept`: connections are; else each request has its own. `pause` in seconds between the requests of
        one connection, so that the gateway gets a core as well."""
        self.bed, self.is_kept, self.pause = bed, is_kept, pause
        self.lock = threading.Lock()
        self.phases = {"start": Phase()}
        self.phase = self.phases["start"]
        self.is_over = False
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(connections)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.settle("start", requests=20)
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def run(self):
        connection = None
        while not self.is_over:
            with self.lock:
                phase = self.phase
                phase.begun += 1
            version, failure = None, None
            try:
                connection = connection or http_connection(self.bed)
                connection.request("GET", "/")
                answer = connection.getresponse()
                content = answer.read()
                version = GREETINGS.get(content)
                if answer.status != 200 or version is None:
                    failure = f"{answer.status} {content[:60]}"
            except (OSError, http.client.HTTPException) as error:
                failure = repr(error)
            with self.lock:
                if failure is None:
                    phase.answers[version] += 1
                else:
                    phase.failures[failure] += 1
            if failure is not None or not self.is_kept:
                if connection:
                    connection.close()
                connection = None
            time.sleep(self.pause if failure is None else RETRY_SECONDS)
        if connection:
            connection.close()

    def enter(self, name):
        """Requests that begin after this has returned belong to phase `name`, which may have been there before."""
        with self.lock:
            self.phase = self.phases.setdefault(name, Phase())
            return self.phase

    def settle(self, name, requests=0):
        """Waits until the phase has at least so many requests, and all that it has begun are over but one a
        connection while it still goes on."""
        phase = self.phases[name]

        def is_settled():
            with self.lock:
                under_way = phase.begun - phase.count()
                return phase.count() >= requests and (phase is self.phase or under_way == 0)

        wait_until(is_settled, f"the requests of phase {name} are over")
        return phase

    def count(self):
        with self.lock:
            return sum(phase.count() for phase in self.phases.values())

    def failures(self):
        with self.lock:
            return {name: dict(phase.failures) for name, phase in self.phases.items() if phase.failures}

    def assert_none_failed(self):
        assert not self.failures(), self.failures()
