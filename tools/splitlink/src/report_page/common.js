// What the other scripts use: the data, elements, figures.

const data = JSON.parse(document.getElementById("data").textContent);

/** The element with this id. */
const at = (id) => document.getElementById(id);

/** A new element; `children` are elements and texts. Names of the data are only ever texts. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const UNITS = ["B", "KiB", "MiB", "GiB"];

/** A size for people. */
function size(bytes) {
  const sign = bytes < 0 ? "−" : "";
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${sign}${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

const exact = (bytes) => `${bytes.toLocaleString("en")} bytes`;

function share(part, whole) {
  if (whole === 0) return "–";
  const percent = (100 * part) / whole;
  return percent > 0 && percent < 0.05 ? "<0.1 %" : `${percent.toFixed(1)} %`;
}

const signed = (bytes) => (bytes > 0 ? `+${size(bytes)}` : size(bytes));

function change(now, before) {
  if (before === 0) return now === 0 ? "±0" : "new";
  if (now === before) return "±0";
  const percent = (100 * (now - before)) / before;
  return `${signed(now - before)} (${percent > 0 ? "+" : "−"}${Math.abs(percent).toFixed(1)} %)`;
}

const changeClass = (now, before) => (now > before ? "grown" : now < before ? "shrunk" : "");

/** "1 crate", "2 crates". */
const count = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

/** The artifact that is shown. */
let artifact = data.artifacts[0];

/** What a crate of the link report is called; -1 is the linked crate. */
const crateName = (number) => (number < 0 ? data.crate_name : artifact.names[number]);
const crateLabel = (number) => (number < 0 ? data.label : artifact.crates[number].label);

/** A sentence of the report with its crates called as elsewhere on the page. */
function withShortNames(text) {
  if (!artifact.shortNames) artifact.shortNames = new Map(artifact.crates.map((found, number) => [found.crate, artifact.names[number]]));
  return text.split(" ").map((word) => artifact.shortNames.get(word) || word).join(" ");
}

/** The repository or cell in front of a label's `//`. */
function repository(label) {
  const end = label ? label.indexOf("//") : -1;
  return end < 0 ? null : label.slice(0, end);
}

/** A list whose elements are made when it is opened, for there may be a thousand. */
function lazyDetails(summary, fill) {
  const details = make("details", {}, make("summary", {}, summary));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(fill());
  });
  return details;
}

/** A crate with its label, in a list. */
const crateItem = (number) => {
  const label = crateLabel(number);
  return make("li", {}, crateName(number), label ? make("span", { class: "label" }, ` ${label}`) : null);
};
