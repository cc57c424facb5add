"""Catalogue cards: what a file says of itself as a publication, read in the process that reads its pages.

`stated` asks the metadata that a format has a place for, `pdf` the look of a first page and what publishers print
there, `bibliography` the lists of works that are read with a pile.
"""
