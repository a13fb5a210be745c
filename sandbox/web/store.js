// The one place with state: the workspace as this person sees it, and what is open on the page.
// Views read it and subscribe to topics: "state" "messages" "views" "home" "route" "reveal" "link" "world".

export const store = {
  as: "", team: {}, people: new Map(), channels: new Map(), commands: [], shortcuts: [], bot: { connected: false }, world: null, // where the shop's AWS, PagerDuty and GitHub are, if there is one
  messages: new Map(), // channel -> Map(ts -> message)
  views: [], home: null, online: true,
  route: { page: "channel", channel: null, thread: null, tab: "home" },
  drafts: new Map(), // composer key -> text
  newSince: new Map(), // channel -> ts of the first message not seen when it was opened
};

const listeners = new Map();
const touched = new Map(); // "channel ts" -> sequence number of the last live event
let sequence = 0;

export function on(topic, fn) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(fn);
  return () => listeners.get(topic).delete(fn);
}

export function emit(topic, detail) {
  for (const fn of listeners.get(topic) ?? []) fn(detail);
}

export const person = (id) => store.people.get(id);
export const me = () => store.people.get(store.as) ?? { id: store.as, name: store.as };
export const channel = (id = store.route.channel) => store.channels.get(id);
export const displayName = (p) => p?.real_name || p?.name || p?.id || "Someone";
export const isBot = (id) => id === store.bot.user_id;

/** The direct message between this person and `user`, if it was ever opened. */
export const dmWith = (user) => [...store.channels.values()].find((c) => c.is_im && c.user === user);

export function setState(data) {
  store.team = data.team ?? {};
  store.people = new Map((data.people ?? []).map((p) => [p.id, p]));
  store.commands = data.commands ?? [];
  store.shortcuts = data.shortcuts ?? [];
  store.bot = data.bot ?? store.bot;
  store.world = data.world ?? null;
  store.channels = new Map((data.channels ?? []).map((c) => [c.id, { ...c, unread: lastRead(c.id) >= (c.last_ts ?? "") ? 0 : c.unread ?? 0 }]));
  const open = channel();
  if (open && store.route.page === "channel") markRead(open.id);
  emit("state");
}

export function setChannel(data) {
  const known = store.channels.get(data.id) ?? { unread: 0, members: [], pins: [], bookmarks: [] };
  const next = { ...known, ...data, unread: known.unread };
  if (data.members) next.is_member = data.is_im || data.members.includes(store.as);
  store.channels.set(data.id, next);
  emit("state");
}

export const mark = () => sequence;

export function channelMessages(id) {
  if (!store.messages.has(id)) store.messages.set(id, new Map());
  return store.messages.get(id);
}

export const isReply = (m) => Boolean(m.thread_ts && m.thread_ts !== m.ts);

/** Puts a fetched page of history in place; what events changed since `since` is newer and stays. */
export function setMessages(id, list, { thread, since }) {
  const all = channelMessages(id);
  const fresh = new Set(list.map((m) => m.ts));
  for (const [ts, m] of all) {
    const covered = thread ? m.thread_ts === thread : !isReply(m);
    if (covered && !fresh.has(ts) && !m.is_local && (touched.get(`${id} ${ts}`) ?? 0) <= since) all.delete(ts);
  }
  for (const m of list) {
    if ((touched.get(`${id} ${m.ts}`) ?? 0) <= since) all.set(m.ts, m);
  }
  emit("messages", id);
}

export function putMessage(id, message) {
  touched.set(`${id} ${message.ts}`, ++sequence);
  channelMessages(id).set(message.ts, message);
  if (isReply(message) && !message.is_ephemeral) countReply(id, message);
  emit("messages", id);
}

export function dropMessage(id, ts) {
  touched.set(`${id} ${ts}`, ++sequence);
  channelMessages(id).delete(ts);
  emit("messages", id);
}

function countReply(id, reply) {
  const parent = channelMessages(id).get(reply.thread_ts);
  if (!parent || (parent.latest_reply ?? "") >= reply.ts) return;
  channelMessages(id).set(parent.ts, { ...parent, reply_count: (parent.reply_count ?? 0) + 1, latest_reply: reply.ts });
}

/** A line that only this page knows, said by Slackbot, like Slack's own refusals. */
export function notice(id, text, thread) {
  const last = Math.max(0, ...[...channelMessages(id).keys()].map(Number));
  const ts = Math.max(Date.now() / 1000, last + 0.00001).toFixed(6);
  putMessage(id, { ts, user: "USLACKBOT", text, is_ephemeral: true, is_local: true, thread_ts: thread });
}

const readKey = (id) => `read ${store.as} ${id}`;
const lastRead = (id) => sessionStorage.getItem(readKey(id)) ?? "";

export function markRead(id) {
  const c = store.channels.get(id);
  if (!c) return;
  const last = [...channelMessages(id).keys()].pop() ?? "";
  const seen = [c.last_ts ?? "", last].sort().pop();
  if (seen) sessionStorage.setItem(readKey(id), seen);
  if (c.unread || c.mentions) { c.unread = 0; c.mentions = 0; emit("state"); }
}

export function setViews(views) {
  store.views = views;
  emit("views");
}
