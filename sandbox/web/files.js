// Files on a message: a card with a link; pictures are shown, texts have a preview.

import { h, icon } from "./h.js";

const size = (n) => (n > 1_048_576 ? `${(n / 1_048_576).toFixed(1)} MB` : n > 1024 ? `${Math.round(n / 1024)} kB` : `${n} B`);
const isWeb = (url) => { try { return /^https?:$/.test(new URL(url, location.href).protocol); } catch { return false; } };
const TEXT = /^(text\/|application\/(json|xml|x-yaml|yaml|csv|x-ndjson))|^(text|markdown|javascript|json|yaml|csv|python|shell)$/;

export function files(list) {
  if (!list?.length) return null;
  return h("div", { class: "files" }, list.map(one));
}

function one(file) {
  const title = file.title || file.name || "File";
  const url = file.url_private ?? file.permalink;
  const safe = url && isWeb(url) ? url : null;
  const kind = [file.pretty_type ?? file.filetype?.toUpperCase(), file.size ? size(file.size) : null].filter(Boolean).join(" · ");
  const name = safe ? h("a", { class: "link", href: safe, target: "_blank", rel: "noopener noreferrer", download: file.name }, title) : title;
  const head = h("div", { class: "file-head" }, h("span", { class: "file-icon" }, icon("file", 22)), h("div", null, h("div", { class: "file-name", dir: "auto" }, name), h("small", null, kind || "File")));
  const picture = /^(png|jpe?g|gif|webp)$/i.test(file.name?.split(".").pop() ?? file.filetype) || /^image\/(png|jpe?g|gif|webp)$/.test(file.mimetype ?? "");
  if (picture && safe) return h("figure", { class: "file-image" }, h("figcaption", null, name), h("a", { href: safe, target: "_blank", rel: "noopener noreferrer" }, h("img", { src: safe, alt: file.alt_txt ?? title, loading: "lazy" })));
  const preview = file.preview ?? file.plain_text;
  const box = h("div", { class: "file" }, head);
  if (preview) box.append(text(preview));
  else if (safe && (TEXT.test(file.mimetype ?? "") || TEXT.test(file.filetype ?? ""))) fetchText(safe).then((t) => { if (t) box.append(text(t)); });
  return box;
}

const text = (content) => h("pre", { class: "file-preview", dir: "auto", tabindex: "0" }, content.split("\n").slice(0, 12).join("\n").slice(0, 2000));

async function fetchText(url) {
  try {
    const response = await fetch(url);
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}
