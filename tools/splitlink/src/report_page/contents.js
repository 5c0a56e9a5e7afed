// The section on what is in the artifact: treemap, table, search.

/** More rows than these are shown when they are asked for. */
const ROWS = 200;

const view = { by: "definer", measure: "text", colour: "group", query: "", sort: "measured", downward: true, rows: ROWS, place: null };
let treemap = null;
const trees = new Map();

/** The whole artifact, by who defines or who instantiates. */
function tree() {
  const key = `${artifact.crate_type} ${view.by}`;
  if (!trees.has(key)) trees.set(key, treeOf(view.by));
  return trees.get(key);
}

const compared = () => Boolean(artifact.contents && artifact.contents.compared);

/** Radio buttons that set `view[name]`. */
function choices(name, values, changed) {
  const box = at(name === "by" ? "by" : name);
  box.querySelectorAll("label").forEach((label) => label.remove());
  box.hidden = values.length < 2;
  for (const [value, text] of values) {
    const input = make("input", { type: "radio", name, value, checked: view[name] === value });
    input.addEventListener("change", () => {
      view[name] = value;
      changed();
    });
    box.append(make("label", {}, input, make("span", {}, text)));
  }
}

/** Shows another artifact. */
function showContents() {
  view.contents = artifact.contents;
  view.measure = artifact.contents ? "text" : "objects";
  view.place = tree();
  view.colour = compared() ? "change" : "group";
  const place = () => {
    view.place = tree();
    draw();
  };
  choices("measure", artifact.contents ? ["text", "data", "debug", "all"].map((key) => [key, MEASURES[key].name]) : [["objects", "objects"]], draw);
  choices("by", artifact.contents ? [["definer", "defines"], ["instantiator", "instantiates"]] : [["definer", "defines"]], place);
  choices("colour", compared() ? [["change", "change"], ["group", "origin"]] : [["group", "origin"]], draw);
  at("contents-note").hidden = Boolean(artifact.contents);
  at("contents-note").textContent =
    "No sizes were given for this artifact, so this is what each crate brought to the link, in bytes of its objects: the linker leaves out what nothing needs, and LTO makes other code. The command splitlink sizes looks into the artifact itself.";
  showFigures();
  showSections();
  draw();
}

/** One of the numbers at the top. */
function figure(what, value, aside, asideClass) {
  return make("li", {}, make("span", { class: "what" }, what), make("span", { class: "value" }, value), aside ? make("span", { class: `aside ${asideClass || ""}` }, aside) : null);
}

function showFigures() {
  const { contents } = artifact;
  const figures = at("figures");
  figures.replaceChildren();
  const item = (id, what, now, before, aside) => {
    const shown = compared() ? figure(what, size(now), `${change(now, before)} since ${size(before)}`, changeClass(now, before)) : figure(what, size(now), aside);
    shown.dataset.figure = id;
    shown.dataset.bytes = now;
    shown.title = exact(now);
    figures.append(shown);
  };
  item("file", "file", artifact.bytes, contents ? contents.bytes[1] : 0);
  const root = tree();
  if (contents) {
    for (const measure of ["text", "data", "debug"]) {
      const [now, before] = [root.amount(measure), root.amount(measure, "before")];
      const rest = root.below.get("rest");
      const known = now - (rest ? rest.amount(measure) : 0);
      item(measure, measure, now, before, now ? `${share(known, now)} attributed` : null);
    }
  } else {
    item("objects", "objects for the link", root.amount("objects"), 0, count(root.below.size, "crate"));
  }
  const linked = artifact.crates.filter((found) => found.linkage !== "not-linked");
  const shown = figure("crates", linked.length.toLocaleString("en"), `${linked.filter((found) => found.sysroot).length} of the standard library`);
  shown.dataset.figure = "crates";
  figures.append(shown);
}

