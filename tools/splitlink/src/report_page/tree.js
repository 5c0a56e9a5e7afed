// What is in the artifact as a tree: crates, modules, functions. Below a crate it is made when it is
// looked at.

/** The kinds of bytes, in the order of a node's values. */
const KINDS = ["text", "data", "debug", "other"];

/** What may be measured; which of a node's values count. */
const MEASURES = {
  text: { name: "text", kinds: [0] },
  data: { name: "data", kinds: [1] },
  debug: { name: "debug", kinds: [2] },
  all: { name: "all", kinds: [0, 1, 2, 3] },
  objects: { name: "objects for the link", kinds: [3] },
};

/** A crate, a module or a function: its name, its bytes of each kind now and before, what is in it. */
class Entry {
  constructor(name, group, parent) {
    this.name = name;
    this.group = group;
    this.parent = parent;
    this.now = [0, 0, 0, 0];
    this.before = [0, 0, 0, 0];
    this.items = null; // Of a crate: where its items begin.
    this.below = null; // By name.
  }

  add(kind, now, before) {
    this.now[kind] += now;
    this.before[kind] += before;
  }

  /** Its bytes by `measure`: now, or before. */
  amount(measure, when = "now") {
    let sum = 0;
    for (const kind of MEASURES[measure].kinds) sum += this[when][kind];
    return sum;
  }

  child(name) {
    if (!this.below) this.below = new Map();
    let child = this.below.get(name);
    if (!child) {
      child = new Entry(name, this.group, this);
      this.below.set(name, child);
    }
    return child;
  }

  /** What is in it; a module that has only one thing inside is called together with it. */
  children(contents) {
    if (this.items) {
      const { items, names } = contents;
      for (const start of this.items) {
        let entry = this;
        for (let word = 0; word < items[start + 5]; word += 1) {
          entry = entry.child(names[items[start + 6 + word]]);
          entry.add(items[start + 2], items[start + 3], items[start + 4]);
        }
      }
      this.items = null;
    }
    if (this.below && !this.whole) {
      // What is its own and no child's.
      this.whole = true;
      const left = KINDS.map((_, kind) => {
        let [now, before] = [this.now[kind], this.before[kind]];
        for (const child of this.below.values()) [now, before] = [now - child.now[kind], before - child.before[kind]];
        return [now, before];
      });
      left.forEach(([now, before], kind) => {
        if (now || before) this.child(kind === 2 ? "debug information" : "(itself)").add(kind, now, before);
      });
    }
    if (!this.below) return [];
    // Not a crate: it keeps its name.
    return this.parent ? [...this.below.values()].map(Entry.shortened) : [...this.below.values()];
  }

  static shortened(entry) {
    let last = entry;
    while (last.below && last.below.size === 1) {
      const [only] = last.below.values();
      // Not past what has bytes of its own.
      if (KINDS.some((_, kind) => only.now[kind] !== last.now[kind] || only.before[kind] !== last.before[kind])) break;
      last = only;
    }
    if (last === entry) return entry;
    if (!last.full) {
      last.full = entry.name;
      for (let part = entry; part !== last; ) {
        [part] = part.below.values();
        last.full += `::${part.name}`;
      }
      last.parent = entry.parent;
    }
    return last;
  }

  get title() {
    return this.full || this.name;
  }

  get hasChildren() {
    return Boolean(this.items ? this.items.length : this.below);
  }
}

const GROUPS = {
  own: "the crate itself",
  workspace: "crates of this repository",
  crate: "other crates",
  std: "standard library",
  native: "native libraries",
  linker: "the linker's own",
  rest: "not attributed",
};

function groupOf(owner) {
  if (owner.kind !== "crate") return owner.kind in GROUPS ? owner.kind : "crate";
  if (owner.crate === undefined && owner.name === data.crate_name) return "own";
  const label = owner.label || (owner.crate === undefined ? null : artifact.crates[owner.crate].label);
  const home = data.label ? repository(data.label) : "";
  return repository(label) === home ? "workspace" : "crate";
}

function ownerName(owner) {
  if (owner.crate !== undefined) return artifact.names[owner.crate];
  return owner.version ? `${owner.name} ${owner.version}` : owner.name;
}

/** The tree of the artifact; `by` is "definer" or "instantiator". */
function treeOf(by) {
  const root = new Entry(artifact.file_name, "rest", null);
  root.below = new Map();
  const contents = artifact.contents;
  if (!contents) {
    // What each crate brought to the link is all that is known.
    artifact.crates.forEach((found, number) => {
      if (found.bytes === undefined) return;
      const group = found.sysroot ? "std" : groupOf({ kind: "crate", crate: number });
      const entry = new Entry(artifact.names[number], group, root);
      entry.crate = number;
      entry.add(3, found.bytes, 0);
      root.add(3, found.bytes, 0);
      root.below.set(number, entry);
    });
    return root;
  }
  const owners = contents.owners.map((owner, number) => {
    const entry = new Entry(ownerName(owner), groupOf(owner), root);
    entry.crate = owner.crate;
    entry.label = owner.label;
    entry.owner = number;
    entry.items = [];
    root.below.set(number, entry);
    return entry;
  });
  const { items } = contents;
  for (let start = 0; start < items.length; start += 6 + items[start + 5]) {
    const owner = by === "instantiator" && items[start + 1] >= 0 ? items[start + 1] : items[start];
    owners[owner].items.push(start);
    owners[owner].add(items[start + 2], items[start + 3], items[start + 4]);
  }
  const attributed = [0, 0];
  for (const [owner, now, before] of contents.debug) {
    attributed[0] += now;
    attributed[1] += before;
    if (owner >= 0) owners[owner].add(2, now, before);
  }
  const rest = new Entry("not attributed", "rest", root);
  const shared = contents.debug.find(([owner]) => owner < 0);
  if (shared) rest.child("debug information that crates share").add(2, shared[1], shared[2]);
  const debug = [0, 0];
  for (const section of contents.sections) {
    const kind = Math.max(KINDS.indexOf(section.kind), 0);
    if (section.kind === "debug") {
      debug[0] += section.bytes[0];
      debug[1] += section.bytes[1];
    } else {
      const left = section.bytes.map((bytes, when) => Math.max(bytes - section.attributed[when], 0));
      if (left[0] || left[1]) rest.child(section.name).add(KINDS.includes(section.kind) ? kind : 3, left[0], left[1]);
    }
  }
  const left = debug.map((bytes, when) => Math.max(bytes - attributed[when], 0));
  if (left[0] || left[1]) rest.child("other debug sections").add(2, left[0], left[1]);
  for (const entry of rest.below ? rest.below.values() : []) KINDS.forEach((_, kind) => rest.add(kind, entry.now[kind], entry.before[kind]));
  if (rest.below) root.below.set("rest", rest);
  for (const entry of root.below.values()) KINDS.forEach((_, kind) => root.add(kind, entry.now[kind], entry.before[kind]));
  return root;
}
