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

/** Inserts `child` among its siblings, which are in order; `nameOf` reads a sibling's name. */
export function insertByName(parent, child, name, nameOf) {
  const { children } = parent;
  let low = 0;
  let high = children.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byName(nameOf(children[middle]), name) <= 0) low = middle + 1;
    else high = middle;
  }
  parent.insertBefore(child, children[low] ?? null);
}

/** Makes `wanted` an element's children, in that order, and moves none that is in its place already. */
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  const focused = document.activeElement;
  let place = parent.firstElementChild;
  for (const child of wanted) {
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  // What is moved loses the keyboard.
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}
