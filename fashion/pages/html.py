"""A page of headings, text, tables, figures and images as one HTML file without dependencies."""

import base64
import html
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from mrcnn.drawing.tables import NUMBER
from mrcnn.files import write_text
from mrcnn.typing import Array, PathLike

_STYLE = """
:root { --ink: #1c2430; --pale: #5d6978; --rule: #dde3ea; --paper: #ffffff; --band: #f5f7fa;
        --accent: #1f6fb4; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--band); color: var(--ink);
       font: 16px/1.55 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 40px 64px; background: var(--paper);
       min-height: 100vh; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 21px; margin: 44px 0 8px; padding-top: 20px; border-top: 1px solid var(--rule); }
h3 { font-size: 17px; margin: 28px 0 6px; }
p { max-width: 80ch; margin: 8px 0; }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 16px 0 0; font-size: 15px; }
nav a { color: var(--accent); text-decoration: none; white-space: nowrap; }
nav a:hover { text-decoration: underline; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(225px, 1fr)); gap: 12px;
         margin: 16px 0; }
.cards div { border: 1px solid var(--rule); border-radius: 6px; padding: 10px 14px 12px;
             font-size: 14px; line-height: 1.4; }
.cards span { color: var(--pale); }
.cards b { display: block; font-size: 25px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.cards strong { display: block; font-weight: 600; }
.scroll { overflow: auto; width: fit-content; max-width: 100%; margin: 12px 0 4px;
          border: 1px solid var(--rule); }
table { border-collapse: separate; border-spacing: 0; font-size: 14px; line-height: 1.4;
        font-variant-numeric: tabular-nums; }
.tall { max-height: 720px; }
th, td { padding: 4px 14px 4px 11px; text-align: left; white-space: nowrap;
         border-bottom: 1px solid var(--rule); }
tbody tr:last-child td { border-bottom: 0; }
th { position: sticky; top: 0; background: var(--band); color: var(--pale); font-weight: 600;
     cursor: pointer; user-select: none; }
th { white-space: normal; vertical-align: bottom; }
th:hover, th:focus-visible { color: var(--accent); }
th::after { position: absolute; right: 2px; font-size: 10px; line-height: 20px; }
th[aria-sort=ascending]::after { content: "▲"; }
th[aria-sort=descending]::after { content: "▼"; }
tbody tr:hover { background: var(--band); }
.number { text-align: right; }
.long { white-space: normal; min-width: 14em; }
figure { margin: 16px 0 20px; }
figure svg, figure img { display: block; max-width: 100%; height: auto; }
pre { margin: 8px 0; padding: 8px 12px; overflow-x: auto; background: var(--band);
      border: 1px solid var(--rule); font-size: 14px; }
figcaption, .note { color: var(--pale); font-size: 14px; max-width: 90ch; }
figcaption { margin-top: 6px; }
@media (max-width: 700px) {
  main { padding: 20px 16px 40px; }
  figure { overflow-x: auto; }
  figure svg, figure .wide { max-width: none; }
}
@media print {
  body { background: white; }
  main { max-width: none; padding: 0; }
  .tall { max-height: none; }
  figure, tr { break-inside: avoid; }
}
"""
# Sorts a table by the column whose heading is clicked; a second click reverses the order.
# Numbers start with the largest, words with A; dashes and empty cells stay last.
_SCRIPT = """
const first = {number: "descending", "": "ascending"};
const other = {ascending: "descending", descending: "ascending"};
function sort(head) {
  const table = head.closest("table"), body = table.tBodies[0];
  const number = head.classList.contains("number");
  const way = other[head.getAttribute("aria-sort")] || first[number ? "number" : ""];
  const sign = way === "ascending" ? 1 : -1;
  const key = row => {
    const text = row.cells[head.cellIndex].textContent;
    if (text === "" || text === "–") return null;
    return number ? parseFloat(text.replace(/,/g, "")) : text.toLowerCase();
  };
  const compare = (a, b) => a === b ? 0 : a === null ? 1 : b === null ? -1
                          : sign * (number ? a - b : a.localeCompare(b));
  const rows = [...body.rows].map(row => [key(row), row]).sort((a, b) => compare(a[0], b[0]));
  for (const each of table.querySelectorAll("th")) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", way);
  body.append(...rows.map(([, row]) => row));
}
for (const head of document.querySelectorAll("th")) {
  head.onclick = () => sort(head);
  head.onkeydown = event => { if (event.key === "Enter") sort(head); };
}
"""
_LONG_CELL = 36  # characters; longer cells may wrap
_TALL_TABLE = 60  # rows; taller tables get a scroll bar
# Matplotlib numbers the parts of every figure from 1, so two figures on a page would share ids.
_GROUP_ID = re.compile(r'<g id="[a-zA-Z0-9.]+_[0-9_]+">')


