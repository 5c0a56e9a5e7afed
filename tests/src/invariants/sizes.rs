//! What is told of the contents of artifacts.

use super::json::nothing_is_dropped;
use splitlink::sizes;
use splitlink::sizes::file::{SectionKind, Sizes};

/// An artifact: its parts are no larger than its sections, and what is told of it can be read.
pub fn artifact(bytes: &[u8]) {
    let Ok(sizes) = sizes::tell(bytes, "app") else { return };
    for kind in [SectionKind::Text, SectionKind::Data] {
        let sections = sizes.sections.iter().filter(|section| section.kind == kind);
        let items: u64 = sizes.items.iter().filter(|item| item.kind == kind).map(|item| item.bytes).sum();
        assert_eq!(items, sections.map(|section| section.attributed).sum::<u64>(), "{kind:?}");
    }
    let debug = sizes.sections.iter().filter(|section| section.kind == SectionKind::Debug);
    assert_eq!(sizes.debug.iter().map(|debug| debug.bytes).sum::<u64>(), debug.map(|section| section.bytes).sum::<u64>());
    for section in &sizes.sections {
        assert!(section.attributed <= section.bytes, "{section:?}");
    }
    assert_eq!(Sizes::parse(&sizes.to_text()).expect("sizes that were written can be read"), sizes);
}

/// A sizes file: it is the same after it was written.
pub fn sizes(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(sizes) = Sizes::parse(text) else { return };
    let written = sizes.to_text();
    assert_eq!(Sizes::parse(&written).expect("sizes that were written can be read"), sizes);
    nothing_is_dropped(bytes, &written);
}
