"""The variables by which uvicorn is configured, for all systems whose front end it is."""

from __future__ import annotations

UVICORN = ("UVICORN_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")
