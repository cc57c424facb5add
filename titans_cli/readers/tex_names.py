r"""What the names of LaTeX commands and environments mean to a reader."""

from __future__ import annotations

HEADINGS = frozenset("part chapter section subsection subsubsection paragraph title caption".split())
# Commands whose arguments (so many, in braces) say nothing to a reader.
DROPPED = {
    **dict.fromkeys(
        "label ref eqref pageref autoref cref Cref vref nameref bibliographystyle bibliography addbibresource "
        "cite citep citet citealp citealt citeauthor citeyear citeyearpar parencite textcite footcite "
        "autocite nocite index vspace hspace includegraphics input include subfile usepackage documentclass "
        "pagestyle thispagestyle graphicspath bibitem phantom hypersetup pagenumbering geometry linespread "
        "fontsize selectlanguage color definecolor PassOptionsToPackage RequirePackage theoremstyle cline "
        "cmidrule tikzset hypertarget sisetup".split(),
        1,
    ),
    **dict.fromkeys("setlength addtolength setcounter addtocounter newtheorem newcolumntype".split(), 2),
    **dict.fromkeys(
        "newcommand renewcommand providecommand DeclareMathOperator newenvironment renewenvironment".split(), 3
    ),
}
# What they are called where they are counted; the others set the page.
OMISSIONS = {
    **dict.fromkeys(
        "cite citep citet citealp citealt citeauthor citeyear citeyearpar parencite textcite footcite autocite "
        "nocite".split(),
        "citation",
    ),
    **dict.fromkeys("ref eqref pageref autoref cref Cref vref nameref".split(), "cross-reference"),
    **dict.fromkeys("input include subfile".split(), "included file"),
    **dict.fromkeys("bibliography addbibresource".split(), "reference list"),
    "includegraphics": "picture",
    "href": "link target",
}
FIRST_DROPPED = frozenset("href textcolor resizebox scalebox multicolumn multirow colorbox parbox raisebox".split())
DROPPED_ENVIRONMENTS = frozenset(
    "thebibliography tikzpicture pgfpicture comment filecontents CCSXML picture forest".split()
)
ENVIRONMENT_OMISSIONS = {"thebibliography": "reference list", "comment": "comment", "filecontents": "included file"}
RAW_ENVIRONMENTS = frozenset("verbatim lstlisting minted Verbatim alltt".split())
WITH_ARGUMENT = frozenset("tabular tabularx array longtable tabulary minipage wrapfigure multicols subfigure".split())
SYMBOLS = {
    **{c: c for c in "%&$#_{}"},
    "\\": "\n",
    ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "/": "", "-": "", "(": " ", ")": " ", "[": " ", "]": " ",
    "\n": " ", "par": "\n\n", "newline": "\n", "linebreak": "\n", "item": "\n- ", "quad": " ", "qquad": " ",
    "hline": "", "and": ", ", "ldots": "...", "dots": "...", "cdots": "...",
    "textbackslash": "\\", "textasciitilde": "~", "textbar": "|",
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "aa": "å", "AA": "Å", "l": "ł",
    "L": "Ł", "i": "ı", "j": "ȷ", "LaTeX": "LaTeX", "TeX": "TeX", "BibTeX": "BibTeX", "copyright": "©",
    "S": "§", "P": "¶", "textendash": "–", "textemdash": "—", "euro": "€", "pounds": "£", "degree": "°",
    "textdegree": "°", "slash": "/",
    "times": "×", "cdot": "·", "pm": "±", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "ne": "≠",
    "approx": "≈", "sim": "~", "to": "→", "rightarrow": "→", "leftarrow": "←", "infty": "∞", "in": "∈", "sum": "∑",
    "prod": "∏", "int": "∫", "partial": "∂", "nabla": "∇", "sqrt": "√", "ll": "≪", "gg": "≫", "equiv": "≡",
    "propto": "∝", "forall": "∀", "exists": "∃", "subset": "⊂", "cup": "∪", "cap": "∩", "Rightarrow": "⇒", "ell": "ℓ",
    "mid": "|", "vert": "|", "log": "log", "exp": "exp", "max": "max", "min": "min", "sin": "sin", "cos": "cos",
    "tan": "tan", "arg": "arg", "lim": "lim", "sup": "sup", "inf": "inf", "det": "det", "ln": "ln", "Pr": "Pr",
    "left": "", "right": "", "circ": "°", "prime": "′", "lbrace": "{", "rbrace": "}", "textless": "<",
    "textgreater": ">",
}  # fmt: skip
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi "
    "chi psi omega".split()
)
_LETTERS = dict(zip(_GREEK, "αβγδεζηθικλμνξοπρστυφχψω", strict=True))
SYMBOLS |= _LETTERS | {name.capitalize(): letter.upper() for name, letter in _LETTERS.items()}
SYMBOLS |= {"varepsilon": "ε", "vartheta": "ϑ", "varphi": "φ"}
ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a", "d": "\u0323",
    "b": "\u0331",
}  # fmt: skip
# Units and their parts, as the manual of siunitx lists them; what is not here (\km, \bar) is its own symbol.
UNITS = {
    "metre": "m", "meter": "m", "second": "s", "gram": "g", "kilogram": "kg", "ampere": "A", "kelvin": "K",
    "mole": "mol",
    "candela": "cd", "hertz": "Hz", "newton": "N", "pascal": "Pa", "joule": "J", "watt": "W", "coulomb": "C",
    "volt": "V",
    "farad": "F", "ohm": "Ω", "siemens": "S", "weber": "Wb", "tesla": "T", "henry": "H", "celsius": "°C",
    "degreeCelsius": "°C", "lumen": "lm", "lux": "lx", "becquerel": "Bq", "gray": "Gy", "sievert": "Sv", "katal": "kat",
    "minute": "min", "hour": "h", "day": "d", "hectare": "ha", "litre": "L", "liter": "L", "tonne": "t",
    "electronvolt": "eV", "dalton": "Da", "decibel": "dB", "neper": "Np", "radian": "rad", "steradian": "sr",
    "astronomicalunit": "au", "percent": "%", "degree": "°", "arcminute": "′", "arcsecond": "″",
}  # fmt: skip
PREFIXES = {
    "quecto": "q", "ronto": "r", "yocto": "y", "zepto": "z", "atto": "a", "femto": "f", "pico": "p", "nano": "n",
    "micro": "µ", "milli": "m", "centi": "c", "deci": "d", "deca": "da", "deka": "da", "hecto": "h", "kilo": "k",
    "mega": "M", "giga": "G", "tera": "T", "peta": "P", "exa": "E", "zetta": "Z", "yotta": "Y", "ronna": "R",
    "quetta": "Q",
}  # fmt: skip
