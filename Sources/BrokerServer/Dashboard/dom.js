// The few things that every part of the page does with the document.

/** Sets an element's text when it differs: an unchanged write would still cost layout each second. */
export function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The first element of a copy of the template with this id. */
export function stamp(templateID) {
  return document.getElementById(templateID).content.firstElementChild.cloneNode(true);
}

/** Names in the order people expect: `disk2` before `disk10`. */
export const byName = new Intl.Collator('en', { numeric: true }).compare;

/** Inserts `child` among its siblings by name; `nameOf` reads a sibling's name. */
export function insertByName(parent, child, name, nameOf) {
  const next = [...parent.children].find((sibling) => byName(nameOf(sibling), name) > 0);
  parent.insertBefore(child, next ?? null);
}
