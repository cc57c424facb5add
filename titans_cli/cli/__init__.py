"""argv -> options -> one use-case -> text.

`main` is the entry point and alone knows exit codes. `app` makes one tree of `commands/`, a file for each noun that is
typed; `render/` has how results become text and JSON, a file for each noun too. What several commands need: `options`
(each defined once), `values` (what their texts stand for), `confirmation`, `completion`, `signals`. How it looks and
where it goes: `appearance`, `terminal`. The tree as a value and as a document: `tree`, `lazy_tree`, `reference`.
"""
