"""`python -m titans_cli` is `titans`."""

from titans_cli.cli.main import main

if __name__ == "__main__":
    main()
