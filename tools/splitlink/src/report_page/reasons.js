// The sections on why crates are there, and how they are linked.

/** The crates on the shortest way to a crate, from the linked one on; null where no way is known. */
function chain(number) {
  const steps = [number];
  for (let at = number; at >= 0; ) {
    at = artifact.why.via[at];
    if (at === null) return null;
    steps.unshift(at);
  }
  return steps;
}

function chainList(steps) {
  const item = (number) => {
    const label = crateLabel(number);
    return make("li", {}, make("div", {}, crateName(number), label ? make("span", { class: "label" }, label) : null));
  };
  return make("ol", { class: "chain", "aria-label": "Shortest chain of crates" }, ...steps.map(item));
}

/** Why one crate is there. */
function reasonsOf(number) {
  const found = artifact.crates[number];
  const box = make("div", { "data-crate": found.crate });
  const steps = chain(number);
  if (steps) box.append(chainList(steps));
  else if (found.sysroot) box.append(make("p", {}, "It is of the standard library, which is linked with every crate; the edges are those of other crates."));
  else box.append(make("p", {}, "No chain of the edges that were given leads to it from the linked crate."));
  const by = artifact.why.asked_by[number];
  if (by.length) {
    box.append(make("p", {}, `${count(by.length, "crate")} ${by.length === 1 ? "names" : "name"} it among the dependencies:`));
    const list = (from) => make("ul", { class: "list" }, ...from.map(crateItem));
    box.append(by.length > 12 ? lazyDetails("All of them", () => list(by)) : list(by));
  }
  return box;
}

/** A line to copy. */
function command(text) {
  const button = make("button", { type: "button", "aria-label": `Copy: ${text}` }, "Copy");
  const code = make("code", {}, text);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A page from a file may have no clipboard.
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
  });
  return make("span", { class: "command" }, code, button);
}

function showWhy() {
  const body = at("why-body");
  body.replaceChildren();
  const { why, crates } = artifact;
  const notLinked = crates.map((_, number) => number).filter((number) => crates[number].linkage === "not-linked" && !crates[number].sysroot);
  if (!why) {
    const others = crates.some((found) => !found.sysroot);
    const text = others
      ? "No dependencies between crates were given (splitlink report --edge), and the link report has none: who asks for a crate is not known here."
      : "Nothing but the standard library is linked with the crate.";
    body.append(make("p", { class: "note", id: "no-edges" }, text));
    if (notLinked.length) body.append(make("h3", {}, "Given and not linked"), make("div", { class: "panel" }, make("p", {}, "Nothing uses these. Which target names them is not known without the edges."), make("ul", { class: "list", id: "unused" }, ...notLinked.map(crateItem))));
    return;
  }
  const sorted = crates.map((_, number) => number).sort((a, b) => (artifact.names[a] < artifact.names[b] ? -1 : 1));
  const select = make("select", { id: "pick" }, ...sorted.map((number) => make("option", { value: number }, artifact.names[number])));
  const shown = make("div", { id: "reasons", "aria-live": "polite" });
  const show = () => shown.replaceChildren(reasonsOf(Number(select.value)));
  select.addEventListener("change", show);
  // One that others lead to says more than one that the crate itself names.
  const longest = sorted.reduce((best, number) => ((chain(number) || []).length > (chain(best) || []).length ? number : best), sorted[0]);
  if (longest !== undefined) {
    select.value = longest;
    show();
    body.append(make("div", { class: "panel" }, make("label", { class: "pick" }, "Why is there ", select), shown));
  }
  if (why.unknown.length) {
    body.append(make("p", { class: "muted" }, `Not in the link report, though the edges speak of them: ${why.unknown.join(", ")}.`));
  }

  const names = Object.keys(why.twice);
  body.append(make("h3", {}, `More than one version (${names.length})`));
  if (!names.length) body.append(make("p", { class: "muted" }, "No two crates of one name are linked."));
  const pairs = make("div", { class: "pairs" });
  body.append(pairs);
  for (const name of names) {
    const columns = why.twice[name].map((number) => {
      const found = crates[number];
      const column = make("div", {}, make("h5", {}, artifact.names[number]), found.label ? make("p", { class: "label" }, found.label) : null);
      if (found.sysroot) column.append(make("p", { class: "muted" }, "Part of the standard library."));
      const by = why.asked_by[number];
      if (by.length) column.append(make("p", {}, "Asked for by:"), make("ul", { class: "list" }, ...by.slice(0, 20).map(crateItem)), by.length > 20 ? make("p", { class: "muted" }, `and ${by.length - 20} more`) : "");
      return column;
    });
    pairs.append(make("div", { class: "panel", "data-twice": name }, make("h4", {}, name), make("div", { class: "columns" }, ...columns)));
  }

  body.append(make("h3", {}, `Given and not linked (${notLinked.length})`));
  if (!notLinked.length) {
    body.append(make("p", { class: "muted" }, "All crates that were given are linked."));
    return;
  }
  const rows = [];
  const told = new Set();
  for (const { crate: number, by, command: text } of why.unused) {
    told.add(number);
    const remedy = text ? command(text) : make("span", { class: "muted" }, data.label ? "a target of another repository, or without a label" : "the label of the linked target is not known");
    rows.push(make("tr", {}, make("th", { scope: "row" }, artifact.names[number]), make("td", {}, crateName(by)), make("td", {}, remedy)));
  }
  for (const number of notLinked.filter((number) => !told.has(number))) {
    const by = why.asked_by[number].map(crateName).join(", ");
    rows.push(make("tr", {}, make("th", { scope: "row" }, artifact.names[number]), make("td", {}, by || "–"), make("td", { class: "muted" }, by ? "goes with what asks for it" : "no edge leads to it")));
  }
  const head = make("thead", {}, make("tr", {}, ...["crate", "asked for by", "to remove it there"].map((text) => make("th", { scope: "col" }, text))));
  body.append(
    make("div", { class: "panel scroll" },
      make("p", {}, "Nothing that is linked uses these, as built here; another platform or feature may. Where a target names one by an alias, that is to be removed."),
      make("table", { class: "words", id: "unused" }, head, make("tbody", {}, ...rows))),
  );
}

