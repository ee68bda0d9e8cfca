// What the accessibility tests ask of a page beyond axe. Runs inside the browser, by the driver and not by the page.
const named = (element) => {
  const name = element.getAttribute("name");
  const text = (element.innerText || element.getAttribute("aria-label") || "").trim().slice(0, 40);
  return `${element.tagName.toLowerCase()}${name ? `[name=${name}]` : ""} ${text}`.trim();
};

const isShown = (element) => element.checkVisibility() && element.getClientRects().length > 0;

// What Tab stops at, in the order of the document. Of a group of radio buttons that is one.
const stops = () => {
  const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary");
  return [...all].filter((element) => {
    if (element.disabled || !isShown(element)) return false;
    if (element.type !== "radio") return true;
    const group = [...all].filter((other) => other.type === "radio" && other.name === element.name);
    return element === (group.find((other) => other.checked) || group[0]);
  });
};

// How focus is shown, if it is.
const ring = (element) => {
  const style = getComputedStyle(element);
  return `outline ${style.outlineStyle} ${style.outlineWidth}, shadow ${style.boxShadow}`;
};

const focus = () => {
  const list = stops();
  const element = document.activeElement;
  const box = element.getBoundingClientRect();
  return {
    at: list.indexOf(element),
    stops: list.map(named),
    rings: list.map(ring),
    name: element.getAttribute("name") || "",
    tag: element.tagName.toLowerCase(),
    text: (element.innerText || "").trim(),
    value: element.type === "checkbox" ? String(element.checked) : element.value || "",
    inSight: box.bottom > 0 && box.top < window.innerHeight && box.right > 0 && box.left < window.innerWidth,
  };
};

// Whatever the page says, shown or not yet, in text or to whoever cannot see it.
const words = () => {
  const said = [document.title, document.body.textContent];
  for (const element of document.querySelectorAll("*")) {
    for (const name of ["alt", "aria-label", "title", "placeholder", "data-copied"]) said.push(element.getAttribute(name) || "");
  }
  return said.join("\n");
};

// What is wrong with the page at its present size and colours; nothing is best.
const faults = () => {
  const found = [];
  const root = document.scrollingElement;
  if (root.scrollWidth > root.clientWidth) found.push(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`);
  const list = stops();
  list.forEach((element, place) => {
    const [here, before] = [element, list[place - 1]].map((e) => e && e.getBoundingClientRect());
    if (!before) return;
    const isSameLine = here.top < before.bottom && before.top < here.bottom;
    if (here.bottom <= before.top || (isSameLine && here.left < before.left)) {
      found.push(`${named(element)} is reached after ${named(list[place - 1])} but stands before it`);
    }
  });
  for (const element of document.querySelectorAll("a[href], button, summary, select, input:not([type=hidden])")) {
    if (!isShown(element)) continue;
    const own = element.getBoundingClientRect();
    const isInline = getComputedStyle(element).display === "inline" && element.tagName === "A";
    const isMark = element.type === "radio" || element.type === "checkbox";
    // The label of a mark is part of its target, and so is what the label spreads over the tile around both.
    const tile = isMark && element.labels[0] && element.labels[0].parentElement.getBoundingClientRect();
    const { width, height } = tile || own;
    if (!isInline && (width < 24 || height < 24)) found.push(`${named(element)} is ${width} x ${height}`);
  }
  for (const element of document.querySelectorAll("*")) {
    const style = getComputedStyle(element);
    const moves = `${style.transitionDuration}, ${style.animationDuration}`.split(", ");
    if (moves.some((duration) => parseFloat(duration) > 0)) found.push(`${named(element)} moves`);
  }
  return found;
};

// With the system's few colours, what is a button is told by its border.
const borderless = () =>
  [...document.querySelectorAll("button, .button, input[type=text], input[type=email], input[type=password]")]
    .filter((element) => isShown(element) && !(parseFloat(getComputedStyle(element).borderTopWidth) > 0))
    .map(named);

// WCAG 1.4.12: a reader may space text out.
const spaceOut = () => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
    p { margin-bottom: 2em !important }`);
  document.adoptedStyleSheets.push(sheet);
};

const spaceBack = () => { document.adoptedStyleSheets.pop(); };

// How the error is told to whoever comes to the field that was refused; where none says so, to the first one.
const told = () => {
  const refused = stops().find((e) => e.getAttribute("aria-invalid") === "true");
  const field = refused || stops().find((e) => e.tagName === "INPUT" && e.type !== "radio" && !e.readOnly);
  const alert = document.querySelector("[role=alert]");
  if (!field || !field.form || !alert) return null;
  return {
    invalid: field.getAttribute("aria-invalid"),
    isDescribed: (field.getAttribute("aria-describedby") || "").split(" ").includes(alert.id) && alert.id !== "",
    hasFocus: document.activeElement === field,
  };
};