class Page:
    """A page that grows from top to bottom. All text is escaped.

    Args:
        title: The heading.
        subtitle: A line below it, for instance model, data set and date.
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title, self.subtitle = title, subtitle
        self._body: list[str] = []
        self._chapters: list[str] = []

    def chapter(self, title: str) -> None:
        """Adds a heading that the contents at the top link to.

        Args:
            title: The heading.
        """
        self._chapters.append(title)
        self._body.append(f'<h2 id="c{len(self._chapters)}">{html.escape(title)}</h2>')

    def section(self, title: str) -> None:
        """Adds a smaller heading.

        Args:
            title: The heading.
        """
        self._body.append(f"<h3>{html.escape(title)}</h3>")

    def text(self, *paragraphs: str) -> None:
        """Adds paragraphs.

        Args:
            *paragraphs: One string for each.
        """
        for paragraph in paragraphs:
            # "5 %" must not be split over two lines.
            self._body.append(f"<p>{html.escape(paragraph).replace(' %', '&nbsp;%')}</p>")

    def note(self, text: str) -> None:
        """Adds small print, for instance below a table.

        Args:
            text: One paragraph.
        """
        self._body.append(f'<p class="note">{html.escape(text)}</p>')

    def code(self, text: str) -> None:
        """Adds text to copy, in a monospaced font.

        Args:
            text: For instance options of a command.
        """
        self._body.append(f"<pre>{html.escape(text)}</pre>")

    def cards(self, cards: Iterable[tuple[str, str, str]]) -> None:
        """Adds key figures in large print.

        Args:
            cards: `(number, name, meaning)`, all as text.
        """
        body = ""
        for number, name, meaning in cards:
            body += (
                f"<div><b>{html.escape(number)}</b><strong>{html.escape(name)}</strong>"
                f"<span>{html.escape(meaning)}</span></div>"
            )
        self._body.append(f'<div class="cards">{body}</div>')

    def table(self, rows: Sequence[Sequence[Any]]) -> None:
        """Adds a table that a click on a heading sorts. Columns of numbers are right-aligned.

        Args:
            rows: Cells, shown as `str(cell)`. The first row is the heading.

        Raises:
            ValueError: If the rows differ in length.
        """
        heading, *body = (list(map(str.strip, map(str, row))) for row in rows)
        if any(len(row) != len(heading) for row in body):
            raise ValueError(f"Every row of a table needs {len(heading)} cells: {heading}.")
        columns = list(zip(*body)) or [("",)] * len(heading)
        is_number = [bool(body) and _all_numbers(column) for column in columns]
        tall = " tall" if len(body) >= _TALL_TABLE else ""
        self._body.append(
            f'<div class="scroll{tall}"><table>'
            f"<thead>{_table_row('th', heading, is_number)}</thead><tbody>"
            + "\n".join(_table_row("td", row, is_number) for row in body)
            + "</tbody></table></div>"
        )

    def figure(self, figure: Figure, caption: str = "") -> None:
        """Adds a matplotlib figure as SVG, with its text as text.

        Args:
            figure: The figure; it is closed.
            caption: A line below it, also read out by screen readers.
        """
        from matplotlib import pyplot as plt

        text = io.StringIO()
        # A fixed salt and no date: equal figures give equal files.
        with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "page"}):
            figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)
        svg = _GROUP_ID.sub("<g>", text.getvalue())
        start = svg.index("<svg") + len("<svg")
        self._add_figure(
            f'<svg role="img" aria-label="{html.escape(caption)}"{svg[start:]}', caption
        )

    def image(
        self, image: Array, caption: str = "", *, quality: int = 85, wide: bool = False
    ) -> None:
        """Adds an image as a JPEG inside the page.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            caption: A line below it, also read out by screen readers.
            quality: Of the JPEG, 1 to 95.
            wide: Scroll on small screens instead of shrinking.
        """
        data = io.BytesIO()
        Image.fromarray(image).save(data, "JPEG", quality=quality)
        kind = ' class="wide"' if wide else ""
        height, width = image.shape[:2]
        # The size in the tag keeps the page from jumping while images load lazily.
        self._add_figure(
            f'<img{kind} alt="{html.escape(caption)}" loading="lazy" '
            f'width="{width}" height="{height}" '
            f'src="data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}">',
            caption,
        )

    def __str__(self) -> str:
        title = html.escape(self.title)
        links = ""
        for i, chapter in enumerate(self._chapters, 1):
            links += f'<a href="#c{i}">{html.escape(chapter)}</a>'
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>{title}</title><style>{_STYLE}</style></head>\n"
            f"<body><main>\n<h1>{title}</h1>\n"
            f'<p class="note">{html.escape(self.subtitle)}</p>\n<nav>{links}</nav>\n'
            + "\n".join(self._body)
            + f"\n</main><script>{_SCRIPT}</script></body></html>\n"
        )

    def write(self, path: PathLike) -> None:
        """Writes the page under a temporary name, then renames it.

        Args:
            path: The HTML file; its folder is made.
        """
        write_text(path, str(self))

    def _add_figure(self, content: str, caption: str) -> None:
        caption = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self._body.append(f"<figure>{content}{caption}</figure>")


def _all_numbers(cells: Iterable[str]) -> bool:
    return all(NUMBER.fullmatch(cell) or cell in ("", "–") for cell in cells)


def _table_row(tag: str, row: Sequence[str], is_number: Sequence[bool]) -> str:
    cells = ""
    for text, right in zip(row, is_number, strict=True):
        kind = ' class="number"' if right else ' class="long"' if len(text) > _LONG_CELL else ""
        focus = " tabindex=0" if tag == "th" else ""
        cells += f"<{tag}{kind}{focus}>{html.escape(text)}</{tag}>"
    return f"<tr>{cells}</tr>"
