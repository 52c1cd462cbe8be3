"""A page of headings, text, tables, figures and images as one HTML file without dependencies."""

import base64
import html
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from fashion.pages.style import SCRIPT, STYLE
from mrcnn.drawing.tables import NUMBER
from mrcnn.files import write_text
from mrcnn.typing import Array, PathLike

if TYPE_CHECKING:  # pages without figures need no matplotlib
    from matplotlib.figure import Figure

_LONG_CELL = 36  # characters; longer cells may wrap
_TALL_TABLE = 60  # rows; taller tables get a scroll bar
# Matplotlib numbers the parts of every figure from 1, so two figures on a page would share ids.
_SVG_WIDTH = re.compile(r'<svg[^>]*? width="([0-9.]+)pt"')
_GROUP_ID = re.compile(r'<g id="[a-zA-Z0-9.]+_[0-9_]+">')


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart.

    Attributes:
        name: Stands left of the bar.
        value: Length of the bar; below 0 it is undefined.
        text: Stands right of it.
        dot: Where a dot marks a second value; None for none.
        dot_text: Stands right of `text`.
        pale: Drawn in a pale colour, for instance a total.
    """

    name: str
    value: float
    text: str
    dot: float | None = None
    dot_text: str = ""
    pale: bool = False


class Page:
    """A page that grows from top to bottom. All text is escaped.

    Args:
        title: The heading.
        subtitle: A line below it, for instance model, data set and date.
        site: `{file name: title}` of the pages that belong together; all of them link to each
            other.
        here: The file name of this page in `site`.
    """

    def __init__(
        self,
        title: str,
        subtitle: str = "",
        *,
        site: Mapping[str, str] | None = None,
        here: str = "",
    ) -> None:
        self.title, self.subtitle, self.site, self.here = title, subtitle, site or {}, here
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

    def link(self, text: str, href: str) -> None:
        """Adds a paragraph that is a link.

        Args:
            text: What is clicked.
            href: File name of another page, or a name that `chapter` was given.
        """
        self._body.append(f'<p><a href="{html.escape(href)}">{html.escape(text)}</a></p>')

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """Adds a list of names and values, for instance where scores come from.

        Args:
            rows: `(name, value)`; rows without a value are left out.
        """
        body = ""
        for name, value in rows:
            if value:
                body += f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
        self._body.append(f"<dl>{body}</dl>")

    def bars(self, rows: Sequence[Bar], heading: tuple[str, str, str], top: float = 1.0) -> None:
        """Adds a bar chart that fits every screen. The numbers stand in columns of their own.

        Args:
            rows: From top to bottom.
            heading: Of the names, of the numbers, and of the second numbers ("" without dots).
            top: The value of a bar of full length.
        """
        name, value, dot = map(html.escape, heading)
        body = (
            f'<span class="name head">{name}</span><span></span>'
            f'<span class="value head">{value}</span><span class="value head">{dot}</span>'
        )
        for row in rows:
            kind = ' class="pale"' if row.pale else ""
            marks = f'<i{kind} style="width:{_share(row.value, top)}"></i>'
            if row.dot is not None and row.dot >= 0:
                marks += f'<u style="left:{_share(row.dot, top)}"></u>'
            body += (
                f'<span class="name">{html.escape(row.name)}</span>'
                f'<span class="track">{marks}</span>'
                f'<span class="value">{html.escape(row.text)}</span>'
                f'<span class="value">{html.escape(row.dot_text)}</span>'
            )
        self._body.append(f'<div class="bars">{body}</div>')

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

    def folded_table(self, title: str, rows: Sequence[Sequence[Any]]) -> None:
        """Adds a table that a click on its title opens, for instance all settings.

        Args:
            title: What is clicked.
            rows: See `table`.
        """
        self._body.append(f"<details><summary>{html.escape(title)}</summary>")
        self.table(rows)
        self._body.append("</details>")

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

    def figure(self, figure: "Figure", caption: str = "") -> None:
        """Adds a matplotlib figure as SVG, with its text as text.

        Args:
            figure: The figure; it is closed.
            caption: A line below it, also read out by screen readers.
        """
        self._add_figure(_chart(svg_of(figure), caption), caption)

    def panels(self, figures: Iterable[tuple[str, str]]) -> None:
        """Adds small figures side by side, as many as the screen has room for.

        Args:
            figures: `(SVG of svg_of, caption)`, about 3.4 inches wide.
        """
        self._body.append('<div class="panels">')
        for svg, caption in figures:
            self._add_figure(_chart(svg, caption), caption)
        self._body.append("</div>")

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
        content = _image_tag(image, caption, quality, ' class="wide"' if wide else "")
        self._add_figure(f'<div class="chart">{content}</div>' if wide else content, caption)

    def gallery(
        self,
        images: Iterable[tuple[Array | bytes, str]],
        *,
        quality: int = 85,
        small: bool = False,
    ) -> None:
        """Adds images side by side, as many as the screen has room for.

        Args:
            images: `(image, caption)`, see `image`; or the bytes of a JPEG file.
            quality: Of the JPEGs, 1 to 95.
            small: Whether they are thumbnails, of which more stand side by side.
        """
        self._body.append(f'<div class="gallery{" small" if small else ""}">')
        for image, caption in images:
            self._add_figure(_image_tag(image, caption, quality, ""), caption)
        self._body.append("</div>")

    def __str__(self) -> str:
        title = html.escape(self.title)
        links = ""
        for i, chapter in enumerate(self._chapters, 1):
            links += f'<a href="#c{i}">{html.escape(chapter)}</a>'
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>{title}</title><style>{STYLE}</style></head>\n"
            f"<body><main>\n{self._site_links()}<h1>{title}</h1>\n"
            f'<p class="note">{html.escape(self.subtitle)}</p>\n<nav>{links}</nav>\n'
            + "\n".join(self._body)
            + f"\n</main><script>{SCRIPT}</script></body></html>\n"
        )

    def _site_links(self) -> str:
        links = ""
        for name, title in self.site.items():
            current = ' aria-current="page"' if name == self.here else ""
            links += f'<a href="{html.escape(name)}"{current}>{html.escape(title)}</a>'
        return f'<nav class="site">{links}</nav>\n' if links else ""

    def write(self, path: PathLike) -> None:
        """Writes the page under a temporary name, then renames it.

        Args:
            path: The HTML file; its folder is made.
        """
        write_text(path, str(self))

    def _add_figure(self, content: str, caption: str) -> None:
        caption = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self._body.append(f"<figure>{content}{caption}</figure>")


def svg_of(figure: "Figure") -> str:
    """Draws a matplotlib figure as SVG, with its text as text.

    Args:
        figure: The figure; it is closed.

    Returns:
        The file's content. Equal figures give equal files.
    """
    from matplotlib import pyplot as plt

    text = io.StringIO()
    # A fixed salt and no date: equal figures give equal files.
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "page"}):
        figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return text.getvalue()


def _chart(svg: str, caption: str) -> str:
    """An SVG inside the page."""
    svg = _GROUP_ID.sub("<g>", svg)
    start = svg.index("<svg") + len("<svg")
    points = _SVG_WIDTH.search(svg)
    assert points  # matplotlib states the width in points
    width = round(float(points[1]) * 4 / 3)  # CSS pixels
    return (
        f'<div class="chart"><svg role="img" aria-label="{html.escape(caption)}" '
        f'style="--width:{width}px"{svg[start:]}</div>'
    )


def _image_tag(image: Array | bytes, caption: str, quality: int, kind: str) -> str:
    if isinstance(image, bytes):
        data = io.BytesIO(image)
        with Image.open(data, formats=["JPEG"]) as opened:
            width, height = opened.size
    else:
        data = io.BytesIO()
        Image.fromarray(image).save(data, "JPEG", quality=quality)
        height, width = image.shape[:2]
    # The size in the tag keeps the page from jumping while images load lazily.
    return (
        f'<img{kind} alt="{html.escape(caption)}" loading="lazy" width="{width}" '
        f'height="{height}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}">'
    )


def _share(value: float, top: float) -> str:
    """A length in per cent, within the chart."""
    return f"{100 * min(max(value / top, 0), 1):.2f}%"


def _all_numbers(cells: Iterable[str]) -> bool:
    return all(NUMBER.fullmatch(cell) or cell in ("", "–") for cell in cells)


def _table_row(tag: str, row: Sequence[str], is_number: Sequence[bool]) -> str:
    cells = ""
    for text, right in zip(row, is_number, strict=True):
        kind = ' class="number"' if right else ' class="long"' if len(text) > _LONG_CELL else ""
        focus = " tabindex=0" if tag == "th" else ""
        cells += f"<{tag}{kind}{focus}>{html.escape(text)}</{tag}>"
    return f"<tr>{cells}</tr>"
