"""The style sheet and the script of every page, in light and in dark mode."""

STYLE = """
:root { color-scheme: light dark;
        --ink: #1c2430; --pale: #5d6978; --rule: #dde3ea; --paper: #ffffff; --band: #f5f7fa;
        --accent: #1f6fb4; --second: #d9731a; --track: #e9eef3; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ef; --pale: #a3aebb; --rule: #323b46; --paper: #171c22; --band: #10141a;
          --accent: #6cb2ee; --second: #f0985a; --track: #2a323c; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--band); color: var(--ink);
       font: 16px/1.55 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 40px 64px; background: var(--paper);
       min-height: 100vh; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 21px; margin: 44px 0 8px; padding-top: 20px; border-top: 1px solid var(--rule); }
h3 { font-size: 17px; margin: 28px 0 6px; overflow-wrap: anywhere; }
p { max-width: 80ch; margin: 8px 0; }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 16px 0 0; font-size: 15px; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
nav a { white-space: nowrap; }
nav.site { margin: -8px 0 20px; padding-bottom: 10px; border-bottom: 1px solid var(--rule);
           font-size: 16px; }
nav.site a[aria-current] { color: var(--ink); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 1px 18px; margin: 14px 0;
     font-size: 14px; line-height: 1.4; }
dt { color: var(--pale); }
dd { margin: 0; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(225px, 1fr)); gap: 12px;
         margin: 16px 0; }
.cards div { border: 1px solid var(--rule); border-radius: 6px; padding: 10px 14px 12px;
             font-size: 14px; line-height: 1.4; }
.cards span { color: var(--pale); }
.cards b { display: block; font-size: 25px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.cards strong { display: block; font-weight: 600; }
.scroll { overflow: auto; width: fit-content; max-width: 100%; margin: 12px 0 4px;
          border: 1px solid var(--rule); }
.hint { color: var(--pale); font-size: 13px; margin: 12px 0 4px; }
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
.chart { overflow-x: auto; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(430px, 1fr));
           gap: 4px 20px; }
.gallery figure { margin: 10px 0; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr));
          gap: 4px 20px; }
.panels figure { margin: 8px 0; min-width: 0; }
.gallery.small { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
.gallery.small img { height: 190px; width: 100%; object-fit: contain;
                      object-position: left bottom; }
.bars { display: grid; grid-template-columns: max-content minmax(60px, 1fr) repeat(2, max-content);
        gap: 3px 12px; align-items: center; margin: 14px 0 20px; max-width: 820px;
        font-size: 14px; font-variant-numeric: tabular-nums; }
.bars .name { text-align: right; max-width: 15em; line-height: 1.25; }
.bars .head { color: var(--pale); font-weight: 600; }
.bars .value { text-align: right; }
.bars .value + .value { color: var(--second); }
.track { position: relative; height: 15px; background: var(--track); border-radius: 2px; }
.track i { position: absolute; inset: 0 auto 0 0; background: var(--accent);
           border-radius: 2px; }
.track i.pale { background: var(--pale); opacity: 0.5; }
.track u { position: absolute; top: 3px; width: 9px; height: 9px; margin-left: -5px;
           border-radius: 50%; background: var(--second); }
pre { margin: 8px 0; padding: 8px 12px; white-space: pre-wrap; overflow-wrap: anywhere;
      background: var(--band); border: 1px solid var(--rule); font-size: 14px; }
details { margin: 14px 0; }
summary { cursor: pointer; color: var(--accent); }
figcaption, .note { color: var(--pale); font-size: 14px; max-width: 90ch; }
figcaption { margin-top: 6px; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  /* Figures are drawn with dark text. */
  figure svg { background: #ffffff; border-radius: 4px; }
}
@media (max-width: 700px) {
  main { padding: 20px 16px 40px; }
  .cards { grid-template-columns: 1fr 1fr; }
  .cards div { padding: 8px 10px; font-size: 13px; }
  .cards b { font-size: 22px; }
  .gallery { grid-template-columns: 1fr; }
  .gallery.small { grid-template-columns: 1fr 1fr; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 6px; }
  th, td { padding: 4px 9px 4px 8px; }
  .long { min-width: 11em; }
  /* The name of a row stays while its numbers scroll. */
  th:first-child, td:first-child { position: sticky; left: 0; background: var(--paper);
                                   max-width: 42vw; min-width: 7em; white-space: normal; }
  th:first-child { background: var(--band); z-index: 1; }
  .bars { gap: 3px 8px; }
  .bars .name { max-width: 9em; }
  /* A chart shrinks as far as its text stays legible, then it scrolls. */
  .chart svg { max-width: none; width: max(100%, min(var(--width), 560px)); }
  figure .wide { max-width: none; }
}
@media print {
  body { background: white; }
  main { max-width: none; padding: 0; }
  .tall { max-height: none; }
  .hint { display: none; }
  figure, tr { break-inside: avoid; }
}
"""
# Sorts a table by the column whose heading is clicked; a second click reverses the order.
# Numbers start with the largest, words with A; dashes and empty cells stay last.
# What is wider than the screen gets a line that says so: scroll bars are hidden on phones.
SCRIPT = """
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
function hint() {
  for (const box of document.querySelectorAll(".scroll, .chart")) {
    const before = box.previousElementSibling;
    const old = before && before.classList.contains("hint") ? before : null;
    const hidden = box.scrollWidth > box.clientWidth + 2;
    if (hidden && !old) {
      const line = document.createElement("p");
      line.className = "hint";
      line.textContent = "Scroll sideways to see all of it →";
      box.before(line);
    }
    if (!hidden && old) old.remove();
  }
}
addEventListener("load", hint);
addEventListener("resize", hint);
for (const each of document.querySelectorAll("details")) each.addEventListener("toggle", hint);
"""
