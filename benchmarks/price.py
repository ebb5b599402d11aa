"""What AWS Lambda bills for arm64 in US East, read 2026-11: the memory that is set times the time that it takes."""

from pkai.settings import MEMORY_MB_PER_VCPU

USD_PER_GB_S = 0.0000133334
USD_PER_REQUEST = 0.20 / 1e6


def usd_per_1000(seconds: float, memory_mb: int = MEMORY_MB_PER_VCPU) -> float:
    """Price of a thousand requests of so many seconds each."""
    return 1000 * (seconds * memory_mb / 1024 * USD_PER_GB_S + USD_PER_REQUEST)
