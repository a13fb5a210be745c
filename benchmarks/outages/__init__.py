"""Made-up incidents with known causes: a service is simulated minute by minute, then looked at as AWS would show it.

Nothing here knows how the bot decides. An outage changes how the service behaves (more requests, dearer code, fewer
tasks, a leak, failing code, a slow or failing dependency); CPU, latency, errors, memory, log lines and traces follow
from that and from each other.

The label is what was broken. Where the matrix asks for errors, they are those of the simulation: all in the window
where it counts them, those that the outage caused where it asks whether there are any.
"""

from __future__ import annotations

from benchmarks.outages.incidents import Incident, incidents

__all__ = ["Incident", "incidents"]
