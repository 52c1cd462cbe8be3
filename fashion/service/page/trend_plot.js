// The plot of a trend: shares with their intervals, and the line of Theil and Sen.

import { svgElement } from "./elements.js";

const [WIDTH, HEIGHT] = [340, 190];
const [LEFT, RIGHT, TOP, BOTTOM] = [46, 12, 10, 26]; // margins
const NAMES = 4; // of periods below a plot
const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5];

/**
 * Draws a series.
 *
 * @param {object} row one of "series" of the answer
 * @param {string} text what the plot shows, for those who do not see it
 * @returns {SVGElement}
 */
export function trendPlot(row, text) {
  const { points } = row;
  const places = points.map(({ period }) => placeOf(period));
  const [first, last] = [places[0], places.at(-1)];
  const top = Math.min(1, 1.08 * Math.max(...points.map(({ high }) => high)));
  const x = (place) =>
    LEFT + 8 + ((place - first) / Math.max(1, last - first)) * (WIDTH - LEFT - RIGHT - 16);
  const y = (share) => HEIGHT - BOTTOM - (share / top) * (HEIGHT - TOP - BOTTOM);
  const plot = svgElement("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: row.trend,
    role: "img",
    "aria-label": text,
  });
  plot.append(...scale(top, y), ...periodNames(points, places, x));
  const width = Math.min(6, 150 / points.length);
  points.forEach(({ low, high }, i) => {
    const ends = { x1: x(places[i]), x2: x(places[i]), y1: y(low), y2: y(high) };
    plot.append(svgElement("line", { ...ends, class: "interval", "stroke-width": width }));
  });
  points.forEach((point, i) => {
    const where = { cx: x(places[i]), cy: y(point.share), r: points.length < 40 ? 3 : 2 };
    const title = svgElement("title", {}, `${point.period}: ${percent(point.share)}`);
    plot.append(svgElement("circle", where, title));
  });
  const ends = { x1: x(first), x2: x(last), y1: y(row.from), y2: y(row.to) };
  plot.append(svgElement("line", { ...ends, class: "course" }));
  return plot;
}

/** A share as the summary writes it: with two digits where it is small. */
export function percent(share) {
  const value = 100 * share;
  if (!value) return "0 %";
  if (value >= 9.95) return `${value.toFixed(0)} %`;
  return value >= 0.95 ? `${value.toFixed(1)} %` : `${Number(value.toPrecision(2))} %`;
}

/** The number of a period, so that gaps between periods stay gaps. */
export function placeOf(period) {
  const [year, part] = [Number(period.slice(0, 4)), period.slice(5)];
  if (!part) return year;
  if (part[0] === "Q") return 4 * year + Number(part[1]);
  if (part[0] !== "W") return 12 * year + Number(part);
  // The week of 4 January is the first one, and weeks begin on Monday; 5 January 1970 was one.
  const days = Date.UTC(year, 0, 4) / 864e5;
  return Math.floor((days - 4) / 7) + Number(part.slice(1));
}

function scale(top, y) {
  const step = STEPS.find((each) => top / each <= 4.5) ?? STEPS.at(-1);
  const marks = [];
  for (let i = 0; i * step <= top + 1e-9; i++) marks.push(i * step);
  return marks.flatMap((share) => {
    const line = { x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share), class: "grid" };
    const place = { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" };
    const name = `${Number((100 * share).toPrecision(3))} %`;
    return [svgElement("line", line), svgElement("text", place, name)];
  });
}

function periodNames(points, places, x) {
  const count = Math.min(NAMES, points.length);
  const shown = Array.from({ length: count }, (_, i) =>
    Math.round((i * (points.length - 1)) / Math.max(1, count - 1)),
  );
  return [...new Set(shown)].map((i) => {
    const anchor = i === 0 ? "start" : i === points.length - 1 ? "end" : "middle";
    const shift = { start: -8, middle: 0, end: 8 }[anchor];
    const place = { x: x(places[i]) + shift, y: HEIGHT - 8, "text-anchor": anchor };
    return svgElement("text", place, points[i].period);
  });
}
