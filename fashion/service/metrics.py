"""Metrics: counts and durations in the text format of Prometheus."""

import bisect
import collections
import sys
import threading
import time
from collections.abc import Mapping

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Durations, counted by upper bounds."""

    def __init__(self) -> None:
        self.counts, self.sum = [0] * (len(_BUCKETS) + 1), 0.0

    def add(self, seconds: float) -> None:
        """Counts a duration.

        Args:
            seconds: Its length.
        """
        self.counts[bisect.bisect_left(_BUCKETS, seconds)] += 1
        self.sum += seconds

    def lines(self, name: str, labels: str = "") -> list[str]:
        """Writes it.

        Args:
            name: Of the metric.
            labels: With which it is written, 'route="/"'.

        Returns:
            Lines.
        """
        lines, total, comma = [], 0, "," if labels else ""
        for bound, count in zip((*map(str, _BUCKETS), "+Inf"), self.counts, strict=True):
            total += count
            lines.append(f'{name}_bucket{{{labels}{comma}le="{bound}"}} {total}')
        braces = f"{{{labels}}}" if labels else ""
        return [*lines, f"{name}_sum{braces} {self.sum:.6f}", f"{name}_count{braces} {total}"]


class Metrics:
    """What a service counts. Requests are counted in its event loop, photos in the worker."""

    def __init__(self) -> None:
        self.started = time.time()
        self.requests: collections.Counter[tuple[str, str, int]] = collections.Counter()
        self.seconds: dict[str, Histogram] = collections.defaultdict(Histogram)
        self.photo_seconds, self.wait_seconds = Histogram(), Histogram()
        self.garments = 0
        self._lock = threading.Lock()

    def add_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request.

        Args:
            method: Of HTTP.
            route: Its path, without what differs from one garment to the other.
            status: Of HTTP.
            seconds: From its first byte to the last one of the answer.
        """
        self.requests[method, route, status] += 1
        self.seconds[route].add(seconds)

    def add_photo(self, waited: float, seconds: float, garments: int) -> None:
        """Counts a photo.

        Args:
            waited: Seconds in the queue.
            seconds: To decode it, predict and write the answer.
            garments: Number of them in the answer.
        """
        with self._lock:
            self.wait_seconds.add(waited)
            self.photo_seconds.add(seconds)
            self.garments += garments

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Writes all metrics.

        Args:
            gauges: Current values and what they mean, by name.

        Returns:
            Text for Prometheus.
        """
        lines = _head("fashion_requests_total", "counter", "Requests by method, route and status.")
        for (method, route, status), count in sorted(self.requests.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            lines.append(f"fashion_requests_total{{{labels}}} {count}")
        name = "fashion_request_seconds"
        lines += _head(name, "histogram", "Duration of requests by route.")
        for route, histogram in sorted(self.seconds.items()):
            lines += histogram.lines(name, f'route="{route}"')
        with self._lock:
            name = "fashion_photo_seconds"
            lines += _head(name, "histogram", "Time in which a photo was decoded and predicted.")
            lines += self.photo_seconds.lines(name)
            name = "fashion_wait_seconds"
            lines += _head(name, "histogram", "Time that a photo waited for the model.")
            lines += self.wait_seconds.lines(name)
            lines += _head("fashion_garments_total", "counter", "Garments in answers.")
            lines.append(f"fashion_garments_total {self.garments}")
        gauges = dict(gauges) | self._of_process()
        for name, (meaning, value) in gauges.items():
            lines += [*_head(name, "gauge", meaning), f"{name} {value:.15g}"]
        return "\n".join(lines) + "\n"

    def _of_process(self) -> dict[str, tuple[str, float]]:
        found = {"process_start_time_seconds": ("Start of the process.", self.started)}
        memory = resident_bytes()
        if memory is not None:
            found["process_resident_memory_bytes"] = ("Memory of the process.", memory)
        return found


def resident_bytes() -> int | None:
    """Reads how much memory this process has.

    Returns:
        Bytes; None where the system does not tell, other than Linux.
    """
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    import resource

    return pages * resource.getpagesize()


def _head(name: str, kind: str, meaning: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
