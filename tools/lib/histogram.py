"""Latencies in microseconds, counted in buckets that are at most 1/64 wide: enough for a percentile,
small enough to send every quarter of a second."""

BITS_KEPT = 7


def bucket(microseconds):
    """The lowest value of the bucket that holds `microseconds`."""
    shift = max(0, microseconds.bit_length() - BITS_KEPT)
    return (microseconds >> shift) << shift


def merge(target, other):
    for value, count in other.items():
        value = int(value)
        target[value] = target.get(value, 0) + count


def percentile(buckets, share):
    """The value that `share` of the samples do not exceed; None without samples."""
    total = sum(buckets.values())
    if total == 0:
        return None
    rank, seen = share * total, 0
    for value in sorted(buckets):
        seen += buckets[value]
        if seen >= rank:
            return value
    return max(buckets)
