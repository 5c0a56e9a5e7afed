//! What a page shows, against the JSON that it is made of, and with the keyboard alone.

use crate::input::{HOSTILE, Input};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use splitlink_tests::browser::Browser;
use std::collections::BTreeMap;

type Outcome = Result<()>;

/// The rows of the table: each name, and its bytes column by column.
const ROWS: &str = "Object.fromEntries([...document.querySelectorAll('#body tr')].map((row) =>
    [row.dataset.name, [...row.querySelectorAll('[data-bytes]')].map((cell) => Number(cell.dataset.bytes))]))";

/// Presses one of the radio buttons at the top.
fn choose(name: &str, value: &str) -> String {
    format!("document.querySelector('input[name={name}][value={value}]').click()")
}

/// How an owner is called in the table.
fn name_of(owner: &Value) -> String {
    let name = owner["name"].as_str().unwrap_or_default();
    owner["version"].as_str().map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
}

/// The bytes of each owner: text, data, debug, all; `by` says whether the instantiator counts.
fn expected(sizes: &Value, by_instantiator: bool) -> Result<BTreeMap<String, Vec<u64>>> {
    let owners: Vec<String> = sizes["owners"].as_array().context("owners")?.iter().map(name_of).collect();
    let mut sums: BTreeMap<String, Vec<u64>> = owners.iter().map(|name| (name.clone(), vec![0; 4])).collect();
    let mut add = |owner: &Value, kind: usize, bytes: &Value| {
        let (Some(owner), Some(bytes)) = (owner.as_u64(), bytes.as_u64()) else { return };
        let row = sums.get_mut(&owners[usize::try_from(owner).unwrap_or_default()]).expect("an owner");
        row[kind] += bytes;
        row[3] += bytes;
    };
    for item in sizes["items"].as_array().context("items")? {
        let by = if by_instantiator && item["instantiated_by"].is_u64() { &item["instantiated_by"] } else { &item["owner"] };
        add(by, usize::from(item["kind"] == "data"), &item["bytes"]);
    }
    for part in sizes["debug"].as_array().context("debug")? {
        add(&part["owner"], 2, &part["bytes"]);
    }
    Ok(sums)
}

#[test]
fn figures_are_those_of_the_files() -> Outcome {
    let input = Input::new(30, 2000);
    let page = input.page("figures", &["sizes", "edges"])?;
    let Some(mut browser) = Browser::open("figures-browser", &page, false)? else { return Ok(()) };
    for by in ["definer", "instantiator"] {
        browser.value(&choose("by", by))?;
        let mut rows: BTreeMap<String, Vec<u64>> = serde_json::from_value(browser.value(ROWS)?)?;
        let rest = rows.remove("not attributed").context("no row of what is not attributed")?;
        // What the sections have beyond, and the debug information of several.
        ensure!(rest == [321, 123, 5000, 321 + 123 + 5000 + 777], "{rest:?}");
        let mut expected = expected(&input.sizes, by == "instantiator")?;
        expected.retain(|_, row| row[3] > 0);
        ensure!(rows == expected, "by {by}:\n{rows:?}\n{expected:?}");
    }
    // All of each measure, at the top.
    for (figure, kind) in [("text", "text"), ("data", "data"), ("debug", "debug")] {
        let sections = input.sizes["sections"].as_array().context("sections")?;
        let sum: u64 = sections.iter().filter(|section| section["kind"] == kind).filter_map(|section| section["bytes"].as_u64()).sum();
        let shown = browser.value(&format!("Number(document.querySelector('[data-figure={figure}]').dataset.bytes)"))?;
        ensure!(shown == sum, "{figure}: {shown} and not {sum}");
    }
    browser.value(&choose("by", "definer"))?;
    // The tree's parts are their whole, at each step down.
    for measure in ["text", "data", "debug", "all"] {
        browser.value(&choose("measure", measure))?;
        let wrong = browser.value(
            "(() => { const wrong = []; let seen = 0;
                const below = (entry) => { const parts = entry.children(view.contents); seen += 1; if (!parts.length) return;
                    for (const kind of [0, 1, 2, 3]) { const sum = parts.reduce((all, part) => all + part.now[kind], 0);
                        if (sum !== entry.now[kind]) wrong.push([entry.title, kind, sum, entry.now[kind]]); }
                    parts.forEach(below); };
                below(tree()); return [seen, wrong]; })()",
        )?;
        ensure!(wrong[0].as_u64().is_some_and(|seen| seen > 1000) && wrong[1] == json!([]), "{wrong}");
    }
    // A crate with one thing inside, which has been looked at, keeps its name.
    browser.value(&choose("measure", "text"))?;
    ensure!(browser.value("Boolean(document.querySelector('tr[data-name=linker]'))")? == true, "where is the linker's row?");
    Ok(())
}

