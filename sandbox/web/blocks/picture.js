// A picture, or its words where it cannot be shown.

import { h, icon } from "../h.js";
import { plainString } from "../mrkdwn.js";

export const httpUrl = (url) => (/^https?:\/\//i.test(url ?? "") || /^\/(?!\/)/.test(url ?? "") || /^data:image\/(png|jpe?g|gif);/.test(url ?? "") ? url : null);
const imageUrl = (o) => httpUrl(o.image_url ?? o.slack_file?.url);

export function picture(object, props = {}) {
  const src = imageUrl(object);
  const missing = () => h("span", { class: "img-missing", title: object.image_url }, icon("file", 16), plainString(object.alt_text) || "image");
  if (!src) return missing();
  return h("img", { src, alt: object.alt_text ?? "", loading: "lazy", ...props, onerror: (e) => e.target.replaceWith(missing()) });
}
