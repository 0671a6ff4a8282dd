"""A server that stands where a vendor's stands and plays a script; for tests, examples and the demo."""

from agent.providers.loopback.server import Break, Fault, Garbage, How, Loopback, Recorded, Refuse, Stall
from agent.providers.loopback.wire import Quirk

__all__ = ["Break", "Fault", "Garbage", "How", "Loopback", "Quirk", "Recorded", "Refuse", "Stall"]