#[test]
fn two_builds_beside_each_other() -> Outcome {
    let input = Input::new(30, 2000);
    let page = input.page("two_builds", &["sizes", "before", "edges"])?;
    let Some(mut browser) = Browser::open("two_builds-browser", &page, true)? else { return Ok(()) };
    let rows: BTreeMap<String, Vec<u64>> = serde_json::from_value(browser.value(ROWS)?)?;
    let (now, before) = (expected(&input.sizes, false)?, expected(&input.before, false)?);
    // Text now, before, data, debug, all.
    for (name, row) in &now {
        let shown = rows.get(name).with_context(|| format!("no row of {name}"))?;
        ensure!(*shown == [row[0], before[name][0], row[1], row[2], row[3]], "{name}: {shown:?}");
    }
    let change = browser.value("document.querySelector('tr[data-name=app] td.shrunk').textContent")?;
    ensure!(change.as_str().is_some_and(|text| text.starts_with('−')), "{change}");
    Ok(())
}

#[test]
fn names_are_text() -> Outcome {
    let input = Input::new(30, 2000);
    let page = input.page("names", &["sizes", "edges"])?;
    let Some(mut browser) = Browser::open("names-browser", &page, false)? else { return Ok(()) };
    let text = format!("[...document.querySelectorAll('#body th')].some((cell) => cell.textContent === {})", json!(HOSTILE));
    ensure!(browser.value(&text)? == true, "the native library's name is not in the table");
    ensure!(
        browser.value("document.getElementById('native').textContent")?.as_str().is_some_and(|text| text.contains(HOSTILE)),
        "not as text"
    );
    let elements = browser.value("[document.images.length, document.scripts.length]")?;
    ensure!(elements == json!([0, 2]), "{elements}");
    Ok(())
}

