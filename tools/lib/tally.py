"""Counts what passed and failed, and remembers how to run each failure again by itself."""


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.failures = []  # (name, reason, command that runs it again)

    def is_empty(self):
        return self.passed == 0 and self.failed == 0

    def succeed(self, count=1):
        self.passed += count

    def fail(self, name, reason, rerun, count=1):
        self.failed += count
        self.failures.append((name, reason, rerun))

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.failures += other.failures

    def print_failures(self):
        if not self.failures:
            return
        print("\nFailed:")
        for name, reason, rerun in self.failures:
            print(f"  {name}")
            for line in reason.strip().splitlines():
                print(f"    {line}")
            print(f"    run it again: {rerun}")
        print()
