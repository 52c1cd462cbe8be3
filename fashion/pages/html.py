"""Page: headings, sentences, tables, figures and pictures as one HTML file that needs no other file and no network."""

import base64
import html
import io
import re

from PIL import Image

from mrcnn.drawing.tables import NUMBER
from mrcnn.files import write_text

_STYLE = """
:root { --ink: #1c2430; --pale: #5d6978; --rule: #dde3ea; --paper: #ffffff; --band: #f5f7fa; --accent: #1f6fb4; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--band); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 40px 64px; background: var(--paper); min-height: 100vh; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 21px; margin: 44px 0 8px; padding-top: 20px; border-top: 1px solid var(--rule); }
h3 { font-size: 17px; margin: 28px 0 6px; }
p { max-width: 80ch; margin: 8px 0; }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 16px 0 0; font-size: 15px; }
nav a { color: var(--accent); text-decoration: none; white-space: nowrap; } nav a:hover { text-decoration: underline; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(225px, 1fr)); gap: 12px; margin: 16px 0; }
.cards div { border: 1px solid var(--rule); border-radius: 6px; padding: 10px 14px 12px; font-size: 14px; line-height: 1.4; }
.cards span { color: var(--pale); }
.cards b { display: block; font-size: 25px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.cards strong { display: block; font-weight: 600; }
.scroll { overflow: auto; width: fit-content; max-width: 100%; margin: 12px 0 4px; border: 1px solid var(--rule); }
table { border-collapse: separate; border-spacing: 0; font-size: 14px; line-height: 1.4; font-variant-numeric: tabular-nums; }
.tall { max-height: 720px; }
th, td { padding: 4px 14px 4px 11px; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--rule); }
tbody tr:last-child td { border-bottom: 0; }
th { position: sticky; top: 0; background: var(--band); color: var(--pale); font-weight: 600; cursor: pointer; user-select: none; }
th { white-space: normal; vertical-align: bottom; }
th:hover, th:focus-visible { color: var(--accent); }
th::after { position: absolute; right: 2px; font-size: 10px; line-height: 20px; }
th[aria-sort=ascending]::after { content: "▲"; } th[aria-sort=descending]::after { content: "▼"; }
tbody tr:hover { background: var(--band); }
.number { text-align: right; }
.long { white-space: normal; min-width: 14em; }
figure { margin: 16px 0 20px; } figure svg, figure img { display: block; max-width: 100%; height: auto; }
pre { margin: 8px 0; padding: 8px 12px; overflow-x: auto; background: var(--band); border: 1px solid var(--rule); font-size: 14px; }
figcaption, .note { color: var(--pale); font-size: 14px; max-width: 90ch; } figcaption { margin-top: 6px; }
@media (max-width: 700px) { main { padding: 20px 16px 40px; } }
@media (max-width: 700px) { figure { overflow-x: auto; } figure svg, figure .wide { max-width: none; } }
@media print { body { background: white; } main { max-width: none; padding: 0; } .tall { max-height: none; } }
@media print { figure, tr { break-inside: avoid; } }
"""
# A click on a heading sorts its table by that column, once more the other way round: numbers from the largest, words from A; dashes
# and empty cells stay last.
_SCRIPT = """
const first = {number: "descending", "": "ascending"}, other = {ascending: "descending", descending: "ascending"};
function sort(head) {
  const table = head.closest("table"), body = table.tBodies[0], number = head.classList.contains("number");
  const way = other[head.getAttribute("aria-sort")] || first[number ? "number" : ""], sign = way === "ascending" ? 1 : -1;
  const key = row => { const text = row.cells[head.cellIndex].textContent;
                       return text === "" || text === "–" ? null : number ? parseFloat(text.replace(/,/g, "")) : text.toLowerCase(); };
  const compare = (a, b) => a === b ? 0 : a === null ? 1 : b === null ? -1 : sign * (number ? a - b : a.localeCompare(b));
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
_LONG = 36  # letters; longer cells may break into lines
_TALL = 60  # rows; longer tables scroll in a box of their own
_GROUP_ID = re.compile(
    r'<g id="[a-zA-Z0-9.]+_[0-9_]+">'
)  # every figure of matplotlib's counts its parts from 1


class Page:
    """Grows from top to bottom; `write` puts it into a file. Text is text: what looks like HTML in it is shown as it is."""

    def __init__(self, title, subtitle=""):
        self.title, self.subtitle = title, subtitle
        self._body, self._chapters = [], []

    def chapter(self, title):
        """A heading that the list at the top of the page links to."""
        self._chapters.append(title)
        self._body.append(f'<h2 id="c{len(self._chapters)}">{html.escape(title)}</h2>')

    def section(self, title):
        """A smaller heading."""
        self._body.append(f"<h3>{html.escape(title)}</h3>")

    def text(self, *paragraphs):
        """Sentences."""
        self._body += [
            f"<p>{html.escape(paragraph).replace(' %', '&nbsp;%')}</p>" for paragraph in paragraphs
        ]  # 5 % stays on a line

    def cards(self, cards):
        """Numbers that catch the eye. cards: list of (number as text, its name, a sentence on what it means)."""
        self._body.append(
            '<div class="cards">'
            + "".join(
                f"<div><b>{html.escape(number)}</b><strong>{html.escape(name)}</strong><span>{html.escape(meaning)}</span></div>"
                for number, name, meaning in cards
            )
            + "</div>"
        )

    def note(self, text):
        """A sentence in small print, for instance below a table."""
        self._body.append(f'<p class="note">{html.escape(text)}</p>')

    def table(self, rows):
        """rows: list of lists of anything, the first is the heading. Columns of numbers go to the right; a click on a heading sorts."""
        cells = [[str(cell).strip() for cell in row] for row in rows]
        to_right = [
            len(cells) > 1
            and all(NUMBER.fullmatch(row[i]) or row[i] in ("", "–") for row in cells[1:])
            for i in range(len(cells[0]))
        ]

        def cell(tag, text, right):
            kind = ' class="number"' if right else ' class="long"' if len(text) > _LONG else ""
            return f"<{tag}{kind}{' tabindex=0' if tag == 'th' else ''}>{html.escape(text)}</{tag}>"

        def line(tag, row):
            return (
                "<tr>"
                + "".join(cell(tag, text, right) for text, right in zip(row, to_right, strict=True))
                + "</tr>"
            )

        tall = " tall" if len(cells) > _TALL else ""
        self._body.append(
            f'<div class="scroll{tall}"><table><thead>{line("th", cells[0])}</thead><tbody>'
            + "\n".join(line("td", row) for row in cells[1:])
            + "</tbody></table></div>"
        )

    def figure(self, figure, caption=""):
        """A matplotlib Figure, as vectors; its text stays text, and the caption also stands for it where it cannot be seen."""
        from matplotlib import pyplot as plt

        text = io.StringIO()
        with plt.rc_context(
            {"svg.fonttype": "none", "svg.hashsalt": "page"}
        ):  # the same figure is the same file
            figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)
        svg = _GROUP_ID.sub("<g>", text.getvalue())
        self._shown(
            f'<svg role="img" aria-label="{html.escape(caption)}"'
            + svg[svg.index("<svg") + len("<svg") :],
            caption,
        )

    def code(self, text):
        """A line to copy, in letters of one width."""
        self._body.append(f"<pre>{html.escape(text)}</pre>")

    def image(self, picture, caption="", *, quality=85, wide=False):
        """picture: (H, W, 3) uint8 RGB, as a JPEG inside the page; the caption also stands for it where it cannot be seen. wide: a small
        screen shows a part of it, and the rest by scrolling, instead of the whole too small."""
        data = io.BytesIO()
        Image.fromarray(picture).save(data, "JPEG", quality=quality)
        kind = ' class="wide"' if wide else ""
        self._shown(
            f'<img{kind} alt="{html.escape(caption)}" loading="lazy" width="{picture.shape[1]}" height="{picture.shape[0]}" '
            f'src="data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}">',
            caption,
        )

    def __str__(self):
        links = "".join(
            f'<a href="#c{i}">{html.escape(title)}</a>' for i, title in enumerate(self._chapters, 1)
        )
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{html.escape(self.title)}</title><style>{_STYLE}</style></head>\n<body><main>\n<h1>{html.escape(self.title)}</h1>\n"
            f'<p class="note">{html.escape(self.subtitle)}</p>\n<nav>{links}</nav>\n'
            + "\n".join(self._body)
            + f"\n</main><script>{_SCRIPT}</script></body></html>\n"
        )

    def write(self, path):
        """Writes the page; a half-written one is never seen."""
        write_text(path, str(self))

    def _shown(self, content, caption):
        caption = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self._body.append(f"<figure>{content}{caption}</figure>")