/** The crates that are linked alike, and why. */
function showFormats(body) {
  const groups = new Map();
  artifact.crates.forEach((found, number) => {
    const key = JSON.stringify([found.linkage, found.reason]);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(number);
  });
  const box = make("div", { class: "panel" });
  box.append(make("p", {}, `${artifact.prefer_dynamic ? "Dylibs" : "Rlibs"} are preferred. ${count(artifact.crates.length, "crate")} ${artifact.crates.length === 1 ? "was" : "were"} given, the standard library's included.`));
  for (const [key, numbers] of groups) {
    const [linkage, reason] = JSON.parse(key);
    const summary = make("span", { "data-linkage": linkage, "data-count": numbers.length }, make("strong", {}, `${numbers.length.toLocaleString("en")} ${linkage}`), `: ${withShortNames(reason)}`);
    const rows = () =>
      numbers.map((number) => {
        const found = artifact.crates[number];
        return make("tr", {}, make("th", { scope: "row" }, artifact.names[number]), make("td", {}, found.bytes === undefined ? "–" : size(found.bytes)), make("td", {}, found.from || "–"), make("td", {}, found.label || (found.sysroot ? "standard library" : "–")));
      });
    const head = () => make("thead", {}, make("tr", {}, ...["crate", "objects", "from", "target"].map((text) => make("th", { scope: "col" }, text))));
    box.append(lazyDetails(summary, () => make("div", { class: "scroll" }, make("table", { class: "words" }, head(), make("tbody", {}, ...rows())))));
  }
  body.append(make("h3", {}, "Formats of the crates"), box);
}

/** How long parts of something took: each a text and a time, absent if there is none. */
function times(total, timed) {
  const parts = timed.filter(([, time]) => time !== undefined);
  const other = total - parts.reduce((sum, [, time]) => sum + time, 0);
  if (parts.length && other > 0) parts.push(["other", other]);
  const text = parts.map(([what, time]) => `${what} ${time.toLocaleString("en")} ms`).join(", ");
  const bar = parts.length ? make("div", { class: "times", role: "img", "aria-label": text }, ...parts.map(([what, time]) => make("span", { style: `flex: ${Math.max(time, 1)}`, title: `${what} ${time} ms` }, what))) : null;
  return make("div", {}, make("p", {}, `It took ${total.toLocaleString("en")} ms${text ? `: ${text}` : ""}.`), bar);
}

