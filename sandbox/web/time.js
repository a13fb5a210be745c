// Times as people read them: in the viewer's own zone, after Slack's formats.

const format = (options) => { const f = new Intl.DateTimeFormat("en-US", options); return (date) => f.format(date); };
const clock = format({ hour: "numeric", minute: "2-digit" });
const seconds = format({ hour: "numeric", minute: "2-digit", second: "2-digit" });
const weekday = format({ weekday: "long", month: "long", day: "numeric" });
const month = format({ month: "long" });
const short = format({ month: "short", day: "numeric", year: "numeric" });
const long = format({ weekday: "long", month: "long", day: "numeric", year: "numeric" });

export const ofTs = (ts) => new Date(Number(ts) * 1000);
export const timeOf = (date) => clock(date);
export const shortTime = (date) => clock(date).replace(/ ?[AP]M/, "");
export const dayKey = (date) => `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;

const ordinal = (n) => `${n}${["th", "st", "nd", "rd"][n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] ?? "th"}`;

function near(date) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  return { 0: "Today", 1: "Yesterday", "-1": "Tomorrow" }[days];
}

export const dayLabel = (date) => near(date) ?? `${weekday(date).replace(/\d+$/, (d) => ordinal(Number(d)))}`;
export const fullTime = (date) => `${near(date) ?? short(date)} at ${seconds(date)}`;

const dateFull = (date) => `${month(date)} ${ordinal(date.getDate())}, ${date.getFullYear()}`;
const pad = (n) => String(n).padStart(2, "0");
const pretty = (date, plain) => near(date)?.toLowerCase() ?? plain;

export function ago(date) {
  const s = Math.round((Date.now() - date) / 1000);
  const size = Math.abs(s);
  const [n, unit] = size < 60 ? [size, "second"] : size < 3600 ? [size / 60, "minute"] : size < 86_400 ? [size / 3600, "hour"] : [size / 86_400, "day"];
  const count = Math.floor(n);
  const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return s < 0 ? `in ${text}` : `${text} ago`;
}

const TOKENS = {
  date_num: (d) => `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`,
  date_slash: (d) => `${pad(d.getMonth() + 1)}/${pad(d.getDate())}/${d.getFullYear()}`,
  date: dateFull,
  date_short: short,
  date_long: (d) => long(d).replace(/(\d+),/, (_, n) => `${ordinal(Number(n))},`),
  date_long_full: (d) => long(d),
  date_pretty: (d) => pretty(d, dateFull(d)),
  date_short_pretty: (d) => pretty(d, short(d)),
  date_long_pretty: (d) => pretty(d, TOKENS.date_long(d)),
  day_divider_pretty: (d) => near(d) ?? weekday(d),
  time: (d) => clock(d),
  time_secs: (d) => seconds(d),
  ago,
};

/** Fills Slack's date tokens: "{date_short_pretty} at {time}". */
export function fillDate(date, template) {
  return template.replace(/\{(\w+)\}/g, (whole, token) => TOKENS[token]?.(date) ?? whole);
}
