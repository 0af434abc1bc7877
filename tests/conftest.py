"""Where tests find real data, and how they say that it is not there."""

import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the product; before anything loads numpy

import pytest
from hypothesis import HealthCheck, settings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

settings.register_profile("tocsin", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("tocsin")


def need_data(path: str) -> Path:
    """A file of the private data set beside the project, or a skip (a failure where TOCSIN_REQUIRE_DATA is set)."""
    if not (DATA / path).exists():
        (pytest.fail if os.environ.get("TOCSIN_REQUIRE_DATA") else pytest.skip)(f"needs ../shared/data/{path}")
    return DATA / path
