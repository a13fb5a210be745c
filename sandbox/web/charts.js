// The data_visualization block as inline SVG: pie, bar, line and area, with title, legend and axis labels.
// Shape: {title, chart: {type: "pie", segments: [{label, value}]}} or
//        {title, chart: {type: "bar"|"line"|"area", series: [{name, data: [{label, value}]}], axis_config: {categories, x_label?, y_label?}}}

import { h, s } from "./h.js";

const COLOURS = ["#1264a3", "#e8912d", "#2bac76", "#d0417e", "#7c5cd6", "#36c5f0", "#8d6e3f", "#e01e5a", "#5c6bc0", "#00897b", "#c0ca33", "#757575"];
const H = 230;
const WIDEST = 620;

export function dataVisualization(block) {
  const chart = block.chart ?? {};
  const draw = { pie, bar: axes, line: axes, area: axes }[chart.type];
  if (!draw) throw new Error(`chart type ${chart.type}`);
  const title = block.title ?? "Chart";
  const { svg, legend } = draw(chart, title, 520);
  const plot = h("div", { class: "plot" }, svg);
  if (chart.type !== "pie") drawToFit(plot, (width) => draw(chart, title, width).svg);
  return h("figure", { class: "b-chart", data: { chart: chart.type } },
    h("figcaption", null, block.title ?? ""), plot,
    legend.length > 1 || chart.type === "pie" ? h("ul", { class: "legend" }, legend.map((l, i) => h("li", null, h("i", { style: { background: COLOURS[i % COLOURS.length] } }), l))) : null);
}

/** Draws again when the place gets wider or narrower, so that the letters keep their size. */
function drawToFit(plot, draw) {
  let width = 0;
  new ResizeObserver(([entry]) => {
    const next = Math.max(240, Math.min(WIDEST, Math.round(entry.contentRect.width)));
    if (Math.abs(next - width) < 4) return;
    width = next;
    plot.replaceChildren(draw(width));
  }).observe(plot);
}

const number = (n) => (Math.abs(n) >= 10_000 ? new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }).format(n) : new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 }).format(n));

