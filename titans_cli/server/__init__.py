"""Sessions for agents over the Model Context Protocol (extra `mcp`): thin tools over `titans_cli.api`."""