/** The sections of the file, and how much of each is attributed. */
function showSections() {
  const rest = at("rest");
  rest.replaceChildren();
  if (!artifact.contents) return;
  const head = ["section", "kind", "bytes", "attributed", "not attributed"].concat(compared() ? ["before"] : []);
  const rows = artifact.contents.sections.map((section) => {
    const [bytes, before] = section.bytes;
    const left = bytes - section.attributed[0];
    return make(
      "tr",
      { "data-section": section.name },
      make("th", { scope: "row" }, section.name),
      make("td", {}, section.kind),
      make("td", { title: exact(bytes) }, size(bytes)),
      make("td", {}, share(section.attributed[0], bytes)),
      make("td", { title: exact(left), "data-bytes": left }, left ? size(left) : "–"),
      compared() ? make("td", { title: exact(before) }, size(before)) : null,
    );
  });
  rest.append(
    make(
      "details",
      { class: "sections" },
      make("summary", {}, `Sections of the file, and how much of each is attributed (${artifact.contents.sections.length})`),
      make("div", { class: "panel scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))), make("tbody", {}, ...rows))),
    ),
  );
}

/** Everything with the searched word in its name: entries for the table, and which crates they are in. */
function search(query) {
  const words = query.toLowerCase();
  const within = (text) => Boolean(text) && text.toLowerCase().includes(words);
  const found = new Map();
  const owners = new Set();
  const root = tree();
  for (const entry of root.below.values()) {
    const label = entry.label || (entry.crate === undefined ? null : artifact.crates[entry.crate].label);
    if (within(entry.name) || within(label)) {
      found.set(entry, entry);
      owners.add(entry);
    }
  }
  const { contents } = artifact;
  if (!contents) return { found: [...found.values()], owners };
  const byNumber = [...root.below.values()];
  const matching = contents.names.map(within);
  const across = words.includes("::");
  const { items, names } = contents;
  for (let start = 0; start < items.length; start += 6 + items[start + 5]) {
    const length = items[start + 5];
    let matches = false;
    if (across) {
      const path = [];
      for (let word = 0; word < length; word += 1) path.push(names[items[start + 6 + word]]);
      matches = within(path.join("::"));
    } else {
      for (let word = 0; word < length && !matches; word += 1) matches = matching[items[start + 6 + word]];
    }
    if (!matches) continue;
    const owner = byNumber[view.by === "instantiator" && items[start + 1] >= 0 ? items[start + 1] : items[start]];
    const key = `${owner.owner} ${items.slice(start + 6, start + 6 + length).join(" ")}`;
    let entry = found.get(key);
    if (!entry) {
      const path = items.slice(start + 6, start + 6 + length).map((word) => names[word]);
      entry = new Entry(path[path.length - 1] || "(itself)", owner.group, owner);
      entry.full = `${owner.name} › ${path.join("::")}`;
      entry.path = path;
      found.set(key, entry);
    }
    entry.add(items[start + 2], items[start + 3], items[start + 4]);
    owners.add(owner);
  }
  return { found: [...found.values()], owners };
}

/** Goes into an entry, or to where a searched function is. */
function enter(entry) {
  let target = entry;
  if (entry.path) {
    // The module of the function, as the tree has it.
    target = entry.parent;
    for (let depth = 0; depth < entry.path.length - 1; depth += 1) {
      target.children(view.contents);
      const below = target.below && target.below.get(entry.path[depth]);
      if (!below) break;
      target = below;
    }
    view.query = "";
    at("search").value = "";
  }
  if (!target.hasChildren) return;
  view.place = target;
  view.rows = ROWS;
  treemap.chosen = -1;
  draw();
}

/** Goes out by one step. */
function leave() {
  if (!view.place.parent) return;
  const from = view.place;
  view.place = from.parent;
  draw();
  choose(treemap.tiles.findIndex((tile) => tile.entry === from));
}

/** The figures of an entry in one line. */
function figures(entry) {
  const bytes = entry.amount(view.measure);
  const parts = [size(bytes), share(bytes, tree().amount(view.measure))];
  if (compared()) parts.push(`${change(bytes, entry.amount(view.measure, "before"))} since before`);
  return parts.join(", ");
}

/** One line on an entry. */
const described = (entry) => `${entry.title}: ${figures(entry)}`;

function choose(number) {
  treemap.chosen = number;
  treemap.draw(view.place, view);
  const tile = treemap.tiles[number];
  at("chosen").textContent = tile ? described(tile.entry) : "";
}

function showCrumbs() {
  const steps = [];
  for (let entry = view.place; entry; entry = entry.parent) steps.unshift(entry);
  at("crumbs").replaceChildren(
    ...steps.map((entry) => {
      const name = entry.title;
      if (entry === view.place) return make("li", { "aria-current": "location" }, name);
      const button = make("button", { type: "button" }, name);
      button.addEventListener("click", () => {
        view.place = entry;
        draw();
      });
      return make("li", {}, button);
    }),
  );
}

function showLegend() {
  const legend = at("legend");
  legend.replaceChildren();
  const item = (colour, text) => legend.append(make("li", {}, make("i", { style: `background: var(--tile-${colour})` }), text));
  if (view.colour === "change") {
    item("much-grown", "larger by more than a fifth, or new");
    item("grown", "larger");
    item("same", "as before");
    item("shrunk", "smaller");
    item("much-shrunk", "smaller by more than a fifth");
    return;
  }
  const shown = new Set([...tree().below.values()].filter((entry) => entry.amount(view.measure) > 0).map((entry) => entry.group));
  for (const [group, text] of Object.entries(GROUPS)) if (shown.has(group)) item(group, text);
}

/** The columns: what is shown of an entry, and by what it is sorted. */
function columns() {
  const { measure } = view;
  const whole = tree().amount(measure);
  const bytes = (key) => ({
    key: key === measure ? "measured" : key,
    head: MEASURES[key].name,
    value: (entry) => entry.amount(key),
    cell: (entry) => make("td", { title: exact(entry.amount(key)), "data-bytes": entry.amount(key), class: key === measure ? "measured" : entry.amount(key) ? null : "muted" }, size(entry.amount(key))),
  });
  const shown = (artifact.contents ? ["text", "data", "debug", "all"] : ["objects"]).map(bytes);
  const part = { key: "share", head: "share", value: (entry) => entry.amount(measure), cell: (entry) => make("td", {}, share(entry.amount(measure), whole)) };
  const name = { key: "name", head: "name", value: (entry) => entry.title };
  if (!compared()) return [name, ...shown, part];
  const before = (entry) => entry.amount(measure, "before");
  return [
    name,
    shown.find((column) => column.key === "measured"),
    { key: "before", head: "before", value: before, cell: (entry) => make("td", { title: exact(before(entry)), "data-bytes": before(entry) }, size(before(entry))) },
    {
      key: "change",
      head: "change",
      value: (entry) => entry.amount(measure) - before(entry),
      cell: (entry) => make("td", { class: changeClass(entry.amount(measure), before(entry)) }, change(entry.amount(measure), before(entry))),
    },
    ...shown.filter((column) => column.key !== "measured"),
    part,
  ];
}

function showTable(entries) {
  const all = columns();
  const sorted = all.find((column) => column.key === view.sort) || all[1];
  const order = view.downward ? -1 : 1;
  const value = new Map(entries.map((entry) => [entry, sorted.value(entry)]));
  entries.sort((a, b) => {
    const [x, y] = [value.get(a), value.get(b)];
    return x === y ? (a.title < b.title ? -1 : 1) : (x < y ? -1 : 1) * order;
  });
  at("head").replaceChildren(
    make(
      "tr",
      {},
      ...all.map((column) => {
        const button = make("button", { type: "button" }, column.head);
        button.addEventListener("click", () => {
          view.downward = view.sort === column.key ? !view.downward : column.key !== "name";
          view.sort = column.key;
          draw();
          at("head").querySelector("[aria-sort] button").focus();
        });
        return make("th", { scope: "col", "aria-sort": column === sorted ? (view.downward ? "descending" : "ascending") : null }, button);
      }),
    ),
  );
  const rows = entries.slice(0, view.rows).map((entry) => {
    const mark = make("i", { style: `background: var(--tile-${entry.group})`, title: GROUPS[entry.group] });
    let name = entry.title;
    if (entry.hasChildren || entry.path) {
      name = make("button", { type: "button" }, entry.title);
      name.addEventListener("click", () => enter(entry));
    }
    const row = make("tr", { "data-name": entry.title, class: "measured" }, make("th", { scope: "row" }, make("div", { class: "name" }, mark, name)));
    row.append(...all.slice(1).map((column) => column.cell(entry)));
    return row;
  });
  at("body").replaceChildren(...rows);
  at("count").textContent = entries.length > rows.length ? `${rows.length.toLocaleString("en")} of ${count(entries.length, "row")}.` : `${count(entries.length, "row")}.`;
  at("more").hidden = entries.length <= rows.length;
}

/** Draws the whole section again. */
function draw() {
  const began = performance.now();
  let entries;
  view.dimmed = null;
  if (view.query) {
    const { found, owners } = search(view.query);
    entries = found;
    const inside = new Set(found);
    // Within a crate, by the names alone.
    const words = view.query.toLowerCase();
    const hit = (entry) => entry.title.toLowerCase().includes(words) || (entry.below ? [...entry.below.values()].some(hit) : false);
    view.dimmed = view.place.parent ? (entry) => !hit(entry) : (entry) => !owners.has(entry) && !inside.has(entry);
  } else {
    entries = view.place.children(view.contents);
    // Of the other build alone, too.
    entries = entries.filter((entry) => entry.amount("all") || entry.amount("all", "before"));
  }
  showCrumbs();
  showLegend();
  treemap.draw(view.place, view);
  showTable(entries);
  document.body.dataset.drawMs = (performance.now() - began).toFixed(1);
}

/** What is done once, and not for each artifact. */
function prepareContents() {
  treemap = new Treemap(at("canvas"));
  const map = at("map");
  const tip = at("tip");
  const place = (event) => {
    const box = at("canvas").getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  map.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const under = treemap.under(x, y);
    tip.hidden = under.length === 0;
    if (tip.hidden) return;
    const { entry } = under[under.length - 1];
    const path = under.map((tile) => tile.entry.title).join(" › ");
    tip.replaceChildren(make("strong", {}, path), make("span", {}, figures(entry)), make("span", { class: "muted" }, GROUPS[entry.group]));
    const [left, top] = [Math.min(x + 14, map.clientWidth - tip.offsetWidth - 4), Math.min(y + 18, map.clientHeight - tip.offsetHeight - 4)];
    tip.style.transform = `translate(${Math.max(left, 4)}px, ${Math.max(top, 4)}px)`;
  });
  map.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  map.addEventListener("click", (event) => {
    const [outer] = treemap.under(...place(event));
    if (!outer) return;
    tip.hidden = true;
    if (outer.entry.hasChildren) enter(outer.entry);
    else choose(treemap.tiles.indexOf(outer));
  });
  map.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (moves[event.key]) choose(treemap.beside(...moves[event.key]));
    else if (event.key === "Home") choose(treemap.tiles.length ? 0 : -1);
    else if (event.key === "End") choose(treemap.tiles.length - 1);
    else if (event.key === "Enter" || event.key === " ") {
      const tile = treemap.tiles[treemap.chosen];
      if (tile && tile.entry.hasChildren) {
        enter(tile.entry);
        choose(treemap.tiles.length ? 0 : -1);
      }
    } else if (event.key === "Escape" || event.key === "Backspace") leave();
    else return;
    event.preventDefault();
  });
  at("rows").addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
  });
  at("search").addEventListener("input", (event) => {
    view.query = event.target.value.trim();
    view.rows = ROWS;
    draw();
  });
  at("more").addEventListener("click", () => {
    view.rows += 1000;
    draw();
  });
  new ResizeObserver(() => {
    if (treemap.view) treemap.draw(view.place, view);
  }).observe(map);
}
