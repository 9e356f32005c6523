"""A page of HTML read back: its tables, headings, pictures and links."""

from html.parser import HTMLParser

EMPTY = {"meta", "link", "br", "img", "input"}


class Page(HTMLParser):
    """`tables`: the name of its region → lines of texts, the last line of the head first; `tags`:
    all start tags with their attributes; `headings`: level and text; `text`: all that is shown."""

    def __init__(self, content):
        super().__init__()
        self.tables, self.tags, self.headings, self.open = {}, [], [], []
        self.words, self.line, self.region = [], None, None
        self.feed(content)
        assert not self.open, f"never closed: {self.open}"
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in EMPTY:
            return
        self.open.append(tag)
        self.region = (
            dict(attributes).get("aria-label", self.region) if tag == "div" else self.region
        )
        if tag == "table":
            self.lines = []
        elif tag == "tr":
            self.line = []
        elif tag in ("td", "th"):
            self.line.append("")
        elif tag in ("h1", "h2", "h3", "h4"):
            self.headings.append([int(tag[1]), ""])

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "tr":
            self.lines.append((self.open[-1], [cell.strip() for cell in self.line]))
        elif tag == "table":
            heads = [line for where, line in self.lines if where == "thead"]
            others = [line for where, line in self.lines if where != "thead"]
            assert self.region not in self.tables, f"two tables are called {self.region}"
            self.tables[self.region] = [heads[-1], *others]

    def handle_data(self, data):
        if {"style", "script"} & {*self.open}:
            return
        self.words.append(data)
        if {"td", "th"} & {*self.open}:
            self.line[-1] += data
        if self.headings and self.open and self.open[-1] == f"h{self.headings[-1][0]}":
            self.headings[-1][1] += data

    def table(self, beginning):
        """The lines of the table whose region is called so at the beginning."""
        found = [lines for name, lines in self.tables.items() if name.startswith(beginning)]
        assert len(found) == 1, f"{len(found)} tables begin with {beginning}"
        return found[0]
