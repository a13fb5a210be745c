// DOM building without markup strings: every text goes through text nodes, so foreign text can never become HTML.

const SVG = "http://www.w3.org/2000/svg";

/** h("a", {class: "x", href, onclick: fn, data: {ts: 1}, style: {color: "red"}}, "text", child, [children]) */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG elements. */
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(el, props, children) {
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") el.setAttribute("class", Array.isArray(value) ? value.filter(Boolean).join(" ") : value);
    else if (key === "data") for (const [k, v] of Object.entries(value)) { if (v != null) el.dataset[k] = v; }
    else if (key === "style") for (const [k, v] of Object.entries(value)) el.style.setProperty(k, v);
    else if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled") el[key] = value;
    else el.setAttribute(key, value === true ? "" : value);
  }
  append(el, children);
  return el;
}

export function append(el, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    el.append(child instanceof Node ? child : String(child));
  }
  return el;
}

export function replace(el, ...children) {
  el.replaceChildren();
  return append(el, children);
}

const PATHS = {
  hash: "M8 3 6.5 17M13.5 3 12 17M3 7.5h14.5M2.5 12.5H17",
  lock: "M5 9h10v8H5zM7 9V6a3 3 0 0 1 6 0v3",
  plus: "M10 4v12M4 10h12",
  close: "M5 5l10 10M15 5 5 15",
  more: "M10 4.5v.01M10 10v.01M10 15.5v.01",
  dots: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  thread: "M3 4h14v9H9l-4 3.5V13H3zM6.5 7.2h7M6.5 9.8h4.5",
  smile: "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4M7.4 8v.01M12.6 8v.01M6.8 11.6c1.6 2.6 4.8 2.6 6.4 0",
  send: "M3 3.5 17 10 3 16.5l1.6-5.2L11 10 4.6 8.7z",
  bolt: "M11 2.5 4.5 11H9l-1 6.5L15.5 8.5H11z",
  pin: "M7.5 3h5l-.6 5 2.6 3.2h-9L8.1 8zM10 11.2V17",
  search: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M13 13l4 4",
  chevron: "M5.5 8l4.5 4.5L14.5 8",
  menu: "M3 5.5h14M3 10h14M3 14.5h14",
  eye: "M2.5 10S5.5 5 10 5s7.5 5 7.5 5-3 5-7.5 5-7.5-5-7.5-5M10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
  file: "M5 2.8h6.5L15 6.3v10.9H5zM11 3v4h4",
  check: "M4 10.5l4 4 8-9",
  people: "M7.5 4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2M2.5 16c0-3 2-5 5-5s5 2 5 5zM13 4.4a2.4 2.4 0 0 1 0 4.6M14 11.3c2 .5 3.5 2.2 3.5 4.7h-2.6",
  warn: "M10 3.2 18 16.8H2zM10 8v4M10 14.4v.01",
  down: "M10 4v11M5.5 10.5 10 15l4.5-4.5",
};

export function icon(name, size = 18) {
  const heavy = name === "more" || name === "dots" ? 2.6 : 1.6;
  return s("svg", { class: `icon icon-${name}`, viewBox: "0 0 20 20", width: size, height: size, fill: "none", stroke: "currentColor",
    "stroke-width": heavy, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }, s("path", { d: PATHS[name] }));
}