#[test]
fn reasons_and_formats() -> Outcome {
    let input = Input::new(30, 200);
    let page = input.page("reasons", &["edges"])?;
    let Some(mut browser) = Browser::open("reasons-browser", &page, false)? else { return Ok(()) };
    // 29 is asked for by 9, that by 2, that by 0.
    browser
        .value("(() => { const pick = document.getElementById('pick'); pick.value = 29; pick.dispatchEvent(new Event('change')); })()")?;
    let chain =
        browser.value("[...document.querySelectorAll('#reasons .chain li')].map((step) => step.firstChild.firstChild.textContent)")?;
    ensure!(chain == json!(["app", "crate_0 1.0.0", "crate_2 1.2.0", "crate_9 1.9.0", "crate_29 1.29.0"]), "{chain}");
    let twice = browser.value("[...document.querySelectorAll('[data-twice=twice] h5')].map((title) => title.textContent)")?;
    ensure!(twice == json!(["twice 1.3.0", "twice 1.5.0"]), "{twice}");
    let asked = browser.value("[...document.querySelectorAll('[data-twice=twice] .list')].map((list) => list.textContent)")?;
    ensure!(asked == json!(["crate_0 1.0.0 //lib/crate_0", "crate_1 1.1.0 @@crates__crate_1//:crate_1"]), "{asked}");
    let command = browser.value("document.querySelector('#unused code').textContent")?;
    ensure!(command == "buildozer 'remove deps //lib/idle' //app", "{command}");
    let counted = browser.value(
        "Object.fromEntries([...document.querySelectorAll('[data-linkage]')].map((all) => [all.textContent, Number(all.dataset.count)]))",
    )?;
    let alike = "31 static: static is preferred, and every crate has an rlib";
    let odd = format!("1 static: because of crate_1 1.1.0 {HOSTILE}");
    ensure!(counted == json!({alike: 31, odd: 1, "1 not-linked: nothing of it is used": 1}), "{counted}");
    let lto = browser.value("document.querySelector('[data-lto=fat]').textContent")?;
    ensure!(
        lto.as_str()
            .is_some_and(|text| text.contains("It took 900 ms: merging 100 ms, optimising 300 ms, generating code 450 ms, other 50 ms.")),
        "{lto}"
    );
    let phases = browser.value("document.querySelector('#phases p').textContent")?;
    ensure!(phases == "It took 2,000 ms: formats 50 ms, LTO 900 ms, the linker 700 ms, other 350 ms.", "{phases}");
    browser.value("document.querySelector('#linker summary').click()")?;
    for (list, field) in [("#arguments", "linker/arguments"), ("#run-paths", "run_paths"), ("#needed", "needed")] {
        let shown = browser.value(&format!("[...document.querySelectorAll('{list} li')].map((item) => item.textContent)"))?;
        let expected = input.report.pointer(&format!("/artifacts/0/{field}"));
        ensure!(Some(&shown) == expected, "{list}: {shown}");
    }
    // Without sizes, what the crates brought to the link.
    let rows: BTreeMap<String, Vec<u64>> = serde_json::from_value(browser.value(ROWS)?)?;
    let brought: u64 =
        input.report["artifacts"][0]["crates"].as_array().context("crates")?.iter().filter_map(|found| found["bytes"].as_u64()).sum();
    ensure!(rows.values().map(|row| row[0]).sum::<u64>() == brought, "{rows:?}");
    ensure!(browser.value("document.getElementById('contents-note').hidden")? == false, "it is not said that there are no sizes");

    // Without edges, that is said.
    let page = input.page("no_edges", &["sizes"])?;
    let Some(mut browser) = Browser::open("no_edges-browser", &page, false)? else { return Ok(()) };
    let said = browser.value("document.getElementById('no-edges').textContent + document.getElementById('unused').textContent")?;
    ensure!(said.as_str().is_some_and(|said| said.contains("who asks for a crate is not known") && said.contains("idle")), "{said}");
    Ok(())
}

