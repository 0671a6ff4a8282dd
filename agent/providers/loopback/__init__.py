"""A server that stands where a vendor's stands and plays a script; for tests, examples and the demo."""

from agent.providers.loopback.server import Break, Fault, Garbage, Loopback, Recorded, Refuse, Stall

__all__ = ["Break", "Fault", "Garbage", "Loopback", "Recorded", "Refuse", "Stall"]
