"""argv -> options -> one use-case -> render. Only render.py knows rich; only main.py knows exit codes."""
