"""How results become text, tables and JSON, on a terminal and off: one file for each noun.

Each function takes a record of a use-case and an `Output`, and writes it. What it takes to get the record, the options
of a command and exit codes are not known here; all that is written goes through `console`.
"""
