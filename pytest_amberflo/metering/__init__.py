"""Metering without I/O: events, the ledger, the oracle, and expected beside seen usage."""
