// The treemap: squarified (Bruls, Huizing, van Wijk 2000), on a canvas, with what is inside of tiles
// that are large enough.

/** More tiles than these are one, the smallest. */
const MOST_TILES = 2500;

/** Where in a rectangle each of `values`, sorted downward, is to be. */
function squarify(values, x, y, width, height) {
  const places = [];
  let total = values.reduce((sum, value) => sum + value, 0);
  let at = 0;
  while (at < values.length && total > 0 && width > 0 && height > 0) {
    const short = Math.min(width, height);
    const scale = (width * height) / total;
    const worst = (sum, largest, smallest) => {
      const side = (sum * scale) / short;
      return Math.max((largest * scale) / (side * side), (side * side) / (smallest * scale));
    };
    let sum = values[at];
    let end = at + 1;
    while (end < values.length && worst(sum + values[end], values[at], values[end]) <= worst(sum, values[at], values[end - 1])) {
      sum += values[end];
      end += 1;
    }
    const side = (sum * scale) / short;
    let along = 0;
    for (; at < end; at += 1) {
      const length = (values[at] / sum) * short;
      places.push(width >= height ? [x, y + along, side, length] : [x + along, y, length, side]);
      along += length;
    }
    if (width >= height) [x, width] = [x + side, width - side];
    else [y, height] = [y + side, height - side];
    total -= sum;
  }
  return places;
}

const COLOURS = ["text", "tile-text", "tile-lift", "surface", "accent", "muted", "tile-grown", "tile-much-grown", "tile-shrunk", "tile-much-shrunk", "tile-same"].concat(
  Object.keys(GROUPS).map((group) => `tile-${group}`),
);

