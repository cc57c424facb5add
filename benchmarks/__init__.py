"""Programs that measure. Each runs as `python -m benchmarks.NAME [--quick] [--json]`; none of them is a test."""
