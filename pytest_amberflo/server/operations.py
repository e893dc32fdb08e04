"""Every operation on documents and every query, by method and path."""

from __future__ import annotations

from typing import Final

from pytest_amberflo.server import (
    customers,
    events,
    filtering,
    invoices,
    meters,
    plans,
    prepaid,
    sessions,
    usage,
)

ROUTES: Final = (
    *usage.ROUTES,
    *events.ROUTES,
    *meters.ROUTES,
    *filtering.ROUTES,
    *customers.ROUTES,
    *plans.ROUTES,
    *prepaid.ROUTES,
    *invoices.ROUTES,
    *sessions.ROUTES,
)