function picture(title, width, height, summary, ...children) {
  return s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}. ${summary}` }, children);
}

function pie({ segments = [] }, title) {
  const total = segments.reduce((sum, p) => sum + Math.max(0, p.value), 0) || 1;
  const [cx, cy, r] = [110, 110, 100];
  let angle = -Math.PI / 2;
  const slices = segments.map((p, i) => {
    const share = Math.max(0, p.value) / total;
    const from = angle;
    angle += share * 2 * Math.PI;
    const at = (a) => `${cx + r * Math.cos(a)} ${cy + r * Math.sin(a)}`;
    const d = share > 0.9999 ? `M${cx - r} ${cy}a${r} ${r} 0 1 1 ${2 * r} 0a${r} ${r} 0 1 1 ${-2 * r} 0` : `M${cx} ${cy}L${at(from)}A${r} ${r} 0 ${share > 0.5 ? 1 : 0} 1 ${at(angle)}Z`;
    return s("path", { d, fill: COLOURS[i % COLOURS.length], stroke: "#fff", "stroke-width": 1.5 }, s("title", null, `${p.label}: ${number(p.value)} (${Math.round(share * 100)} %)`));
  });
  const legend = segments.map((p) => `${p.label} — ${number(p.value)} (${Math.round((Math.max(0, p.value) / total) * 100)} %)`);
  return { svg: picture(title, 220, 220, legend.join(", "), slices), legend };
}

/** Round tick values around [low, high], about four of them; whole ones where only those are counted. */
function ticks(low, high, isWhole) {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 2.5, 5, 10, 20].map((m) => m * power).find((x) => span / x <= 4.5 && (!isWhole || Number.isInteger(x))) ?? 1;
  const out = [];
  for (let i = Math.floor(low / step + 1e-9); i <= Math.ceil(high / step - 1e-9); i++) out.push(Number((i * step).toPrecision(12)));
  if (out.length < 2) out.push(out[0] + step);
  return out;
}

function axes({ type, series = [], axis_config: config = {} }, title, W) {
  const names = config.categories ?? series[0]?.data?.map((p) => p.label) ?? [];
  const values = series.map((row) => names.map((name, i) => (row.data?.find((p) => p.label === name) ?? row.data?.[i])?.value ?? 0));
  const all = values.flat();
  const marks = ticks(Math.min(0, ...all), Math.max(0, ...all), all.every(Number.isInteger));
  const left = 20 + Math.max(...marks.map((m) => number(m).length)) * 7 + (config.y_label ? 18 : 0);
  const bottom = 26 + (config.x_label ? 20 : 0);
  const [low, high] = [marks[0], marks.at(-1)];
  const y = (v) => 10 + (1 - (v - low) / (high - low)) * (H - 10 - bottom);
  const slot = (W - left - 10) / Math.max(1, names.length);
  const middle = (i) => left + slot * (i + 0.5);
  const every = Math.ceil((Math.max(1, ...names.map((n) => n.length)) * 6.5 + 8) / slot);
  const grid = marks.map((m) => [
    s("line", { x1: left, x2: W - 10, y1: y(m), y2: y(m), stroke: m === 0 ? "#9a9a9a" : "#e4e4e4" }),
    s("text", { x: left - 8, y: y(m) + 4, "text-anchor": "end", class: "tick" }, number(m))]);
  const labels = names.map((name, i) => (i % every ? null : s("text", { x: middle(i), y: H - bottom + 18, "text-anchor": "middle", class: "tick" }, name)));
  const captions = [
    config.x_label ? s("text", { x: left + (W - left) / 2, y: H - 5, "text-anchor": "middle", class: "axis" }, config.x_label) : null,
    config.y_label ? s("text", { transform: `translate(13 ${(H - bottom) / 2 + 8}) rotate(-90)`, "text-anchor": "middle", class: "axis" }, config.y_label) : null];
  const draw = type === "bar" ? bars : lines;
  const legend = series.map((row) => row.name);
  const summary = series.map((row, k) => `${row.name}: ${names.map((name, i) => `${name} ${number(values[k][i])}`).join(", ")}`).join("; ");
  return { svg: picture(title, W, H, summary, grid, draw({ type, series, values, names, y, slot, middle }), labels, captions), legend };
}

function bars({ series, values, names, y, slot, middle }) {
  const width = Math.min(34, (slot * 0.76) / series.length);
  return values.flatMap((row, k) => row.map((v, i) => s("rect", {
    x: middle(i) - (width * series.length) / 2 + k * width + 0.5, y: Math.min(y(v), y(0)), width: Math.max(1, width - 1), height: Math.max(0, Math.abs(y(v) - y(0))), rx: 2, fill: COLOURS[k % COLOURS.length],
  }, s("title", null, `${series[k].name}, ${names[i]}: ${number(v)}`))));
}

function lines({ type, series, values, names, y, middle }) {
  return values.map((row, k) => {
    const colour = COLOURS[k % COLOURS.length];
    const points = row.map((v, i) => `${middle(i).toFixed(1)} ${y(v).toFixed(1)}`);
    if (!points.length) return null;
    return [
      type === "area" ? s("path", { d: `M${middle(0)} ${y(0)}L${points.join("L")}L${middle(row.length - 1)} ${y(0)}Z`, fill: colour, opacity: 0.22 }) : null,
      s("path", { d: `M${points.join("L")}`, fill: "none", stroke: colour, "stroke-width": 2.2, "stroke-linejoin": "round" }),
      row.map((v, i) => s("circle", { cx: middle(i), cy: y(v), r: 3.2, fill: "#fff", stroke: colour, "stroke-width": 2 }, s("title", null, `${series[k].name}, ${names[i]}: ${number(v)}`)))];
  });
}
