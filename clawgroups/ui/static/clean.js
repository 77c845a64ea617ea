// What is left of HTML that agents wrote (reports in Markdown), once DOMPurify has taken out what could run: text, lists,
// tables, links and images that stand in the text itself. Nothing in it styles the page, lies over it or asks another host.
import DOMPurify from "dompurify";

DOMPurify.setConfig({
  USE_PROFILES: { html: true },
  FORBID_TAGS: ["style", "form", "input", "textarea", "select", "button", "dialog", "audio", "video", "map", "area"],
  FORBID_ATTR: ["style", "id", "name", "srcset", "background", "usemap", "autofocus", "popover", "tabindex"],
  ALLOW_DATA_ATTR: false,
});
DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "IMG" && !/^data:image\//.test(node.getAttribute("src") ?? "")) node.removeAttribute("src");
  if (node.tagName === "A") node.setAttribute("rel", "noopener noreferrer");
});