function showLto(body) {
  const groups = data.lto.filter((group) => group.crate_types.includes(artifact.crate_type));
  body.append(make("h3", {}, "Link-time optimisation"));
  if (!groups.length) body.append(make("p", { class: "muted" }, "None."));
  for (const group of groups) {
    const largest = group.objects.reduce((most, bytes) => Math.max(most, bytes), 0);
    const sum = group.objects.reduce((all, bytes) => all + bytes, 0);
    const list = (texts) => () => make("ul", { class: "list" }, ...texts.map((text) => make("li", {}, text)));
    const box = make("div", { class: "panel", "data-lto": group.mode });
    box.append(
      make("p", {}, make("strong", {}, `${group.mode} LTO`), ` for ${group.crate_types.join(", ")}; symbols are kept that ${group.threshold} can name. `,
        `${count(group.modules, "module")} could take part, and ${count(group.objects.length, "object")} came out, of ${size(sum)}, the largest of ${size(largest)}.`),
      group.milliseconds ? times(group.milliseconds.total, [["merging", group.milliseconds.merge], ["optimising", group.milliseconds.optimise], ["generating code", group.milliseconds.generate]]) : make("p", { class: "muted" }, "How long it took is in the report of a link with --report-times."),
      lazyDetails(`${count(group.crates.length, "crate")} besides its own modules`, list(group.crates.map((id) => withShortNames(id)))),
      lazyDetails(`${count(group.kept.length, "symbol")} kept for what is outside`, list(group.kept)),
    );
    body.append(box);
  }
}

/** What the linker was given, and how long link-only took. */
function showLinker(body) {
  body.append(make("h3", {}, "What the linker was given"));
  const { linker } = artifact;
  if (linker) {
    const list = () => make("ol", { class: "arguments", id: "arguments" }, ...linker.arguments.map((text) => make("li", {}, make("code", {}, text))));
    body.append(make("div", { class: "panel", id: "linker" }, make("p", {}, "The linker is ", make("code", {}, linker.program), ". ", make("code", {}, "{output}"), " stands for the artifact, ", make("code", {}, "{scratch}"), " for the folder of what link-only made for the link."), lazyDetails(count(linker.arguments.length, "argument"), list)));
  } else {
    body.append(make("p", { class: "muted" }, "No linker: this is an archive."));
  }
  body.append(make("h3", {}, "How long the link took"));
  if (!data.milliseconds) {
    body.append(make("p", { class: "muted" }, "That is in the report of a link with --report-times."));
    return;
  }
  const sum = (key) => data.artifacts.reduce((all, { milliseconds }) => (milliseconds?.[key] === undefined ? all : (all || 0) + milliseconds[key]), undefined);
  const parts = [["formats", data.milliseconds.formats], ["LTO", data.milliseconds.lto], ["the linker", sum("linker")], ["writing the archive", sum("archive")]];
  body.append(make("div", { class: "panel", id: "phases" }, data.artifacts.length > 1 ? make("p", {}, `${data.artifacts.length} artifacts were linked together.`) : null, times(data.milliseconds.total, parts)));
}

/** What the artifact asks the loader for. */
function showLoader(body) {
  for (const [id, title, none, texts] of [
    ["run-paths", "Run paths", "None: shared libraries are looked for where the system has them.", artifact.run_paths],
    ["needed", "Shared libraries that it asks for", "None.", artifact.needed],
  ]) {
    const list = () => make("ul", { class: "list", id }, ...texts.map((text) => make("li", {}, make("code", {}, text))));
    body.append(make("h3", {}, title), texts.length ? list() : make("p", { class: "muted", id }, none));
  }
}

function showHow() {
  const body = at("how-body");
  body.replaceChildren();
  showFormats(body);
  showLto(body);
  showLinker(body);
  showLoader(body);
  body.append(make("h3", {}, "Native libraries"));
  const libraries = artifact.native_libraries.map((library) => make("li", {}, library.name, library.carried_by ? make("span", { class: "label" }, ` in the rlib of ${withShortNames(library.carried_by)}`) : null));
  body.append(libraries.length ? make("ul", { class: "list", id: "native" }, ...libraries) : make("p", { class: "muted" }, "None."));
  body.append(make("h3", {}, "Left out"));
  const left = artifact.left_out.map((out) => make("li", {}, `${out.what}: ${withShortNames(out.reason)}`));
  body.append(left.length ? make("ul", { class: "list", id: "left-out" }, ...left) : make("p", { class: "muted" }, "Nothing."));
}
