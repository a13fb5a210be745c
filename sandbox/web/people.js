// Faces and names: the square avatars with initials that stand for people and bots.

import { h, s } from "./h.js";
import { store, displayName } from "./store.js";

const PALETTE = ["#2b6cb0", "#b7791f", "#2f855a", "#9b2c2c", "#6b46c1", "#0f7c85", "#b83280", "#4a5568"];

function colorOf(p) {
  if (p.color) return p.color.startsWith("#") ? p.color : `#${p.color}`;
  let sum = 0;
  for (const c of p.id ?? "") sum = (sum * 31 + c.charCodeAt(0)) >>> 0;
  return PALETTE[sum % PALETTE.length];
}

const initials = (name) => name.split(/\s+/).slice(0, 2).map((w) => [...w][0] ?? "").join("").toUpperCase();

export function avatar(p, size = 36) {
  const props = { class: "avatar", style: { "--size": `${size}px`, background: p?.id === "USLACKBOT" ? "#fff" : colorOf(p ?? {}) }, "aria-hidden": "true" };
  if (p?.id === "USLACKBOT") return h("span", props, slackbot(size));
  if (p?.is_bot) return h("span", { ...props, style: { "--size": `${size}px`, background: "#1d1c3b" } }, pulse(size));
  return h("span", props, initials(displayName(p)));
}

function pulse(size) {
  return s("svg", { viewBox: "0 0 36 36", width: size, height: size }, s("circle", { cx: 18, cy: 18, r: 11, fill: "none", stroke: "#36c5f0", "stroke-width": 1.6, opacity: 0.55 }),
    s("path", { d: "M5 19h7l2.6-8 4.4 14 3-9 1.6 3H31", fill: "none", stroke: "#fff", "stroke-width": 2.2, "stroke-linejoin": "round", "stroke-linecap": "round" }));
}

function slackbot(size) {
  return s("svg", { viewBox: "0 0 36 36", width: size, height: size }, s("rect", { x: 0.5, y: 0.5, width: 35, height: 35, rx: 4, fill: "#fff", stroke: "#ddd" }),
    s("path", { d: "M18 28S7 21.500 7 14.500A5.500 5.500 0 0 1 18 12.500a5.500 5.500 0 0 1 11 2C29 21.500 18 28 18 28z", fill: "#2eb67d" }),
    s("path", { d: "M14 14.500v2M22 14.500v2M14.500 20c2 2 5 2 7 0", stroke: "#fff", "stroke-width": 1.8, fill: "none", "stroke-linecap": "round" }));
}

const SLACKBOT = { id: "USLACKBOT", name: "Slackbot", real_name: "Slackbot" };

/** Who a message is from: a person, the bot, or Slackbot. */
export function author(message) {
  if (message.user === "USLACKBOT") return SLACKBOT;
  const known = store.people.get(message.user);
  if (message.username) return { ...(known ?? { id: message.bot_id, is_bot: true }), real_name: message.username };
  return known ?? { id: message.user ?? message.bot_id ?? "?", name: message.user ?? "App", is_bot: Boolean(message.bot_id) };
}

export const tags = (p) => [
  p.is_bot && p.id !== "USLACKBOT" ? h("span", { class: "badge-app" }, "APP") : null,
  p.is_guest ? h("span", { class: "badge-app" }, "GUEST") : null,
  p.is_stranger ? h("span", { class: "badge-app", title: "From a connected company" }, "EXTERNAL") : null,
];
