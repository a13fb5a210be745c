// Blocks that hold data: markdown, table, and data_table with sorting and pages.

import { h, replace } from "../h.js";
import { markdown } from "../markdown.js";
import { plain } from "../mrkdwn.js";
import { richText } from "./rich_text.js";
import { element } from "./elements.js";

export const markdownBlock = (block) => markdown(block.text);

function cellContent(cell, block, ctx) {
  if (!cell) return "";
  if (cell.type === "rich_text") return richText(cell);
  if (cell.type === "raw_number") return Number(cell.value ?? cell.number ?? cell.text).toLocaleString("en-US");
  if (cell.type === "button" || cell.element) return element(cell.element ?? cell, block, ctx);
  return plain(cell.text ?? "");
}

export function table(block, ctx) {
  const settings = block.column_settings ?? [];
  const row = (tag) => (cells) => h("tr", null, cells.map((c, i) => h(tag, { class: settings[i]?.is_wrapped ? "wrapped" : null, style: { "text-align": settings[i]?.align ?? "left" } }, cellContent(c, block, ctx))));
  const [head, ...body] = block.rows ?? [];
  return h("div", { class: "table-wrap" }, h("table", { class: "table" }, h("thead", null, head ? row("th")(head) : null), h("tbody", null, body.map(row("td")))));
}

const raw = (cell) => (cell?.type === "raw_number" ? Number(cell.value ?? cell.number ?? cell.text) : JSON.stringify(cell?.elements ?? cell?.text ?? "").toLowerCase());

export function dataTable(block, ctx) {
  const [head = [], ...body] = block.rows ?? [];
  const size = block.page_size ?? 5;
  const rowHead = block.row_header_column_index ?? 0;
  let page = 0;
  let sort = null; // {column, up}
  const host = h("div", { class: "data-table" });

  function draw() {
    const rows = sort ? [...body].sort((a, b) => { const [x, y] = [raw(a[sort.column]), raw(b[sort.column])]; return (x < y ? -1 : x > y ? 1 : 0) * (sort.up ? 1 : -1); }) : body;
    const pages = Math.max(1, Math.ceil(rows.length / size));
    const numeric = (i) => body.length && body.every((r) => r[i]?.type === "raw_number");
    const heads = head.map((c, i) => h("th", { scope: "col", class: numeric(i) ? "number" : null, "aria-sort": sort?.column === i ? (sort.up ? "ascending" : "descending") : null },
      h("button", { class: "sort", type: "button", onclick: () => { sort = { column: i, up: sort?.column === i ? !sort.up : true }; page = 0; draw(); } }, cellContent(c, block, ctx), h("span", { class: "sort-mark" }, sort?.column === i ? (sort.up ? "▲" : "▼") : ""))));
    const lines = rows.slice(page * size, (page + 1) * size).map((r) => h("tr", null, r.map((c, i) => h(i === rowHead ? "th" : "td", { scope: i === rowHead ? "row" : null, class: numeric(i) ? "number" : null }, cellContent(c, block, ctx)))));
    const turn = (by, text, off) => h("button", { class: "button small", type: "button", disabled: off, onclick: () => { page += by; draw(); } }, text);
    replace(host,
      h("div", { class: "table-wrap" }, h("table", { class: "table" }, h("caption", null, plain(block.caption ?? "")), h("thead", null, h("tr", null, heads)), h("tbody", null, lines))),
      pages > 1 ? h("div", { class: "pager" }, turn(-1, "Previous", page === 0), h("span", null, `${page * size + 1}–${Math.min(rows.length, (page + 1) * size)} of ${rows.length}`), turn(1, "Next", page >= pages - 1)) : null);
  }
  draw();
  return host;
}
