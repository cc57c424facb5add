"""`python -m titans_cli` is `titans`."""

from titans_cli.cli.main import main

main()