/** The page's colours as a canvas takes them. */
function colours() {
  const probe = document.body.appendChild(make("span", { hidden: true }));
  const found = {};
  for (const name of COLOURS) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** How an entry has changed: the name of a colour. */
function changeColour(entry, measure) {
  const [now, before] = [entry.amount(measure), entry.amount(measure, "before")];
  if (now === before) return "tile-same";
  const much = Math.abs(now - before) > 0.2 * Math.max(before, 1);
  return `tile-${much ? "much-" : ""}${now > before ? "grown" : "shrunk"}`;
}

/** The entries that have bytes, largest first; the smallest of very many as one. */
function tilesOf(entry, view) {
  const entries = entry
    .children(view.contents)
    .map((child) => ({ entry: child, amount: child.amount(view.measure) }))
    .filter((tile) => tile.amount > 0)
    .sort((a, b) => b.amount - a.amount);
  if (entries.length > MOST_TILES) {
    const small = entries.splice(MOST_TILES - 1);
    const others = new Entry(`${small.length.toLocaleString("en")} smaller ones`, entry.group, entry);
    for (const { entry: child } of small) KINDS.forEach((_, kind) => others.add(kind, child.now[kind], child.before[kind]));
    entries.push({ entry: others, amount: others.amount(view.measure) });
  }
  return entries;
}

class Treemap {
  constructor(canvas) {
    this.canvas = canvas;
    this.tiles = []; // Of the level that is shown.
    this.drawn = []; // All, what is inside after what it is inside of.
    this.chosen = -1;
    this.colours = colours();
    this.fitted = new Map();
  }

  /** Draws what is in `entry`; `view` says what counts. */
  draw(entry, view) {
    const began = performance.now();
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.textBaseline = "top";
    context.fillStyle = this.colours.surface;
    context.fillRect(0, 0, width, height);
    this.context = context;
    this.view = view;
    this.drawn = [];
    this.tiles = this.level(entry, 0, 0, width, height, 0);
    context.globalAlpha = 1;
    if (this.chosen >= this.tiles.length) this.chosen = -1;
    if (this.tiles.length === 0) this.text("Nothing here by this measure.", 16, 16, width - 32, 14, this.colours.muted);
    this.mark();
    this.canvas.dataset.ms = (performance.now() - began).toFixed(1);
    this.canvas.dataset.tiles = this.tiles.length;
    this.canvas.dataset.drawn = this.drawn.length;
  }

  level(entry, x, y, width, height, depth) {
    const { context, view } = this;
    const tiles = tilesOf(entry, view);
    const places = squarify(tiles.map((tile) => tile.amount), x, y, width, height);
    tiles.length = places.length;
    tiles.forEach((tile, number) => {
      [tile.x, tile.y, tile.width, tile.height] = places[number];
      const gap = Math.min(tile.width, tile.height) > 4 ? 1 : 0;
      const [w, h] = [tile.width - gap, tile.height - gap];
      this.drawn.push(tile);
      const colour = view.colour === "change" ? changeColour(tile.entry, view.measure) : `tile-${tile.entry.group}`;
      // What is inside is dimmed with it.
      if (depth === 0) this.alpha = view.dimmed && view.dimmed(tile.entry) ? 0.22 : 1;
      context.globalAlpha = this.alpha;
      context.fillStyle = this.colours[colour];
      context.fillRect(tile.x, tile.y, w, h);
      for (let lift = 0; lift < depth; lift += 1) {
        context.fillStyle = this.colours["tile-lift"];
        context.fillRect(tile.x, tile.y, w, h);
      }
      const font = depth === 0 ? 13 : 11;
      const hasText = w > 30 && h > font + 6;
      if (hasText) {
        const amount = size(tile.amount);
        const roomy = h > 2 * font + 14;
        const inside = depth < 3 && w > 70 && h > 52 && tile.entry.hasChildren;
        if (roomy && !inside) {
          this.text(tile.entry.title, tile.x + 5, tile.y + 4, w - 8, font, this.colours["tile-text"]);
          this.text(amount, tile.x + 5, tile.y + font + 8, w - 8, font - 1, this.colours["tile-text"], true);
        } else {
          this.text(w > 150 ? `${tile.entry.title}  ${amount}` : tile.entry.title, tile.x + 5, tile.y + 4, w - 8, font, this.colours["tile-text"]);
        }
        if (inside) this.level(tile.entry, tile.x + 3, tile.y + font + 8, w - 6, h - font - 11, depth + 1);
      }
    });
    return tiles;
  }

  /** Writes as much of a text as there is room for, or only a `whole` one. */
  text(text, x, y, width, font, colour, whole = false) {
    const key = `${font} ${Math.floor(width / 4)} ${text}`;
    const { context } = this;
    context.font = `${font}px system-ui, "Noto Sans", "DejaVu Sans", sans-serif`;
    let shown = this.fitted.get(key);
    if (shown === undefined) {
      shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
      if (context.measureText(shown).width > width) {
        let [low, high] = [0, shown.length];
        while (low < high) {
          const middle = Math.ceil((low + high) / 2);
          if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
          else high = middle - 1;
        }
        shown = low > 2 && !whole ? `${text.slice(0, low)}…` : "";
      }
      this.fitted.set(key, shown);
    }
    context.fillStyle = colour;
    context.fillText(shown, x, y);
  }

  /** Frames the tile that is chosen. */
  mark() {
    const tile = this.tiles[this.chosen];
    if (!tile) return;
    this.context.lineWidth = 3;
    this.context.strokeStyle = this.colours.text;
    this.context.strokeRect(tile.x + 1.5, tile.y + 1.5, Math.max(tile.width - 4, 1), Math.max(tile.height - 4, 1));
  }

  /** The tiles at a place, from the outermost in. */
  under(x, y) {
    return this.drawn.filter((tile) => x >= tile.x && x < tile.x + tile.width && y >= tile.y && y < tile.y + tile.height);
  }

  /** The tile beside the chosen one in a direction: the nearest that overlaps it, or else the nearest. */
  beside(dx, dy) {
    const from = this.tiles[this.chosen];
    if (!from) return this.tiles.length ? 0 : -1;
    const middle = (tile) => [tile.x + tile.width / 2, tile.y + tile.height / 2];
    const [x, y] = middle(from);
    let [best, least] = [this.chosen, Infinity];
    this.tiles.forEach((tile, number) => {
      const [tx, ty] = middle(tile);
      const ahead = dx ? (dx > 0 ? tile.x - (from.x + from.width) : from.x - (tile.x + tile.width)) : dy > 0 ? tile.y - (from.y + from.height) : from.y - (tile.y + tile.height);
      if (number === this.chosen || ahead < -1) return;
      const aside = dx
        ? Math.max(tile.y - y, y - (tile.y + tile.height), 0) * 4 + Math.abs(ty - y) * 0.01
        : Math.max(tile.x - x, x - (tile.x + tile.width), 0) * 4 + Math.abs(tx - x) * 0.01;
      if (ahead + aside < least) [best, least] = [number, ahead + aside];
    });
    return best;
  }
}