#[test]
fn with_the_keyboard_alone() -> Outcome {
    let input = Input::new(30, 2000);
    let page = input.page("keyboard", &["sizes", "edges"])?;
    let Some(mut browser) = Browser::open("keyboard-browser", &page, false)? else { return Ok(()) };
    let mut reached = Vec::new();
    for _ in 0..22 {
        browser.press(&["Tab"])?;
        let at = browser.value(
            "(() => { const at = document.activeElement; const style = getComputedStyle(at.type === 'radio' ? at.nextSibling : at);
                return [at.id || at.name || at.textContent, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]; })()",
        )?;
        let name = at[0].as_str().unwrap_or_default().to_owned();
        ensure!(at[1] == true, "no focus is seen at {name}");
        if name == "map" {
            break;
        }
        reached.push(name);
    }
    for name in ["theme", "measure", "by", "search"] {
        ensure!(reached.iter().any(|reached| reached == name), "{name} is not reached: {reached:?}");
    }
    // In by the largest crate, further by arrows, and out again.
    let place = "document.getElementById('crumbs').textContent";
    let chosen = "document.getElementById('chosen').textContent";
    browser.press(&["Home"])?;
    let largest = browser.value(chosen)?.as_str().unwrap_or_default().to_owned();
    browser.press(&["Enter"])?;
    let inside = browser.value(place)?.as_str().unwrap_or_default().to_owned();
    ensure!(largest.starts_with(inside.trim_start_matches("app")) && inside.len() > 3, "{largest}: {inside}");
    let first = browser.value(chosen)?;
    browser.press(&["ArrowRight"])?;
    let right = browser.value(chosen)?;
    browser.press(&["ArrowDown", "ArrowUp", "ArrowLeft", "End", "Escape"])?;
    ensure!(first != right && right != "", "the arrows do nothing: {first}");
    ensure!(browser.value(place)? == "app" && browser.value(chosen)? == largest.as_str(), "Escape does not go out");
    // The table: sorted by another column.
    browser.value("document.querySelector('#head th:nth-child(3) button').focus()")?;
    browser.press(&["Enter"])?;
    let sorted = browser.value(
        "(() => { const values = [...document.querySelectorAll('#body tr')].map((row) => Number(row.children[2].dataset.bytes));
            return [document.activeElement.textContent, document.querySelector('[aria-sort]').ariaSort, values.every((value, at) => !at || value <= values[at - 1])]; })()",
    )?;
    ensure!(sorted == json!(["data", "descending", true]), "{sorted}");
    // The search: what is found is in the table, and leads there.
    browser.value("document.getElementById('search').focus()")?;
    browser.press(&["f", "u", "n", "c", "t", "i", "o", "n", "_", "1", "2"])?;
    let found = browser.value("[...document.querySelectorAll('#body tr')].map((row) => row.dataset.name)")?;
    let found: Vec<String> = serde_json::from_value(found)?;
    ensure!(found.len() > 5 && found.iter().all(|name| name.contains("function_12")), "{found:?}");
    browser.value("document.querySelector('#body button').focus()")?;
    browser.press(&["Enter"])?;
    let owner = found[0].split(" › ").next().unwrap_or_default();
    let inside = browser.value(place)?;
    ensure!(inside.as_str().is_some_and(|inside| inside.starts_with(&format!("app{owner}"))), "{found:?}: {inside}");
    Ok(())
}

#[test]
fn dark_and_light() -> Outcome {
    let input = Input::new(30, 500);
    let page = input.page("colours", &["sizes", "edges"])?;
    for dark in [false, true] {
        let Some(mut browser) = Browser::open(if dark { "dark-browser" } else { "light-browser" }, &page, dark)? else { return Ok(()) };
        // Text against what is behind it, by WCAG 2.1's contrast ratio; tiles by what the canvas has.
        let contrast = "(() => {
            const probe = document.body.appendChild(document.createElement('span'));
            const rgb = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number); };
            const light = (name) => { const [r, g, b] = rgb(name).map((part) => { const c = part / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
                return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
            const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
            const pairs = [];
            for (const ground of ['ground', 'surface', 'raised']) for (const text of ['text', 'muted', 'accent', 'more', 'less']) pairs.push([text, ground]);
            for (const name of COLOURS) if (/^tile-(?!text|lift)/.test(name)) pairs.push(['tile-text', name]);
            pairs.push(['on-accent', 'accent']);
            const low = pairs.map(([text, ground]) => [text, ground, ratio(text, ground)]).filter(([, , ratio]) => ratio < 4.5);
            return [low, light('ground') < 0.2]; })()";
        ensure!(browser.value(contrast)? == json!([[], dark]), "{}", browser.value(contrast)?);
        let before = browser.picture()?;
        browser.value("document.getElementById('theme').click()")?;
        ensure!(browser.value(contrast)? == json!([[], !dark]), "{}", browser.value(contrast)?);
        ensure!(browser.picture()? != before, "the switch changes nothing");
        // Nothing stands over the edge, in a narrow window, too.
        for width in [1500, 900, 420] {
            browser.size(width, 900)?;
            let over = browser.value("document.documentElement.scrollWidth - innerWidth")?;
            ensure!(over.as_i64().is_some_and(|over| over <= 0), "{over} pixels over the edge at {width}");
        }
    }
    Ok(())
}
