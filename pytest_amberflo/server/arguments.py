"""What the command line of the server takes."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from pytest_amberflo.server.behaviour import (
    INGEST_ANSWERS,
    VALUE_POLICIES,
    Behaviour,
    DedupRule,
)
from pytest_amberflo.server.environment import FORMS
from pytest_amberflo.server.faults import Fault, parse_fault
from pytest_amberflo.server.refusal import Refusal


def make_parser(key_variable: str, token_variable: str) -> argparse.ArgumentParser:
    """The parser of the command; it is told which variables of the environment matter."""
    parser = argparse.ArgumentParser(
        prog="python -m pytest_amberflo.server",
        description="An Amberflo-compatible metering server over one SQLite file.",
        allow_abbrev=False,
    )
    _add_place(parser, key_variable)
    _add_ways(parser, token_variable)
    return parser


def _add_place(parser: argparse.ArgumentParser, key_variable: str) -> None:
    parser.add_argument(
        "--port", type=int, default=8787, help="0 takes any free port (default: %(default)s)"
    )
    parser.add_argument(
        "--host",
        type=_read_text,
        default="127.0.0.1",
        help="0.0.0.0 is every network of this machine (default: %(default)s)",
    )
    parser.add_argument(
        "--store",
        type=_read_path,
        metavar="FILE",
        help="where events are kept (default: a temporary file, gone at the end)",
    )
    parser.add_argument(
        "--api-key",
        action="append",
        type=_read_text,
        metavar="KEY",
        help=f"accepted key, a tenant of its own; repeatable (default: {key_variable} of the "
        "environment, else one is made and printed)",
    )
    parser.add_argument(
        "--ca",
        type=_read_path,
        metavar="FILE",
        help="certificate of the authority that vouches for Amberflo's hosts, made if it is not "
        "there (default: one of this user's own)",
    )
    parser.add_argument(
        "--print-env",
        nargs="?",
        const="shell",
        choices=FORMS,
        help="print the variables that lead a service to this server, and do not serve; `file` "
        "for an env-file",
    )
    parser.add_argument(
        "--demo", action="store_true", help="fill empty accounts with customers, meters and usage"
    )
    parser.add_argument("--quiet", action="store_true", help="no line per request on stderr")


def _add_ways(parser: argparse.ArgumentParser, token_variable: str) -> None:
    parser.add_argument(
        "--lag",
        type=_read_lag,
        default=(0.0, 0.0),
        metavar="SECONDS[~JITTER]",
        help="how long events stay out of sight, and how much longer by chance",
    )
    parser.add_argument(
        "--settle",
        type=_read_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long figures are fresh: every copy counts, nothing is cancelled (default: 0)",
    )
    parser.add_argument(
        "--fault",
        action="append",
        type=_read_fault,
        default=[],
        metavar="OPERATION:KIND[:NAME=VALUE,...]",
        help="what goes wrong, repeatable: ingest:503:times=2,retryAfter=1 or "
        "usage:slow:delay=2,probability=0.1,seed=7",
    )
    parser.add_argument(
        "--dedup-key",
        action="append",
        type=_read_dedup_key,
        default=[],
        metavar="[METER=]KEY",
        help="what makes two records the same: record (default), uniqueId or a dimension",
    )
    parser.add_argument(
        "--dedup-value",
        choices=VALUE_POLICIES,
        default="key",
        help="whether the value is part of the key, or the first or last one counts",
    )
    parser.add_argument(
        "--unauthorized",
        type=int,
        choices=(401, 403),
        default=401,
        help="the answer to an unknown key (default: %(default)s)",
    )
    parser.add_argument(
        "--ingest-answer",
        choices=INGEST_ANSWERS,
        default="auto",
        help="JSON, plain text, or what the client prefers (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="for what is left to chance (default: %(default)s)"
    )
    parser.add_argument(
        "--control-token",
        type=_read_text,
        metavar="TOKEN",
        help=f"opens /control/ to who has it (default: {token_variable} of the environment, else "
        "it stays closed)",
    )


def read_behaviour(options: argparse.Namespace) -> Behaviour:
    """How the server behaves by its command line."""
    value = options.dedup_value
    by_meter = {
        meter: DedupRule(key=key, value=value) for meter, key in options.dedup_key if meter
    }
    general = [key for meter, key in options.dedup_key if not meter]
    return Behaviour(
        lag_s=options.lag[0],
        jitter_s=options.lag[1],
        settle_s=options.settle,
        dedup=DedupRule(key=general[-1] if general else "record", value=value),
        dedup_by_meter=by_meter,
        unauthorized_status=options.unauthorized,
        ingest_answer=options.ingest_answer,
        seed=options.seed,
    )


def _read_text(text: str) -> str:
    if not text.strip():
        # Mostly a variable that was not set where the command was written.
        raise argparse.ArgumentTypeError("an empty value means nothing")
    return text


def _read_path(text: str) -> Path:
    return Path(_read_text(text))


def _read_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 10**8:
        raise argparse.ArgumentTypeError(f"seconds, 0 or more, are wanted, not {text!r}")
    return seconds


def _read_lag(text: str) -> tuple[float, float]:
    lag, separator, jitter = text.partition("~")
    return _read_seconds(lag), _read_seconds(jitter) if separator else 0.0


def _read_fault(text: str) -> Fault:
    try:
        return parse_fault(_read_text(text))
    except Refusal as refusal:
        reason = f"{refusal.message} ({refusal.details})"
        raise argparse.ArgumentTypeError(f"{text}: {reason}") from None


def _read_dedup_key(text: str) -> tuple[str, str]:
    meter, separator, key = _read_text(text).rpartition("=")
    if not key.strip() or (separator and not meter.strip()):
        raise argparse.ArgumentTypeError(f"[METER=]KEY is wanted, not {text!r}")
    return meter, key
