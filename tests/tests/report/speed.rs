//! A page of 1,000 crates and 100,000 items, and how long it takes to draw.

use crate::input::Input;
use anyhow::{Result, ensure};
use splitlink_tests::browser::Browser;

/// What may take this long, in milliseconds, on a machine that does other things, too.
const LIMIT: f64 = 3000.0;

#[test]
fn large_programs() -> Result<()> {
    let input = Input::new(1000, 100_000);
    let page = input.page("large", &["sizes", "before", "edges"])?;
    let Some(mut browser) = Browser::open("large-browser", &page, false)? else { return Ok(()) };
    ensure!(browser.value("tree().below.size")?.as_u64().is_some_and(|size| size > 1000), "where are the crates?");
    let mut times = vec![("to open", browser.value("Number(document.body.dataset.readyMs)")?)];
    let timed = |action: &str| {
        format!("(() => {{ const began = performance.now(); {action}; document.body.offsetHeight; return performance.now() - began; }})()")
    };
    for (what, action) in [
        ("another measure", "document.querySelector('input[name=measure][value=all]').click()"),
        ("by instantiator", "document.querySelector('input[name=by][value=instantiator]').click()"),
        ("into the largest crate", "enter(treemap.tiles[0].entry)"),
        ("out again", "leave()"),
        ("an arrow key", "choose(treemap.beside(1, 0))"),
        ("a search", "view.query = 'function_12'; draw()"),
        ("the treemap alone", "treemap.draw(view.place, view)"),
    ] {
        times.push((what, browser.value(&timed(action))?));
    }
    for (what, time) in &times {
        let time = time.as_f64().or_else(|| time.as_str().and_then(|text| text.parse().ok())).unwrap_or(f64::INFINITY);
        eprintln!("{what}: {time:.0} ms");
        ensure!(time < LIMIT, "{what} takes {time} ms");
    }
    Ok(())
}
