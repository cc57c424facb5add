"""Formulas of Office documents (OMML) as a line of text: x^2, a_i, (a+b)/2, √(x), ∑_(i=1)^n."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from titans_cli.readers.scripts import grouped, subscript, superscript


def linear(formula: ET.Element, space: str) -> str:
    """`space`: the namespace, in braces. Raises RecursionError for what is nested without end."""
    return _Linear(space).linear(formula).strip()


class _Linear:
    def __init__(self, space: str) -> None:
        self.space = space

    def linear(self, element: ET.Element | None) -> str:
        if element is None:
            return ""
        name = element.tag.rpartition("}")[2]
        if name == "t":
            return element.text or ""
        if name in ("sSup", "sSub", "sSubSup"):
            return self.scripted(self.part(element, "e"), element)
        if name == "nary":
            return f"{self.scripted(self.value(element, 'chr', '∫'), element)} {self.part(element, 'e')}"
        if name == "f":
            return f"{grouped(self.part(element, 'num').strip())}/{grouped(self.part(element, 'den').strip())}"
        if name == "rad":
            return f"√({self.part(element, 'e')})"
        if name == "d":
            inside = (self.linear(part) for part in element.findall(f"{self.space}e"))
            return self.value(element, "begChr", "(") + ", ".join(inside) + self.value(element, "endChr", ")")
        if name == "mr":
            return " ".join(self.linear(part) for part in element) + "; "
        if name == "func":
            return f"{self.part(element, 'fName')} {self.part(element, 'e')}"
        return "".join(self.linear(child) for child in element)

    def part(self, element: ET.Element, name: str) -> str:
        return self.linear(element.find(f"{self.space}{name}"))

    def value(self, element: ET.Element, name: str, otherwise: str) -> str:
        node = element.find(f"{self.space}{element.tag.rpartition('}')[2]}Pr/{self.space}{name}")
        return otherwise if node is None else node.get(f"{self.space}val", otherwise)

    def scripted(self, base: str, element: ET.Element) -> str:
        below = subscript(base, self.part(element, "sub"))
        return base + below + superscript(base + below, self.part(element, "sup"))
